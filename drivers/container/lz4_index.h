/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_LZ4_INDEX_H
#define CONTAINER_LZ4_INDEX_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/**
 * Where the blocks of an lz4 frame are, behind it in a skippable frame of its own, which the lz4
 * tools pass over. With it, opening takes no look at the blocks. All integers are little-endian:
 *
 *       0  u32  0x184d2a5d, a skippable frame's magic number
 *       4  u32  length of what follows
 *       8  8    "VMILZ4IX"
 *      16  u32  version: 1
 *      20  u32  content of each block but the last, in bytes
 *      24  u64  file offset of the first block's length word, as the frame's header gives it
 *      32  u64  content of the frame in bytes
 *      40  u32  for each block its length word: bytes, and bit 31 where they are not packed
 *          ...
 *          u32  xxHash (32 bits, seed 0) of everything from offset 8 up to here
 *          u32  length of all this, from offset 0 to the end
 *          8    "VMILZ4IX", the last bytes of the file
 *
 * The frame before it is the only one and begins at file offset 0; its blocks are independent; its
 * header may have any flags.
 */
enum { LZ4_INDEX_HEAD = 40, LZ4_INDEX_TAIL = 16 };

struct lz4_index {
	uint32_t block_content;
	uint64_t first_block;
	uint64_t content;
	uint32_t count; /* of blocks */
	const uint8_t *words;
};

static inline const char *lz4_index_magic(void)
{
	return "VMILZ4IX";
}

static inline uint32_t lz4_index_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static inline uint64_t lz4_index_u64(const uint8_t *at)
{
	return lz4_index_u32(at) | (uint64_t)lz4_index_u32(at + 4) << 32;
}

static inline void lz4_index_put(uint8_t *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static inline uint64_t lz4_index_bytes(uint32_t count)
{
	return LZ4_INDEX_HEAD + (uint64_t)count * 4 + LZ4_INDEX_TAIL;
}

/*
 * Write one of lz4_index_bytes(index->count), which is below 4 GiB, to `to`. The words have been
 * put to `to` + LZ4_INDEX_HEAD already, index->words is not looked at.
 */
static inline void lz4_index_write(const struct lz4_index *index, uint8_t *to,
				   uint32_t (*hash)(const uint8_t *bytes, size_t len))
{
	uint32_t len = (uint32_t)lz4_index_bytes(index->count);
	uint8_t *tail = to + len - LZ4_INDEX_TAIL;

	lz4_index_put(to, 0x184d2a5d);
	lz4_index_put(to + 4, len - 8);
	memcpy(to + 8, lz4_index_magic(), 8);
	lz4_index_put(to + 16, 1);
	lz4_index_put(to + 20, index->block_content);
	lz4_index_put(to + 24, (uint32_t)index->first_block);
	lz4_index_put(to + 28, (uint32_t)(index->first_block >> 32));
	lz4_index_put(to + 32, (uint32_t)index->content);
	lz4_index_put(to + 36, (uint32_t)(index->content >> 32));
	lz4_index_put(tail, hash(to + 8, len - 8 - LZ4_INDEX_TAIL));
	lz4_index_put(tail + 4, len);
	memcpy(tail + 8, lz4_index_magic(), 8);
}

/* How long is the index that ends with these LZ4_INDEX_TAIL bytes? 0: none does. */
static inline uint32_t lz4_index_length(const uint8_t *tail)
{
	uint32_t len = lz4_index_u32(tail + 4);

	if (memcmp(tail + 8, lz4_index_magic(), 8) || len < lz4_index_bytes(0) || len % 4)
		return 0;
	return len;
}

/* From its bytes, all `len` of them. False: it is damaged, or no version that is known. */
static inline bool lz4_index_read(struct lz4_index *index, const uint8_t *bytes, uint32_t len,
				  uint32_t (*hash)(const uint8_t *bytes, size_t len))
{
	const uint8_t *tail = bytes + len - LZ4_INDEX_TAIL;

	if (lz4_index_u32(bytes) != 0x184d2a5d || lz4_index_u32(bytes + 4) != len - 8 ||
	    memcmp(bytes + 8, lz4_index_magic(), 8) || lz4_index_u32(bytes + 16) != 1 ||
	    lz4_index_u32(tail) != hash(bytes + 8, len - 8 - LZ4_INDEX_TAIL))
		return false;
	*index = (struct lz4_index){
		.block_content = lz4_index_u32(bytes + 20),
		.first_block = lz4_index_u64(bytes + 24),
		.content = lz4_index_u64(bytes + 32),
		.count = (len - LZ4_INDEX_HEAD - LZ4_INDEX_TAIL) / 4,
		.words = bytes + LZ4_INDEX_HEAD,
	};
	/* All blocks are full but the last, which is not empty. */
	uint64_t most = (uint64_t)index->count * index->block_content;
	return index->count && index->block_content && index->content <= most &&
	       index->content > most - index->block_content;
}

#endif
