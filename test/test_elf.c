/* SPDX-License-Identifier: MIT */
/* The ELF driver: headers, segments, memory. */

#include <elf.h>

#include "image.h"

enum { PAGE = VMI_PAGE_SIZE };
static const uint64_t pages = 4 * PAGE;

/* ---- what opens ----------------------------------------------------------------------------- */

static void plain_core(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = pages}}};
	struct image image = image_open(&elf);
	const struct vmi_info *info = vmi_info(image.vm);

	(void)state;
	assert_string_equal(info->driver, "elf");
	assert_string_equal(info->format, "elf");
	assert_int_equal(info->machine, VMI_MACHINE_X86_64);
	assert_int_equal(info->max_gfn, 3);
	assert_int_equal(info->memory_bytes, pages);
	assert_int_equal(info->vcpus, 0);
	assert_int_equal(info->capabilities, VMI_CAP_READ);
	assert_runs(image.vm, "0+4000");
	assert_memory(image.vm, 0, pages, 0);
	assert_unreadable(image.vm, pages, "no memory at gfn 0x4 in this image");
	assert_no_warning(image.vm);
	image_close(&image);
}

static void odd_but_right(void **state)
{
	const struct mk_elf variants[] = {
		{.class = 32},
		{.class = 32, .machine = EM_386},
		{.ei_version_0 = true},
		{.tables_first = true},
		{.xnum = true},
		{.xnum = true, .class = 32},
		{.section = ".data", .tables_first = true},
		{.class = 32, .section = ".data"},
		{.tail = 100},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct mk_elf elf = variants[i];
		elf.loads[0] = (struct mk_load){.gpa = 0, .size = pages};
		elf.loads[1] = (struct mk_load){.gpa = 0x100000, .size = pages};
		struct image image = image_open(&elf);
		assert_int_equal(vmi_info(image.vm)->machine,
				 elf.machine == EM_386 ? VMI_MACHINE_X86 : VMI_MACHINE_X86_64);
		assert_runs(image.vm, "0+4000 100000+4000");
		assert_memory(image.vm, 0x100000, pages, 0);
		assert_no_warning(image.vm);
		image_close(&image);
	}
}

