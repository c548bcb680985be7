/* SPDX-License-Identifier: MIT */
/*
 * Translation: the caches first, then the walk, which fills them. Tables are read level by level by
 * table_get() and entry_read(), here and in range.c.
 */

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "translate.h"

static bool entry_known(const struct vmi_page *page, size_t offset, size_t size)
{
	return !page->known || page_known(page, offset, size) == size;
}

static inline uint64_t entry_load(const uint8_t *at, unsigned entry_shift)
{
	if (entry_shift == 3) {
		uint64_t wide;
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	uint32_t narrow;
	memcpy(&narrow, at, sizeof(narrow));
	return narrow;
}

enum vmi_status table_get(struct vmi *vm, vmi_gpa table, struct vmi_page *page,
			  struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_READ, err);

	return st ? st : cache_get(vm->cache, table >> VMI_PAGE_SHIFT, page, err);
}

enum vmi_status entry_read(const struct x86_paging *paging, const struct vmi_page *page,
			   vmi_gpa table, unsigned index, uint64_t *entry)
{
	size_t offset =
		(size_t)(table & (VMI_PAGE_SIZE - 1)) + ((size_t)index << paging->entry_shift);

	if (!entry_known(page, offset, (size_t)1 << paging->entry_shift))
		return VMI_ERR_NOT_SAVED;
	*entry = entry_load(page->data + offset, paging->entry_shift);
	return VMI_OK;
}

/* Everything a caller wants to know about a page, in one word; see tlb.h. */
static uint64_t leaf_pack(uint64_t frame, uint64_t rights, unsigned shift)
{
	return (frame & TLB_FRAME) | (rights & TLB_RIGHTS) | (uint64_t)shift << TLB_SHIFT_POS;
}

static inline unsigned leaf_shift(uint64_t leaf)
{
	return leaf >> TLB_SHIFT_POS & 0x3f;
}

static inline void leaf_unpack(uint64_t leaf, vmi_gva gva, struct vmi_translation *out)
{
	out->gpa = (leaf & TLB_FRAME) | (gva & (VMI_PAGE_SIZE - 1));
	out->entry = 0;
	out->status = VMI_OK;
	out->level = (uint8_t)(1 + (leaf_shift(leaf) >= 21) + (leaf_shift(leaf) >= 30));
	out->page_shift = (uint8_t)leaf_shift(leaf);
	out->access = x86_access(leaf);
	out->user = x86_user(leaf);
}

static enum vmi_status refuse(struct vmi_translation *out, enum vmi_status status, unsigned level,
			      uint64_t entry)
{
	memset(out, 0, sizeof(*out));
	out->status = (uint8_t)status;
	out->level = (uint8_t)level;
	out->entry = entry;
	return status;
}

/* A table that cannot be read: what is known ends with the entry that named it, one level up. */
static enum vmi_status refuse_table(struct vmi_translation *out, enum vmi_status status,
				    const struct x86_paging *paging, unsigned level, uint64_t entry)
{
	bool root = level == paging->levels;

	return refuse(out, status, root ? 0 : level + 1, root ? 0 : entry);
}

