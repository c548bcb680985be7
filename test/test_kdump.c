/* SPDX-License-Identifier: MIT */
/* kdump-compressed dumps: headers of all versions, codecs, states of pages, notes. */

#include <elf.h>

#include "kdump_image.h"

static const char *const codec_names[] = {"zlib", "lzo", "snappy", "zstd"};

static void assert_kdump_refused(const struct mk_kdump *kdump, enum vmi_status status,
				 const char *words)
{
	size_t size;
	uint8_t *bytes = mk_kdump(kdump, &size);

	assert_bytes_refused(bytes, size, status, words);
}

/* ---- headers -------------------------------------------------------------------------------- */

static void versions(void **state)
{
	static const char pages[] = "rz.rxrrrzz.r";

	(void)state;
	for (int version = 0; version <= 7; version++) {
		for (unsigned narrow = 0; narrow <= 1; narrow++) {
			struct image image =
				open_kdump(&(struct mk_kdump){.version = version,
							      .version_0 = !version,
							      .narrow = narrow,
							      .machine = narrow ? "i686" : NULL,
							      .pages = pages});
			assert_held_pages(image.vm, pages);
			assert_string_equal(vmi_info(image.vm)->format, "kdump");
			assert_int_equal(vmi_info(image.vm)->machine,
					 narrow ? VMI_MACHINE_X86 : VMI_MACHINE_X86_64);
			assert_int_equal(vmi_info(image.vm)->max_gfn, 11);
			assert_int_equal(vmi_info(image.vm)->memory_bytes, 9 * PAGE);
			assert_false(vmi_info(image.vm)->capabilities & VMI_CAP_QUERY_REGISTERS);
			if (version == 7)
				assert_warns(image.vm, "version 7 is newer");
			else
				assert_no_warning(image.vm);
			image_close(&image);
		}
	}
}

static void diskdump(void **state)
{
	(void)state;
	struct image image = open_kdump(
		&(struct mk_kdump){.signature = "DISKDUMP", .version = 6, .pages = "rr.xr"});
	assert_held_pages(image.vm, "rr.xr");
	image_close(&image);
}

/* Where there is one bitmap, what it does not have is a hole or left out: nobody knows. */
static void one_bitmap(void **state)
{
	(void)state;
	struct image image = open_kdump(&(struct mk_kdump){
		.version = 1, .one_bitmap = true, .max_mapnr = 20000, .pages = "rrxr"});
	assert_held_pages(image.vm, "rrxr");
	assert_state(image.vm, 2, VMI_PAGE_HOLE);
	assert_state(image.vm, 19999, VMI_PAGE_HOLE);
	image_close(&image);
}

static void bad_headers(void **state)
{
	const struct mk_kdump good = {.pages = "rr"};
	struct mk_kdump k = good;

	(void)state;
	k.block = 65536;
	assert_kdump_refused(&k, VMI_ERR_UNSUPPORTED, "pages are of 65536 bytes");
	k.block = __builtin_bswap32(4096);
	assert_kdump_refused(&k, VMI_ERR_UNSUPPORTED, "big-endian");
	k.block = 12345;
	assert_kdump_refused(&k, VMI_ERR_CORRUPT, "header makes no sense");
	k = good;
	k.sub_blocks = 0xffffffff;
	assert_kdump_refused(&k, VMI_ERR_CORRUPT, "header makes no sense");
	k.sub_blocks = 0x7fffffff;
	assert_kdump_refused(&k, VMI_ERR_CORRUPT, "inside its bitmap of");
	k = good;
	k.bitmap_blocks = 0x7ffffffe;
	assert_kdump_refused(&k, VMI_ERR_CORRUPT, "inside its bitmap of");
	k = good;
	k.max_mapnr_64 = UINT64_C(1) << 63;
	k.cut = 0;
	struct image image = open_kdump(&k);
	assert_warns(image.vm, "max_mapnr 0x8000000000000000 is more pages than its bitmaps have");
	assert_held_pages(image.vm, "rr");
	image_close(&image);
	k = good;
	k.split = true;
	k.first = 2;
	k.end = 1;
	assert_kdump_refused(&k, VMI_ERR_CORRUPT, "impossible gfns");
	for (size_t cut = 8; cut < 3 * PAGE; cut += 1000) {
		k = good;
		k.cut = 4 * PAGE + 2 * 24 + 2 * PAGE - cut; /* keeps `cut` bytes */
		assert_kdump_refused(&k, VMI_ERR_CORRUPT, "end");
	}
}

/* ---- pages ---------------------------------------------------------------------------------- */