static void other_machine(void **state)
{
	struct mk_elf elf = {.machine = EM_AARCH64, .loads = {{.gpa = 0, .size = pages}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_OTHER);
	assert_warns(image.vm, "machine 183, which is not x86");
	assert_memory(image.vm, 0, pages, 0);
	image_close(&image);
}

static void incomplete(void **state)
{
	struct mk_elf elf = {.flags = 1, .loads = {{.gpa = 0, .size = pages}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_warns(image.vm, "incomplete: makedumpfile ran out of space");
	image_close(&image);
}

/* ---- what does not -------------------------------------------------------------------------- */

static void refused(void **state)
{
	static const struct {
		struct mk_elf elf;
		enum vmi_status status;
		const char *words;
	} cases[] = {
		{{.type = ET_EXEC}, VMI_ERR_CORRUPT, "an ELF file of type 2, not a core"},
		{{.data = ELFDATA2MSB}, VMI_ERR_UNSUPPORTED, "big-endian"},
		{{.data = 7}, VMI_ERR_CORRUPT, "byte order is 7"},
		{{.phentsize = 55}, VMI_ERR_CORRUPT, "program headers are of 55 bytes, not 56"},
		{{.phentsize = 56, .class = 32}, VMI_ERR_CORRUPT, "of 56 bytes, not 32"},
		{{.phoff = UINT64_MAX - 55}, VMI_ERR_CORRUPT, "end past the end of the file"},
		{{.phoff = 1 << 20}, VMI_ERR_CORRUPT, "end past the end of the file"},
		{{.xnum = true, .xnum_count = UINT32_MAX},
		 VMI_ERR_CORRUPT,
		 "its 4294967295 program headers at file offset 0x40 end past"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mk_elf elf = cases[i].elf;
		elf.loads[0] = (struct mk_load){.gpa = 0, .size = pages};
		assert_refused(&elf, cases[i].status, cases[i].words);
	}
}

static void without_memory(void **state)
{
	struct mk_elf none = {.tail = 8192};
	struct mk_elf notes = {.notes = {{"CORE", 9, "desc", 4, false, 0}}, .tail = 8192};

	(void)state;
	assert_refused(&none, VMI_ERR_CORRUPT, "no program headers, thus no memory");
	assert_refused(&notes, VMI_ERR_CORRUPT, "no PT_LOAD segment, thus no memory");
}

static void virtual_only(void **state)
{
	const uint64_t kernel = UINT64_C(0xffffffff81000000);
	struct mk_elf none = {.loads = {{.gpa = UINT64_MAX, .size = pages, .vaddr = kernel}}};
	struct mk_elf none32 = {.class = 32, .loads = {{.gpa = UINT32_MAX, .size = pages}}};
	struct mk_elf zero = {
		.loads = {{.size = pages, .vaddr = kernel}, {.size = PAGE, .vaddr = 1 << 20}}};

	(void)state;
	assert_refused(&none, VMI_ERR_UNSUPPORTED, "holds virtual addresses only");
	assert_refused(&none32, VMI_ERR_UNSUPPORTED, "holds virtual addresses only");
	assert_refused(&zero, VMI_ERR_UNSUPPORTED, "holds virtual addresses only");
}

/* However short the file is, it is refused in words or gives no byte that it does not hold. */
static void cut_anywhere(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = pages}, {.gpa = pages, .size = pages}}};
	size_t size;
	uint8_t *whole = mk_elf(&elf, &size);

	(void)state;
	for (size_t len = 4; len < size; len += len < 300 ? 1 : 777) {
		struct vmi_error err = {0};
		struct vmi *vm = NULL;
		uint8_t *bytes = malloc(len); /* of its own, so that a sanitizer sees its end */
		assert_non_null(bytes);
		memcpy(bytes, whole, len);
		enum vmi_status st = vmi_open_memory(&vm, bytes, len, NULL, &err);
		if (len <= 176) {
			assert_true(st == VMI_ERR_CORRUPT || st == VMI_ERR_IO);
			assert_non_null(strstr(err.text, "(memory): it"));
		} else {
			assert_int_equal(st, VMI_OK);
			assert_memory(vm, 0, len - 176, 0);
			assert_warns(vm, "cut off");
		}
		vmi_close(vm);
		free(bytes);
	}
	free(whole);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void assert_state(struct vmi *vm, vmi_gfn gfn, const char *name)
{
	enum vmi_page_state page;
	struct vmi_error err;

	assert_int_equal(vmi_page_state(vm, gfn, &page, &err), VMI_OK);
	assert_string_equal(vmi_page_state_name(page), name);
}

static void assert_absent(struct vmi *vm, vmi_gpa from, vmi_gpa gpa, uint64_t size,
			  enum vmi_run_kind kind)
{
	struct vmi_run run;
	struct vmi_error err;

	assert_int_equal(vmi_absent_next(vm, from, &run, &err), VMI_OK);
	assert_int_equal(run.gpa, gpa);
	assert_int_equal(run.size, size);
	assert_int_equal(run.kind, kind);
	assert_int_equal(vmi_absent_next(vm, gpa + size, &run, &err), VMI_END);
}

static void truncated(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = pages}}, .cut = PAGE + 100};
	struct image image = image_open(&elf);

	(void)state;
	assert_warns(image.vm, "0x1064 bytes from gpa 0x2f9c on are cut off");
	assert_runs(image.vm, "0+2f9c");
	assert_memory(image.vm, 0, 0x2f9c, 0);
	assert_unreadable(image.vm, 0x3000, "gfn 0x3 was cut off: the file ends at 0x3014");
	assert_int_equal(vmi_info(image.vm)->max_gfn, 3);
	assert_state(image.vm, 1, "saved");
	assert_state(image.vm, 2, "saved"); /* in part */
	assert_state(image.vm, 3, "cut");
	assert_state(image.vm, 4, "hole");
	assert_absent(image.vm, 0, 0x2f9c, 0x1064, VMI_RUN_CUT);
	image_close(&image);
}

