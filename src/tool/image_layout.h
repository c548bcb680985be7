/* SPDX-License-Identifier: MIT */
#ifndef TOOL_IMAGE_LAYOUT_H
#define TOOL_IMAGE_LAYOUT_H

#include "image_list.h"

/** What lies where in a file: pieces, ascending; zeros between them. */
struct image_piece {
	uint64_t offset, size;
	vmi_gpa gpa; /* memory from here, unless.. */
	bool literal;
	size_t at; /* ..these of the layout's own bytes */
};

/* Zeroed is empty. */
struct image_layout {
	struct image_piece *list;
	size_t count, room;
	uint8_t *bytes;
	size_t used, bytes_room;
	uint64_t size; /* of the file */
	bool failed;   /* out of memory */
};

void image_layout_memory(struct image_layout *layout, uint64_t offset, vmi_gpa gpa, uint64_t size);
/* Zeros that the caller fills; borrowed until the next call. NULL: out of memory. */
uint8_t *image_layout_literal(struct image_layout *layout, uint64_t offset, size_t size);
/* The first piece that ends behind `offset`; `count` when none does. */
size_t image_layout_find(const struct image_layout *layout, uint64_t offset);
void image_layout_deinit(struct image_layout *layout);

#endif
