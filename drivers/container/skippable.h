/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_SKIPPABLE_H
#define CONTAINER_SKIPPABLE_H

#include "bytes.h"

/* Frames of lz4 and zstd that hold anything, and are passed over: what follows says whose they are.
 */

static inline int is_skippable(uint32_t magic)
{
	return (magic & 0xfffffff0) == 0x184d2a50;
}

/* How many of the first `len` bytes of a file are in skippable frames. */
static inline size_t skippable(const uint8_t *head, size_t len)
{
	size_t at = 0;

	while (len - at >= 8 && is_skippable(le32(head + at)) &&
	       le32(head + at + 4) <= len - at - 8)
		at += 8 + (size_t)le32(head + at + 4);
	return at;
}

#endif
