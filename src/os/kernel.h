/* SPDX-License-Identifier: MIT */
#ifndef OS_KERNEL_H
#define OS_KERNEL_H

#include "symbols.h"

/** Where the kernel is, and how that was found. */
struct kernel {
	struct vmi_space space;   /* its own */
	const char *space_source; /* static, or `source` */
	char source[48];
	const struct symbols *linked; /* of a file; NULL: the kernel's own are looked for */
	struct symbols symbols;
	char banner[512]; /* without the newline */
	vmi_gva text;
	uint64_t slide; /* with `linked`: how far the kernel is from where it was linked for */
	vmi_gpa text_gpa;
	unsigned pointer_size;
};

/*
 * Find it. With `given` only that space is looked at. With `linked`, symbols of a file as they were
 * linked, its table of symbols is not needed: its line of version tells where they are.
 *
 * VMI_ERR_NOT_FOUND  nothing there is a kernel with a table of symbols, or that of the file
 */
VMI_CHECKED enum vmi_status kernel_find(struct kernel *kernel, struct vmi *vm,
					const struct vmi_space *given, const struct symbols *linked,
					struct vmi_error *err);
void kernel_deinit(struct kernel *kernel);

#endif
