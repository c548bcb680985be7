/* SPDX-License-Identifier: MIT */
/* The Windows driver: each kind of dump, what is missing in it, and registers from both places. */

#include <fcntl.h>
#include <unistd.h>

#include "image.h"
#include "mk_windows.h"

enum { PAGE = VMI_PAGE_SIZE, KERNEL = MK_WINDOWS_PAGES };

static struct image dump_open(const struct mk_windows *windows)
{
	size_t size;
	uint8_t *bytes = mk_windows(windows, &size);

	return image_of(bytes, size);
}

static void dump_refused(const struct mk_windows *windows, enum vmi_status status,
			 const char *words)
{
	size_t size;
	uint8_t *bytes = mk_windows(windows, &size);

	assert_bytes_refused(bytes, size, status, words);
}

static void assert_assumed(const struct vmi_registers *regs, enum vmi_register reg, uint64_t value,
			   const char *why)
{
	assert_int_equal(regs->provenance[reg], VMI_ASSUMED);
	assert_int_equal(regs->value[reg], value);
	assert_non_null(strstr(regs->why[reg], why));
}

/* All of what is absent, as vmi_absent_next() tells it. */
static void assert_absent(struct vmi *vm, const char *expected)
{
	struct vmi_run run;
	char text[256] = "";
	uint64_t at = 0;

	while (!vmi_absent_next(vm, at, &run, NULL)) {
		size_t len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "%s%llx+%llx%s", len ? " " : "",
			 (unsigned long long)run.gpa, (unsigned long long)run.size,
			 run.kind == VMI_RUN_CUT ? "c" : "");
		at = run.gpa + run.size;
	}
	assert_string_equal(text, expected);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void full(void **state)
{
	struct image image = dump_open(&(struct mk_windows){
		.type = 1, .processors = 1, .runs = {{1, 3}, {0x100, 2}, {0x100000, 1}}});
	struct vmi_page page;

	(void)state;
	assert_string_equal(vmi_info(image.vm)->driver, "windows");
	assert_string_equal(vmi_info(image.vm)->format, "windows-full");
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_X86_64);
	assert_int_equal(vmi_info(image.vm)->max_gfn, 0x100000);
	assert_int_equal(vmi_info(image.vm)->memory_bytes, 6 * PAGE);
	assert_runs(image.vm, "1000+3000 100000+2000 100000000+1000");
	assert_absent(image.vm, "");
	assert_memory(image.vm, 0x1000, 0x3000, 0);
	assert_memory(image.vm, 0x100000, 0x2000, 0);
	assert_memory(image.vm, 0x100000000, 0x1000, 0);
	assert_unreadable(image.vm, 0, "no memory at gfn 0x0");
	assert_unreadable(image.vm, 0x102000, "no memory at gfn 0x102");
	assert_int_equal(vmi_page_get(image.vm, 0x101, &page, NULL), VMI_OK);
	assert_ptr_equal(page.data, image.bytes + 0x2000 + 4 * PAGE);
	vmi_page_put(image.vm, &page);
	image_close(&image);
}

static void full_cut(void **state)
{
	struct image image = dump_open(&(struct mk_windows){.type = 1,
							    .processors = 1,
							    .runs = {{0, 4}, {0x10, 4}},
							    .claim_pages = 9,
							    .cut = PAGE + 100});

	(void)state;
	assert_warns(image.vm, "the file ends at 0x8f9c, before its memory does: 0x1064 bytes from "
			       "gpa 0x12f9c on are cut off");
	assert_warns(image.vm, "the runs of memory have 0x8 pages, not 0x9 as the header says");
	assert_memory(image.vm, 0x10000, 0x2f9c, 0);
	assert_unreadable(image.vm, 0x13000, "gfn 0x13 was cut off: the file ends at 0x8f9c");
	assert_absent(image.vm, "12f9c+1064c");
	image_close(&image);
}

