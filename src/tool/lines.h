/* SPDX-License-Identifier: MIT */
#ifndef TOOL_LINES_H
#define TOOL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Lines of a file or pipe as they come: taking a line never waits, so that what has come can be
 * answered before waiting for more.
 */
struct lines {
	int fd;
	int error; /* errno of a read that failed; the input ends there */
	bool ended;
	bool skipping;   /* inside a line that is too long */
	uint64_t number; /* of the line taken last, from 1 */
	char *data;
	size_t start, used;
};

enum line_state {
	LINE_TAKEN,
	LINE_TOO_LONG, /* longer than any address; skipped */
	LINE_WAIT,     /* none is complete: lines_fill() */
	LINE_END,
};

bool lines_open(struct lines *lines, const char *name); /* "-" is standard input; sets errno */
void lines_close(struct lines *lines);

/* The next line, without its end, good until lines_fill(). */
enum line_state lines_take(struct lines *lines, const char **line, size_t *len);
/* Would lines_fill() have to wait? */
bool lines_wait(const struct lines *lines);
void lines_fill(struct lines *lines);

#endif
