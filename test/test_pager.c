/* SPDX-License-Identifier: MIT */
/* Pages that a space lacks and somebody knows: who is asked, and what comes of it. */

#include <string.h>

#include "check.h"
#include "tables.h"

enum { TABLES = 0x100000, MEMORY = 0x10000, AT = 0x400000, MARK = 0x7000, SPOT = 0x234 };

struct setting {
	struct fake *fake;
	struct vmi *vm;
	struct tables tables;
	/* The pager's. */
	enum vmi_status answer;
	unsigned asked;
	vmi_gva last;
	bool has_spot; /* one byte at SPOT of each page is 'S' */
};

static enum vmi_status answer(void *context, const struct vmi_space *space, vmi_gva gva,
			      const struct vmi_translation *why, void *page, struct vmi_error *err)
{
	struct setting *s = context;

	assert_int_equal(space->root, s->tables.space.root);
	assert_int_equal(why->status, VMI_ERR_NOT_PRESENT);
	assert_int_equal(why->entry, MARK);
	assert_int_equal(gva % VMI_PAGE_SIZE, 0);
	s->asked++;
	s->last = gva;
	if (s->answer == VMI_ERR_NOT_FOUND)
		return s->answer;
	if (s->answer)
		return vmi_fail(err, s->answer, "the attic is locked");
	memset(page, (int)(gva >> 12 & 0xff) | 1, VMI_PAGE_SIZE);
	if (s->has_spot)
		((char *)page)[SPOT] = 'S';
	return VMI_OK;
}

/* One page that is there, two that are known, one of which nothing is. */
static void begin(struct setting *s)
{
	*s = (struct setting){.fake = fake_create()};
	tables_init(&s->tables, s->fake, VMI_MODE_4LEVEL, TABLES, 8);
	fake_memory(s->fake, MEMORY, 1);
	memset(fake_at(s->fake, MEMORY), 'm', VMI_PAGE_SIZE);
	tables_set(&s->tables, AT, 1, MEMORY | P | W | U);
	tables_set(&s->tables, AT + 0x1000, 1, MARK);
	tables_set(&s->tables, AT + 0x2000, 1, MARK);
	s->vm = fake_open(s->fake, VMI_CAP_READ, NULL);
	vmi_pager_set(s->vm, &(struct vmi_pager){.read = answer, .context = s});
}

static void end(struct setting *s)
{
	vmi_close(s->vm);
	fake_destroy(s->fake);
}

static void test_read(void **state)
{
	uint8_t bytes[0x4000];
	struct vmi_error err;
	struct setting s;
	uint64_t value;
	size_t done;

	(void)state;
	begin(&s);
	CHECK_FAIL(vmi_read_bytes(s.vm, &s.tables.space, AT + 0xff0, bytes, 0x3000, &done, &err),
		   VMI_ERR_NOT_PRESENT, "reading gva 0x403000: gva 0x403000 is not mapped");
	assert_int_equal(done, 0x2010);
	assert_int_equal(s.asked, 2); /* nobody is asked of what is all zero */
	for (size_t i = 0; i < done; i++)
		assert_int_equal(bytes[i], i < 0x10 ? 'm' : i < 0x1010 ? 0x01 : 0x03);
	CHECK_OK(vmi_read_u64(s.vm, &s.tables.space, AT + 0x1ffc, &value, &err));
	assert_int_equal(value, UINT64_C(0x0303030301010101));
	/* Translation is as it was. */
	struct vmi_translation to;
	assert_int_equal(vmi_translate(s.vm, &s.tables.space, AT + 0x1000, &to, &err),
			 VMI_ERR_NOT_PRESENT);
	end(&s);
}