static void codecs(void **state)
{
	static const char pages[] = "ccrzcc.cxzczzc";
	unsigned built = 0;

	(void)state;
	for (unsigned i = 0; i < CODECS; i++) {
		struct mk_kdump k = {.pages = pages, .flags = codec_flags[i]};
		size_t size;
		uint8_t *bytes = mk_kdump(&k, &size);

		if (!bytes)
			continue;
		struct vmi_error err = {0};
		struct vmi *vm;
		if (vmi_open_memory(&vm, bytes, size, NULL, &err))
			fail_with(codec_names[i], &err);
		assert_held_pages(vm, pages);
		assert_no_warning(vm);
		vmi_close(vm);
		free(bytes);
		built++;
	}
	if (!built)
		skip();
}

/* A codec that is not in this build is named at once, with what to do. */
static void missing_codecs(void **state)
{
	static const uint8_t packed[100] = {1};

	(void)state;
	for (unsigned i = 0; i < CODECS; i++) {
		const struct mk_desc lie = {
			.gfn = 1, .size = sizeof(packed), .flags = codec_flags[i], .bytes = packed};
		struct mk_kdump k = {.pages = "rr", .lie = &lie};
		struct mk_kdump real = {.pages = "c", .flags = codec_flags[i]};
		size_t size;
		uint8_t *bytes = mk_kdump(&real, &size);

		if (!bytes)
			assert_kdump_refused(&k, VMI_ERR_UNSUPPORTED, codec_names[i]);
		free(bytes);
	}
}

static void damaged_pages(void **state)
{
	static uint8_t noise[3000];

	(void)state;
	for (unsigned i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * i >> 3 ^ i);
	for (unsigned i = 0; i < CODECS; i++) {
		const struct mk_desc lie = {
			.gfn = 2, .size = sizeof(noise), .flags = codec_flags[i], .bytes = noise};
		struct mk_kdump k = {.pages = "crcr", .flags = codec_flags[i], .lie = &lie};
		size_t size;
		uint8_t *bytes = mk_kdump(&k, &size);
		struct vmi *vm;

		if (!bytes)
			continue;
		if (vmi_open_memory(&vm, bytes, size, NULL, NULL))
			fail_msg("%s: cannot be opened", codec_names[i]);
		assert_page_fails(vm, 2, VMI_ERR_CORRUPT, codec_names[i]);
		assert_page_fails(vm, 2, VMI_ERR_CORRUPT, "gfn 0x2 at file offset 0x");
		assert_state(vm, 2, VMI_PAGE_CORRUPT);
		assert_page(vm, "crcr", 0);
		assert_page(vm, "crcr", 3);
		vmi_close(vm);
		free(bytes);
	}
}

