/* SPDX-License-Identifier: MIT */
#ifndef OS_XARRAY_KERNEL_H
#define OS_XARRAY_KERNEL_H

#include "os.h"
#include "xarray.h"

/** A walk over an XArray of the kernel's; the first member of what its visitors are given. */
struct xarray_walk {
	struct vmi_os *os;
	unsigned nodes_max;
	/* As those of struct xarray; their context is this. */
	bool (*visit)(void *walk, uint64_t index, vmi_gva pointer);
	void (*lost)(void *walk, vmi_gva node, const char *why);
};

/* xarray_walk() with the shape that the kernel's nodes have. */
VMI_CHECKED enum vmi_status xarray_walk_kernel(struct xarray_walk *walk, vmi_gva head,
					       uint64_t first, uint64_t last,
					       struct vmi_error *err);

#endif
