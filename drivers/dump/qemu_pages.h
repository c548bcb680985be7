/* SPDX-License-Identifier: MIT */
#ifndef DUMP_QEMU_PAGES_H
#define DUMP_QEMU_PAGES_H

#include <vmi/driver.h>

/**
 * Which record of a migration stream holds which page. Pages are numbered through all blocks of
 * RAM.
 *
 * Kept as runs of 16 bytes: neighbours whose records follow one another are one run, so an idle
 * guest's 64 GiB take some MiB, and the worst case (no two neighbours alike) 256 MiB.
 */

enum page_kind {
	PAGE_NONE,
	PAGE_PLAIN, /* where: file offset of 4096 bytes; those of the next page behind a header */
	PAGE_FILL,  /* where: the byte that it is full of */
	PAGE_DEFLATED, /* where: file offset of u32 length, zlib stream */
	PAGE_DELTA,    /* where: index of a struct page_delta */
};

/* Between the bytes of two consecutive pages in a run: the header of a page in the same block. */
enum { PAGE_STRIDE = VMI_PAGE_SIZE + 8 };

/* A kind, and where; all of it zero is PAGE_NONE. */
struct page_ref {
	uint64_t packed;
};

struct page_run {
	uint32_t first, count;
	struct page_ref ref; /* of the first page */
};

/* A page as a difference (XBZRLE) to what the stream held of it before. */
struct page_delta {
	uint64_t at;          /* file offset of u16 length, differences */
	struct page_ref base; /* PAGE_NONE: the stream held nothing */
};

/* Zeroed is empty. */
struct pages {
	struct page_run *run;
	size_t count, room;
	struct page_delta *delta;
	size_t delta_count, delta_room;
};

static inline enum page_kind page_ref_kind(struct page_ref ref)
{
	return (enum page_kind)(ref.packed >> 60);
}

static inline uint64_t page_ref_where(struct page_ref ref)
{
	return ref.packed << 4 >> 4;
}

/* The next record of the stream: page `page` is such. For PAGE_DELTA, `where` is a file offset. */
VMI_CHECKED bool pages_add(struct pages *pages, uint32_t page, enum page_kind kind, uint64_t where);
/* Once behind the last record: the last one of each page counts. False: out of memory. */
VMI_CHECKED bool pages_finish(struct pages *pages);
/* The run, or rest of one, at or above `page`. False behind the last. */
bool pages_next(const struct pages *pages, uint64_t page, struct page_run *run);
void pages_deinit(struct pages *pages);

#endif
