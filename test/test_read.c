/* SPDX-License-Identifier: MIT */
/* Reads: across pages and holes, integers, fields, pointers, structs, many at once. */

#include <string.h>

#include "backwards.h"

enum { PAGES = 8 };

/* The byte at offset i of memory. */
static uint8_t byte_of(uint64_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + 1);
}

static int setting_make(void **state)
{
	struct setting *s = setting_begin(PAGES);

	for (unsigned i = 0; i < PAGES * VMI_PAGE_SIZE; i++) {
		uint8_t byte = byte_of(i);
		fake_put(s->fake, MEMORY + i, &byte, 1);
	}
	s->vm = fake_open(s->fake, VMI_CAP_READ, NULL);
	*state = s;
	return 0;
}

/* What gva holds, of the 8 pages. */
static uint8_t byte_at(vmi_gva gva)
{
	uint64_t page = (gva - 0x7000) / 0x1000;

	return byte_of((PAGES - 1 - page) * 0x1000 + gva % 0x1000);
}

static void bytes(void **state)
{
	struct setting *s = *state;
	const struct vmi_space *space = &s->tables.space;
	uint8_t buf[PAGES * VMI_PAGE_SIZE];
	struct vmi_error err;
	uint64_t seed = 4;
	size_t done;

	for (unsigned round = 0; round < 500; round++) {
		uint64_t at = next_random(&seed) % sizeof(buf);
		size_t len = (size_t)(next_random(&seed) % (sizeof(buf) - at + 1));
		done = 99;
		CHECK_OK(vmi_read_bytes(s->vm, NULL, MEMORY + at, buf, len, &done, &err));
		assert_int_equal(done, len);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(buf[i], byte_of(at + i));
		CHECK_OK(vmi_read_bytes(s->vm, space, 0x7000 + at, buf, len, NULL, &err));
		for (size_t i = 0; i < len; i++)
			assert_int_equal(buf[i], byte_at(0x7000 + at + i));
	}
}

/* Nothing asks for nothing, anywhere. */
static void no_bytes(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	size_t done = 99;

	CHECK_OK(vmi_read_bytes(s->vm, NULL, 0x7f000000, NULL, 0, &done, &err));
	assert_int_equal(done, 0);
	CHECK_OK(vmi_read_bytes(s->vm, &s->tables.space, BIT(50), NULL, 0, &done, &err));
	assert_int_equal(fake_calls(s->fake, FAKE_PAGE_GET), 0);
}

/* Up to the hole, and then: where and why. Bytes behind it are left alone. */
static void into_holes(void **state)
{
	struct setting *s = *state;
	const struct vmi_space *space = &s->tables.space;
	uint8_t buf[8192];
	struct vmi_error err;
	size_t done;

	memset(buf, 0xaa, sizeof(buf));
	CHECK_FAIL(vmi_read_bytes(s->vm, space, 0xeff0, buf, 64, &done, &err), VMI_ERR_NOT_PRESENT,
		   "reading gva 0xf000: gva 0xf000 is not mapped: PTE 0x0 is not present");
	assert_int_equal(done, 16);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(buf[i], byte_at(0xeff0 + i));
	assert_int_equal(buf[16], 0xaa);

	CHECK_FAIL(vmi_read_bytes(s->vm, NULL, MEMORY + 0x7f00, buf, 0x200, &done, &err),
		   VMI_ERR_NOT_SAVED, "reading gpa 0x18000: no memory at gfn 0x18");
	assert_int_equal(done, 0x100);
	CHECK_FAIL(vmi_read_bytes(s->vm, space, 0x6fff, buf, 2, &done, &err), VMI_ERR_NOT_PRESENT,
		   "reading gva 0x6fff");
	assert_int_equal(done, 0);
	fake_fail(s->fake, FAKE_PAGE_GET, 1, VMI_ERR_IO);
	vmi_page_cache_flush(s->vm);
	CHECK_FAIL(vmi_read_bytes(s->vm, NULL, MEMORY, buf, 2, &done, &err), VMI_ERR_IO,
		   "reading gpa 0x10000: injected failure");
	assert_int_equal(vmi_read_bytes(s->vm, space, 0x6fff, buf, 2, NULL, NULL),
			 VMI_ERR_NOT_PRESENT);
}

