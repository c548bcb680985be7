/* SPDX-License-Identifier: MIT */
#ifndef OS_LIST_H
#define OS_LIST_H

#include "os.h"

/** A circle of struct list_head (include/linux/types.h of the kernel). */
struct list_circle {
	const char *what;                           /* "the list of tasks" */
	vmi_gva head;                               /* which is no node itself */
	size_t limit;                               /* nodes that there can be at most */
	bool (*visit)(void *context, vmi_gva node); /* false ends the walk */
	void *context;
};

/*
 * Visit the nodes, each once. Where the chain is torn or leads back into itself, what it still
 * holds from its other end is visited, too, and the problem is told. VMI_ERR_NOMEM.
 */
VMI_CHECKED enum vmi_status list_walk(struct vmi_os *os, const struct list_circle *circle,
				      struct vmi_error *err);

#endif
