/* SPDX-License-Identifier: MIT */
/* Translations, forwards, backwards and all at once. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "truth_check.h"

static enum vmi_status status_of_name(const char *name)
{
	static const enum vmi_status all[] = {VMI_OK, VMI_ERR_NOT_PRESENT, VMI_ERR_NOT_CANONICAL,
					      VMI_ERR_RESERVED_BITS, VMI_ERR_NOT_SAVED};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(name, vmi_status_name(all[i])))
			return all[i];
	}
	return VMI_ERR_ARG;
}

/* What the truth says besides the address: rights and the level that decides. */
static const char *detail_wrong(yajl_val item, const struct vmi_translation *t)
{
	const char *access = item_text(item, "access");
	uint64_t number;
	bool flag;

	if (item_u64(item, "level", &number) && number != t->level)
		return "level";
	if (t->status)
		return NULL;
	if (item_u64(item, "page_size", &number) && number != UINT64_C(1) << t->page_shift)
		return "page size";
	if (item_bool(item, "user", &flag) && flag != t->user)
		return "user";
	if (item_bool(item, "writable", &flag) && flag != !!(t->access & VMI_ACCESS_W))
		return "writable";
	if (access &&
	    (!!(t->access & VMI_ACCESS_W) != (access[1] == 'w') ||
	     !!(t->access & VMI_ACCESS_X) != (access[2] == 'x') || !(t->access & VMI_ACCESS_R)))
		return "access";
	return NULL;
}

/* Is the status one that the truth allows? Without a status of its own, a hole may be any. */
static bool status_right(struct check *check, yajl_val item, const struct vmi_translation *t)
{
	const char *status = item_text(item, "status");

	if (status)
		return t->status == status_of_name(status);
	if (check_not_saved(check, t->status))
		return true;
	if (item_member(item, "pa"))
		return t->status == VMI_OK;
	return t->status == VMI_ERR_NOT_PRESENT || t->status == VMI_ERR_NOT_CANONICAL ||
	       t->status == VMI_ERR_NOT_SAVED;
}

static void judge(struct check *check, yajl_val item, const char *how,
		  const struct vmi_translation *t)
{
	uint64_t va = 0, pa = 0;
	const char *wrong = NULL;

	item_u64(item, "va", &va);
	if (!status_right(check, item, t))
		wrong = "status";
	else if (!t->status && item_u64(item, "pa", &pa) && pa != t->gpa)
		wrong = "address";
	else if (t->status != VMI_ERR_NOT_SAVED)
		wrong = detail_wrong(item, t);
	if (wrong)
		check_wrong(check,
			    "%s of va 0x%" PRIx64 " in cr3 %s (%s, %s): %s, gpa 0x%" PRIx64
			    ", level %u, entry 0x%" PRIx64 ", not %s, %s",
			    wrong, va, item_text(item, "cr3"), item_text(item, "source"), how,
			    vmi_status_name(t->status), t->status ? 0 : t->gpa, t->level, t->entry,
			    item_text(item, "status") ? item_text(item, "status") : "as given",
			    item_text(item, "pa") ? item_text(item, "pa") : "no address");
}

static bool same(const struct vmi_translation *a, const struct vmi_translation *b)
{
	return a->status == b->status && a->level == b->level &&
	       (a->status ? a->entry == b->entry
			  : a->gpa == b->gpa && a->page_shift == b->page_shift &&
				    a->access == b->access && a->user == b->user);
}

/* Cold and warm, and without caches: the answers must be one. */
static void translate_all_ways(struct check *check, const struct vmi_space *space, yajl_val item,
			       const struct vmi_translation *batch)
{
	struct vmi_translation once, again;
	struct vmi_walk walk;
	struct vmi_error err;
	uint64_t va;

	if (!item_u64(item, "va", &va)) {
		check_wrong(check, "an item without va");
		return;
	}
	enum vmi_status first = vmi_translate(check->vm, space, va, &once, &err);
	enum vmi_status second = vmi_translate(check->vm, space, va, &again, &err);
	enum vmi_status walked = vmi_walk(check->vm, space, va, &walk, &err);

	check->checked++;
	judge(check, item, "translate", &once);
	if (first != once.status || second != first || walked != first || !same(&once, &again) ||
	    !same(&once, &walk.result) || !same(&once, batch))
		check_wrong(
			check,
			"va 0x%" PRIx64 " in cr3 %s: once %s, again %s, by walk %s, in a batch %s",
			va, item_text(item, "cr3"), vmi_status_name(first), vmi_status_name(second),
			vmi_status_name(walked), vmi_status_name(batch->status));
}

/* Is the item about a page whose entry sets reserved bits? Then its source did not look at them. */
static bool is_reserved(const struct check *check, yajl_val item)
{
	uint64_t va, size, other;

	if (!item_u64(item, "va", &va) || !item_u64(item, "page_size", &size) || !size)
		return false;
	for (size_t i = 0; i < truth_count(check->truth, "no_truth"); i++) {
		if (item_u64(truth_item(check->truth, "no_truth", i), "va", &other) &&
		    va / size == other / size)
			return true;
	}
	return false;
}

