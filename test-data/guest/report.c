/* SPDX-License-Identifier: MIT */
/* What the guest has to say: one JSON object per line on the first serial port. */

#include "guest.h"

static const char digits[] = "0123456789abcdef";

static void put(char c)
{
	while (!(port_in(0x3fd) & 0x20))
		;
	port_out(0x3f8, (uint8_t)c);
}

static void puts_plain(const char *text)
{
	while (*text)
		put(*text++);
}

static void put_name(const char *name)
{
	puts_plain(",\"");
	puts_plain(name);
	puts_plain("\":");
}

void report_begin(const char *kind)
{
	puts_plain("{\"kind\":\"");
	puts_plain(kind);
	put('"');
}

void report_hex(const char *name, uint64_t value)
{
	int shift = 60;

	put_name(name);
	puts_plain("\"0x");
	while (shift && !(value >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put(digits[value >> shift & 15]);
	put('"');
}

void report_number(const char *name, unsigned value)
{
	char text[11];
	int at = 10;

	put_name(name);
	text[at] = '\0';
	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	puts_plain(text + at);
}

void report_word(const char *name, const char *value)
{
	put_name(name);
	put('"');
	puts_plain(value);
	put('"');
}

void report_bytes(const char *name, const volatile uint8_t *bytes, unsigned count)
{
	put_name(name);
	put('"');
	for (unsigned i = 0; i < count; i++) {
		put(digits[bytes[i] >> 4]);
		put(digits[bytes[i] & 15]);
	}
	put('"');
}

void report_end(void)
{
	puts_plain("}\n");
}
