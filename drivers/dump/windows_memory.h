/* SPDX-License-Identifier: MIT */
#ifndef DUMP_WINDOWS_MEMORY_H
#define DUMP_WINDOWS_MEMORY_H

#include "extents.h"
#include "pagemap.h"

/** The header of a 64-bit Windows dump, DUMP_HEADER64, and what stands behind it. */
enum {
	WINDOWS_HEADER = 0x2000,
	WINDOWS_ROOT = 0x10,
	WINDOWS_MACHINE = 0x30,
	WINDOWS_PROCESSORS = 0x34,
	WINDOWS_BUGCHECK = 0x38,
	WINDOWS_PARAMETER = 0x40, /* the first of the bug check */
	WINDOWS_DEBUGGER_DATA = 0x80,
	WINDOWS_MEMORY = 0x88, /* runs, filler, pages, then {first page, pages} each */
	WINDOWS_RUN = 0x98,
	WINDOWS_RUNS_MAX = 43,
	WINDOWS_CONTEXT = 0x348,
	WINDOWS_TYPE = 0xf98,

	WINDOWS_FILLER = 0x45474150, /* "PAGE": nobody set this field */
	WINDOWS_LIVE = 0x161,        /* bug check LIVE_SYSTEM_DUMP: the system went on */
};

enum windows_type {
	WINDOWS_FULL = 1,
	WINDOWS_SUMMARY = 2, /* the kernel's pages by bitmap */
	WINDOWS_TRIAGE = 4,
	WINDOWS_BITMAP = 5,
	WINDOWS_LIVE_KERNEL = 6, /* as 2 */
	WINDOWS_KERNEL_RANGES = 8,
	WINDOWS_USER_RANGES = 9,
	WINDOWS_FULL_RANGES = 10,
};

struct windows_run {
	vmi_gfn first;
	uint64_t count;
};

/**
 * The memory of a dump: stretches of pages (a full dump has them in its header, newer ones in a
 * table), or a bitmap of those that are there. Immutable once open.
 */
struct windows_memory {
	const struct vmi_source *source;
	struct extents extents; /* of stretches; empty for a bitmap */

	bool is_bitmap;
	struct pagemap map;
	uint64_t first; /* where the first page is in the file */
	uint64_t held;  /* set bits whose page is in the file */
	vmi_gfn cut;    /* the first frame whose page is not */
	unsigned runs;  /* of memory that the guest had, ascending; 0 when it is not told */
	struct windows_run run[WINDOWS_RUNS_MAX];

	vmi_gfn max_gfn;
	uint64_t bytes; /* held */
};

/* By a header of WINDOWS_HEADER bytes. */
VMI_CHECKED enum vmi_status windows_memory_open(struct windows_memory *memory,
						const struct vmi_target *target,
						const uint8_t *header, struct vmi_error *err);
void windows_memory_close(struct windows_memory *memory);

/* The page group of struct vmi_driver_ops. */
VMI_CHECKED enum vmi_status windows_page_get(const struct windows_memory *memory, vmi_gfn gfn,
					     struct vmi_page *page, struct vmi_error *err);
VMI_CHECKED enum vmi_status windows_run_next(const struct windows_memory *memory, vmi_gpa from,
					     struct vmi_run *run);
VMI_CHECKED enum vmi_status windows_absent_next(const struct windows_memory *memory, vmi_gpa from,
						struct vmi_run *run);

#endif
