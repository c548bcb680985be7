/* SPDX-License-Identifier: MIT */
#ifndef TOOL_STRINGS_H
#define TOOL_STRINGS_H

#include "classify.h"
#include "stretch.h"
#include "window.h"

/** Finding printable strings, and taking them apart to characters. */

enum strings_encoding { STRINGS_ASCII, STRINGS_UTF8, STRINGS_UTF16LE };

/* A string that begins in a unit; `len` is 0 when it goes on behind the window. */
struct hit {
	uint32_t first; /* offset in the unit */
	uint32_t len;   /* bytes */
};

/* One way to look at a unit. UTF-16 is looked for at even and at odd addresses. */
struct pass {
	enum strings_encoding encoding;
	unsigned parity;
	bool wide_only; /* nothing that is all ASCII: another pass has it */
	struct hit *hit;
	size_t count, room;
};

/* Bytes before a unit that tell whether a string began there. */
enum { STRINGS_BEFORE = 4 };

/*
 * Fill `pass` with the strings of at least `least` characters that begin in the unit, ascending.
 * The window shows the unit with STRINGS_BEFORE bytes before. False when out of memory.
 */
bool strings_find(struct pass *pass, const struct window *window, const struct unit *unit,
		  size_t least);

/* Length of the character at p if it can be in a string, else 0. */
unsigned strings_character(enum strings_encoding encoding, const uint8_t *p, size_t n,
			   uint32_t *code);

/** Bytes of a space one after another, for strings that leave their window. */
struct stream {
	struct vmi *vm;
	const struct vmi_space *space;
	uint64_t addr;
	size_t len;
	uint8_t data[4096];
};

/* The bytes from addr on: *n of them, at least 4 unless there are no more. */
const uint8_t *stream_at(struct stream *stream, uint64_t addr, size_t *n);

/* How far the string at an address goes, though it need not be followed beyond `enough` bytes. */
struct extent {
	uint64_t bytes, characters;
	bool wide; /* not all ASCII */
};
struct extent strings_measure(struct stream *stream, enum strings_encoding encoding, uint64_t addr,
			      uint64_t enough);

#endif
