/* SPDX-License-Identifier: MIT */
#ifndef LAYOUT_H
#define LAYOUT_H

/* Where things are in a space. */

#include "guest.h"

#if LONG
#define SHIFT_TOP  (LEVELS == 5 ? 56 : 47)
#define TEXT       UINT64_C(0x0000123456780000)
#define LARGES     UINT64_C(0x0000200000000000)
#define HUGES      UINT64_C(0x0000280000000000)
#define HOLES      UINT64_C(0x0000330000000000)
#define RESERVED   UINT64_C(0x0000600000000000)
#define OUTSIDE    UINT64_C(0x0000680000000000)
#define UNSAVED    UINT64_C(0x0000700000000000)
#define SECOND     UINT64_C(0x0000550000000000)
#define KERNEL     UINT64_C(0xffffffff80123000)
#define LOW_END    ((UINT64_C(1) << SHIFT_TOP) - PAGE)
#define HIGH_START (~UINT64_C(0) << SHIFT_TOP)
#define LAST       UINT64_C(0xfffffffffffff000)
#if LEVELS == 5
#define LATTICE UINT64_C(0x0030400440a09000)
#define SELF    UINT64_C(0xff55000000000000)
#else
#define LATTICE UINT64_C(0x0000400440a09000)
#define SELF    UINT64_C(0xffffaa8000000000)
#endif
#else
#define TEXT       UINT32_C(0x45670000)
#define LARGES     UINT32_C(0x50000000)
#define HOLES      UINT32_C(0x60000000)
#define RESERVED   UINT32_C(0x56000000)
#define OUTSIDE    UINT32_C(0x58000000)
#define UNSAVED    UINT32_C(0x5c000000)
#define SECOND     UINT32_C(0xd0000000)
#define KERNEL     UINT32_C(0xc0123000)
#define LOW_END    UINT32_C(0x7ffff000)
#define HIGH_START UINT32_C(0xc0000000)
#define LAST       UINT32_C(0xfffff000)
#define LATTICE    UINT32_C(0x70009000)
#define SELF       UINT32_C(0xe9400000)
#endif

/* Pages of text for each encoding, and between the first pages of two encodings. */
enum {
	TEXT_PAGES = 7,
	TEXT_STEP = 0x10000,
	TEXT_MIXED = 3 * TEXT_STEP,
	TEXT_RUNOFF = 4 * TEXT_STEP
};

#endif
