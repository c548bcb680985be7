/* SPDX-License-Identifier: MIT */
/* Opening: choosing a driver, options, refusals, what a handle says of its target. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fake_driver.h"

/* A directory of its own for each test. */
struct place {
	char dir[64];
	char path[128];
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/vmi-test-open-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof(place->path), "%s/image", place->dir);
	*state = place;
	return 0;
}

static int place_remove(void **state)
{
	struct place *place = *state;

	remove(place->path);
	rmdir(place->dir);
	free(place);
	return 0;
}

static void write_image(const char *path, size_t len)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	for (size_t i = 0; i < len; i++)
		fputc((int)(i * 7 & 0xff), file);
	assert_int_equal(fclose(file), 0);
}

static void expect_refused(const char *path, const struct vmi_open_options *options,
			   enum vmi_status status, const char *words)
{
	struct vmi_error err;
	struct vmi *vm = (struct vmi *)&err; /* must be left alone */

	CHECK_FAIL(vmi_open(&vm, path, options, &err), status, words);
	assert_ptr_equal(vm, &err);
	assert_int_equal(vmi_open(&vm, path, options, NULL), status);
}

static void no_such_file(void **state)
{
	struct place *place = *state;

	expect_refused(place->path, NULL, VMI_ERR_IO, "No such file");
	expect_refused(place->path, NULL, VMI_ERR_IO, place->path);
	expect_refused("", NULL, VMI_ERR_IO, "No such file");
}

static void directory(void **state)
{
	struct place *place = *state;

	expect_refused(place->dir, NULL, VMI_ERR_IO, "is a directory");
}

/* Opening a pipe nobody writes to must not hang. */
static void fifo(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkfifo(place->path, 0600), 0);
	alarm(10);
	expect_refused(place->path, NULL, VMI_ERR_IO, "is a pipe");
	alarm(0);
}

static void character_device(void **state)
{
	(void)state;
	expect_refused("/dev/null", NULL, VMI_ERR_IO, "neither a file nor a block device");
	expect_refused("/dev/zero", NULL, VMI_ERR_IO, "neither a file nor a block device");
}

static void empty_file(void **state)
{
	struct place *place = *state;

	write_image(place->path, 0);
	expect_refused(place->path, NULL, VMI_ERR_CORRUPT, "is empty");
}

static void unreadable_file(void **state)
{
	struct place *place = *state;

	write_image(place->path, 4096);
	if (!geteuid())
		skip(); /* root reads everything */
	assert_int_equal(chmod(place->path, 0), 0);
	expect_refused(place->path, NULL, VMI_ERR_IO, "Permission denied");
}

static void unknown_driver(void **state)
{
	struct place *place = *state;
	struct vmi_open_options options = {.size = sizeof(options), .driver = "nonesuch"};

	write_image(place->path, 4096);
	expect_refused(place->path, &options, VMI_ERR_ARG, "there is no driver 'nonesuch'");
	expect_refused(place->path, &options, VMI_ERR_ARG, "raw"); /* says which there are */
}

static void no_driver_knows_it(void **state)
{
	struct place *place = *state;

	write_image(place->path, 4097);
	expect_refused(place->path, NULL, VMI_ERR_UNSUPPORTED, place->path);
}

static void by_content_and_by_name(void **state)
{
	struct place *place = *state;
	struct vmi_open_options options = {.size = sizeof(options), .driver = "raw"};
	struct vmi_error err;
	struct vmi *vm;
	uint8_t byte;

	write_image(place->path, 8192);
	CHECK_OK(vmi_open(&vm, place->path, NULL, &err));
	assert_string_equal(vmi_info(vm)->driver, "raw");
	assert_string_equal(vmi_info(vm)->format, "raw");
	assert_int_equal(vmi_info(vm)->page_size, 4096);
	assert_int_equal(vmi_info(vm)->page_shift, 12);
	assert_int_equal(vmi_info(vm)->max_gfn, 1);
	assert_int_equal(vmi_info(vm)->memory_bytes, 8192);
	CHECK_OK(vmi_read_u8(vm, NULL, 5, &byte, &err));
	assert_int_equal(byte, 35);
	vmi_close(vm);

	CHECK_OK(vmi_open(&vm, place->path, &options, &err));
	assert_string_equal(vmi_info(vm)->driver, "raw");
	vmi_close(vm);
	CHECK_OK(vmi_open(&vm, place->path, NULL, NULL));
	vmi_close(vm);
}

