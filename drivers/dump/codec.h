/* SPDX-License-Identifier: MIT */
#ifndef DUMP_CODEC_H
#define DUMP_CODEC_H

#include <stdatomic.h>

#include <vmi/driver.h>

/**
 * Compressed blocks, such as pages, whose size when unpacked is known. What a codec needs for its
 * work is taken from a pool, so that threads unpack at once without waiting for each other.
 */

enum codec {
	CODEC_ZLIB,   /* RFC 1950 */
	CODEC_LZO,    /* LZO1X */
	CODEC_SNAPPY, /* one block, without framing */
	CODEC_ZSTD,   /* one frame */
	CODEC_COUNT
};

/* "zlib". Static. */
const char *codec_name(enum codec codec);
/* VMI_ERR_UNSUPPORTED: this build lacks it, and what to do. */
VMI_CHECKED enum vmi_status codec_require(enum codec codec, struct vmi_error *err);

enum { CODEC_POOL = 16, CODEC_SCRATCH = 8192 };

/** What one thread at a time unpacks with. */
struct codec_tools {
	uint8_t scratch[CODEC_SCRATCH]; /* the user's, for compressed bytes */
	void *deflate, *zstd;           /* made when they are first needed */
};

/** Idle tools. Zeroed is empty. */
struct codec_pool {
	struct codec_slot {
		_Atomic(struct codec_tools *) idle;
		uint8_t apart[56]; /* so that CPUs do not fight for one cache line */
	} slots[CODEC_POOL];
};

/* NULL: out of memory. End with codec_tools_put(). */
struct codec_tools *codec_tools_take(struct codec_pool *pool);
void codec_tools_put(struct codec_pool *pool, struct codec_tools *tools);
/* All tools must have been put. */
void codec_pool_deinit(struct codec_pool *pool);

/**
 * Unpack `in_size` bytes to exactly `out_size`; `out` is written to even on failure.
 *
 * VMI_ERR_CORRUPT      it is damaged, or gives more or less
 * VMI_ERR_UNSUPPORTED  as codec_require()
 */
VMI_CHECKED enum vmi_status codec_unpack(struct codec_tools *tools, enum codec codec,
					 const uint8_t *in, size_t in_size, uint8_t *out,
					 size_t out_size, struct vmi_error *err);

#endif
