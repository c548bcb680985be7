/* SPDX-License-Identifier: MIT */
/* Packed bytes in one piece. */

#include <inttypes.h>
#include <stdlib.h>

#include "feed.h"

enum vmi_status feed_get(struct feed *feed, uint64_t offset, size_t len, const uint8_t **bytes,
			 struct vmi_error *err)
{
	uint64_t size = vmi_source_size(feed->source);

	if (offset > size || len > size - offset)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the file ends at 0x%" PRIx64
				", before the 0x%zx bytes at file offset 0x%" PRIx64,
				size, len, offset);
	*bytes = vmi_source_at(feed->source, offset, len);
	if (*bytes)
		return VMI_OK;
	if (len > feed->room) {
		uint8_t *buffer = realloc(feed->buffer, len);
		if (!buffer)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for 0x%zx packed bytes",
					len);
		feed->buffer = buffer;
		feed->room = len;
	}
	*bytes = feed->buffer;
	return vmi_source_read(feed->source, offset, feed->buffer, len, err);
}

enum vmi_status feed_some(struct feed *feed, uint64_t offset, const uint8_t **bytes, size_t *len,
			  struct vmi_error *err)
{
	uint64_t size = vmi_source_size(feed->source);
	uint64_t left = offset < size ? size - offset : 0;

	*len = left < FEED_CHUNK ? (size_t)left : FEED_CHUNK;
	return feed_get(feed, offset < size ? offset : size, *len, bytes, err);
}

void feed_deinit(struct feed *feed)
{
	free(feed->buffer);
	feed->buffer = NULL;
	feed->room = 0;
}
