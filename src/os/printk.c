/* SPDX-License-Identifier: MIT */
/*
 * The ring of the kernel's log since 5.10 (kernel/printk/printk_ringbuffer.c). Descriptors have
 * numbers that only grow; a number's place is its low bits. A descriptor's state word is its number
 * with the state in the two highest bits, so a place that has been taken again is told from one
 * that has not. Text is in blocks of another ring, whose positions only grow, too: a block is the
 * descriptor's number and then the bytes, and one that would cross the end begins anew at the
 * start.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "printk.h"

enum {
	COUNT_BITS_MAX = 26, /* the kernel's largest buffer is 2^31 bytes, 32 for a record */
	SIZE_BITS_MAX = 31,
	STRUCT_MAX = 256, /* of any of the structures */
	BROKEN_MAX = 4096,
	FLAG_CONT = 8,  /* enum printk_info_flags: LOG_CONT */
	LOST = 1,       /* of a position: there are no bytes */
	EMPTY_LINE = 3, /* begin and next of a text of no bytes */
};

enum state { RESERVED, COMMITTED, FINALIZED, REUSABLE }; /* enum desc_state */

struct ring {
	const struct printk_io *io;
	const struct printk_ring_layout *at;
	uint64_t mask; /* of a long */
	uint64_t head, tail;
	vmi_gva descs, infos, data;
	uint64_t count, size;
	uint64_t left; /* of the bytes that all texts together can have */
	unsigned broken;
	char *text; /* UINT16_MAX bytes */
};

static uint64_t word_get(const uint8_t *bytes, unsigned size)
{
	const struct field word = {.size = size, .is_there = true};

	return field_get(&word, bytes, size);
}

static void broken(struct ring *r, uint64_t id, const char *why)
{
	char sentence[sizeof(struct vmi_error) + 64];

	r->broken++;
	snprintf(sentence, sizeof(sentence), "record %" PRIu64 " of the kernel's log: %s",
		 id - r->tail, why);
	r->io->problem(r->io->context, sentence);
}

/* ---- the ring itself ------------------------------------------------------------------------ */

static enum vmi_status member_read(const struct ring *r, vmi_gva base, const struct field *field,
				   uint64_t *value, struct vmi_error *err)
{
	uint8_t bytes[8];
	size_t size = field->size < 8 ? (size_t)field->size : 8;
	enum vmi_status st = r->io->read(r->io->context, base + field->offset, bytes, size, err);

	if (!st)
		*value = word_get(bytes, (unsigned)size);
	return st;
}

static enum vmi_status ring_read(struct ring *r, vmi_gva ring, struct vmi_error *err)
{
	const struct printk_ring_layout *at = r->at;
	vmi_gva descs = ring + at->desc_ring.offset, texts = ring + at->text_data_ring.offset;
	uint64_t count_bits = 0, size_bits = 0;
	const struct {
		vmi_gva base;
		const struct field *field;
		uint64_t *value;
	} members[] = {
		{descs, &at->count_bits, &count_bits}, {descs, &at->descs, &r->descs},
		{descs, &at->infos, &r->infos},        {descs, &at->head_id, &r->head},
		{descs, &at->tail_id, &r->tail},       {texts, &at->size_bits, &size_bits},
		{texts, &at->data, &r->data},
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		enum vmi_status st =
			member_read(r, members[i].base, members[i].field, members[i].value, err);
		if (st)
			return vmi_wrap(err, st, "the kernel's log");
	}
	if (!count_bits || count_bits > COUNT_BITS_MAX || !size_bits || size_bits > SIZE_BITS_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the kernel's log cannot have 2^%" PRIu64 " records in 2^%" PRIu64
				" bytes",
				count_bits, size_bits);
	r->count = UINT64_C(1) << count_bits;
	r->left = r->size = UINT64_C(1) << size_bits;
	/* Numbers have no state in them. */
	r->head &= r->mask >> 2;
	r->tail &= r->mask >> 2;
	if (((r->head - r->tail) & r->mask >> 2) >= r->count)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the kernel's log cannot hold records 0x%" PRIx64 " to 0x%" PRIx64,
				r->tail, r->head);
	return VMI_OK;
}

/* ---- text ----------------------------------------------------------------------------------- */

/* Where the bytes of the block [begin, next) are, its number included; 0: it is no block. */
static uint64_t block_size(const struct ring *r, uint64_t begin, uint64_t next, uint64_t *at)
{
	uint64_t size;

	if (begin / r->size == ((next - 1) & r->mask) / r->size) {
		*at = begin % r->size;
		size = next - begin;
	} else if (((begin + r->size) & r->mask) / r->size == next / r->size) {
		*at = 0; /* the end of the ring was too near */
		size = next % r->size;
	} else {
		return 0;
	}
	return size <= r->size - *at && !(size % r->io->word) && size > r->io->word ? size : 0;
}

/* The text of a record, as much of it as there is; false: it has none. */
static bool text_read(struct ring *r, uint64_t id, uint64_t begin, uint64_t next,
		      struct printk_record *record)
{
	uint8_t number[8];
	uint64_t at;
	struct vmi_error err;

