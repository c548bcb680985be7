/* SPDX-License-Identifier: MIT */
#ifndef DUMP_KDUMP_HEADER_H
#define DUMP_KDUMP_HEADER_H

#include <vmi/driver.h>

/**
 * The headers of a kdump-compressed dump: makedumpfile's diskdump_mod.h, QEMU's dump.h.
 *
 *	block 0     main header, laid out as in the memory of who wrote it: 32 or 64 bits wide
 *	block 1     sub header, which grew with each version
 *	...         notes, VMCOREINFO, erase information
 *	1 + sub     bitmap of the pages that the guest had, bitmap of those that are here
 *	+ bitmaps   a descriptor for each page that is here
 *	...         the pages
 */

enum { KDUMP_BLOCK = VMI_PAGE_SIZE, KDUMP_MAIN = 464, KDUMP_DESC = 24 };
/* So much of a file says whether it is a part of a split dump. */
enum { KDUMP_HEAD = KDUMP_BLOCK + 16 };

enum kdump_flags {
	KDUMP_ZLIB = 1,
	KDUMP_LZO = 2,
	KDUMP_SNAPPY = 4,
	KDUMP_INCOMPLETE = 8, /* of the header only: whoever wrote it ran out of space */
	KDUMP_ZSTD = 32
};

/* A stretch of the file; none when the size is 0. */
struct kdump_area {
	uint64_t offset, size;
};

struct kdump_header {
	uint8_t main[KDUMP_MAIN]; /* as it is in the file */
	bool wide;                /* written by a 64-bit machine */
	uint32_t status;
	uint64_t pages;      /* gfns are below this */
	uint64_t bitmap_at;  /* the first, or only, one */
	uint64_t dumped_at;  /* the second, or the only one too */
	uint64_t desc_at;    /* the table of descriptors */
	uint32_t dump_level; /* what was left out, as bits */
	bool split;          /* one part of a dump: of the gfns [first, end) */
	vmi_gfn first, end;
	struct kdump_area notes, vmcoreinfo, erased;
};

bool kdump_header_probe(const uint8_t *head, size_t len);
/* Read it from a source; `target` is told what is odd. Errors do not name the file. */
VMI_CHECKED enum vmi_status kdump_header_read(struct kdump_header *header,
					      const struct vmi_source *source,
					      const struct vmi_target *target,
					      struct vmi_error *err);
/* Are two files of the same dump, by their main headers? */
bool kdump_header_is_same(const struct kdump_header *header, const uint8_t main[KDUMP_MAIN]);
/* The same, and another part of a split one, by the first bytes of the other file? */
bool kdump_header_is_sibling(const struct kdump_header *header, const uint8_t head[KDUMP_HEAD]);
/* The machine that was dumped, by its name for itself. */
enum vmi_machine kdump_header_machine(const struct kdump_header *header);

#endif
