/* SPDX-License-Identifier: MIT */
#ifndef OS_SYMBOLS_FILE_H
#define OS_SYMBOLS_FILE_H

#include "symbols.h"

/* Symbols out of files, as they were linked; both leave `symbols` finished. */

/* Text as nm prints it: System.map. VMI_ERR_CORRUPT: it is none. */
VMI_CHECKED enum vmi_status symbols_of_text(struct symbols *symbols, const char *text, size_t len,
					    struct vmi_error *err);
VMI_CHECKED enum vmi_status symbols_of_system_map(struct symbols *symbols, const char *path,
						  struct vmi_error *err);
/* An ELF file. VMI_ERR_NOT_FOUND: it has no table of symbols. */
VMI_CHECKED enum vmi_status symbols_of_elf(struct symbols *symbols, const char *path,
					   struct vmi_error *err);

#endif
