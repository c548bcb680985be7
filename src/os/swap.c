/* SPDX-License-Identifier: MIT */
/*
 * Areas of swap (include/linux/swap.h and mm/swap_table.h of Linux, 4.18 to 7.2), and what of their
 * pages is in memory all the same: those that are still or again in a frame, those of zeros, which
 * since 6.12 are only noted down, and all of zram.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "swap.h"
#include "zram.h"

enum {
	SWP_BLKDEV = 1 << 6, /* an area that is a whole disk */
	CLUSTER_PAGES = 512, /* SWAPFILE_CLUSTER, with huge pages in swap */
	TABLE_MARKS = 3,     /* of words that a page in use has */
	ZERO_BIT = 59,       /* SWP_TB_ZERO_FLAG since 7.1, on 64 bits */
};

static const char zram_name[] = {'z', 'r', 'a', 'm'};

#define TO(member) offsetof(struct swap, member)

/* Kept in `os`: it is asked for each page. */
static enum vmi_status swap_load(struct vmi_os *os, struct vmi_error *err)
{
	static const struct field_want wants[] = {
		{"swap_info_struct", "bdev", TO(bdev), false},
		{"swap_info_struct", "flags", TO(flags), false},
		{"swap_info_struct", "max", TO(max), false},
		{"swap_info_struct", "zeromap", TO(zeromap), true},
		{"swap_info_struct", "cluster_info", TO(clusters), true},
		{"swap_cluster_info", "", TO(cluster_size), true},
		{"swap_cluster_info", "table", TO(table), true},
		{"swap_cluster_info", "zero_bitmap", TO(zero_bitmap), true},
		{"swap_table", "entries", TO(table_entries), true},
		{"block_device", "bd_disk", TO(bd_disk), false},
		{"gendisk", "disk_name", TO(disk_name), false},
		{"address_space", "i_pages.xa_head", TO(space_head), true},
		{"address_space", "", TO(space_size), true},
		{"page", "flags", TO(page_flags), true},
		{"page", "private", TO(page_private), true},
	};

	if (os->swap)
		return VMI_OK;
	struct swap *own = calloc(1, sizeof(*own));
	if (!own)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = fields_resolve(os, wants, sizeof(wants) / sizeof(*wants), own, err);
	if (st)
		free(own);
	else
		os->swap = own;
	return st;
}

#undef TO

void swap_destroy(struct swap *swap)
{
	if (swap)
		zram_layout_destroy(swap->zram);
	free(swap);
}

/* The struct swap_info_struct of an area. */
static enum vmi_status area_find(struct vmi_os *os, unsigned area, vmi_gva *info,
				 struct vmi_error *err)
{
	enum vmi_status st = os_symbol(os, "swap_info", info, err);

	if (!st)
		st = os_pointer(os, *info + (uint64_t)area * os->kernel.pointer_size, info, err);
	if (!st && !*info)
		st = vmi_fail(err, VMI_ERR_CORRUPT, "there is no swap area %u", area);
	return st;
}

/* The struct gendisk that the area is on, or in a file of; true: of zram. */
static bool zram_find(struct vmi_os *os, const struct swap *swap, vmi_gva info, vmi_gva *disk)
{
	char name[sizeof(zram_name)];
	vmi_gva device;

	return !field_read(os, info, &swap->bdev, &device, NULL) && device &&
	       !field_read(os, device, &swap->bd_disk, disk, NULL) && *disk &&
	       !os_read(os, *disk + swap->disk_name.offset, name, sizeof(name), NULL) &&
	       !memcmp(name, zram_name, sizeof(name));
}

bool swap_area_is_zram(struct vmi_os *os, unsigned area)
{
	vmi_gva info, disk;

	return !swap_load(os, NULL) && !area_find(os, area, &info, NULL) &&
	       zram_find(os, os->swap, info, &disk);
}

/* ---- what the kernel notes of a page -------------------------------------------------------- */

