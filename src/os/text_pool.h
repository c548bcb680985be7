/* SPDX-License-Identifier: MIT */
#ifndef OS_TEXT_POOL_H
#define OS_TEXT_POOL_H

#include <stddef.h>

/** Strings that stay where they are until all of them go; NULL is an empty one. */
struct text_pool;

/* A terminated copy of `len` bytes; NULL: out of memory. */
const char *text_pool_add(struct text_pool **pool, const char *bytes, size_t len);
void text_pool_destroy(struct text_pool *pool);

#endif
