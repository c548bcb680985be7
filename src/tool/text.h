/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include "out.h"

/* What GNU strings takes for text: 0x20 to 0x7e and the tab. */
static inline bool ascii_printable(uint32_t code)
{
	return code - 0x20 < 0x5f || code == '\t';
}

/* A character that shows and does nothing else to a terminal; the tab, too. */
bool text_printable(uint32_t code);
/*
 * What a search for UTF-16 takes for text: alphabets, signs, and what takes two units; not the
 * ideographs and syllables from U+3000 on, because half of all pairs of bytes are one of those.
 */
static inline bool text_wide(uint32_t code)
{
	return (code < 0x3000 || code >= 0x10000) && text_printable(code);
}

/* Length of the character at p, of which n bytes are there; 0 when they are none. */
unsigned utf8_decode(const uint8_t *p, size_t n, uint32_t *code);
unsigned utf16_decode(const uint8_t *p, size_t n, uint32_t *code);

enum { UTF8_MAX = 4 };
unsigned utf8_encode(uint32_t code, char to[UTF8_MAX]);

/* For people: what is not printable becomes \n, \x1b (a byte) or \u{202e} (a character). */
void text_put(struct out *out, const void *bytes, size_t len);
/* The same in a column that is ASCII only, a dot for everything else. */
void text_put_dots(struct out *out, const uint8_t *bytes, size_t len);

#endif