static void left_out(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = PAGE, .more = 3 * PAGE},
				       {.gpa = 0x3000, .size = PAGE}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_runs(image.vm, "0+1000 3000+1000");
	assert_unreadable(image.vm, 0x1000, "gfn 0x1 was left out by the dumper");
	assert_memory(image.vm, 0x3000, PAGE, 0); /* held by one, left out by another */
	assert_state(image.vm, 0, "saved");
	assert_state(image.vm, 2, "excluded");
	assert_state(image.vm, 9, "hole");
	assert_absent(image.vm, 0x1800, 0x1800, 0x1800, VMI_RUN_EXCLUDED);
	assert_no_warning(image.vm);
	image_close(&image);
}

static void pages_in_pieces(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = 0x1801},
				       {.gpa = 0x1801, .size = 0x7ff},
				       {.gpa = 0x2ff0, .size = 0x20},
				       {.gpa = 0x5001, .size = 1}}};
	struct image image = image_open(&elf);
	struct vmi_error err = {0};
	struct vmi_page page;
	uint8_t buf[64];
	size_t done;

	(void)state;
	/* the neighbours touch in memory and in the file: one run, and pages without a copy */
	assert_runs(image.vm, "0+2000 2ff0+20 5001+1");
	assert_int_equal(vmi_page_get(image.vm, 1, &page, &err), VMI_OK);
	assert_null(page.known);
	vmi_page_put(image.vm, &page);

	assert_int_equal(vmi_page_get(image.vm, 5, &page, &err), VMI_OK);
	assert_non_null(page.known);
	assert_int_equal(page.known[0], 2);
	for (unsigned i = 1; i < PAGE / 64; i++)
		assert_int_equal(page.known[i], 0);
	assert_int_equal(page.data[1], mk_byte(0x5001, 0));
	vmi_page_put(image.vm, &page);

	assert_memory(image.vm, 0x2ff0, 0x20, 0);
	assert_int_equal(vmi_read_bytes(image.vm, NULL, 0x2ff8, buf, sizeof(buf), &done, &err),
			 VMI_ERR_NOT_SAVED);
	assert_int_equal(done, 0x18);
	image_close(&image);
}

/* A page of which one byte is missing, at either end, is no whole page. */
static void one_byte_short(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = 0x1fff}, {.gpa = 0x3001, .size = 0xfff}}};
	struct image image = image_open(&elf);
	struct vmi_error err = {0};
	struct vmi_page page;

	(void)state;
	assert_int_equal(vmi_page_get(image.vm, 1, &page, &err), VMI_OK);
	assert_non_null(page.known);
	assert_int_equal(page.known[63], UINT64_MAX >> 1);
	vmi_page_put(image.vm, &page);
	assert_int_equal(vmi_page_get(image.vm, 3, &page, &err), VMI_OK);
	assert_non_null(page.known);
	assert_int_equal(page.known[0], UINT64_MAX << 1);
	vmi_page_put(image.vm, &page);
	assert_unreadable(image.vm, 0x2000, "no memory at gfn 0x2");
	image_close(&image);
}

/* Neighbours in memory that are none in the file: a page is stitched, whole. */
static void stitched(void **state)
{
	struct mk_elf elf = {
		.loads = {{.gpa = 0x1234, .size = 0x3000 - 0x1234}, {.gpa = 0, .size = 0x1234}}};
	struct image image = image_open(&elf);
	struct vmi_error err = {0};
	struct vmi_page page;

	(void)state;
	assert_runs(image.vm, "0+3000");
	assert_int_equal(vmi_page_get(image.vm, 1, &page, &err), VMI_OK);
	assert_null(page.known);
	for (unsigned i = 0; i < PAGE; i++)
		assert_int_equal(page.data[i], mk_byte(PAGE + i, 0));
	vmi_page_put(image.vm, &page);
	assert_memory(image.vm, 0, 0x3000, 0);
	image_close(&image);
}

