/* SPDX-License-Identifier: MIT */
#ifndef DUMP_SHARED_H
#define DUMP_SHARED_H

#include <stdatomic.h>

#include <vmi/driver.h>

/** Pages in memory of our own, by how many they are held. */
struct shared_page {
	atomic_uint holders;
	uint8_t bytes[VMI_PAGE_SIZE];
};

/* Held once, its bytes not set. NULL: out of memory. */
struct shared_page *shared_page_create(void);
/* NULL is allowed. */
void shared_page_put(struct shared_page *page);

/**
 * The pages that were unpacked last, by where they lie in the image, so that those which many gfns
 * have in common are unpacked once. Nobody waits: who finds a slot in use does without. Zeroed is
 * empty.
 */
enum { SHARED_SLOTS = 64 };
struct shared {
	struct shared_slot {
		atomic_flag busy;
		uint8_t credit; /* how many others it outlives, for having been of use */
		const void *owner;
		uint64_t offset;
		struct shared_page *page;
	} slots[SHARED_SLOTS];
};

/* The page at `offset` of `owner`, held for the caller; or NULL. */
struct shared_page *shared_find(struct shared *shared, const void *owner, uint64_t offset);
/* Remember a page. */
void shared_keep(struct shared *shared, const void *owner, uint64_t offset,
		 struct shared_page *page);
void shared_deinit(struct shared *shared);

#endif
