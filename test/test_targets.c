/* SPDX-License-Identifier: MIT */
/* Targets that are not open: drivers that know none say so. */

#include "check.h"

static void refusals(void **state)
{
	struct vmi_target_entry *list = NULL;
	struct vmi_error err;
	size_t count = 7;

	(void)state;
	CHECK_FAIL(vmi_target_list("raw", &list, &count, &err), VMI_ERR_UNSUPPORTED,
		   "the raw driver cannot list its targets");
	CHECK_FAIL(vmi_target_list("nonsense", &list, &count, &err), VMI_ERR_ARG,
		   "there is no driver 'nonsense'");
	assert_null(list);
	assert_int_equal(count, 7);
	CHECK_FAIL(vmi_target_rescue("raw", "guest", &err), VMI_ERR_UNSUPPORTED,
		   "the raw driver has no targets that could be left monitored");
	CHECK_FAIL(vmi_target_rescue("nonsense", "guest", &err), VMI_ERR_ARG,
		   "there is no driver 'nonsense'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
