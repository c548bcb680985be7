/* SPDX-License-Identifier: MIT */
/* A table of numbers by numbers, at most half full. */

#include <stdlib.h>

#include "map.h"

enum { ENTRIES_LEAST = 64 };

static struct map_entry *entry_of(const struct map *map, uint64_t key)
{
	/* Knuth's multiplicative hash, of whose product the upper half is mixed best. */
	size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & map->mask;

	while (map->entry[at].key && map->entry[at].key != key)
		at = (at + 1) & map->mask;
	return &map->entry[at];
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
	struct map_entry *entry = map->entry ? entry_of(map, key) : NULL;

	return entry && entry->key ? &entry->value : NULL;
}

static bool grow(struct map *map)
{
	size_t entries = map->entry ? 2 * (map->mask + 1) : ENTRIES_LEAST;
	struct map next = {.count = map->count, .mask = entries - 1};

	next.entry = calloc(entries, sizeof(*next.entry));
	if (!next.entry)
		return false;
	for (size_t i = 0; map->entry && i <= map->mask; i++)
		if (map->entry[i].key)
			*entry_of(&next, map->entry[i].key) = map->entry[i];
	free(map->entry);
	*map = next;
	return true;
}

bool map_add(struct map *map, uint64_t key, uint64_t value)
{
	if ((!map->entry || 2 * map->count > map->mask) && !grow(map))
		return false;
	*entry_of(map, key) = (struct map_entry){key, value};
	map->count++;
	return true;
}

void map_free(struct map *map)
{
	free(map->entry);
	*map = (struct map){.entry = NULL};
}
