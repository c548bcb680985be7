/* SPDX-License-Identifier: MIT */
#ifndef OS_ZRAM_H
#define OS_ZRAM_H

#include "os.h"

/** Where zram, a disk in packed memory, has what. */
struct zram_layout;

/* Owned: zram_layout_destroy(). VMI_ERR_UNSUPPORTED: its types do not tell. */
VMI_CHECKED enum vmi_status zram_layout_create(struct vmi_os *os, struct zram_layout **layout,
					       struct vmi_error *err);
/* NULL is allowed. */
void zram_layout_destroy(struct zram_layout *layout);

/*
 * Page `slot` of the disk whose struct gendisk is at `disk`: VMI_PAGE_SIZE bytes.
 *
 * VMI_ERR_NOT_PRESENT  nothing is in that slot, or not in memory
 * VMI_ERR_UNSUPPORTED  how it is packed
 * VMI_ERR_CORRUPT      the slot and what it names do not fit each other
 */
VMI_CHECKED enum vmi_status zram_read(struct vmi_os *os, const struct zram_layout *layout,
				      vmi_gva disk, uint64_t slot, uint8_t *page,
				      struct vmi_error *err);

#endif
