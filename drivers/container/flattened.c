/* SPDX-License-Identifier: MIT */
/*
 * makedumpfile's flattened form, which QEMU writes, too: a file as the sequence of writes that made
 * it, for pipes. After a header of 4 KiB come records, all integers big-endian:
 *
 *	| i64 offset | i64 size | bytes |   ...   | -1 | -1 |
 *
 * Offsets come in any order, and what is written later replaces what was written before.
 */

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <vmi/driver.h>

enum { HEADER_SIZE = 4096, RECORD_HEAD = 16, TYPE_AT = 16, VERSION_AT = 24 };
/* No file is larger; so sums of an offset and a size do not wrap. */
static const uint64_t SIZE_LIMIT = UINT64_C(1) << 62;

/* A stretch of the file, and where in the stream its bytes are. */
struct piece {
	uint64_t start, end;
	uint64_t at;
};

struct flattened {
	const struct vmi_source *outer;
	struct piece *pieces; /* ascending, without overlap */
	size_t count, room;
	/* The first piece that ends behind each multiple of 1 << shift. */
	uint32_t *index;
	unsigned shift;
	uint64_t size;
};

static uint64_t be64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static bool flattened_probe(const uint8_t *head, size_t len)
{
	static const char signature[16] = "makedumpfile";

	return len >= VERSION_AT + 8 && !memcmp(head, signature, sizeof(signature));
}

static enum vmi_status push(struct piece **list, size_t *count, size_t *room,
			    const struct piece *piece, struct vmi_error *err)
{
	if (*count == *room) {
		size_t more = *room ? 2 * *room : 1024;
		struct piece *bigger =
			more > UINT32_MAX ? NULL : realloc(*list, more * sizeof(**list));
		if (!bigger)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for an index of %zu",
					more);
		*list = bigger;
		*room = more;
	}
	(*list)[(*count)++] = *piece;
	return VMI_OK;
}

/* ---- the stream ----------------------------------------------------------------------------- */

/* What a record's head says: VMI_END for the last one. */
static enum vmi_status record_read(const struct vmi_source *outer, uint64_t at,
				   struct piece *record, struct vmi_error *err)
{
	uint8_t head[RECORD_HEAD];
	enum vmi_status st = vmi_source_read(outer, at, head, sizeof(head), err);

	if (st)
		return st;
	uint64_t offset = be64(head), size = be64(head + 8);
	if (offset == UINT64_MAX && size == UINT64_MAX)
		return VMI_END;
	if (offset >= SIZE_LIMIT || size >= SIZE_LIMIT)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the record at 0x%" PRIx64 " makes no sense: 0x%" PRIx64
				" bytes for offset 0x%" PRIx64,
				at, size, offset);
	*record = (struct piece){offset, offset + size, at + RECORD_HEAD};
	return VMI_OK;
}

/* All records, in the order of the stream. */
static enum vmi_status records_read(struct flattened *f, const struct vmi_target *target,
				    struct vmi_error *err)
{
	uint64_t at = HEADER_SIZE, size = vmi_source_size(f->outer);
	enum vmi_status st = VMI_OK;
	struct piece record;

	while (size - at >= RECORD_HEAD) {
		st = record_read(f->outer, at, &record, err);
		if (st == VMI_END)
			return VMI_OK;
		if (st)
			return st;
		uint64_t left = size - record.at;
		if (record.end - record.start > left)
			record.end = record.start + left;
		at = record.at + (record.end - record.start);
		if (record.end > record.start)
			st = push(&f->pieces, &f->count, &f->room, &record, err);
		if (st)
			return st;
		vmi_progress(target->options, at, size);
	}
	target->warn(target,
		     "the flattened stream is cut off at 0x%" PRIx64
		     ": its end record is missing, and perhaps more",
		     size);
	return VMI_OK;
}

/* ---- from the stream to the file ------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static bool is_sorted(const struct flattened *f, bool *overlap)
{
	bool sorted = true;

	*overlap = false;
	for (size_t i = 1; i < f->count; i++) {
		sorted &= compare(&f->pieces[i - 1], &f->pieces[i]) <= 0;
		*overlap |= f->pieces[i].start < f->pieces[i - 1].end;
	}
	return sorted;
}

/* A heap of the records that cover a place, the one written last on top. */
struct heap {
	const struct piece **list;
	size_t count;
};

