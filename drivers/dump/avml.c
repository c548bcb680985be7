/* SPDX-License-Identifier: MIT */
/*
 * AVML's own format, version 2 (https://github.com/microsoft/avml, src/image.rs): ranges of memory
 * of at most 16 MiB. Each is a header like LiME's, memory in snappy's framing format, and at the
 *end the length of that.
 *
 *	u32 "AVML", u32 version (2), u64 first address, u64 last address, u64 0
 *	chunks
 *	u64 length of the chunks
 */

#include <inttypes.h>
#include <string.h>

#include "avml_chunks.h"
#include "bytes.h"
#include "cursor.h"
#include "extents.h"

enum {
	HEADER_SIZE = 32,
	HEADER_FIRST = 8,
	HEADER_LAST = 16,
	TRAILER_SIZE = 8,
	BLOCK_SIZE = 16 << 20
};
static const char magic[8] = "AVML\2\0\0";
static const char stream_magic[6] = "sNaPpY";

struct avml {
	struct extents extents; /* first: extents_self_get() */
	struct avml_chunks chunks;
};

/* What is only needed while opening. */
struct loading {
	const struct vmi_target *target;
	struct avml_chunks *chunks;
	struct cursor cursor;
	struct segments segments;
	/* The range that is being read. */
	vmi_gpa first;
	uint64_t size, start; /* in bytes; in the chunks */
	/* Oddities. */
	vmi_gpa end; /* of the range before */
	bool full;   /* that was of 16 MiB */
	size_t gaps; /* that may be ranges left out for being zero */
	size_t short_ranges, no_trailer;
	struct vmi_error *err;
};

static bool avml_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	return head && len >= sizeof(magic) && !memcmp(head, magic, sizeof(magic));
}

/* Nothing that can be read follows: an error when there was nothing before it, else a warning. */
static enum vmi_status broken(const struct loading *l, const char *what)
{
	if (!l->chunks->count)
		return vmi_fail(l->err, VMI_ERR_CORRUPT, "%s at file offset 0x%" PRIx64, what,
				l->cursor.at);
	l->target->warn(l->target,
			"%s at file offset 0x%" PRIx64 ": what is there and behind is left out",
			what, l->cursor.at);
	return VMI_END;
}

/* ---- chunks --------------------------------------------------------------------------------- */

/* How much a snappy block gives is in its first bytes, seven bits in each. */
static bool block_size(const uint8_t *bytes, size_t len, uint32_t *size)
{
	*size = 0;
	for (size_t i = 0; i < len && i < 3; i++) {
		*size |= (uint32_t)(bytes[i] & 0x7f) << (7 * i);
		if (bytes[i] < 0x80)
			return *size <= CHUNK_UNPACKED_MAX;
	}
	return false;
}

/* Take a chunk of data in; the cursor is at its header. */
static enum vmi_status load_data(struct loading *l, uint8_t kind, uint32_t len)
{
	enum { LOOK = CHUNK_HEADER + CHUNK_CRC + 3 };
	uint64_t at = l->cursor.at + CHUNK_HEADER;
	uint32_t size = len - CHUNK_CRC;

	if (len <= CHUNK_CRC || len > CHUNK_PACKED_MAX)
		return broken(l, "a chunk of a size that snappy does not make");
	const uint8_t *bytes = cursor_peek(
		&l->cursor, CHUNK_HEADER + (len < LOOK - CHUNK_HEADER ? len : LOOK - CHUNK_HEADER));
	if (!bytes)
		return l->cursor.status;
	bytes += CHUNK_HEADER + CHUNK_CRC;
	if (kind == CHUNK_COMPRESSED &&
	    !block_size(bytes, len - CHUNK_CRC < 3 ? len - CHUNK_CRC : 3, &size))
		return broken(l, "a chunk that says it is larger than 64 KiB");
	if (size > CHUNK_UNPACKED_MAX)
		return broken(l, "a chunk larger than 64 KiB");
	if (!cursor_skip(&l->cursor, CHUNK_HEADER + (uint64_t)len))
		return l->cursor.status;
	if (size && !avml_chunks_add(l->chunks, kind, at, len, size))
		return vmi_fail(l->err, VMI_ERR_NOMEM, "out of memory for the table of chunks");
	return VMI_OK;
}

