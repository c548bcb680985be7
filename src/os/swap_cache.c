/* SPDX-License-Identifier: MIT */
/*
 * Pages of swap that are in memory all the same: on their way out, or back for one process of
 * several that share them. Areas have XArrays of them (mm/swap_state.c of Linux, since 4.20), each
 * of 2^14 pages, and since 6.18 words in tables (mm/swap_table.h). Both name the first frame of a
 * folio, and that knows which page of which area it has.
 */

#include "frame.h"
#include "swap.h"
#include "xarray_kernel.h"

enum {
	SPACE_PAGES = 1 << 14, /* SWAP_ADDRESS_SPACE_PAGES */
	NODES_MAX = 64,        /* on the way to one index */
	FOLIO_PAGES = 512,
	TYPE_BITS = 5,  /* MAX_SWAPFILES_SHIFT */
	VALUE_LOST = 1, /* of a word, for BITS_PER_XA_VALUE */
	WORD_FRAME = 2, /* marks of a word of a table: a frame's number follows, since 7.0 */
	WORD_MARKS = 3,
	WORD_BITS = 2,
	WORD_POINTER = 7, /* all clear: a pointer, until then */
	FRAME_BITS = 40,  /* SWAP_CACHE_PFN_BITS, with 5-level tables built in */
};

struct cache_walk {
	struct xarray_walk array; /* first */
	vmi_gva found;
};

static bool on_page(void *context, uint64_t index, vmi_gva pointer)
{
	struct cache_walk *walk = context;

	(void)index;
	walk->found = pointer;
	return false;
}

/* That a page cannot be found is no news: it is seldom here. */
static void on_lost(void *context, vmi_gva node, const char *why)
{
	(void)context, (void)node, (void)why;
}

/* The struct page at `index` of a space of the area, or 0. */
static vmi_gva space_find(struct vmi_os *os, const struct swap *swap,
			  const struct swap_place *place, uint64_t index)
{
	struct cache_walk walk = {.array = {os, NODES_MAX, on_page, on_lost}};
	unsigned width = os->kernel.pointer_size;
	vmi_gva space, head;

	if (os_symbol(os, "swapper_spaces", &space, NULL) ||
	    os_pointer(os, space + (uint64_t)place->area * width, &space, NULL) || !space)
		return 0;
	space += place->offset / SPACE_PAGES * swap->space_size.size;
	if (field_read(os, space, &swap->space_head, &head, NULL) ||
	    xarray_walk_kernel(&walk.array, head, index, index, NULL))
		return 0;
	return walk.found;
}

/* The struct page that the word of a table leads to, or 0. */
static vmi_gva word_page(struct vmi_os *os, uint64_t word)
{
	vmi_gfn gfn = word >> WORD_BITS & ((UINT64_C(1) << FRAME_BITS) - 1);
	vmi_gva page = 0;

	if ((word & WORD_MARKS) == WORD_FRAME)
		return os_page_of_frame(os, gfn, &page, NULL) ? 0 : page;
	return word & WORD_POINTER ? 0 : word;
}

/* Has the page been read? Before that it holds anything. */
static bool is_up_to_date(struct vmi_os *os, const struct swap *swap, vmi_gva page)
{
	uint64_t flags;

	return !field_read(os, page, &swap->page_flags, &flags, NULL) &&
	       (flags & enumerator_bit(os, "enum pageflags", "PG_uptodate"));
}

/* The frame of a folio, whose first struct page is at `page`, that has the page. */
static bool folio_find(struct vmi_os *os, const struct swap *swap, vmi_gva page,
		       const struct swap_place *place, vmi_gfn *gfn)
{
	unsigned shift = os->kernel.pointer_size * 8 - VALUE_LOST - TYPE_BITS;
	uint64_t entry;

	if (field_read(os, page, &swap->page_private, &entry, NULL) ||
	    entry >> shift != place->area || os_frame_of_page(os, page, gfn, NULL))
		return false;
	uint64_t first = entry & ((UINT64_C(1) << shift) - 1);

	if (place->offset < first || place->offset - first >= FOLIO_PAGES ||
	    !is_up_to_date(os, swap, page))
		return false;
	*gfn += place->offset - first;
	return true;
}

bool swap_cache_find(struct vmi_os *os, const struct swap *swap, const struct swap_place *place,
		     vmi_gfn *gfn)
{
	uint64_t word;
	vmi_gva page;

	if (!swap->page_flags.is_there || !swap->page_private.is_there)
		return false;
	if (swap->table.is_there) {
		page = swap_table_word(os, swap, place, &word) ? word_page(os, word) : 0;
	} else if (!swap->space_head.is_there || !swap->space_size.is_there) {
		return false;
	} else {
		page = space_find(os, swap, place, place->offset);
		/* Since 6.10 pages are numbered within their space. */
		if (!page)
			page = space_find(os, swap, place, place->offset % SPACE_PAGES);
	}
	return page && folio_find(os, swap, page, place, gfn);
}
