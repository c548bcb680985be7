/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_BLOCKS_H
#define CONTAINER_BLOCKS_H

#include <vmi/driver.h>

/**
 * A cache of unpacked blocks, shared by threads: each block is unpacked once however many threads
 * ask for it, outside the lock, and the one used longest ago leaves first.
 *
 * It holds at most `limit` bytes, and one block for each thread that is in blocks_read() beside it.
 */
struct blocks;

enum { BLOCKS_LIMIT = 64 << 20 /* bytes, where vmi_open_options has no unpack_bytes */ };

/* Unpack block `index`, all `len` bytes of it. Called by several threads at once. */
typedef enum vmi_status blocks_unpack(void *context, uint64_t index, uint8_t *to, size_t len,
				      struct vmi_error *err);

/* `context` must outlive it. NULL when out of memory. */
struct blocks *blocks_create(size_t limit, blocks_unpack *unpack, void *context);
/* NULL is allowed. */
void blocks_destroy(struct blocks *blocks);

/**
 * Copy `count` bytes at `offset` of block `index`, which has `len` bytes in all (the same at each
 * call). Nothing is remembered of a block that cannot be unpacked.
 */
VMI_CHECKED enum vmi_status blocks_read(struct blocks *blocks, uint64_t index, size_t len,
					size_t offset, void *buf, size_t count,
					struct vmi_error *err);

/* How often a block was unpacked, and how many bytes the blocks that are held have. */
uint64_t blocks_unpacked(struct blocks *blocks);
size_t blocks_bytes(struct blocks *blocks);

#endif