/* The words for a translation that failed. */
static enum vmi_status explain(const struct vmi_translation *out, vmi_gva gva,
			       struct vmi_error *err)
{
	static const char *const names[] = {"", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"};
	const char *name = names[out->level < 6 ? out->level : 0];

	switch ((enum vmi_status)out->status) {
	case VMI_OK:
		return VMI_OK;
	case VMI_ERR_NOT_PRESENT:
		return vmi_fail(err, VMI_ERR_NOT_PRESENT,
				"gva 0x%" PRIx64 " is not mapped: %s 0x%" PRIx64 " is not present",
				gva, name, out->entry);
	case VMI_ERR_RESERVED_BITS:
		return vmi_fail(err, VMI_ERR_RESERVED_BITS,
				"gva 0x%" PRIx64 " is not mapped: %s 0x%" PRIx64
				" sets reserved bits",
				gva, name, out->entry);
	case VMI_ERR_NOT_CANONICAL:
		return vmi_fail(err, VMI_ERR_NOT_CANONICAL,
				"gva 0x%" PRIx64 " does not exist in this paging mode", gva);
	case VMI_ERR_NOT_SAVED:
		if (!out->level)
			return vmi_fail(err, VMI_ERR_NOT_SAVED,
					"gva 0x%" PRIx64 ": the root table is not in the image",
					gva);
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gva 0x%" PRIx64 ": the table that its %s 0x%" PRIx64
				" names is not in the image",
				gva, name, out->entry);
	case VMI_END:
	case VMI_ERR_NOMEM:
	case VMI_ERR_IO:
	case VMI_ERR_ARG:
	case VMI_ERR_UNSUPPORTED:
	case VMI_ERR_CORRUPT:
	case VMI_ERR_NOT_FOUND:
	case VMI_ERR_BUSY:
	case VMI_ERR_TIMEOUT:
	case VMI_ERR_GONE:
	case VMI_ERR_INTERRUPTED:
		break;
	}
	return vmi_wrap(err, (enum vmi_status)out->status, "translating gva 0x%" PRIx64, gva);
}

static_assert(offsetof(struct vmi_translation, status) == 16 &&
		      offsetof(struct vmi_translation, user) == 20 &&
		      sizeof(struct vmi_translation) == 24,
	      "the members behind `entry` are written as one word");

/* Level and page size in the third word of a struct vmi_translation (little-endian hosts). */
static uint64_t shape_of(unsigned level, unsigned page_shift)
{
	return (uint64_t)level << 8 | (uint64_t)page_shift << 16;
}

/* Keep the table of level 1 that a walk came to; takes over the pin of its page. */
static void remember_table(struct vmi *vm, const struct tlb_space *known, vmi_gva gva,
			   vmi_gpa table, uint64_t rights, const struct vmi_page *page)
{
	struct tlb_region region = {
		.tag = tlb_region_tag(known, gva),
		.table = page->data + (table & (VMI_PAGE_SIZE - 1)),
		.index_mask = (uint64_t)known->paging.index_mask[1] << 3,
		.offset_mask = VMI_PAGE_SIZE - 1,
		.rights = rights,
		.shape = shape_of(1, VMI_PAGE_SHIFT),
		.address = known->paging.address,
	};

	tlb_region_set(&vm->tlb, &region, page);
}

/* Keep a large page, or the piece of it that covers the region. */
static void remember_large(struct vmi *vm, const struct tlb_space *known, vmi_gva gva,
			   unsigned level, uint64_t base, uint64_t rights)
{
	unsigned shift = known->paging.shift[level];
	uint64_t piece = gva & ~known->region_mask & ((UINT64_C(1) << shift) - 1);
	struct tlb_region region = {
		.tag = tlb_region_tag(known, gva),
		.offset_mask = known->region_mask,
		.rights = rights,
		.own = (base + piece) | X86_P | X86_RW | X86_US,
		.shape = shape_of(level, shift),
		.address = TLB_FRAME, /* what the entry does not give, the gva gave */
	};

	tlb_region_set(&vm->tlb, &region, NULL);
}

static inline void remember_page(struct vmi *vm, const struct tlb_space *known, vmi_gva gva,
				 uint64_t leaf)
{
	uint64_t tag = tlb_page_tag(known, gva);
	struct tlb_page *slot = tlb_page_slot(&vm->tlb, tag);

	slot->tag = tag;
	slot->leaf = leaf;
}

/* The leaf that a good entry at `level` makes, for the 4 KiB page around gva. */
static inline uint64_t leaf_of(const struct x86_paging *paging, unsigned level, uint64_t entry,
			       uint64_t rights, vmi_gva gva)
{
	uint64_t base = x86_target(paging, level, entry);
	uint64_t offset = gva & ((UINT64_C(1) << paging->shift[level]) - 1);

	return leaf_pack(base + offset, rights, paging->shift[level]);
}