/* No read goes on at 0, nor over the edge of a half. */
static void edges(void **state)
{
	struct setting *s = *state;
	const struct vmi_space *space = &s->tables.space;
	uint8_t buf[64];
	struct vmi_error err;
	size_t done;

	fake_memory(s->fake, 0, 1);
	tables_set(&s->tables, 0, 1, 0 | P); /* there would be something at 0 */
	CHECK_OK(vmi_read_bytes(s->vm, space, -UINT64_C(16), buf, 16, &done, &err));
	assert_int_equal(buf[15], byte_of(0xfff));
	CHECK_FAIL(vmi_read_bytes(s->vm, space, -UINT64_C(16), buf, 17, &done, &err),
		   VMI_ERR_NOT_CANONICAL, "the address space ends at 2^64");
	assert_int_equal(done, 16);
	CHECK_FAIL(vmi_read_bytes(s->vm, space, BIT(47) - 4, buf, 5, &done, &err),
		   VMI_ERR_NOT_CANONICAL, "gva 0x800000000000 does not exist");
	assert_int_equal(done, 4);

	CHECK_FAIL(vmi_read_bytes(s->vm, NULL, UINT64_MAX, buf, 1, &done, &err), VMI_ERR_NOT_SAVED,
		   "reading gpa 0xffffffffffffffff");
	CHECK_FAIL(vmi_read_bytes(s->vm, NULL, BIT(52) - 1, buf, 2, &done, &err), VMI_ERR_NOT_SAVED,
		   "no memory at gfn 0xffffffffff");
	CHECK_FAIL(vmi_read_bytes(s->vm, NULL, BIT(52), buf, 1, &done, &err), VMI_ERR_NOT_SAVED,
		   "above all physical memory");
	struct vmi_space off = {.mode = VMI_MODE_NONE};
	CHECK_FAIL(vmi_read_bytes(s->vm, &off, BIT(32), buf, 1, &done, &err), VMI_ERR_NOT_CANONICAL,
		   "gva 0x100000000 does not exist");
	CHECK_OK(vmi_read_bytes(s->vm, &off, MEMORY, buf, 1, &done, &err));
}

/* Of a page that is held in part, what is held reads, and nothing else does. */
static void partial_pages(void **state)
{
	struct setting *s = *state;
	uint8_t buf[VMI_PAGE_SIZE];
	struct vmi_error err;
	struct vmi_page page;
	size_t done;

	fake_forget(s->fake, MEMORY + 0x1100, 0x80);
	CHECK_FAIL(vmi_read_bytes(s->vm, NULL, MEMORY + 0x1000, buf, 0x1000, &done, &err),
		   VMI_ERR_NOT_SAVED, "gpa 0x11100 is not in the image, which holds only a part");
	assert_int_equal(done, 0x100);
	assert_int_equal(buf[0xff], byte_of(0x10ff));
	CHECK_OK(vmi_read_bytes(s->vm, NULL, MEMORY + 0x1180, buf, 0x1000, &done, &err));
	assert_int_equal(buf[0], byte_of(0x1180));
	CHECK_FAIL(vmi_read_bytes(s->vm, NULL, MEMORY + 0x117f, buf, 1, &done, &err),
		   VMI_ERR_NOT_SAVED, "reading gpa 0x1117f");
	CHECK_OK(vmi_page_get(s->vm, 0x11, &page, &err));
	for (unsigned i = 0; i < VMI_PAGE_SIZE; i++)
		assert_int_equal(page.known[i / 64] >> i % 64 & 1, i < 0x100 || i >= 0x180);
	vmi_page_put(s->vm, &page);
}

/* A run of pages that one pin covers is read over page borders, not beyond what it covers. */
static void long_extents(void **state)
{
	struct setting *s = *state;
	uint8_t buf[PAGES * VMI_PAGE_SIZE];
	struct vmi_error err;
	size_t done;

	s->fake->pages = FAKE_MAPPED;
	CHECK_OK(vmi_read_bytes(s->vm, NULL, MEMORY + 5, buf, sizeof(buf) - 5, &done, &err));
	assert_int_equal(fake_calls(s->fake, FAKE_PAGE_GET), 1);
	for (unsigned i = 0; i < sizeof(buf) - 5; i++)
		assert_int_equal(buf[i], byte_of(i + 5));
	/* Consecutive in the guest's memory is not consecutive in the space. */
	CHECK_OK(vmi_read_bytes(s->vm, &s->tables.space, 0x7000, buf, sizeof(buf), &done, &err));
	for (unsigned i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], byte_at(0x7000 + i));
	/* A large page ends where it ends. */
	tables_set(&s->tables, 0x400000, 2, 0 | P | PS);
	CHECK_FAIL(vmi_read_bytes(s->vm, &s->tables.space, 0x400000 + MEMORY, buf, 0x8001, &done,
				  &err),
		   VMI_ERR_NOT_SAVED, "no memory at gfn 0x18");
	assert_int_equal(done, 0x8000);
}

