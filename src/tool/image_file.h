/* SPDX-License-Identifier: MIT */
#ifndef TOOL_IMAGE_FILE_H
#define TOOL_IMAGE_FILE_H

#include <stdatomic.h>

#include "cli.h"

/**
 * A file that is there whole or not at all: written without a name, or under one of its own in the
 * same directory, and named when it is on disk. What is not written is a hole.
 */
struct image_file {
	const char *path; /* borrowed */
	char *temporary;  /* NULL: it has no name yet */
	bool replace;     /* a file that is there */
	int fd;
	atomic_int error; /* errno of what failed first; nothing is written any more */
};

/* False, and it was said: `file` needs no end. */
bool image_file_begin(struct image_file *file, struct cli *cli, const char *path, bool replace);
/* At `offset`; a failure is kept in `error`. Any thread. */
void image_file_write(struct image_file *file, uint64_t offset, const void *bytes, size_t len);
/* Nothing is in it any more. */
void image_file_clear(struct image_file *file);
/* Of `size` bytes, on disk, under its name; false: `error` says why. image_file_end() follows. */
bool image_file_keep(struct image_file *file, uint64_t size);
/* How many bytes it takes on disk. */
uint64_t image_file_disk(const struct image_file *file);
/* What was not kept is gone. */
void image_file_end(struct image_file *file);

#endif
