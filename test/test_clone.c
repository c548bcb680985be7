/* SPDX-License-Identifier: MIT */
/* Clones: handles of their own on one target, for threads. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tables.h"

enum { TABLES = 0x100000, MEMORY = 0x400000, PAGES = 128, THREADS = 4 };

static void refused(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi *copy = NULL;

	(void)state;
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	fake->ops.concurrent = false;
	CHECK_FAIL(vmi_clone(vm, &copy, &err), VMI_ERR_UNSUPPORTED,
		   "the fake driver serves one thread only");
	assert_null(copy);
	vmi_close(vm);
	fake_destroy(fake);
}

/* The target closes with its last handle, whichever that is; the rest is each one's own. */
static void lifetime(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 3; order++) {
		struct fake *fake = fake_create();
		struct vmi_open_options options = {.size = sizeof(options), .page_slots = 64};
		struct vmi_cache_stats stats;
		struct vmi_error err;
		struct vmi *vm[3];
		uint8_t byte;

		fake->pages = FAKE_COPIED;
		fake->warnings = 1;
		fake_memory(fake, MEMORY, 1);
		vm[0] = fake_open(fake, VMI_CAP_READ, &options);
		vmi_string_limit_set(vm[0], 99);
		CHECK_OK(vmi_clone(vm[0], &vm[1], &err));
		CHECK_OK(vmi_clone(vm[1], &vm[2], &err));
		assert_int_equal(vmi_string_limit(vm[2]), 99);
		vmi_string_limit_set(vm[2], 5);
		assert_int_equal(vmi_string_limit(vm[0]), 99);
		vmi_page_cache_stats(vm[2], &stats);
		assert_int_equal(stats.slots, 64);
		CHECK_OK(vmi_read_u8(vm[0], NULL, MEMORY, &byte, &err));
		vmi_page_cache_stats(vm[2], &stats);
		assert_int_equal(stats.used, 0);
		assert_int_equal(vmi_info(vm[2])->capabilities, VMI_CAP_READ);
		assert_string_equal(vmi_warning(vm[2], 0), "warning number 0");

		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(fake->closed, 0);
			CHECK_OK(vmi_read_u8(vm[(order + i) % 3], NULL, MEMORY, &byte, &err));
			vmi_close(vm[(order + i) % 3]);
		}
		assert_int_equal(fake->opened, 1);
		assert_int_equal(fake->closed, 1);
		fake_destroy(fake);
	}
}

struct worker {
	struct vmi *vm;
	const struct tables *tables;
	pthread_t thread;
	unsigned wrong;
};

/* Translate, read and look at registers, in an order of its own. cmocka is not for threads. */
static void *work(void *argument)
{
	struct worker *worker = argument;
	uint64_t seed = (uintptr_t)worker | 1;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t page = next_random(&seed) % PAGES, value = 0;
		struct vmi_registers regs;
		if (vmi_read_u64(worker->vm, &worker->tables->space, 0x7000 + page * 0x1000, &value,
				 NULL) ||
		    value != page)
			worker->wrong++;
		if (i % 64 == 0 &&
		    (vmi_registers_get(worker->vm, 0, &regs, NULL) || regs.value[VMI_RAX] != 77))
			worker->wrong++;
		if (i % 500 == 0)
			vmi_page_cache_flush(worker->vm);
	}
	return NULL;
}

static void threads(void **state)
{
	(void)state;
	for (unsigned pages = FAKE_MAPPED; pages <= FAKE_COPIED; pages++) {
		struct fake *fake = fake_create();
		struct vmi_open_options options = {
			.size = sizeof(options), .page_slots = 16, .translation_slots = 16};
		struct worker workers[THREADS];
		struct tables tables;
		struct vmi_error err;

		fake->pages = (enum fake_pages)pages;
		vmi_register_know(&fake->registers[0], VMI_RAX, 77);
		fake_memory(fake, MEMORY, PAGES);
		tables_init(&tables, fake, VMI_MODE_4LEVEL, TABLES, 16);
		for (unsigned i = 0; i < PAGES; i++) {
			fake_put64(fake, MEMORY + i * 0x1000, i);
			tables_set(&tables, 0x7000 + i * 0x1000, 1, (MEMORY + i * 0x1000) | P);
		}
		struct vmi *vm = fake_open(fake, VMI_CAP_READ_ACCESS, &options);
		for (unsigned i = 0; i < THREADS; i++) {
			workers[i] = (struct worker){.tables = &tables};
			CHECK_OK(vmi_clone(vm, &workers[i].vm, &err));
			assert_int_equal(
				pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
		}
		for (unsigned i = 0; i < THREADS; i++) {
			assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
			assert_int_equal(workers[i].wrong, 0);
			vmi_close(workers[i].vm);
		}
		vmi_close(vm);
		fake_destroy(fake);
	}
}

/* Each handle pauses for itself; the guest runs when the last has resumed. */
static void pauses_of_two_handles(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_error err;
	struct vmi *copy;

	(void)state;
	struct vmi *vm = fake_open(fake, VMI_CAP_FULL, NULL);
	CHECK_OK(vmi_clone(vm, &copy, &err));
	CHECK_OK(vmi_pause(vm, &err));
	CHECK_FAIL(vmi_resume(copy, &err), VMI_ERR_ARG, "this handle has not paused");
	CHECK_OK(vmi_pause(copy, &err));
	CHECK_OK(vmi_resume(vm, &err));
	assert_int_equal(fake->paused, 1);
	vmi_close(copy);
	assert_int_equal(fake->paused, 0);
	vmi_close(vm);
	fake_destroy(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),
		cmocka_unit_test(lifetime),
		cmocka_unit_test(threads),
		cmocka_unit_test(pauses_of_two_handles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
