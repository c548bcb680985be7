/* SPDX-License-Identifier: MIT */
/* zstd frames and their blocks. */

#include <inttypes.h>

#include "skippable.h"
#include "zstd_frame.h"

/* 3.1.1.1: flags, window, dictionary, content. */
static enum vmi_status header_read(struct feed *feed, struct zstd_frame *frame,
				   struct vmi_error *err)
{
	static const uint8_t dictionary_len[] = {0, 1, 2, 4}, content_len[] = {0, 2, 4, 8};
	const uint8_t *bytes;
	enum vmi_status st = feed_get(feed, frame->begin + 4, 1, &bytes, err);

	if (st)
		return st;
	unsigned flags = bytes[0];
	bool single = flags & 0x20;
	size_t dictionary = dictionary_len[flags & 3], content = content_len[flags >> 6];
	if (single && !content)
		content = 1;
	size_t len = (single ? 1u : 2u) + dictionary + content;
	st = feed_get(feed, frame->begin + 4, len, &bytes, err);
	if (st)
		return st;
	if (flags & 8)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the zstd frame at file offset 0x%" PRIx64
				" has a flag that is not known",
				frame->begin);
	const uint8_t *at = bytes + (single ? 1 : 2);
	for (size_t i = 0; i < dictionary; i++)
		frame->dictionary |= (uint32_t)*at++ << 8 * i;
	for (size_t i = 0; i < content; i++)
		frame->content |= (uint64_t)*at++ << 8 * i;
	frame->content += content == 2 ? 256 : 0;
	frame->has_content = content;
	frame->has_sum = flags & 4;
	uint64_t base = UINT64_C(1) << (10 + (bytes[1] >> 3));
	frame->window = single ? frame->content : base + base / 8 * (bytes[1] & 7);
	frame->first_block = frame->begin + 4 + len;
	return VMI_OK;
}

enum vmi_status zstd_frame_find(struct feed *feed, uint64_t at, struct zstd_frame *frame,
				uint64_t *garbage, struct vmi_error *err)
{
	uint64_t size = vmi_source_size(feed->source);
	const uint8_t *bytes;

	*garbage = 0;
	while (at < size && size - at >= 8) {
		enum vmi_status st = feed_get(feed, at, 8, &bytes, err);
		if (st)
			return st;
		*frame = (struct zstd_frame){.begin = at};
		if (le32(bytes) == 0xfd2fb528)
			return header_read(feed, frame, err);
		if (!is_skippable(le32(bytes)))
			break;
		at += 8 + (uint64_t)le32(bytes + 4);
	}
	*garbage = at < size ? size - at : 0;
	return VMI_END;
}

/* 3.1.1.2 */
enum vmi_status zstd_block_find(struct feed *feed, uint64_t at, struct zstd_block *block,
				struct vmi_error *err)
{
	enum { SINGLE = 1, PACKED = 2, NONE = 3, CONTENT_MAX = 128 << 10 };
	const uint8_t *bytes;
	enum vmi_status st = feed_get(feed, at, ZSTD_BLOCK_HEAD, &bytes, err);

	if (st)
		return vmi_wrap(err, st, "cut off");
	unsigned head = bytes[0] | (unsigned)bytes[1] << 8 | (unsigned)bytes[2] << 16;
	unsigned type = head >> 1 & 3, size = head >> 3;
	if (type == NONE || size > CONTENT_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"damaged: no zstd block at file offset 0x%" PRIx64, at);
	block->last = head & 1;
	block->packed = type == PACKED;
	block->len = ZSTD_BLOCK_HEAD + (type == SINGLE ? 1 : size);
	block->next = at + block->len;
	if (vmi_source_size(feed->source) < block->next)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"cut off: the file ends at 0x%" PRIx64
				" inside of the zstd block at file offset 0x%" PRIx64,
				vmi_source_size(feed->source), at);
	return VMI_OK;
}

enum vmi_status zstd_frame_end(struct feed *feed, const struct zstd_frame *frame, uint64_t *end,
			       struct vmi_error *err)
{
	struct zstd_block block = {.next = frame->first_block};
	enum vmi_status st = VMI_OK;

	while (!st && !block.last)
		st = zstd_block_find(feed, block.next, &block, err);
	if (st)
		return st;
	*end = block.next + (frame->has_sum ? 4u : 0);
	return *end <= vmi_source_size(feed->source)
		       ? VMI_OK
		       : vmi_fail(err, VMI_ERR_CORRUPT, "cut off: the checksum is missing");
}
