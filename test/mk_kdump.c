/* SPDX-License-Identifier: MIT */
/* kdump-compressed dumps in memory, from a description. Little-endian hosts only. */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#ifdef VMI_WITH_LIBDEFLATE
#include <libdeflate.h>
#elif defined(VMI_WITH_ZLIB)
#include <zlib.h>
#endif
#ifdef VMI_WITH_LZO
#include <lzo/lzo1x.h>
#endif
#ifdef VMI_WITH_SNAPPY
#include <snappy-c.h>
#endif
#ifdef VMI_WITH_ZSTD
#include <zstd.h>
#endif

#include "mk_kdump.h"

enum { BLOCK = 4096, DESC = 24, ROOM = 8192 };

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* ---- codecs --------------------------------------------------------------------------------- */

/* Compress a page; the size, or 0 when this build cannot. */
static size_t compress_page(uint32_t flags, const uint8_t *page, uint8_t out[ROOM])
{
	size_t size = ROOM;

	switch (flags) {
#ifdef VMI_WITH_LIBDEFLATE
	case 1: {
		struct libdeflate_compressor *c = libdeflate_alloc_compressor(1);
		size = libdeflate_zlib_compress(c, page, BLOCK, out, ROOM);
		libdeflate_free_compressor(c);
		return size;
	}
#elif defined(VMI_WITH_ZLIB)
	case 1:
		return compress(out, &size, page, BLOCK) == Z_OK ? size : 0;
#endif
#ifdef VMI_WITH_LZO
	case 2: {
		void *work = malloc(LZO1X_1_MEM_COMPRESS);
		lzo_uint n = ROOM;
		int bad = !work || lzo1x_1_compress(page, BLOCK, out, &n, work) != LZO_E_OK;
		free(work);
		return bad ? 0 : n;
	}
#endif
#ifdef VMI_WITH_SNAPPY
	case 4:
		return snappy_compress((const char *)page, BLOCK, (char *)out, &size) == SNAPPY_OK
			       ? size
			       : 0;
#endif
#ifdef VMI_WITH_ZSTD
	case 32:
		return ZSTD_compress(out, ROOM, page, BLOCK, 1);
#endif
	default:
		(void)page;
		(void)out;
		(void)size;
		return 0;
	}
}

/* ---- headers -------------------------------------------------------------------------------- */

static uint32_t or_truth(uint32_t lie, uint32_t truth)
{
	return lie ? lie : truth;
}

static void main_header(uint8_t *file, const struct mk_kdump *k, uint32_t pages)
{
	uint8_t *at = file + (k->narrow ? 412 : 424);
	int version = k->version ? k->version : k->version_0 ? 0 : 6;

	memcpy(file, k->signature ? k->signature : "KDUMP   ", 8);
	put32(file + 8, (uint32_t)version);
	strcpy((char *)file + 12, "Linux");
	strcpy((char *)file + 142, "6.1.0-test");
	strcpy((char *)file + 272, k->machine ? k->machine : "x86_64");
	put32(file + (k->narrow ? 404 : 408), 1700000000);
	put32(file + (k->narrow ? 408 : 416), 123456);
	put32(at, k->status);
	put32(at + 4, or_truth(k->block, BLOCK));
	put32(at + 8, or_truth(k->sub_blocks, 1));
	put32(at + 12, or_truth(k->bitmap_blocks, 2));
	put32(at + 16, or_truth(k->max_mapnr, pages));
	put32(at + 36, 1);
}

/* {offset, size} of 64 bits each, or packed to 64 and 32. */
static void put_area(uint8_t *sub, bool narrow, unsigned wide_at, unsigned narrow_at,
		     uint64_t offset, size_t size)
{
	put64(sub + (narrow ? narrow_at : wide_at), size ? offset : 0);
	if (narrow)
		put32(sub + narrow_at + 8, (uint32_t)size);
	else
		put64(sub + wide_at + 8, size);
}

