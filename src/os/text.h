/* SPDX-License-Identifier: MIT */
#ifndef OS_TEXT_H
#define OS_TEXT_H

#include <stddef.h>

/** Text of a list: strings that stay where they are until all are freed together. */
struct text;

/* A terminated copy; NULL: out of memory. *text is NULL at first. */
char *text_keep(struct text **text, const void *bytes, size_t len);
/* NULL is allowed. */
void text_free(struct text *text);

#endif
