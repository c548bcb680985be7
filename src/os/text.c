/* SPDX-License-Identifier: MIT */
/* Text of a list, in blocks that are chained, the one that is filled first. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { BLOCK = 64 << 10 };

struct text {
	struct text *next;
	size_t used, size;
	char bytes[];
};

char *text_keep(struct text **text, const void *bytes, size_t len)
{
	struct text *block = *text;

	if (len >= SIZE_MAX / 2)
		return NULL;
	if (!block || block->size - block->used <= len) {
		size_t size = len < BLOCK ? BLOCK : len + 1;

		block = malloc(sizeof(*block) + size);
		if (!block)
			return NULL;
		*block = (struct text){.next = *text, .size = size};
		*text = block;
	}
	char *copy = block->bytes + block->used;
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	block->used += len + 1;
	return copy;
}

void text_free(struct text *text)
{
	while (text) {
		struct text *next = text->next;

		free(text);
		text = next;
	}
}
