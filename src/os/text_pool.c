/* SPDX-License-Identifier: MIT */
/* The strings of a list, in few pieces of memory that never move. */

#include <stdlib.h>
#include <string.h>

#include "text_pool.h"

enum { PIECE_LEAST = 4096 };

struct text_pool {
	struct text_pool *next;
	size_t used, size;
	char bytes[];
};

const char *text_pool_add(struct text_pool **pool, const char *bytes, size_t len)
{
	struct text_pool *piece = *pool;

	if (!piece || len >= piece->size - piece->used) {
		size_t size = len < PIECE_LEAST ? PIECE_LEAST : len + 1;

		piece = malloc(sizeof(*piece) + size);
		if (!piece)
			return NULL;
		piece->next = *pool;
		piece->used = 0;
		piece->size = size;
		*pool = piece;
	}
	char *copy = piece->bytes + piece->used;
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	piece->used += len + 1;
	return copy;
}

void text_pool_destroy(struct text_pool *pool)
{
	while (pool) {
		struct text_pool *next = pool->next;

		free(pool);
		pool = next;
	}
}
