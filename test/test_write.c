/* SPDX-License-Identifier: MIT */
/* Writes: over pages, in part, and read back. */

#include <stdlib.h>
#include <string.h>

#include "backwards.h"

enum { PAGES = 4 };

static int setting_make(void **state)
{
	struct setting *s = setting_begin(PAGES);

	s->vm = fake_open(s->fake, VMI_CAP_MEMORY, NULL);
	*state = s;
	return 0;
}

/* Whatever is written is there: in the guest, and in what is read afterwards. */
static void read_back(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	uint8_t model[PAGES * VMI_PAGE_SIZE] = {0}, buf[PAGES * VMI_PAGE_SIZE];
	uint64_t seed = 12;
	size_t done;

	for (unsigned round = 0; round < 300; round++) {
		uint64_t at = next_random(&seed) % sizeof(buf);
		size_t len = (size_t)(next_random(&seed) % (sizeof(buf) - at + 1));
		memset(buf, (int)round, len);
		for (size_t i = 0; i < len; i += 7)
			buf[i] = (uint8_t)next_random(&seed);
		memcpy(model + at, buf, len);
		done = 99;
		CHECK_OK(vmi_write_bytes(s->vm, &s->tables.space, 0x7000 + at, buf, len, &done,
					 &err));
		assert_int_equal(done, len);
		CHECK_OK(vmi_read_bytes(s->vm, &s->tables.space, 0x7000, buf, sizeof(buf), NULL,
					&err));
		assert_memory_equal(buf, model, sizeof(buf));
	}
	for (unsigned i = 0; i < PAGES; i++)
		assert_memory_equal(fake_at(s->fake, MEMORY + i * 0x1000),
				    model + (PAGES - 1 - i) * 0x1000, VMI_PAGE_SIZE);
}

static void partial(void **state)
{
	struct setting *s = *state;
	uint8_t buf[0x3000];
	struct vmi_error err;
	uint64_t value;
	size_t done;

	memset(buf, 0x77, sizeof(buf));
	CHECK_FAIL(vmi_write_bytes(s->vm, &s->tables.space, 0x9ff0, buf, sizeof(buf), &done, &err),
		   VMI_ERR_NOT_PRESENT, "writing gva 0xb000: gva 0xb000 is not mapped");
	assert_int_equal(done, 0x1010);
	assert_int_equal(*fake_at(s->fake, MEMORY + 0x1ff0), 0x77);
	assert_int_equal(*fake_at(s->fake, MEMORY + 0x0fff), 0x77);

	CHECK_FAIL(vmi_write_bytes(s->vm, NULL, MEMORY + 0x3fff, buf, 2, &done, &err),
		   VMI_ERR_NOT_SAVED, "writing gpa 0x14000: no memory at gpa 0x14000");
	assert_int_equal(done, 1);

	CHECK_OK(vmi_read_u64(s->vm, NULL, MEMORY, &value, &err));
	fake_fail(s->fake, FAKE_WRITE, 2, VMI_ERR_IO);
	CHECK_FAIL(vmi_write_bytes(s->vm, NULL, MEMORY + 0xfff, buf, 0x1002, &done, &err),
		   VMI_ERR_IO, "writing gpa 0x11000: injected failure");
	assert_int_equal(done, 1);
	assert_int_equal(vmi_write_bytes(s->vm, NULL, 0, buf, 1, NULL, NULL), VMI_ERR_NOT_SAVED);
	CHECK_OK(vmi_write_bytes(s->vm, NULL, 0, NULL, 0, &done, &err));
	assert_int_equal(done, 0);
}

/* A driver that fails may have written all the same: what was cached is no longer believed. */
static void failed_writes_invalidate(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	uint64_t value;

	CHECK_OK(vmi_read_u64(s->vm, NULL, MEMORY, &value, &err));
	fake_put64(s->fake, MEMORY, 0x1111);
	fake_fail(s->fake, FAKE_WRITE, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_write_uint(s->vm, NULL, MEMORY, 8, 0x1111, &err), VMI_ERR_IO, "injected");
	CHECK_OK(vmi_read_u64(s->vm, NULL, MEMORY, &value, &err));
	assert_int_equal(value, 0x1111);
}

static void wrapping(void **state)
{
	struct setting *s = *state;
	uint8_t buf[32] = {0};
	struct vmi_error err;
	size_t done;

	fake_memory(s->fake, 0, 1);
	tables_set(&s->tables, 0, 1, 0 | P);
	CHECK_FAIL(vmi_write_bytes(s->vm, &s->tables.space, -UINT64_C(16), buf, 17, &done, &err),
		   VMI_ERR_NOT_CANONICAL, "the address space ends at 2^64");
	assert_int_equal(done, 16);
}

static void integers(void **state)
{
	static const unsigned bad[] = {0, 3, 5, 6, 7, 9, 16};
	struct setting *s = *state;
	const uint64_t all = UINT64_C(0x8877665544332211);
	struct vmi_error err;
	uint64_t value;

	for (unsigned size = 1; size <= 8; size *= 2) {
		uint64_t part = all & (UINT64_MAX >> (64 - 8 * size));
		fake_put64(s->fake, MEMORY + 0xffd, 0);
		fake_put64(s->fake, MEMORY + 0xffd + 8, 0);
		CHECK_OK(vmi_write_uint(s->vm, NULL, MEMORY + 0xffd, size, part, &err));
		CHECK_OK(vmi_read_u64(s->vm, NULL, MEMORY + 0xffd, &value, &err));
		assert_int_equal(value, part);
		if (size < 8)
			CHECK_FAIL(vmi_write_uint(s->vm, NULL, MEMORY, size, part << 8, &err),
				   VMI_ERR_ARG, "does not fit");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_FAIL(vmi_write_uint(s->vm, NULL, MEMORY, bad[i], 0, &err), VMI_ERR_ARG,
			   "1, 2, 4 and 8 can be written");
}

#define WRITE(test) cmocka_unit_test_setup_teardown(test, setting_make, setting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WRITE(read_back), WRITE(partial),  WRITE(failed_writes_invalidate),
		WRITE(wrapping),  WRITE(integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
