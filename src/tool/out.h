/* SPDX-License-Identifier: MIT */
#ifndef TOOL_OUT_H
#define TOOL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/**
 * Buffered output. It is written when full, at the end of a line on a terminal, and otherwise when
 * out_line_end() finds that the last write was a moment ago; out_flush() is for those who are about
 * to wait. A failed write is remembered in `error` and ends all writing: look at it in long loops.
 */
struct out {
	int fd;
	int error; /* errno of the write that failed */
	bool json;
	bool colour;
	bool terminal;
	bool file; /* a regular file: nobody waits for the next line */
	char *data;
	size_t used, size;
	uint64_t written_ms;
	/* Asked before each write; false throws the bytes away. May be NULL. */
	bool (*before_write)(void *context);
	void *context;
	struct yajl_gen_t *gen;
};

enum { OUT_ROOM = 4096 }; /* what out_room() can give */

enum { OUT_SIZE = 256 * 1024 }; /* what a buffer usually has */

/* 0, or an errno. The descriptor stays the caller's. */
int out_init(struct out *out, int fd, bool json, size_t size);
void out_deinit(struct out *out);

void out_flush(struct out *out);
/* Puts the newline. */
void out_line_end(struct out *out);
void out_bytes(struct out *out, const void *bytes, size_t len);
void out_format(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes as pairs of hex digits. */
void out_hex_bytes(struct out *out, const uint8_t *bytes, size_t len);

enum out_colour { OUT_PLAIN, OUT_ADDRESS, OUT_PROBLEM };
void out_colour(struct out *out, enum out_colour colour);

/* Space for n <= OUT_ROOM bytes; out_took() says how many were used. */
static inline char *out_room(struct out *out, size_t n)
{
	if (out->size - out->used < n)
		out_flush(out);
	return out->data + out->used;
}

static inline void out_took(struct out *out, size_t n)
{
	out->used += n;
}

static inline void out_char(struct out *out, char c)
{
	*out_room(out, 1) = c;
	out_took(out, 1);
}

static inline void out_string(struct out *out, const char *s)
{
	out_bytes(out, s, strlen(s));
}

enum { HEX_MAX = 18 }; /* "0x" and 16 digits; no terminator */

/* "0x1f", without padding; returns the length. */
size_t hex_put(char to[HEX_MAX], uint64_t value);

static inline void out_hex(struct out *out, uint64_t value)
{
	out_took(out, hex_put(out_room(out, HEX_MAX), value));
}

/* An address in its colour. */
void out_address(struct out *out, uint64_t addr);

#endif