/* Descriptors that lie about one page leave the others alone. */
static void lying_descriptors(void **state)
{
	static const struct {
		struct mk_desc lie;
		enum vmi_status status;
		const char *words;
		enum vmi_page_state state;
	} cases[] = {
		{{2, 0, 0, 0, NULL}, VMI_ERR_CORRUPT, "gives it 0x0 bytes", VMI_PAGE_CORRUPT},
		{{2, 0, 4095, 0, NULL}, VMI_ERR_CORRUPT, "gives it 0xfff", VMI_PAGE_CORRUPT},
		{{2, 0, 100, 3, NULL}, VMI_ERR_CORRUPT, "flags 0x3", VMI_PAGE_CORRUPT},
		{{2, 0, 100, 64, NULL}, VMI_ERR_CORRUPT, "flags 0x40", VMI_PAGE_CORRUPT},
		{{2, 0x10000000, 4096, 0, NULL}, VMI_ERR_NOT_SAVED, "cut off", VMI_PAGE_CUT},
		{{2, UINT64_MAX, 4096, 0, NULL}, VMI_ERR_NOT_SAVED, "cut off", VMI_PAGE_CUT},
		{{2, UINT64_MAX - 4094, 4096, 0, NULL}, VMI_ERR_NOT_SAVED, "cut", VMI_PAGE_CUT},
		{{2, 1, UINT32_MAX, 0, NULL}, VMI_ERR_NOT_SAVED, "cut off", VMI_PAGE_CUT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image image =
			open_kdump(&(struct mk_kdump){.pages = "rrrr", .lie = &cases[i].lie});
		assert_page_fails(image.vm, 2, cases[i].status, cases[i].words);
		assert_state(image.vm, 2, cases[i].state);
		assert_page(image.vm, "rrrr", 1);
		assert_page(image.vm, "rrrr", 3);
		image_close(&image);
	}
}

static void absent_pages(void **state)
{
	static const char pages[] = "r.xxrzzr.xs";
	static const struct {
		uint64_t gfn, count;
	} excluded[] = {{2, 2}, {9, 1}};
	struct vmi_run run;
	vmi_gpa at = 0;

	(void)state;
	struct image image = open_kdump(&(struct mk_kdump){.pages = pages, .dump_level = 31});
	assert_page_fails(image.vm, 1, VMI_ERR_NOT_SAVED, "no memory at gfn 0x1");
	assert_page_fails(image.vm, 3, VMI_ERR_NOT_SAVED, "left out by the dumper (dump level 31)");
	assert_page_fails(image.vm, 11, VMI_ERR_NOT_SAVED, "no memory at gfn 0xb");
	assert_page_fails(image.vm, 1 << 30, VMI_ERR_NOT_SAVED, "no memory at gfn");
	assert_runs(image.vm, "0+1000 4000+1000 5000+2000z 7000+1000 a000+1000");
	assert_state(image.vm, 0, VMI_PAGE_SAVED);
	assert_state(image.vm, 1, VMI_PAGE_HOLE);
	assert_state(image.vm, 2, VMI_PAGE_EXCLUDED);
	assert_state(image.vm, 5, VMI_PAGE_ZERO);
	assert_state(image.vm, 8, VMI_PAGE_HOLE);
	assert_state(image.vm, 1 << 20, VMI_PAGE_HOLE);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(vmi_absent_next(image.vm, at, &run, NULL), VMI_OK);
		assert_int_equal(run.kind, VMI_RUN_EXCLUDED);
		assert_int_equal(run.gpa, excluded[i].gfn * PAGE);
		assert_int_equal(run.size, excluded[i].count * PAGE);
		at = run.gpa + run.size;
	}
	assert_int_equal(vmi_absent_next(image.vm, at, &run, NULL), VMI_END);
	/* from the middle of a page */
	assert_int_equal(vmi_run_next(image.vm, 0x4010, &run, NULL), VMI_OK);
	assert_int_equal(run.gpa, 0x4010);
	assert_int_equal(run.size, PAGE - 0x10);
	image_close(&image);
}

/* Who wrote it ran out of space, and said so: what is missing is lost, not left out. */
static void incomplete(void **state)
{
	struct vmi_run run;

	(void)state;
	struct image image = open_kdump(&(struct mk_kdump){.pages = "rrl.llr", .status = 8});
	assert_warns(image.vm, "incomplete");
	assert_page_fails(image.vm, 2, VMI_ERR_NOT_SAVED, "was lost: the dump is incomplete");
	assert_state(image.vm, 2, VMI_PAGE_CUT);
	assert_state(image.vm, 3, VMI_PAGE_HOLE);
	assert_state(image.vm, 6, VMI_PAGE_SAVED);
	assert_runs(image.vm, "0+2000 6000+1000");
	assert_int_equal(vmi_info(image.vm)->memory_bytes, 3 * PAGE);
	assert_int_equal(vmi_absent_next(image.vm, 0, &run, NULL), VMI_OK);
	assert_int_equal(run.gpa, 2 * PAGE);
	assert_int_equal(run.size, PAGE);
	assert_int_equal(run.kind, VMI_RUN_CUT);
	assert_int_equal(vmi_absent_next(image.vm, 3 * PAGE, &run, NULL), VMI_OK);
	assert_int_equal(run.gpa, 4 * PAGE);
	assert_int_equal(run.size, 2 * PAGE);
	image_close(&image);
}

/* A file that ends early: in its pages, then in its descriptors. */
static void truncated(void **state)
{
	(void)state;
	struct image image = open_kdump(&(struct mk_kdump){.pages = "rrrr", .cut = PAGE + 1});
	assert_warns(image.vm, "is cut off: it ends at 0x");
	assert_page(image.vm, "rrrr", 1);
	assert_page_fails(image.vm, 2, VMI_ERR_NOT_SAVED, "gfn 0x2 was cut off: the file ends at");
	assert_state(image.vm, 3, VMI_PAGE_CUT);
	assert_runs(image.vm, "0+2000");
	image_close(&image);

	image = open_kdump(&(struct mk_kdump){.pages = "rrrr", .cut = 4 * PAGE + 24 + 1});
	assert_warns(image.vm, "is cut off: it ends at 0x");
	assert_page_fails(image.vm, 0, VMI_ERR_NOT_SAVED, "gfn 0x0 was cut off");
	assert_page_fails(image.vm, 3, VMI_ERR_NOT_SAVED, "gfn 0x3 was cut off");
	assert_state(image.vm, 3, VMI_PAGE_CUT);
	assert_runs(image.vm, "");
	image_close(&image);
}