static size_t put_notes(uint8_t *out, const struct mk_note notes[4])
{
	size_t at = 0;

	for (unsigned i = 0; i < 4 && notes[i].name; i++) {
		size_t len = strlen(notes[i].name) + 1;
		put32(out + at, (uint32_t)len);
		put32(out + at + 4, notes[i].claim ? notes[i].claim : notes[i].size);
		put32(out + at + 8, notes[i].type);
		memcpy(out + at + 12, notes[i].name, len);
		at += 12 + (len + 3) / 4 * 4;
		memcpy(out + at, notes[i].desc, notes[i].size);
		at += (notes[i].size + 3) / 4 * 4;
	}
	return at;
}

/* Behind the sub header's fields lie the notes, the VMCOREINFO, the erase information. */
static void sub_header(uint8_t *file, const struct mk_kdump *k, uint32_t pages)
{
	uint8_t *sub = file + BLOCK;
	bool narrow = k->narrow;
	size_t at = 256, size = put_notes(sub + at, k->notes);
	uint64_t max = k->max_mapnr_64 ? k->max_mapnr_64 : pages;

	put32(sub + (narrow ? 4 : 8), k->dump_level);
	put32(sub + (narrow ? 8 : 12), k->split);
	if (narrow) {
		put32(sub + 12, (uint32_t)k->first);
		put32(sub + 16, (uint32_t)k->end);
	} else {
		put64(sub + 16, k->first);
		put64(sub + 24, k->end);
	}
	put_area(sub, narrow, 48, 32, BLOCK + at, size);
	at += size;
	size = k->vmcoreinfo ? strlen(k->vmcoreinfo) : 0;
	if (size)
		memcpy(sub + at, k->vmcoreinfo, size);
	put_area(sub, narrow, 32, 20, BLOCK + at, size);
	put_area(sub, narrow, 64, 44, BLOCK + at, k->erased);
	put64(sub + (narrow ? 56 : 80), k->first);
	put64(sub + (narrow ? 64 : 88), k->end);
	put64(sub + (narrow ? 72 : 96), max);
}

/* ---- pages ---------------------------------------------------------------------------------- */

struct writer {
	uint8_t *file;
	size_t at;       /* where the next block goes */
	uint64_t zeros;  /* the block of zeros; 0: none yet */
	uint8_t *desc;   /* of the next page */
	uint64_t before; /* the last page's block */
	uint32_t before_size, before_flags;
};

static void put_desc(struct writer *w, uint64_t offset, uint32_t size, uint32_t flags)
{
	put64(w->desc, offset);
	put32(w->desc + 8, size);
	put32(w->desc + 12, flags);
	w->desc += DESC;
	w->before = offset;
	w->before_size = size;
	w->before_flags = flags;
}

static bool put_page(struct writer *w, const struct mk_kdump *k, unsigned gfn)
{
	uint8_t page[BLOCK], packed[ROOM];
	const uint8_t *bytes = page;
	size_t size = BLOCK;
	uint32_t flags = 0;
	char kind = k->pages[gfn];

	for (unsigned i = 0; i < BLOCK; i++)
		page[i] = kind == 'z'   ? 0
			  : kind == 'u' ? MK_KDUMP_FILL
					: mk_byte((uint64_t)gfn * BLOCK + i, 0);
	if (kind == 'l' || kind == 's' || (kind == 'z' && w->zeros)) {
		put_desc(w,
			 kind == 'l'   ? 0
			 : kind == 's' ? w->before
				       : w->zeros,
			 kind == 'l'   ? 0
			 : kind == 's' ? w->before_size
				       : BLOCK,
			 kind == 's' ? w->before_flags : 0);
		return true;
	}
	if (kind == 'c' || kind == 'u') {
		flags = k->flags;
		bytes = packed;
		if (!(size = compress_page(flags, page, packed)))
			return false;
	}
	if (kind == 'z')
		w->zeros = w->at;
	uint64_t offset = w->at;
	if (k->lie && k->lie->gfn == gfn) {
		if (k->lie->bytes) {
			bytes = k->lie->bytes;
			size = k->lie->size;
		}
		offset = k->lie->offset ? k->lie->offset : offset;
		flags = k->lie->flags;
		put_desc(w, offset, k->lie->size, flags);
	} else {
		put_desc(w, offset, (uint32_t)size, flags);
	}
	memcpy(w->file + w->at, bytes, size);
	w->at += size;
	return true;
}

