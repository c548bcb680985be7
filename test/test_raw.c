/* SPDX-License-Identifier: MIT */
/* The raw driver, the refusals of other formats, and images that are files: sparse, not mapped. */

#include <fcntl.h>
#include <unistd.h>

#include "image.h"

enum { PAGE = VMI_PAGE_SIZE };

static const struct vmi_open_options by_name = {.size = sizeof(by_name), .driver = "raw"};

static void flat(void **state)
{
	const size_t size = 16 * PAGE;
	uint8_t *bytes = image_buffer(size);
	struct vmi_error err = {0};
	struct vmi_registers regs;
	struct vmi_page page;
	struct vmi *vm;

	(void)state;
	assert_int_equal(vmi_open_memory(&vm, bytes, size, NULL, &err), VMI_OK);
	const struct vmi_info *info = vmi_info(vm);
	assert_string_equal(info->driver, "raw");
	assert_string_equal(info->format, "raw");
	assert_int_equal(info->max_gfn, 15);
	assert_int_equal(info->memory_bytes, size);
	assert_int_equal(info->capabilities, VMI_CAP_READ);
	assert_runs(vm, "0+10000");
	assert_memory(vm, 0, size, 0);
	assert_unreadable(vm, size, "no memory at gfn 0x10 in this image");
	assert_says(vmi_registers_get(vm, 0, &regs, &err), VMI_ERR_UNSUPPORTED,
		    "the raw driver cannot", &err);

	/* no copy, and all that follows at once */
	assert_int_equal(vmi_page_get(vm, 3, &page, &err), VMI_OK);
	assert_ptr_equal(page.data, bytes + 3 * PAGE);
	assert_int_equal(page.extent, 13 * PAGE);
	assert_null(page.known);
	vmi_page_put(vm, &page);
	vmi_close(vm);
	free(bytes);
}

static void odd_size(void **state)
{
	const size_t size = 2 * PAGE + 100;
	uint8_t *bytes = image_buffer(size);
	struct vmi_error err = {0};
	struct vmi *vm = NULL;
	uint8_t byte;
	struct vmi_page page;

	(void)state;
	assert_says(vmi_open_memory(&vm, bytes, size, NULL, &err), VMI_ERR_UNSUPPORTED,
		    "(memory) is not a whole number of 4 KiB pages and no known format; "
		    "--driver raw reads it as flat memory anyway",
		    &err);
	assert_int_equal(vmi_open_memory(&vm, bytes, size, &by_name, &err), VMI_OK);
	assert_memory(vm, 0, size, 0);
	assert_runs(vm, "0+2064");
	assert_int_equal(vmi_page_get(vm, 2, &page, &err), VMI_OK);
	assert_int_equal(page.known[0], UINT64_MAX);
	assert_int_equal(page.known[1], (UINT64_C(1) << 36) - 1);
	for (unsigned i = 2; i < PAGE / 64; i++)
		assert_int_equal(page.known[i], 0);
	vmi_page_put(vm, &page);
	assert_int_equal(vmi_read_bytes(vm, NULL, size, &byte, 1, NULL, &err), VMI_ERR_NOT_SAVED);
	vmi_close(vm);
	free(bytes);
}

static void one_byte(void **state)
{
	struct vmi_error err = {0};
	struct vmi *vm = NULL;
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(vmi_open_memory(&vm, "x", 1, NULL, &err), VMI_ERR_UNSUPPORTED);
	assert_int_equal(vmi_open_memory(&vm, "x", 1, &by_name, &err), VMI_OK);
	assert_int_equal(vmi_read_bytes(vm, NULL, 0, &byte, 1, NULL, &err), VMI_OK);
	assert_int_equal(byte, 'x');
	vmi_close(vm);
}

