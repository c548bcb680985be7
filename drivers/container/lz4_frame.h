/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_LZ4_FRAME_H
#define CONTAINER_LZ4_FRAME_H

#include "feed.h"

/**
 * lz4 frames and their blocks, by the lz4 frame format 1.6.3, "legacy" ones and those to be skipped
 * among them.
 */
struct lz4_frame {
	uint64_t begin;       /* file offset of its magic number */
	uint64_t first_block; /* of the first block's length word */
	uint32_t block_max;   /* content of one block, at most */
	bool legacy, linked, block_sums, content_sum, has_size;
	uint64_t content; /* bytes, when it has_size */
};

struct lz4_block {
	uint64_t word, data; /* file offsets: of its length word, of its bytes */
	uint64_t next;       /* behind it */
	uint32_t len;        /* bytes in the file */
	bool plain;          /* not packed */
	bool end;            /* no block, but the end of the frame */
};

enum { LZ4_WINDOW = 64 << 10 };

/*
 * The header of the first frame at or behind `at` that is not to be skipped. VMI_END: there is
 * none, with *garbage bytes of something else instead.
 */
VMI_CHECKED enum vmi_status lz4_frame_find(struct feed *feed, uint64_t at, struct lz4_frame *frame,
					   uint64_t *garbage, struct vmi_error *err);
/* The block whose length word is at `at`. */
VMI_CHECKED enum vmi_status lz4_block_find(struct feed *feed, const struct lz4_frame *frame,
					   uint64_t at, struct lz4_block *block,
					   struct vmi_error *err);
/*
 * Unpack it to `to`, which has room for `room` bytes; `window` is the content before it, where
 * blocks are linked. Its checksum is verified.
 */
VMI_CHECKED enum vmi_status lz4_block_unpack(struct feed *feed, const struct lz4_frame *frame,
					     const struct lz4_block *block, const uint8_t *window,
					     size_t window_len, uint8_t *to, size_t room,
					     size_t *len, struct vmi_error *err);
/* How long the content of a block is, without unpacking it. */
VMI_CHECKED enum vmi_status lz4_block_measure(struct feed *feed, const struct lz4_frame *frame,
					      const struct lz4_block *block, size_t *len,
					      struct vmi_error *err);

#endif
