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

/* All of it, and its end from where a decoder begins: at random takes too long in one block. */
static void check_all(struct packed *p, const uint8_t *content)
{
	uint8_t *room = malloc((size_t)p->size), last[4096];

	PACKED_OK(p, p->ops->read(p->self, 0, room, (size_t)p->size, &p->err));
	assert_memory_equal(room, content, (size_t)p->size);
	packed_forget(p);
	PACKED_OK(p, p->ops->read(p->self, p->size - sizeof(last), last, sizeof(last), &p->err));
	assert_memory_equal(last, content + p->size - sizeof(last), sizeof(last));
	free(room);
}

/* Without its end it holds what comes before, whether blocks tell their length or not. */
static void cut(void **state)
{
	static const char *const commands[] = {
		"xz -0c image >packed",
		"xz -0c --block-size=500000 image >packed",
		"xz -0c -T2 --block-size=500000 image >packed",
		"xz -0c --x86 --lzma2=preset=0 image >packed",
	};
	struct fixture *f = *state;
	struct packed p;
	size_t len;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_true(run_in(f->folder, commands[i]));
		uint8_t *packed = file_read(f->folder, "packed", &len);
		for (size_t keep = len / 3; keep < len; keep += len / 3) {
			PACKED_OK(&p, packed_open_memory(&p, &container_xz, packed, keep));
			assert_non_null(strstr(p.warnings, "the index of its blocks"));
			assert_non_null(strstr(p.warnings, " is lost"));
			assert_in_range(p.size, 1, f->size);
			/* What a byte is packed into differs by half, at the most, along the way.
			 */
			assert_true(p.size > f->size / len * keep / 2);
			check_all(&p, f->content);
			packed_close(&p);
		}
		PACKED_OK(&p, packed_open_memory(&p, &container_xz, packed, len - 4));
		assert_int_equal(p.size, f->size);
		packed_close(&p);
		PACKED_FAIL(&p, packed_open_memory(&p, &container_xz, packed, 20), VMI_ERR_CORRUPT,
			    "the index of its blocks, at its end, cannot be read");
		packed_close(&p);
		free(packed);
	}
}

/* Damaged in the middle, and without its end: what precedes the damage. */
static void cut_and_damaged(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	size_t len;

	assert_true(run_in(f->folder, "xz -0c --block-size=500000 image >packed"));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	memset(packed + len / 2, 0xff, 100);
	PACKED_OK(&p, packed_open_memory(&p, &container_xz, packed, len - 4));
	assert_in_range(p.size, 500000, f->size - 500000);
	check_all(&p, f->content);
	packed_close(&p);
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(of_xz), cmocka_unit_test(broken),
					   cmocka_unit_test(cut),
					   cmocka_unit_test(cut_and_damaged)};

	if (!has_tool("xz"))
		return 77;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
