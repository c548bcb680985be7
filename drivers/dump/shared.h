/* SPDX-License-Identifier: MIT */
#ifndef DUMP_SHARED_H
#define DUMP_SHARED_H

#include <pthread.h>
#include <stdatomic.h>

#include <vmi/driver.h>

/**
 * Pages in memory of our own, counted by their holders, for drivers that unpack. Those that were
 * unpacked last are remembered by what they were unpacked from, so that what many gfns have in
 * common is unpacked once. Any thread may use all of this.
 */

struct shared_page {
	atomic_uint holders;
	struct shared_page *next;  /* while it is free */
	struct shared_pool *pool;  /* where it goes then */
	uint8_t apart[64 - 3 * 8]; /* pages begin with a cache line */
	uint8_t bytes[VMI_PAGE_SIZE];
};

enum { SHARED_POOLS = 16, SHARED_SLOTS = 64, SHARED_KEY = 256 };

/** What a page is unpacked from: two pages with the same key are the same. */
struct shared_key {
	uint64_t kind;
	size_t size; /* of the bytes, at most SHARED_KEY */
	const uint8_t *bytes;
};

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
		uint16_t size;
		uint64_t kind;
		struct shared_page *page; /* NULL: it was asked for, no more */
		uint8_t bytes[SHARED_KEY];
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

/*
 * Has this been asked for lately? If so, *page is the page, held for the caller, or NULL where
 * nobody kept it; then it is worth keeping.
 */
bool shared_find(struct shared *shared, const struct shared_key *key, struct shared_page **page);
/* Remember a page. */
void shared_keep(struct shared *shared, const struct shared_key *key, struct shared_page *page);

#endif
