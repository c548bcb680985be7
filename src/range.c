/* SPDX-License-Identifier: MIT */
/*
 * Walking a whole space as ranges. Each step finds the entry that decides about an address, then
 * goes on along its table as long as the entries continue the same piece; next() joins what is
 * still alike across tables. Nothing stays pinned between calls.
 */

#include <inttypes.h>
#include <string.h>

#include "translate.h"

/* One address's entry and the table it is in. */
struct place {
	unsigned level, index;
	vmi_gpa table;
	uint64_t rights; /* down to the table */
	uint64_t entry;
};

/*
 * How many steps a walk may take. Tables are pages of memory, and a page or table is seldom named
 * more than a few times; those that refer to each other in circles would go on for ever.
 */
enum { STEPS_FREE = 1 << 17, STEPS_PER_PAGE = 16, RUNS_COUNTED = 4096 };

/* Pages that can be tables: holes of a sparse file hold none. */
static uint64_t held_pages(struct vmi *vm)
{
	struct vmi_run run;
	uint64_t held = 0;
	vmi_gpa at = 0;

	for (unsigned i = 0; i < RUNS_COUNTED; i++) {
		if (vmi_run_next(vm, at, &run, NULL))
			return held >> VMI_PAGE_SHIFT;
		if (run.kind == VMI_RUN_SAVED)
			held += run.size;
		at = run.gpa + run.size;
		if (!at)
			return held >> VMI_PAGE_SHIFT;
	}
	return vmi_info(vm)->memory_bytes >> VMI_PAGE_SHIFT;
}

void vmi_range_begin(struct vmi_range_iter *it, struct vmi *vm, const struct vmi_space *space,
		     vmi_gva first, vmi_gva last)
{
	memset(it, 0, sizeof(*it));
	it->vm = vm;
	if (space)
		it->space = *space;
	if (space && space->mode == VMI_MODE_AUTO)
		it->space.mode = NO_MODE;
	it->at = first;
	it->last = last;
	it->ended = last < first;
	it->budget = STEPS_FREE + held_pages(vm) * STEPS_PER_PAGE;
}

/* A range without tables: from gva up to `end` (0: 2^64). */
static void range_flat(struct vmi_range *range, vmi_gva gva, uint64_t end, enum vmi_status status)
{
	*range = (struct vmi_range){
		.gva = gva,
		.size = end - gva,
		.gpa = status ? 0 : gva,
		.status = (uint8_t)status,
		.page_shift = status ? 0 : VMI_PAGE_SHIFT,
		.access = status ? 0 : VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X,
		.user = status ? 0 : 1,
	};
}

/* What an entry makes of its piece of the space: a range of one entry. */
static void range_of_entry(const struct vmi *vm, const struct x86_paging *paging,
			   const struct place *place, struct vmi_range *range)
{
	enum vmi_status st = x86_judge(paging, place->level, place->entry);
	uint64_t rights = x86_fold(paging, place->level, place->rights, place->entry);

	range->status = (uint8_t)st;
	range->level = (uint8_t)place->level;
	range->page_shift = st ? 0 : paging->shift[place->level];
	range->gpa = st ? 0 : x86_target(paging, place->level, place->entry);
	range->access = st ? 0 : x86_access(rights);
	range->user = st ? 0 : x86_user(rights);
	range->paged = st == VMI_ERR_NOT_PRESENT && place->entry && vm->pager.read;
}

static bool range_continues(const struct vmi_range *range, const struct vmi_range *next)
{
	if (range->gva + range->size != next->gva || range->status != next->status ||
	    range->paged != next->paged || (range->paged && range->level != next->level))
		return false;
	return range->status ||
	       (range->gpa + range->size == next->gpa && range->page_shift == next->page_shift &&
		range->access == next->access && range->user == next->user);
}

/* Go along the table while its entries continue the range; the sign bit flips half way up the top.
 */
static void range_extend(const struct vmi *vm, const struct x86_paging *paging,
			 const struct vmi_page *page, struct place place, struct vmi_range *range)
{
	unsigned end = paging->index_mask[place.level] + 1u;

	if (place.level == paging->levels && paging->va_bits > 32 && place.index < end / 2)
		end = end / 2;
	while (++place.index < end) {
		struct vmi_range next = {.gva = range->gva + range->size};
		if (entry_read(paging, page, place.table, place.index, &place.entry))
			return;
		if (!x86_judge(paging, place.level, place.entry) &&
		    !x86_is_leaf(paging, place.level, place.entry))
			return;
		range_of_entry(vm, paging, &place, &next);
		if (!range_continues(range, &next))
			return;
		range->size += UINT64_C(1) << paging->shift[place.level];
	}
}

/* The level of the last entry read when a table at `level` cannot be: one up, 0 above the root. */
static uint8_t level_above(const struct x86_paging *paging, unsigned level)
{
	return (uint8_t)(level < paging->levels ? level + 1 : 0);
}

