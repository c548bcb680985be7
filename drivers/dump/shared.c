/* SPDX-License-Identifier: MIT */
/* Pages of our own, counted, and a few of them remembered by where they came from. */

#include <stdlib.h>

#include "shared.h"

enum { CREDIT = 64 };

struct shared_page *shared_page_create(void)
{
	struct shared_page *page = malloc(sizeof(*page));

	if (page)
		atomic_init(&page->holders, 1);
	return page;
}

void shared_page_put(struct shared_page *page)
{
	if (page && atomic_fetch_sub_explicit(&page->holders, 1, memory_order_acq_rel) == 1)
		free(page);
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
	for (unsigned i = 0; i < SHARED_SLOTS; i++) {
		shared_page_put(shared->slots[i].page);
		shared->slots[i].page = NULL;
	}
}
