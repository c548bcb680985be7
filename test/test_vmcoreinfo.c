/* SPDX-License-Identifier: MIT */
/* The kernel's own note in memory, and what else may look like one. */

#include <string.h>

#include "check.h"
#include "vmcoreinfo.h"

enum { PAGES = 8, AT = 3 * VMI_PAGE_SIZE };

static const char lines[] = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(prb)=c1a2b3c0\n"
			    "OFFSET(printk_info.seq)=0\nNUMBER(phys_base)=-16\nSIZE(list_head)=";

struct image {
	uint8_t bytes[PAGES * VMI_PAGE_SIZE];
	struct vmi *vm;
};

/* As the kernel writes it: sizes of name and text, type 0, the name padded to words. */
static void note_put(struct image *image, uint64_t at, uint32_t size, const char *text)
{
	const uint32_t head[3] = {11, size, 0};

	memcpy(image->bytes + at, head, sizeof(head));
	memcpy(image->bytes + at + 12, "VMCOREINFO\0", 12);
	memcpy(image->bytes + at + 24, text, strlen(text));
}

static bool search(struct image *image, struct vmcoreinfo *info, const char *release)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "raw"};
	struct vmi_error err;

	CHECK_OK(vmi_open_memory(&image->vm, image->bytes, sizeof(image->bytes), &options, &err));
	*info = vmcoreinfo_of_image(image->vm);
	assert_null(info->text);
	bool found = vmcoreinfo_search(info, image->vm, release);
	vmi_close(image->vm);
	return found;
}

static void test_found(void **state)
{
	struct image image = {.vm = NULL};
	struct vmcoreinfo info;
	uint64_t value;

	(void)state;
	/* Another kernel's, which was here before, comes first. */
	note_put(&image, VMI_PAGE_SIZE, 40, "OSRELEASE=6.1.0-test2\nPAGESIZE=4096\n");
	note_put(&image, AT, sizeof(lines) - 1, lines);
	assert_true(search(&image, &info, "6.1.0-test"));
	assert_int_equal(info.length, sizeof(lines) - 1);
	assert_true(vmcoreinfo_find(&info, "SYMBOL", "prb", &value));
	assert_int_equal(value, 0xc1a2b3c0);
	assert_true(vmcoreinfo_find(&info, "OFFSET", "printk_info.seq", &value));
	assert_int_equal(value, 0);
	assert_true(vmcoreinfo_find(&info, "NUMBER", "phys_base", &value));
	assert_int_equal(value, (uint64_t)-16);
	assert_false(vmcoreinfo_find(&info, "SIZE", "list_head", &value));
	assert_false(vmcoreinfo_find(&info, "SYMBOL", "pr", &value));
	vmcoreinfo_deinit(&info);
	assert_false(vmcoreinfo_find(&info, "SYMBOL", "prb", &value));
	assert_false(search(&image, &info, "6.1.0"));
}

static void test_none(void **state)
{
	struct image image = {.vm = NULL};
	struct vmcoreinfo info;

	(void)state;
	note_put(&image, AT + 16, sizeof(lines) - 1, lines); /* no page begins so */
	assert_false(search(&image, &info, "6.1.0-test"));
	note_put(&image, AT, 20, lines); /* not even the first line */
	assert_false(search(&image, &info, "6.1.0-test"));
	note_put(&image, AT, UINT32_MAX, lines);
	assert_false(search(&image, &info, "6.1.0-test"));
	image.bytes[AT] = 0;
	/* It goes on behind the end of memory. */
	note_put(&image, sizeof(image.bytes) - VMI_PAGE_SIZE, VMI_PAGE_SIZE, lines);
	assert_false(search(&image, &info, "6.1.0-test"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