/* From the root down, through the page cache; fills *leaf, or `out` when it fails. */
static enum vmi_status walk_leaf(struct vmi *vm, const struct tlb_space *known, vmi_gva gva,
				 uint64_t *leaf, struct vmi_translation *out, struct vmi_error *err)
{
	const struct x86_paging *paging = &known->paging;
	uint64_t table = paging->root, rights = X86_ALL, entry = 0;

	if (!x86_canonical(paging, gva))
		return refuse(out, VMI_ERR_NOT_CANONICAL, 0, 0);

	for (unsigned level = paging->levels;; level--) {
		struct vmi_page page;
		enum vmi_status st = table_get(vm, table, &page, err);
		if (st)
			return refuse_table(out, st, paging, level, entry);
		uint64_t named_by = entry;
		st = entry_read(paging, &page, table, x86_index(paging, level, gva), &entry);
		if (st) {
			cache_put(vm->cache, &page);
			return refuse_table(out, st, paging, level, named_by);
		}
		st = x86_judge(paging, level, entry);
		if (level == 1 && vm->tlb.pages && !page.known)
			remember_table(vm, known, gva, table, rights, &page);
		else
			cache_put(vm->cache, &page);
		if (st)
			return refuse(out, st, level, entry);

		rights = x86_fold(paging, level, rights, entry);
		if (x86_is_leaf(paging, level, entry)) {
			*leaf = leaf_of(paging, level, entry, rights, gva);
			if (level > 1 && vm->tlb.pages)
				remember_large(vm, known, gva, level,
					       x86_target(paging, level, entry), rights);
			return VMI_OK;
		}
		table = x86_target(paging, level, entry);
	}
}

static inline const struct tlb_region *region_find(const struct vmi *vm,
						   const struct tlb_space *known, vmi_gva gva)
{
	uint64_t tag = tlb_region_tag(known, gva);
	const struct tlb_region *region = vm->tlb.pages ? tlb_region_slot(&vm->tlb, tag) : NULL;

	return region && region->tag == tag ? region : NULL;
}

/* What region_translate() needs of a space and a region, by value: nothing stored can change it. */
struct lookup {
	const struct x86_paging *paging;
	const uint8_t *table;
	uint64_t index_mask, offset_mask, address, wrong, rights, shape;
	bool narrow; /* 4-byte entries */
};

static inline struct lookup lookup_of(const struct tlb_space *known,
				      const struct tlb_region *region)
{
	return (struct lookup){
		.paging = &known->paging,
		.table = region->table,
		.index_mask = region->index_mask,
		.offset_mask = region->offset_mask,
		.address = region->address,
		.wrong = known->wrong,
		.rights = region->rights,
		.shape = region->shape,
		.narrow = known->paging.entry_shift == 2 && region->index_mask,
	};
}

/*
 * The address in a region that is known: one entry to read. This is the hot path of everything, so
 * it has no branch on what the entry says but the one for failure.
 */
static inline enum vmi_status __attribute__((always_inline))
region_translate(struct lookup in, vmi_gva gva, struct vmi_translation *out)
{
	uint64_t entry;

	if (in.narrow)
		entry = entry_load(in.table + (gva >> 10 & in.index_mask >> 1), 2);
	else
		entry = entry_load(in.table + (gva >> 9 & in.index_mask), 3);
	if ((entry ^ X86_P) & in.wrong)
		return refuse(out, x86_judge(in.paging, 1, entry), 1, entry);

	uint64_t rights = in.rights & (entry ^ X86_NX);
	uint64_t access = VMI_ACCESS_R | (rights & X86_RW) | (rights >> 61 & VMI_ACCESS_X);
	uint64_t third = in.shape | access << 24 | (rights & X86_US) << 30;
	out->gpa = (entry & in.address) | (gva & in.offset_mask);
	out->entry = 0;
	memcpy(&out->status, &third, sizeof(third));
	return VMI_OK;
}

