/* SPDX-License-Identifier: MIT */
/*
 * One file of a kdump-compressed dump. A page's descriptor is found by its rank: how many pages of
 * the bitmap come before it. In a part of a split dump the bitmap is that of all parts, and the
 * descriptors begin with those of the part's own first page.
 */

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "kdump_part.h"

enum {
	SAMPLE = 16384,  /* descriptors that are looked at when opening, at either end */
	STRETCH = 4096,  /* pages that are looked at for one stretch */
	CACHE_LINE = 64, /* of the host, or about */
	WINDOW = 128,    /* descriptors that are read at once */
	ZERO_TRIALS = 16 /* shared pages that are looked at, in the hope for zeros */
};

static const uint8_t zeros[VMI_PAGE_SIZE];
static const uint32_t flag_of[CODEC_COUNT] = {
	[CODEC_ZLIB] = KDUMP_ZLIB,
	[CODEC_LZO] = KDUMP_LZO,
	[CODEC_SNAPPY] = KDUMP_SNAPPY,
	[CODEC_ZSTD] = KDUMP_ZSTD,
};

const uint8_t *kdump_zeros(void)
{
	return zeros;
}

static struct kdump_desc parse(const uint8_t *at)
{
	return (struct kdump_desc){
		.offset = le64(at), .size = le32(at + 8), .flags = le32(at + 12)};
}

/* How many descriptors the file has room for. */
static uint64_t descs_in_file(const struct kdump_part *part)
{
	uint64_t size = vmi_source_size(part->source), at = part->header.desc_at;
	uint64_t room = at < size ? (size - at) / KDUMP_DESC : 0;

	return room < part->descs ? room : part->descs;
}

/* Consecutive descriptors, which the file has, a few at a time. */
struct window {
	const struct kdump_part *part;
	uint64_t first, count; /* held */
	const uint8_t *at;
	uint8_t buf[WINDOW * KDUMP_DESC];
};

/* Descriptor `i`, with those up to `end` to be asked for next. */
static enum vmi_status window_get(struct window *w, uint64_t i, uint64_t end,
				  struct kdump_desc *desc, struct vmi_error *err)
{
	if (i < w->first || i - w->first >= w->count) {
		uint64_t n = end - i < WINDOW ? end - i : WINDOW;
		uint64_t offset = w->part->header.desc_at + i * KDUMP_DESC;
		size_t len = (size_t)n * KDUMP_DESC;

		w->count = 0;
		w->at = vmi_source_at(w->part->source, offset, len);
		if (!w->at) {
			enum vmi_status st =
				vmi_source_read(w->part->source, offset, w->buf, len, err);
			if (st)
				return vmi_wrap(err, st, "page descriptor 0x%" PRIx64, i);
			w->at = w->buf;
		}
		w->first = i;
		w->count = n;
	}
	*desc = parse(w->at + (i - w->first) * KDUMP_DESC);
	return VMI_OK;
}

enum vmi_status kdump_part_open(struct kdump_part *part, const struct vmi_source *source,
				const struct vmi_target *target, struct vmi_error *err)
{
	*part = (struct kdump_part){.source = source};
	enum vmi_status st = kdump_header_read(&part->header, source, target, err);
	if (!st)
		st = pagemap_open(&part->dumped, source, part->header.dumped_at, part->header.pages,
				  err);
	if (st)
		return st;
	part->skipped = pagemap_rank(&part->dumped, part->header.first);
	part->descs = pagemap_rank(&part->dumped, part->header.end) - part->skipped;
	part->broken = part->header.status & KDUMP_INCOMPLETE;
	return VMI_OK;
}

void kdump_part_close(struct kdump_part *part)
{
	pagemap_close(&part->dumped);
}

enum kdump_place kdump_part_place(const struct kdump_part *part, const struct kdump_desc *desc)
{
	uint64_t size = vmi_source_size(part->source);

	/* makedumpfile sees to it that no page is at 0; there it ran out of space. */
	if (!desc->offset || desc->size > size || desc->offset > size - desc->size)
		return KDUMP_CUT;
	return desc->offset == part->zero_at ? KDUMP_ZERO : KDUMP_HELD;
}

enum vmi_status kdump_part_desc(const struct kdump_part *part, vmi_gfn gfn, struct kdump_desc *desc,
				struct vmi_error *err)
{
	uint64_t rank = pagemap_rank(&part->dumped, gfn) - part->skipped;
	uint64_t size = vmi_source_size(part->source);
	uint64_t offset = part->header.desc_at + rank * KDUMP_DESC;
	uint8_t buf[KDUMP_DESC];

	const uint8_t *at = vmi_source_at(part->source, offset, KDUMP_DESC);
	if (!at && (size < KDUMP_DESC || offset > size - KDUMP_DESC))
		return VMI_END;
	if (!at) {
		enum vmi_status st = vmi_source_read(part->source, offset, buf, sizeof(buf), err);
		if (st)
			return vmi_wrap(err, st, "the page's descriptor");
		at = buf;
	}
	*desc = parse(at);
	return VMI_OK;
}