static void aliases(void **state)
{
	/* the kernel's text a second time, at the same place of the file */
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = pages},
				       {.gpa = 0x1000, .size = PAGE, .offset = 176 + 0x1000}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_runs(image.vm, "0+4000");
	assert_memory(image.vm, 0, pages, 0);
	assert_no_warning(image.vm);
	image_close(&image);
}

static void overlaps(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0x1000, .size = PAGE, .salt = 0x1111111100000000},
				       {.gpa = 0, .size = pages},
				       {.gpa = 0x3800, .size = PAGE, .salt = 0x2222222200000000},
				       {.gpa = 0x2100, .size = 0x10, .salt = 0x3333333300000000}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_warns(image.vm, "segments overlap and differ: 3, the first at gpa 0x0");
	assert_runs(image.vm, "0+4800");
	assert_memory(image.vm, 0, PAGE, 0);
	assert_memory(image.vm, 0x1000, PAGE, 0x1111111100000000);
	assert_memory(image.vm, 0x2000, 2 * PAGE, 0);
	assert_memory(image.vm, 0x4000, 0x800, 0x2222222200000000);
	image_close(&image);
}

static void skipped_by_qemu(void **state)
{
	struct mk_elf elf = {
		.loads = {{.gpa = 0, .size = pages},
			  {.gpa = 0x8000, .size = 0x2000, .more = 0, .offset = UINT64_MAX},
			  {.gpa = 0x20000, .more = 0x1000, .offset = UINT64_MAX}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_runs(image.vm, "0+4000");
	assert_unreadable(image.vm, 0x8000, "gfn 0x8 was left out by the dumper");
	assert_unreadable(image.vm, 0x20000, "gfn 0x20 was left out by the dumper");
	image_close(&image);
}

static void beyond_the_address_space(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = PAGE},
				       {.gpa = UINT64_MAX - 0xfff, .size = 0x2000},
				       {.gpa = (UINT64_C(1) << 52) - PAGE, .size = 0x2000},
				       {.gpa = 0x10000, .size = UINT64_C(1) << 63, .offset = 64}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_warns(image.vm, "beyond the 52 address bits of x86: 3 of the segments");
	assert_memory(image.vm, (UINT64_C(1) << 52) - PAGE, PAGE, 0);
	assert_unreadable(image.vm, UINT64_C(1) << 52, "gfn 0x10000000000 is");
	assert_unreadable(image.vm, UINT64_MAX - 1, "gfn 0xfffffffffffff is");
	assert_unreadable(image.vm, UINT64_C(1) << 40, "gfn 0x10000000 was cut off");
	image_close(&image);
}

static void offset_wraps(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0x10000, .size = PAGE},
				       {.gpa = 0, .size = 0x2000, .offset = UINT64_MAX - 0xfff}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_unreadable(image.vm, 0, "gfn 0x0 was cut off");
	assert_unreadable(image.vm, 0x1000, "gfn 0x1 was cut off");
	image_close(&image);
}

static void many_segments(void **state)
{
	enum { COUNT = 1000 };
	struct mk_load *many = calloc(COUNT + 1, sizeof(*many));
	struct mk_elf elf = {.many = many};

	(void)state;
	assert_non_null(many);
	for (unsigned i = 0; i < COUNT; i++) /* 7 is no divisor of 1000: all, out of order */
		many[i] = (struct mk_load){.gpa = (i * 7 % COUNT) * 0x3000 + 0x800, .size = 0x1800};
	struct image image = image_open(&elf);
	for (unsigned i = 0; i < COUNT; i++) {
		struct vmi_run run;
		assert_memory(image.vm, i * 0x3000 + 0x800, 0x1800, 0);
		assert_unreadable(image.vm, i * 0x3000 + 0x2000, "no memory at gfn");
		assert_int_equal(vmi_run_next(image.vm, i * 0x3000 + 0x1000, &run, NULL), VMI_OK);
		assert_int_equal(run.gpa, i * 0x3000 + 0x1000);
		assert_int_equal(run.size, 0x1000);
	}
	assert_int_equal(vmi_info(image.vm)->memory_bytes, COUNT * 0x1800);
	image_close(&image);
	free(many);
}

