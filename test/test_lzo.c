/* SPDX-License-Identifier: MIT */
/* The kernel's LZO: streams that a kernel wrote, what liblzo2 packs, and streams that are none. */

#include <string.h>

#ifdef VMI_WITH_LZO
#include <lzo/lzo1x.h>
#endif

#include "check.h"
#include "lzo.h"

enum { PAGE = 4096 };

/* A page that Linux 6.1 had packed with lzo-rle: "process 136 page 4\n", over and over. */
static const uint8_t by_kernel[] = {
	0x11, 0x01, 0x00, 0x01, 0x70, 0x72, 0x6f, 0x63, 0x65, 0x73, 0x73, 0x20, 0x31,
	0x33, 0x36, 0x20, 0x70, 0x61, 0x67, 0x65, 0x20, 0x34, 0x0a, 0x20, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0xca, 0x48, 0x00, 0x0e, 0x61, 0x67, 0x65, 0x20, 0x34, 0x0a, 0x70, 0x72, 0x6f,
	0x63, 0x65, 0x73, 0x73, 0x20, 0x31, 0x33, 0x36, 0x11, 0x00, 0x00,
};

static void test_kernel(void **state)
{
	static const char line[] = "process 136 page 4\n";
	uint8_t page[PAGE];

	(void)state;
	assert_int_equal(lzo_unpack(by_kernel, sizeof(by_kernel), page, PAGE), PAGE);
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(page[i], line[i % (sizeof(line) - 1)]);
	/* No byte is too many, and none may be missing. */
	assert_int_equal(lzo_unpack(by_kernel, sizeof(by_kernel), page, PAGE - 1), 0);
	for (size_t len = 0; len < sizeof(by_kernel); len++)
		assert_int_equal(lzo_unpack(by_kernel, len, page, PAGE), 0);
}

/* Runs as Documentation/staging/lzo.rst has them: 0001 1LLL, D of all ones, then L's other bits. */
static void test_zeros(void **state)
{
	static const uint8_t stream[] = {
		0x11, 0x01, 17 + 4, 'a',  'b', 'c', 'd', /* literals */
		0x18, 0xfe, 0xff,   0x00, 'e', 'f',      /* 4 zeros, 2 literals */
		0x1f, 0xfc, 0xff,   0xff,                /* 4 + 2047 zeros */
		0x11, 0x00, 0x00,
	};
	uint8_t out[PAGE], want[PAGE] = "abcd\0\0\0\0ef";

	(void)state;
	assert_int_equal(lzo_unpack(stream, sizeof(stream), out, PAGE), 10 + 2051);
	assert_memory_equal(out, want, 10 + 2051);
	assert_int_equal(lzo_unpack(stream, sizeof(stream), out, 10 + 2050), 0);
	/* Without the version they are a match from far away, where nothing is. */
	assert_int_equal(lzo_unpack(stream + 2, sizeof(stream) - 2, out, PAGE), 0);
}

static void test_bad(void **state)
{
	static const uint8_t before[] = {17 + 4, 'a', 'b', 'c', 'd', 0x8c, 0x01, 0x11, 0, 0};
	static const uint8_t version[] = {0x11, 0x02, 17 + 4, 'a', 'b', 'c', 'd', 0x11, 0, 0};
	static const uint8_t behind[] = {17 + 4, 'a', 'b', 'c', 'd', 0x11, 0, 0, 0};
	uint8_t endless[PAGE] = {17 + 4, 'a', 'b', 'c', 'd', 0x20};
	uint8_t out[PAGE];

	(void)state;
	assert_int_equal(lzo_unpack(before, sizeof(before), out, PAGE), 0);
	assert_int_equal(lzo_unpack(version, sizeof(version), out, PAGE), 0);
	assert_int_equal(lzo_unpack(behind, sizeof(behind), out, PAGE), 0);
	assert_int_equal(lzo_unpack(behind, sizeof(behind) - 1, out, PAGE), 4);
	assert_int_equal(lzo_unpack(endless, sizeof(endless), out, PAGE), 0);
	assert_int_equal(lzo_unpack(endless, 0, out, PAGE), 0);
}

#ifdef VMI_WITH_LZO
/* What was random, repeats itself and is zero, by turns of random lengths. */
static void make(uint8_t *bytes, size_t len, uint64_t *seed)
{
	for (size_t i = 0; i < len;) {
		size_t n = next_random(seed) % 400 + 1;
		unsigned kind = (unsigned)(next_random(seed) >> 40) % 3;
		size_t back = i ? next_random(seed) % i + 1 : 0;

		for (; n && i < len; n--, i++)
			bytes[i] = kind == 0           ? 0
				   : kind == 1 && back ? bytes[i - back]
						       : (uint8_t)(next_random(seed) >> 32);
	}
}

static void test_library(void **state)
{
	static uint8_t bytes[1 << 16], packed[(1 << 16) + (1 << 13)], out[1 << 16];
	static uint8_t work[LZO1X_999_MEM_COMPRESS];
	uint64_t seed = 1;

	(void)state;
	assert_int_equal(lzo_init(), LZO_E_OK);
	for (unsigned i = 0; i < 300; i++) {
		size_t len = next_random(&seed) % sizeof(bytes) + 1;
		lzo_uint size = sizeof(packed);

		make(bytes, len, &seed);
		assert_int_equal(i % 3 ? lzo1x_1_compress(bytes, len, packed, &size, work)
				       : lzo1x_999_compress(bytes, len, packed, &size, work),
				 LZO_E_OK);
		assert_int_equal(lzo_unpack(packed, size, out, sizeof(out)), len);
		assert_memory_equal(out, bytes, len);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_bad),
#ifdef VMI_WITH_LZO
		cmocka_unit_test(test_library),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