enum vmi_status kdump_part_stretch(const struct kdump_part *part, vmi_gfn gfn, vmi_gfn end,
				   vmi_gfn *stop, enum kdump_place *place, struct vmi_error *err)
{
	struct window window = {.part = part};
	uint64_t rank = pagemap_rank(&part->dumped, gfn) - part->skipped;
	uint64_t there = descs_in_file(part);
	struct kdump_desc desc;

	/* Where nothing is missing, and no page is known to be zero, there is nothing to tell
	 * apart. */
	if (rank >= there || (!part->broken && !part->zero_at)) {
		*place = rank >= there ? KDUMP_CUT : KDUMP_HELD;
		*stop = pagemap_next_clear(&part->dumped, gfn, end);
		return VMI_OK;
	}
	/* No further than is looked at: all calls together must not cost more than one pass. */
	if (end - gfn > STRETCH)
		end = gfn + STRETCH;
	uint64_t n = pagemap_next_clear(&part->dumped, gfn, end) - gfn;
	if (n > there - rank)
		n = there - rank;
	for (uint64_t i = 0; i < n; i++) {
		enum vmi_status st = window_get(&window, rank + i, rank + n, &desc, err);
		if (st)
			return st;
		enum kdump_place its = kdump_part_place(part, &desc);
		/* Without a reason to doubt, a page is taken to be there until it is read. */
		if (its == KDUMP_CUT && !part->broken)
			its = KDUMP_HELD;
		if (!i)
			*place = its;
		*stop = gfn + i;
		if (its != *place)
			return VMI_OK;
	}
	*stop = gfn + n;
	return VMI_OK;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* CODEC_COUNT: none that is known, or several. */
static enum codec codec_of(uint32_t flags)
{
	unsigned i = 0;

	while (i < CODEC_COUNT && flags != flag_of[i])
		i++;
	return (enum codec)i;
}

enum vmi_status kdump_part_packed(const struct kdump_part *part, const struct kdump_desc *desc,
				  struct codec_tools *tools, const uint8_t **packed,
				  struct vmi_error *err)
{
	/* What does not become smaller is stored as it is; so larger ones are not to be had. */
	if (!desc->size || desc->size > CODEC_SCRATCH ||
	    (!desc->flags && desc->size != KDUMP_BLOCK))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its descriptor gives it 0x%" PRIx32 " bytes in the file",
				desc->size);
	if (desc->flags && codec_of(desc->flags) == CODEC_COUNT)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"its descriptor names no codec that is known: flags 0x%" PRIx32,
				desc->flags);
	const uint8_t *at = vmi_source_at(part->source, desc->offset, desc->size);
	/* Decoders read on as they go: ask for all of it at once, and they need not wait. */
	for (uint32_t i = 0; at && i < desc->size; i += CACHE_LINE)
		__builtin_prefetch(at + i);
	if (!at) {
		enum vmi_status st = vmi_source_read(part->source, desc->offset, tools->scratch,
						     desc->size, err);
		if (st)
			return st;
		at = tools->scratch;
	}
	*packed = at;
	return VMI_OK;
}

enum vmi_status kdump_unpack(const struct kdump_desc *desc, const uint8_t *packed,
			     struct codec_tools *tools, uint8_t out[KDUMP_BLOCK],
			     struct vmi_error *err)
{
	if (desc->flags)
		return codec_unpack(tools, codec_of(desc->flags), packed, desc->size, out,
				    KDUMP_BLOCK, err);
	memcpy(out, packed, KDUMP_BLOCK);
	return VMI_OK;
}

/* ---- the sample ----------------------------------------------------------------------------- */

/* Neighbours that share their bytes are most likely zero: see whether the first such are. */
static enum vmi_status find_zeros(struct kdump_part *part, struct codec_tools *tools, uint64_t n,
				  uint32_t *flags, struct vmi_error *err)
{
	struct window window = {.part = part};
	struct kdump_desc desc, before = {0};
	uint8_t page[KDUMP_BLOCK];
	unsigned trials = 0;

	for (uint64_t i = 0; i < n; before = desc, i++) {
		enum vmi_status st = window_get(&window, i, n, &desc, err);
		if (st)
			return st;
		if (codec_of(desc.flags) != CODEC_COUNT)
			*flags |= desc.flags;
		if (part->zero_at || !i || desc.offset != before.offset ||
		    kdump_part_place(part, &desc) != KDUMP_HELD || trials++ >= ZERO_TRIALS)
			continue;
		const uint8_t *packed;
		if (!kdump_part_packed(part, &desc, tools, &packed, NULL) &&
		    !kdump_unpack(&desc, packed, tools, page, NULL) &&
		    !memcmp(page, zeros, sizeof(page)))
			part->zero_at = desc.offset;
	}
	return VMI_OK;
}

/* A file that was cut short lacks what was written last, which is what the last ones describe. */
static enum vmi_status find_cut(struct kdump_part *part, uint64_t from, uint64_t there,
				struct vmi_error *err)
{
	struct window window = {.part = part};
	struct kdump_desc desc;

	part->broken |= there < part->descs;
	for (uint64_t i = from; i < there && !part->broken; i++) {
		enum vmi_status st = window_get(&window, i, there, &desc, err);
		if (st)
			return st;
		part->broken = kdump_part_place(part, &desc) == KDUMP_CUT;
	}
	return VMI_OK;
}

enum vmi_status kdump_part_sample(struct kdump_part *part, struct codec_tools *tools,
				  struct vmi_error *err)
{
	uint64_t there = descs_in_file(part);
	uint32_t flags = 0;

	enum vmi_status st = find_zeros(part, tools, there < SAMPLE ? there : SAMPLE, &flags, err);
	if (!st)
		st = find_cut(part, there < SAMPLE ? 0 : there - SAMPLE, there, err);
	for (unsigned i = 0; !st && i < CODEC_COUNT; i++)
		if (flags & flag_of[i])
			st = codec_require((enum codec)i, err);
	return st;
}