uint8_t *mk_kdump(const struct mk_kdump *k, size_t *size)
{
	uint32_t pages = (uint32_t)strlen(k->pages);
	uint32_t maps = k->one_bitmap ? 1 : 2;
	size_t table = (2 + maps) * BLOCK;
	uint8_t *file = calloc(1, table + (size_t)pages * (DESC + ROOM));
	struct mk_kdump own = *k;

	if (!file)
		abort();
	if (k->one_bitmap && !k->bitmap_blocks)
		own.bitmap_blocks = 1;
	main_header(file, &own, pages);
	if (!k->version_0)
		sub_header(file, &own, pages);
	uint8_t *had = file + 2 * BLOCK, *dumped = had + (k->one_bitmap ? 0 : BLOCK);
	size_t count = 0;
	/* bitmap_blocks counts both; each has half of the bytes */
	for (unsigned i = 0; i < pages; i++) {
		bool here = !strchr(".x", k->pages[i]);
		if (k->pages[i] != '.' && !k->one_bitmap)
			had[i / 8] |= (uint8_t)(1 << i % 8);
		if (here)
			dumped[i / 8] |= (uint8_t)(1 << i % 8);
		count += here && (!k->split || (i >= k->first && i < k->end));
	}
	struct writer w = {.file = file, .desc = file + table, .at = table + count * DESC};
	for (unsigned i = 0; i < pages; i++) {
		if (strchr(".x", k->pages[i]) || (k->split && (i < k->first || i >= k->end)))
			continue;
		if (!put_page(&w, k, i)) {
			free(file);
			return NULL;
		}
	}
	*size = w.at - k->cut;
	return file;
}

/* ---- streams -------------------------------------------------------------------------------- */

static void put_be64(uint8_t *at, uint64_t value)
{
	put64(at, htobe64(value));
}

uint8_t *mk_flattened(const struct mk_record *records, enum mk_stream_end end, size_t *size)
{
	size_t all = BLOCK + 16, at = BLOCK;

	for (const struct mk_record *r = records; r->size || r->bytes; r++)
		all += 16 + r->size;
	uint8_t *stream = calloc(1, all);
	if (!stream)
		abort();
	strcpy((char *)stream, "makedumpfile");
	put_be64(stream + 16, 1);
	put_be64(stream + 24, 1);
	for (const struct mk_record *r = records; r->size || r->bytes; r++) {
		put_be64(stream + at, r->offset);
		put_be64(stream + at + 8, r->size);
		memcpy(stream + at + 16, r->bytes, r->size);
		at += 16 + r->size;
	}
	if (end == MK_ENDED) {
		memset(stream + at, 0xff, 16);
		at += 16;
	}
	*size = at;
	return stream;
}

uint8_t *mk_flattened_file(const uint8_t *file, size_t file_size, size_t step, size_t *size)
{
	size_t count = (file_size + step - 1) / step;
	struct mk_record *records = calloc(count + 1, sizeof(*records));

	if (!records)
		abort();
	for (size_t i = 0; i < count; i++) {
		size_t at = (count - 1 - i) * step;
		size_t n = file_size - at < step ? file_size - at : step;
		records[i] = (struct mk_record){at, n, file + at};
	}
	uint8_t *stream = mk_flattened(records, MK_ENDED, size);
	free(records);
	return stream;
}
