/* SPDX-License-Identifier: MIT */
/* lz4 frames and their blocks. */

#include <inttypes.h>
#include <lz4.h>
#include <string.h>

#include "lz4_frame.h"
#include "skippable.h"
#include "xxh32.h"

enum { LEGACY_BLOCK = 8 << 20 };

static const uint32_t magic_frame = 0x184d2204, magic_legacy = 0x184c2102;

/* ---- frames ----------------------------------------------------------------------------- */

/* Behind the magic number: flags, block size, content size, dictionary, checksum of these. */
static enum vmi_status header_read(struct feed *feed, struct lz4_frame *frame,
				   struct vmi_error *err)
{
	enum { VERSION = 0xc0, INDEPENDENT = 0x20, BLOCK_SUMS = 0x10, SIZE = 8, SUM = 4, DICT = 1 };
	const uint8_t *bytes;
	enum vmi_status st = feed_get(feed, frame->begin, 7, &bytes, err);

	if (st)
		return st;
	unsigned flags = bytes[4], log = bytes[5] >> 4 & 7;
	size_t len = 2 + (flags & SIZE ? 8u : 0) + (flags & DICT ? 4u : 0);
	if ((flags & VERSION) != 0x40)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the lz4 frame at file offset 0x%" PRIx64 " is of version %u",
				frame->begin, flags >> 6);
	st = feed_get(feed, frame->begin + 4, len + 1, &bytes, err);
	if (st)
		return st;
	if (log < 4 || (uint8_t)(xxh32(bytes, len) >> 8) != bytes[len])
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the header of the lz4 frame at file offset 0x%" PRIx64
				" is damaged",
				frame->begin);
	if (flags & DICT)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the lz4 frame at file offset 0x%" PRIx64
				" needs a dictionary: unpack it with the lz4 tool",
				frame->begin);
	frame->block_max = 1u << (8 + 2 * log);
	frame->linked = !(flags & INDEPENDENT);
	frame->block_sums = flags & BLOCK_SUMS;
	frame->content_sum = flags & SUM;
	frame->has_size = flags & SIZE;
	if (frame->has_size)
		frame->content = le64(bytes + 2);
	frame->first_block = frame->begin + 4 + len + 1;
	return VMI_OK;
}

enum vmi_status lz4_frame_find(struct feed *feed, uint64_t at, struct lz4_frame *frame,
			       uint64_t *garbage, struct vmi_error *err)
{
	uint64_t size = vmi_source_size(feed->source);
	const uint8_t *bytes;

	*garbage = 0;
	while (at < size && size - at >= 8) {
		enum vmi_status st = feed_get(feed, at, 8, &bytes, err);
		if (st)
			return st;
		uint32_t magic = le32(bytes);
		*frame = (struct lz4_frame){.begin = at};
		if (magic == magic_frame)
			return header_read(feed, frame, err);
		if (magic == magic_legacy) {
			frame->legacy = true;
			frame->block_max = LEGACY_BLOCK;
			frame->first_block = at + 4;
			return VMI_OK;
		}
		if (!is_skippable(magic))
			break;
		at += 8 + (uint64_t)le32(bytes + 4);
	}
	*garbage = at < size ? size - at : 0;
	return VMI_END;
}

/* ---- blocks ----------------------------------------------------------------------------- */

/* Legacy frames have no end mark: they end with the file, or where another frame begins. */
static bool legacy_end(struct feed *feed, uint64_t at, uint32_t word)
{
	return at == vmi_source_size(feed->source) || word == magic_frame || word == magic_legacy ||
	       is_skippable(word) || !word;
}

enum vmi_status lz4_block_find(struct feed *feed, const struct lz4_frame *frame, uint64_t at,
			       struct lz4_block *block, struct vmi_error *err)
{
	const uint8_t *bytes;
	uint32_t word = 0;
	uint64_t size = vmi_source_size(feed->source);

