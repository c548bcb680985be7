/* SPDX-License-Identifier: MIT */
#ifndef DUMP_CRC32C_H
#define DUMP_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of RFC 3720, appendix B.4 (Castagnoli's polynomial). */
typedef uint32_t crc32c_function(const uint8_t *bytes, size_t len);

/* The fastest that this CPU has. Asking takes longer than a small CRC: ask once. */
crc32c_function *crc32c_choose(void);

#endif
