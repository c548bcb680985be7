/* SPDX-License-Identifier: MIT */
/* The 32-bit xxHash: four lanes over stripes of 16 bytes, joined and stirred at the end. */

#include <string.h>

#include "bytes.h"
#include "xxh32.h"

enum { STRIPE = 16 };

#define PRIME_1 UINT32_C(0x9e3779b1)
#define PRIME_2 UINT32_C(0x85ebca77)
#define PRIME_3 UINT32_C(0xc2b2ae3d)
#define PRIME_4 UINT32_C(0x27d4eb2f)
#define PRIME_5 UINT32_C(0x165667b1)

static uint32_t rotate(uint32_t value, unsigned by)
{
	return value << by | value >> (32 - by);
}

static void stripe(struct xxh32 *hash, const uint8_t *bytes)
{
	for (unsigned i = 0; i < 4; i++)
		hash->lanes[i] =
			rotate(hash->lanes[i] + le32(bytes + 4 * i) * PRIME_2, 13) * PRIME_1;
}

void xxh32_add(struct xxh32 *hash, const uint8_t *bytes, size_t len)
{
	size_t have = hash->total % STRIPE;

	if (!hash->total) {
		hash->lanes[0] = PRIME_1 + PRIME_2;
		hash->lanes[1] = PRIME_2;
		hash->lanes[2] = 0;
		hash->lanes[3] = 0 - PRIME_1;
	}
	hash->total += len;
	if (have) {
		size_t n = STRIPE - have < len ? STRIPE - have : len;
		memcpy(hash->rest + have, bytes, n);
		bytes += n;
		len -= n;
		if (have + n < STRIPE)
			return;
		stripe(hash, hash->rest);
	}
	for (; len >= STRIPE; bytes += STRIPE, len -= STRIPE)
		stripe(hash, bytes);
	if (len)
		memcpy(hash->rest, bytes, len);
}

uint32_t xxh32_end(const struct xxh32 *hash)
{
	size_t left = hash->total % STRIPE;
	const uint8_t *at = hash->rest;
	uint32_t sum = PRIME_5;

	if (hash->total >= STRIPE)
		sum = rotate(hash->lanes[0], 1) + rotate(hash->lanes[1], 7) +
		      rotate(hash->lanes[2], 12) + rotate(hash->lanes[3], 18);
	sum += (uint32_t)hash->total;
	for (; left >= 4; at += 4, left -= 4)
		sum = rotate(sum + le32(at) * PRIME_3, 17) * PRIME_4;
	for (; left; at++, left--)
		sum = rotate(sum + *at * PRIME_5, 11) * PRIME_1;
	sum = (sum ^ sum >> 15) * PRIME_2;
	sum = (sum ^ sum >> 13) * PRIME_3;
	return sum ^ sum >> 16;
}

uint32_t xxh32(const uint8_t *bytes, size_t len)
{
	struct xxh32 hash = {0};

	xxh32_add(&hash, bytes, len);
	return xxh32_end(&hash);
}
