/* SPDX-License-Identifier: MIT */
#ifndef DUMP_PAGEMAP_H
#define DUMP_PAGEMAP_H

#include <vmi/driver.h>

/**
 * A bitmap of pages, the lowest bit of each byte first, with the number of set bits before any of
 * them: what a format with "only these pages, in this order" is read by. Zeroed is without pages.
 */
struct pagemap {
	const uint8_t *bits; /* where they lie in the source, or `copy` */
	size_t bytes;
	uint64_t pages; /* bits from there on count as clear */
	uint64_t count; /* that are set */
	uint32_t *before;
	uint8_t *copy;
};

/* `pages` bits at `offset` of the source, which outlives it. */
VMI_CHECKED enum vmi_status pagemap_open(struct pagemap *map, const struct vmi_source *source,
					 uint64_t offset, uint64_t pages, struct vmi_error *err);
void pagemap_close(struct pagemap *map);

static inline bool pagemap_has(const struct pagemap *map, vmi_gfn gfn)
{
	return gfn < map->pages && (map->bits[gfn / 8] >> gfn % 8 & 1);
}

/* How many are set below `gfn`. */
uint64_t pagemap_rank(const struct pagemap *map, vmi_gfn gfn);
/* The first page from `gfn` on that is set, or is not; `end` when there is none below. */
vmi_gfn pagemap_next_set(const struct pagemap *map, vmi_gfn gfn, vmi_gfn end);
vmi_gfn pagemap_next_clear(const struct pagemap *map, vmi_gfn gfn, vmi_gfn end);
/* The page with so many set ones below; `pages` when there is none. */
vmi_gfn pagemap_select(const struct pagemap *map, uint64_t rank);
/* Behind the last that is set; 0 when none is. */
vmi_gfn pagemap_end(const struct pagemap *map);

#endif
