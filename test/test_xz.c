/* SPDX-License-Identifier: MIT */
/* xz files of one block and of many, and broken ones. */

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "packed.h"

extern const struct vmi_container_ops container_xz;

static void of_xz(void **state)
{
	static const char *const commands[] = {
		"xz -1c image >packed",
		"xz -0c --block-size=500000 image >packed",
		"xz -1c -T2 --check=sha256 --block-size=3000000 <image >packed",
		("{ head -c 3000000 image | xz -0c; printf '\\0\\0\\0\\0'; xz -c </dev/null;"
		 "tail -c +3000001 image | xz -0c --block-size=1048576; } >packed"),
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fixture_check_tool(*state, &container_xz, "xz", commands[i]);
}

static void broken(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	uint8_t page[4096];
	size_t len;

	assert_true(run_in(f->folder, "xz -0c --block-size=500000 image >packed"));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	PACKED_FAIL(&p, packed_open_memory(&p, &container_xz, packed, len - 4), VMI_ERR_CORRUPT,
		    "the index of its blocks, at its end, cannot be read");
	packed_close(&p);
	memset(packed + 5000, 0xff, 100); /* in the first block */
	PACKED_OK(&p, packed_open_memory(&p, &container_xz, packed, len));
	assert_int_equal(p.size, f->size);
	PACKED_FAIL(&p, p.ops->read(p.self, 100000, page, 4096, &p.err), VMI_ERR_CORRUPT,
		    "unpacking content offset 0x0: the xz data is damaged");
	PACKED_OK(&p, p.ops->read(p.self, 3000000, page, 4096, &p.err));
	assert_memory_equal(page, f->content + 3000000, 4096);
	packed_close(&p);
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(of_xz), cmocka_unit_test(broken)};

	if (!has_tool("xz"))
		return 77;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