/* Zeros and other shared blocks are unpacked once: their pages are the same bytes in memory. */
static void shared_blocks(void **state)
{
	struct vmi_page a, b;

	(void)state;
	struct image image = open_kdump(&(struct mk_kdump){.pages = "rzzrss", .flags = 1});
	assert_int_equal(vmi_page_get(image.vm, 1, &a, NULL), VMI_OK);
	assert_int_equal(vmi_page_get(image.vm, 2, &b, NULL), VMI_OK);
	assert_ptr_equal(a.data, b.data);
	vmi_page_put(image.vm, &a);
	vmi_page_put(image.vm, &b);
	assert_held_pages(image.vm, "rzzrss");
	image_close(&image);

	image = open_kdump(&(struct mk_kdump){.pages = "cscs", .flags = 1});
	assert_int_equal(vmi_page_get(image.vm, 2, &a, NULL), VMI_OK);
	assert_int_equal(vmi_page_get(image.vm, 3, &b, NULL), VMI_OK);
	assert_ptr_equal(a.data, b.data);
	assert_page(image.vm, "cscs", 1);
	vmi_page_put(image.vm, &a);
	vmi_page_put(image.vm, &b);
	image_close(&image);
}

/* The same read in one go, which does not go by pins. */
static void assert_read_as_pinned(struct vmi *vm, unsigned pages)
{
	uint8_t all[8 * PAGE];
	struct vmi_error err = {0};
	struct vmi_page page;

	if (vmi_read_bytes(vm, NULL, 0, all, pages * PAGE, NULL, &err))
		fail_with("reading", &err);
	for (unsigned gfn = 0; gfn < pages; gfn++) {
		assert_int_equal(vmi_page_get(vm, gfn, &page, NULL), VMI_OK);
		assert_memory_equal(all + gfn * PAGE, page.data, PAGE);
		vmi_page_put(vm, &page);
	}
}

/* Blocks of the same few bytes are unpacked once, too, wherever they lie. */
static void equal_blocks(void **state)
{
	static const char pages[] = "ucucszru";
	struct vmi_page a, b;

	(void)state;
	for (unsigned i = 0; i < CODECS; i++) {
		struct image image =
			open_kdump(&(struct mk_kdump){.pages = pages, .flags = codec_flags[i]});
		assert_int_equal(vmi_page_get(image.vm, 0, &a, NULL), VMI_OK);
		assert_int_equal(vmi_page_get(image.vm, 7, &b, NULL), VMI_OK);
		assert_ptr_equal(a.data, b.data);
		vmi_page_put(image.vm, &a);
		vmi_page_put(image.vm, &b);
		assert_held_pages(image.vm, pages);
		image_close(&image);

		image = open_kdump(&(struct mk_kdump){.pages = pages, .flags = codec_flags[i]});
		for (unsigned round = 0; round < 3; round++) {
			assert_read_as_pinned(image.vm, sizeof(pages) - 1);
			vmi_page_cache_flush(image.vm);
		}
		image_close(&image);
	}
}

/* What cannot be unpacked fails alike when all of a page is read. */
static void whole_page_fails(void **state)
{
	static const uint8_t junk[64] = {1, 2, 3};
	struct mk_desc lie = {.gfn = 1, .size = sizeof(junk), .flags = 1, .bytes = junk};
	uint8_t all[3 * PAGE];
	struct vmi_error err = {0};
	size_t done;

	(void)state;
	struct image image =
		open_kdump(&(struct mk_kdump){.pages = "ccc", .flags = 1, .lie = &lie});
	for (unsigned round = 0; round < 3; round++) {
		assert_says(vmi_read_bytes(image.vm, NULL, 0, all, sizeof(all), &done, &err),
			    VMI_ERR_CORRUPT, "reading gpa 0x1000: gfn 0x1 at file offset 0x", &err);
		assert_int_equal(done, PAGE);
	}
	image_close(&image);
}

/* The rank of a page counts over many groups of the bitmap, and stretches are long. */
static void many_pages(void **state)
{
	enum { PAGES = 12000 };
	static char pages[PAGES + 1];

	(void)state;
	for (unsigned i = 0; i < PAGES; i++)
		pages[i] = i % 37 == 5 ? 'x' : i % 11 == 3 ? '.' : i % 1000 == 7 ? 'r' : 'z';
	struct image image = open_kdump(&(struct mk_kdump){.pages = pages});
	assert_held_pages(image.vm, pages);
	for (unsigned i = 0; i < PAGES; i += 7)
		assert_state(image.vm, i,
			     pages[i] == 'x'   ? VMI_PAGE_EXCLUDED
			     : pages[i] == '.' ? VMI_PAGE_HOLE
			     : pages[i] == 'r' ? VMI_PAGE_SAVED
					       : VMI_PAGE_ZERO);
	image_close(&image);
}