static void heap_push(struct heap *heap, const struct piece *piece)
{
	size_t i = heap->count++;

	for (; i && heap->list[(i - 1) / 2]->at < piece->at; i = (i - 1) / 2)
		heap->list[i] = heap->list[(i - 1) / 2];
	heap->list[i] = piece;
}

static void heap_pop(struct heap *heap)
{
	const struct piece *last = heap->list[--heap->count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < heap->count) {
		if (child + 1 < heap->count && heap->list[child + 1]->at > heap->list[child]->at)
			child++;
		if (heap->list[child]->at <= last->at)
			break;
		heap->list[i] = heap->list[child];
		i = child;
	}
	heap->list[i] = last;
}

/* Append the part [from, to) of a record to what is resolved already. */
static enum vmi_status append(struct flattened *out, const struct piece *record, uint64_t from,
			      uint64_t to, struct vmi_error *err)
{
	struct piece piece = {from, to, record->at + (from - record->start)};

	if (out->count && out->pieces[out->count - 1].end == from &&
	    out->pieces[out->count - 1].at + (from - out->pieces[out->count - 1].start) ==
		    piece.at) {
		out->pieces[out->count - 1].end = to;
		return VMI_OK;
	}
	return push(&out->pieces, &out->count, &out->room, &piece, err);
}

/*
 * Sweep over sorted records that overlap: at each place the last writer is on top of the heap, up
 * to where it ends or the next record starts, which may be a later writer.
 */
static enum vmi_status sweep(const struct flattened *f, struct heap *heap, struct flattened *out,
			     struct vmi_error *err)
{
	uint64_t at = 0;
	size_t next = 0;

	while (next < f->count || heap->count) {
		if (!heap->count && at < f->pieces[next].start)
			at = f->pieces[next].start;
		while (next < f->count && f->pieces[next].start <= at)
			heap_push(heap, &f->pieces[next++]);
		const struct piece *top = heap->list[0];
		if (top->end <= at) {
			heap_pop(heap);
			continue;
		}
		uint64_t stop = top->end;
		if (next < f->count && f->pieces[next].start < stop)
			stop = f->pieces[next].start;
		enum vmi_status st = append(out, top, at, stop, err);
		if (st)
			return st;
		at = stop;
	}
	return VMI_OK;
}

static enum vmi_status resolve(struct flattened *f, struct vmi_error *err)
{
	struct flattened out = {0};
	struct heap heap = {0};
	bool overlap;

	if (!is_sorted(f, &overlap)) {
		qsort(f->pieces, f->count, sizeof(*f->pieces), compare);
		is_sorted(f, &overlap);
	}
	if (!overlap)
		return VMI_OK;
	heap.list = calloc(f->count, sizeof(const struct piece *));
	enum vmi_status st = heap.list ? sweep(f, &heap, &out, err)
				       : vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	free(heap.list);
	if (st) {
		free(out.pieces);
		return st;
	}
	free(f->pieces);
	f->pieces = out.pieces;
	f->count = out.count;
	f->room = out.room;
	return VMI_OK;
}

/* ---- places --------------------------------------------------------------------------------- */

/* As many entries as there are pieces, so that a lookup has few pieces to choose from. */
static enum vmi_status index_build(struct flattened *f, struct vmi_error *err)
{
	while (f->size >> f->shift > f->count)
		f->shift++;
	size_t entries = (size_t)(f->size >> f->shift) + 1;
	f->index = malloc(entries * sizeof(*f->index));
	if (!f->index)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for an index of %zu", entries);
	for (size_t i = 0, piece = 0; i < entries; i++) {
		while (piece < f->count && f->pieces[piece].end <= (uint64_t)i << f->shift)
			piece++;
		f->index[i] = (uint32_t)piece;
	}
	return VMI_OK;
}

