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
 * Spaces get a small number (asid) on first use, so that one word tags an entry: the page's gva and
 * the asid in its low bits. Two direct-mapped tables hang off it:
 *
 *   pages    gva of a 4 KiB page    -> its gpa, permissions, page size
 *   regions  gva of a leaf table's  -> the table itself, pinned, and the permissions on the way to
 *            reach (2 or 4 MiB)        it; or the large page that covers the region
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

struct tlb_region {
	uint64_t tag;
	const uint8_t *table; /* of level 1; NULL: `leaf` covers the region */
	uint64_t leaf;        /* frame of the large page's first byte */
	uint64_t rights;      /* down to the table */
	struct vmi_page page; /* the pin; its data is NULL when there is none */
};

struct tlb_space {
	struct vmi_space space;
	struct x86_paging paging;
	uint64_t asid;
	uint64_t region_mask; /* offset bits in a region */
	uint32_t epoch;       /* the entry counts when it is the tlb's */
};

struct tlb {
	struct cache *cache;
	struct tlb_page *pages; /* NULL: off */
	struct tlb_region *regions;
	unsigned page_shift, region_shift; /* of the hash, so that it yields an index */
	size_t slots, region_slots;
	const struct tlb_space *last;
	struct tlb_space *spaces; /* TLB_SPACES, open addressing */
	unsigned space_count;
	uint32_t epoch;
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

/* The slow half of tlb_space(). NULL: the space's mode cannot be walked. */
const struct tlb_space *tlb_space_find(struct tlb *tlb, const struct vmi_space *space);

static_assert(sizeof(struct vmi_space) == 24, "no padding: spaces compare as bytes");

static inline bool tlb_space_is(const struct tlb_space *known, const struct vmi_space *space)
{
	return !memcmp(&known->space, space, sizeof(*space));
}

/* What is worked out about a space; borrowed until the next call of this or of a flush. */
static inline const struct tlb_space *tlb_space(struct tlb *tlb, const struct vmi_space *space)
{
	const struct tlb_space *last = tlb->last;

	return last && tlb_space_is(last, space) ? last : tlb_space_find(tlb, space);
}

static inline size_t tlb_hash(uint64_t tag, unsigned shift)
{
	return (size_t)((tag >> 12 ^ tag << 40) * UINT64_C(0x9e3779b97f4a7c15) >> shift);
}

static inline struct tlb_page *tlb_page_slot(const struct tlb *tlb, uint64_t tag)
{
	return &tlb->pages[tlb_hash(tag, tlb->page_shift)];
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
	return &tlb->regions[tlb_hash(tag, tlb->region_shift)];
}

/* Remember the table or large page of a region; takes over the pin of `page`. */
void tlb_region_set(struct tlb *tlb, uint64_t tag, const struct tlb_region *region);

#endif
