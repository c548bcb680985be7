/* SPDX-License-Identifier: MIT */
/*
 * Pages of a zram disk (drivers/block/zram/zram_drv.c of Linux, 4.18 to 7.2). Its table has an
 * entry for each page: a handle of zsmalloc's, and a word of flags whose low bits are how many
 * bytes the page was packed to. A page of one word over and over is that word, in the handle's
 * place.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "module_types.h"
#include "unpack.h"
#include "zram.h"
#include "zsmalloc.h"

enum {
	NAME_ROOM = 64,
	SLOTS_MAX = 1 << 30,  /* of 4 TiB */
	PRIORITY_BITS = 2,    /* ZRAM_COMP_PRIORITY_MASK */
	SHIFT_ASSUMED = 24,   /* ZRAM_FLAG_SHIFT before 5.11 */
	PAGES_SAME = 1 << 25, /* ZRAM_SAME, then */
	PAGES_AWAY = 1 << 26, /* ZRAM_WB */
};

struct zram_layout {
	struct field private_data;      /* of a gendisk: its zram */
	struct field table, pool, size; /* of the disk, in bytes */
	struct field compressors;       /* names, by priority; since 6.2 */
	struct field compressor, name;  /* the only one, and its name */
	struct field params, dict_size; /* by priority, and its member; since 6.12 */
	struct field params_size;
	struct field handle, flags, entry_size; /* of the table */
	unsigned size_bits;                     /* of flags */
	uint64_t same, away;                    /* a page of one word; one that is on a disk */
	unsigned priority_shift;                /* 0: none */
	struct zs_layout zs;
};

/* ---- layout --------------------------------------------------------------------------------- */

/* The flags are numbered on from the bits of the size. */
static enum vmi_status flags_find(struct vmi_os *os, struct zram_layout *layout,
				  struct vmi_error *err)
{
	struct vmi_member member;
	vmi_type type;

	if (vmi_type_find(os, "zram:enum zram_pageflags", &type, NULL)) {
		enum vmi_status st = vmi_type_find(os, "enum zram_pageflags", &type, err);

		if (st)
			return st;
	}
	for (unsigned i = 0; !vmi_type_member(os, type, i, &member, NULL); i++) {
		if (member.value < 1 || member.value > 63)
			continue;
		if (!layout->size_bits)
			layout->size_bits = (unsigned)member.value;
		if (!strcmp(member.name, "ZRAM_SAME"))
			layout->same = UINT64_C(1) << member.value;
		else if (!strcmp(member.name, "ZRAM_WB"))
			layout->away = UINT64_C(1) << member.value;
		else if (!strcmp(member.name, "ZRAM_COMP_PRIORITY_BIT1"))
			layout->priority_shift = (unsigned)member.value;
	}
	if (!layout->same || layout->size_bits > 32)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "zram's flags are not known");
	return VMI_OK;
}

/*
 * 4.18 to 5.10, whose modules tell no types, on 64 bits; tried with 5.10: the beginnings of struct
 * zram and struct zcomp, and a table whose entries have a time where zram tells of its blocks in
 * debugfs, and a lock of its own in kernels for real time, whose locks are no plain ones.
 */
static void layout_assume(struct vmi_os *os, struct zram_layout *layout)
{
	struct vmi_symbol symbol;
	struct field plain = {0};
	static const struct field_want unlocked = {"spinlock", "rlock", 0, true};
	uint64_t size = 2 * 8;

	if (!vmi_symbol_find(os, "zram:read_block_state", &symbol, NULL))
		size += 8;
	if (!fields_resolve(os, &unlocked, 1, &plain, NULL) && !plain.is_there)
		size += struct_size(os, "spinlock");

	layout->table = (struct field){.offset = 0, .size = 8, .is_there = true};
	layout->pool = (struct field){.offset = 8, .size = 8, .is_there = true};
	layout->compressor = (struct field){.offset = 16, .size = 8, .is_there = true};
	layout->name = (struct field){.offset = 8, .size = 8, .is_there = true};
	layout->handle = (struct field){.offset = 0, .size = 8, .is_there = true};
	layout->flags = (struct field){.offset = 8, .size = 8, .is_there = true};
	layout->entry_size = (struct field){.size = size, .is_there = true};
	layout->size_bits = SHIFT_ASSUMED;
	layout->same = PAGES_SAME;
	layout->away = PAGES_AWAY;
}

