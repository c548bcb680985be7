/* SPDX-License-Identifier: MIT */
/*
 * Pages that are not there: what the kernel left in the entry of the page table (arch/x86's
 * pgtable_64.h, pgtable-3level.h, pgtable-2level.h and pgtable-invert.h, include/linux/swap.h).
 *
 * Entries of 64 bits, since 4.18, upside down so that a processor that looks ahead finds no frame:
 *
 *	63-59 type | 58-9 offset, inverted | 8 PROTNONE | 7-1 marks | 0 present
 *
 * Entries of 32 bits: 31-9 offset | 8 PROTNONE | 7-6 | 5-1 type | 0 present
 */

#include <stdlib.h>
#include <string.h>

#include "absent.h"
#include "swap.h"

enum {
	BIT_PSE = 1 << 7,
	BIT_PROTNONE = 1 << 8,
	TYPE_BITS = 5, /* MAX_SWAPFILES_SHIFT */
	TYPE_COUNT = 1 << TYPE_BITS,
	LEVEL_PAGE = 1,
	LEVEL_HUGE = 2,
};

static const uint64_t frame_mask = UINT64_C(0x000ffffffffff000);

unsigned absent_frame_bits(enum vmi_mode mode)
{
	switch (mode) {
	case VMI_MODE_LEGACY:
		return 32 - VMI_PAGE_SHIFT;
	case VMI_MODE_PAE:
		return 36 - VMI_PAGE_SHIFT;
	case VMI_MODE_5LEVEL:
		return 52 - VMI_PAGE_SHIFT;
	case VMI_MODE_4LEVEL:
	case VMI_MODE_AUTO:
	case VMI_MODE_NONE:
		break;
	}
	return 46 - VMI_PAGE_SHIFT;
}

static void swap_decode(const struct absent_rules *rules, uint64_t entry,
			struct vmi_absent_page *page)
{
	unsigned type = (unsigned)(entry >> (64 - TYPE_BITS));
	uint64_t offset = ~entry << TYPE_BITS >> (TYPE_BITS + 9);

	if (rules->is_legacy) {
		type = (unsigned)(entry >> 1) & (TYPE_COUNT - 1);
		offset = (entry & UINT32_MAX) >> 9;
	}
	if (type < rules->swap_types) {
		page->why = VMI_ABSENT_SWAP;
		page->type = type;
		page->offset = offset;
	} else if (type - rules->migration_first < rules->migration_count) {
		page->why = VMI_ABSENT_MIGRATION;
		page->gpa = (offset & ((UINT64_C(1) << rules->frame_bits) - 1)) << VMI_PAGE_SHIFT;
	}
}

static uint64_t huge_size(const struct absent_rules *rules)
{
	return UINT64_C(1) << (rules->is_legacy ? 22 : 21);
}

void absent_decode(const struct absent_rules *rules, uint64_t entry, unsigned level,
		   struct vmi_absent_page *page)
{
	*page = (struct vmi_absent_page){.why = VMI_ABSENT_OTHER};
	if (!entry) {
		page->why = VMI_ABSENT_UNTOUCHED;
	} else if (level > LEVEL_HUGE) {
		return;
	} else if (!(entry & BIT_PROTNONE)) {
		swap_decode(rules, entry, page);
	} else if (level == LEVEL_PAGE || entry & BIT_PSE) {
		page->why = VMI_ABSENT_PROTECTED;
		page->gpa =
			rules->is_legacy ? entry & UINT32_MAX & frame_mask : ~entry & frame_mask;
		if (level == LEVEL_HUGE)
			page->gpa &= ~(huge_size(rules) - 1);
	}
}

/* ---- what the kernel's numbers are ---------------------------------------------------------- */

static bool symbol_is_there(struct vmi_os *os, const char *name)
{
	vmi_gva gva;

	return !os_symbol(os, name, &gva, NULL);
}

/* Entries for memory of devices: with CONFIG_DEVICE_PRIVATE two, since 5.14 four, since 6.15 three.
 */
static unsigned device_count(struct vmi_os *os)
{
	if (symbol_is_there(os, "make_device_exclusive"))
		return 3;
	if (symbol_is_there(os, "make_device_exclusive_range"))
		return 4;
	return !enumerator_bit(os, "enum pageflags", "PG_anon_exclusive") &&
			       symbol_is_there(os, "migrate_vma_setup")
		       ? 2
		       : 0;
}

/* No more areas than the kernel's table of them has room for. */
static unsigned table_room(struct vmi_os *os)
{
	const struct symbol *table = symbols_find(&os->kernel.symbols, "swap_info");
	uint64_t size = table ? symbols_size(&os->kernel.symbols, table) : 0;

	size /= os->kernel.pointer_size;
	return size && size < TYPE_COUNT ? (unsigned)size : TYPE_COUNT;
}

