/* SPDX-License-Identifier: MIT */
/* The kernel's log: which of its two buffers there is, and its records as a list. */

#include <stdlib.h>
#include <string.h>

#include "printk.h"
#include "text.h"

struct gather {
	struct vmi_os *os;
	struct vmi_log_list list;
	size_t room;
	struct text *text;
};

static enum vmi_status on_read(void *context, vmi_gva gva, void *buf, size_t len,
			       struct vmi_error *err)
{
	struct gather *g = context;

	return os_read(g->os, gva, buf, len, err);
}

static void on_problem(void *context, const char *sentence)
{
	struct gather *g = context;

	os_problem(g->os, "%s", sentence);
}

static bool on_record(void *context, const struct printk_record *record)
{
	struct gather *g = context;

	if (g->list.count == g->room) {
		size_t room = g->room ? 2 * g->room : 256;
		struct vmi_log_record *more =
			realloc(g->list.record, room * sizeof(*g->list.record));

		if (!more)
			return false;
		g->list.record = more;
		g->room = room;
	}
	struct vmi_log_record *to = &g->list.record[g->list.count++];
	*to = (struct vmi_log_record){
		.sequence = record->sequence,
		.time_ns = record->time_ns,
		.level = record->level,
		.facility = record->facility,
		.continues = record->continues,
		.has_caller = record->has_caller,
		.caller = record->caller,
		.text = text_keep(&g->text, record->text, record->length),
		.length = record->length,
		.subsystem = text_keep(&g->text, record->subsystem, strlen(record->subsystem)),
		.device = text_keep(&g->text, record->device, strlen(record->device)),
	};
	return to->text && to->subsystem && to->device;
}

/* ---- where members are ---------------------------------------------------------------------- */

/* VMCOREINFO tells where a member is, not how long it is. */
static void size_default(struct field *field, uint64_t size)
{
	if (field->is_there && !field->size)
		field->size = size;
}

/*
 * Nor does it tell of the three that follow a number of 16 bits: a byte for the facility, then five
 * bits of flags and three of the level, in both kinds of record.
 */
static void neighbours_default(const struct field *number, struct field *facility,
			       struct field *flags, struct field *level)
{
	if (facility->is_there || !number->is_there)
		return;
	*facility = (struct field){.offset = number->offset + 2, .size = 1, .is_there = true};
	*flags = *level = (struct field){.offset = number->offset + 3, .size = 1, .is_there = true};
	flags->bit_count = 5;
	level->bit_offset = 5;
	level->bit_count = 3;
}

#define RING(member) offsetof(struct printk_ring_layout, member)
#define LOG(member)  offsetof(struct printk_log_layout, member)

static enum vmi_status ring_layout(struct vmi_os *os, struct printk_ring_layout *at,
				   struct vmi_error *err)
{
	static const struct field_want wants[] = {
		{"printk_ringbuffer", "desc_ring", RING(desc_ring), false},
		{"printk_ringbuffer", "text_data_ring", RING(text_data_ring), false},
		{"prb_desc_ring", "count_bits", RING(count_bits), false},
		{"prb_desc_ring", "descs", RING(descs), false},
		{"prb_desc_ring", "infos", RING(infos), false},
		{"prb_desc_ring", "head_id", RING(head_id), false},
		{"prb_desc_ring", "tail_id", RING(tail_id), false},
		{"prb_data_ring", "size_bits", RING(size_bits), false},
		{"prb_data_ring", "data", RING(data), false},
		{"prb_desc", "", RING(desc), false},
		{"prb_desc", "state_var", RING(state_var), false},
		{"prb_desc", "text_blk_lpos", RING(text_blk_lpos), false},
		{"prb_data_blk_lpos", "begin", RING(begin), false},
		{"prb_data_blk_lpos", "next", RING(next), false},
		{"printk_info", "", RING(info), false},
		{"printk_info", "seq", RING(seq), false},
		{"printk_info", "ts_nsec", RING(ts_nsec), false},
		{"printk_info", "text_len", RING(text_len), false},
		{"printk_info", "facility", RING(facility), true},
		{"printk_info", "flags", RING(flags), true},
		{"printk_info", "level", RING(level), true},
		{"printk_info", "caller_id", RING(caller_id), true},
		{"printk_info", "dev_info", RING(dev_info), true},
		{"dev_printk_info", "subsystem", RING(subsystem), true},
		{"dev_printk_info", "device", RING(device), true},
	};
	enum vmi_status st = fields_resolve(os, wants, sizeof(wants) / sizeof(wants[0]), at, err);
	struct field *words[] = {&at->descs, &at->infos,     &at->head_id, &at->tail_id,
				 &at->data,  &at->state_var, &at->begin,   &at->next};

