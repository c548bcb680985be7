/* SPDX-License-Identifier: MIT */
#ifndef OS_MODULE_H
#define OS_MODULE_H

#include "os.h"

enum { MODULE_PARTS = 8 };

/** A module of the kernel, and its symbols once they were asked for. */
struct module {
	struct vmi_module info;
	struct module_part {
		vmi_gva base;
		uint64_t size;
	} part[MODULE_PARTS]; /* its code first */
	unsigned part_count;
	bool is_formed;   /* the other members of its struct module can be believed */
	bool has_symbols; /* they were looked for */
	struct symbols symbols;
};

struct modules {
	struct module *module;
	size_t count, room;
	uint64_t left; /* bytes that the symbols of those to come can have */
};

/* As they are now. Own: modules_deinit(). */
VMI_CHECKED enum vmi_status modules_read(struct vmi_os *os, struct modules *modules,
					 struct vmi_error *err);
void modules_deinit(struct modules *modules);

/* As they were when first asked for. Borrowed until the os closes. */
VMI_CHECKED enum vmi_status os_modules(struct vmi_os *os, struct modules **modules,
				       struct vmi_error *err);
/* The symbols of one of these; empty when it has none or they cannot be had. */
VMI_CHECKED enum vmi_status module_symbols(struct vmi_os *os, struct module *module,
					   const struct symbols **symbols, struct vmi_error *err);

#endif
