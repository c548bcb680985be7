/* SPDX-License-Identifier: MIT */
#ifndef OS_XARRAY_H
#define OS_XARRAY_H

#include <vmi/driver.h>

/** The kernel's XArray (include/linux/xarray.h), and the radix tree that it was until 4.19. */
struct xarray {
	unsigned pointer_size;
	unsigned slot_count;   /* of a node: a power of two, at most XARRAY_SLOTS_MAX */
	uint64_t shift_offset; /* of the node's `shift`, a byte */
	uint64_t slots_offset;
	unsigned nodes_max; /* that are looked at: an array of a torn image may have any number */
	uint8_t node_mark;  /* the two low bits of a slot that leads to a node */

	/* All of a node's bytes from `gva` on, or a failure. */
	enum vmi_status (*read)(void *context, vmi_gva gva, void *buf, size_t len,
				struct vmi_error *err);
	/* A pointer that is kept at `index`; false ends the walk. */
	bool (*visit)(void *context, uint64_t index, vmi_gva pointer);
	/* A node that cannot be used; the walk goes on behind it. */
	void (*lost)(void *context, vmi_gva node, const char *why);
	void *context;
};

enum { XARRAY_SLOTS_MAX = 64 };

/* Visit what is kept at [first, last] under `head`, the array's xa_head, in ascending order. */
void xarray_walk(const struct xarray *xarray, vmi_gva head, uint64_t first, uint64_t last);

#endif
