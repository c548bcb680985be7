/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_STREAM_H
#define TEST_MK_STREAM_H

#include <stddef.h>
#include <stdint.h>

/** A file in memory that grows at its end. Zeroed is empty; end with mk_free(). */
struct mk_stream {
	uint8_t *bytes;
	size_t size, room;
};

/* `len` > 0 zeros to be filled before the next call. */
uint8_t *mk_grow(struct mk_stream *s, size_t len);
void mk_put(struct mk_stream *s, const void *bytes, size_t len);
void mk_fill(struct mk_stream *s, uint8_t byte, size_t len);
void mk_u8(struct mk_stream *s, uint8_t value);
/* The low `len` bytes of `value`, big- or little-endian. */
void mk_be(struct mk_stream *s, uint64_t value, size_t len);
void mk_le(struct mk_stream *s, uint64_t value, size_t len);
/* Behind its length of one byte. */
void mk_name(struct mk_stream *s, const char *text);
void mk_free(struct mk_stream *s);

#endif