static void integers(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64, value;

	fake_put64(s->fake, MEMORY + 0xffc, UINT64_C(0x8877665544332211)); /* over a border */
	CHECK_OK(vmi_read_u8(s->vm, NULL, MEMORY + 0xffc, &u8, &err));
	assert_int_equal(u8, 0x11);
	CHECK_OK(vmi_read_u16(s->vm, NULL, MEMORY + 0xfff, &u16, &err));
	assert_int_equal(u16, 0x5544);
	CHECK_OK(vmi_read_u32(s->vm, NULL, MEMORY + 0xffd, &u32, &err));
	assert_int_equal(u32, 0x55443322);
	CHECK_OK(vmi_read_u64(s->vm, NULL, MEMORY + 0xffc, &u64, &err));
	assert_int_equal(u64, UINT64_C(0x8877665544332211));
	for (unsigned size = 1; size <= 8; size++) {
		CHECK_OK(vmi_read_uint(s->vm, NULL, MEMORY + 0xffc, size, &value, &err));
		assert_int_equal(value,
				 UINT64_C(0x8877665544332211) & (UINT64_MAX >> (64 - 8 * size)));
	}
	value = 77;
	CHECK_FAIL(vmi_read_uint(s->vm, NULL, MEMORY, 0, &value, &err), VMI_ERR_ARG,
		   "an integer of 0 bytes");
	CHECK_FAIL(vmi_read_uint(s->vm, NULL, MEMORY, 9, &value, &err), VMI_ERR_ARG,
		   "an integer of 9 bytes");
	/* Half of it is not there: left alone. */
	u16 = 7;
	u32 = 7;
	u64 = 7;
	CHECK_FAIL(vmi_read_u16(s->vm, NULL, MEMORY + 0x7fff, &u16, &err), VMI_ERR_NOT_SAVED,
		   "gpa 0x18000");
	CHECK_FAIL(vmi_read_u32(s->vm, NULL, MEMORY + 0x7ffd, &u32, &err), VMI_ERR_NOT_SAVED,
		   "gpa 0x18000");
	CHECK_FAIL(vmi_read_u64(s->vm, NULL, MEMORY + 0x7ff9, &u64, &err), VMI_ERR_NOT_SAVED,
		   "gpa 0x18000");
	CHECK_FAIL(vmi_read_u8(s->vm, NULL, MEMORY + 0x8000, &u8, &err), VMI_ERR_NOT_SAVED,
		   "gpa 0x18000");
	assert_int_equal(value, 77);
	assert_int_equal(u8, 0x11);
	assert_int_equal(u16, 7);
	assert_int_equal(u32, 7);
	assert_int_equal(u64, 7);
}

/* As wide as the space's mode has them, or as told. */
static void pointers(void **state)
{
	static const struct {
		enum vmi_mode mode;
		unsigned width;
	} modes[] = {{VMI_MODE_NONE, 4},
		     {VMI_MODE_LEGACY, 4},
		     {VMI_MODE_PAE, 4},
		     {VMI_MODE_4LEVEL, 8},
		     {VMI_MODE_5LEVEL, 8}};
	const uint64_t all = UINT64_C(0x8877665544332211);
	struct vmi_error err;
	vmi_gva value;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct fake *fake = fake_create();
		struct tables tables = {.space = {.mode = (uint8_t)modes[i].mode}};
		if (modes[i].mode != VMI_MODE_NONE) {
			tables_init(&tables, fake, modes[i].mode, TABLES, 8);
			tables_set(&tables, MEMORY, 1, MEMORY | P);
		}
		fake_memory(fake, MEMORY, 1);
		fake_put64(fake, MEMORY + 8, all);
		struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
		CHECK_OK(vmi_read_pointer(vm, &tables.space, MEMORY + 8, 0, &value, &err));
		assert_int_equal(value, modes[i].width == 4 ? (uint32_t)all : all);
		CHECK_OK(vmi_read_pointer(vm, &tables.space, MEMORY + 8, 4, &value, &err));
		assert_int_equal(value, (uint32_t)all);
		CHECK_OK(vmi_read_pointer(vm, &tables.space, MEMORY + 8, 8, &value, &err));
		assert_int_equal(value, all);
		CHECK_OK(vmi_read_pointer(vm, NULL, MEMORY + 8, 0, &value, &err));
		assert_int_equal(value, all);
		CHECK_FAIL(vmi_read_pointer(vm, NULL, MEMORY + 8, 2, &value, &err), VMI_ERR_ARG,
			   "a pointer of 2 bytes");
		vmi_close(vm);
		fake_destroy(fake);
	}
}

