/* SPDX-License-Identifier: MIT */
#ifndef OS_ABSENT_H
#define OS_ABSENT_H

#include "os.h"

/** How a kernel writes into entries of page tables why a page is not there. */
struct absent_rules {
	bool is_legacy;           /* entries of 32 bits: the older layout */
	unsigned swap_types;      /* numbers below are swap areas: MAX_SWAPFILES */
	unsigned migration_first; /* numbers of pages that are being moved … */
	unsigned migration_count; /* … and how many there are */
	unsigned frame_bits;      /* of a frame number in those; above are marks */
};

/*
 * How many bits the number of a frame has in an entry of a page that is being moved:
 * MAX_PHYSMEM_BITS of arch/x86/include/asm/sparsemem.h, less the page's. Above are marks.
 */
unsigned absent_frame_bits(enum vmi_mode mode);
/*
 * What the entry of that level (1: of a page, 2: of 2 or 4 MiB) says, which is not present.
 * VMI_ABSENT_ZRAM is not told here.
 */
void absent_decode(const struct absent_rules *rules, uint64_t entry, unsigned level,
		   struct vmi_absent_page *page);

/* Have reads of pages that are not there answered, until the handle has another pager or none. */
void absent_attach(struct vmi_os *os);
void absent_detach(struct vmi_os *os);

#endif
