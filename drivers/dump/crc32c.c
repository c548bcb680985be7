/* SPDX-License-Identifier: MIT */
/* CRC-32C: by the instruction that newer x86 have for it, else four bits at a time. */

#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <string.h>

#include "crc32c.h"

/* Four bits more of a CRC whose low four bits are the index (polynomial 0x82f63b78, reversed). */
static const uint32_t nibbles[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t by_table(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(const uint8_t *bytes, size_t len)
{
	uint64_t crc = UINT32_MAX;

	for (; len >= 8; bytes += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, bytes, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	for (; len; bytes++, len--)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, *bytes);
	return ~(uint32_t)crc;
}
#endif

crc32c_function *crc32c_choose(void)
{
#ifdef __x86_64__
	unsigned a, b, c = 0, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_2)
		return by_instruction;
#endif
	return by_table;
}
