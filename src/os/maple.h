/* SPDX-License-Identifier: MIT */
#ifndef OS_MAPLE_H
#define OS_MAPLE_H

#include <vmi/driver.h>

/** Where a kind of node keeps what leads on; all of it within MAPLE_NODE_BYTES. */
struct maple_shape {
	uint64_t pivots; /* offset; one less than slots */
	uint64_t slots;  /* offset */
	uint64_t count;  /* of slots */
};

/** The kernel's maple tree (include/linux/maple_tree.h): ranges of numbers, each with a pointer. */
struct maple {
	unsigned pointer_size;
	struct maple_shape range;  /* struct maple_range_64: leaves and inner nodes */
	struct maple_shape arange; /* struct maple_arange_64: inner nodes that know of gaps */
	size_t node_budget;        /* nodes that are looked at, whatever they refer to */

	/* All of a node's bytes, or a failure. */
	enum vmi_status (*read)(void *context, vmi_gva gva, void *buf, size_t len,
				struct vmi_error *err);
	/* A pointer that is kept for [first, last]; false ends the walk. */
	bool (*visit)(void *context, uint64_t first, uint64_t last, vmi_gva pointer);
	/* A node that cannot be used; the walk goes on behind it. */
	void (*lost)(void *context, vmi_gva node, const char *why);
	void *context;
};

enum { MAPLE_NODE_BYTES = 256 };

/* Does a node hold what the shapes say? */
bool maple_is_sane(const struct maple *maple);
/* Visit what the tree holds, in ascending order; `root` is its ma_root. */
void maple_walk(const struct maple *maple, vmi_gva root);

#endif