#define TO(member) offsetof(struct zram_layout, member)

static enum vmi_status layout_resolve(struct vmi_os *os, struct zram_layout *layout,
				      struct vmi_error *err)
{
	static const struct field_want disk[] = {
		{"gendisk", "private_data", TO(private_data), false},
	};
	static const struct field_want own[] = {
		{"zram:zram|zram", "table", TO(table), false},
		{"zram:zram|zram", "mem_pool", TO(pool), false},
		{"zram:zram|zram", "disksize", TO(size), true},
		{"zram:zram|zram", "comp_algs", TO(compressors), true},
		{"zram:zram|zram", "comp", TO(compressor), true},
		{"zram:zcomp|zcomp", "name", TO(name), true},
		{"zram:zram|zram", "params", TO(params), true},
		{"zram:zcomp_params|zcomp_params", "dict_sz", TO(dict_size), true},
		{"zram:zcomp_params|zcomp_params", "", TO(params_size), true},
		{"zram:zram_table_entry|zram_table_entry", "handle", TO(handle), false},
		{"zram:zram_table_entry|zram_table_entry", "flags|attr.flags", TO(flags), false},
		{"zram:zram_table_entry|zram_table_entry", "", TO(entry_size), false},
	};
	enum vmi_status st = fields_resolve(os, disk, 1, layout, err);

	if (st)
		return st;
	st = fields_resolve(os, own, sizeof(own) / sizeof(*own), layout, err);
	if (!st)
		st = flags_find(os, layout, err);
	if (st && os_modules_told_no_types(os)) {
		layout_assume(os, layout);
		st = VMI_OK;
	}
	return st ? st : zs_layout_find(os, &layout->zs, err);
}

#undef TO

enum vmi_status zram_layout_create(struct vmi_os *os, struct zram_layout **layout,
				   struct vmi_error *err)
{
	struct zram_layout *own = calloc(1, sizeof(*own));

	if (!own)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = layout_resolve(os, own, err);
	if (st) {
		free(own);
		return vmi_wrap(err, st, "zram cannot be read without the types of its modules");
	}
	*layout = own;
	return VMI_OK;
}

