/* SPDX-License-Identifier: MIT */
#ifndef OS_MODULE_TYPES_H
#define OS_MODULE_TYPES_H

#include "os.h"

/** The types that a module adds to the kernel's. */
struct module_types {
	char name[64]; /* terminated */
	struct types *types;
	vmi_type first; /* what its first own one is called outside */
};

/** Of all modules: their own types are numbered on from the kernel's, one module after another. */
struct modules_types {
	struct module_types *module;
	size_t count, room;
	vmi_type end; /* behind the last number */
};

/*
 * As they were when first asked for, for a kernel that has types. A kernel before 5.11, or one that
 * was built so, has none. Borrowed until the os closes.
 *
 * VMI_ERR_NOT_FOUND, VMI_ERR_UNSUPPORTED  it has some, but where they are is not known
 */
VMI_CHECKED enum vmi_status os_modules_types(struct vmi_os *os, const struct modules_types **all,
					     struct vmi_error *err);
/*
 * Is the kernel of a version of 64 bits whose modules never had types, before 5.11? What is known
 * of its modules all the same is in the code.
 */
bool os_modules_told_no_types(const struct vmi_os *os);
/*
 * The first that has a type of that name, which is *type among its types, or NULL; of the module
 * alone whose name is the `len` bytes at `only`, unless that is NULL.
 */
const struct module_types *modules_types_find(const struct modules_types *all, const char *only,
					      size_t len, const char *name, vmi_type *type);
/* NULL is allowed. */
void modules_types_destroy(struct modules_types *all);

#endif
