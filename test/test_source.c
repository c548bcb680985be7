/* SPDX-License-Identifier: MIT */
/* The bytes of an image, as a driver is given them: mapped, read, sparse, cut short. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum { SIZE = 64 << 10 };

/*
 * A source cannot be opened on its own: it is what the raw driver is built on. Reads through a
 * handle that does not map reach it; so do the functions below, over a table of our own.
 */
struct probe {
	const struct vmi_source *source;
};

static bool never(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	(void)head;
	(void)len;
	return false;
}

static char *image_make(size_t len)
{
	char *path = strdup("/tmp/vmi-test-source-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)(i >> 8 ^ i * 3);
		assert_int_equal(write(fd, &byte, 1), 1);
	}
	close(fd);
	return path;
}

static void image_remove(char *path)
{
	unlink(path);
	free(path);
}

/* A driver without a file has no source. */
static enum vmi_status open_without(void *self, const struct vmi_target *target, unsigned *caps,
				    struct vmi_error *err)
{
	(void)caps;
	(void)err;
	((struct probe *)self)->source = target->source;
	assert_null(target->source);
	assert_string_equal(target->name, "no file");
	return VMI_OK;
}

static void close_nothing(void *self)
{
	(void)self;
}

static void info_nothing(void *self, struct vmi_info *info)
{
	(void)self;
	(void)info;
}

static void no_source(void **state)
{
	static const struct vmi_driver_ops ops = {
		.name = "bare",
		.state_size = sizeof(struct probe),
		.probe = never,
		.open = open_without,
		.close = close_nothing,
		.info = info_nothing,
	};
	struct vmi_error err;
	struct vmi *vm;

	(void)state;
	CHECK_OK(vmi_open_driver(&vm, &ops, "no file", NULL, &err));
	assert_int_equal(vmi_info(vm)->capabilities, 0);
	assert_string_equal(vmi_info(vm)->format, "bare"); /* for want of better */
	vmi_close(vm);
}

/* The same bytes, mapped or read. */
static void mapped_and_read(void **state)
{
	struct vmi_open_options options = {.size = sizeof(options), .flags = VMI_OPEN_NO_MAP};
	char *path = image_make(SIZE);
	uint8_t *mapped = malloc(SIZE), *read = malloc(SIZE);
	struct vmi_error err;
	struct vmi *vm;

	(void)state;
	CHECK_OK(vmi_open(&vm, path, NULL, &err));
	CHECK_OK(vmi_read_bytes(vm, NULL, 0, mapped, SIZE, NULL, &err));
	vmi_close(vm);
	CHECK_OK(vmi_open(&vm, path, &options, &err));
	CHECK_OK(vmi_read_bytes(vm, NULL, 0, read, SIZE, NULL, &err));
	vmi_close(vm);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(mapped[i], (uint8_t)(i >> 8 ^ i * 3));
	assert_memory_equal(mapped, read, SIZE);
	free(mapped);
	free(read);
	image_remove(path);
}

/* Someone cuts the file short while it is open: reading says so, and what is left still reads. */
static void cut_short(void **state)
{
	struct vmi_open_options options = {.size = sizeof(options), .flags = VMI_OPEN_NO_MAP};
	char *path = image_make(SIZE);
	uint8_t *bytes = malloc(SIZE);
	struct vmi_error err;
	struct vmi *vm;
	size_t done;

	(void)state;
	CHECK_OK(vmi_open(&vm, path, &options, &err));
	assert_int_equal(truncate(path, 0x5800), 0);
	CHECK_FAIL(vmi_read_bytes(vm, NULL, 0, bytes, SIZE, &done, &err), VMI_ERR_IO,
		   "became shorter");
	assert_int_equal(done, 0x5000);
	for (size_t i = 0; i < done; i++)
		assert_int_equal(bytes[i], (uint8_t)(i >> 8 ^ i * 3));
	vmi_close(vm);
	free(bytes);
	image_remove(path);
}

/* A sparse file: its holes are known to be zero, and reading them gives zeros. */
static void sparse(void **state)
{
	char *path = image_make(4096);
	struct vmi_error err;
	struct vmi *vm;
	struct vmi_run run;
	uint8_t byte = 1;
	int fd = open(path, O_RDWR);

	(void)state;
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	assert_int_equal(pwrite(fd, "end", 3, (16 << 20) - 4096), 3);
	off_t hole = lseek(fd, 0, SEEK_HOLE);
	close(fd);
	CHECK_OK(vmi_open(&vm, path, NULL, &err));
	assert_int_equal(vmi_info(vm)->memory_bytes, 16 << 20);
	CHECK_OK(vmi_run_next(vm, 0, &run, &err));
	assert_int_equal(run.gpa, 0);
	if (hole >= 16 << 20) { /* a host that does not tell */
		assert_int_equal(run.kind, VMI_RUN_SAVED);
	} else {
		assert_int_equal(run.kind, VMI_RUN_SAVED);
		assert_int_equal(run.size, hole);
		CHECK_OK(vmi_run_next(vm, run.size, &run, &err));
		assert_int_equal(run.kind, VMI_RUN_ZERO);
		assert_true(run.gpa + run.size <= (16 << 20) - 4096);
	}
	CHECK_OK(vmi_read_u8(vm, NULL, 8 << 20, &byte, &err));
	assert_int_equal(byte, 0);
	vmi_close(vm);
	image_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_source),
		cmocka_unit_test(mapped_and_read),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(sparse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
