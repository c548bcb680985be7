/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_FEED_H
#define CONTAINER_FEED_H

#include <vmi/driver.h>

/**
 * Packed bytes in one piece: where the source has them in memory without a copy, else in a buffer.
 * Zeroed but for the source it is empty. One thread at a time.
 */
struct feed {
	const struct vmi_source *source;
	uint8_t *buffer;
	size_t room;
};

enum { FEED_CHUNK = 128 << 10 };

/* The `len` bytes at `offset`, good until the next call. VMI_ERR_CORRUPT: the file ends before. */
VMI_CHECKED enum vmi_status feed_get(struct feed *feed, uint64_t offset, size_t len,
				     const uint8_t **bytes, struct vmi_error *err);
/* As many as there are at `offset`, at most FEED_CHUNK. */
VMI_CHECKED enum vmi_status feed_some(struct feed *feed, uint64_t offset, const uint8_t **bytes,
				      size_t *len, struct vmi_error *err);
void feed_deinit(struct feed *feed);

#endif