	if (!frame->legacy || at != size) {
		enum vmi_status st = feed_get(feed, at, 4, &bytes, err);
		if (st)
			return vmi_wrap(err, st, "cut off");
		word = le32(bytes);
	}
	*block = (struct lz4_block){.word = at, .data = at + 4, .next = at};
	block->end = frame->legacy ? legacy_end(feed, at, word) : !word;
	if (block->end) {
		if (!frame->legacy)
			block->next = at + 4 + (frame->content_sum ? 4u : 0);
		return VMI_OK;
	}
	block->plain = !frame->legacy && word >> 31;
	block->len = frame->legacy ? word : word & 0x7fffffff;
	uint32_t most =
		block->plain ? frame->block_max : (uint32_t)LZ4_COMPRESSBOUND(frame->block_max);
	if (block->len > most)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"damaged: the lz4 block at file offset 0x%" PRIx64
				" says that it has 0x%x bytes",
				at, block->len);
	uint64_t sum = frame->block_sums ? 4 : 0;
	if (size - block->data < block->len + sum)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"cut off: the file ends at 0x%" PRIx64
				" inside of the lz4 block at file offset 0x%" PRIx64,
				size, at);
	block->next = block->data + block->len + sum;
	return VMI_OK;
}

static enum vmi_status damaged(const struct lz4_block *block, const char *how,
			       struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_CORRUPT, "the lz4 block at file offset 0x%" PRIx64 " %s",
			block->word, how);
}

static enum vmi_status block_bytes(struct feed *feed, const struct lz4_frame *frame,
				   const struct lz4_block *block, const uint8_t **bytes,
				   struct vmi_error *err)
{
	size_t sum = frame->block_sums ? 4 : 0;
	enum vmi_status st = feed_get(feed, block->data, block->len + sum, bytes, err);

	if (!st && sum && xxh32(*bytes, block->len) != le32(*bytes + block->len))
		return damaged(block, "has a wrong checksum", err);
	return st;
}

enum vmi_status lz4_block_unpack(struct feed *feed, const struct lz4_frame *frame,
				 const struct lz4_block *block, const uint8_t *window,
				 size_t window_len, uint8_t *to, size_t room, size_t *len,
				 struct vmi_error *err)
{
	const uint8_t *bytes;
	enum vmi_status st = block_bytes(feed, frame, block, &bytes, err);

	if (st)
		return st;
	if (block->plain) {
		if (block->len > room)
			return damaged(block, "is longer than its place", err);
		memcpy(to, bytes, block->len);
		*len = block->len;
		return VMI_OK;
	}
	int n = LZ4_decompress_safe_usingDict((const char *)bytes, (char *)to, (int)block->len,
					      (int)room, (const char *)window, (int)window_len);
	if (n < 0)
		return damaged(block, "is damaged", err);
	*len = (size_t)n;
	return VMI_OK;
}

/* A length of the block format: 15 in its four bits, then bytes of 255, then a smaller one. */
static bool length_add(const uint8_t **at, const uint8_t *end, size_t *len)
{
	uint8_t byte = 255;

	while (byte == 255) {
		if (*at == end)
			return false;
		byte = *(*at)++;
		*len += byte;
	}
	return true;
}

/* Sum up the lengths of literals and matches. */
static bool measure(const uint8_t *at, const uint8_t *end, size_t *sum)
{
	*sum = 0;
	while (at < end) {
		unsigned token = *at++;
		size_t literals = token >> 4, match = token & 15;
		if (literals == 15 && !length_add(&at, end, &literals))
			return false;
		if (literals > (size_t)(end - at))
			return false;
		at += literals;
		*sum += literals;
		if (at == end)
			return true; /* the last sequence has no match */
		if (end - at < 2)
			return false;
		at += 2;
		if (match == 15 && !length_add(&at, end, &match))
			return false;
		*sum += match + 4;
	}
	return false;
}

enum vmi_status lz4_block_measure(struct feed *feed, const struct lz4_frame *frame,
				  const struct lz4_block *block, size_t *len, struct vmi_error *err)
{
	const uint8_t *bytes;
	enum vmi_status st = block_bytes(feed, frame, block, &bytes, err);

	if (st)
		return st;
	if (block->plain)
		*len = block->len;
	else if (!measure(bytes, bytes + block->len, len))
		return damaged(block, "is damaged", err);
	return *len <= frame->block_max ? VMI_OK : damaged(block, "is damaged", err);
}
