/* SPDX-License-Identifier: MIT */
/* A cache of unpacked blocks: a hash table of them, and a list by last use. */

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"

enum { BUCKET_BITS = 10, BUCKETS = 1 << BUCKET_BITS };

struct block {
	struct block *chain;         /* in its bucket */
	struct block *newer, *older; /* in the list; only when it is ready */
	uint64_t index;
	size_t len;
	unsigned readers; /* who copy from it */
	bool ready;
	uint8_t *bytes;
};

struct blocks {
	pthread_mutex_t lock;
	pthread_cond_t done; /* a block became ready, or has failed */
	blocks_unpack *unpack;
	void *context;
	size_t limit, used;
	uint64_t unpacked;
	struct block *newest, *oldest;
	struct block *buckets[BUCKETS];
};

struct blocks *blocks_create(size_t limit, blocks_unpack *unpack, void *context)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));

	if (!blocks)
		return NULL;
	pthread_mutex_init(&blocks->lock, NULL);
	pthread_cond_init(&blocks->done, NULL);
	blocks->limit = limit ? limit : BLOCKS_LIMIT;
	blocks->unpack = unpack;
	blocks->context = context;
	return blocks;
}

static void block_free(struct block *block)
{
	if (block)
		free(block->bytes);
	free(block);
}

void blocks_destroy(struct blocks *blocks)
{
	if (!blocks)
		return;
	while (blocks->newest) {
		struct block *block = blocks->newest;
		assert(!block->readers);
		blocks->newest = block->older;
		block_free(block);
	}
	pthread_cond_destroy(&blocks->done);
	pthread_mutex_destroy(&blocks->lock);
	free(blocks);
}

/* ---- with the lock held ----------------------------------------------------------------- */

static struct block **bucket_of(struct blocks *blocks, uint64_t index)
{
	return &blocks->buckets[index * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BUCKET_BITS)];
}

static struct block *block_find(struct blocks *blocks, uint64_t index)
{
	struct block *block = *bucket_of(blocks, index);

	while (block && block->index != index)
		block = block->chain;
	return block;
}

static void block_unchain(struct blocks *blocks, const struct block *block)
{
	struct block **at = bucket_of(blocks, block->index);

	while (*at != block)
		at = &(*at)->chain;
	*at = block->chain;
}

static void list_remove(struct blocks *blocks, struct block *block)
{
	*(block->newer ? &block->newer->older : &blocks->newest) = block->older;
	*(block->older ? &block->older->newer : &blocks->oldest) = block->newer;
}

static void list_add(struct blocks *blocks, struct block *block)
{
	block->newer = NULL;
	block->older = blocks->newest;
	*(blocks->newest ? &blocks->newest->newer : &blocks->oldest) = block;
	blocks->newest = block;
}

/*
 * Make room for `len` bytes. A block of that very size is kept for its memory, since giving large
 * pieces back to the system and asking for them again costs more than unpacking into them.
 */
static struct block *evict(struct blocks *blocks, size_t len)
{
	struct block *block = blocks->oldest, *kept = NULL;

	while (block && (len > blocks->limit || blocks->used > blocks->limit - len)) {
		struct block *newer = block->newer;
		if (!block->readers) {
			list_remove(blocks, block);
			block_unchain(blocks, block);
			blocks->used -= block->len;
			if (!kept && block->len == len)
				kept = block;
			else
				block_free(block);
		}
		block = newer;
	}
	return kept;
}

/* An empty block in the table, for the caller to fill. */
static struct block *block_add(struct blocks *blocks, uint64_t index, size_t len)
{
	struct block *block = evict(blocks, len);

	if (!block) {
		block = calloc(1, sizeof(*block));
		if (block)
			block->bytes = malloc(len);
		if (!block || !block->bytes) {
			block_free(block);
			return NULL;
		}
	}
	block->index = index;
	block->len = len;
	block->ready = false;
	block->readers = 1;
	block->chain = *bucket_of(blocks, index);
	*bucket_of(blocks, index) = block;
	blocks->used += len;
	return block;
}

/* ---- reading ---------------------------------------------------------------------------- */

/* Unpack the block, without the lock. If that fails, whoever waits for it tries for himself. */
static enum vmi_status block_fill(struct blocks *blocks, struct block *block, struct vmi_error *err)
{
	blocks->unpacked++;
	pthread_mutex_unlock(&blocks->lock);
	enum vmi_status st =
		blocks->unpack(blocks->context, block->index, block->bytes, block->len, err);
	pthread_mutex_lock(&blocks->lock);

	if (st) {
		block_unchain(blocks, block);
		blocks->used -= block->len;
		block_free(block);
	} else {
		block->ready = true;
		list_add(blocks, block);
	}
	pthread_cond_broadcast(&blocks->done);
	return st;
}

/* The block, ready and with the caller among its readers. */
static enum vmi_status block_get(struct blocks *blocks, uint64_t index, size_t len,
				 struct block **out, struct vmi_error *err)
{
	struct block *block;

	while ((block = block_find(blocks, index)) && !block->ready)
		pthread_cond_wait(&blocks->done, &blocks->lock);
	if (block) {
		assert(block->len == len);
		block->readers++;
		if (block != blocks->newest) {
			list_remove(blocks, block);
			list_add(blocks, block);
		}
		*out = block;
		return VMI_OK;
	}
	block = block_add(blocks, index, len);
	if (!block)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a block of 0x%zx bytes",
				len);
	enum vmi_status st = block_fill(blocks, block, err);
	if (!st)
		*out = block;
	return st;
}

enum vmi_status blocks_read(struct blocks *blocks, uint64_t index, size_t len, size_t offset,
			    void *buf, size_t count, struct vmi_error *err)
{
	struct block *block = NULL;

	assert(offset <= len && count <= len - offset);
	pthread_mutex_lock(&blocks->lock);
	enum vmi_status st = block_get(blocks, index, len, &block, err);
	pthread_mutex_unlock(&blocks->lock);
	if (st)
		return st;

	memcpy(buf, block->bytes + offset, count);

	pthread_mutex_lock(&blocks->lock);
	block->readers--;
	pthread_mutex_unlock(&blocks->lock);
	return VMI_OK;
}

uint64_t blocks_unpacked(struct blocks *blocks)
{
	pthread_mutex_lock(&blocks->lock);
	uint64_t unpacked = blocks->unpacked;
	pthread_mutex_unlock(&blocks->lock);
	return unpacked;
}

size_t blocks_bytes(struct blocks *blocks)
{
	pthread_mutex_lock(&blocks->lock);
	size_t used = blocks->used;
	pthread_mutex_unlock(&blocks->lock);
	return used;
}