/* A table that is not held decides about all that hangs below it. */
static void range_unheld(const struct x86_paging *paging, const struct place *place, vmi_gva gva,
			 enum vmi_status st, struct vmi_range *range)
{
	unsigned shift = place->level < paging->levels ? paging->shift[place->level + 1]
			 : paging->va_bits > 32        ? paging->va_bits - 1u
						       : 32;

	range->status = (uint8_t)st;
	range->level = level_above(paging, place->level);
	range->gva = gva & ~((UINT64_C(1) << shift) - 1);
	range->size = UINT64_C(1) << shift;
}

/* The range around a canonical gva, as far as one table shows it. */
static void range_step(struct vmi *vm, const struct x86_paging *paging, vmi_gva gva,
		       struct vmi_range *range)
{
	struct place place = {.table = paging->root, .rights = X86_ALL};

	memset(range, 0, sizeof(*range));
	for (place.level = paging->levels;; place.level--) {
		struct vmi_page page;
		uint64_t span = UINT64_C(1) << paging->shift[place.level];
		enum vmi_status st = table_get(vm, place.table, &page, NULL);
		if (st) {
			range_unheld(paging, &place, gva, st, range);
			return;
		}
		place.index = x86_index(paging, place.level, gva);
		st = entry_read(paging, &page, place.table, place.index, &place.entry);
		if (st) {
			/* Of a table held in part, this entry is not. */
			range->status = (uint8_t)st;
			range->level = level_above(paging, place.level);
		} else if (x86_judge(paging, place.level, place.entry) ||
			   x86_is_leaf(paging, place.level, place.entry)) {
			range_of_entry(vm, paging, &place, range);
		} else {
			cache_put(vm->cache, &page);
			place.rights = x86_fold(paging, place.level, place.rights, place.entry);
			place.table = x86_target(paging, place.level, place.entry);
			continue;
		}
		range->gva = gva & ~(span - 1);
		range->size = span;
		if (!st)
			range_extend(vm, paging, &page, place, range);
		cache_put(vm->cache, &page);
		return;
	}
}

/* The range that begins at gva: a step, or what lies outside all tables. */
static void range_at(struct vmi_range_iter *it, vmi_gva gva, struct vmi_range *range)
{
	bool physical = it->space.mode == VMI_MODE_AUTO;
	const struct tlb_space *known = physical ? NULL : tlb_space(&it->vm->tlb, &it->space);
	uint64_t end = UINT64_C(1) << (physical ? 52 : 32);

	if (known && known->paging.va_bits > 32) {
		if (!x86_canonical(&known->paging, gva)) {
			range_flat(range, gva, -(UINT64_C(1) << (known->paging.va_bits - 1)),
				   VMI_ERR_NOT_CANONICAL);
			return;
		}
	} else if (gva >= end) {
		range_flat(range, gva, 0, VMI_ERR_NOT_CANONICAL);
		return;
	} else if (!known) {
		range_flat(range, gva, end, VMI_OK);
		return;
	}
	range_step(it->vm, &known->paging, gva, range);
	uint64_t before = gva - range->gva;
	range->gva = gva;
	range->size -= before;
	if (!range->status)
		range->gpa += before;
}

static void range_clip(struct vmi_range *range, vmi_gva last)
{
	if (range->size - 1 > last - range->gva)
		range->size = last - range->gva + 1;
}

/* Take the next piece into it->ahead; false at the end. */
static bool look_ahead(struct vmi_range_iter *it)
{
	if (it->ended)
		return false;
	range_at(it, it->at, &it->ahead);
	range_clip(&it->ahead, it->last);
	it->has_ahead = 1;
	it->at = it->ahead.gva + it->ahead.size;
	if (!it->at || it->at - 1 == it->last)
		it->ended = 1;
	return true;
}

enum vmi_status vmi_range_next(struct vmi_range_iter *it, struct vmi_range *range,
			       struct vmi_error *err)
{
	enum vmi_status st = require(it->vm, VMI_CAP_READ, err);

	if (!st && it->space.mode > VMI_MODE_5LEVEL)
		st = fail_mode(&it->space, VMI_ERR_ARG, err);
	if (st)
		return st;
	if (!it->has_ahead && !look_ahead(it))
		return VMI_END;

	struct vmi_range sum = it->ahead;
	it->has_ahead = 0;
	while (look_ahead(it)) {
		if (!it->budget--) {
			it->ended = 1;
			it->has_ahead = 0;
			return vmi_fail(
				err, VMI_ERR_CORRUPT,
				"the tables below root 0x%" PRIx64
				" name each other in more ways than this memory could hold; stopped at gva 0x%" PRIx64,
				it->space.root, sum.gva);
		}
		if (!range_continues(&sum, &it->ahead))
			break;
		sum.size += it->ahead.size;
		it->has_ahead = 0;
	}
	*range = sum;
	return VMI_OK;
}