/* As many of the addresses as lie in the region: how many that were. */
static inline size_t __attribute__((always_inline))
run_translate(struct lookup in, uint64_t tag, uint64_t mask, const vmi_gva *restrict gva,
	      size_t count, struct vmi_translation *restrict out)
{
	size_t i = 0;

	for (; i < count && (gva[i] & mask) == tag; i++)
		region_translate(in, gva[i], &out[i]); /* which says in out[i] how it went */
	return i;
}

/*
 * The loop of batches, made three times over: once what the region is has been told apart outside
 * the loop, the masks in it are constants and stay in no register.
 */
static size_t region_translate_all(const struct tlb_space *known, const struct tlb_region *region,
				   const vmi_gva *gva, size_t count, struct vmi_translation *out)
{
	struct lookup in = lookup_of(known, region);
	uint64_t tag = region->tag ^ known->asid, mask = ~known->region_mask;

	if (in.narrow)
		return run_translate(in, tag, mask, gva, count, out);
	if (in.index_mask) {
		in.index_mask = 0xff8;
		in.offset_mask = VMI_PAGE_SIZE - 1;
		in.narrow = false;
		return run_translate(in, tag, mask, gva, count, out);
	}
	in.index_mask = 0;
	in.narrow = false;
	return run_translate(in, tag, mask, gva, count, out);
}

static enum vmi_status translate_walk(struct vmi *vm, const struct tlb_space *known, vmi_gva gva,
				      struct vmi_translation *out, struct vmi_error *err)
{
	uint64_t leaf;

	if (vm->tlb.pages) {
		uint64_t tag = tlb_page_tag(known, gva);
		const struct tlb_page *slot = tlb_page_slot(&vm->tlb, tag);
		if (slot->tag == tag) {
			vm->tlb.hits++;
			leaf_unpack(slot->leaf, gva, out);
			return VMI_OK;
		}
	}
	vm->tlb.misses++;
	enum vmi_status st = walk_leaf(vm, known, gva, &leaf, out, err);
	if (st)
		return st;
	if (vm->tlb.pages)
		remember_page(vm, known, gva, leaf);
	leaf_unpack(leaf, gva, out);
	return VMI_OK;
}

enum vmi_status fail_mode(const struct vmi_space *space, enum vmi_status status,
			  struct vmi_error *err)
{
	if (space->mode == VMI_MODE_AUTO || space->mode == NO_MODE)
		return vmi_fail(err, status, "a space needs a mode; vmi_space_of_root() finds one");
	return vmi_fail(err, status, "there is no paging mode %u", space->mode);
}

/* Without page tables: guest-physical, or a CPU with paging off, which has 32-bit addresses. */
static enum vmi_status translate_flat(const struct vmi_space *space, vmi_gva gva,
				      struct vmi_translation *out, struct vmi_error *err)
{
	unsigned bits = space ? 32 : 52;

	if (space && space->mode != VMI_MODE_NONE)
		return fail_mode(space, refuse(out, VMI_ERR_ARG, 0, 0), err);
	if (!space && gva >> bits)
		return vmi_fail(err, refuse(out, VMI_ERR_NOT_CANONICAL, 0, 0),
				"gpa 0x%" PRIx64 " is above all physical memory", gva);
	if (gva >> bits) {
		refuse(out, VMI_ERR_NOT_CANONICAL, 0, 0);
		return explain(out, gva, err);
	}
	*out = (struct vmi_translation){
		.gpa = gva,
		.page_shift = VMI_PAGE_SHIFT,
		.access = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X,
		.user = 1,
	};
	return VMI_OK;
}

/* Everything that is not a success in a region that is known, in the space that was last used. */
static enum vmi_status __attribute__((noinline))
translate_slow(struct vmi *vm, const struct vmi_space *space, vmi_gva gva,
	       struct vmi_translation *out, struct vmi_error *err)
{
	const struct tlb_space *known = space ? tlb_space(&vm->tlb, space) : NULL;
	const struct tlb_region *region;
	enum vmi_status st;

	if (!known)
		return translate_flat(space, gva, out, err);
	region = region_find(vm, known, gva);
	if (region) {
		vm->tlb.hits++;
		st = region_translate(lookup_of(known, region), gva, out);
	} else {
		st = translate_walk(vm, known, gva, out, err);
	}
	return st && err ? explain(out, gva, err) : st;
}

