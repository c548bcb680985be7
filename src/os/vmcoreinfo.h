/* SPDX-License-Identifier: MIT */
#ifndef OS_VMCOREINFO_H
#define OS_VMCOREINFO_H

#include <vmi/vmi.h>

/*
 * What the image's VMCOREINFO says under `kind`(`name`), as "SYMBOL", "prb" or "OFFSET",
 * "printk_info.seq". Symbols are hexadecimal, all else is decimal. False: nothing.
 */
bool vmcoreinfo_find(const struct vmi *vm, const char *kind, const char *name, uint64_t *value);

#endif
