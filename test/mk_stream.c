/* SPDX-License-Identifier: MIT */
/* Files put together byte by byte. */

#include <stdlib.h>
#include <string.h>

#include "mk_stream.h"

uint8_t *mk_grow(struct mk_stream *s, size_t len)
{
	if (s->room - s->size < len) {
		s->room = 2 * (s->size + len);
		s->bytes = realloc(s->bytes, s->room);
		if (!s->bytes)
			abort();
	}
	s->size += len;
	return memset(s->bytes + s->size - len, 0, len);
}

void mk_put(struct mk_stream *s, const void *bytes, size_t len)
{
	if (len)
		memcpy(mk_grow(s, len), bytes, len);
}

void mk_fill(struct mk_stream *s, uint8_t byte, size_t len)
{
	if (len)
		memset(mk_grow(s, len), byte, len);
}

void mk_u8(struct mk_stream *s, uint8_t value)
{
	mk_put(s, &value, 1);
}

void mk_be(struct mk_stream *s, uint64_t value, size_t len)
{
	while (len--)
		mk_u8(s, (uint8_t)(value >> 8 * len));
}

void mk_le(struct mk_stream *s, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		mk_u8(s, (uint8_t)(value >> 8 * i));
}

void mk_name(struct mk_stream *s, const char *text)
{
	mk_u8(s, (uint8_t)strlen(text));
	mk_put(s, text, strlen(text));
}

void mk_free(struct mk_stream *s)
{
	free(s->bytes);
	*s = (struct mk_stream){0};
}
