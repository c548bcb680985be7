/* SPDX-License-Identifier: MIT */
#ifndef TEST_SHA256_H
#define TEST_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* The digest of `len` bytes as 64 hexadecimal digits, terminated (FIPS 180-4). */
void sha256_hex(const void *data, size_t len, char hex[65]);

#endif