static void test_within_a_page(void **state)
{
	struct vmi_string string;
	struct vmi_error err;
	struct setting s;
	uint8_t bytes[3];

	(void)state;
	begin(&s);
	s.has_spot = true;
	CHECK_OK(vmi_read_bytes(s.vm, &s.tables.space, AT + 0x1000 + SPOT - 1, bytes, 3, NULL,
				&err));
	assert_memory_equal(bytes, "\1S\1", 3);
	CHECK_OK(vmi_string_read(s.vm, &s.tables.space, AT + 0x2000 + SPOT, VMI_LATIN1, 2, &string,
				 &err));
	assert_string_equal(string.text, "S\3");
	vmi_string_free(&string);
	end(&s);
}

static void test_refusals(void **state)
{
	struct vmi_error err;
	struct setting s;
	uint8_t byte;

	(void)state;
	begin(&s);
	s.answer = VMI_ERR_CORRUPT;
	CHECK_FAIL(vmi_read_bytes(s.vm, &s.tables.space, AT + 0x1234, &byte, 1, NULL, &err),
		   VMI_ERR_NOT_PRESENT, "PTE 0x7000 is not present; the attic is locked");
	assert_int_equal(s.last, AT + 0x1000);
	s.answer = VMI_ERR_NOT_FOUND;
	CHECK_FAIL(vmi_read_bytes(s.vm, &s.tables.space, AT + 0x1234, &byte, 1, NULL, &err),
		   VMI_ERR_NOT_PRESENT, "PTE 0x7000 is not present");
	assert_null(strstr(err.text, ";"));
	assert_int_equal(vmi_read_bytes(s.vm, &s.tables.space, AT + 0x1234, &byte, 1, NULL, NULL),
			 VMI_ERR_NOT_PRESENT);
	end(&s);
}

static void test_string(void **state)
{
	struct vmi_string string;
	struct vmi_error err;
	struct setting s;

	(void)state;
	begin(&s);
	assert_int_equal(
		vmi_string_read(s.vm, &s.tables.space, AT + 0xffe, VMI_UTF8, 0, &string, &err),
		VMI_ERR_NOT_PRESENT);
	assert_int_equal(string.length, 0x2002);
	assert_int_equal(string.end, VMI_STRING_HOLE);
	assert_memory_equal(string.bytes, "mm\1\1", 4);
	vmi_string_free(&string);
	CHECK_OK(vmi_string_read(s.vm, &s.tables.space, AT + 0x1ffe, VMI_UTF8, 5, &string, &err));
	assert_memory_equal(string.bytes, "\1\1\3\3\3", 5);
	vmi_string_free(&string);
	end(&s);
}

/* Holes that it may know are ranges of their own while there is a pager, which clones lack. */
static void test_ranges(void **state)
{
	struct vmi_range_iter it;
	struct vmi_range range;
	struct vmi_error err;
	struct setting s;
	struct vmi *copy;
	uint8_t byte;

	(void)state;
	begin(&s);
	assert_ptr_equal(vmi_pager(s.vm)->context, &s);
	vmi_range_begin(&it, s.vm, &s.tables.space, AT, AT + 0xffff);
	CHECK_OK(vmi_range_next(&it, &range, &err));
	assert_false(range.paged);
	CHECK_OK(vmi_range_next(&it, &range, &err));
	assert_true(range.paged);
	assert_int_equal(range.gva, AT + 0x1000);
	assert_int_equal(range.size, 0x2000);
	CHECK_OK(vmi_range_next(&it, &range, &err));
	assert_false(range.paged);
	assert_int_equal(range.size, 0xd000);
	CHECK_OK(vmi_clone(s.vm, &copy, &err));
	assert_null(vmi_pager(copy));
	assert_int_equal(vmi_read_bytes(copy, &s.tables.space, AT + 0x1000, &byte, 1, NULL, &err),
			 VMI_ERR_NOT_PRESENT);
	vmi_close(copy);
	vmi_pager_set(s.vm, NULL);
	vmi_range_begin(&it, s.vm, &s.tables.space, AT + 0x1000, AT + 0xffff);
	CHECK_OK(vmi_range_next(&it, &range, &err));
	assert_false(range.paged);
	assert_int_equal(range.size, 0xf000);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),     cmocka_unit_test(test_within_a_page),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_string),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
