/* SPDX-License-Identifier: MIT */
#ifndef DUMP_QEMU_BLOCKS_H
#define DUMP_QEMU_BLOCKS_H

#include "cursor.h"

/**
 * The blocks of RAM that a migration stream names, and where each of them is in guest-physical
 * memory, which the stream does not say: it follows from the machine's name.
 */

enum { RAM_BLOCKS_MAX = 4096 };

struct ram_block {
	char name[256];
	uint64_t size;
	uint32_t base;          /* number of its first page, see struct pages */
	bool mapped;            /* its pages lie in the file as in memory (mapped-ram), see below */
	uint64_t bitmap, pages; /* file offsets: bit n says that page n is not zero */
};

/* A stretch of guest-physical memory that is of one block. */
struct ram_window {
	vmi_gpa gpa;
	uint64_t size;
	uint32_t block;
	uint64_t offset; /* in the block */
};

/* Zeroed is empty. */
struct ram_blocks {
	struct ram_block *list;
	uint32_t count, room;
	uint64_t pages; /* of all blocks */
	struct ram_window *window;
	size_t window_count;
};

/* What the configuration said of how blocks are written. */
struct ram_features {
	bool mapped;        /* mapped-ram */
	bool ignore_shared; /* x-ignore-shared: memory that another process also has is not sent */
};

/**
 * Read the list of blocks, which are `total` bytes in all. The cursor says why not when it ends
 * early; `err` when the list makes no sense.
 */
VMI_CHECKED enum vmi_status ram_blocks_read(struct ram_blocks *blocks, struct cursor *cursor,
					    uint64_t total, const struct ram_features *features,
					    struct vmi_error *err);
/* The block of that name, or NULL. */
const struct ram_block *ram_blocks_find(const struct ram_blocks *blocks, const char *name);
/* Fill in the windows for a machine of that name; warn about blocks that have none. */
VMI_CHECKED enum vmi_status ram_blocks_place(struct ram_blocks *blocks, const char *machine,
					     const struct vmi_target *target,
					     struct vmi_error *err);
void ram_blocks_deinit(struct ram_blocks *blocks);

#endif