static void from_memory(void **state)
{
	static const uint8_t bytes[8192] = {1, 2, 3};
	struct vmi_error err;
	struct vmi *vm;
	struct vmi_page page;

	(void)state;
	CHECK_OK(vmi_open_memory(&vm, bytes, sizeof(bytes), NULL, &err));
	CHECK_OK(vmi_page_get(vm, 0, &page, &err));
	assert_ptr_equal(page.data, bytes); /* zero copy */
	assert_int_equal(page.extent, sizeof(bytes));
	assert_null(page.known);
	vmi_page_put(vm, &page);
	vmi_close(vm);
	CHECK_FAIL(vmi_open_memory(&vm, bytes, 0, NULL, &err), VMI_ERR_CORRUPT, "empty");
}

static void needs(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_open_options options = {.size = sizeof(options),
					   .need = VMI_CAP_READ | VMI_CAP_EVENT_CONTROL};
	struct vmi_error err;
	struct vmi *vm = NULL;

	(void)state;
	fake_table(fake, VMI_CAP_READ_ACCESS);
	CHECK_FAIL(vmi_open_driver(&vm, &fake->ops, fake->name, &options, &err),
		   VMI_ERR_UNSUPPORTED, "the fake driver cannot monitor events");
	assert_null(vm);
	assert_int_equal(fake->closed, 1);
	vmi_close(fake_open(fake, VMI_CAP_FULL, &options));
	fake_destroy(fake);
}

/* Callers compiled with an older header have a shorter struct, later ones a longer. */
static void options_of_other_sizes(void **state)
{
	struct {
		struct vmi_open_options options;
		char later[64];
	} given;
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi *vm;

	(void)state;
	memset(&given, 0xff, sizeof(given));
	given.options.size = offsetof(struct vmi_open_options, driver);
	fake_table(fake, VMI_CAP_FULL);
	CHECK_OK(vmi_open_driver(&vm, &fake->ops, fake->name, &given.options, &err));
	assert_int_equal(vmi_string_limit(vm), 16 << 20);
	vmi_close(vm);

	given.options = (struct vmi_open_options){.size = sizeof(given), .string_limit = 77};
	CHECK_OK(vmi_open_driver(&vm, &fake->ops, fake->name, &given.options, &err));
	assert_int_equal(vmi_string_limit(vm), 77);
	vmi_close(vm);
	fake_destroy(fake);
}

static void options_set_the_caches(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_open_options options = {
		.size = sizeof(options), .page_slots = 64, .translation_slots = 128};
	struct vmi_cache_stats stats;

	(void)state;
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, &options);
	vmi_page_cache_stats(vm, &stats);
	assert_int_equal(stats.slots, 64);
	vmi_translation_cache_stats(vm, &stats);
	assert_int_equal(stats.slots, 128);
	vmi_close(vm);

	vm = fake_open(fake, VMI_CAP_READ, NULL);
	vmi_page_cache_stats(vm, &stats);
	assert_int_equal(stats.slots, 8192);
	vmi_translation_cache_stats(vm, &stats);
	assert_int_equal(stats.slots, 8192);
	vmi_close(vm);
	fake_destroy(fake);
}

/* open() fails: its words are ours, close() is called once, nothing leaks. */
static void driver_fails(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi *vm = NULL;

	(void)state;
	fake_table(fake, VMI_CAP_FULL);
	fake->warnings = 3;
	fake_fail(fake, FAKE_OPEN, 1, VMI_ERR_CORRUPT);
	CHECK_FAIL(vmi_open_driver(&vm, &fake->ops, fake->name, NULL, &err), VMI_ERR_CORRUPT,
		   "injected failure");
	assert_null(vm);
	assert_int_equal(fake->closed, 1);
	fake_destroy(fake);
}

static void what_it_says_of_itself(void **state)
{
	struct fake *fake = fake_create();

	(void)state;
	fake->vcpus = 3;
	fake->machine = VMI_MACHINE_X86;
	fake_memory(fake, 0x1000, 2);
	fake_memory(fake, 0x10000, 4);
	fake_forget(fake, 0x10ff0, 0x20);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ_ACCESS, NULL);
	const struct vmi_info *info = vmi_info(vm);
	assert_string_equal(info->driver, "fake");
	assert_string_equal(info->format, "fake-memory");
	assert_int_equal(info->machine, VMI_MACHINE_X86);
	assert_int_equal(info->page_size, VMI_PAGE_SIZE);
	assert_int_equal(info->page_shift, VMI_PAGE_SHIFT);
	assert_int_equal(info->max_gfn, 0x13);
	assert_int_equal(info->memory_bytes, 6 * 4096 - 0x20);
	assert_int_equal(info->vcpus, 3);
	assert_int_equal(info->capabilities, VMI_CAP_READ_ACCESS);
	vmi_close(vm);
	fake_destroy(fake);
}

