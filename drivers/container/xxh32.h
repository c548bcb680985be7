/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_XXH32_H
#define CONTAINER_XXH32_H

#include <stddef.h>
#include <stdint.h>

/** The 32-bit xxHash, seed 0, as lz4 frames carry it. Zeroed is the state before the first byte. */
struct xxh32 {
	uint32_t lanes[4];
	uint64_t total;
	uint8_t rest[16]; /* bytes that do not make a stripe yet */
};

void xxh32_add(struct xxh32 *hash, const uint8_t *bytes, size_t len);
uint32_t xxh32_end(const struct xxh32 *hash);
/* Of bytes in one piece. */
uint32_t xxh32(const uint8_t *bytes, size_t len);

#endif
