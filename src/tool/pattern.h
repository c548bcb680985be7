/* SPDX-License-Identifier: MIT */
#ifndef TOOL_PATTERN_H
#define TOOL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes to search for. */
struct pattern {
	const char *encoding; /* of the text they come from, or NULL */
	uint8_t *bytes;       /* owned by whoever made them */
	size_t len;
};

enum { PATTERN_MAX = 64 * 1024 };

/* Hex digits in pairs, blanks between the pairs; false: they are something else. */
bool pattern_from_hex(struct pattern *pattern, const char *hex);

/* The encodings that text can be searched in. */
enum pattern_encoding { PATTERN_UTF8, PATTERN_LATIN1, PATTERN_UTF16LE, PATTERN_UTF16BE };
/* From UTF-8; false: it is not, or has characters that the encoding lacks. */
bool pattern_from_text(struct pattern *pattern, const char *text, enum pattern_encoding encoding);

/*
 * Every place in data[0, size) where one of the patterns begins and stands whole in data[0, len),
 * ascending; overlapping ones, too. found() says whether to go on.
 */
void pattern_find(const struct pattern *patterns, unsigned count, const uint8_t *data, size_t len,
		  size_t size,
		  bool (*found)(void *context, size_t at, const struct pattern *pattern),
		  void *context);

#endif
