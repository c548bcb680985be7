/* SPDX-License-Identifier: MIT */
#ifndef TOOL_STRETCH_H
#define TOOL_STRETCH_H

#include <vmi/vmi.h>

/** What of a space can be read, in ascending order. A NULL space is guest-physical memory. */

struct piece {
	uint64_t addr;
	uint64_t size; /* addr + size may be 2^64, that is 0 */
	bool zero;     /* a hole of a sparse file: reads as zeros */
};

struct piece_iter {
	struct vmi *vm;
	bool ended;
	uint64_t at, last;             /* physical: from where on; virtual: within the range */
	const struct vmi_space *space; /* borrowed */
	struct vmi_range_iter ranges;
	struct vmi_range range; /* mapped or paged, being cut into pieces; size 0: none */
};

/* From `first` to `last`, both included. */
void piece_begin(struct piece_iter *iter, struct vmi *vm, const struct vmi_space *space,
		 uint64_t first, uint64_t last);
/* VMI_END behind the last. */
VMI_CHECKED enum vmi_status piece_next(struct piece_iter *iter, struct piece *piece,
				       struct vmi_error *err);

/** A part of a stretch for one worker: whatever begins in it is found there and nowhere else. */
struct unit {
	uint64_t addr;
	size_t size;
	uint64_t before; /* how much of the same stretch comes before addr */
};

enum { UNIT_SIZE = 1 << 20 };

/**
 * All of a space as units. A stretch is as long as addresses follow one another without a hole,
 * however the bytes lie in the image. Zeros of sparse files are left out, but for `margin` bytes
 * beside bytes that are saved.
 */
struct unit_iter {
	struct piece_iter pieces;
	uint64_t margin;
	struct piece ahead[2]; /* taken from pieces, not in the stretch yet */
	unsigned ahead_count;
	uint64_t addr, left, before; /* the stretch as far as known */
};

void unit_begin(struct unit_iter *iter, struct vmi *vm, const struct vmi_space *space,
		uint64_t margin);
VMI_CHECKED enum vmi_status unit_next(struct unit_iter *iter, struct unit *unit,
				      struct vmi_error *err);

#endif