/* Bits in several words and blocks, set and clear at their borders. */
static const struct mk_windows sparse = {
	.type = 5,
	.processors = 1,
	.runs = {{0, 0x9f}, {0x100, 0x700}},
	.present = {{1, 0x9e}, {0x100, 1}, {0x13f, 2}, {0x1ff, 2}, {0x3fe, 0x203}, {0x7ff, 1}},
};

static void bitmap(void **state)
{
	struct image image = dump_open(&sparse);
	enum vmi_page_state page_state;
	struct vmi_page page;

	(void)state;
	assert_string_equal(vmi_info(image.vm)->format, "windows-bitmap");
	assert_int_equal(vmi_info(image.vm)->max_gfn, 0x7ff);
	assert_int_equal(vmi_info(image.vm)->memory_bytes, 0x2a7 * PAGE);
	assert_runs(image.vm, "1000+9e000 100000+1000 13f000+2000 1ff000+2000 3fe000+203000 "
			      "7ff000+1000");
	assert_absent(image.vm, "0+1000 101000+3e000 141000+be000 201000+1fd000 601000+1fe000");
	for (unsigned i = 0; i < 6; i++)
		assert_memory(image.vm, sparse.present[i].first * PAGE,
			      sparse.present[i].count * PAGE, 0);
	assert_unreadable(image.vm, 0, "gfn 0x0 was left out by the dumper");
	assert_unreadable(image.vm, 0x9f000, "no memory at gfn 0x9f");
	assert_unreadable(image.vm, 0x800000, "no memory at gfn 0x800");
	assert_int_equal(vmi_page_state(image.vm, 0x101, &page_state, NULL), VMI_OK);
	assert_int_equal(page_state, VMI_PAGE_EXCLUDED);
	assert_int_equal(vmi_page_get(image.vm, 0x13f, &page, NULL), VMI_OK);
	assert_null(page.pin);
	assert_null(page.known);
	vmi_page_put(image.vm, &page);
	image_close(&image);
}

/* The bits need not end with a byte, nor be as many as the runs say. */
static void bitmap_odd(void **state)
{
	struct image image = dump_open(&(struct mk_windows){.type = 6,
							    .processors = 1,
							    .runs = {{0, 100}},
							    .present = {{5, 1}, {60, 13}},
							    .bits = 73});

	(void)state;
	assert_string_equal(vmi_info(image.vm)->format, "windows-kernel");
	assert_runs(image.vm, "5000+1000 3c000+d000");
	assert_absent(image.vm, "0+5000 6000+36000 49000+1b000");
	assert_int_equal(vmi_info(image.vm)->max_gfn, 99);
	assert_memory(image.vm, 72 * PAGE, PAGE, 0);
	image_close(&image);
}

static void bitmap_cut(void **state)
{
	struct mk_windows cut = sparse;

	(void)state;
	cut.type = 2;
	cut.cut = 0x203 * PAGE + 1;
	cut.claim_pages = 1;
	struct image image = dump_open(&cut);
	assert_string_equal(vmi_info(image.vm)->format, "windows-kernel");
	assert_warns(image.vm, "before its memory does: 0x204 pages from gfn 0x3fe on are cut off");
	assert_warns(image.vm, "the bitmap has 0x2a7 pages, not 0x1 as its header says");
	assert_runs(image.vm, "1000+9e000 100000+1000 13f000+2000 1ff000+2000");
	assert_absent(image.vm, "0+1000 101000+3e000 141000+be000 201000+1fd000 3fe000+203000c "
				"601000+1fe000 7ff000+1000c");
	assert_memory(image.vm, 0x1ff000, 2 * PAGE, 0);
	assert_unreadable(image.vm, 0x3fe000, "gfn 0x3fe was cut off");
	assert_unreadable(image.vm, 0x7ff000, "gfn 0x7ff was cut off");
	image_close(&image);
}

