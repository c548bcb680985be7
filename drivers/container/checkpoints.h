/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_CHECKPOINTS_H
#define CONTAINER_CHECKPOINTS_H

#include <vmi/driver.h>

/**
 * Places from which unpacking can begin: content offset, file offset, and what the decoder needs to
 * know there. All of them together stay within a limit of memory, whatever the size of the content:
 * when they reach it, the span between two is doubled and those in between are dropped.
 */
struct checkpoint {
	uint64_t out;   /* offset in the content */
	uint64_t in;    /* offset in the file */
	uint8_t *state; /* the decoder's; owned; NULL when it needs none */
	uint32_t state_len;
};

struct checkpoints {
	struct checkpoint *list; /* ascending */
	size_t count, room;
	size_t bytes;  /* of all of it */
	uint64_t span; /* that two are apart, at least */
};

enum { CHECKPOINTS_LIMIT = 64 << 20 /* bytes */ };

/* Is `out` far enough behind the last one? */
bool checkpoints_due(const struct checkpoints *points, uint64_t out);
/* Takes over `state`, whatever happens. One that is not due is dropped. */
VMI_CHECKED enum vmi_status checkpoints_add(struct checkpoints *points, uint64_t out, uint64_t in,
					    uint8_t *state, size_t state_len,
					    struct vmi_error *err);
/* Forget those at or behind `out`, which is behind the first. */
void checkpoints_drop(struct checkpoints *points, uint64_t out);
/* The last at or before `out`, which is not before the first. */
const struct checkpoint *checkpoints_find(const struct checkpoints *points, uint64_t out);
/* The longest way from one to the next, or to the end at `size`. */
uint64_t checkpoints_gap(const struct checkpoints *points, uint64_t size);
void checkpoints_deinit(struct checkpoints *points);

#endif
