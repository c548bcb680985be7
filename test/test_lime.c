/* SPDX-License-Identifier: MIT */
/* LiME images: ranges, what their last address means, what is cut off. */

#include "image.h"
#include "mk_stream.h"

enum { PAGE = VMI_PAGE_SIZE };

static void header(struct mk_stream *s, uint64_t first, uint64_t last)
{
	mk_put(s, "EMiL", 4);
	mk_le(s, 1, 4);
	mk_le(s, first, 8);
	mk_le(s, last, 8);
	mk_le(s, 0, 8);
}

static void range(struct mk_stream *s, uint64_t first, uint64_t last, uint64_t size)
{
	header(s, first, last);
	for (uint64_t i = 0; i < size; i++)
		mk_u8(s, mk_byte(first + i, 0));
}

static struct vmi *open_stream(const struct mk_stream *s)
{
	return open_bytes(s->bytes, s->size, "lime");
}

static void ranges(void **state)
{
	struct mk_stream s = {0};
	struct vmi_registers regs;
	struct vmi_error err = {0};
	struct vmi_page page;

	(void)state;
	range(&s, 0x1000, 0x9ffff, 0x9f000);
	size_t second = s.size + 32;
	range(&s, 0x100000, 0x103abc, 0x3abd);
	struct vmi *vm = open_stream(&s);
	assert_no_warning(vm);
	assert_runs(vm, "1000+9f000 100000+3abd");
	assert_memory(vm, 0x1000, 0x9f000, 0);
	assert_memory(vm, 0x100000, 0x3abd, 0);
	assert_unreadable(vm, 0, "no memory at gfn 0x0");
	assert_unreadable(vm, 0x103abd, "gpa 0x103abd");
	assert_int_equal(vmi_info(vm)->max_gfn, 0x103);
	assert_int_equal(vmi_info(vm)->capabilities, VMI_CAP_READ);
	assert_says(vmi_registers_get(vm, 0, &regs, &err), VMI_ERR_UNSUPPORTED,
		    "the lime driver cannot", &err);
	/* no copy */
	assert_int_equal(vmi_page_get(vm, 0x101, &page, &err), VMI_OK);
	assert_ptr_equal(page.data, s.bytes + second + PAGE);
	vmi_page_put(vm, &page);
	vmi_close(vm);
	mk_free(&s);
}

/* What follows tells which of the two a writer meant, for each range. */
static void exclusive(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	range(&s, 0, 0x2000, 0x2000);
	range(&s, 0x4000, 0x4fff, 0x1000);
	range(&s, 0x6000, 0x7000, 0x1000);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "2 of the ranges give the address behind");
	assert_runs(vm, "0+2000 4000+1000 6000+1000");
	assert_memory(vm, 0, 0x2000, 0);
	assert_memory(vm, 0x4000, 0x1000, 0);
	assert_memory(vm, 0x6000, 0x1000, 0);
	vmi_close(vm);
	mk_free(&s);
}

static void cut(void **state)
{
	struct mk_stream s = {0};
	struct vmi_run run;
	struct vmi_error err = {0};

	(void)state;
	range(&s, 0, 0x7fff, 0x4000);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "0x4000 bytes from gpa 0x4000 on are cut off");
	assert_runs(vm, "0+4000");
	assert_unreadable(vm, 0x4000, "was cut off: the file ends at 0x4020");
	assert_int_equal(state_of(vm, 3), VMI_PAGE_SAVED);
	assert_int_equal(state_of(vm, 5), VMI_PAGE_CUT);
	assert_int_equal(state_of(vm, 8), VMI_PAGE_HOLE);
	assert_int_equal(vmi_absent_next(vm, 0, &run, &err), VMI_OK);
	assert_int_equal(run.gpa, 0x4000);
	assert_int_equal(run.size, 0x4000);
	assert_int_equal(run.kind, VMI_RUN_CUT);
	vmi_close(vm);
	mk_free(&s);
}

static void overlapping(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	range(&s, 0x2000, 0x3fff, 0x2000);
	header(&s, 0x1000, 0x2fff);
	mk_fill(&s, 0xee, 0x2000);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "ranges overlap and differ: 1, the first at gpa 0x1000");
	assert_runs(vm, "1000+3000");
	assert_memory(vm, 0x2000, 0x2000, 0);
	vmi_close(vm);
	mk_free(&s);
}

static void assert_refuses(const struct mk_stream *s, const char *words)
{
	struct vmi_error err = {0};
	struct vmi *vm = NULL;

	assert_says(vmi_open_memory(&vm, s->bytes, s->size, NULL, &err), VMI_ERR_CORRUPT, words,
		    &err);
}

static void refused(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	header(&s, 0x1000, 0xfff);
	mk_fill(&s, 0, PAGE);
	assert_refuses(&s, "(memory): a range that ends before it begins at file offset 0x0");
	s.size = 0;
	header(&s, 0x1000, 0x1fff);
	assert_refuses(&s, "it ends at 0x20, before any of its memory");
	s.size = 20;
	assert_refuses(&s, "a header is cut off at file offset 0x0");
	mk_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),      cmocka_unit_test(exclusive), cmocka_unit_test(cut),
		cmocka_unit_test(overlapping), cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