static void ranges(void **state)
{
	struct mk_windows windows = {.type = 8,
				     .processors = 1,
				     .runs = {{1, 8}, {0x100, 8}},
				     .present = {{2, 2}, {5, 1}, {0x104, 4}}};
	struct image image = dump_open(&windows);

	(void)state;
	assert_string_equal(vmi_info(image.vm)->format, "windows-ranges");
	assert_runs(image.vm, "2000+2000 5000+1000 104000+4000");
	assert_absent(image.vm, "1000+1000 4000+1000 6000+3000 100000+4000");
	assert_memory(image.vm, 0x2000, 0x2000, 0);
	assert_memory(image.vm, 0x5000, 0x1000, 0);
	assert_memory(image.vm, 0x104000, 0x4000, 0);
	image_close(&image);

	/* frame 0 ends the table of types 8 and 9, and is a page in type 10 */
	windows.present[0] = (struct mk_pages){0, 2};
	windows.type = 10;
	image = dump_open(&windows);
	assert_runs(image.vm, "0+2000 5000+1000 104000+4000");
	assert_memory(image.vm, 0, 0x2000, 0);
	assert_memory(image.vm, 0x104000, 0x4000, 0);
	image_close(&image);
	windows.type = 9;
	dump_refused(&windows, VMI_ERR_CORRUPT, "before any memory");
}

static void from_file(void **state)
{
	const struct vmi_open_options read = {.size = sizeof(read), .flags = VMI_OPEN_NO_MAP};
	char name[] = "/tmp/test_windows.XXXXXX";
	struct mk_windows windows = sparse;
	int fd = mkstemp(name);

	(void)state;
	for (windows.type = 1; windows.type <= 10; windows.type++) {
		struct vmi_error err = {0};
		struct vmi *vm;
		size_t size;
		if (windows.type == 3 || windows.type == 4 || windows.type == 7)
			continue;
		uint8_t *bytes = mk_windows(&windows, &size);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, size, 0), size);
		if (vmi_open(&vm, name, &read, &err))
			fail_with("opening", &err);
		assert_memory(vm, 0x1000, 0x9e000, 0);
		assert_memory(vm, 0x3fe000, 0x203000, 0);
		vmi_close(vm);
		free(bytes);
	}
	close(fd);
	unlink(name);
}

/* ---- registers -------------------------------------------------------------------------- */

static void header_registers(void **state)
{
	struct mk_windows windows = {.type = 1, .processors = 4, .runs = {{0, 4}}, .context = true};
	struct image image = dump_open(&windows);
	struct vmi_registers regs = registers_of(image.vm, 0);

	(void)state;
	assert_int_equal(vmi_info(image.vm)->vcpus, 1);
	assert_warns(image.vm, "registers are those of the header alone");
	assert_string_equal(regs.source, "windows-header");
	assert_known(&regs, VMI_RIP, mk_windows_value("rip", 0));
	assert_known(&regs, VMI_RSP, mk_windows_value("rsp", 0));
	assert_known(&regs, VMI_R15, mk_windows_value("r15", 0));
	assert_known(&regs, VMI_DR7, mk_windows_value("dr7", 0));
	assert_known(&regs, VMI_RFLAGS, 0x246);
	assert_known(&regs, VMI_CS, 0x10);
	assert_known(&regs, VMI_SS, 0x18);
	assert_known(&regs, VMI_GS, 0x2b);
	assert_known(&regs, VMI_CR3, MK_WINDOWS_ROOT | 2);
	assert_assumed(&regs, VMI_EFER, 0xd00, "64-bit Windows");
	assert_false(vmi_register_has(&regs, VMI_CR0));
	assert_false(vmi_register_has(&regs, VMI_CR4));
	assert_false(vmi_register_has(&regs, VMI_LSTAR));
	assert_false(vmi_register_has(&regs, VMI_CS_BASE));
	image_close(&image);

	/* the context says itself what it holds */
	windows.context_flags = 0x100001;
	image = dump_open(&windows);
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_RIP, mk_windows_value("rip", 0));
	assert_false(vmi_register_has(&regs, VMI_RAX));
	assert_false(vmi_register_has(&regs, VMI_DS));
	assert_false(vmi_register_has(&regs, VMI_DR7));
	image_close(&image);

	/* none at all: the tables are still known */
	windows.context = false;
	image = dump_open(&windows);
	regs = registers_of(image.vm, 0);
	assert_false(vmi_register_has(&regs, VMI_RIP));
	assert_known(&regs, VMI_CR3, MK_WINDOWS_ROOT | 2);
	image_close(&image);
}