static void runs(void **state)
{
	static const struct vmi_run want[] = {
		{0x1000, 0x2000, VMI_RUN_SAVED},
		{0x10000, 0xff0, VMI_RUN_SAVED},
		{0x11010, 0x2ff0, VMI_RUN_SAVED},
	};
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi_run run = {0};
	unsigned count = 0;
	vmi_gpa at = 0;

	(void)state;
	fake_memory(fake, 0x10000, 4);
	fake_memory(fake, 0x1000, 2);
	fake_forget(fake, 0x10ff0, 0x20);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	for (; !vmi_run_next(vm, at, &run, &err); at = run.gpa + run.size, count++) {
		assert_true(count < 3);
		assert_memory_equal(&run.gpa, &want[count].gpa, sizeof(run.gpa));
		assert_int_equal(run.size, want[count].size);
		assert_int_equal(run.kind, want[count].kind);
	}
	assert_int_equal(count, 3);
	CHECK_OK(vmi_run_next(vm, 0x10800, &run, &err)); /* the rest of one */
	assert_int_equal(run.gpa, 0x10800);
	assert_int_equal(run.size, 0x7f0);
	assert_int_equal(vmi_run_next(vm, 0x14000, &run, &err), VMI_END);
	vmi_close(vm);
	fake_destroy(fake);
}

static void warnings(void **state)
{
	struct fake *fake = fake_create();
	unsigned count = 0;

	(void)state;
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	assert_null(vmi_warning(vm, 0));
	vmi_close(vm);

	fake->warnings = 2;
	vm = fake_open(fake, VMI_CAP_READ, NULL);
	assert_string_equal(vmi_warning(vm, 0), "warning number 0");
	assert_string_equal(vmi_warning(vm, 1), "warning number 1");
	assert_null(vmi_warning(vm, 2));
	vmi_close(vm);

	/* A broken image must not fill memory with complaints; the last says how many there were.
	 */
	fake->warnings = 1000;
	vm = fake_open(fake, VMI_CAP_READ, NULL);
	while (vmi_warning(vm, count))
		count++;
	assert_true(count >= 10 && count <= 100);
	char words[64];
	snprintf(words, sizeof(words), "%u more warnings", 1000 - (count - 1));
	assert_non_null(strstr(vmi_warning(vm, count - 1), words));
	assert_null(vmi_warning(vm, UINT32_MAX));
	vmi_close(vm);
	fake_destroy(fake);
}

static void vmcoreinfo(void **state)
{
	struct fake *fake = fake_create();
	size_t len = 99;

	(void)state;
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	assert_null(vmi_vmcoreinfo(vm, &len));
	assert_int_equal(len, 0);
	vmi_close(vm);

	fake->vmcoreinfo = "OSRELEASE=6.1\n";
	vm = fake_open(fake, VMI_CAP_READ, NULL);
	assert_memory_equal(vmi_vmcoreinfo(vm, &len), "OSRELEASE=6.1\n", 14);
	assert_int_equal(len, 14);
	vmi_close(vm);

	vm = fake_open(fake, VMI_CAP_READ, NULL);
	fake->ops.vmcoreinfo = NULL; /* optional */
	assert_null(vmi_vmcoreinfo(vm, &len));
	assert_int_equal(len, 0);
	vmi_close(vm);
	fake_destroy(fake);
}

static void version_and_features(void **state)
{
	unsigned count = 0, major, minor, patch;
	char rest;

	(void)state;
	assert_int_equal(sscanf(vmi_version(), "%u.%u.%u%c", &major, &minor, &patch, &rest), 3);
	while (vmi_feature(count))
		count++;
	assert_true(count >= 2);
	assert_null(vmi_feature(count));
	assert_null(vmi_feature(UINT32_MAX));
}

static void closing_nothing(void **state)
{
	(void)state;
	vmi_close(NULL);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(no_such_file),
		IN_PLACE(directory),
		IN_PLACE(fifo),
		cmocka_unit_test(character_device),
		IN_PLACE(empty_file),
		IN_PLACE(unreadable_file),
		IN_PLACE(unknown_driver),
		IN_PLACE(no_driver_knows_it),
		IN_PLACE(by_content_and_by_name),
		cmocka_unit_test(from_memory),
		cmocka_unit_test(needs),
		cmocka_unit_test(options_of_other_sizes),
		cmocka_unit_test(options_set_the_caches),
		cmocka_unit_test(driver_fails),
		cmocka_unit_test(what_it_says_of_itself),
		cmocka_unit_test(runs),
		cmocka_unit_test(warnings),
		cmocka_unit_test(vmcoreinfo),
		cmocka_unit_test(version_and_features),
		cmocka_unit_test(closing_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
