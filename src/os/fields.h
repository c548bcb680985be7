/* SPDX-License-Identifier: MIT */
#ifndef OS_FIELDS_H
#define OS_FIELDS_H

#include "os.h"

/** Where a member is in its structure, once fields_resolve() found it. */
struct field {
	uint64_t offset;
	uint64_t size; /* in bytes, whatever its type; 0: VMCOREINFO told of it, not how long */
	uint8_t bit_offset; /* of a bit field */
	uint8_t bit_count;  /* of a bit field; 0: it is none */
	bool is_there;
};

/** A member that is wanted, and where its struct field goes. */
struct field_want {
	/*
	 * Alternatives, by the kernel's version: "mnt_namespace|other"; "module:name" is a
	 * module's.
	 */
	const char *structure;
	const char *path; /* the same: "__state|state"; "" for the structure's own size */
	size_t to;        /* offsetof a struct field in what is filled */
	bool is_optional;
};

/*
 * Fill the fields of `out` for each of `count` wants. A kernel without types may tell of a member
 * in VMCOREINFO, which has no sizes of members: they are 0 then. VMI_ERR_UNSUPPORTED: one that is
 * not optional is not known.
 */
VMI_CHECKED enum vmi_status fields_resolve(struct vmi_os *os, const struct field_want wants[],
					   size_t count, void *out, struct vmi_error *err);

/* The member of the structure at `base`, up to 8 bytes, not sign-extended. */
VMI_CHECKED enum vmi_status field_read(struct vmi_os *os, vmi_gva base, const struct field *field,
				       uint64_t *value, struct vmi_error *err);
/* The same out of bytes of the structure that were read; 0 where they do not reach. */
uint64_t field_get(const struct field *field, const uint8_t *structure, size_t len);

/* The bit that "enum pageflags" or another enum of the kernel numbers so; 0: it has none. */
uint64_t enumerator_bit(struct vmi_os *os, const char *enumeration, const char *name);

/* How long the structure `name` is; 0: it is not known. */
uint64_t struct_size(struct vmi_os *os, const char *name);

#endif