static const struct mk_windows kernel = {.type = 1,
					 .processors = 3,
					 .bugcheck = 0xe2,
					 .runs = {{0, KERNEL}},
					 .context = true,
					 .kernel = true};

static void memory_registers(void **state)
{
	struct image image = dump_open(&kernel);
	struct vmi_error err = {0};
	struct vmi_space space;
	struct vmi_translation to;

	(void)state;
	assert_no_warning(image.vm);
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	for (unsigned i = 0; i < 3; i++) {
		struct vmi_registers regs = registers_of(image.vm, i);
		assert_string_equal(regs.source, "windows-prcb");
		assert_known(&regs, VMI_RAX, mk_windows_value("rax", i));
		assert_known(&regs, VMI_RIP, mk_windows_value("rip", i));
		assert_known(&regs, VMI_RFLAGS, 0x246 + 0x1000 * i);
		assert_known(&regs, VMI_CR0, 0x80050031);
		assert_known(&regs, VMI_CR2, mk_windows_value("cr2", i));
		assert_known(&regs, VMI_CR3, MK_WINDOWS_ROOT | 2);
		assert_known(&regs, VMI_CR4, 0xef8);
		assert_known(&regs, VMI_CR8, 15);
		assert_known(&regs, VMI_GDTR_BASE, mk_windows_value("gdtr", i));
		assert_known(&regs, VMI_GDTR_LIMIT, 0x57);
		assert_known(&regs, VMI_IDTR_BASE, mk_windows_value("idtr", i));
		assert_known(&regs, VMI_IDTR_LIMIT, 0xfff);
		assert_known(&regs, VMI_TR, 0x40);
		assert_known(&regs, VMI_GS_BASE, mk_windows_value("gsbase", i));
		assert_known(&regs, VMI_KERNEL_GS_BASE, mk_windows_value("gsswap", i));
		assert_known(&regs, VMI_STAR, mk_windows_value("star", i));
		assert_known(&regs, VMI_LSTAR, mk_windows_value("lstar", i));
		assert_known(&regs, VMI_CSTAR, mk_windows_value("cstar", i));
		assert_known(&regs, VMI_SYSCALL_MASK, mk_windows_value("mask", i));
		assert_false(vmi_register_has(&regs, VMI_FS_BASE));
	}
	if (vmi_space_default(image.vm, VMI_MODE_AUTO, &space, NULL, &err) ||
	    vmi_translate(image.vm, &space, MK_WINDOWS_BASE + 0x12345, &to, &err))
		fail_with("translating", &err);
	assert_int_equal(space.mode, VMI_MODE_4LEVEL);
	assert_int_equal(to.gpa, 0x12345);
	image_close(&image);
}

static void five_levels(void **state)
{
	struct mk_windows windows = kernel;
	struct vmi_error err = {0};
	struct vmi_space space;
	struct vmi_translation to;

	(void)state;
	windows.five = true;
	struct image image = dump_open(&windows);
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	if (vmi_space_default(image.vm, VMI_MODE_AUTO, &space, NULL, &err) ||
	    vmi_translate(image.vm, &space, MK_WINDOWS_BASE + 0x5678, &to, &err))
		fail_with("translating", &err);
	assert_int_equal(space.mode, VMI_MODE_5LEVEL);
	assert_int_equal(to.gpa, 0x5678);
	image_close(&image);
}

