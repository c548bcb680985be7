/* SPDX-License-Identifier: MIT */
#ifndef TOOL_CLASSIFY_H
#define TOOL_CLASSIFY_H

#include <stddef.h>
#include <stdint.h>

/**
 * Bytes to bit masks, a vector at a time: bit i of mask[b] tells about element 64 * b + i. This is
 * the only code that looks at every byte of a scan; all else follows the bits.
 */

enum class {
	CLASS_ASCII, /* a byte is 0x20 to 0x7e or a tab */
	CLASS_UTF8,  /* a byte is that, or part of a longer character */
	CLASS_UTF16, /* two bytes may be a character as text_wide() has it, or half of a pair */
};

/* `blocks` masks of 64 elements each from p on; an element of CLASS_UTF16 is two bytes. */
typedef void classify_fn(const uint8_t *p, size_t blocks, uint64_t *mask);
classify_fn *classify_choose(enum class class);

/* Sets, besides those that are set, the bits of where p[i] == first and p[i + distance] == last. */
typedef void pair_fn(const uint8_t *p, size_t blocks, uint8_t first, uint8_t last, size_t distance,
		     uint64_t *mask);
pair_fn *pair_choose(void);

#endif
