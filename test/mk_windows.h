/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_WINDOWS_H
#define TEST_MK_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Windows crash dumps in memory, from a description. Memory describes itself as mk_elf()'s does; a
 * register holds its own name as text, the number of its processor in the top byte.
 */

struct mk_pages {
	uint64_t first, count;
};

enum {
	MK_WINDOWS_PAGES = 32, /* of the guest's kernel, when there is one */
	MK_WINDOWS_ROOT = 0x1000,
	MK_WINDOWS_LIVE = 0x161,
};
/* Where all of the kernel's pages are mapped, gpa 0 first. */
#define MK_WINDOWS_BASE UINT64_C(0xfffff80000000000)

/* Zeroed is: a header, no pages. */
struct mk_windows {
	uint32_t type;    /* DumpType */
	uint32_t machine; /* 0: AMD64 */
	uint32_t processors;
	uint32_t bugcheck;
	struct mk_pages runs[4]; /* of the header; up to the first that is empty */
	uint32_t claim_runs;     /* if not 0: what the header says instead of the truth */
	uint64_t claim_pages;
	struct mk_pages present[8]; /* for all types but 1: what is in the file */

	bool context;              /* the header has one: that of processor 0 */
	uint32_t context_flags;    /* 0: all parts */
	bool kernel;               /* memory has tables, a KDBG block, processors' blocks */
	bool encoded;              /* the KDBG block is scrambled */
	bool no_special, no_lstar; /* the processors' blocks lack these */
	bool copied;               /* only the bug check's parameter leads to the KDBG block */
	bool five;                 /* levels of tables */

	uint64_t bits;                   /* if not 0: so many in the bitmap, whatever is present */
	uint64_t first_page, claim_bits; /* if not 0: a lie */
	size_t cut;                      /* bytes cut off the end of the file */
};

/* Owned: free(). */
uint8_t *mk_windows(const struct mk_windows *windows, size_t *size);
/* What a register of that name holds on a processor: up to 7 letters. */
uint64_t mk_windows_value(const char *name, unsigned cpu);

#endif
