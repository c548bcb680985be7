/* SPDX-License-Identifier: MIT */
/* Statuses and sentences. */

#include <ctype.h>
#include <string.h>

#include "check.h"

static void names_are_unique(void **state)
{
	(void)state;
	for (int i = VMI_OK; i <= VMI_ERR_INTERRUPTED; i++) {
		const char *name = vmi_status_name((enum vmi_status)i);
		assert_non_null(name);
		assert_string_not_equal(name, "unknown");
		for (const char *c = name; *c; c++)
			assert_true(islower(*c) || *c == '-');
		for (int j = VMI_OK; j < i; j++)
			assert_string_not_equal(name, vmi_status_name((enum vmi_status)j));
	}
	assert_string_equal(vmi_status_name((enum vmi_status)(VMI_ERR_INTERRUPTED + 1)), "unknown");
	assert_string_equal(vmi_status_name((enum vmi_status) - 1), "unknown");
}

/* The program prints these: cli.md names them. */
static void names_that_scripts_know(void **state)
{
	(void)state;
	assert_string_equal(vmi_status_name(VMI_OK), "ok");
	assert_string_equal(vmi_status_name(VMI_ERR_NOT_PRESENT), "not-present");
	assert_string_equal(vmi_status_name(VMI_ERR_NOT_CANONICAL), "not-canonical");
	assert_string_equal(vmi_status_name(VMI_ERR_RESERVED_BITS), "reserved-bits");
	assert_string_equal(vmi_status_name(VMI_ERR_NOT_SAVED), "not-saved");
}

static void failing(void **state)
{
	struct vmi_error err;

	(void)state;
	assert_int_equal(vmi_fail(&err, VMI_ERR_IO, "gfn 0x%x", 17), VMI_ERR_IO);
	assert_int_equal(err.status, VMI_ERR_IO);
	assert_string_equal(err.text, "gfn 0x11");
	assert_int_equal(vmi_fail(NULL, VMI_ERR_IO, "gfn 0x%x", 17), VMI_ERR_IO);
	assert_int_equal(vmi_wrap(NULL, VMI_ERR_IO, "gfn 0x%x", 17), VMI_ERR_IO);
}

static void failing_with_too_many_words(void **state)
{
	struct vmi_error err;
	char words[2000];

	(void)state;
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	memset(&err, 0x5a, sizeof(err));
	assert_int_equal(vmi_fail(&err, VMI_ERR_ARG, "%s", words), VMI_ERR_ARG);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void context_comes_first(void **state)
{
	struct vmi_error err;

	(void)state;
	assert_int_equal(vmi_fail(&err, VMI_ERR_NOT_SAVED, "no memory at gfn 0x%x", 1),
			 VMI_ERR_NOT_SAVED);
	assert_int_equal(vmi_wrap(&err, VMI_ERR_NOT_SAVED, "reading gpa 0x%x", 0x1000),
			 VMI_ERR_NOT_SAVED);
	assert_string_equal(err.text, "reading gpa 0x1000: no memory at gfn 0x1");
	assert_int_equal(vmi_wrap(&err, VMI_ERR_IO, "vcpu 0"), VMI_ERR_IO);
	assert_int_equal(err.status, VMI_ERR_IO);
	assert_string_equal(err.text, "vcpu 0: reading gpa 0x1000: no memory at gfn 0x1");
}

/* Whatever the lengths: the cause stays whole, the context is cut, the text ends. */
static void context_is_cut(void **state)
{
	enum { ROOM = sizeof(((struct vmi_error *)0)->text) - 1 };
	char context[ROOM + 2], cause[ROOM + 2];

	(void)state;
	for (size_t a = 0; a <= ROOM; a++)
		for (size_t b = 0; b <= ROOM; b += 13) {
			struct vmi_error err;
			memset(cause, 'c', a);
			cause[a] = '\0';
			memset(context, 'x', b);
			context[b] = '\0';
			(void)vmi_fail(&err, VMI_ERR_IO, "%s", cause);
			(void)vmi_wrap(&err, VMI_ERR_IO, "%s", context);

			size_t len = strnlen(err.text, sizeof(err.text));
			assert_true(len <= ROOM && len >= a);
			assert_string_equal(err.text + len - a, cause);
			if (b && a + b + 2 <= ROOM)
				assert_int_equal(len, a + b + 2);
			if (len > a)
				assert_memory_equal(err.text + len - a - 2, ": ", 2);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(names_that_scripts_know),
		cmocka_unit_test(failing),
		cmocka_unit_test(failing_with_too_many_words),
		cmocka_unit_test(context_comes_first),
		cmocka_unit_test(context_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