/* ---- QEMU with paging=on -------------------------------------------------------------------- */

static struct mk_note qemu_note(void)
{
	static uint8_t desc[MK_QEMU];

	mk_qemu(desc, 0x00af9b00, VMI_CR0_PE | VMI_CR0_PG, VMI_CR4_PAE);
	return (struct mk_note){"QEMU", 0, desc, sizeof(desc), false, 0};
}

static void unmapped_recovered(void **state)
{
	/* 0 to 0x8000 and 0x100000 on; named are 0x1000, 0x4000 (twice), 0x101000 and 0x103000 */
	struct mk_elf elf = {.tables_first = true,
			     .section = ".data",
			     .notes = {qemu_note()},
			     .loads = {{.gpa = 0, .size = 0x1000, .unnamed = true},
				       {.gpa = 0x1000, .size = 0x1000, .vaddr = 0x7000},
				       {.gpa = 0x2000, .size = 0x2000, .unnamed = true},
				       {.gpa = 0x4000, .size = 0x1000, .vaddr = 0x9000},
				       {.gpa = 0x5000, .size = 0x3000, .unnamed = true},
				       {.gpa = 0x101000, .size = 0x1000, .vaddr = 0xa000},
				       {.gpa = 0x102000, .size = 0x1000, .unnamed = true},
				       {.gpa = 0x103000, .size = 0x1000, .vaddr = 0xb000}},
			     .tail = 0x2000};
	struct image image = image_open(&elf);

	(void)state;
	assert_string_equal(vmi_info(image.vm)->format, "elf-qemu");
	assert_runs(image.vm, "0+5000 101000+3000");
	assert_memory(image.vm, 0, 0x5000, 0);
	assert_memory(image.vm, 0x101000, 0x3000, 0);
	assert_unreadable(image.vm, 0x5000, "no memory at gfn 0x5");
	assert_warns(image.vm, "0x5000 bytes of memory are in the file but no segment says");
	image_close(&image);
}

/* Without QEMU's notes a gap in the file proves nothing. */
static void gaps_of_others(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = 0x1000, .unnamed = true},
				       {.gpa = 0x1000, .size = 0x1000},
				       {.gpa = 0x2000, .size = 0x2000, .unnamed = true},
				       {.gpa = 0x4000, .size = 0x1000}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_runs(image.vm, "1000+1000 4000+1000");
	assert_no_warning(image.vm);
	image_close(&image);
}

/* The first stretch does not lead to gpa 0 where the notes end: then the head is nobody's. */
static void head_not_at_zero(void **state)
{
	struct mk_elf elf = {.notes = {qemu_note()},
			     .loads = {{.gpa = 0x10000, .size = 0x1000, .unnamed = true},
				       {.gpa = 0x11000, .size = 0x1000}}};
	struct image image = image_open(&elf);

	(void)state;
	assert_runs(image.vm, "11000+1000");
	assert_warns(image.vm, "0x1000 bytes of memory are in the file");
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_core),
		cmocka_unit_test(odd_but_right),
		cmocka_unit_test(other_machine),
		cmocka_unit_test(incomplete),
		cmocka_unit_test(refused),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(virtual_only),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(truncated),
		cmocka_unit_test(left_out),
		cmocka_unit_test(pages_in_pieces),
		cmocka_unit_test(one_byte_short),
		cmocka_unit_test(stitched),
		cmocka_unit_test(aliases),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(skipped_by_qemu),
		cmocka_unit_test(beyond_the_address_space),
		cmocka_unit_test(offset_wraps),
		cmocka_unit_test(many_segments),
		cmocka_unit_test(unmapped_recovered),
		cmocka_unit_test(gaps_of_others),
		cmocka_unit_test(head_not_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
