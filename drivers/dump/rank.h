/* SPDX-License-Identifier: MIT */
#ifndef DUMP_RANK_H
#define DUMP_RANK_H

#include <vmi/driver.h>

/**
 * A bitmap with one bit for each frame, whose set bits stand for pages that lie one after another
 * in the file: which one a frame's is, without a table of pages. Lowest bit of a byte first.
 * Immutable once open, so any thread may use it.
 */
struct rank {
	const uint8_t *bits;
	uint8_t *copy;    /* of the bits, where the source is not in memory */
	uint64_t count;   /* of bits */
	uint64_t ones;    /* that are set */
	uint64_t *before; /* set bits in front of each block */
};

/* `count` bits at `offset` of the source. */
VMI_CHECKED enum vmi_status rank_open(struct rank *rank, const struct vmi_source *source,
				      uint64_t offset, uint64_t count, struct vmi_error *err);
void rank_close(struct rank *rank);

/*
 * How many set bits there are in front of a set bit; false when it is not set. *run is how many
 * are set from it on, at least, without looking far.
 */
bool rank_find(const struct rank *rank, uint64_t bit, uint64_t *index, unsigned *run);
/* The set bit that has `index` set bits in front of it; the count of bits when there is none. */
uint64_t rank_select(const struct rank *rank, uint64_t index);
/* The first bit from `from` on that is set, or that is not; the count of bits when there is none.
 */
uint64_t rank_next_one(const struct rank *rank, uint64_t from);
uint64_t rank_next_zero(const struct rank *rank, uint64_t from);

#endif
