/* SPDX-License-Identifier: MIT */
/* Probing: which pages are missing, and the one page fault that asks for the first of them. */

#include "check.h"
#include "fake_driver.h"
#include "tables.h"

enum { GVA = 0x400000, FRAME = 0x40000 };

struct setting {
	struct fake *fake;
	struct vmi *vm;
	struct tables tables;
	struct vmi_probe probe;
};

/* Pages GVA + 0, 2, 4 ... are mapped, those between are not; GVA + 0x100000 is a frame nobody has.
 */
static struct setting setting_make(void)
{
	struct setting s = {.fake = fake_create()};

	s.fake->vcpus = 2;
	fake_memory(s.fake, FRAME, 64);
	tables_init(&s.tables, s.fake, VMI_MODE_4LEVEL, 0x100000, 16);
	for (unsigned i = 0; i < 64; i += 2)
		tables_set(&s.tables, GVA + i * 0x1000, 1, (FRAME + i * 0x1000) | P | U);
	tables_set(&s.tables, GVA + 0x100000, 1, 0x7000000 | P | U);
	s.vm = fake_open(s.fake, VMI_CAP_FULL, NULL);
	vmi_probe_begin(&s.probe, s.vm, 1);
	return s;
}

static void setting_end(struct setting *s)
{
	vmi_close(s->vm);
	fake_destroy(s->fake);
}

static enum vmi_status probe(struct setting *s, vmi_gva gva, size_t len, struct vmi_error *err)
{
	uint8_t buf[0x4000];

	return vmi_probe_read(&s->probe, &s->tables.space, gva, buf, len, err);
}

static void nothing_missing(void **state)
{
	struct setting s = setting_make();
	struct vmi_error err;
	uint64_t value = 0;

	(void)state;
	fake_put64(s.fake, FRAME + 0x2008, 0x1234);
	CHECK_OK(vmi_probe_read(&s.probe, &s.tables.space, GVA + 0x2008, &value, 8, &err));
	assert_int_equal(value, 0x1234);
	CHECK_OK(probe(&s, GVA, 0x1000, &err));
	CHECK_OK(vmi_probe_end(&s.probe, true, false, &err));
	assert_int_equal(fake_calls(s.fake, FAKE_INJECT), 0);
	setting_end(&s);
}

/* One fault, for the first, at the page where the reading stopped. */
static void one_fault(void **state)
{
	struct setting s = setting_make();
	struct vmi_error err;

	(void)state;
	CHECK_FAIL(probe(&s, GVA + 0x2ff0, 0x20, &err), VMI_ERR_NOT_PRESENT, "0x403000");
	CHECK_FAIL(probe(&s, GVA + 0x5123, 1, &err), VMI_ERR_NOT_PRESENT, "");
	CHECK_OK(probe(&s, GVA + 0x4000, 8, &err));
	CHECK_FAIL(vmi_probe_end(&s.probe, true, true, &err), VMI_ERR_BUSY, "gva 0x403000");
	assert_int_equal(fake_calls(s.fake, FAKE_INJECT), 1);
	assert_int_equal(s.fake->injected_vcpu, 1);
	assert_int_equal(s.fake->injected.vector, 14);
	assert_int_equal(s.fake->injected.extra, GVA + 0x3000);
	assert_int_equal(s.fake->injected.error_code, 6); /* write, user; not present */
	setting_end(&s);
}

static void error_codes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct setting s = setting_make();
		struct vmi_error err;

		CHECK_FAIL(probe(&s, GVA + 0x1000, 1, &err), VMI_ERR_NOT_PRESENT, "");
		CHECK_FAIL(vmi_probe_end(&s.probe, i & 2, i & 1, &err), VMI_ERR_BUSY, "try again");
		assert_int_equal(s.fake->injected.error_code, 2 * i);
		assert_true(s.fake->injected.has_error_code);
		setting_end(&s);
	}
}

/* What was given up on is not asked for again; what comes behind it is. */
static void suppressed(void **state)
{
	struct setting s = setting_make();
	struct vmi_error err;

	(void)state;
	vmi_probe_suppress(&s.probe, GVA + 0x1fff);
	CHECK_FAIL(probe(&s, GVA + 0x1008, 8, &err), VMI_ERR_NOT_PRESENT, "");
	CHECK_FAIL(vmi_probe_end(&s.probe, false, false, &err), VMI_ERR_NOT_PRESENT, "given up");
	assert_int_equal(fake_calls(s.fake, FAKE_INJECT), 0);
	CHECK_FAIL(probe(&s, GVA + 0x3008, 8, &err), VMI_ERR_NOT_PRESENT, "");
	CHECK_FAIL(vmi_probe_end(&s.probe, false, false, &err), VMI_ERR_BUSY, "gva 0x403000");
	setting_end(&s);
}

/* Only what the guest can bring in counts: not what the target lacks, nor what is no address. */
static void no_fault_helps(void **state)
{
	struct setting s = setting_make();
	struct vmi_error err;

	(void)state;
	CHECK_FAIL(probe(&s, GVA + 0x100000, 8, &err), VMI_ERR_NOT_SAVED, "");
	CHECK_FAIL(probe(&s, UINT64_C(0x800000000000), 8, &err), VMI_ERR_NOT_CANONICAL, "");
	CHECK_OK(vmi_probe_end(&s.probe, false, false, &err));
	setting_end(&s);
}

/* More missing than there is room for: the first are what matters. */
static void many_missing(void **state)
{
	struct setting s = setting_make();
	struct vmi_error err;

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 1; i < 64; i += 2)
			CHECK_FAIL(probe(&s, GVA + i * 0x1000, 8, &err), VMI_ERR_NOT_PRESENT, "");
	for (unsigned i = 0; i < 2 * VMI_PROBE_MAX; i++)
		vmi_probe_suppress(&s.probe, GVA + (2 * i + 3) * 0x1000);
	CHECK_FAIL(vmi_probe_end(&s.probe, false, false, &err), VMI_ERR_BUSY, "gva 0x401000");
	setting_end(&s);
}

static void injecting_fails(void **state)
{
	struct setting s = setting_make();
	struct vmi_error err;

	(void)state;
	CHECK_FAIL(probe(&s, GVA + 0x1000, 1, &err), VMI_ERR_NOT_PRESENT, "");
	fake_fail(s.fake, FAKE_INJECT, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_probe_end(&s.probe, false, false, &err), VMI_ERR_GONE, "injected failure");
	setting_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_missing), cmocka_unit_test(one_fault),
		cmocka_unit_test(error_codes),     cmocka_unit_test(suppressed),
		cmocka_unit_test(no_fault_helps),  cmocka_unit_test(many_missing),
		cmocka_unit_test(injecting_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
