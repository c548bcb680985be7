/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_LZ4_DECODER_H
#define CONTAINER_LZ4_DECODER_H

#include "checkpoints.h"
#include "lz4_frame.h"

/** The content of lz4 frames, block after block and frame after frame. */
struct lz4_decoder {
	struct feed feed;
	struct lz4_frame frame;
	bool inside;    /* of the frame */
	bool full;      /* every block but the last has block_max bytes */
	uint64_t at;    /* of the next block, or frame */
	uint8_t *block; /* content that has not been asked for yet */
	size_t room, have, used;
	uint8_t *window; /* the last content, where blocks are linked */
	size_t window_len;
};

/* Begin with a frame. */
VMI_CHECKED enum vmi_status lz4_decoder_enter(struct lz4_decoder *d, const struct lz4_frame *frame,
					      struct vmi_error *err);
/* Room for one block in d->block. */
VMI_CHECKED enum vmi_status lz4_decoder_room(struct lz4_decoder *d, struct vmi_error *err);
/* Unpack `block` of the frame to `to`, with room for a whole one, and go behind it. */
VMI_CHECKED enum vmi_status lz4_decoder_block(struct lz4_decoder *d, const struct lz4_block *block,
					      uint8_t *to, size_t *len, struct vmi_error *err);
/* The next `len` bytes, all of them. */
VMI_CHECKED enum vmi_status lz4_decoder_next(struct lz4_decoder *d, uint8_t *to, size_t len,
					     struct vmi_error *err);

/* The state of a checkpoint at a block, for checkpoints_add(). NULL when out of memory. */
uint8_t *lz4_decoder_save(const struct lz4_decoder *d, size_t *len);
VMI_CHECKED enum vmi_status lz4_decoder_resume(struct lz4_decoder *d, const struct checkpoint *from,
					       struct vmi_error *err);
void lz4_decoder_deinit(struct lz4_decoder *d);

#endif
