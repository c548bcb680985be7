/* SPDX-License-Identifier: MIT */
/* Strings at odd places, written through the CPU's own translation. */

#include "layout.h"

enum encoding { ASCII, UTF8, UTF16LE, UTF16BE, LATIN1 };

static const char *const names[] = {"ascii", "utf8", "utf16le", "utf16be", "latin1"};

/* The n-th character: in UTF-8 one of each length in turn, in UTF-16 every fourth a pair. */
static uint32_t character(enum encoding encoding, unsigned n)
{
	if (encoding == ASCII)
		return n % 9 == 8 ? ' ' : 'A' + n % 26;
	if (encoding == LATIN1)
		return 0xa1 + n % 0x5f;
	switch (n % 4) {
	case 0:
		return 'a' + n % 26;
	case 1:
		return 0xe0 + n % 31;
	case 2:
		return 0x4e00 + n * 7 % 0x5000;
	default:
		return 0x1f300 + n % 0x200;
	}
}

static unsigned encode_utf8(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};

	for (unsigned i = more; i; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(lead[more] | c);
	return more + 1;
}

static unsigned encode(enum encoding encoding, uint32_t c, uint8_t out[4])
{
	if (encoding == UTF8)
		return encode_utf8(c, out);
	if (encoding == ASCII || encoding == LATIN1) {
		out[0] = (uint8_t)c;
		return 1;
	}
	uint32_t unit[2] = {c, 0};
	unsigned units = 1, high = encoding == UTF16BE ? 0 : 1;

	if (c >= 0x10000) {
		unit[0] = 0xd800 | (c - 0x10000) >> 10;
		unit[1] = 0xdc00 | (c & 0x3ff);
		units = 2;
	}
	for (unsigned i = 0; i < units; i++) {
		out[2 * i + high] = (uint8_t)(unit[i] >> 8);
		out[2 * i + !high] = (uint8_t)unit[i];
	}
	return 2 * units;
}

static void report_string(const struct space *space, uintptr_t va, const char *encoding,
			  unsigned length, const char *end)
{
	report_begin("string");
	report_hex("space", space->root);
	report_hex("va", va);
	report_word("encoding", encoding);
	report_word("end", end);
	report_bytes("bytes", (const volatile uint8_t *)va, length);
	report_end();
}

/* At least `size` bytes from `va`, then the terminator. Returns the length without it. */
static unsigned write(const struct space *space, uintptr_t va, enum encoding encoding,
		      unsigned size)
{
	volatile uint8_t *to = (volatile uint8_t *)va;
	unsigned length = 0, wide = encoding == UTF16LE || encoding == UTF16BE;

	for (unsigned n = (unsigned)(va >> 4) % 1000; length < size; n++) {
		uint8_t bytes[4];
		unsigned count = encode(encoding, character(encoding, n), bytes);

		for (unsigned i = 0; i < count; i++)
			to[length++] = bytes[i];
	}
	to[length] = 0;
	if (wide)
		to[length + 1] = 0;
	report_string(space, va, names[encoding], length, "nul");
	return length;
}

/* `count` bytes up to `end`, no terminator. */
static void write_open(const struct space *space, uintptr_t end, unsigned count, const char *how)
{
	volatile uint8_t *to = (volatile uint8_t *)(end - count);

	for (unsigned i = 0; i < count; i++)
		to[i] = (uint8_t)('a' + i % 26);
	report_string(space, end - count, "ascii", count, how);
}

/* {u16 length, u16 maximum, pointer}, as wide as pointers are here. */
static void write_counted(const struct space *space, uintptr_t at, uintptr_t text, unsigned length)
{
	volatile uint8_t *to = (volatile uint8_t *)at;
	enum { WIDTH = sizeof(uintptr_t), SIZE = 2 * WIDTH };

	for (unsigned i = 0; i < SIZE; i++)
		to[i] = 0;
	to[0] = (uint8_t)length;
	to[1] = (uint8_t)(length >> 8);
	to[2] = (uint8_t)(length + 2);
	to[3] = (uint8_t)((length + 2) >> 8);
	for (unsigned i = 0; i < WIDTH; i++)
		to[WIDTH + i] = (uint8_t)(text >> 8 * i);
	report_begin("counted");
	report_hex("space", space->root);
	report_hex("va", at);
	report_number("bits", 8 * WIDTH);
	report_bytes("bytes", to, SIZE);
	report_bytes("text", (const volatile uint8_t *)text, length);
	report_end();
}

/* Over one, two and three page borders; then one whose terminator is the last byte mapped. */
static uintptr_t write_area(const struct space *space, uintptr_t area, enum encoding encoding)
{
	unsigned wide = encoding == UTF16LE, edge = wide ? 58 : 57;

	write(space, area + PAGE - 7, encoding, 7 + 20);
	write(space, area + 2 * PAGE - 11, encoding, 11 + PAGE + 30);
	write(space, area + 4 * PAGE - 13, encoding, 13 + 2 * PAGE + 40);
	write(space, area + 16, encoding, 5);

	/* Characters of the last string are 1 byte, or 2: it is filled up to the edge exactly. */
	uintptr_t at = area + TEXT_PAGES * PAGE - edge - (wide ? 2 : 1);
	volatile uint8_t *to = (volatile uint8_t *)at;

	for (unsigned i = 0; i < edge; i++)
		to[i] = (uint8_t)(wide && i % 2 ? 0 : 'z' - i % 26);
	to[edge] = 0;
	if (wide)
		to[edge + 1] = 0;
	report_string(space, at, names[encoding], edge, "nul");
	return at;
}

void text_first(const struct space *space)
{
	static const enum encoding area[] = {ASCII, UTF8, UTF16LE};
	uintptr_t mixed = TEXT + TEXT_MIXED, counted = 0;

	for (unsigned i = 0; i < 3; i++)
		counted = write_area(space, TEXT + i * TEXT_STEP, area[i]);
	write(space, mixed + 0x101, LATIN1, 40);
	write(space, mixed + 0x201, UTF16BE, 41);
	write(space, mixed + 0x301, ASCII, 0);

	/* Not UTF-8: a lone continuation, an overlong slash, a surrogate, a sequence cut off. */
	static const uint8_t invalid[] = {'a',  0x80, 'b', 0xc0, 0xaf, 0xed,
					  0xa0, 0x80, 'c', 0xf0, 0x9f};
	volatile uint8_t *to = (volatile uint8_t *)(mixed + 0x401);
	for (unsigned i = 0; i < sizeof(invalid); i++)
		to[i] = invalid[i];
	to[sizeof(invalid)] = 0;
	report_string(space, mixed + 0x401, "utf8", sizeof(invalid), "nul");

	/* The structure itself lies across a page border, its text across three. */
	write_counted(space, mixed + PAGE - 3, TEXT + 2 * TEXT_STEP + 4 * PAGE - 13,
		      13 + 2 * PAGE + 41);
	write_counted(space, mixed + 0x601, counted, 58);
	write_counted(space, mixed + 0x621, counted, 0);

	write_open(space, LOW_END + PAGE, 9, "hole");
	write_open(space, LAST + PAGE, 10, "image-end");
	write(space, HIGH_START, UTF8, 12);
	write(space, KERNEL + 0x333, UTF8, 33);
}

/* Somewhere the first space has something else. */
void text_second(const struct space *space)
{
	write(space, TEXT + PAGE - 7, UTF8, 30);
	write_open(space, TEXT + 2 * PAGE, 5, "hole");
}