/* All items of one cr3, from `first` on; earlier ones have been done. */
static void translate_space(struct check *check, const char *cr3, const struct vmi_space *space)
{
	size_t total = truth_count(check->truth, "translations"), count = 0;
	vmi_gva *va = calloc(total, sizeof(*va));
	struct vmi_translation *out = calloc(total, sizeof(*out));
	yajl_val *item = calloc(total, sizeof(yajl_val));
	struct vmi_error err;

	for (size_t i = 0; va && out && item && i < total; i++) {
		yajl_val candidate = truth_item(check->truth, "translations", i);

		if (!strcmp(item_text(candidate, "cr3"), cr3) &&
		    item_u64(candidate, "va", &va[count]) && !is_reserved(check, candidate))
			item[count++] = candidate;
	}
	if (vmi_translate_batch(check->vm, space, va, count, out, &err))
		check_wrong(check, "batch in cr3 %s: %s", cr3, err.text);
	for (size_t i = 0; i < count; i++)
		translate_all_ways(check, space, item[i], &out[i]);
	free(item);
	free(out);
	free(va);
}

/* The first item with this cr3 speaks for all of them. */
static bool is_first_of_space(const struct check *check, const char *list, size_t index)
{
	const char *cr3 = item_text(truth_item(check->truth, list, index), "cr3");

	for (size_t i = 0; i < index; i++) {
		if (!strcmp(item_text(truth_item(check->truth, list, i), "cr3"), cr3))
			return false;
	}
	return true;
}

/* Who knows how wide addresses are sees faults where others see pages beyond all memory. */
static void check_wide(struct check *check, yajl_val item)
{
	uint64_t bits, pa, va;
	struct vmi_space store;
	const struct vmi_space *space;
	struct vmi_translation t;
	struct vmi_error err;

	if (!item_u64(item, "pa", &pa) || !item_u64(item, "va", &va))
		return;
	yajl_val width = truth_member(check->truth, "maxphyaddr");
	if (!YAJL_IS_INTEGER(width))
		return;
	bits = (uint64_t)YAJL_GET_INTEGER(width);
	if (!(pa >> bits) || !check_item_space(check, item, &store, &space))
		return;
	store.gpa_bits = (uint8_t)bits;
	check->checked++;
	if (vmi_translate(check->vm, space, va, &t, &err) != VMI_ERR_RESERVED_BITS)
		check_wrong(check, "va 0x%" PRIx64 " has more than %" PRIu64 " address bits: %s",
			    va, bits, vmi_status_name(t.status));
}

void check_translations(struct check *check)
{
	check_begin(check, "translations");
	for (size_t i = 0; i < truth_count(check->truth, "translations"); i++) {
		yajl_val item = truth_item(check->truth, "translations", i);
		uint64_t cr3;

		check_wide(check, item);
		if (!is_first_of_space(check, "translations", i) || !item_u64(item, "cr3", &cr3))
			continue;
		for (unsigned way = 0; way < CHECK_WAYS; way++) {
			struct vmi_space space;

			if (check_space(check, cr3, way, &space))
				translate_space(check, item_text(item, "cr3"), &space);
		}
	}
	if (truth_count(check->truth, "translations") && !check->checked)
		check_wrong(check, "there is no way to the spaces of the truth");
	check_end(check);
}

/* Addresses whose tables set reserved bits. */
void check_reserved(struct check *check)
{
	struct vmi_space space;
	struct vmi_error err;
	uint64_t cr3, va;

	check_begin(check, "reserved bits");
	for (size_t i = 0; i < truth_count(check->truth, "no_truth"); i++) {
		struct vmi_translation t;

		if (!item_u64(truth_item(check->truth, "vcpus", 0), "cr3", &cr3) ||
		    !check_any_space(check, cr3, &space) ||
		    !item_u64(truth_item(check->truth, "no_truth", i), "va", &va))
			continue;
		check->checked++;
		if (vmi_translate(check->vm, &space, va, &t, &err) != VMI_ERR_RESERVED_BITS &&
		    !check_not_saved(check, t.status))
			check_wrong(check, "va 0x%" PRIx64 ": %s", va, vmi_status_name(t.status));
	}
	check_end(check);
}

struct pages {
	uint64_t mapped[64], reserved[64]; /* by page shift */
};

/* A range and the address by address answer must be the same thing. */
static void compare_range(struct check *check, const struct vmi_space *space,
			  const struct vmi_range *range)
{
	uint64_t at[] = {0, range->size / 2, range->size - 1};
	struct vmi_error err;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct vmi_translation t;
		enum vmi_status status =
			vmi_translate(check->vm, space, range->gva + at[i], &t, &err);

		if (status != range->status ||
		    (!status && (t.gpa != range->gpa + at[i] || t.access != range->access ||
				 t.user != range->user || t.page_shift != range->page_shift)))
			check_wrong(check,
				    "va 0x%" PRIx64
				    ": %s by itself, %s in the range from 0x%" PRIx64
				    " of 0x%" PRIx64,
				    range->gva + at[i], vmi_status_name(status),
				    vmi_status_name(range->status), range->gva, range->size);
	}
}

