/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PUT_H
#define TOOL_PUT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/** Little-endian numbers, wherever they lie in what is written. */

static inline void put32(uint8_t *at, uint64_t value)
{
	uint32_t little = htole32((uint32_t)value);

	memcpy(at, &little, sizeof(little));
}

static inline void put64(uint8_t *at, uint64_t value)
{
	uint64_t little = htole64(value);

	memcpy(at, &little, sizeof(little));
}

#endif
