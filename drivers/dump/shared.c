/* SPDX-License-Identifier: MIT */
/* Pages of our own: a pool of free ones per CPU, and a few remembered by where they came from. */

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "shared.h"

/*
 * Pages are carved from chunks, of which each is twice as large as the one before, up to what the
 * host has large pages for: a cache full of pages then costs tens of page faults, not thousands,
 * which is more than a page of snappy takes to unpack.
 */
enum { CHUNK_LEAST = 64 << 10, CHUNK_MOST = 2 << 20, CREDIT = 64 };

struct shared_chunk {
	struct shared_chunk *next;
	size_t count;
	uint8_t apart[64 - 2 * 8];
	struct shared_page pages[];
};

void shared_init(struct shared *shared)
{
	for (unsigned i = 0; i < SHARED_POOLS; i++)
		pthread_mutex_init(&shared->pools[i].lock, NULL);
}

/* Add a chunk of free pages. False: out of memory. */
static bool pool_grow(struct shared_pool *pool)
{
	size_t size = CHUNK_LEAST;

	while (size < CHUNK_MOST && size < pool->pages * sizeof(struct shared_page))
		size *= 2;
	struct shared_chunk *chunk = aligned_alloc(size, size);
	if (!chunk)
		return false;
	if (size == CHUNK_MOST)
		(void)!madvise(chunk, size, MADV_HUGEPAGE); /* a wish, no more */
	chunk->count = (size - sizeof(*chunk)) / sizeof(chunk->pages[0]);
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	pool->pages += chunk->count;
	for (size_t i = chunk->count; i-- > 0;) {
		chunk->pages[i].pool = pool;
		chunk->pages[i].next = pool->idle;
		pool->idle = &chunk->pages[i];
	}
	return true;
}

struct shared_page *shared_page_get(struct shared *shared)
{
	int cpu = sched_getcpu();
	struct shared_pool *pool = &shared->pools[cpu < 0 ? 0 : cpu % SHARED_POOLS];
	struct shared_page *page = NULL;

	pthread_mutex_lock(&pool->lock);
	if (pool->idle || pool_grow(pool)) {
		page = pool->idle;
		pool->idle = page->next;
	}
	pthread_mutex_unlock(&pool->lock);
	if (page)
		atomic_init(&page->holders, 1);
	return page;
}

void shared_page_put(struct shared_page *page)
{
	if (!page || atomic_fetch_sub_explicit(&page->holders, 1, memory_order_acq_rel) != 1)
		return;
	struct shared_pool *pool = page->pool;
	pthread_mutex_lock(&pool->lock);
	page->next = pool->idle;
	pool->idle = page;
	pthread_mutex_unlock(&pool->lock);
}

/* The slot of a place, held against others; NULL when another has it. */
static struct shared_slot *slot_take(struct shared *shared, uint64_t offset)
{
	/* Fibonacci hashing: offsets of neighbours differ in their low bits only. */
	uint64_t hash = offset * UINT64_C(0x9e3779b97f4a7c15);
	struct shared_slot *slot = &shared->slots[hash >> 58 & (SHARED_SLOTS - 1)];

	return atomic_flag_test_and_set_explicit(&slot->busy, memory_order_acquire) ? NULL : slot;
}

static void slot_release(struct shared_slot *slot)
{
	atomic_flag_clear_explicit(&slot->busy, memory_order_release);
}

struct shared_page *shared_find(struct shared *shared, const void *owner, uint64_t offset)
{
	struct shared_slot *slot = slot_take(shared, offset);
	struct shared_page *page = NULL;

	if (!slot)
		return NULL;
	if (slot->page && slot->owner == owner && slot->offset == offset) {
		page = slot->page;
		atomic_fetch_add_explicit(&page->holders, 1, memory_order_relaxed);
		slot->credit = CREDIT;
	}
	slot_release(slot);
	return page;
}

void shared_keep(struct shared *shared, const void *owner, uint64_t offset,
		 struct shared_page *page)
{
	struct shared_slot *slot = slot_take(shared, offset);
	struct shared_page *old = NULL;

	if (!slot)
		return;
	if (slot->credit) {
		slot->credit--;
	} else {
		old = slot->page;
		slot->owner = owner;
		slot->offset = offset;
		slot->page = page;
		atomic_fetch_add_explicit(&page->holders, 1, memory_order_relaxed);
	}
	slot_release(slot);
	shared_page_put(old);
}

void shared_deinit(struct shared *shared)
{
	for (unsigned i = 0; i < SHARED_SLOTS; i++)
		shared_page_put(shared->slots[i].page);
	for (unsigned i = 0; i < SHARED_POOLS; i++) {
		struct shared_pool *pool = &shared->pools[i];
		while (pool->chunks) {
			struct shared_chunk *chunk = pool->chunks;
			pool->chunks = chunk->next;
			free(chunk);
		}
		pthread_mutex_destroy(&pool->lock);
	}
}
