/* SPDX-License-Identifier: MIT */
#ifndef OS_FRAME_H
#define OS_FRAME_H

#include "os.h"

/** Frames of the guest's memory, and what the kernel has for each: its struct page. */

/* Where the struct page of a frame is. VMI_ERR_UNSUPPORTED: how they are laid out is not known. */
VMI_CHECKED enum vmi_status os_page_of_frame(struct vmi_os *os, vmi_gfn gfn, vmi_gva *page,
					     struct vmi_error *err);
/* The frame that the struct page at `page` stands for. VMI_ERR_CORRUPT: there is none at `page`. */
VMI_CHECKED enum vmi_status os_frame_of_page(struct vmi_os *os, vmi_gva page, vmi_gfn *gfn,
					     struct vmi_error *err);

#endif
