/* SPDX-License-Identifier: MIT */
#ifndef OS_HASH_H
#define OS_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Of a name, for tables whose size is a power of two (FNV-1a, its upper half folded in). */
static inline uint32_t name_hash(const char *name, size_t len)
{
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619;
	return hash ^ hash >> 15;
}

#endif