/*
 * Numbers of areas end where special ones begin: of broken memory, of migration, of devices, and
 * markers. None of that is in the kernel's types; what brings each in has functions of its
 * own. 5.19 to 6.1 have one more, for errors, which only the size of the table shows.
 */
static void rules_fill(struct vmi_os *os, struct absent_rules *rules)
{
	/* 5.19 has both this flag and a third number for migration, and markers. */
	bool is_recent = enumerator_bit(os, "enum pageflags", "PG_anon_exclusive");
	unsigned poison = symbol_is_there(os, "memory_failure") ? 1 : 0;
	unsigned markers = is_recent && symbol_is_there(os, "handle_userfault") ? 1 : 0;

	*rules = (struct absent_rules){
		.is_legacy = os->kernel.space.mode == VMI_MODE_LEGACY,
		.frame_bits = absent_frame_bits((enum vmi_mode)os->kernel.space.mode),
	};
	if (symbol_is_there(os, "migrate_pages"))
		rules->migration_count = is_recent ? 3 : 2;
	rules->swap_types =
		TYPE_COUNT - poison - rules->migration_count - device_count(os) - markers;
	if (rules->swap_types > table_room(os))
		rules->swap_types = table_room(os);
	rules->migration_first = rules->swap_types + poison;
}

/* ---- */

const char *vmi_absence_name(enum vmi_absence why)
{
	switch (why) {
	case VMI_ABSENT_UNTOUCHED:
		return "untouched";
	case VMI_ABSENT_SWAP:
		return "swap";
	case VMI_ABSENT_ZRAM:
		return "zram";
	case VMI_ABSENT_MIGRATION:
		return "migration";
	case VMI_ABSENT_PROTECTED:
		return "protected";
	case VMI_ABSENT_OTHER:
		break;
	}
	return "other";
}

/* What the entry says; whose the swap area is remains to be asked. */
static enum vmi_status entry_decode(struct vmi_os *os, const struct vmi_translation *translation,
				    struct vmi_absent_page *page, struct vmi_error *err)
{
	if (translation->status != VMI_ERR_NOT_PRESENT)
		return vmi_fail(err, VMI_ERR_ARG, "that the page is not present is not why: %s",
				vmi_status_name((enum vmi_status)translation->status));
	if (!os->absent_rules) {
		os->absent_rules = malloc(sizeof(*os->absent_rules));
		if (!os->absent_rules)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		rules_fill(os, os->absent_rules);
	}
	absent_decode(os->absent_rules, translation->entry, translation->level, page);
	return VMI_OK;
}

enum vmi_status vmi_absent_page(struct vmi_os *os, const struct vmi_translation *translation,
				struct vmi_absent_page *page, struct vmi_error *err)
{
	enum vmi_status st = entry_decode(os, translation, page, err);

	if (!st && page->why == VMI_ABSENT_SWAP && swap_area_is_zram(os, page->type))
		page->why = VMI_ABSENT_ZRAM;
	return st;
}

enum vmi_status vmi_absent_read(struct vmi_os *os, vmi_gva gva,
				const struct vmi_translation *translation, void *bytes,
				struct vmi_error *err)
{
	struct vmi_absent_page page;
	enum vmi_status st = entry_decode(os, translation, &page, err);

	if (st)
		return st;
	switch (page.why) {
	case VMI_ABSENT_PROTECTED:
	case VMI_ABSENT_MIGRATION:
		if (translation->level == LEVEL_HUGE)
			page.gpa += gva & (huge_size(os->absent_rules) - VMI_PAGE_SIZE);
		return vmi_read_bytes(os->vm, NULL, page.gpa, bytes, VMI_PAGE_SIZE, NULL, err);
	case VMI_ABSENT_SWAP:
	case VMI_ABSENT_ZRAM:
		return swap_read(os, page.type, page.offset, bytes, err);
	case VMI_ABSENT_UNTOUCHED:
	case VMI_ABSENT_OTHER:
		break;
	}
	return VMI_ERR_NOT_FOUND;
}

/* ---- the handle's pager --------------------------------------------------------------------- */

/*
 * Entries of the kernel's half are not what is decoded here; and what is read to find a page is not
 * in another one.
 */
static enum vmi_status pager_answer(void *context, const struct vmi_space *space, vmi_gva gva,
				    const struct vmi_translation *why, void *page,
				    struct vmi_error *err)
{
	struct vmi_os *os = context;

	(void)space;
	if (os->is_paging || gva >> 63)
		return VMI_ERR_NOT_FOUND;
	os->is_paging = true;
	enum vmi_status st = vmi_absent_read(os, gva, why, page, err);
	os->is_paging = false;
	return st;
}

void absent_attach(struct vmi_os *os)
{
	vmi_pager_set(os->vm, &(struct vmi_pager){.read = pager_answer, .context = os});
}

void absent_detach(struct vmi_os *os)
{
	const struct vmi_pager *pager = vmi_pager(os->vm);

	if (pager && pager->context == os)
		vmi_pager_set(os->vm, NULL);
}
