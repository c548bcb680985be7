/* SPDX-License-Identifier: MIT */
/* Reading lines without waiting for more of them than there are. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"

enum { BUFFER_SIZE = 128 * 1024 };

bool lines_open(struct lines *lines, const char *name)
{
	*lines = (struct lines){.fd = STDIN_FILENO};
	lines->data = malloc(BUFFER_SIZE);
	if (!lines->data)
		return false;
	if (strcmp(name, "-") != 0)
		lines->fd = open(name, O_RDONLY | O_CLOEXEC);
	if (lines->fd >= 0)
		return true;
	free(lines->data);
	lines->data = NULL;
	return false;
}

void lines_close(struct lines *lines)
{
	if (lines->fd > STDIN_FILENO)
		close(lines->fd);
	free(lines->data);
}

enum line_state lines_take(struct lines *lines, const char **line, size_t *len)
{
	size_t left = lines->used - lines->start;
	const char *start = lines->data + lines->start;
	const char *end = memchr(start, '\n', left);

	if (!end && !lines->ended) {
		if (left == BUFFER_SIZE) {
			lines->skipping = true;
			lines->start = lines->used;
		}
		return LINE_WAIT;
	}
	if (!end && !left && !lines->skipping)
		return LINE_END;

	size_t size = end ? (size_t)(end - start) : left;
	lines->start += end ? size + 1 : size;
	lines->number++;
	if (lines->skipping) {
		lines->skipping = false;
		return LINE_TOO_LONG;
	}
	*line = start;
	*len = size;
	return LINE_TAKEN;
}

bool lines_wait(const struct lines *lines)
{
	struct pollfd poll_fd = {.fd = lines->fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) <= 0;
}

void lines_fill(struct lines *lines)
{
	memmove(lines->data, lines->data + lines->start, lines->used - lines->start);
	lines->used -= lines->start;
	lines->start = 0;

	ssize_t n = read(lines->fd, lines->data + lines->used, BUFFER_SIZE - lines->used);
	if (n > 0)
		lines->used += (size_t)n;
	else if (n == 0)
		lines->ended = true;
	else if (errno != EINTR) {
		lines->error = errno;
		lines->ended = true;
	}
}
