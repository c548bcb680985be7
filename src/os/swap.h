/* SPDX-License-Identifier: MIT */
#ifndef OS_SWAP_H
#define OS_SWAP_H

#include "fields.h"

/** Where the kernel has its areas of swap. */
struct swap {
	struct field bdev, flags, max; /* of a struct swap_info_struct */
	struct field zeromap;          /* 6.12 to 7.0: a bit for each page */
	struct field clusters;
	struct field cluster_size, table; /* since 6.18: a word for each page */
	struct field table_entries;       /* how many of them, where that is told */
	struct field zero_bitmap;         /* of a cluster, where words have no room */
	struct field bd_disk, disk_name;
	struct field space_head, space_size;   /* of a struct address_space */
	struct field page_flags, page_private; /* of a struct page */
	struct zram_layout *zram;              /* once it was asked for */
};

/* NULL is allowed. */
void swap_destroy(struct swap *swap);

/* Is the area of that number a disk of zram? Its name tells. */
bool swap_area_is_zram(struct vmi_os *os, unsigned area);
/*
 * Page `offset` of an area: VMI_PAGE_SIZE bytes, where they are in memory.
 *
 * VMI_ERR_NOT_FOUND  they are not
 * VMI_ERR_NOT_PRESENT, VMI_ERR_UNSUPPORTED, VMI_ERR_CORRUPT  as zram_read() says
 */
VMI_CHECKED enum vmi_status swap_read(struct vmi_os *os, unsigned area, uint64_t offset,
				      uint8_t *page, struct vmi_error *err);

/** A page of an area. */
struct swap_place {
	vmi_gva info; /* of the area: its struct swap_info_struct */
	unsigned area;
	uint64_t offset;
};

/* The kernel's word for the page; false: there is none. */
bool swap_table_word(struct vmi_os *os, const struct swap *swap, const struct swap_place *place,
		     uint64_t *word);
/* The frame that still has the page, or has it again; false: none has. */
bool swap_cache_find(struct vmi_os *os, const struct swap *swap, const struct swap_place *place,
		     vmi_gfn *gfn);

#endif
