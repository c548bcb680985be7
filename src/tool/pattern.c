/* SPDX-License-Identifier: MIT */
/* Searching for bytes: a vector compares the first and the last one, memcmp() the rest. */

#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "pattern.h"
#include "text.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool pattern_from_hex(struct pattern *pattern, const char *hex)
{
	size_t len = 0;

	for (;; hex += 2) {
		while (*hex == ' ' || *hex == '\t')
			hex++;
		if (!*hex)
			break;
		int high = hex_digit(hex[0]);
		int low = high < 0 ? -1 : hex_digit(hex[1]);

		if (low < 0 || len == PATTERN_MAX)
			return false;
		pattern->bytes[len++] = (uint8_t)(high << 4 | low);
	}
	pattern->len = len;
	return len;
}

static size_t encode(uint32_t code, enum pattern_encoding encoding, uint8_t to[4])
{
	uint32_t unit[2] = {code, 0};
	size_t units = 1;

	switch (encoding) {
	case PATTERN_UTF8:
		return utf8_encode(code, (char *)to);
	case PATTERN_LATIN1:
		to[0] = (uint8_t)code;
		return code < 0x100;
	case PATTERN_UTF16LE:
	case PATTERN_UTF16BE:
		break;
	}
	if (code >= 0x10000) {
		unit[0] = 0xd7c0 + (code >> 10);
		unit[1] = 0xdc00 + (code & 0x3ff);
		units = 2;
	}
	for (size_t i = 0; i < units; i++) {
		bool big = encoding == PATTERN_UTF16BE;

		to[2 * i + big] = (uint8_t)unit[i];
		to[2 * i + !big] = (uint8_t)(unit[i] >> 8);
	}
	return 2 * units;
}

bool pattern_from_text(struct pattern *pattern, const char *text, enum pattern_encoding encoding)
{
	size_t left = strlen(text), len = 0;

	while (left) {
		uint8_t bytes[4];
		uint32_t code = 0;
		unsigned n = utf8_decode((const uint8_t *)text, left, &code);
		size_t size = n ? encode(code, encoding, bytes) : 0;

		if (!size || size > PATTERN_MAX - len)
			return false;
		memcpy(pattern->bytes + len, bytes, size);
		len += size;
		text += n;
		left -= n;
	}
	pattern->len = len;
	return len;
}

/* The bits of a mask: see which pattern it is. False: enough. */
static bool check_bits(const struct pattern *patterns, unsigned count, const uint8_t *data,
		       size_t len, size_t at, uint64_t bits,
		       bool (*found)(void *context, size_t at, const struct pattern *pattern),
		       void *context)
{
	for (; bits; bits &= bits - 1) {
		size_t here = at + (size_t)__builtin_ctzll(bits);

		for (unsigned i = 0; i < count; i++)
			if (patterns[i].len <= len - here &&
			    memcmp(data + here, patterns[i].bytes, patterns[i].len) == 0 &&
			    !found(context, here, &patterns[i]))
				return false;
	}
	return true;
}

void pattern_find(const struct pattern *patterns, unsigned count, const uint8_t *data, size_t len,
		  size_t size,
		  bool (*found)(void *context, size_t at, const struct pattern *pattern),
		  void *context)
{
	enum { BLOCKS = 64 };
	pair_fn *pair = pair_choose();
	size_t longest = 0, at = 0;

	for (unsigned i = 0; i < count; i++)
		longest = patterns[i].len > longest ? patterns[i].len : longest;
	/* Whole blocks, as long as the vectors stay inside with the longest pattern behind them. */
	while (at < size && len - at >= 64 + longest - 1) {
		uint64_t mask[BLOCKS] = {0};
		size_t blocks = (len - at - (longest - 1)) / 64;

		if (blocks > BLOCKS)
			blocks = BLOCKS;
		if (blocks > (size - at + 63) / 64)
			blocks = (size - at + 63) / 64;
		for (unsigned i = 0; i < count; i++) {
			const struct pattern *p = &patterns[i];

			pair(data + at, blocks, p->bytes[0], p->bytes[p->len - 1], p->len - 1,
			     mask);
		}
		for (size_t b = 0; b < blocks; b++, at += 64) {
			if (size - at < 64)
				mask[b] &= UINT64_MAX >> (64 - (size - at));
			if (!check_bits(patterns, count, data, len, at, mask[b], found, context))
				return;
		}
	}
	for (; at < size; at++)
		if (!check_bits(patterns, count, data, len, at, 1, found, context))
			return;
}
