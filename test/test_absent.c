/* SPDX-License-Identifier: MIT */
/* What entries of page tables say of pages that are not there, as the kernel's macros write them.
 */

#include "absent.h"
#include "check.h"

/* Linux 6.12 with memory failure, migration and markers. */
static const struct absent_rules rules = {
	.swap_types = 27, .migration_first = 28, .migration_count = 3, .frame_bits = 34};
static const struct absent_rules rules_32 = {
	.is_legacy = true,
	.swap_types = 27,
	.migration_first = 28,
	.migration_count = 3,
	.frame_bits = 20,
};

static struct vmi_absent_page decoded(const struct absent_rules *by, uint64_t entry, unsigned level)
{
	struct vmi_absent_page page;

	absent_decode(by, entry, level, &page);
	return page;
}

/* __swp_entry() of pgtable_64.h: the offset inverted and shifted up by 14, and down by 5. */
static uint64_t swap_entry(uint64_t type, uint64_t offset)
{
	return ~offset << 14 >> 5 | type << 59;
}

static void test_swap(void **state)
{
	struct vmi_absent_page page = decoded(&rules, swap_entry(3, 0x12345), 1);

	(void)state;
	assert_int_equal(page.why, VMI_ABSENT_SWAP);
	assert_int_equal(page.type, 3);
	assert_int_equal(page.offset, 0x12345);
	page = decoded(&rules, swap_entry(26, (UINT64_C(1) << 50) - 1) | 0x0e, 1); /* and marks */
	assert_int_equal(page.why, VMI_ABSENT_SWAP);
	assert_int_equal(page.type, 26);
	assert_int_equal(page.offset, (UINT64_C(1) << 50) - 1);
	assert_int_equal(decoded(&rules, swap_entry(27, 5), 1).why, VMI_ABSENT_OTHER);
	assert_int_equal(decoded(&rules, swap_entry(31, 5), 1).why, VMI_ABSENT_OTHER);
	page = decoded(&rules_32, 0x777u << 9 | 2u << 1, 1);
	assert_int_equal(page.why, VMI_ABSENT_SWAP);
	assert_int_equal(page.type, 2);
	assert_int_equal(page.offset, 0x777);
}

static void test_migration(void **state)
{
	(void)state;
	for (unsigned type = 28; type <= 30; type++) {
		/* Above the frame are marks: young, dirty. */
		uint64_t offset = 0x1abcd | UINT64_C(3) << 34;
		struct vmi_absent_page page = decoded(&rules, swap_entry(type, offset), 1);

		assert_int_equal(page.why, VMI_ABSENT_MIGRATION);
		assert_int_equal(page.gpa, 0x1abcd000);
		page = decoded(&rules, swap_entry(type, 0x1aa00), 2);
		assert_int_equal(page.why, VMI_ABSENT_MIGRATION);
		assert_int_equal(page.gpa, 0x1aa00000);
	}
}

/* Since 6.2 the two bits above the frame are marks; what memory a mode has tells where they are. */
static void test_moved_32bit(void **state)
{
	struct absent_rules pae = rules, legacy = rules_32;
	struct vmi_absent_page page;

	(void)state;
	pae.frame_bits = absent_frame_bits(VMI_MODE_PAE);
	page = decoded(&pae, swap_entry(28, 0xabcdef | 3 << 24), 1);
	assert_int_equal(page.why, VMI_ABSENT_MIGRATION);
	assert_int_equal(page.gpa, 0xabcdef000);
	legacy.frame_bits = absent_frame_bits(VMI_MODE_LEGACY);
	page = decoded(&legacy, (0xabcdeu | 3u << 20) << 9 | 28u << 1, 1);
	assert_int_equal(page.why, VMI_ABSENT_MIGRATION);
	assert_int_equal(page.gpa, 0xabcde000);
	assert_int_equal(absent_frame_bits(VMI_MODE_4LEVEL), 46 - 12);
	assert_int_equal(absent_frame_bits(VMI_MODE_5LEVEL), 52 - 12);
}

static void test_protected(void **state)
{
	/* The frame is inverted, NX and flags are not. */
	uint64_t entry = (~UINT64_C(0x123456000) & UINT64_C(0x000ffffffffff000)) |
			 UINT64_C(1) << 63 | 0x100 | 0x60;
	struct vmi_absent_page page = decoded(&rules, entry, 1);

	(void)state;
	assert_int_equal(page.why, VMI_ABSENT_PROTECTED);
	assert_int_equal(page.gpa, 0x123456000);
	/* Of a large page bit 12 is a flag. */
	entry = (~UINT64_C(0x40200000) & UINT64_C(0x000ffffffffff000)) | 0x180;
	page = decoded(&rules, entry, 2);
	assert_int_equal(page.why, VMI_ABSENT_PROTECTED);
	assert_int_equal(page.gpa, 0x40200000);
	assert_int_equal(decoded(&rules, entry & ~UINT64_C(0x80), 2).why, VMI_ABSENT_OTHER);
	page = decoded(&rules_32, 0x00765100, 1);
	assert_int_equal(page.why, VMI_ABSENT_PROTECTED);
	assert_int_equal(page.gpa, 0x00765000);
}

static void test_nothing(void **state)
{
	(void)state;
	for (unsigned level = 1; level <= 5; level++)
		assert_int_equal(decoded(&rules, 0, level).why, VMI_ABSENT_UNTOUCHED);
	assert_int_equal(decoded(&rules, 0x1000, 4).why, VMI_ABSENT_OTHER);
	assert_string_equal(vmi_absence_name(VMI_ABSENT_MIGRATION), "migration");
	assert_string_equal(vmi_absence_name((enum vmi_absence)77), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swap),        cmocka_unit_test(test_migration),
		cmocka_unit_test(test_moved_32bit), cmocka_unit_test(test_protected),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
