/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_ZSTD_FRAME_H
#define CONTAINER_ZSTD_FRAME_H

#include "feed.h"

/** zstd frames and their blocks, by RFC 8878 3.1.1; the seek table is zstd's
 * contrib/seekable_format. */
struct zstd_frame {
	uint64_t begin, first_block; /* file offsets */
	uint64_t window;
	uint64_t content; /* bytes, when it has_content */
	uint32_t dictionary;
	bool has_content, has_sum;
};

struct zstd_block {
	uint64_t next; /* file offset behind it */
	uint32_t len;  /* with the header */
	bool last, packed;
};

enum { ZSTD_BLOCK_HEAD = 3 };

/*
 * The header of the first frame at or behind `at` that is not to be skipped. VMI_END: there is
 * none, with *garbage bytes of something else instead.
 */
VMI_CHECKED enum vmi_status zstd_frame_find(struct feed *feed, uint64_t at,
					    struct zstd_frame *frame, uint64_t *garbage,
					    struct vmi_error *err);
VMI_CHECKED enum vmi_status zstd_block_find(struct feed *feed, uint64_t at,
					    struct zstd_block *block, struct vmi_error *err);
/* Behind the frame, its checksum included, by the lengths of its blocks. */
VMI_CHECKED enum vmi_status zstd_frame_end(struct feed *feed, const struct zstd_frame *frame,
					   uint64_t *end, struct vmi_error *err);

#endif
