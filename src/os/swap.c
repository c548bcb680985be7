/* SPDX-License-Identifier: MIT */
/*
 * Areas of swap (include/linux/swap.h and mm/swap_table.h of Linux, 4.18 to 7.2), and what of their
 * pages is in memory all the same: pages of zeros, which since 6.12 are only noted down, and all of
 * zram.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "swap.h"
#include "zram.h"

enum {
	SWP_BLKDEV = 1 << 6, /* an area that is a whole disk */
	CLUSTER_PAGES = 512, /* SWAPFILE_CLUSTER, where there are tables, with huge pages */
	TABLE_MARKS = 3,     /* of words that a page in use has */
	ZERO_BIT = 59,       /* SWP_TB_ZERO_FLAG, on 64 bits */
};

struct swap {
	struct field bdev, flags, max;
	struct field zeromap;                       /* 6.12 to 7.0: a bit for each page */
	struct field clusters, cluster_size, table; /* since 6.18: a word for each page */
	struct field zero_bitmap;                   /* of a cluster, where words have no room */
	struct field bd_disk, disk_name;
	struct zram_layout *zram; /* once it was asked for */
};

static const char zram_name[] = {'z', 'r', 'a', 'm'};

#define TO(member) offsetof(struct swap, member)

/* Kept: it is asked for each page. */
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
		{"block_device", "bd_disk", TO(bd_disk), false},
		{"gendisk", "disk_name", TO(disk_name), false},
	};

	if (!os->swap) {
		struct swap *own = calloc(1, sizeof(*own));

		if (!own)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		enum vmi_status st =
			fields_resolve(os, wants, sizeof(wants) / sizeof(*wants), own, err);
		if (st) {
			free(own);
			return st;
		}
		os->swap = own;
	}
	return VMI_OK;
}

#undef TO

void swap_destroy(struct swap *swap)
{
	if (swap)
		zram_layout_destroy(swap->zram);
	free(swap);
}

/* The struct swap_info_struct of an area. */
static enum vmi_status area_find(struct vmi_os *os, unsigned number, vmi_gva *area,
				 struct vmi_error *err)
{
	enum vmi_status st = os_symbol(os, "swap_info", area, err);

	if (!st)
		st = os_pointer(os, *area + (uint64_t)number * os->kernel.pointer_size, area, err);
	if (!st && !*area)
		st = vmi_fail(err, VMI_ERR_CORRUPT, "there is no swap area %u", number);
	return st;
}

/* The struct gendisk that the area is on, or in a file of; true: of zram. */
static bool zram_find(struct vmi_os *os, const struct swap *swap, vmi_gva area, vmi_gva *disk)
{
	char name[sizeof(zram_name)];
	vmi_gva device;

	return !field_read(os, area, &swap->bdev, &device, NULL) && device &&
	       !field_read(os, device, &swap->bd_disk, disk, NULL) && *disk &&
	       !os_read(os, *disk + swap->disk_name.offset, name, sizeof(name), NULL) &&
	       !memcmp(name, zram_name, sizeof(name));
}

bool swap_area_is_zram(struct vmi_os *os, unsigned area)
{
	vmi_gva at, disk;

	return !swap_load(os, NULL) && !area_find(os, area, &at, NULL) &&
	       zram_find(os, os->swap, at, &disk);
}

/* ---- what the kernel notes of a page -------------------------------------------------------- */

static enum vmi_status bit_read(struct vmi_os *os, vmi_gva bitmap, uint64_t bit, bool *is_set,
				struct vmi_error *err)
{
	uint8_t byte;
	enum vmi_status st = os_read(os, bitmap + bit / 8, &byte, 1, err);

	if (!st)
		*is_set = byte >> bit % 8 & 1;
	return st;
}

/* In the table of the page's cluster, since 7.1. */
static enum vmi_status table_is_zero(struct vmi_os *os, const struct swap *swap, vmi_gva area,
				     uint64_t offset, bool *is_zero, struct vmi_error *err)
{
	uint64_t cluster = offset / CLUSTER_PAGES, at = offset % CLUSTER_PAGES;
	unsigned width = os->kernel.pointer_size;
	vmi_gva clusters, table;
	uint64_t word;
	enum vmi_status st = field_read(os, area, &swap->clusters, &clusters, err);

	clusters += st ? 0 : cluster * swap->cluster_size.size;
	if (!st && swap->zero_bitmap.is_there) {
		st = field_read(os, clusters, &swap->zero_bitmap, &table, err);
		return st || !table ? st : bit_read(os, table, at, is_zero, err);
	}
	if (!st)
		st = field_read(os, clusters, &swap->table, &table, err);
	if (st || !table || width != 8)
		return st;
	st = os_u64(os, table + at * width, &word, err);
	if (!st)
		*is_zero = (word >> ZERO_BIT & 1) && (word & TABLE_MARKS);
	return st;
}

static enum vmi_status page_is_zero(struct vmi_os *os, const struct swap *swap, vmi_gva area,
				    uint64_t offset, bool *is_zero, struct vmi_error *err)
{
	vmi_gva bitmap;

	*is_zero = false;
	if (swap->zeromap.is_there) {
		enum vmi_status st = field_read(os, area, &swap->zeromap, &bitmap, err);

		return st || !bitmap ? st : bit_read(os, bitmap, offset, is_zero, err);
	}
	return swap->table.is_there ? table_is_zero(os, swap, area, offset, is_zero, err) : VMI_OK;
}

/* ---- */

static enum vmi_status read_zram(struct vmi_os *os, struct swap *swap, vmi_gva area,
				 uint64_t offset, uint8_t *page, struct vmi_error *err)
{
	uint64_t flags;
	vmi_gva disk;
	enum vmi_status st = field_read(os, area, &swap->flags, &flags, err);

	if (st)
		return st;
	if (!zram_find(os, swap, area, &disk))
		return VMI_ERR_NOT_FOUND;
	if (!(flags & SWP_BLKDEV))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is in a file of a file system that zram holds");
	if (!swap->zram)
		st = zram_layout_create(os, &swap->zram, err);
	return st ? st : zram_read(os, swap->zram, disk, offset, page, err);
}

enum vmi_status swap_read(struct vmi_os *os, unsigned number, uint64_t offset, uint8_t *page,
			  struct vmi_error *err)
{
	vmi_gva area;
	uint64_t max;
	bool is_zero;
	enum vmi_status st = swap_load(os, err);

	if (!st)
		st = area_find(os, number, &area, err);
	if (!st)
		st = field_read(os, area, &os->swap->max, &max, err);
	if (!st && offset >= max)
		st = vmi_fail(err, VMI_ERR_CORRUPT,
			      "swap area %u has no page 0x%" PRIx64 ", only 0x%" PRIx64, number,
			      offset, max);
	if (!st)
		st = page_is_zero(os, os->swap, area, offset, &is_zero, err);
	if (st)
		return st;
	if (!is_zero)
		return read_zram(os, os->swap, area, offset, page, err);
	memset(page, 0, VMI_PAGE_SIZE);
	return VMI_OK;
}