/* The page's cluster, and which one of its pages it is. */
static bool cluster_find(struct vmi_os *os, const struct swap *swap, const struct swap_place *place,
			 vmi_gva *cluster, uint64_t *index)
{
	uint64_t pages = swap->table_entries.size / os->kernel.pointer_size;

	if (!pages)
		pages = CLUSTER_PAGES;
	if (field_read(os, place->info, &swap->clusters, cluster, NULL))
		return false;
	*cluster += place->offset / pages * swap->cluster_size.size;
	*index = place->offset % pages;
	return true;
}

bool swap_table_word(struct vmi_os *os, const struct swap *swap, const struct swap_place *place,
		     uint64_t *word)
{
	unsigned width = os->kernel.pointer_size;
	vmi_gva cluster, table;
	uint64_t index;

	return cluster_find(os, swap, place, &cluster, &index) &&
	       !field_read(os, cluster, &swap->table, &table, NULL) && table &&
	       !os_pointer(os, table + index * width, word, NULL);
}

static bool bit_is_set(struct vmi_os *os, vmi_gva bitmap, uint64_t bit)
{
	uint8_t byte;

	return bitmap && !os_read(os, bitmap + bit / 8, &byte, 1, NULL) && (byte >> bit % 8 & 1);
}

static bool is_zero(struct vmi_os *os, const struct swap *swap, const struct swap_place *place)
{
	uint64_t word, index;
	vmi_gva at;

	if (swap->zeromap.is_there)
		return !field_read(os, place->info, &swap->zeromap, &at, NULL) &&
		       bit_is_set(os, at, place->offset);
	if (swap->zero_bitmap.is_there)
		return cluster_find(os, swap, place, &at, &index) &&
		       !field_read(os, at, &swap->zero_bitmap, &at, NULL) &&
		       bit_is_set(os, at, index);
	return swap->table.is_there && os->kernel.pointer_size == 8 &&
	       swap_table_word(os, swap, place, &word) && (word >> ZERO_BIT & 1) &&
	       (word & TABLE_MARKS);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static enum vmi_status read_zram(struct vmi_os *os, struct swap *swap,
				 const struct swap_place *place, uint8_t *page,
				 struct vmi_error *err)
{
	uint64_t flags;
	vmi_gva disk;
	enum vmi_status st = field_read(os, place->info, &swap->flags, &flags, err);

	if (st)
		return st;
	if (!zram_find(os, swap, place->info, &disk))
		return VMI_ERR_NOT_FOUND;
	if (!(flags & SWP_BLKDEV))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is in a file of a file system that zram holds");
	if (!swap->zram)
		st = zram_layout_create(os, &swap->zram, err);
	return st ? st : zram_read(os, swap->zram, disk, place->offset, page, err);
}

enum vmi_status swap_read(struct vmi_os *os, unsigned area, uint64_t offset, uint8_t *page,
			  struct vmi_error *err)
{
	struct swap_place place = {.area = area, .offset = offset};
	uint64_t max;
	vmi_gfn gfn;
	enum vmi_status st = swap_load(os, err);

	if (!st)
		st = area_find(os, area, &place.info, err);
	if (!st)
		st = field_read(os, place.info, &os->swap->max, &max, err);
	if (!st && offset >= max)
		st = vmi_fail(err, VMI_ERR_CORRUPT,
			      "swap area %u has no page 0x%" PRIx64 ", only 0x%" PRIx64, area,
			      offset, max);
	if (st)
		return st;
	if (swap_cache_find(os, os->swap, &place, &gfn))
		return vmi_read_bytes(os->vm, NULL, gfn << VMI_PAGE_SHIFT, page, VMI_PAGE_SIZE,
				      NULL, err);
	if (!is_zero(os, os->swap, &place))
		return read_zram(os, os->swap, &place, page, err);
	memset(page, 0, VMI_PAGE_SIZE);
	return VMI_OK;
}
