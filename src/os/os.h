/* SPDX-License-Identifier: MIT */
#ifndef OS_OS_H
#define OS_OS_H

#include <vmi/driver.h>
#include <vmi/os.h>

#include "kernel.h"
#include "types.h"
#include "vmcoreinfo.h"

struct vmi_os {
	struct vmi *vm;
	struct kernel kernel;
	struct types *types;       /* NULL: there are none */
	struct vmi_error no_types; /* then: why */
	struct vmi_os_info info;
	char release[128];
	struct vmcoreinfo vmcoreinfo;
	bool has_vmcoreinfo;                 /* it was looked for */
	char *symbols_path, *types_path;     /* of files, where there are any: owned */
	struct task_fields *task_fields;     /* once a task was looked at */
	struct modules *modules;             /* once a module was looked for */
	struct modules_types *modules_types; /* once a type was looked for among them */
	struct absent_rules *absent_rules;   /* once a page was looked for that is not there */
	struct swap *swap;                   /* once one was in swap */
	bool is_paging;                      /* such a page is being looked for */
	void (*problem)(void *context, const char *sentence);
	void *problem_context;
	unsigned problems;
};

enum { PROBLEMS_MAX = 1000 }; /* sentences; a torn image can have any number */

/* Tell the user what could not be read, and that the rest goes on. */
void os_problem(struct vmi_os *os, const char *fmt, ...) VMI_PRINTF(2, 3);

/* Where a symbol of the kernel itself is. VMI_ERR_NOT_FOUND. */
VMI_CHECKED enum vmi_status os_symbol(struct vmi_os *os, const char *name, vmi_gva *gva,
				      struct vmi_error *err);

/* What the kernel tells about itself, with the image or in its memory. */
const struct vmcoreinfo *os_vmcoreinfo(struct vmi_os *os);

/*
 * Load os->types from the BTF in the kernel's memory, found by its symbols, or by its header where
 * data has no symbols. VMI_ERR_NOT_FOUND: there is none.
 */
VMI_CHECKED enum vmi_status types_of_kernel(struct vmi_os *os, struct vmi_error *err);

/* Reading in the kernel's space. */
VMI_CHECKED enum vmi_status os_read(struct vmi_os *os, vmi_gva gva, void *buf, size_t len,
				    struct vmi_error *err);
VMI_CHECKED enum vmi_status os_pointer(struct vmi_os *os, vmi_gva gva, vmi_gva *value,
				       struct vmi_error *err);
VMI_CHECKED enum vmi_status os_u32(struct vmi_os *os, vmi_gva gva, uint32_t *value,
				   struct vmi_error *err);
/* Is the kernel known to be for one cpu? Then nothing in it is one of many. */
bool os_is_uniprocessor(const struct vmi_os *os);
/* Where `name`, a variable of which each cpu has its own, is for `cpu`. VMI_ERR_NOT_FOUND. */
VMI_CHECKED enum vmi_status os_percpu(struct vmi_os *os, const char *name, unsigned cpu,
				      vmi_gva *gva, struct vmi_error *err);
VMI_CHECKED enum vmi_status os_u64(struct vmi_os *os, vmi_gva gva, uint64_t *value,
				   struct vmi_error *err);

#endif
