/* SPDX-License-Identifier: MIT */
/* The output buffer, and numbers as hex. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "out.h"

enum {
	PROMPT_MS = 20, /* a reader at the other end of a pipe does not notice less */
};

static const char digits[] = "0123456789abcdef";

int out_init(struct out *out, int fd, bool json, size_t size)
{
	struct stat st;

	*out = (struct out){.fd = fd, .json = json, .size = size};
	out->terminal = isatty(fd);
	out->file = !fstat(fd, &st) && S_ISREG(st.st_mode);
	if (out->terminal && !json) {
		const char *no_color = getenv("NO_COLOR");
		const char *term = getenv("TERM");

		out->colour = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
	}
	out->data = malloc(out->size);
	if (!out->data)
		return ENOMEM;
	return json ? json_init(out) : 0;
}

void out_deinit(struct out *out)
{
	json_deinit(out);
	free(out->data);
	out->data = NULL;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void out_flush(struct out *out)
{
	size_t done = 0;

	if (out->used && out->before_write && !out->before_write(out->context))
		out->used = 0;
	while (done < out->used && !out->error) {
		ssize_t n = write(out->fd, out->data + done, out->used - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			out->error = errno;
	}
	out->used = 0;
	out->written_ms = now_ms();
}

void out_line_end(struct out *out)
{
	out_char(out, '\n');
	if (out->file)
		return;
	if (out->terminal || now_ms() - out->written_ms >= PROMPT_MS)
		out_flush(out);
}

void out_bytes(struct out *out, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len) {
		size_t room = out->size - out->used;
		size_t n = len < room ? len : room;

		memcpy(out->data + out->used, from, n);
		out->used += n;
		from += n;
		len -= n;
		if (len)
			out_flush(out);
	}
}

void out_format(struct out *out, const char *format, ...)
{
	char *room = out_room(out, OUT_ROOM);
	va_list args;

	va_start(args, format);
	int n = vsnprintf(room, OUT_ROOM, format, args);
	va_end(args);
	if (n > 0)
		out_took(out, n < OUT_ROOM ? (size_t)n : OUT_ROOM - 1);
}

void out_hex_bytes(struct out *out, const uint8_t *bytes, size_t len)
{
	while (len) {
		size_t n = len < OUT_ROOM / 2 ? len : OUT_ROOM / 2;
		char *to = out_room(out, 2 * n);

		for (size_t i = 0; i < n; i++) {
			to[2 * i] = digits[bytes[i] >> 4];
			to[2 * i + 1] = digits[bytes[i] & 15];
		}
		out_took(out, 2 * n);
		bytes += n;
		len -= n;
	}
}

void out_colour(struct out *out, enum out_colour colour)
{
	static const char *const sequence[] = {
		[OUT_PLAIN] = "\033[0m",
		[OUT_ADDRESS] = "\033[36m",
		[OUT_PROBLEM] = "\033[31m",
	};

	if (out->colour)
		out_string(out, sequence[colour]);
}

size_t hex_put(char to[HEX_MAX], uint64_t value)
{
	unsigned count = value ? (unsigned)(67 - __builtin_clzll(value)) / 4 : 1;

	to[0] = '0';
	to[1] = 'x';
	for (unsigned i = count; i > 0; i--, value >>= 4)
		to[1 + i] = digits[value & 15];
	return 2 + count;
}

void out_address(struct out *out, uint64_t addr)
{
	out_colour(out, OUT_ADDRESS);
	out_hex(out, addr);
	out_colour(out, OUT_PLAIN);
}
