/* SPDX-License-Identifier: MIT */
#ifndef OS_KERNEL_H
#define OS_KERNEL_H

#include "symbols.h"

/** Where the kernel is, and how that was found. */
struct kernel {
	struct vmi_space space;   /* its own */
	const char *space_source; /* static, or `source` */
	char source[48];
	struct symbols symbols;
	char banner[512]; /* without the newline */
	vmi_gva text;
	vmi_gpa text_gpa;
	unsigned pointer_size;
};

/*
 * Find it. With `given` only that space is looked at. VMI_ERR_NOT_FOUND: nothing there is a kernel
 * with a table of symbols.
 */
VMI_CHECKED enum vmi_status kernel_find(struct kernel *kernel, struct vmi *vm,
					const struct vmi_space *given, struct vmi_error *err);
void kernel_deinit(struct kernel *kernel);

#endif
