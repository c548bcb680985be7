/* SPDX-License-Identifier: MIT */
/* Packed files for tests: made by the tools that people have, opened by a container's table. */

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "packed.h"
#include "source.h"

/* ---- content and files ------------------------------------------------------------------ */

static void page_fill(uint8_t *page, uint64_t number, uint64_t *random)
{
	switch (next_random(random) % 8) {
	case 0:
	case 1:
		memset(page, 0, 4096);
		break;
	case 2:
		for (unsigned i = 0; i < 4096; i++)
			page[i] = (uint8_t)(next_random(random) >> 33);
		break;
	case 3:
		for (unsigned i = 0; i < 4096; i += 8)
			memcpy(page + i, &(uint64_t){0x8000000000000063 + number * 4096 + i}, 8);
		break;
	case 4:
		if (number > 700) {
			memcpy(page, page - next_random(random) % 700 * 4096 - 4096, 4096);
			break;
		} /* fall through */
	default:
		for (int at = 0; at < 4096;) {
			char word[32];
			int n = snprintf(word, sizeof(word), "%s%llu ",
					 next_random(random) % 3 ? "page " : "the ",
					 (unsigned long long)(next_random(random) % 997));
			memcpy(page + at, word, (size_t)(n < 4096 - at ? n : 4096 - at));
			at += n;
		}
	}
}

uint8_t *content_make(size_t size)
{
	uint8_t *content = calloc(1, (size + 4095) / 4096 * 4096);
	uint64_t random = 20;

	assert_non_null(content);
	/* A stretch of zeros that is longer than any block, and noise that does not pack. */
	for (size_t at = 0; at < size; at += 4096) {
		if (at > size / 4 && at < size / 2)
			continue;
		if (at > size / 2 && at < size / 2 + size / 8)
			for (unsigned i = 0; i < 4096; i++)
				content[at + i] = (uint8_t)(next_random(&random) >> 40);
		else
			page_fill(content + at, at / 4096, &random);
	}
	return content;
}

char *folder_make(void)
{
	const char *base = getenv("TMPDIR");
	char *folder = NULL;

	assert_true(asprintf(&folder, "%s/vmi-packed-XXXXXX", base ? base : "/tmp") > 0);
	assert_non_null(mkdtemp(folder));
	return folder;
}

void folder_remove(char *folder)
{
	assert_true(run_in(folder, "rm -rf \"$PWD\""));
	free(folder);
}

bool run_in(const char *folder, const char *command)
{
	char *line = NULL;

	assert_true(asprintf(&line, "cd '%s' && { %s; } 2>&1", folder, command) > 0);
	int status = system(line);
	free(line);
	return !status;
}

bool has_tool(const char *name)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", name);
	return !system(command);
}

static FILE *file_open(const char *folder, const char *name, const char *mode)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	FILE *file = fopen(path, mode);
	assert_non_null(file);
	free(path);
	return file;
}

void file_write(const char *folder, const char *name, const uint8_t *bytes, size_t size)
{
	FILE *file = file_open(folder, name, "wb");

	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

uint8_t *file_read(const char *folder, const char *name, size_t *size)
{
	FILE *file = file_open(folder, name, "rb");
	struct stat st;

	assert_int_equal(fstat(fileno(file), &st), 0);
	*size = (size_t)st.st_size;
	uint8_t *bytes = malloc(*size + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *size, file), *size);
	fclose(file);
	return bytes;
}

/* ---- opening ---------------------------------------------------------------------------- */

static void keep_warning(const struct vmi_target *target, const char *fmt, ...) VMI_PRINTF(2, 3);

static void keep_warning(const struct vmi_target *target, const char *fmt, ...)
{
	struct packed *p = (struct packed *)((uintptr_t)target - offsetof(struct packed, target));
	size_t len = strlen(p->warnings);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->warnings + len, sizeof(p->warnings) - len, fmt, ap);
	va_end(ap);
}

static enum vmi_status open_outer(struct packed *p, const struct vmi_container_ops *ops)
{
	uint8_t head[4096];
	uint64_t size = vmi_source_size(p->outer);
	size_t len = size < sizeof(head) ? (size_t)size : sizeof(head);
	const uint8_t *map = NULL;

	p->ops = ops;
	p->target =
		(struct vmi_target){.name = "packed", .warn = keep_warning, .options = &p->options};
	p->self = calloc(1, ops->state_size);
	assert_non_null(p->self);
	assert_int_equal(vmi_source_read(p->outer, 0, head, len, NULL), VMI_OK);
	if (!ops->probe(head, len))
		return vmi_fail(&p->err, VMI_ERR_UNSUPPORTED, "the container does not know it");
	return ops->open(p->self, p->outer, &p->target, &p->size, &map, &p->err);
}

enum vmi_status packed_open(struct packed *p, const struct vmi_container_ops *ops,
			    const char *folder, const char *name,
			    const struct vmi_open_options *options)
{
	char *path = NULL;

	*p = (struct packed){.ops = ops};
	if (options)
		p->options = *options;
	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	assert_int_equal(source_open(&p->outer, path, p->options.flags, &p->err), VMI_OK);
	free(path);
	return open_outer(p, ops);
}

