/* SPDX-License-Identifier: MIT */
#ifndef TOOL_IMAGE_PACK_H
#define TOOL_IMAGE_PACK_H

#include "image_file.h"
#include "packer.h"
#include "xxh32.h"

/**
 * A file compressed in blocks that stand for themselves, with an index at its end, so that reading
 * at random unpacks one block: an lz4 frame, or zstd frames in zstd's seekable format. Both are
 * unpacked by lz4 and zstd as any other.
 */
enum { IMAGE_BLOCK = 64 << 10 /* bytes of content */ };

/* What a block may take: one that does not become smaller is stored. */
enum { IMAGE_BLOCK_ROOM = IMAGE_BLOCK + 32 };

/* Zeroed is nothing. */
struct image_pack {
	enum packing packing; /* PACK_LZ4 or PACK_ZSTD */
	uint64_t size;        /* of the content */
	uint64_t first, at;   /* where in the file the first block lies, and the next goes */
	uint32_t *index;      /* bytes in the file of each block */
	size_t count;         /* of all blocks: size / IMAGE_BLOCK, rounded up */
	size_t done;
	struct xxh32 hash; /* of the content so far, for lz4 */
};

/* What a file of this kind can hold: an index is a frame of at most 4 GiB, with up to 8 bytes for
 * each block; 32 TiB less a little. */
static inline bool image_pack_fits(uint64_t size)
{
	return size / IMAGE_BLOCK < (UINT32_MAX - 64) / 8;
}
/* Begin the file of content that fits. False: out of memory. */
bool image_pack_begin(struct image_pack *pack, enum packing packing, uint64_t size,
		      struct image_file *file);
/* The bytes of one block in the file, for content of `len` bytes; `out` has IMAGE_BLOCK_ROOM. */
size_t image_pack_block(const struct image_pack *pack, struct packer *packer, const uint8_t *in,
			size_t len, uint8_t *out);
/* The next `len` bytes of content have become blocks of those sizes: where in the file they go. */
uint64_t image_pack_place(struct image_pack *pack, const uint8_t *content, size_t len,
			  const uint32_t *sizes);
/* What is behind the blocks; returns where the file ends. */
uint64_t image_pack_end(struct image_pack *pack, struct image_file *file);
void image_pack_deinit(struct image_pack *pack);

#endif