	if (st)
		return st;
	neighbours_default(&at->text_len, &at->facility, &at->flags, &at->level);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		size_default(words[i], os->kernel.pointer_size);
	size_default(&at->count_bits, 4);
	size_default(&at->size_bits, 4);
	size_default(&at->seq, 8);
	size_default(&at->ts_nsec, 8);
	size_default(&at->text_len, 2);
	size_default(&at->caller_id, 4);
	size_default(&at->subsystem, 16); /* include/linux/dev_printk.h: PRINTK_INFO_.._LEN */
	size_default(&at->device, 48);
	return VMI_OK;
}

static enum vmi_status log_layout(struct vmi_os *os, struct printk_log_layout *at,
				  struct vmi_error *err)
{
	static const struct field_want wants[] = {
		{"printk_log|log", "", LOG(log), false},
		{"printk_log|log", "ts_nsec", LOG(ts_nsec), false},
		{"printk_log|log", "len", LOG(len), false},
		{"printk_log|log", "text_len", LOG(text_len), false},
		{"printk_log|log", "dict_len", LOG(dict_len), false},
		{"printk_log|log", "facility", LOG(facility), true},
		{"printk_log|log", "flags", LOG(flags), true},
		{"printk_log|log", "level", LOG(level), true},
		{"printk_log|log", "caller_id", LOG(caller_id), true},
	};
	enum vmi_status st = fields_resolve(os, wants, sizeof(wants) / sizeof(wants[0]), at, err);

	if (st)
		return st;
	neighbours_default(&at->dict_len, &at->facility, &at->flags, &at->level);
	size_default(&at->ts_nsec, 8);
	size_default(&at->len, 2);
	size_default(&at->text_len, 2);
	size_default(&at->dict_len, 2);
	return VMI_OK;
}

/* ---- which buffer --------------------------------------------------------------------------- */

static enum vmi_status ring_list(struct vmi_os *os, const struct printk_io *io, vmi_gva variable,
				 struct vmi_error *err)
{
	struct printk_ring_layout layout;
	vmi_gva ring;
	enum vmi_status st = ring_layout(os, &layout, err);

	if (!st)
		st = os_pointer(os, variable, &ring, err);
	return st ? st : printk_ring_decode(io, &layout, ring, err);
}

static enum vmi_status variable_u32(struct vmi_os *os, const char *name, uint32_t *value,
				    struct vmi_error *err)
{
	vmi_gva at;
	enum vmi_status st = os_symbol(os, name, &at, err);

	return st ? st : os_u32(os, at, value, err);
}

static enum vmi_status log_list(struct vmi_os *os, const struct printk_io *io,
				struct vmi_error *err)
{
	struct printk_log_layout layout;
	struct printk_log_buffer buffer = {0};
	vmi_gva at;
	enum vmi_status st = os_symbol(os, "log_buf", &at, err);

	if (st)
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"the kernel's log is not found: no symbol prb or log_buf; name a "
				"file that has them (--system-map FILE, --vmlinux FILE)");
	st = os_pointer(os, at, &buffer.at, err);
	if (!st)
		st = variable_u32(os, "log_buf_len", &buffer.size, err);
	if (!st)
		st = variable_u32(os, "log_first_idx", &buffer.first, err);
	if (!st)
		st = variable_u32(os, "log_next_idx", &buffer.next, err);
	if (!st)
		st = log_layout(os, &layout, err);
	if (st)
		return vmi_wrap(err, st, "the kernel's log");
	/* VMCOREINFO does not tell of this one: records are counted from 0 then. */
	if (os_symbol(os, "log_first_seq", &at, NULL) ||
	    os_u64(os, at, &buffer.first_sequence, NULL))
		buffer.first_sequence = 0;
	return printk_log_decode(io, &layout, &buffer, err);
}

enum vmi_status vmi_log(struct vmi_os *os, struct vmi_log_list *list, struct vmi_error *err)
{
	struct gather g = {.os = os};
	const struct printk_io io = {.read = on_read,
				     .take = on_record,
				     .problem = on_problem,
				     .context = &g,
				     .word = os->kernel.pointer_size};
	vmi_gva variable;
	enum vmi_status st = os_symbol(os, "prb", &variable, NULL)
				     ? log_list(os, &io, err)
				     : ring_list(os, &io, variable, err);

	g.list.text = g.text;
	if (st)
		vmi_log_list_free(&g.list);
	else
		*list = g.list;
	return st;
}

void vmi_log_list_free(struct vmi_log_list *list)
{
	free(list->record);
	text_free(list->text);
	*list = (struct vmi_log_list){0};
}
