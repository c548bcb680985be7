/* SPDX-License-Identifier: MIT */
#ifndef TEST_PACKED_H
#define TEST_PACKED_H

#include <vmi/driver.h>

#include "seek.h"

/**
 * A packed file, opened by a container's table as the core does, beside the content that it is to
 * have.
 */
struct packed {
	const struct vmi_container_ops *ops;
	void *self;
	struct vmi_source *outer;
	uint64_t size;
	struct vmi_target target;
	struct vmi_open_options options;
	char warnings[1024]; /* one behind the other */
	struct vmi_error err;
};

#define PACKED_OK(p, call) check_ok((call), &(p)->err, #call, __FILE__, __LINE__)
#define PACKED_FAIL(p, call, status, words)                                                        \
	check_fail((call), (status), &(p)->err, (words), #call, __FILE__, __LINE__)

/* Content as memory is: zero pages, text, tables, noise, pages that repeat. Owned: free(). */
uint8_t *content_make(size_t size);
/* A folder of its own for the files, and its end. */
char *folder_make(void);
void folder_remove(char *folder);
void file_write(const char *folder, const char *name, const uint8_t *bytes, size_t size);
uint8_t *file_read(const char *folder, const char *name, size_t *size);
/* `command` with the folder as its working directory; false where it failed. */
bool run_in(const char *folder, const char *command);
bool has_tool(const char *name);

/* What each test of a container begins with: a folder with `image`, which has the content. */
struct fixture {
	char *folder;
	uint8_t *content;
	size_t size;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* All of `packed` in the folder, and what it costs; warnings have `warning` in them, or there is
 * none where that is empty. */
void fixture_check(struct fixture *f, const struct vmi_container_ops *ops, const char *warning);
/* The same for what `command` writes to `packed`, if there is the tool. */
void fixture_check_tool(struct fixture *f, const struct vmi_container_ops *ops, const char *tool,
			const char *command);

/* The file of that name, opened. `options` may be NULL. The status is also kept in p->err. */
enum vmi_status packed_open(struct packed *p, const struct vmi_container_ops *ops,
			    const char *folder, const char *name,
			    const struct vmi_open_options *options);
/* The same over bytes that outlive it. */
enum vmi_status packed_open_memory(struct packed *p, const struct vmi_container_ops *ops,
				   const uint8_t *bytes, size_t size);
void packed_close(struct packed *p);

/* All bytes are as in `content`: in one go, forwards, backwards, at random, by two threads. */
void packed_check(struct packed *p, const uint8_t *content, size_t size);
/* A read at random unpacks at most the way between two checkpoints, and a piece. */
void packed_check_cost(struct packed *p);
/* Its cache is empty afterwards, and no decoder is kept: reading begins at checkpoints. */
void packed_forget(struct packed *p);

#endif
