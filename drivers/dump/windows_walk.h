/* SPDX-License-Identifier: MIT */
#ifndef DUMP_WINDOWS_WALK_H
#define DUMP_WINDOWS_WALK_H

#include "windows_memory.h"

/** The kernel's own address space, as far as it takes to find what the kernel says of itself. */
struct windows_walk {
	const struct windows_memory *memory;
	uint64_t root;
	unsigned levels; /* 4 or 5 */
};

/* Copy from a virtual address; false when any of it is not mapped or not held. */
bool windows_read(const struct windows_walk *walk, vmi_gva gva, void *buf, size_t len);

#endif
