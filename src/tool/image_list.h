/* SPDX-License-Identifier: MIT */
#ifndef TOOL_IMAGE_LIST_H
#define TOOL_IMAGE_LIST_H

#include <vmi/vmi.h>

/** A stretch of guest-physical memory, and where a file has it. */
struct image_stretch {
	vmi_gpa gpa;
	uint64_t size;
	uint64_t offset;
};

/** Stretches, ascending. Grows; zeroed is empty. */
struct image_list {
	struct image_stretch *list;
	size_t count, room;
};

/* Behind the last; what continues it in memory and file is one with it. False: out of memory. */
bool image_list_add(struct image_list *list, struct image_stretch stretch);
/* Take the memory of `minus` out of `list`, whose parts stay where they are in the file. */
bool image_list_subtract(struct image_list *list, const struct image_list *minus);
uint64_t image_list_bytes(const struct image_list *list);
void image_list_deinit(struct image_list *list);

#endif