/* ---- notes ---------------------------------------------------------------------------------- */

static void registers(void **state)
{
	static const char text[] = "OSRELEASE=6.1.0-test\nCRASHTIME=1\n";
	uint8_t prstatus[MK_PRSTATUS64], qemu[MK_QEMU];
	struct vmi_registers regs;
	size_t len;

	(void)state;
	mk_prstatus64(prstatus, 0x10, 0);
	mk_qemu(qemu, 0x00af9b00, VMI_CR0_PE | VMI_CR0_PG, VMI_CR4_PAE);
	for (unsigned narrow = 0; narrow <= 1; narrow++) {
		struct image image = open_kdump(&(struct mk_kdump){
			.pages = "rr",
			.narrow = narrow,
			.notes = {{"CORE", NT_PRSTATUS, prstatus, sizeof(prstatus), false, 0},
				  {"QEMU", 0, qemu, sizeof(qemu), false, 0},
				  {"VMCOREINFO", 0, text, sizeof(text), false, 0}}});
		assert_no_warning(image.vm);
		assert_int_equal(vmi_info(image.vm)->vcpus, 1);
		assert_int_equal(vmi_registers_get(image.vm, 0, &regs, NULL), VMI_OK);
		assert_string_equal(regs.source, "qemu-note");
		assert_int_equal(regs.value[VMI_CR3], mk_value("cr3"));
		assert_int_equal(regs.provenance[VMI_LSTAR], VMI_ABSENT);
		const char *got = vmi_vmcoreinfo(image.vm, &len);
		assert_int_equal(len, strlen(text));
		assert_memory_equal(got, text, len);
		image_close(&image);
	}
}

static void vmcoreinfo_alone(void **state)
{
	static const char text[] = "OSRELEASE=6.1.0-test\n";
	size_t len;

	(void)state;
	for (int version = 2; version <= 3; version++) {
		struct image image = open_kdump(
			&(struct mk_kdump){.version = version, .pages = "rr", .vmcoreinfo = text});
		const char *got = vmi_vmcoreinfo(image.vm, &len);
		if (version == 2) {
			assert_null(got);
		} else {
			assert_int_equal(len, strlen(text));
			assert_memory_equal(got, text, len);
		}
		image_close(&image);
	}
}

static void erased(void **state)
{
	(void)state;
	struct image image = open_kdump(&(struct mk_kdump){.pages = "rr", .erased = 20});
	assert_warns(image.vm, "was told to erase data");
	image_close(&image);
}

/* A guest of 32 bits in a 64-bit file: QEMU's note of the mode decides. */
static void narrow_guest(void **state)
{
	uint8_t prstatus[MK_PRSTATUS32], qemu[MK_QEMU];
	struct vmi_registers regs;

	(void)state;
	mk_prstatus32(prstatus);
	mk_qemu(qemu, 0x00cf9b00, VMI_CR0_PE | VMI_CR0_PG, VMI_CR4_PAE);
	struct image image = open_kdump(&(struct mk_kdump){
		.pages = "rr",
		.notes = {{"CORE", NT_PRSTATUS, prstatus, sizeof(prstatus), false, 0},
			  {"QEMU", 0, qemu, sizeof(qemu), false, 0}}});
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_X86);
	assert_int_equal(vmi_registers_get(image.vm, 0, &regs, NULL), VMI_OK);
	assert_false(regs.value[VMI_EFER] & VMI_EFER_LMA);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),         cmocka_unit_test(diskdump),
		cmocka_unit_test(one_bitmap),       cmocka_unit_test(bad_headers),
		cmocka_unit_test(codecs),           cmocka_unit_test(missing_codecs),
		cmocka_unit_test(damaged_pages),    cmocka_unit_test(lying_descriptors),
		cmocka_unit_test(absent_pages),     cmocka_unit_test(incomplete),
		cmocka_unit_test(truncated),        cmocka_unit_test(shared_blocks),
		cmocka_unit_test(equal_blocks),     cmocka_unit_test(whole_page_fails),
		cmocka_unit_test(many_pages),       cmocka_unit_test(registers),
		cmocka_unit_test(vmcoreinfo_alone), cmocka_unit_test(erased),
		cmocka_unit_test(narrow_guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
