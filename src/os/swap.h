/* SPDX-License-Identifier: MIT */
#ifndef OS_SWAP_H
#define OS_SWAP_H

#include "os.h"

/** Where the kernel has its areas of swap. */
struct swap;

/* NULL is allowed. */
void swap_destroy(struct swap *swap);

/* Is the area of that number a disk of zram? Its name tells. */
bool swap_area_is_zram(struct vmi_os *os, unsigned area);
/*
 * Page `offset` of an area: VMI_PAGE_SIZE bytes, where they are in memory.
 *
 * VMI_ERR_NOT_FOUND  the area is elsewhere
 * VMI_ERR_NOT_PRESENT, VMI_ERR_UNSUPPORTED, VMI_ERR_CORRUPT  as zram_read() says
 */
VMI_CHECKED enum vmi_status swap_read(struct vmi_os *os, unsigned area, uint64_t offset,
				      uint8_t *page, struct vmi_error *err);

#endif
