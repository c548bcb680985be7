/* SPDX-License-Identifier: MIT */
/* The translation cache: tables, asids, flushing. Looking things up is inline, in tlb.h. */

#include <stdlib.h>
#include <string.h>

#include "tlb.h"

static_assert(sizeof(struct tlb_region) == 64, "a region is one cache line");

static void region_empty(struct tlb *tlb, struct tlb_region *region)
{
	struct vmi_page *pin = &tlb->pins[region - tlb->regions];

	if (pin->data)
		cache_put(tlb->cache, pin);
	pin->data = NULL;
	region->tag = 0;
}

/* Regions reach 512 pages each, so far fewer of them serve as much. */
static size_t region_slots(size_t slots)
{
	return slots / 8 < 16 ? 16 : slots / 8;
}

static void tables_free(struct tlb *tlb)
{
	free(tlb->pages);
	free(tlb->memory);
	free(tlb->pins);
	tlb->pages = NULL;
	tlb->regions = NULL;
	tlb->memory = NULL;
	tlb->pins = NULL;
	tlb->slots = tlb->region_slots = 0;
}

static enum vmi_status tables_create(struct tlb *tlb, size_t slots, struct vmi_error *err)
{
	size_t pages = 1;

	while (pages <= slots / 2)
		pages *= 2;
	tlb->slots = pages;
	tlb->region_slots = region_slots(pages);
	tlb->pages = calloc(tlb->slots, sizeof(*tlb->pages));
	tlb->memory = calloc(tlb->region_slots + 1, sizeof(*tlb->regions));
	tlb->pins = calloc(tlb->region_slots, sizeof(*tlb->pins));
	if (tlb->pages && tlb->memory && tlb->pins) {
		uintptr_t line = sizeof(*tlb->regions);
		tlb->regions = (void *)(((uintptr_t)tlb->memory + line - 1) / line * line);
		return VMI_OK;
	}
	tables_free(tlb);
	return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a translation cache of %zu slots",
			slots);
}

static void tables_destroy(struct tlb *tlb)
{
	tlb_purge(tlb);
	tables_free(tlb);
}

enum vmi_status tlb_init(struct tlb *tlb, struct cache *cache, size_t slots, struct vmi_error *err)
{
	memset(tlb, 0, sizeof(*tlb));
	tlb->cache = cache;
	tlb->epoch = 1;
	tlb->next_asid = 1;
	tlb->spaces = calloc(TLB_SPACES, sizeof(*tlb->spaces));
	if (!tlb->spaces)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	return slots ? tables_create(tlb, slots, err) : VMI_OK;
}

void tlb_deinit(struct tlb *tlb)
{
	if (!tlb->spaces)
		return;
	tables_destroy(tlb);
	free(tlb->spaces);
	tlb->spaces = NULL;
}

enum vmi_status tlb_resize(struct tlb *tlb, size_t slots, struct vmi_error *err)
{
	struct tlb fresh = {.pages = NULL};

	if (slots) {
		enum vmi_status st = tables_create(&fresh, slots, err);
		if (st)
			return st;
	}
	tables_destroy(tlb);
	tlb->pages = fresh.pages;
	tlb->regions = fresh.regions;
	tlb->memory = fresh.memory;
	tlb->pins = fresh.pins;
	tlb->slots = fresh.slots;
	tlb->region_slots = fresh.region_slots;
	tlb->hits = tlb->misses = 0;
	return VMI_OK;
}

void tlb_flush(struct tlb *tlb)
{
	tlb->last = NULL;
	tlb->space_count = 0;
	tlb->epoch++;
}

void tlb_purge(struct tlb *tlb)
{
	tlb_flush(tlb);
	if (!tlb->pages || tlb->next_asid == 1)
		return; /* no space was ever used: nothing to forget */
	tlb->next_asid = 1;
	memset(tlb->pages, 0, tlb->slots * sizeof(*tlb->pages));
	for (size_t i = 0; i < tlb->region_slots; i++)
		region_empty(tlb, &tlb->regions[i]);
}

void tlb_flush_page(struct tlb *tlb, const struct vmi_space *space, vmi_gva gva)
{
	const struct tlb_space *known = tlb->pages ? tlb_space(tlb, space) : NULL;

	if (!known)
		return;
	uint64_t tag = tlb_page_tag(known, gva);
	struct tlb_page *page = tlb_page_slot(tlb, tag);
	if (page->tag == tag)
		page->tag = 0;

	tag = tlb_region_tag(known, gva);
	struct tlb_region *region = tlb_region_slot(tlb, tag);
	if (region->tag == tag)
		region_empty(tlb, region);
}

/* Is this tag of a space that is in use since the last flush? */
static bool tag_counts(const struct tlb *tlb, uint64_t tag)
{
	for (size_t i = 0; tag && i < TLB_SPACES; i++)
		if (tlb->spaces[i].epoch == tlb->epoch && tlb->spaces[i].asid == (tag & 0xfff))
			return true;
	return false;
}

void tlb_stats(const struct tlb *tlb, struct vmi_cache_stats *stats)
{
	*stats = (struct vmi_cache_stats){
		.slots = tlb->slots,
		.hits = tlb->hits,
		.misses = tlb->misses,
	};
	for (size_t i = 0; i < tlb->slots; i++)
		stats->used += tag_counts(tlb, tlb->pages[i].tag);
}

const struct tlb_space *tlb_space(struct tlb *tlb, const struct vmi_space *space)
{
	if (tlb->last && tlb_space_is(tlb->last, space))
		return tlb->last;
	if (tlb->space_count > TLB_SPACES / 2)
		tlb_flush(tlb);
	if (tlb->next_asid > TLB_ASID_MAX)
		tlb_purge(tlb);

	uint64_t mix = (space->root >> 5 ^ space->ignored ^ (uint64_t)space->view << 32 ^
			(uint64_t)space->mode << 48 ^ (uint64_t)space->flags << 56) *
		       UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(mix >> 55); /* TLB_SPACES is 2^9 */
	struct tlb_space *known = &tlb->spaces[i];
	while (known->epoch == tlb->epoch && !tlb_space_is(known, space)) {
		i = (i + 1) % TLB_SPACES;
		known = &tlb->spaces[i];
	}
	if (known->epoch != tlb->epoch) {
		if (!x86_paging_init(&known->paging, space))
			return NULL;
		known->space = *space;
		known->asid = tlb->next_asid++;
		known->epoch = tlb->epoch;
		known->region_mask = (UINT64_C(1) << known->paging.shift[2]) - 1;
		known->wrong = known->paging.reserved[1] | X86_P;
		tlb->space_count++;
	}
	tlb->last = tlb->pages ? known : NULL;
	return known;
}

void tlb_region_set(struct tlb *tlb, const struct tlb_region *region, const struct vmi_page *pin)
{
	struct tlb_region *slot = tlb_region_slot(tlb, region->tag);

	region_empty(tlb, slot);
	*slot = *region;
	if (!region->table)
		slot->table = (const uint8_t *)&slot->own;
	if (pin)
		tlb->pins[slot - tlb->regions] = *pin;
}
