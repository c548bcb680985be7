/* SPDX-License-Identifier: MIT */
#ifndef OS_DWARF_H
#define OS_DWARF_H

#include "types.h"

/*
 * The types of an ELF file with DWARF, made into BTF: structures, unions, enums and typedefs that
 * have a name, and what they are made of. Of several of one name and size the first is taken.
 * VMI_ERR_UNSUPPORTED: the file has no DWARF.
 */
VMI_CHECKED enum vmi_status types_of_dwarf(const char *path, struct types **types,
					   struct vmi_error *err);

#endif
