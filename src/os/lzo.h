/* SPDX-License-Identifier: MIT */
#ifndef OS_LZO_H
#define OS_LZO_H

#include <stddef.h>
#include <stdint.h>

/*
 * Unpack a stream of the kernel's LZO1X, of its first version or, with runs of zeros, its second
 * ("lzo" and "lzo-rle"): up to `room` bytes. Returns how many there are; 0: it is no such stream,
 * or has more.
 */
size_t lzo_unpack(const uint8_t *in, size_t len, uint8_t *out, size_t room);

#endif
