/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ACCESS_H
#define TOOL_ACCESS_H

#include <vmi/vmi.h>

/** How translate and maps spell access rights and page sizes. */

/* "rw-" */
static inline const char *access_name(unsigned access)
{
	static const char names[8][4] = {"---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"};

	return names[access & (VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X)];
}

static inline const char *page_size_name(unsigned page_shift)
{
	switch (page_shift) {
	case 12:
		return "4K";
	case 21:
		return "2M";
	case 22:
		return "4M";
	case 30:
		return "1G";
	default:
		return "?";
	}
}

#endif
