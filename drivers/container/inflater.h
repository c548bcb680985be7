/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_INFLATER_H
#define CONTAINER_INFLATER_H

#include <zlib.h>

#include "checkpoints.h"
#include "feed.h"

/**
 * Deflated content, member after member, that can stop at any byte and begin there again.
 */
enum wrapping { WRAPPING_GZIP, WRAPPING_ZLIB };

struct inflater {
	struct feed feed;
	enum wrapping wrapping;
	uint64_t at; /* file offset behind what zlib has been given */

	z_stream z;
	bool live;          /* z is initialised */
	bool inside;        /* of a member, behind its header */
	uint64_t block_bit; /* where the block begins, counted in bits of the file */

	uint64_t members;               /* headers seen */
	uint64_t member_in, member_out; /* where it begins, how much came out of it so far */
	uint32_t sum;                   /* of that; only when checking */
	bool checking;
	uint64_t wrong_in; /* the last member whose checksum was wrong, and */
	unsigned wrong;    /* how many there were */
	uint64_t garbage;  /* bytes behind the last member, not all zero */
};

enum { INFLATER_WINDOW = 32768, INFLATER_BACK = 258 /* bytes of the longest match, RFC 1951 */ };

VMI_CHECKED enum vmi_status inflater_init(struct inflater *in, const struct vmi_source *source,
					  enum wrapping wrapping, struct vmi_error *err);
void inflater_deinit(struct inflater *in);

/* The file offset behind what was taken so far. */
uint64_t inflater_position(const struct inflater *in);

/*
 * Up to `len` bytes; *got of them came, on failure too. VMI_END: there are no more.
 * VMI_ERR_CORRUPT: they are damaged, or cut off, at the file offset that it says.
 */
VMI_CHECKED enum vmi_status inflater_next(struct inflater *in, uint8_t *to, size_t len, size_t *got,
					  struct vmi_error *err);

/*
 * Remember this place; only when inflater_next() has delivered all that was asked. `end` is behind
 * the last byte that came out, and INFLATER_WINDOW + INFLATER_BACK bytes before it are at hand, as
 * far as there were so many. NULL *state: here it cannot be.
 */
VMI_CHECKED enum vmi_status inflater_save(struct inflater *in, const uint8_t *end, uint8_t **state,
					  size_t *len, struct vmi_error *err);
/* Go there. */
VMI_CHECKED enum vmi_status inflater_resume(struct inflater *in, const struct checkpoint *point,
					    struct vmi_error *err);

#endif
