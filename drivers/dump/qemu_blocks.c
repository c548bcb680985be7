/* SPDX-License-Identifier: MIT */
/* The list of RAM blocks in a migration stream (QEMU's migration/ram.c, ram_save_setup()). */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "qemu_blocks.h"

enum {
	MAPPED_HEADER = 28, /* u32 version; u64 page size, offset of the bitmap, of the pages */
	MAPPED_VERSION = 1
};
static const uint64_t SIZE_LIMIT = UINT64_C(1) << 44; /* pages are numbered in 32 bits */

static enum vmi_status grow(struct ram_blocks *blocks, struct vmi_error *err)
{
	if (blocks->count == RAM_BLOCKS_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "more than %d blocks of RAM", RAM_BLOCKS_MAX);
	if (blocks->count == blocks->room) {
		uint32_t room = blocks->room ? blocks->room * 2 : 16;
		struct ram_block *list = realloc(blocks->list, room * sizeof(*list));
		if (!list)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		blocks->list = list;
		blocks->room = room;
	}
	return VMI_OK;
}

/*
 * Blocks on huge pages are followed by their page size when the stream is for postcopy, and nothing
 * else says so. It cannot be mistaken: as the next block it would be one without a name, as a page
 * it would be one without a flag. Postcopy excludes the two features that put something else there.
 */
static bool skip_page_size(struct cursor *cursor, const struct ram_features *features)
{
	const uint8_t *bytes = NULL;

	if (!features->mapped && !features->ignore_shared)
		bytes = cursor_peek(cursor, 8);
	uint64_t value = bytes ? be64(bytes) : 0;
	bool is_one = value > VMI_PAGE_SIZE && value < UINT64_C(1) << 56 && !(value & (value - 1));
	return !is_one || cursor_skip(cursor, 8);
}

/*
 * The offsets are those in the file that QEMU wrote to, which may have begun with something else
 * (libvirt's header). The bitmap, however, is just behind, and so tells what to take off.
 */
static enum vmi_status read_mapped(struct ram_block *block, struct cursor *cursor,
				   struct vmi_error *err)
{
	const uint8_t *header = cursor_take(cursor, MAPPED_HEADER);

	if (!header)
		return VMI_END;
	uint64_t bitmap = be64(header + 12), pages = be64(header + 20);
	if (be32(header) != MAPPED_VERSION)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"block %s is mapped-ram of version %" PRIu32
				", and only 1 is known",
				block->name, be32(header));
	if (be64(header + 4) != VMI_PAGE_SIZE)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"block %s has pages of 0x%" PRIx64 " bytes, not 4096", block->name,
				be64(header + 4));
	uint64_t words = (block->size / VMI_PAGE_SIZE + 63) / 64;
	if (pages < bitmap || pages - bitmap < 8 * words || bitmap < cursor->at)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"block %s has its bitmap at 0x%" PRIx64 ", its pages at 0x%" PRIx64,
				block->name, bitmap, pages);
	block->mapped = true;
	block->bitmap = cursor->at;
	block->pages = cursor->at + (pages - bitmap);
	/* The pages may be cut off; what is there can be read. */
	return cursor_skip(cursor, pages - bitmap) && cursor_skip(cursor, block->size) ? VMI_OK
										       : VMI_END;
}

static enum vmi_status read_block(struct ram_block *block, struct cursor *cursor,
				  const struct ram_features *features, struct vmi_error *err)
{
	if (!cursor_name(cursor, block->name) || !cursor_be64(cursor, &block->size))
		return VMI_END;
	if (!block->size || block->size % VMI_PAGE_SIZE || block->size > SIZE_LIMIT)
		return vmi_fail(err, VMI_ERR_CORRUPT, "block %s has 0x%" PRIx64 " bytes",
				block->name, block->size);
	if (!skip_page_size(cursor, features))
		return VMI_END;
	/* With x-ignore-shared comes the address of the block, which is needed for those left out.
	 */
	if (features->ignore_shared && !cursor_skip(cursor, 8))
		return VMI_END;
	return features->mapped ? read_mapped(block, cursor, err) : VMI_OK;
}

enum vmi_status ram_blocks_read(struct ram_blocks *blocks, struct cursor *cursor, uint64_t total,
				const struct ram_features *features, struct vmi_error *err)
{
	uint64_t sum = 0;

	if (blocks->count)
		return vmi_fail(err, VMI_ERR_CORRUPT, "a second list of RAM blocks");
	while (sum < total) {
		enum vmi_status st = grow(blocks, err);
		if (st)
			return st;
		struct ram_block *block = &blocks->list[blocks->count];
		*block = (struct ram_block){.base = (uint32_t)blocks->pages};
		st = read_block(block, cursor, features, err);
		/* One that is cut off within its pages counts, too. */
		if (!st || (st == VMI_END && block->mapped)) {
			blocks->count++;
			sum += block->size;
			blocks->pages += block->size / VMI_PAGE_SIZE;
		}
		if (st)
			return st;
		if (sum > total || blocks->pages > SIZE_LIMIT / VMI_PAGE_SIZE)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"the blocks of RAM have more than the 0x%" PRIx64
					" bytes that they should",
					total);
	}
	return VMI_OK;
}

const struct ram_block *ram_blocks_find(const struct ram_blocks *blocks, const char *name)
{
	for (uint32_t i = 0; i < blocks->count; i++)
		if (!strcmp(blocks->list[i].name, name))
			return &blocks->list[i];
	return NULL;
}

void ram_blocks_deinit(struct ram_blocks *blocks)
{
	free(blocks->list);
	free(blocks->window);
	*blocks = (struct ram_blocks){0};
}
