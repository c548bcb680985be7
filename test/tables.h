/* SPDX-License-Identifier: MIT */
#ifndef TEST_TABLES_H
#define TEST_TABLES_H

#include "fake_driver.h"

/**
 * Page tables for tests, written down from the manual (SDM vol. 3A chapter 4) and without any code
 * of the library, so that a mistake there is not repeated here.
 */

/* Bits of an entry. */
#define P      UINT64_C(0x1)
#define W      UINT64_C(0x2)
#define U      UINT64_C(0x4)
#define PWT    UINT64_C(0x8)
#define PCD    UINT64_C(0x10)
#define A      UINT64_C(0x20)
#define D      UINT64_C(0x40)
#define PS     UINT64_C(0x80) /* also PAT of a 4 KiB page */
#define G      UINT64_C(0x100)
#define PAT    UINT64_C(0x1000) /* of a large page */
#define NX     (UINT64_C(1) << 63)
#define BIT(n) (UINT64_C(1) << (n))

/* A space under construction: tables are taken from the pages at `next` on. */
struct tables {
	struct fake *fake;
	struct vmi_space space;
	vmi_gpa next, end;
};

/* Levels of a mode, the bytes one entry of a level maps (as a power of two), its index. */
unsigned mode_levels(enum vmi_mode mode);
unsigned level_shift(enum vmi_mode mode, unsigned level);
unsigned level_index(enum vmi_mode mode, unsigned level, vmi_gva gva);
/* Where the entry for gva lies in a table of `level` at `table`. */
vmi_gpa entry_at(enum vmi_mode mode, vmi_gpa table, unsigned level, vmi_gva gva);
/* Store an entry as wide as the mode has it. */
void entry_put(struct fake *fake, enum vmi_mode mode, vmi_gpa at, uint64_t entry);
uint64_t entry_get(struct fake *fake, enum vmi_mode mode, vmi_gpa at);

/* An empty space whose tables lie in `pages` new pages at gpa; PSE and NX are on. */
void tables_init(struct tables *tables, struct fake *fake, enum vmi_mode mode, vmi_gpa gpa,
		 size_t pages);
/* Set the entry for gva at `level` (1: PTE), making tables on the way, which allow everything. */
void tables_set(struct tables *tables, vmi_gva gva, unsigned level, uint64_t entry);

/* A stretch of a space that tables_random() has put something into. */
struct window {
	vmi_gva gva;
	uint64_t size;
};

enum { WINDOWS = 4 };

/*
 * Fill an empty space at random, at both ends of what is canonical: pages that continue each other
 * and that do not, large ones, holes, reserved bits, tables that are missing or shared. Nothing is
 * mapped outside the windows. Takes up to 16 pages of tables.
 */
void tables_random(struct tables *tables, uint64_t *seed, struct window windows[WINDOWS]);

#endif
