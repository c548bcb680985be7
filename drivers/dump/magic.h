/* SPDX-License-Identifier: MIT */
#ifndef DUMP_MAGIC_H
#define DUMP_MAGIC_H

#include <stddef.h>
#include <stdint.h>

/* What a file that begins like this is, if it is anything but flat memory: "a LiME image". Static;
 * NULL when it may well be flat memory. */
const char *magic_name(const uint8_t *head, size_t len);

#endif