void zram_layout_destroy(struct zram_layout *layout)
{
	free(layout);
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Names are of a few small letters, digits and dashes. */
static enum vmi_status name_read(struct vmi_os *os, vmi_gva at, char name[NAME_ROOM],
				 struct vmi_error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t done = 0;

	memset(name, 0, NAME_ROOM);
	enum vmi_status st =
		vmi_read_bytes(os->vm, &os->kernel.space, at, name, NAME_ROOM - 1, &done, err);
	if (st && !memchr(name, 0, done))
		return st;
	if (!*name || name[strspn(name, letters)])
		return vmi_fail(err, VMI_ERR_CORRUPT, "no name of a compressor is at 0x%" PRIx64,
				at);
	return VMI_OK;
}

/* What packed a page that has these flags. */
static enum vmi_status compressor_name(struct vmi_os *os, const struct zram_layout *layout,
				       vmi_gva zram, uint64_t flags, char name[NAME_ROOM],
				       struct vmi_error *err)
{
	unsigned width = os->kernel.pointer_size, priority = 0;
	uint64_t dictionary = 0;
	vmi_gva at;
	enum vmi_status st;

	if (layout->priority_shift)
		priority =
			(unsigned)(flags >> layout->priority_shift & ((1u << PRIORITY_BITS) - 1));
	if (!layout->compressors.is_there) {
		st = field_read(os, zram, &layout->compressor, &at, err);
		if (!st)
			st = field_read(os, at, &layout->name, &at, err);
	} else if (priority >= layout->compressors.size / width) {
		st = vmi_fail(err, VMI_ERR_CORRUPT, "there is no compressor %u", priority);
	} else {
		st = os_pointer(os, zram + layout->compressors.offset + priority * width, &at, err);
	}
	if (!st && layout->dict_size.is_there && layout->params.is_there)
		st = field_read(os,
				zram + layout->params.offset + priority * layout->params_size.size,
				&layout->dict_size, &dictionary, err);
	if (!st)
		st = name_read(os, at, name, err);
	if (!st && dictionary)
		st = vmi_fail(err, VMI_ERR_UNSUPPORTED,
			      "it is packed by %s with a dictionary, which is not supported", name);
	return st;
}

static uint64_t packed_size(const struct zram_layout *layout, uint64_t flags)
{
	return flags & ((UINT64_C(1) << layout->size_bits) - 1);
}

static enum vmi_status object_unpack(struct vmi_os *os, const struct zram_layout *layout,
				     vmi_gva zram, uint64_t handle, uint64_t flags, uint8_t *page,
				     struct vmi_error *err)
{
	uint64_t size = packed_size(layout, flags);
	uint8_t packed[VMI_PAGE_SIZE];
	char name[NAME_ROOM];
	vmi_gva pool;

	if (!size || size > sizeof(packed))
		return vmi_fail(err, VMI_ERR_CORRUPT, "it is packed to 0x%" PRIx64 " bytes", size);
	enum vmi_status st = field_read(os, zram, &layout->pool, &pool, err);
	if (!st)
		st = zs_read(os, &layout->zs, pool, handle, packed, (size_t)size, err);
	if (!st && size == VMI_PAGE_SIZE) {
		memcpy(page, packed, VMI_PAGE_SIZE); /* what would not become less */
		return VMI_OK;
	}
	if (!st)
		st = compressor_name(os, layout, zram, flags, name, err);
	return st ? st : page_unpack(name, packed, (size_t)size, page, err);
}

static void page_fill(struct vmi_os *os, uint64_t word, uint8_t *page)
{
	unsigned width = os->kernel.pointer_size;

	for (size_t i = 0; i < VMI_PAGE_SIZE; i++)
		page[i] = (uint8_t)(word >> i % width * 8);
}

static enum vmi_status entry_find(struct vmi_os *os, const struct zram_layout *layout, vmi_gva zram,
				  uint64_t slot, vmi_gva *entry, struct vmi_error *err)
{
	uint64_t size = 0;
	vmi_gva table;
	enum vmi_status st = field_read(os, zram, &layout->table, &table, err);

	if (!st && layout->size.is_there)
		st = field_read(os, zram, &layout->size, &size, err);
	if (st)
		return st;
	if (slot >= SLOTS_MAX || (layout->size.is_there && slot >= size >> VMI_PAGE_SHIFT))
		return vmi_fail(err, VMI_ERR_CORRUPT, "zram has no slot 0x%" PRIx64, slot);
	*entry = table + slot * layout->entry_size.size;
	return VMI_OK;
}

enum vmi_status zram_read(struct vmi_os *os, const struct zram_layout *layout, vmi_gva disk,
			  uint64_t slot, uint8_t *page, struct vmi_error *err)
{
	vmi_gva zram, entry = 0;
	uint64_t handle, flags;
	enum vmi_status st = field_read(os, disk, &layout->private_data, &zram, err);

	if (!st)
		st = entry_find(os, layout, zram, slot, &entry, err);
	if (!st)
		st = field_read(os, entry, &layout->handle, &handle, err);
	if (!st)
		st = field_read(os, entry, &layout->flags, &flags, err);
	if (st)
		return vmi_wrap(err, st, "slot 0x%" PRIx64 " of zram", slot);
	if (flags & layout->away)
		return vmi_fail(err, VMI_ERR_NOT_PRESENT,
				"zram has written slot 0x%" PRIx64 " to the disk behind it", slot);
	if (flags & layout->same && packed_size(layout, flags))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"slot 0x%" PRIx64 " of zram is both packed and one word", slot);
	if (flags & layout->same) {
		page_fill(os, handle, page);
		return VMI_OK;
	}
	if (!handle)
		return vmi_fail(err, VMI_ERR_NOT_PRESENT, "slot 0x%" PRIx64 " of zram is free",
				slot);
	st = object_unpack(os, layout, zram, handle, flags, page, err);
	return st ? vmi_wrap(err, st, "slot 0x%" PRIx64 " of zram", slot) : VMI_OK;
}