	if (begin & next & LOST) {
		record->length = 0;
		return begin == EMPTY_LINE && next == EMPTY_LINE;
	}
	uint64_t size = block_size(r, begin, next, &at);
	if (!size) {
		broken(r, id, "its text is not where a text can be");
		return false;
	}
	if (r->io->read(r->io->context, r->data + at, number, r->io->word, &err)) {
		broken(r, id, err.text);
		return false;
	}
	if ((word_get(number, r->io->word) & r->mask >> 2) != id) {
		broken(r, id, "another text is where its own was");
		return false;
	}
	if (record->length > size - r->io->word)
		record->length = (size_t)(size - r->io->word);
	if (r->io->read(r->io->context, r->data + at + r->io->word, r->text, record->length,
			&err)) {
		broken(r, id, err.text);
		return false;
	}
	return true;
}

/* ---- records -------------------------------------------------------------------------------- */

static void name_get(const struct printk_ring_layout *at, const struct field *field,
		     const uint8_t *info, char *name, size_t size)
{
	size_t n = field->size < size ? (size_t)field->size : size;
	uint64_t offset = at->dev_info.offset + field->offset;

	if (at->dev_info.is_there && field->is_there && n && offset <= at->info.size &&
	    n <= at->info.size - offset) {
		memcpy(name, info + offset, n);
		name[n - 1] = '\0';
	}
}

static void info_get(const struct printk_ring_layout *at, const uint8_t *info,
		     struct printk_record *record)
{
	size_t size = (size_t)at->info.size;

	*record = (struct printk_record){
		.sequence = field_get(&at->seq, info, size),
		.time_ns = field_get(&at->ts_nsec, info, size),
		.length = (size_t)(field_get(&at->text_len, info, size) & UINT16_MAX),
		.facility = (uint8_t)field_get(&at->facility, info, size),
		.level = (uint8_t)field_get(&at->level, info, size),
		.caller = (uint32_t)field_get(&at->caller_id, info, size),
		.has_caller = at->caller_id.is_there,
		.continues = field_get(&at->flags, info, size) & FLAG_CONT,
	};
	name_get(at, &at->subsystem, info, record->subsystem, sizeof(record->subsystem));
	name_get(at, &at->device, info, record->device, sizeof(record->device));
}

/* One descriptor; what is not a record (any more, or yet) is passed over. False: out of memory. */
static bool record_read(struct ring *r, uint64_t id)
{
	const struct printk_ring_layout *at = r->at;
	uint8_t desc[STRUCT_MAX], info[STRUCT_MAX];
	uint64_t place = id & (r->count - 1);
	struct printk_record record;
	struct vmi_error err;

	if (r->io->read(r->io->context, r->descs + place * at->desc.size, desc,
			(size_t)at->desc.size, &err) ||
	    r->io->read(r->io->context, r->infos + place * at->info.size, info,
			(size_t)at->info.size, &err)) {
		broken(r, id, err.text);
		return true;
	}
	uint64_t word = field_get(&at->state_var, desc, (size_t)at->desc.size);
	enum state state = (enum state)(word >> (r->io->word * 8 - 2) & 3);
	if (state == RESERVED || state == REUSABLE)
		return true;
	if ((word & r->mask >> 2) != id) {
		broken(r, id, "another record is where it was");
		return true;
	}
	info_get(at, info, &record);
	struct field begin = at->begin, next = at->next;
	begin.offset += at->text_blk_lpos.offset;
	next.offset += at->text_blk_lpos.offset;
	record.text = r->text;
	if (!text_read(r, id, field_get(&begin, desc, (size_t)at->desc.size),
		       field_get(&next, desc, (size_t)at->desc.size), &record))
		return true;
	if (record.length > r->left) {
		broken(r, id, "there is more text than its ring can hold");
		r->broken = BROKEN_MAX;
		return true;
	}
	r->left -= record.length;
	return r->io->take(r->io->context, &record);
}

enum vmi_status printk_ring_decode(const struct printk_io *io,
				   const struct printk_ring_layout *layout, vmi_gva ring,
				   struct vmi_error *err)
{
	struct ring r = {.io = io, .at = layout, .mask = io->word == 4 ? UINT32_MAX : UINT64_MAX};
	enum vmi_status st;

	if (layout->desc.size > STRUCT_MAX || layout->info.size > STRUCT_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the types of the kernel's log are not those of a log");
	st = ring_read(&r, ring, err);
	if (st)
		return st;
	r.text = malloc(UINT16_MAX);
	bool taken = r.text;
	uint64_t count = ((r.head - r.tail) & r.mask >> 2) + 1;
	for (uint64_t i = 0; taken && i < count && r.broken < BROKEN_MAX; i++)
		taken = record_read(&r, (r.tail + i) & r.mask >> 2);
	free(r.text);
	if (r.broken == BROKEN_MAX)
		io->problem(io->context, "the rest of the kernel's log is left aside");
	return taken ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's log");
}