/* The kernel saves control registers when it stops; a running system's are old. */
static void live(void **state)
{
	struct mk_windows windows = kernel;

	(void)state;
	windows.bugcheck = MK_WINDOWS_LIVE;
	struct image image = dump_open(&windows);
	struct vmi_registers regs = registers_of(image.vm, 1);
	assert_known(&regs, VMI_RIP, mk_windows_value("rip", 1));
	assert_assumed(&regs, VMI_CR0, 0x80050031, "of a running system");
	assert_assumed(&regs, VMI_LSTAR, mk_windows_value("lstar", 1), "of a running system");
	assert_assumed(&regs, VMI_CR3, MK_WINDOWS_ROOT | 2, "the header's tables");
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_CR3, MK_WINDOWS_ROOT | 2);
	image_close(&image);
}

static void parts_missing(void **state)
{
	struct mk_windows windows = kernel;

	(void)state;
	windows.no_special = true;
	struct image image = dump_open(&windows);
	struct vmi_registers regs = registers_of(image.vm, 2);
	assert_known(&regs, VMI_RAX, mk_windows_value("rax", 2));
	assert_assumed(&regs, VMI_CR3, MK_WINDOWS_ROOT | 2, "the header's tables");
	assert_false(vmi_register_has(&regs, VMI_CR0));
	image_close(&image);

	windows.no_special = false;
	windows.no_lstar = true;
	image = dump_open(&windows);
	regs = registers_of(image.vm, 2);
	assert_known(&regs, VMI_CR0, 0x80050031);
	assert_false(vmi_register_has(&regs, VMI_LSTAR));
	assert_false(vmi_register_has(&regs, VMI_GS_BASE));
	image_close(&image);

	/* the context of processor 2 is not in the dump, its special registers are */
	windows = kernel;
	windows.runs[0].count = 13;
	windows.context = false;
	image = dump_open(&windows);
	regs = registers_of(image.vm, 2);
	assert_false(vmi_register_has(&regs, VMI_RAX));
	assert_known(&regs, VMI_CR0, 0x80050031);
	assert_no_warning(image.vm);
	image_close(&image);

	/* nor are those */
	windows.runs[0].count = 10;
	image = dump_open(&windows);
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	regs = registers_of(image.vm, 2);
	assert_false(vmi_register_has(&regs, VMI_CR0));
	assert_warns(image.vm, "1 of the 3 processors have no registers");
	image_close(&image);
}

static void encoded(void **state)
{
	struct mk_windows windows = kernel;

	(void)state;
	windows.encoded = true;
	struct image image = dump_open(&windows);
	assert_int_equal(vmi_info(image.vm)->vcpus, 1);
	assert_warns(image.vm, "or they are encoded: registers are those of the header alone");
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_string_equal(regs.source, "windows-header");
	assert_known(&regs, VMI_RIP, mk_windows_value("rip", 0));
	image_close(&image);
}

/* The header's pointer leads to what is encoded, a driver left another. */
static void copied(void **state)
{
	struct mk_windows windows = kernel;

	(void)state;
	windows.copied = true;
	struct image image = dump_open(&windows);
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	assert_no_warning(image.vm);
	image_close(&image);
}

/* Registers are found in a dump of any type. */
static void kernel_in_bitmap(void **state)
{
	struct mk_windows windows = kernel;

	(void)state;
	windows.type = 6;
	windows.present[0] = (struct mk_pages){1, KERNEL - 2};
	struct image image = dump_open(&windows);
	struct vmi_registers regs = registers_of(image.vm, 2);
	assert_string_equal(regs.source, "windows-prcb");
	assert_known(&regs, VMI_LSTAR, mk_windows_value("lstar", 2));
	image_close(&image);
}

static void other_machine(void **state)
{
	struct image image = dump_open(&(struct mk_windows){
		.type = 1, .machine = 0xaa64, .processors = 1, .runs = {{0, 4}}, .context = true});

	(void)state;
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_OTHER);
	assert_int_equal(vmi_info(image.vm)->capabilities, VMI_CAP_READ);
	assert_warns(image.vm, "of machine 0xaa64, which is not x86-64");
	assert_memory(image.vm, 0, 0x4000, 0);
	image_close(&image);
}

