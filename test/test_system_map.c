/* SPDX-License-Identifier: MIT */
/* System.map, and symbols that lie elsewhere than they were linked for. */

#include <string.h>

#include "check.h"
#include "symbols_file.h"

static enum vmi_status parse(struct symbols *symbols, const char *text, struct vmi_error *err)
{
	symbols_init(symbols);
	return symbols_of_text(symbols, text, strlen(text), err);
}

static void test_lines(void **state)
{
	struct symbols symbols;
	struct vmi_error err;

	(void)state;
	CHECK_OK(parse(&symbols,
		       "         w __start_BTF\n"
		       "0000000000000000 A fixed_percpu_data\n"
		       "ffffffff81000000 T _text\n"
		       "ffffffff81000000 T startup_64\n\n"
		       "ffffffff81000010 t __pfx_a b\n"
		       "ffffffffc0000000 t in_module\t[virtio]\n"
		       "ffffffff82000000 D linux_banner",
		       &err));
	assert_int_equal(symbols.count, 5);
	assert_null(symbols_find(&symbols, "__start_BTF"));
	assert_null(symbols_find(&symbols, "in_module"));
	const struct symbol *symbol = symbols_find(&symbols, "linux_banner");
	assert_non_null(symbol);
	assert_int_equal(symbol->gva, 0xffffffff82000000);
	assert_int_equal(symbol->type, 'D');
	assert_int_equal(symbols_find(&symbols, "__pfx_a b")->type, 't');

	struct symbols slid;
	symbols_init(&slid);
	assert_true(symbols_slide(&slid, &symbols, 0xffffffff81000000, 0x1e00000, UINT64_MAX));
	assert_int_equal(symbols_find(&slid, "fixed_percpu_data")->gva, 0);
	assert_int_equal(symbols_find(&slid, "_text")->gva, 0xffffffff82e00000);
	symbols_deinit(&slid);
	symbols_deinit(&symbols);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"c1000000 T _text\nhello\n", "line 2 is no symbol"},
		{"c1000000 T _text\n\nc1000000T x\n", "line 3"},
		{"c1000000 T\n", "line 1"},
		{"c1000000 T ", "line 1"},
		{"12345678901234567 T x\n", "line 1"},
		{"c1000000 \1 x\n", "line 1"},
		{"", "no symbols"},
		{"         U x\n", "no symbols"},
	};
	struct symbols symbols;
	struct vmi_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_FAIL(parse(&symbols, bad[i].text, &err), VMI_ERR_CORRUPT, bad[i].words);
		symbols_deinit(&symbols);
	}
	CHECK_FAIL(symbols_of_system_map(&symbols, "/nonexistent/map", &err), VMI_ERR_IO,
		   "/nonexistent/map: No such file");
	CHECK_FAIL(symbols_of_system_map(&symbols, "/", &err), VMI_ERR_IO, "Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