enum vmi_status vmi_translate(struct vmi *vm, const struct vmi_space *space, vmi_gva gva,
			      struct vmi_translation *out, struct vmi_error *err)
{
	const struct tlb_space *known = vm->tlb.last;

	if (space && known && tlb_space_is(known, space)) {
		const struct tlb_region *region = region_find(vm, known, gva);
		if (region && !region_translate(lookup_of(known, region), gva, out)) {
			vm->tlb.hits++;
			return VMI_OK;
		}
	}
	return translate_slow(vm, space, gva, out, err);
}

/*
 * Sorted addresses stay in one region for long: hold on to it and read entries only. The page part
 * of the cache is left alone: a batch larger than it would only wash it out.
 */
enum vmi_status vmi_translate_batch(struct vmi *vm, const struct vmi_space *space,
				    const vmi_gva gva[], size_t count, struct vmi_translation out[],
				    struct vmi_error *err)
{
	const struct tlb_space *known = space ? tlb_space(&vm->tlb, space) : NULL;
	uint64_t hits = 0;
	size_t i = 0;

	if (space && !known && space->mode != VMI_MODE_NONE)
		return fail_mode(space, VMI_ERR_ARG, err);
	if (!known)
		for (; i < count; i++)
			out[i].status = (uint8_t)translate_flat(space, gva[i], &out[i], NULL);
	while (i < count) {
		const struct tlb_region *region = region_find(vm, known, gva[i]);
		if (!region) {
			out[i].status = (uint8_t)translate_walk(vm, known, gva[i], &out[i], NULL);
			i++;
			continue;
		}
		/* Addresses in no order seldom share a region: spare them the loop's setting up. */
		if (i + 1 < count && tlb_region_tag(known, gva[i + 1]) != region->tag) {
			region_translate(lookup_of(known, region), gva[i], &out[i]);
			hits++;
			i++;
			continue;
		}
		size_t done = region_translate_all(known, region, gva + i, count - i, out + i);
		hits += done;
		i += done;
	}
	vm->tlb.hits += hits;
	return VMI_OK;
}

/* The walk proper, for vmi_walk(): every entry on the way, nothing cached. */
static enum vmi_status walk_report(struct vmi *vm, const struct x86_paging *paging, vmi_gva gva,
				   struct vmi_walk *walk, struct vmi_error *err)
{
	struct vmi_translation *out = &walk->result;
	uint64_t table = paging->root, rights = X86_ALL, entry = 0;

	if (!x86_canonical(paging, gva))
		return refuse(out, VMI_ERR_NOT_CANONICAL, 0, 0);

	for (unsigned level = paging->levels;; level--) {
		struct vmi_page page;
		unsigned index = x86_index(paging, level, gva);
		enum vmi_status st = table_get(vm, table, &page, err);
		if (st)
			return refuse_table(out, st, paging, level, entry);
		uint64_t named_by = entry;
		st = entry_read(paging, &page, table, index, &entry);
		cache_put(vm->cache, &page);
		if (st)
			return refuse_table(out, st, paging, level, named_by);

		walk->step[walk->count].entry_gpa =
			table + ((uint64_t)index << paging->entry_shift);
		walk->step[walk->count].entry = entry;
		walk->step[walk->count++].level = (uint8_t)level;
		st = x86_judge(paging, level, entry);
		if (st)
			return refuse(out, st, level, entry);
		rights = x86_fold(paging, level, rights, entry);
		if (x86_is_leaf(paging, level, entry)) {
			leaf_unpack(leaf_of(paging, level, entry, rights, gva), gva, out);
			return VMI_OK;
		}
		table = x86_target(paging, level, entry);
	}
}

enum vmi_status vmi_walk(struct vmi *vm, const struct vmi_space *space, vmi_gva gva,
			 struct vmi_walk *walk, struct vmi_error *err)
{
	const struct tlb_space *known = space ? tlb_space(&vm->tlb, space) : NULL;

