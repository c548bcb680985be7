/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_ZSTD_DECODER_H
#define CONTAINER_ZSTD_DECODER_H

#include <zstd.h>

#include "checkpoints.h"
#include "zstd_frame.h"
#include "zstd_state.h"

/** The content of zstd frames, from the beginning of one or from one of its blocks. */
struct zstd_decoder {
	struct feed feed;
	ZSTD_DCtx *zstd;
	uint64_t at;   /* file offset of what zstd gets next */
	bool inside;   /* a frame that was entered in its middle, */
	bool skip_sum; /* whose checksum is of all of it, so it cannot be verified */
};

VMI_CHECKED enum vmi_status
zstd_decoder_init(struct zstd_decoder *d, const struct vmi_source *source, struct vmi_error *err);
/* The next `len` bytes, all of them. */
VMI_CHECKED enum vmi_status zstd_decoder_next(struct zstd_decoder *d, uint8_t *to, size_t len,
					      struct vmi_error *err);
/*
 * What is to be known at a block of `frame` whose state is `state`, and before which are the
 * `window_len` bytes of content at `window`. NULL when out of memory.
 */
uint8_t *zstd_decoder_save(const struct zstd_frame *frame, const struct zstd_state *state,
			   const uint8_t *window, size_t window_len, size_t *len);
VMI_CHECKED enum vmi_status
zstd_decoder_resume(struct zstd_decoder *d, const struct checkpoint *from, struct vmi_error *err);
void zstd_decoder_deinit(struct zstd_decoder *d);

#endif