static void other_formats(void **state)
{
	static const struct {
		const char *head;
		size_t len;
		const char *words;
	} cases[] = {
		{"PAGEDUMP", 8,
		 "a 32-bit Windows crash dump, which this version cannot read: take"},
		{"hibr", 4, "a Windows hibernation file, which this version cannot read: it is"},
		{"HPAK", 4,
		 "an HPAK file, which this version cannot read: export its memory as raw"},
		{"ZDMP", 4, "a compressed dump of DumpIt"},
		{"MDMP", 4, "a minidump of one Windows process"},
		{"\x14\x20\x28\x01", 4, "a Hyper-V saved state"},
		{"QFI\xfb", 4, "-loadvm NAME -S"},
		{"FreeBSD Kernel Dump", 19, "have the machine's emulator or hypervisor"},
		{"PK\3\4\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\25\0\0\0container.description",
		 51, "an AFF4 image, which this version cannot read: export"},
		{"PK\3\4", 4, "a zip archive"},
		{"BZh91AY&SY", 10, "bzip2 data"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *bytes = image_buffer(4 * PAGE);
		struct vmi_error err = {0};
		struct vmi *vm = NULL;
		memcpy(bytes, cases[i].head, cases[i].len);
		assert_says(vmi_open_memory(&vm, bytes, 4 * PAGE, NULL, &err), VMI_ERR_UNSUPPORTED,
			    cases[i].words, &err);
		/* the user knows better */
		assert_int_equal(vmi_open_memory(&vm, bytes, 4 * PAGE, &by_name, &err), VMI_OK);
		assert_memory(vm, PAGE, 3 * PAGE, 0);
		vmi_close(vm);
		free(bytes);
	}
}

/* Two bytes that could be of a zlib stream are no reason to refuse memory; an odd size is. */
static void perhaps_zlib(void **state)
{
	uint8_t *bytes = image_buffer(4 * PAGE);
	struct vmi_error err = {0};
	struct vmi *vm = NULL;

	(void)state;
	memcpy(bytes, "\x78\x9c", 2);
	assert_int_equal(vmi_open_memory(&vm, bytes, 4 * PAGE, NULL, &err), VMI_OK);
	vmi_close(vm);
	assert_says(vmi_open_memory(&vm, bytes, 4 * PAGE - 1, NULL, &err), VMI_ERR_UNSUPPORTED,
		    "no known format (perhaps a zlib stream)", &err);
	free(bytes);
}

/* ---- files ---------------------------------------------------------------------------------- */

struct temporary {
	char name[32];
	int fd;
};

static struct temporary temporary_create(void)
{
	struct temporary file = {.name = "/tmp/test_raw.XXXXXX"};

	file.fd = mkstemp(file.name);
	assert_true(file.fd >= 0);
	return file;
}

static void temporary_remove(struct temporary *file)
{
	close(file->fd);
	unlink(file->name);
}

static void write_at(const struct temporary *file, uint64_t at, size_t size)
{
	uint8_t *bytes = malloc(size);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = mk_byte(at + i, 0);
	assert_int_equal(pwrite(file->fd, bytes, size, (off_t)at), size);
	free(bytes);
}

static struct vmi *open_file(const struct temporary *file, unsigned flags)
{
	const struct vmi_open_options options = {.size = sizeof(options), .flags = flags};
	struct vmi_error err = {0};
	struct vmi *vm;

	if (vmi_open(&vm, file->name, &options, &err))
		fail_with("opening", &err);
	return vm;
}

/* A terabyte of nothing but three blocks: each call costs the same, and holes are known zeros. */
static void sparse(void **state)
{
	const uint64_t size = UINT64_C(1) << 40, block = 1 << 16, at = UINT64_C(1) << 30;
	struct temporary file = temporary_create();
	struct vmi_run run;
	uint8_t byte = 1;

	(void)state;
	assert_int_equal(ftruncate(file.fd, (off_t)size), 0);
	write_at(&file, at, block);
	write_at(&file, size - block, block);
	if (lseek(file.fd, 0, SEEK_DATA) != (off_t)at) {
		temporary_remove(&file); /* a file system that knows no holes */
		skip();
	}
	struct vmi *vm = open_file(&file, 0);
	assert_runs(vm, "0+40000000z 40000000+10000 40010000+ffbffe0000z ffffff0000+10000");
	assert_int_equal(vmi_info(vm)->memory_bytes, size);
	assert_int_equal(vmi_run_next(vm, at + 5, &run, NULL), VMI_OK);
	assert_int_equal(run.gpa, at + 5);
	assert_int_equal(run.size, block - 5);
	assert_int_equal(run.kind, VMI_RUN_SAVED);
	assert_memory(vm, at, block, 0);
	assert_int_equal(vmi_read_bytes(vm, NULL, at + block, &byte, 1, NULL, NULL), VMI_OK);
	assert_int_equal(byte, 0);
	vmi_close(vm);
	temporary_remove(&file);
}

static void nothing_but_hole(void **state)
{
	struct temporary file = temporary_create();

	(void)state;
	assert_int_equal(ftruncate(file.fd, 1 << 30), 0);
	if (lseek(file.fd, 0, SEEK_DATA) != -1) {
		temporary_remove(&file);
		skip();
	}
	struct vmi *vm = open_file(&file, 0);
	assert_runs(vm, "0+40000000z");
	vmi_close(vm);
	temporary_remove(&file);
}

static void not_mapped(void **state)
{
	const size_t size = 8 * PAGE;
	struct temporary file = temporary_create();
	struct vmi_error err = {0};
	struct vmi_page page;

	(void)state;
	write_at(&file, 0, size);
	struct vmi *vm = open_file(&file, VMI_OPEN_NO_MAP);
	assert_memory(vm, 0, size, 0);
	assert_memory(vm, PAGE - 3, 7, 0);
	assert_int_equal(vmi_page_get(vm, 5, &page, &err), VMI_OK);
	assert_null(page.known);
	assert_int_equal(page.extent, PAGE);
	vmi_page_put(vm, &page);
	vmi_close(vm);
	temporary_remove(&file);
}

/* Someone cuts the file while it is open: said, not zeros. */
static void shrinks(void **state)
{
	struct temporary file = temporary_create();
	struct vmi_error err = {0};
	uint8_t byte;

	(void)state;
	write_at(&file, 0, 8 * PAGE);
	struct vmi *vm = open_file(&file, VMI_OPEN_NO_MAP);
	assert_int_equal(ftruncate(file.fd, 4 * PAGE), 0);
	assert_memory(vm, 0, 4 * PAGE, 0);
	assert_says(vmi_read_bytes(vm, NULL, 6 * PAGE, &byte, 1, NULL, &err), VMI_ERR_IO,
		    "gfn 0x6: file offset 0x6000 is gone: the file became shorter", &err);
	vmi_close(vm);
	temporary_remove(&file);
}

/* The same core, read instead of mapped: stitched pages, parts of pages, what is not held. */
static void core_not_mapped(void **state)
{
	struct mk_elf elf = {.loads = {{.gpa = 0x1234, .size = 0x3000},
				       {.gpa = 0, .size = 0x1234, .more = 0},
				       {.gpa = 0x8000, .size = 0x1000, .more = 0x1000}}};
	struct temporary file = temporary_create();
	size_t size;
	uint8_t *bytes = mk_elf(&elf, &size);

	(void)state;
	assert_int_equal(write(file.fd, bytes, size), size);
	struct vmi *vm = open_file(&file, VMI_OPEN_NO_MAP);
	assert_string_equal(vmi_info(vm)->driver, "elf");
	assert_memory(vm, 0, 0x4234, 0);
	assert_unreadable(vm, 0x9000, "gfn 0x9 was left out by the dumper");
	assert_unreadable(vm, 0x7000, "no memory at gfn 0x7");
	vmi_close(vm);
	free(bytes);
	temporary_remove(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flat),
		cmocka_unit_test(odd_size),
		cmocka_unit_test(one_byte),
		cmocka_unit_test(other_formats),
		cmocka_unit_test(perhaps_zlib),
		cmocka_unit_test(sparse),
		cmocka_unit_test(nothing_but_hole),
		cmocka_unit_test(not_mapped),
		cmocka_unit_test(shrinks),
		cmocka_unit_test(core_not_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
