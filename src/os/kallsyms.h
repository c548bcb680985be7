/* SPDX-License-Identifier: MIT */
#ifndef OS_KALLSYMS_H
#define OS_KALLSYMS_H

#include "symbols.h"

/*
 * The kernel's own table of symbols, as scripts/kallsyms.c of the kernel's sources writes it. A
 * name is a length and so many bytes, each the number of one of 256 tokens, which are strings.
 */

/* Bytes of the kernel around its tokens. */
struct kallsyms_window {
	const uint8_t *bytes;
	size_t len;
	uint64_t addr;         /* of the first byte, in the space that it was read from */
	size_t tokens;         /* where in it the table of tokens begins */
	unsigned pointer_size; /* 4 or 8 */
};

enum { KALLSYMS_TOKENS_MAX = 256 * 128 }; /* bytes of the table of tokens and its index */

/*
 * Where a table of tokens begins at or behind `from`; SIZE_MAX: nowhere. One that does not lie in
 * the bytes whole is not found.
 */
size_t kallsyms_tokens_find(const uint8_t *bytes, size_t len, size_t from);

/*
 * Take the symbols that the window holds; where the table keeps distances, their addresses are in
 * the space of the window's, be it physical memory. VMI_ERR_NOT_FOUND: it does not hold the other
 * tables, or only in part, so that a larger window may.
 */
VMI_CHECKED enum vmi_status kallsyms_decode(const struct kallsyms_window *window,
					    struct symbols *symbols, struct vmi_error *err);

#endif
