/* SPDX-License-Identifier: MIT */
#ifndef OS_KERNEL_IMAGE_H
#define OS_KERNEL_IMAGE_H

#include "kernel.h"

/* The pieces by which a kernel is known. NULL for a space: physical memory. */

/* Take the symbols whose tokens are at `tokens`; the pointers' size must be set. */
VMI_CHECKED enum vmi_status kernel_symbols_take(struct kernel *kernel, struct vmi *vm,
						const struct vmi_space *space, uint64_t tokens,
						struct vmi_error *err);

/* Is the kernel's line of version at `addr`? Then keep it. */
bool kernel_banner_take(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space,
			uint64_t addr);
/* Search [first, last] for it; then keep it, and *found is where it is. */
bool kernel_banner_search(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space,
			  uint64_t first, uint64_t last, uint64_t *found);

/*
 * Do the symbols belong to kernel->space? Its text and its banner must be where they say. Then
 * where the text is and the banner are kept.
 */
bool kernel_symbols_fit(struct kernel *kernel, struct vmi *vm);

/* The symbol of the kernel's own page tables, or NULL. */
const struct symbol *kernel_root_symbol(const struct symbols *symbols);

/* Does the space map a kernel? Then all of `kernel` but space_source is filled. */
bool kernel_space_search(struct kernel *kernel, struct vmi *vm, const struct vmi_space *space);
/* The same for the space below a root, in each mode that it may have. */
bool kernel_root_search(struct kernel *kernel, struct vmi *vm, vmi_gpa root, const char *source);

/* Read as much as can be had; what cannot is 0xff, which is in no table that is looked for. */
void kernel_chunk_read(struct vmi *vm, const struct vmi_space *space, uint64_t addr, uint8_t *chunk,
		       size_t len);

/* Look for a kernel in memory, without a space. */
bool kernel_memory_search(struct kernel *kernel, struct vmi *vm);

static inline bool space_is_32bit(const struct vmi_space *space)
{
	return space->mode == VMI_MODE_LEGACY || space->mode == VMI_MODE_PAE;
}

#endif