static void walk_space(struct check *check, const struct vmi_space *space, struct pages *pages)
{
	unsigned index_bits = space->mode == VMI_MODE_LEGACY ? 10 : 9;
	struct vmi_range_iter it;
	struct vmi_range range;
	struct vmi_error err;
	enum vmi_status status;
	vmi_gva next = 0;

	vmi_range_begin(&it, check->vm, space, 0, UINT64_MAX);
	while (!(status = vmi_range_next(&it, &range, &err))) {
		if (range.gva != next)
			check_wrong(check, "a range begins at 0x%" PRIx64 ", not at 0x%" PRIx64,
				    range.gva, next);
		next = range.gva + range.size;
		compare_range(check, space, &range);
		if (range.status == VMI_OK)
			pages->mapped[range.page_shift] += range.size >> range.page_shift;
		else if (range.status == VMI_ERR_RESERVED_BITS && range.level)
			pages->reserved[12 + (range.level - 1) * index_bits] +=
				range.size >> (12 + (range.level - 1) * index_bits);
	}
	if (status != VMI_END)
		check_wrong(check, "the walk of root 0x%" PRIx64 " ended: %s", space->root,
			    err.text);
}

/*
 * How many pages of each size the whole space has. Where the truth comes from a walker that looks
 * at no reserved bits, those entries count as pages.
 */
void check_full_walk(struct check *check)
{
	check_begin(check, "whole spaces");
	for (size_t i = 0; i < truth_count(check->truth, "full_walk"); i++) {
		yajl_val item = truth_item(check->truth, "full_walk", i);
		yajl_val sizes = item_member(item, "sizes");
		struct pages pages = {0};
		struct vmi_space space;
		uint64_t cr3;

		if ((check->partial && !check->exact) || !YAJL_IS_OBJECT(sizes) ||
		    !item_u64(item, "cr3", &cr3) || !check_any_space(check, cr3, &space))
			continue;
		check->checked++;
		walk_space(check, &space, &pages);
		for (unsigned shift = 12; shift <= 30; shift++) {
			char name[16];
			uint64_t want = 0, got = pages.mapped[shift];

			snprintf(name, sizeof(name), "%u", 1u << shift);
			item_u64(sizes, name, &want);
			if (!check->exact)
				got += pages.reserved[shift];
			if (got != want)
				check_wrong(check,
					    "cr3 0x%" PRIx64 " has %" PRIu64
					    " pages of %s bytes, not %" PRIu64,
					    cr3, got, name, want);
		}
	}
	check_end(check);
}

static void reverse_one(struct check *check, const struct vmi_rmap *rmap, yajl_val item)
{
	uint64_t va, pa;

	if (!item_u64(item, "va", &va) || !item_u64(item, "pa", &pa) || is_reserved(check, item))
		return;
	const char *status = item_text(item, "status");
	if (status && strcmp(status, "ok") != 0)
		return;
	size_t count = vmi_rmap_find(rmap, pa, NULL, 0);
	vmi_gva *found = calloc(count ? count : 1, sizeof(*found));
	bool there = false;

	vmi_rmap_find(rmap, pa, found, count);
	for (size_t k = 0; found && k < count; k++) {
		there |= found[k] == va;
		if (k && found[k] <= found[k - 1])
			check_wrong(check, "the addresses of pa 0x%" PRIx64 " are not ascending",
				    pa);
	}
	free(found);
	check->checked++;
	if (!there && !(check->partial && !check->exact))
		check_wrong(check, "va 0x%" PRIx64 " is not among the %zu of pa 0x%" PRIx64, va,
			    count, pa);
}

void check_reverse(struct check *check)
{
	size_t total = truth_count(check->truth, "translations");

	check_begin(check, "reverse");
	for (size_t i = 0; i < total; i++) {
		yajl_val item = truth_item(check->truth, "translations", i);
		struct vmi_space space;
		struct vmi_rmap *rmap;
		struct vmi_error err;
		uint64_t cr3;

		if (!is_first_of_space(check, "translations", i) || !item_u64(item, "cr3", &cr3) ||
		    !check_any_space(check, cr3, &space))
			continue;
		if (vmi_rmap_create(check->vm, &space, &rmap, &err)) {
			check_wrong(check, "cr3 0x%" PRIx64 ": %s", cr3, err.text);
			continue;
		}
		for (size_t k = i; k < total; k++) {
			yajl_val other = truth_item(check->truth, "translations", k);

			if (!strcmp(item_text(other, "cr3"), item_text(item, "cr3")))
				reverse_one(check, rmap, other);
		}
		vmi_rmap_destroy(rmap);
	}
	check_end(check);
}
