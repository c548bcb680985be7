/* SPDX-License-Identifier: MIT */
/* NDJSON through yajl, straight into the output buffer. */

#include <errno.h>
#include <stdio.h>
#include <yajl/yajl_gen.h>

#include "json.h"
#include "text.h"

static void print(void *context, const char *text, size_t len)
{
	struct out *out = context;

	if (out->size - out->used < len) {
		out_bytes(out, text, len);
		return;
	}
	memcpy(out->data + out->used, text, len);
	out->used += len;
}

int json_init(struct out *out)
{
	out->gen = yajl_gen_alloc(NULL);
	if (!out->gen)
		return ENOMEM;
	yajl_gen_config(out->gen, yajl_gen_print_callback, print, out);
	return 0;
}

void json_deinit(struct out *out)
{
	if (out->gen)
		yajl_gen_free(out->gen);
	out->gen = NULL;
}

void json_begin(struct out *out)
{
	yajl_gen_map_open(out->gen);
}

void json_end(struct out *out)
{
	yajl_gen_map_close(out->gen);
	yajl_gen_reset(out->gen, NULL);
	out_line_end(out);
}

void json_key(struct out *out, const char *key)
{
	json_name(out, key);
}

void json_object_open(struct out *out)
{
	yajl_gen_map_open(out->gen);
}

void json_object_close(struct out *out)
{
	yajl_gen_map_close(out->gen);
}

void json_array_open(struct out *out)
{
	yajl_gen_array_open(out->gen);
}

void json_array_close(struct out *out)
{
	yajl_gen_array_close(out->gen);
}

void json_null(struct out *out)
{
	yajl_gen_null(out->gen);
}

void json_bool(struct out *out, bool value)
{
	yajl_gen_bool(out->gen, value);
}

/* yajl copies what it is told is a number as it is: no printf, and no look at each digit. */
static void verbatim(struct out *out, const char *text, size_t len)
{
	yajl_gen_number(out->gen, text, len);
}

void json_number(struct out *out, const char *digits)
{
	verbatim(out, digits, strlen(digits));
}

void json_size(struct out *out, uint64_t value)
{
	char text[20];
	size_t at = sizeof(text);

	if (value > UINT64_C(1) << 53) {
		json_hex(out, value);
		return;
	}
	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	verbatim(out, text + at, sizeof(text) - at);
}

void json_integer(struct out *out, uint64_t value, bool is_signed)
{
	uint64_t size = 0 - value;
	char text[32];

	if (!is_signed || value <= INT64_MAX) {
		json_size(out, value);
		return;
	}
	if (size > UINT64_C(1) << 53) {
		json_text(
			out, text,
			(size_t)snprintf(text, sizeof(text), "-0x%llx", (unsigned long long)size));
		return;
	}
	verbatim(out, text,
		 (size_t)snprintf(text, sizeof(text), "-%llu", (unsigned long long)size));
}

void json_hex(struct out *out, uint64_t value)
{
	char text[HEX_MAX + 2] = "\"";
	size_t len = 1 + hex_put(text + 1, value);

	text[len++] = '"';
	verbatim(out, text, len);
}

void json_name(struct out *out, const char *name)
{
	if (name)
		yajl_gen_string(out->gen, (const unsigned char *)name, strlen(name));
	else
		yajl_gen_null(out->gen);
}

/*
 * yajl takes a string only whole, and leaves C1 controls and the like unescaped. So the opening
 * quote goes in as a number, which tells it that a value stands here, and the rest goes past it.
 */
void json_text_begin(struct out *out)
{
	verbatim(out, "\"", 1);
}

void json_text_end(struct out *out)
{
	out_char(out, '"');
}

static void escape(struct out *out, uint32_t code)
{
	if (code == '"' || code == '\\')
		out_format(out, "\\%c", (int)code);
	else if (code < 0x10000)
		out_format(out, "\\u%04x", code);
	else
		out_format(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

void json_text_piece(struct out *out, const char *utf8, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)utf8;
	size_t plain = 0; /* start of what goes out as it is */

	for (size_t i = 0; i < len;) {
		uint32_t code = bytes[i];
		unsigned n = 1;

		if (code - 0x20 < 0x5f && code != '"' && code != '\\') {
			i++;
			continue;
		}
		if (code >= 0x80)
			n = utf8_decode(bytes + i, len - i, &code);
		if (n && code >= 0x80 && text_printable(code)) {
			i += n;
			continue;
		}
		out_bytes(out, bytes + plain, i - plain);
		escape(out, n ? code : 0xfffd);
		i += n ? n : 1;
		plain = i;
	}
	out_bytes(out, bytes + plain, len - plain);
}

void json_text(struct out *out, const char *utf8, size_t len)
{
	json_text_begin(out);
	json_text_piece(out, utf8, len);
	json_text_end(out);
}
