/* SPDX-License-Identifier: MIT */
#ifndef OS_ZSMALLOC_H
#define OS_ZSMALLOC_H

#include "fields.h"

/** Where zsmalloc, which keeps objects of up to a page packed in frames of their own, has what. */
struct zs_layout {
	struct field owner, next, head; /* of a frame's struct page or zpdesc: see zsmalloc.c */
	struct field flags;             /* of a struct page */
	struct field number, huge;      /* of a zspage: of its class; it holds one whole page */
	struct field classes;           /* of a pool */
	struct field size;              /* of a class, of its objects; not there: by its number */
	uint64_t huge_mark;             /* 0: `huge` tells; else of the first frame's flags */
};

/* VMI_ERR_UNSUPPORTED: its types, and the kernel's, do not tell. */
VMI_CHECKED enum vmi_status zs_layout_find(struct vmi_os *os, struct zs_layout *layout,
					   struct vmi_error *err);
/*
 * The first `len` bytes, VMI_PAGE_SIZE at most, of the object of `pool` that is called `handle`.
 *
 * VMI_ERR_CORRUPT  there is no such object any more
 */
VMI_CHECKED enum vmi_status zs_read(struct vmi_os *os, const struct zs_layout *layout, vmi_gva pool,
				    vmi_gva handle, void *buf, size_t len, struct vmi_error *err);

#endif
