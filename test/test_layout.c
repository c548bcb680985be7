/* SPDX-License-Identifier: MIT */
/* Flat memory with a layout: given by the user, and proposed by the guest's map of memory. */

#include <fcntl.h>
#include <unistd.h>

#include "image.h"

enum { PAGE = VMI_PAGE_SIZE };

static const uint64_t gib = UINT64_C(1) << 30;

/* ---- given ------------------------------------------------------------------------------ */

static enum vmi_status open_with(struct vmi **vm, const uint8_t *bytes, size_t size,
				 const struct vmi_layout *layout, size_t count,
				 struct vmi_error *err)
{
	const struct vmi_open_options options = {
		.size = sizeof(options), .layout = layout, .layout_count = count};

	return vmi_open_memory(vm, bytes, size, &options, err);
}

static void given(void **state)
{
	static const struct vmi_layout layout[] = {
		{.gpa = 0x100000000, .size = 3 * PAGE, .offset = 5 * PAGE},
		{.gpa = 0, .size = 4 * PAGE, .offset = 0},
		{.gpa = 0x8010, .size = 100, .offset = 0x4001}};
	uint8_t *bytes = image_buffer(8 * PAGE), got[100];
	struct vmi_error err = {0};
	struct vmi_page page;
	struct vmi *vm;

	(void)state;
	if (open_with(&vm, bytes, 8 * PAGE, layout, 3, &err))
		fail_with("opening", &err);
	assert_string_equal(vmi_info(vm)->format, "raw");
	assert_runs(vm, "0+4000 8010+64 100000000+3000");
	assert_int_equal(vmi_info(vm)->memory_bytes, 7 * PAGE + 100);
	assert_memory(vm, 0, 4 * PAGE, 0);
	assert_unreadable(vm, 4 * PAGE, "no memory at gfn 0x4");
	assert_int_equal(vmi_page_get(vm, 0x100001, &page, &err), VMI_OK);
	assert_ptr_equal(page.data, bytes + 6 * PAGE);
	vmi_page_put(vm, &page);
	assert_int_equal(vmi_read_bytes(vm, NULL, 0x8010, got, 100, NULL, &err), VMI_OK);
	assert_memory_equal(got, bytes + 0x4001, 100);
	vmi_close(vm);
	free(bytes);
}

static void refused(void **state)
{
	static const struct {
		struct vmi_layout layout[2];
		size_t count;
		const char *words;
	} cases[] = {
		{{{.gpa = 0, .size = 0, .offset = 0}},
		 1,
		 "0x0 bytes at gpa 0x0: that is no stretch"},
		{{{.gpa = UINT64_MAX, .size = 2, .offset = 0}}, 1, "that is no stretch of memory"},
		{{{.gpa = 0, .size = 8 * PAGE + 1, .offset = 0}},
		 1,
		 "0x8001 bytes at offset 0x0, which end past the end of (memory) (0x8000)"},
		{{{.gpa = 0, .size = 2, .offset = UINT64_MAX}}, 1, "which end past the end"},
		{{{.gpa = 0, .size = PAGE, .offset = 0}, {.gpa = 0xfff, .size = PAGE, .offset = 0}},
		 2,
		 "the layout has gpa 0xfff twice"},
		{{{.gpa = 0x1000, .size = PAGE, .offset = 0},
		  {.gpa = 0, .size = 0x5000, .offset = 0}},
		 2,
		 "the layout has gpa 0x1000 twice"},
		{{{.gpa = UINT64_C(1) << 52, .size = PAGE, .offset = 0}},
		 1,
		 "beyond the 52 address bits of x86"},
	};
	uint8_t *bytes = image_buffer(8 * PAGE);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vmi_error err = {0};
		struct vmi *vm = NULL;
		assert_says(open_with(&vm, bytes, 8 * PAGE, cases[i].layout, cases[i].count, &err),
			    VMI_ERR_ARG, cases[i].words, &err);
	}
	free(bytes);
}

/* A format that says where its memory lies is not asked to believe something else. */
static void not_flat(void **state)
{
	static const struct vmi_layout layout = {.gpa = 0, .size = PAGE, .offset = 0};
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = 2 * PAGE}}};
	struct vmi_error err = {0};
	struct vmi *vm = NULL;
	size_t size;
	uint8_t *bytes = mk_elf(&elf, &size);

	(void)state;
	assert_says(open_with(&vm, bytes, size, &layout, 1, &err), VMI_ERR_ARG,
		    "says itself where its memory lies (driver elf): a layout is for flat memory",
		    &err);
	free(bytes);
}

/* ---- proposed --------------------------------------------------------------------------- */

struct entry {
	uint64_t start, size;
	uint32_t kind;
};

enum { ENTRIES = 8 };

