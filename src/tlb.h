/* SPDX-License-Identifier: MIT */
#ifndef VMI_TLB_H
#define VMI_TLB_H

#include <assert.h>
#include <string.h>

#include "cache.h"
#include "x86.h"

/**
 * Translation cache, built as CPUs build theirs.
 *
 * Spaces get a small number (asid) on first use, so that one word tags an entry: a gva and the asid
 * in its low bits. Two direct-mapped tables hang off it:
 *
 *   regions  what one leaf table reaches (2 MiB, legacy 4 MiB): the table itself, pinned, and the
 *            permissions on the way to it. One cache line each; asked first, since the table's
 *            entry behind it is as near as a cached translation would be.
 *   pages    single 4 KiB pages that a walk from the root found; asked when their region is gone.
 *
 * Flushing everything is a matter of handing out new asids.
 */

enum { TLB_ASID_MAX = 4095, TLB_SPACES = 512 };

/* A leaf in one word: frame in bits 12-51, permissions as x86_fold() left them, page shift in 3-8.
 */
#define TLB_FRAME     UINT64_C(0x000ffffffffff000)
#define TLB_RIGHTS    (X86_NX | X86_RW | X86_US)
#define TLB_SHIFT_POS 3

struct tlb_page {
	uint64_t tag;
	uint64_t leaf;
};

/*
 * Entry `gva >> 9 & index_mask` of `table` decides. A large page that covers the region has no leaf
 * table: there `table` is `own`, with the large page's piece as its only entry, so that both are
 * looked up alike and no branch has to guess which it is.
 */
struct tlb_region {
	uint64_t tag;
	const uint8_t *table;
	uint64_t index_mask;  /* in bytes: 0xff8, legacy 0x1ff8 (of gva >> 9), 0 for a large page */
	uint64_t offset_mask; /* bits of the gva that pass into the gpa */
	uint64_t rights;      /* down to the table */
	uint64_t own;
	uint64_t shape;   /* level and page_shift where struct vmi_translation has them */
	uint64_t address; /* bits of the table's entries that are a gpa */
};

struct tlb_space {
	struct vmi_space space;
	struct x86_paging paging;
	uint64_t asid;
	uint64_t region_mask; /* offset bits in a region */
	uint64_t wrong;       /* bits of an 8-byte leaf entry that must be 0 once P is inverted */
	uint64_t epoch;       /* the entry counts when it is the tlb's */
};

struct tlb {
	struct cache *cache;
	struct tlb_page *pages;     /* NULL: off */
	struct tlb_region *regions; /* on cache lines, in `memory` */
	void *memory;
	struct vmi_page *pins;        /* of the regions' tables; data is NULL where there is none */
	size_t slots, region_slots;   /* powers of two */
	const struct tlb_space *last; /* NULL also while the cache is off */
	struct tlb_space *spaces;     /* TLB_SPACES, open addressing */
	unsigned space_count;
	uint64_t epoch; /* every own write is a flush: 32 bits would wrap within minutes */
	uint64_t next_asid;
	uint64_t hits, misses;
};

/* `slots` 0: off. */
VMI_CHECKED enum vmi_status tlb_init(struct tlb *tlb, struct cache *cache, size_t slots,
				     struct vmi_error *err);
void tlb_deinit(struct tlb *tlb);
VMI_CHECKED enum vmi_status tlb_resize(struct tlb *tlb, size_t slots, struct vmi_error *err);
/* Forget every translation; pins of tables stay until their slot is needed. */
void tlb_flush(struct tlb *tlb);
/* Forget, and put every pin. */
void tlb_purge(struct tlb *tlb);
void tlb_flush_page(struct tlb *tlb, const struct vmi_space *space, vmi_gva gva);
void tlb_stats(const struct tlb *tlb, struct vmi_cache_stats *stats);

static_assert(sizeof(struct vmi_space) == 24, "no padding: spaces compare as bytes");

static inline bool tlb_space_is(const struct tlb_space *known, const struct vmi_space *space)
{
	return !memcmp(&known->space, space, sizeof(*space));
}

/*
 * What is worked out about a space; borrowed until the next call of this or of a flush. NULL: the
 * space's mode cannot be walked.
 */
const struct tlb_space *tlb_space(struct tlb *tlb, const struct vmi_space *space);

/*
 * Neighbours must not collide: what is contiguous spreads by its low bits, and each level's index
 * stirs them, as does the asid, since spaces share addresses.
 */
static inline size_t tlb_index(uint64_t tag, unsigned shift, size_t slots)
{
	uint64_t low = tag >> shift;

	return (size_t)(low ^ low >> 9 ^ low >> 18 ^ (tag & 0xfff) * 0x9e5) & (slots - 1);
}

static inline struct tlb_page *tlb_page_slot(const struct tlb *tlb, uint64_t tag)
{
	return &tlb->pages[tlb_index(tag, 12, tlb->slots)];
}

static inline uint64_t tlb_page_tag(const struct tlb_space *known, vmi_gva gva)
{
	return (gva & ~UINT64_C(0xfff)) | known->asid;
}

static inline uint64_t tlb_region_tag(const struct tlb_space *known, vmi_gva gva)
{
	return (gva & ~known->region_mask) | known->asid;
}

static inline struct tlb_region *tlb_region_slot(const struct tlb *tlb, uint64_t tag)
{
	return &tlb->regions[tlb_index(tag, 21, tlb->region_slots)];
}

/*
 * Remember what decides about a region, in the slot of its tag; `pin` (NULL: none) holds its table
 * and is taken over.
 */
void tlb_region_set(struct tlb *tlb, const struct tlb_region *region, const struct vmi_page *pin);

#endif
