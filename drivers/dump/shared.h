/* SPDX-License-Identifier: MIT */
#ifndef DUMP_SHARED_H
#define DUMP_SHARED_H

#include <pthread.h>
#include <stdatomic.h>

#include <vmi/driver.h>

/**
 * Pages in memory of our own, counted by their holders, for drivers that unpack. Those that were
 * unpacked last are remembered by where they lie in the image, so that a page which many gfns have
 * in common is unpacked once. Any thread may use all of this.
 */

struct shared_page {
	atomic_uint holders;
	struct shared_page *next;  /* while it is free */
	struct shared_pool *pool;  /* where it goes then */
	uint8_t apart[64 - 3 * 8]; /* pages begin with a cache line */
	uint8_t bytes[VMI_PAGE_SIZE];
};

enum { SHARED_POOLS = 16, SHARED_SLOTS = 64 };

struct shared {
	/* Free pages; each CPU has a pool to itself, as long as there are not more of them. */
	struct shared_pool {
		pthread_mutex_t lock;
		struct shared_page *idle;
		struct shared_chunk *chunks;
		size_t pages;
	} pools[SHARED_POOLS];
	/* Nobody waits for these: who finds a slot in use does without. */
	struct shared_slot {
		atomic_flag busy;
		uint8_t credit; /* how many others it outlives, for having been of use */
		const void *owner;
		uint64_t offset;
		struct shared_page *page;
	} slots[SHARED_SLOTS];
};

/* Of zeroed memory. */
void shared_init(struct shared *shared);
/* Every page must have been put. */
void shared_deinit(struct shared *shared);

/* Held once, its bytes not set. NULL: out of memory. */
struct shared_page *shared_page_get(struct shared *shared);
/* NULL is allowed. */
void shared_page_put(struct shared_page *page);

/* The page at `offset` of `owner`, held for the caller; or NULL. */
struct shared_page *shared_find(struct shared *shared, const void *owner, uint64_t offset);
/* Remember a page. */
void shared_keep(struct shared *shared, const void *owner, uint64_t offset,
		 struct shared_page *page);

#endif
