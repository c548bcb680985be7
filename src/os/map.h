/* SPDX-License-Identifier: MIT */
#ifndef OS_MAP_H
#define OS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Numbers by numbers other than 0: a table with open addressing. Zeroed, it is empty. */
struct map {
	struct map_entry {
		uint64_t key; /* 0: free */
		uint64_t value;
	} * entry;
	size_t count, mask;
};

/* The value of `key`, valid until the next map_add(); NULL: it has none. */
uint64_t *map_find(const struct map *map, uint64_t key);
/* A key that is not there yet. False: out of memory. */
bool map_add(struct map *map, uint64_t key, uint64_t value);
void map_free(struct map *map);

#endif