enum vmi_status packed_open_memory(struct packed *p, const struct vmi_container_ops *ops,
				   const uint8_t *bytes, size_t size)
{
	*p = (struct packed){.ops = ops};
	assert_int_equal(source_open_memory(&p->outer, bytes, size, &p->err), VMI_OK);
	return open_outer(p, ops);
}

void packed_close(struct packed *p)
{
	if (p->self)
		p->ops->close(p->self);
	free(p->self);
	source_close(p->outer);
	*p = (struct packed){0};
}

/* ---- reading ---------------------------------------------------------------------------- */

static struct seek *seek_of(struct packed *p)
{
	return p->self; /* each container begins with it */
}

void packed_forget(struct packed *p)
{
	struct seek *seek = seek_of(p), fresh = {.points = seek->points, .size = seek->size};

	seek->points = (struct checkpoints){0};
	seek_deinit(seek);
	const struct seek_ops *ops = seek->ops;
	void *self = seek->self;
	size_t piece = seek->piece;
	unsigned park = seek->park;
	*seek = fresh;
	assert_int_equal(seek_init(seek, ops, self, piece, park, p->options.unpack_bytes, &p->err),
			 VMI_OK);
}

static bool right(struct packed *p, const uint8_t *content, uint64_t offset, size_t len,
		  uint8_t *room)
{
	struct vmi_error err = {0};

	memset(room, 0xa5, len);
	if (p->ops->read(p->self, offset, room, len, &err)) {
		print_error("0x%zx bytes at 0x%llx: %s\n", len, (unsigned long long)offset,
			    err.text);
		return false;
	}
	if (memcmp(room, content + offset, len)) {
		print_error("0x%zx bytes at 0x%llx are wrong\n", len, (unsigned long long)offset);
		return false;
	}
	return true;
}

struct reader {
	struct packed *p;
	const uint8_t *content;
	size_t size;
	uint64_t seed;
	unsigned count;
	atomic_bool *wrong;
};

static void *read_at_random(void *context)
{
	enum { MOST = 100000 };
	const struct reader *r = context;
	uint64_t random = r->seed;
	uint8_t *room = malloc(MOST);

	for (unsigned i = 0; i < r->count && !*r->wrong; i++) {
		uint64_t offset = next_random(&random) % r->size;
		size_t len = i % 4 ? 4096 : 1 + next_random(&random) % MOST;
		if (len > r->size - offset)
			len = (size_t)(r->size - offset);
		if (!right(r->p, r->content, offset, len, room))
			*r->wrong = true;
	}
	free(room);
	return NULL;
}

static void check_threads(struct packed *p, const uint8_t *content, size_t size)
{
	atomic_bool wrong = false;
	pthread_t threads[2];
	struct reader readers[2];

	for (unsigned i = 0; i < 2; i++) {
		readers[i] = (struct reader){p, content, size, i + 5, 60, &wrong};
		assert_int_equal(pthread_create(&threads[i], NULL, read_at_random, &readers[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_false(wrong);
}

void packed_check(struct packed *p, const uint8_t *content, size_t size)
{
	enum { STEP = 300001 };
	uint8_t *room = malloc(size + 1);

	assert_non_null(room);
	assert_int_equal(p->size, size);
	assert_true(right(p, content, 0, size, room));
	packed_forget(p);
	for (size_t at = 0; at < size; at += STEP)
		assert_true(right(p, content, at, size - at < STEP ? size - at : STEP, room));
	packed_forget(p);
	for (size_t at = size; at; at -= at < STEP ? at : STEP) {
		size_t len = at < STEP ? at : STEP;
		assert_true(right(p, content, at - len, len, room));
	}
	packed_forget(p);
	check_threads(p, content, size);
	free(room);
}

void packed_check_cost(struct packed *p)
{
	struct seek *seek = seek_of(p);
	uint64_t gap = checkpoints_gap(&seek->points, seek->size), random = 3;
	uint8_t byte;

	for (unsigned i = 0; i < 20; i++) {
		packed_forget(p);
		assert_int_equal(
			p->ops->read(p->self, next_random(&random) % p->size, &byte, 1, NULL),
			VMI_OK);
		assert_true(seek_unpacked(seek) <= gap + seek->piece);
	}
}

/* ---- fixtures --------------------------------------------------------------------------- */

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->size = (13 << 20) + 777;
	f->folder = folder_make();
	f->content = content_make(f->size);
	file_write(f->folder, "image", f->content, f->size);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	folder_remove(f->folder);
	free(f->content);
	free(f);
	return 0;
}

void fixture_check(struct fixture *f, const struct vmi_container_ops *ops, const char *warning)
{
	struct packed p;

	PACKED_OK(&p, packed_open(&p, ops, f->folder, "packed", NULL));
	if (*warning)
		assert_non_null(strstr(p.warnings, warning));
	else
		assert_string_equal(p.warnings, "");
	packed_check(&p, f->content, f->size);
	packed_check_cost(&p);
	packed_close(&p);
}

void fixture_check_tool(struct fixture *f, const struct vmi_container_ops *ops, const char *tool,
			const char *command)
{
	if (!has_tool(tool)) {
		print_message("%s is not installed\n", tool);
		return;
	}
	assert_true(run_in(f->folder, command));
	fixture_check(f, ops, "");
}