/* The first piece that ends behind `offset`, or `count`. */
static size_t find(const struct flattened *f, uint64_t offset)
{
	uint64_t entry = offset >> f->shift;
	size_t low = f->index[entry], high = f->count;

	if (offset < f->size && entry < f->size >> f->shift)
		high = f->index[entry + 1];
	/* The answer is in [low, high]: all before low end at or before the entry's start. */
	while (low < high) {
		size_t i = low + (high - low) / 2;
		if (f->pieces[i].end <= offset)
			low = i + 1;
		else
			high = i;
	}
	return low;
}

/* ---- the table ------------------------------------------------------------------------------ */

static enum vmi_status flattened_open(void *self, const struct vmi_source *outer,
				      const struct vmi_target *target, uint64_t *size,
				      const uint8_t **map, struct vmi_error *err)
{
	struct flattened *f = self;
	uint8_t head[VERSION_AT + 8];

	(void)map;
	f->outer = outer;
	enum vmi_status st = vmi_source_read(outer, 0, head, sizeof(head), err);
	if (st)
		return st;
	if (be64(head + TYPE_AT) != 1 || be64(head + VERSION_AT) != 1)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is of type %" PRIu64 " and version %" PRIu64
				"; what is known is 1 and 1",
				be64(head + TYPE_AT), be64(head + VERSION_AT));
	if (vmi_source_size(outer) < HEADER_SIZE)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it ends inside its header");
	st = records_read(f, target, err);
	if (!st)
		st = resolve(f, err);
	if (!st && !f->count)
		st = vmi_fail(err, VMI_ERR_CORRUPT, "it has no record, thus no file inside");
	if (st)
		return st;
	*size = f->size = f->pieces[f->count - 1].end;
	return index_build(f, err);
}

static void flattened_close(void *self)
{
	struct flattened *f = self;

	free(f->pieces);
	free(f->index);
}

static const uint8_t *flattened_at(void *self, uint64_t offset, size_t len)
{
	const struct flattened *f = self;
	size_t i = find(f, offset);
	const struct piece *piece = &f->pieces[i];

	if (i == f->count || offset < piece->start || len > piece->end - offset)
		return NULL;
	return vmi_source_at(f->outer, piece->at + (offset - piece->start), len);
}

/* What was never written reads as zeros, as in the file that makedumpfile -R makes of it. */
static enum vmi_status flattened_read(void *self, uint64_t offset, void *buf, size_t len,
				      struct vmi_error *err)
{
	const struct flattened *f = self;
	uint8_t *out = buf;

	for (size_t i = find(f, offset); len; i++) {
		uint64_t gap = i == f->count                 ? len
			       : offset < f->pieces[i].start ? f->pieces[i].start - offset
							     : 0;
		size_t n = gap < len ? (size_t)gap : len;
		memset(out, 0, n);
		out += n;
		offset += n;
		len -= n;
		if (!len)
			break;
		const struct piece *piece = &f->pieces[i];
		n = piece->end - offset < len ? (size_t)(piece->end - offset) : len;
		enum vmi_status st =
			vmi_source_read(f->outer, piece->at + (offset - piece->start), out, n, err);
		if (st)
			return st;
		out += n;
		offset += n;
		len -= n;
	}
	return VMI_OK;
}

static uint64_t flattened_stretch(void *self, uint64_t offset, uint64_t end, bool *hole)
{
	const struct flattened *f = self;
	size_t i = find(f, offset);

	*hole = i == f->count || offset < f->pieces[i].start;
	if (*hole)
		return i < f->count && f->pieces[i].start < end ? f->pieces[i].start : end;
	while (i + 1 < f->count && f->pieces[i].end < end &&
	       f->pieces[i + 1].start == f->pieces[i].end)
		i++;
	return f->pieces[i].end < end ? f->pieces[i].end : end;
}

const struct vmi_container_ops container_flattened = {
	.name = "flattened",
	.suffix = true,
	.state_size = sizeof(struct flattened),
	.probe = flattened_probe,
	.open = flattened_open,
	.close = flattened_close,
	.read = flattened_read,
	.at = flattened_at,
	.stretch = flattened_stretch,
};
