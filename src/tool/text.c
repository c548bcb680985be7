/* SPDX-License-Identifier: MIT */
/* Characters: UTF-8 and UTF-16, and which of them are safe to show. */

#include "text.h"

/*
 * Code points that show nothing or steer what shows: controls (Cc), format characters (Cf: joiners,
 * bidi embeddings, overrides and isolates, tags), line and paragraph separators, surrogates and
 * noncharacters. From the general categories of the Unicode Character Database, 15.0.
 */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
	{0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
	{0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
	{0xd800, 0xdfff},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},
	{0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool text_printable(uint32_t code)
{
	size_t low = 0, high = sizeof(hidden) / sizeof(hidden[0]);

	if (code < 0x7f)
		return ascii_printable(code);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (code > hidden[middle].last)
			low = middle + 1;
		else if (code < hidden[middle].first)
			high = middle;
		else
			return false;
	}
	return code <= 0x10ffff && (code & 0xfffe) != 0xfffe;
}

/* Well-formed sequences only: no overlong form, no surrogate (Unicode 15.0, table 3-7). */
unsigned utf8_decode(const uint8_t *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (!n)
		return 0;
	if (p[0] < 0x80) {
		*code = p[0];
		return 1;
	}
	unsigned len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
		return 0;
	uint32_t value = p[0] & (0x7fu >> len);
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3fu);
	}
	if (value < least[len] || value > 0x10ffff || value - 0xd800 < 0x800)
		return 0;
	*code = value;
	return len;
}

unsigned utf16_decode(const uint8_t *p, size_t n, uint32_t *code)
{
	if (n < 2)
		return 0;
	uint32_t unit = p[0] | (uint32_t)p[1] << 8;
	if (unit - 0xd800 >= 0x800) {
		*code = unit;
		return 2;
	}
	if (unit >= 0xdc00 || n < 4)
		return 0;
	uint32_t low = p[2] | (uint32_t)p[3] << 8;
	if (low - 0xdc00 >= 0x400)
		return 0;
	*code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
	return 4;
}

unsigned utf8_encode(uint32_t code, char to[UTF8_MAX])
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	unsigned len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (unsigned i = len - 1; i > 0; i--, code >>= 6)
		to[i] = (char)(0x80 | (code & 0x3f));
	to[0] = (char)((0xf00u >> len & 0xf0) | code);
	return len;
}

static void escape(struct out *out, uint32_t code, bool byte)
{
	if (code == '\n')
		out_string(out, "\\n");
	else if (code == '\r')
		out_string(out, "\\r");
	else if (byte || code < 0x80)
		out_format(out, "\\x%02x", code);
	else
		out_format(out, "\\u{%x}", code);
}

void text_put(struct out *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t plain = 0; /* start of what goes out as it is */

	for (size_t i = 0; i < len;) {
		uint32_t code = 0;
		unsigned n = utf8_decode(p + i, len - i, &code);

		if (n && text_printable(code)) {
			i += n;
			continue;
		}
		out_bytes(out, p + plain, i - plain);
		escape(out, n ? code : p[i], !n);
		i += n ? n : 1;
		plain = i;
	}
	out_bytes(out, p + plain, len - plain);
}

void text_put_dots(struct out *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out_char(out, bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.');
}
