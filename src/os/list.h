/* SPDX-License-Identifier: MIT */
#ifndef OS_LIST_H
#define OS_LIST_H

#include "os.h"

/** What a visitor of a node says. */
enum list_answer {
	LIST_ON,
	LIST_SEEN, /* this node was here before; without it, a circle is still met, only later */
	LIST_STOP,
};

/** A circle of struct list_head (include/linux/types.h of the kernel). */
struct list_circle {
	const char *what; /* "the list of tasks" */
	vmi_gva head;     /* which is no node itself */
	size_t limit;     /* nodes that there can be at most */
	enum list_answer (*visit)(void *context, vmi_gva node);
	void *context;
};

/*
 * Visit the nodes. Where the chain is torn, what it still holds from its other end is visited,
 * too, and the problem is told.
 */
void list_walk(struct vmi_os *os, const struct list_circle *circle);

#endif
