/* SPDX-License-Identifier: MIT */
/* The index over a bitmap, against counting bit by bit. */

#include "check.h"
#include "pagemap.h"
#include "source.h"

#include <stdlib.h>

enum { BYTES = 400, FRONT = 3 };

static bool is_set(const uint8_t *bits, uint64_t bit)
{
	return bits[FRONT + bit / 8] >> bit % 8 & 1;
}

/* Every question, for so many of the bits, which begin at an odd place. */
static void compare(const uint8_t *bytes, uint64_t count)
{
	struct vmi_error err = {0};
	struct vmi_source *source;
	struct pagemap map;
	uint64_t before = 0;

	CHECK_OK(source_open_memory(&source, bytes, BYTES + FRONT, &err));
	CHECK_OK(pagemap_open(&map, source, FRONT, count, &err));
	uint64_t one = count, zero = count;
	for (uint64_t bit = count; bit-- > 0;) {
		if (is_set(bytes, bit))
			one = bit;
		else
			zero = bit;
		assert_int_equal(pagemap_next_set(&map, bit, count), one);
		assert_int_equal(pagemap_next_clear(&map, bit, count), zero);
	}
	for (uint64_t bit = 0; bit < count; bit++) {
		assert_int_equal(pagemap_has(&map, bit), is_set(bytes, bit));
		assert_int_equal(pagemap_rank(&map, bit), before);
		if (!is_set(bytes, bit))
			continue;
		assert_int_equal(pagemap_select(&map, before), bit);
		before++;
	}
	assert_int_equal(map.count, before);
	assert_int_equal(pagemap_rank(&map, count), before);
	assert_int_equal(pagemap_select(&map, before), count);
	assert_int_equal(pagemap_next_set(&map, count, count), count);
	assert_int_equal(pagemap_next_clear(&map, UINT64_MAX, count), count);
	assert_int_equal(pagemap_next_set(&map, count, count + 9), count + 9);
	assert_int_equal(pagemap_next_clear(&map, count + 1, count + 9), count + 1);
	assert_int_equal(pagemap_end(&map), before ? pagemap_select(&map, before - 1) + 1 : 0);
	assert_false(pagemap_has(&map, count));
	pagemap_close(&map);
	source_close(source);
}

static void counts(void **state)
{
	static const uint64_t sizes[] = {0,   1,   7,   8,    63,   64,   65,  511,
					 512, 513, 576, 1024, 1087, 3199, 3200};
	uint8_t bytes[BYTES + FRONT];
	uint64_t seed = 7;

	(void)state;
	for (unsigned density = 0; density < 5; density++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			uint64_t a = next_random(&seed) >> 20, b = next_random(&seed) >> 20;
			bytes[i] = (uint8_t)(density == 0   ? 0
					     : density == 1 ? a & b
					     : density == 2 ? a
					     : density == 3 ? a | b
							    : 0xff);
		}
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			compare(bytes, sizes[i]);
	}
}

static void past_the_end(void **state)
{
	const uint8_t bytes[16] = {0};
	struct vmi_error err = {0};
	struct vmi_source *source;
	struct pagemap map;

	(void)state;
	CHECK_OK(source_open_memory(&source, bytes, sizeof(bytes), &err));
	CHECK_OK(pagemap_open(&map, source, 8, 64, &err));
	pagemap_close(&map);
	CHECK_FAIL(pagemap_open(&map, source, 8, 65, &err), VMI_ERR_CORRUPT, "inside its bitmap");
	CHECK_FAIL(pagemap_open(&map, source, 8, UINT64_MAX, &err), VMI_ERR_CORRUPT,
		   "inside its bitmap");
	CHECK_FAIL(pagemap_open(&map, source, 17, 0, &err), VMI_ERR_CORRUPT, "inside its bitmap");
	source_close(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counts),
					   cmocka_unit_test(past_the_end)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