/* VMI_END: this range has no more. */
static enum vmi_status load_chunk(struct loading *l)
{
	const uint8_t *bytes = cursor_peek(&l->cursor, CHUNK_HEADER);

	if (!bytes)
		return l->cursor.status;
	uint8_t kind = bytes[0];
	uint32_t len = le32(bytes) >> 8;
	if (kind == CHUNK_COMPRESSED || kind == CHUNK_PLAIN)
		return load_data(l, kind, len);
	if (kind == CHUNK_STREAM) {
		bytes = cursor_peek(&l->cursor, CHUNK_HEADER + sizeof(stream_magic));
		if (bytes &&
		    (len != sizeof(stream_magic) ||
		     memcmp(bytes + CHUNK_HEADER, stream_magic, sizeof(stream_magic)) != 0))
			return broken(l, "no snappy stream");
	} else if (kind < CHUNK_SKIPPABLE) {
		/* AVML 0.17.0 gave the length of some ranges wrong: the next begins here. */
		bytes = cursor_peek(&l->cursor, sizeof(magic));
		if (bytes && !memcmp(bytes, magic, sizeof(magic)))
			return VMI_END;
		return bytes ? broken(l, "a chunk of an unknown kind") : l->cursor.status;
	}
	return cursor_skip(&l->cursor, CHUNK_HEADER + (uint64_t)len) ? VMI_OK : l->cursor.status;
}

/* ---- ranges --------------------------------------------------------------------------------- */

/*
 * Newer versions leave out ranges of 16 MiB that are all zero, and do not say so. What lies between
 * two ranges may be that, or no memory at all.
 */
static void note_gap(struct loading *l)
{
	if (l->full && l->first > l->end && !((l->first - l->end) % BLOCK_SIZE))
		l->gaps++;
	l->end = l->first + l->size;
	l->full = l->size == BLOCK_SIZE;
}

/* u64 first, last address. VMI_END: the file ends here. */
static enum vmi_status load_header(struct loading *l)
{
	if (l->cursor.at == vmi_source_size(l->target->source))
		return VMI_END;
	const uint8_t *header = cursor_peek(&l->cursor, HEADER_SIZE);
	if (!header && l->cursor.status == VMI_END)
		return broken(l, "a header is cut off");
	if (!header)
		return l->cursor.status;
	uint64_t first = le64(header + HEADER_FIRST), last = le64(header + HEADER_LAST);
	if (memcmp(header, magic, sizeof(magic)) != 0)
		return broken(l, "no header of an AVML range");
	if (last < first || last - first == UINT64_MAX)
		return broken(l, "a range that ends before it begins");
	l->first = first;
	l->size = last - first + 1;
	l->start = l->chunks->size;
	note_gap(l);
	return cursor_skip(&l->cursor, HEADER_SIZE) ? VMI_OK : l->cursor.status;
}

/* Behind the chunks is their length, which is not needed: but it may be missing. */
static enum vmi_status load_trailer(struct loading *l)
{
	const uint8_t *bytes = cursor_peek(&l->cursor, TRAILER_SIZE);

	if (!bytes)
		return l->cursor.status;
	if (memcmp(bytes, magic, sizeof(magic)) != 0)
		cursor_skip(&l->cursor, TRAILER_SIZE);
	else
		l->no_trailer++;
	return VMI_OK;
}

/* Take one range in. VMI_END: nothing that can be read follows. */
static enum vmi_status load_range(struct loading *l)
{
	enum vmi_status st = load_header(l), why = VMI_OK;