static void fields(void **state)
{
	static const struct {
		struct vmi_field field;
		uint64_t value;
	} good[] = {
		{{0, 1, 0, 0}, 0x11},
		{{1, 2, 0, 0}, 0x3322},
		{{0, 8, 0, 0}, UINT64_C(0x8877665544332211)},
		{{0, 8, 0, 64}, UINT64_C(0x8877665544332211)},
		{{0, 3, 0, 0}, 0x332211},
		{{0, 1, 4, 4}, 0x1},
		{{0, 2, 4, 8}, 0x21},
		{{0, 8, 63, 1}, 1},
		{{0, 8, 60, 4}, 8},
		{{0, 8, 62, 1}, 0},
		{{4, 4, 31, 1}, 1},
		{{7, 1, 0, 1}, 0},
	};
	static const struct vmi_field bad[] = {
		{0, 0, 0, 0},  {0, 9, 0, 0},  {0, 255, 0, 1}, {0, 4, 32, 1},
		{0, 4, 1, 32}, {0, 4, 0, 33}, {0, 8, 1, 64},  {0, 4, 4, 0},
	};
	struct setting *s = *state;
	struct vmi_error err;
	uint64_t value = 77;

	fake_put64(s->fake, MEMORY + 0x20, UINT64_C(0x8877665544332211));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_FAIL(vmi_read_field(s->vm, NULL, MEMORY, &bad[i], &value, &err), VMI_ERR_ARG,
			   "bytes");
	struct vmi_field wraps = {.offset = 0x10, .size = 4};
	CHECK_FAIL(vmi_read_field(s->vm, NULL, UINT64_MAX - 0xf, &wraps, &value, &err), VMI_ERR_ARG,
		   "wraps");
	CHECK_FAIL(vmi_read_field(s->vm, NULL, MEMORY + 0x8000, &wraps, &value, &err),
		   VMI_ERR_NOT_SAVED, "reading gpa 0x18010");
	assert_int_equal(value, 77);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct vmi_field far = good[i].field;
		CHECK_OK(vmi_read_field(s->vm, NULL, MEMORY + 0x20, &good[i].field, &value, &err));
		assert_int_equal(value, good[i].value);
		far.offset += 0x20;
		CHECK_OK(vmi_read_field(s->vm, NULL, MEMORY, &far, &value, &err));
		assert_int_equal(value, good[i].value);
	}
}

/* All of it or nothing, however large. */
static void structs(void **state)
{
	static const size_t sizes[] = {1, 8, 255, 256, 257, 512, 4096, 5000, 12345};
	struct setting *s = *state;
	struct vmi_error err;
	uint8_t buf[16384];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		vmi_gva gva = 0xf000 - sizes[i];
		CHECK_OK(vmi_read_struct(s->vm, &s->tables.space, gva, buf, sizes[i], &err));
		for (size_t n = 0; n < sizes[i]; n++)
			assert_int_equal(buf[n], byte_at(gva + n));
		memset(buf, 0xaa, sizeof(buf));
		CHECK_FAIL(vmi_read_struct(s->vm, &s->tables.space, gva + 1, buf, sizes[i], &err),
			   VMI_ERR_NOT_PRESENT, "reading gva 0xf000");
		for (size_t n = 0; n < sizeof(buf); n++)
			assert_int_equal(buf[n], 0xaa);
	}
}

static void scatter(void **state)
{
	struct setting *s = *state;
	uint8_t a[4], b[16], c[8], d[4];
	struct vmi_request requests[] = {
		{.addr = 0x8ffe, .buf = a, .len = 4}, {.addr = 0xeff8, .buf = b, .len = 16},
		{.addr = 0x2000, .buf = c, .len = 8}, {.addr = 0x7000, .buf = d, .len = 4},
		{.addr = 0x1, .buf = NULL, .len = 0},
	};
	struct vmi_error err;

	CHECK_FAIL(vmi_read_scatter(s->vm, &s->tables.space, requests, 5, &err),
		   VMI_ERR_NOT_PRESENT, "reading gva 0xf000"); /* the first that failed */
	assert_int_equal(requests[0].status, VMI_OK);
	assert_int_equal(requests[0].done, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(a[i], byte_at(0x8ffe + i));
	assert_int_equal(requests[1].status, VMI_ERR_NOT_PRESENT);
	assert_int_equal(requests[1].done, 8);
	assert_int_equal(b[7], byte_at(0xefff));
	assert_int_equal(requests[2].status, VMI_ERR_NOT_PRESENT);
	assert_int_equal(requests[2].done, 0);
	assert_int_equal(requests[3].status, VMI_OK); /* done all the same */
	assert_int_equal(d[3], byte_at(0x7003));
	assert_int_equal(requests[4].status, VMI_OK);
	assert_int_equal(requests[4].done, 0);

	CHECK_OK(vmi_read_scatter(s->vm, &s->tables.space, requests, 1, &err));
	CHECK_OK(vmi_read_scatter(s->vm, &s->tables.space, NULL, 0, &err));
	CHECK_OK(vmi_read_scatter(s->vm, &s->tables.space, &requests[3], 1, NULL));
}

#define READ(test) cmocka_unit_test_setup_teardown(test, setting_make, setting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		READ(bytes),    READ(no_bytes),      READ(into_holes),           READ(edges),
		READ(integers), READ(fields),        cmocka_unit_test(pointers), READ(structs),
		READ(scatter),  READ(partial_pages), READ(long_extents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
