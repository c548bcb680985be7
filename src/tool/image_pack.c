/* SPDX-License-Identifier: MIT */
/* Files of independent blocks, lz4 or zstd, and their indexes. */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#ifdef VMI_WITH_LZ4
#include <lz4frame.h>
#endif

#include "image_pack.h"
#include "lz4_index.h"
#include "put.h"

enum {
	LZ4_STORED_SHIFT = 31, /* of a block's length word: it is not compressed */
	LZ4_CHECKSUM = 4,      /* bytes behind a block: its hash, as it lies in the file */
	ZSTD_MAGIC = 0xfd2fb528,
	ZSTD_SINGLE_SIZE4 = 0xa0, /* frame header: one segment, content size of four bytes */
	ZSTD_RAW_HEAD = 4 + 1 + 4 + 3,
	ZSTD_TABLE_MAGIC = 0x184d2a5e,
	ZSTD_TABLE_END = 0x8f92eab1,
};

/* The lz4 frame's header, by the library, as it has a checksum of its own. */
static bool lz4_header(struct image_pack *pack, struct image_file *file)
{
#ifdef VMI_WITH_LZ4
	uint8_t header[LZ4F_HEADER_SIZE_MAX];
	LZ4F_cctx *context;
	LZ4F_preferences_t preferences = {
		.frameInfo = {.blockSizeID = LZ4F_max64KB,
			      .blockMode = LZ4F_blockIndependent,
			      .contentSize = pack->size,
			      .contentChecksumFlag = LZ4F_contentChecksumEnabled,
			      .blockChecksumFlag = LZ4F_blockChecksumEnabled},
	};

	if (LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)))
		return false;
	size_t n = LZ4F_compressBegin(context, header, sizeof(header), &preferences);
	LZ4F_freeCompressionContext(context);
	if (LZ4F_isError(n))
		return false;
	image_file_write(file, 0, header, n);
	pack->first = n;
	pack->at = n;
	return true;
#else
	(void)pack;
	(void)file;
	return false;
#endif
}

bool image_pack_begin(struct image_pack *pack, enum packing packing, uint64_t size,
		      struct image_file *file)
{
	*pack = (struct image_pack){.packing = packing, .size = size};
	pack->count = (size_t)((size + IMAGE_BLOCK - 1) / IMAGE_BLOCK);
	pack->index = calloc(pack->count ? pack->count : 1, sizeof(*pack->index));
	if (!pack->index)
		return false;
	return packing == PACK_ZSTD || lz4_header(pack, file);
}

static size_t lz4_block(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out)
{
	size_t size = packer_pack(packer, in, len, out + 4);

	put32(out, size ? size : len | UINT64_C(1) << LZ4_STORED_SHIFT);
	if (!size) {
		memcpy(out + 4, in, len);
		size = len;
	}
	put32(out + 4 + size, xxh32(out + 4, size));
	return 4 + size + LZ4_CHECKSUM;
}

/* A frame; one of a raw block when it does not become smaller (RFC 8878, 3.1.1). */
static size_t zstd_block(struct packer *packer, const uint8_t *in, size_t len, uint8_t *out)
{
	size_t size = packer_pack(packer, in, len, out);

	if (size)
		return size;
	put32(out, ZSTD_MAGIC);
	out[4] = ZSTD_SINGLE_SIZE4;
	put32(out + 5, len);
	uint32_t head = htole32(1 | (uint32_t)len << 3); /* the last block, raw */
	memcpy(out + 9, &head, 3);
	memcpy(out + ZSTD_RAW_HEAD, in, len);
	return ZSTD_RAW_HEAD + len;
}

size_t image_pack_block(const struct image_pack *pack, struct packer *packer, const uint8_t *in,
			size_t len, uint8_t *out)
{
	return pack->packing == PACK_LZ4 ? lz4_block(packer, in, len, out)
					 : zstd_block(packer, in, len, out);
}

uint64_t image_pack_place(struct image_pack *pack, const uint8_t *content, size_t len,
			  const uint32_t *sizes)
{
	uint64_t at = pack->at;
	size_t count = (len + IMAGE_BLOCK - 1) / IMAGE_BLOCK;

	/* Some lz4 programs take the end of a frame that has hashes of blocks only for damaged. */
	if (pack->packing == PACK_LZ4)
		xxh32_add(&pack->hash, content, len);

	for (size_t i = 0; i < count && pack->done < pack->count; i++) {
		pack->index[pack->done++] = sizes[i];
		pack->at += sizes[i];
	}
	return at;
}

static uint32_t content_of(const struct image_pack *pack, size_t block)
{
	uint64_t left = pack->size - (uint64_t)block * IMAGE_BLOCK;

	return left < IMAGE_BLOCK ? (uint32_t)left : IMAGE_BLOCK;
}

/* zstd's seekable format: a skippable frame with the sizes of all frames, found from its end. */
static uint64_t zstd_end(struct image_pack *pack, struct image_file *file)
{
	uint8_t entry[8], footer[9] = {0};
	uint64_t at = pack->at + 8;

	put32(entry, ZSTD_TABLE_MAGIC);
	put32(entry + 4, 8 * (uint64_t)pack->count + sizeof(footer));
	image_file_write(file, pack->at, entry, sizeof(entry));
	for (size_t i = 0; i < pack->count; i++, at += sizeof(entry)) {
		put32(entry, pack->index[i]);
		put32(entry + 4, content_of(pack, i));
		image_file_write(file, at, entry, sizeof(entry));
	}
	put32(footer, pack->count);
	put32(footer + 5, ZSTD_TABLE_END);
	image_file_write(file, at, footer, sizeof(footer));
	return at + sizeof(footer);
}

/* The length word of a block: what is packed is smaller than its content. */
static uint32_t lz4_word(const struct image_pack *pack, size_t block)
{
	uint32_t size = pack->index[block] - 4 - LZ4_CHECKSUM;

	return size == content_of(pack, block) ? size | UINT32_C(1) << LZ4_STORED_SHIFT : size;
}

/* The end of the frame, and our index as a frame that is skipped. */
static uint64_t lz4_end(struct image_pack *pack, struct image_file *file)
{
	uint8_t end[8] = {0}; /* a block of no bytes, and the hash of the content */
	struct lz4_index index = {
		.block_content = IMAGE_BLOCK,
		.first_block = pack->first,
		.content = pack->size,
		.count = (uint32_t)pack->count,
	};
	size_t size = (size_t)lz4_index_bytes(index.count);
	uint8_t *bytes = malloc(size);

	put32(end + 4, xxh32_end(&pack->hash));
	image_file_write(file, pack->at, end, sizeof(end));
	pack->at += sizeof(end);
	if (!bytes)
		return pack->at; /* no more than slower to open */
	for (size_t i = 0; i < pack->count; i++)
		put32(bytes + LZ4_INDEX_HEAD + 4 * i, lz4_word(pack, i));
	lz4_index_write(&index, bytes, xxh32);
	image_file_write(file, pack->at, bytes, size);
	free(bytes);
	return pack->at + size;
}

uint64_t image_pack_end(struct image_pack *pack, struct image_file *file)
{
	return pack->packing == PACK_LZ4 ? lz4_end(pack, file) : zstd_end(pack, file);
}

void image_pack_deinit(struct image_pack *pack)
{
	free(pack->index);
	*pack = (struct image_pack){0};
}
