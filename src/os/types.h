/* SPDX-License-Identifier: MIT */
#ifndef OS_TYPES_H
#define OS_TYPES_H

#include <vmi/os.h>

/** Types of the kernel, or those that a module adds to them, as BTF; libbpf parses it. */
struct types;

/*
 * From bytes, which are copied. They continue `base`, which must outlive them and whose types are
 * theirs, too, except for types_find(); NULL: they stand for themselves.
 *
 * VMI_ERR_CORRUPT  they are no BTF, or broken
 */
VMI_CHECKED enum vmi_status types_of_bytes(const uint8_t *bytes, size_t len,
					   const struct types *base, struct types **types,
					   struct vmi_error *err);
/* From a file: BTF, or an ELF file with a section of it or with DWARF. */
VMI_CHECKED enum vmi_status types_of_file(const char *path, struct types **types,
					  struct vmi_error *err);
/* NULL is allowed. */
void types_destroy(struct types *types);

VMI_CHECKED enum vmi_status types_find(const struct types *types, const char *name, vmi_type *type,
				       struct vmi_error *err);
VMI_CHECKED enum vmi_status types_info(const struct types *types, vmi_type type,
				       struct vmi_type_info *info, struct vmi_error *err);
VMI_CHECKED enum vmi_status types_member(const struct types *types, vmi_type type, unsigned index,
					 struct vmi_member *member, struct vmi_error *err);
/* Where `path` is in `type`: bits from its beginning, of a bit field how many, else 0. */
VMI_CHECKED enum vmi_status types_path(const struct types *types, vmi_type type, const char *path,
				       struct vmi_member *member, struct vmi_error *err);
/*
 * Through one const, volatile, restrict or tag: its word, "" for a tag, and *type is what it
 * qualifies. NULL: *type is none of these.
 */
const char *types_qualifier(const struct types *types, vmi_type *type);
/* How many there are; type numbers are 1 to that, less 1. */
vmi_type types_count(const struct types *types);
/* How many bytes their names have. */
uint32_t types_names_size(const struct types *types);

#endif
