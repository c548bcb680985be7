/* SPDX-License-Identifier: MIT */
#ifndef OS_VMCOREINFO_H
#define OS_VMCOREINFO_H

#include <vmi/vmi.h>

/** What a kernel tells about itself for those who read its dumps. All zero: nothing. */
struct vmcoreinfo {
	const char *text; /* lines; not terminated */
	size_t length;
	char *own; /* the text, when it is not the handle's */
};

/* What the image has besides memory, borrowed from the handle. */
struct vmcoreinfo vmcoreinfo_of_image(const struct vmi *vm);
/*
 * The note that a kernel of this release has made at `addr` of its space, or of guest-physical
 * memory (NULL). False: none is there.
 */
bool vmcoreinfo_take(struct vmcoreinfo *info, struct vmi *vm, const struct vmi_space *space,
		     uint64_t addr, const char *release);
/* The same, wherever in memory the note is. */
bool vmcoreinfo_search(struct vmcoreinfo *info, struct vmi *vm, const char *release);
void vmcoreinfo_deinit(struct vmcoreinfo *info);

/*
 * What is said under `kind`(`name`), as "SYMBOL", "prb" or "OFFSET", "printk_info.seq". Symbols are
 * hexadecimal, all else is decimal. False: nothing.
 */
bool vmcoreinfo_find(const struct vmcoreinfo *info, const char *kind, const char *name,
		     uint64_t *value);

#endif