/* As SeaBIOS leaves it behind for QEMU's "pc" machine with 5 GiB. */
static const struct entry pc[ENTRIES] = {
	{0, 0x9fc00, 1},
	{0x9fc00, 0x400, 2},
	{0xf0000, 0x10000, 2},
	{0x100000, 0xbfee0000, 1},
	{0xbffe0000, 0x20000, 2},
	{0xfffc0000, 0x40000, 2},
	{0x100000000, 0x80000000, 1},
	{0xfd00000000, 0x300000000, 2},
};

/* What is proposed for a sparse file of that size with such a map somewhere in it. */
static enum vmi_status guess(const struct entry map[ENTRIES], uint64_t at, uint64_t size,
			     struct vmi_layout layout[VMI_LAYOUT_MAX])
{
	char name[] = "/tmp/test_layout.XXXXXX";
	int fd = mkstemp(name);
	struct vmi_error err = {0};
	struct vmi *vm;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint8_t bytes[20];
		memcpy(bytes, &map[i].start, 8);
		memcpy(bytes + 8, &map[i].size, 8);
		memcpy(bytes + 16, &map[i].kind, 4);
		assert_int_equal(pwrite(fd, bytes, 20, (off_t)(at + 20 * i)), 20);
	}
	if (vmi_open(&vm, name, NULL, &err))
		fail_with("opening", &err);
	enum vmi_status st = vmi_layout_guess(vm, layout, &err);
	if (st)
		assert_int_equal(st, VMI_ERR_NOT_FOUND);
	vmi_close(vm);
	close(fd);
	unlink(name);
	return st;
}

static void proposed(void **state)
{
	struct vmi_layout layout[VMI_LAYOUT_MAX];

	(void)state;
	/* in firmware, in the kernel, across pages */
	const uint64_t places[] = {0xf5d68, 0x9ecb0 + 4, 0x1230ff8, 0x300000};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_int_equal(guess(pc, places[i], 5 * gib, layout), VMI_OK);
		assert_int_equal(layout[0].gpa, 0);
		assert_int_equal(layout[0].size, 3 * gib);
		assert_int_equal(layout[0].offset, 0);
		assert_int_equal(layout[1].gpa, 4 * gib);
		assert_int_equal(layout[1].size, 2 * gib);
		assert_int_equal(layout[1].offset, 3 * gib);
	}
	/* firmware keeps more of the low memory to itself */
	assert_int_equal(guess(pc, 0xf5d68, 5 * gib + (200 << 20), layout), VMI_OK);
	assert_int_equal(layout[1].offset, 3 * gib + (200 << 20));
}

static void not_proposed(void **state)
{
	struct vmi_layout layout[VMI_LAYOUT_MAX];
	struct entry map[ENTRIES];

	(void)state;
	/* the hole is in the file; or the file is of another machine */
	assert_int_equal(guess(pc, 0xf5d68, 6 * gib, layout), VMI_ERR_NOT_FOUND);
	assert_int_equal(guess(pc, 0xf5d68, 7 * gib, layout), VMI_ERR_NOT_FOUND);
	assert_int_equal(guess(pc, 0xf5d68, 5 * gib - PAGE - 0x20000, layout), VMI_ERR_NOT_FOUND);
	assert_int_equal(guess(pc, 0xf5d68, 5 * gib + (300 << 20), layout), VMI_ERR_NOT_FOUND);
	assert_int_equal(guess(pc, 0xf5d68, 2 * gib, layout), VMI_ERR_NOT_FOUND);
	/* too little of a map; two pieces above 4 GiB */
	memcpy(map, pc, sizeof(map));
	map[0].start = 0x20000;
	assert_int_equal(guess(map, 0xf5d68, 5 * gib, layout), VMI_ERR_NOT_FOUND);
	memcpy(map, pc, sizeof(map));
	map[3].size = 0xbffe0001;
	assert_int_equal(guess(map, 0xf5d68, 5 * gib, layout), VMI_ERR_NOT_FOUND);
	memcpy(map, pc, sizeof(map));
	map[7] = (struct entry){.start = 8 * gib, .size = gib, .kind = 1};
	assert_int_equal(guess(map, 0xf5d68, 6 * gib, layout), VMI_ERR_NOT_FOUND);
	map[7].start = 6 * gib;
	assert_int_equal(guess(map, 0xf5d68, 6 * gib, layout), VMI_OK);
	/* no map at all, and an image that is not flat */
	memset(map, 0, sizeof(map));
	assert_int_equal(guess(map, 0xf5d68, 5 * gib, layout), VMI_ERR_NOT_FOUND);
	struct mk_elf elf = {.loads = {{.gpa = 0, .size = 2 * PAGE}}};
	struct image image = image_open(&elf);
	assert_int_equal(vmi_layout_guess(image.vm, layout, NULL), VMI_ERR_NOT_FOUND);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given),        cmocka_unit_test(refused),
		cmocka_unit_test(not_flat),     cmocka_unit_test(proposed),
		cmocka_unit_test(not_proposed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