static void odd_counts(void **state)
{
	struct mk_windows windows = kernel;

	(void)state;
	windows.processors = 0x45474150;
	struct image image = dump_open(&windows);
	assert_int_equal(vmi_info(image.vm)->vcpus, 1);
	assert_warns(image.vm, "counts 1162297680 processors");
	image_close(&image);
}

/* ---- refusals --------------------------------------------------------------------------- */

static void refused(void **state)
{
	(void)state;
	dump_refused(&(struct mk_windows){.type = 4}, VMI_ERR_UNSUPPORTED,
		     "a small (triage) dump, which holds a stack and lists but no memory");
	dump_refused(&(struct mk_windows){.type = 0x45474150}, VMI_ERR_CORRUPT,
		     "does not say of what type");
	dump_refused(&(struct mk_windows){.type = 77}, VMI_ERR_UNSUPPORTED, "of type 77");
	dump_refused(&(struct mk_windows){.type = 1}, VMI_ERR_CORRUPT,
		     "its 1162297680 runs of memory are not 1 to 43");
	dump_refused(&(struct mk_windows){.type = 1, .runs = {{0, 1}}, .claim_runs = 44},
		     VMI_ERR_CORRUPT, "its 44 runs of memory");
	dump_refused(&(struct mk_windows){.type = 1, .runs = {{8, 1}, {2, 1}}}, VMI_ERR_CORRUPT,
		     "that ascend");
	dump_refused(&(struct mk_windows){.type = 1, .runs = {{8, 1}}, .cut = PAGE},
		     VMI_ERR_CORRUPT, "it ends at 0x2000, before any memory");
	dump_refused(&(struct mk_windows){.type = 1, .runs = {{8, 1}}, .cut = PAGE + 1},
		     VMI_ERR_CORRUPT, "the header of a Windows dump");
}

static void bitmap_refused(void **state)
{
	struct mk_windows windows = {.type = 5, .present = {{0, 8}}};

	(void)state;
	windows.first_page = 0x2038;
	dump_refused(&windows, VMI_ERR_CORRUPT, "at 0x2038, which is no place behind the bitmap");
	windows.first_page = UINT64_MAX;
	dump_refused(&windows, VMI_ERR_CORRUPT, "no place behind the bitmap");
	windows.first_page = 0;
	windows.claim_bits = UINT64_MAX;
	dump_refused(&windows, VMI_ERR_CORRUPT, "of 0xffffffffffffffff pages");
	windows.claim_bits = UINT64_C(1) << 32;
	dump_refused(&windows, VMI_ERR_CORRUPT, "no place behind the bitmap");
	windows.first_page = 0x9000;
	windows.claim_bits = 1 << 20;
	dump_refused(&windows, VMI_ERR_CORRUPT, "no place behind the bitmap");
	dump_refused(&(struct mk_windows){.type = 5, .bits = 64}, VMI_ERR_CORRUPT,
		     "its bitmap is empty");
	windows.type = 8;
	windows.first_page = 0x2000;
	dump_refused(&windows, VMI_ERR_CORRUPT, "no place behind the headers");
	windows.first_page = 0;
	windows.present[0] = (struct mk_pages){1, 2};
	windows.present[1] = (struct mk_pages){UINT64_C(1) << 40, 0};
	struct image image = dump_open(&windows);
	assert_runs(image.vm, "1000+2000");
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full),
		cmocka_unit_test(full_cut),
		cmocka_unit_test(bitmap),
		cmocka_unit_test(bitmap_odd),
		cmocka_unit_test(bitmap_cut),
		cmocka_unit_test(ranges),
		cmocka_unit_test(from_file),
		cmocka_unit_test(header_registers),
		cmocka_unit_test(memory_registers),
		cmocka_unit_test(five_levels),
		cmocka_unit_test(live),
		cmocka_unit_test(parts_missing),
		cmocka_unit_test(encoded),
		cmocka_unit_test(copied),
		cmocka_unit_test(kernel_in_bitmap),
		cmocka_unit_test(other_machine),
		cmocka_unit_test(odd_counts),
		cmocka_unit_test(refused),
		cmocka_unit_test(bitmap_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
