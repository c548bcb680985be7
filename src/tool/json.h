/* SPDX-License-Identifier: MIT */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include "out.h"

/**
 * JSON, one object per line: json_begin(), keys and values, json_end(). Strings that come from the
 * guest or the host's user go through the json_text functions, which make valid UTF-8 of anything
 * and leave nothing raw that a terminal would obey.
 */

int json_init(struct out *out); /* 0 or an errno; called by out_init() */
void json_deinit(struct out *out);

void json_begin(struct out *out);
void json_end(struct out *out);

void json_key(struct out *out, const char *key);
void json_object_open(struct out *out);
void json_object_close(struct out *out);
void json_array_open(struct out *out);
void json_array_close(struct out *out);

void json_null(struct out *out);
void json_bool(struct out *out, bool value);
/* A count or size: a number while numbers are exact (2^53), else a "0x…" string. */
void json_size(struct out *out, uint64_t value);
/* The same for any number; with `is_signed` it is one of two's complement. */
void json_integer(struct out *out, uint64_t value, bool is_signed);
/* Digits of our own, such as "1.25". */
void json_number(struct out *out, const char *digits);
/* "0x…" */
void json_hex(struct out *out, uint64_t value);
/* ASCII of our own, or NULL. */
void json_name(struct out *out, const char *name);

/* A string in pieces, each of whole characters. */
void json_text_begin(struct out *out);
void json_text_piece(struct out *out, const char *utf8, size_t len);
void json_text_end(struct out *out);
void json_text(struct out *out, const char *utf8, size_t len);
/* The string between begin and end may also be filled with out_hex_bytes(). */

#endif
