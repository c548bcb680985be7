/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps of pages. The number of set bits is kept for every 512 pages, which is a cache line of
 * bits: a 64 GiB guest costs 128 KiB, made in one pass, and a rank one line of each.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "pagemap.h"

enum { GROUP = 512, WORD = 64, WORDS = GROUP / WORD };
/* 64 TiB, which is what 46 address bits reach. More would be bits without end, not a machine. */
static const uint64_t PAGES_MAX = UINT64_C(1) << 34;

/* Word `i`, with bits that do not count cleared. */
static uint64_t word(const struct pagemap *map, uint64_t i)
{
	uint64_t left = map->pages - i * WORD;
	uint8_t tail[sizeof(uint64_t)] = {0};

	if (left >= WORD)
		return le64(map->bits + i * sizeof(uint64_t));
	memcpy(tail, map->bits + i * sizeof(uint64_t), map->bytes - i * sizeof(uint64_t));
	return le64(tail) & ((UINT64_C(1) << left) - 1);
}

static enum vmi_status count(struct pagemap *map, struct vmi_error *err)
{
	uint64_t words = (map->pages + WORD - 1) / WORD;

	map->before = malloc((map->pages / GROUP + 1) * sizeof(*map->before));
	if (!map->before)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the index of pages");
	for (uint64_t i = 0; i < words; i++) {
		if (i % WORDS == 0)
			map->before[i / WORDS] = (uint32_t)map->count;
		map->count += (unsigned)__builtin_popcountll(word(map, i));
	}
	if (map->pages % GROUP == 0)
		map->before[map->pages / GROUP] = (uint32_t)map->count;
	if (map->count > UINT32_MAX)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "it holds 0x%" PRIx64 " pages: too many",
				map->count);
	return VMI_OK;
}

/*
 * A copy of `bytes` at `offset` of which holes are not touched: a file that is short can claim a
 * bitmap that is long. What is past the last data is clear, so it is cut off.
 */
static enum vmi_status copy(struct pagemap *map, const struct vmi_source *source, uint64_t offset,
			    struct vmi_error *err)
{
	uint64_t at = 0, used = 0;

	map->bits = map->copy = calloc(1, map->bytes + 1);
	if (!map->copy)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the map of pages");
	while (at < map->bytes) {
		bool hole;
		uint64_t stop =
			vmi_source_stretch(source, offset + at, offset + map->bytes, &hole) -
			offset;
		enum vmi_status st = VMI_OK;

		if (!hole) {
			st = vmi_source_read(source, offset + at, map->copy + at,
					     (size_t)(stop - at), err);
			used = stop;
		}
		if (st)
			return st;
		at = stop;
	}
	if (used < map->bytes) {
		map->bytes = (size_t)used;
		map->pages = used * 8;
	}
	return VMI_OK;
}

enum vmi_status pagemap_open(struct pagemap *map, const struct vmi_source *source, uint64_t offset,
			     uint64_t pages, struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	*map = (struct pagemap){0};
	uint64_t bytes = pages / 8 + (pages % 8 != 0);
	uint64_t size = vmi_source_size(source);
	if (bytes > size || offset > size - bytes)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it ends at 0x%" PRIx64 ", inside its bitmap of 0x%" PRIx64
				" pages at 0x%" PRIx64,
				size, pages, offset);
	if (pages > PAGES_MAX)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"its bitmap is of 0x%" PRIx64 " pages: more than 64 TiB of memory",
				pages);
	map->pages = pages;
	map->bytes = (size_t)bytes;
	map->bits = vmi_source_at(source, offset, map->bytes);
	if (!map->bits)
		st = copy(map, source, offset, err);
	return st ? vmi_wrap(err, st, "the bitmap of pages") : count(map, err);
}

void pagemap_close(struct pagemap *map)
{
	free(map->before);
	free(map->copy);
	*map = (struct pagemap){0};
}

uint64_t pagemap_rank(const struct pagemap *map, vmi_gfn gfn)
{
	if (gfn >= map->pages)
		return map->count;

	uint64_t rank = map->before[gfn / GROUP];
	uint64_t last = gfn / WORD;
	for (uint64_t i = gfn / GROUP * WORDS; i < last; i++)
		rank += (unsigned)__builtin_popcountll(le64(map->bits + i * sizeof(uint64_t)));
	uint64_t below = (UINT64_C(1) << gfn % WORD) - 1;
	return rank + (unsigned)__builtin_popcountll(word(map, last) & below);
}

/* The first bit from `gfn` on that differs from those of `same`, which is all zeros or all ones. */
static vmi_gfn next(const struct pagemap *map, vmi_gfn gfn, vmi_gfn end, uint64_t same)
{
	vmi_gfn stop = end < map->pages ? end : map->pages;

	while (gfn < stop) {
		/* Whole groups that are alike cost a look at the index. */
		uint64_t group = gfn / GROUP;
		if (gfn % GROUP == 0 && stop - gfn >= GROUP &&
		    map->before[group + 1] - map->before[group] == (same ? GROUP : 0)) {
			gfn += GROUP;
			continue;
		}
		uint64_t differs = (word(map, gfn / WORD) ^ same) >> gfn % WORD;
		if (differs) {
			gfn += (unsigned)__builtin_ctzll(differs);
			return gfn < end ? gfn : end;
		}
		gfn = (gfn / WORD + 1) * WORD;
	}
	/* What is past the bitmap is clear. */
	return same && gfn < end ? (gfn < map->pages ? map->pages : gfn) : end;
}

vmi_gfn pagemap_next_set(const struct pagemap *map, vmi_gfn gfn, vmi_gfn end)
{
	return next(map, gfn, end, 0);
}

vmi_gfn pagemap_next_clear(const struct pagemap *map, vmi_gfn gfn, vmi_gfn end)
{
	return next(map, gfn, end, UINT64_MAX);
}

vmi_gfn pagemap_select(const struct pagemap *map, uint64_t rank)
{
	uint64_t low = 0, high = map->pages / GROUP + 1;

	if (rank >= map->count)
		return map->pages;
	/* The last group with no more set bits before it than that. */
	while (high - low > 1) {
		uint64_t i = low + (high - low) / 2;
		if (map->before[i] <= rank)
			low = i;
		else
			high = i;
	}
	rank -= map->before[low];
	for (uint64_t i = low * WORDS;; i++) {
		uint64_t bits = word(map, i);
		unsigned ones = (unsigned)__builtin_popcountll(bits);
		if (rank >= ones) {
			rank -= ones;
			continue;
		}
		while (rank--)
			bits &= bits - 1;
		return i * WORD + (unsigned)__builtin_ctzll(bits);
	}
}

vmi_gfn pagemap_end(const struct pagemap *map)
{
	for (uint64_t i = (map->pages + WORD - 1) / WORD; i-- > 0;) {
		uint64_t bits = word(map, i);
		if (bits)
			return i * WORD + WORD - (unsigned)__builtin_clzll(bits);
	}
	return 0;
}