	memset(walk, 0, sizeof(*walk));
	if (!known)
		return translate_flat(space, gva, &walk->result, err);
	enum vmi_status st = walk_report(vm, &known->paging, gva, walk, err);
	return st && err ? explain(&walk->result, gva, err) : st;
}

enum vmi_status fail_partial(vmi_gpa gpa, struct vmi_error *err)
{
	return vmi_fail(
		err, VMI_ERR_NOT_SAVED,
		"gpa 0x%" PRIx64 " is not in the image, which holds only a part of its page", gpa);
}

enum vmi_status locate(struct vmi *vm, const struct vmi_space *space, uint64_t addr, vmi_gpa *gpa,
		       uint64_t *span, struct vmi_error *err)
{
	struct vmi_translation t;
	enum vmi_status st = vmi_translate(vm, space, addr, &t, err);

	if (st)
		return st;
	uint64_t size = space ? UINT64_C(1) << t.page_shift : UINT64_C(1) << 52;
	*gpa = t.gpa;
	*span = size - (addr & (size - 1));
	return VMI_OK;
}

/* ---- the cache's switches ------------------------------------------------------------------- */

enum vmi_status vmi_translation_cache_enable(struct vmi *vm, struct vmi_error *err)
{
	return vm->tlb.pages ? VMI_OK : tlb_resize(&vm->tlb, vm->translation_slots, err);
}

void vmi_translation_cache_disable(struct vmi *vm)
{
	if (tlb_resize(&vm->tlb, 0, NULL))
		tlb_flush(&vm->tlb); /* turning off allocates nothing: not reached */
}

enum vmi_status vmi_translation_cache_resize(struct vmi *vm, size_t slots, struct vmi_error *err)
{
	if (!slots)
		return vmi_fail(err, VMI_ERR_ARG, "a cache of no slots: disable it instead");
	enum vmi_status st = tlb_resize(&vm->tlb, slots, err);
	if (!st)
		vm->translation_slots = slots;
	return st;
}

void vmi_translation_cache_flush(struct vmi *vm)
{
	tlb_purge(&vm->tlb);
}

void vmi_translation_cache_flush_page(struct vmi *vm, const struct vmi_space *space, vmi_gva gva)
{
	if (space)
		tlb_flush_page(&vm->tlb, space, gva);
}

void vmi_translation_cache_stats(const struct vmi *vm, struct vmi_cache_stats *stats)
{
	tlb_stats(&vm->tlb, stats);
}

enum vmi_status vmi_page_cache_enable(struct vmi *vm, struct vmi_error *err)
{
	struct vmi_cache_stats stats;

	cache_stats(vm->cache, &stats);
	return stats.slots ? VMI_OK : cache_resize(vm->cache, vm->page_slots, err);
}

void vmi_page_cache_disable(struct vmi *vm)
{
	tlb_purge(&vm->tlb);
	if (cache_resize(vm->cache, 0, NULL))
		cache_flush(vm->cache); /* turning off allocates nothing: not reached */
}

enum vmi_status vmi_page_cache_resize(struct vmi *vm, size_t slots, struct vmi_error *err)
{
	if (!slots)
		return vmi_fail(err, VMI_ERR_ARG, "a cache of no slots: disable it instead");
	tlb_purge(&vm->tlb);
	enum vmi_status st = cache_resize(vm->cache, slots, err);
	if (!st)
		vm->page_slots = slots;
	return st;
}

void vmi_page_cache_flush(struct vmi *vm)
{
	tlb_purge(&vm->tlb);
	cache_flush(vm->cache);
}

void vmi_page_cache_flush_gfn(struct vmi *vm, vmi_gfn gfn)
{
	/* A pinned leaf table may lie in it. */
	tlb_purge(&vm->tlb);
	cache_flush_gfn(vm->cache, gfn);
}

void vmi_page_cache_stats(const struct vmi *vm, struct vmi_cache_stats *stats)
{
	cache_stats(vm->cache, stats);
}