	if (st)
		return st;
	while (!why && l->chunks->size - l->start < l->size)
		why = load_chunk(l);
	if (why && why != VMI_END)
		return why;
	uint64_t held = l->chunks->size - l->start;
	if (held > l->size)
		held = l->size;
	st = segments_add_packed(&l->segments, l->first, held, l->size - held, l->start, l->err);
	if (st)
		return st;
	/* The next range instead of a chunk is no end of all. */
	const uint8_t *bytes = why ? cursor_peek(&l->cursor, sizeof(magic)) : NULL;
	if (bytes && !memcmp(bytes, magic, sizeof(magic))) {
		l->short_ranges++;
		return VMI_OK;
	}
	return why ? why : load_trailer(l);
}

static void warn(const struct loading *l, const struct extents *extents)
{
	const struct vmi_target *target = l->target;

	if (l->short_ranges)
		target->warn(
			target,
			"%zu ranges hold less than they say (AVML 0.17.0 wrote such): what is missing counts as cut off",
			l->short_ranges);
	else
		segments_warn_cut(&l->segments, target, target->source,
				  ", and any ranges behind them are lost");
	if (l->no_trailer)
		target->warn(target, "%zu ranges lack the length behind them", l->no_trailer);
	if (l->gaps)
		target->warn(
			target,
			"%zu gaps between ranges are whole blocks of 16 MiB: AVML leaves out blocks that are all zero, so there may be memory there",
			l->gaps);
	segments_warn_beyond(&l->segments, target, "ranges");
	extents_warn_conflicts(extents, target, "ranges");
}

static enum vmi_status load(struct loading *l, struct avml *avml)
{
	const struct vmi_source *source = l->target->source;
	enum vmi_status st = codec_require(CODEC_SNAPPY, l->err);

	while (!st && !(st = load_range(l)))
		vmi_progress(l->target->options, l->cursor.at, vmi_source_size(source));
	if (st != VMI_END)
		return st;
	st = extents_build(&avml->extents, &l->segments, source, l->err);
	if (st)
		return st;
	if (!avml->extents.count)
		return vmi_fail(l->err, VMI_ERR_CORRUPT,
				"it ends at 0x%" PRIx64 ", before any of its memory",
				vmi_source_size(source));
	if (!avml_chunks_finish(&avml->chunks, source, l->target->options->unpack_bytes))
		return vmi_fail(l->err, VMI_ERR_NOMEM, "out of memory");
	extents_packed(&avml->extents, avml_chunks_read, &avml->chunks);
	warn(l, &avml->extents);
	return VMI_OK;
}

static enum vmi_status avml_open(void *self, const struct vmi_target *target, unsigned *caps,
				 struct vmi_error *err)
{
	struct avml *avml = self;
	struct loading l = {.target = target, .chunks = &avml->chunks, .err = err};

	(void)caps;
	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	cursor_init(&l.cursor, target->source, err);
	enum vmi_status st = load(&l, avml);
	cursor_deinit(&l.cursor);
	segments_deinit(&l.segments);
	return st ? vmi_wrap(err, st, "%s", target->name) : VMI_OK;
}

static void avml_close(void *self)
{
	struct avml *avml = self;

	extents_deinit(&avml->extents);
	avml_chunks_deinit(&avml->chunks);
}

static void avml_info(void *self, struct vmi_info *info)
{
	const struct avml *avml = self;

	info->format = "avml";
	info->machine = VMI_MACHINE_UNKNOWN;
	info->max_gfn = (avml->extents.end - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = avml->extents.bytes;
}

const struct vmi_driver_ops driver_avml = {
	.name = "avml",
	.state_size = sizeof(struct avml),
	.concurrent = true,
	.probe = avml_probe,
	.open = avml_open,
	.close = avml_close,
	.info = avml_info,
	.page = {.get = extents_self_get,
		 .put = extents_self_put,
		 .run_next = extents_self_run_next,
		 .absent_next = extents_self_absent_next},
};
