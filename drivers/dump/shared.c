/* SPDX-License-Identifier: MIT */
/* Pages of our own: a pool of free ones per CPU, and a few remembered by what they came from. */

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bytes.h"
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

static uint64_t key_hash(const struct shared_key *key)
{
	static const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15); /* Fibonacci hashing */
	uint64_t hash = key->kind ^ key->size;
	size_t i = 0;

	for (; key->size - i >= sizeof(hash); i += sizeof(hash)) {
		hash = (hash ^ le64(key->bytes + i)) * golden;
		hash ^= hash >> 32;
	}
	for (; i < key->size; i++)
		hash = (hash ^ key->bytes[i]) * golden;
	return hash * golden;
}

/* The slot of a key, held against others; NULL when another has it. */
static struct shared_slot *slot_take(struct shared *shared, const struct shared_key *key)
{
	struct shared_slot *slot = &shared->slots[key_hash(key) >> 58 & (SHARED_SLOTS - 1)];

	return atomic_flag_test_and_set_explicit(&slot->busy, memory_order_acquire) ? NULL : slot;
}

static void slot_release(struct shared_slot *slot)
{
	atomic_flag_clear_explicit(&slot->busy, memory_order_release);
}

static bool slot_is(const struct shared_slot *slot, const struct shared_key *key)
{
	return slot->kind == key->kind && slot->size == key->size &&
	       !memcmp(slot->bytes, key->bytes, key->size);
}

/* Make the slot that of another key, with a page or without, unless its own is still of use. */
static void slot_settle(struct shared_slot *slot, const struct shared_key *key,
			struct shared_page *page, struct shared_page **old)
{
	if (slot->credit) {
		slot->credit--;
		return;
	}
	*old = slot->page;
	slot->kind = key->kind;
	slot->size = (uint16_t)key->size;
	memcpy(slot->bytes, key->bytes, key->size);
	slot->page = page;
	if (page)
		atomic_fetch_add_explicit(&page->holders, 1, memory_order_relaxed);
}

bool shared_find(struct shared *shared, const struct shared_key *key, struct shared_page **page)
{
	struct shared_slot *slot = slot_take(shared, key);
	struct shared_page *old = NULL;

	*page = NULL;
	if (!slot)
		return false;
	bool met = slot_is(slot, key);
	if (!met)
		slot_settle(slot, key, NULL, &old);
	if (met && slot->page) {
		*page = slot->page;
		atomic_fetch_add_explicit(&slot->page->holders, 1, memory_order_relaxed);
		slot->credit = CREDIT;
	}
	slot_release(slot);
	shared_page_put(old);
	return met;
}

void shared_keep(struct shared *shared, const struct shared_key *key, struct shared_page *page)
{
	struct shared_slot *slot = slot_take(shared, key);
	struct shared_page *old = NULL;

	if (!slot)
		return;
	slot_settle(slot, key, page, &old);
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
