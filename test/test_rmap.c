/* SPDX-License-Identifier: MIT */
/* Physical to virtual: against every page of a space, translated. */

#include <stdlib.h>

#include "check.h"
#include "tables.h"

enum { TABLES = 0x100000 };

struct pair {
	vmi_gpa gpa;
	vmi_gva gva;
};

static int pair_order(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	if (a->gpa != b->gpa)
		return a->gpa < b->gpa ? -1 : 1;
	return a->gva < b->gva ? -1 : a->gva > b->gva;
}

/* Every page of the windows that is mapped, by frame. */
static size_t brute_force(struct vmi *vm, const struct vmi_space *space,
			  const struct window windows[WINDOWS], struct pair **out)
{
	size_t count = 0, room = 0;
	struct pair *pairs;

	for (unsigned w = 0; w < WINDOWS; w++)
		room += windows[w].size / VMI_PAGE_SIZE;
	pairs = calloc(room, sizeof(*pairs));
	for (unsigned w = 0; w < WINDOWS; w++)
		for (uint64_t at = 0; at < windows[w].size; at += VMI_PAGE_SIZE) {
			struct vmi_translation t;
			if (!vmi_translate(vm, space, windows[w].gva + at, &t, NULL))
				pairs[count++] = (struct pair){t.gpa, windows[w].gva + at};
		}
	qsort(pairs, count, sizeof(*pairs), pair_order);
	*out = pairs;
	return count;
}

static void against_brute_force(enum vmi_mode mode, uint64_t *seed)
{
	struct fake *fake = fake_create();
	struct tables tables;
	struct window windows[WINDOWS];
	struct vmi_error err;
	struct vmi_rmap *rmap;
	struct pair *pairs;
	vmi_gva gva[64];

	tables_init(&tables, fake, mode, TABLES, 40);
	tables_random(&tables, seed, windows);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	size_t count = brute_force(vm, &tables.space, windows, &pairs);
	CHECK_OK(vmi_rmap_create(vm, &tables.space, &rmap, &err));

	for (size_t i = 0, same; i < count; i += same) {
		uint64_t offset = next_random(seed) % VMI_PAGE_SIZE;
		for (same = 1; i + same < count && pairs[i + same].gpa == pairs[i].gpa;)
			same++;
		assert_int_equal(vmi_rmap_find(rmap, pairs[i].gpa + offset, gva, 64), same);
		for (size_t n = 0; n < same && n < 64; n++)
			assert_int_equal(gva[n], pairs[i + n].gva + offset);
		/* Less room: the lowest ones, and still how many there are. */
		gva[1] = 0x5a;
		assert_int_equal(vmi_rmap_find(rmap, pairs[i].gpa, gva, 1), same);
		assert_int_equal(gva[0], pairs[i].gva);
		assert_int_equal(gva[1], 0x5a);
		assert_int_equal(vmi_rmap_find(rmap, pairs[i].gpa, NULL, 0), same);
		/* The frame behind, when nothing maps it. */
		if (i + same < count && pairs[i + same].gpa != pairs[i].gpa + VMI_PAGE_SIZE)
			assert_int_equal(vmi_rmap_find(rmap, pairs[i].gpa + VMI_PAGE_SIZE, gva, 64),
					 0);
	}
	assert_int_equal(vmi_rmap_find(rmap, UINT64_MAX, gva, 64), 0);
	vmi_rmap_destroy(rmap);
	free(pairs);
	vmi_close(vm);
	fake_destroy(fake);
}

static void property(void **state)
{
	uint64_t seed = 0xa11;

	(void)state;
	for (unsigned round = 0; round < 10; round++)
		for (unsigned mode = VMI_MODE_LEGACY; mode <= VMI_MODE_5LEVEL; mode++)
			against_brute_force((enum vmi_mode)mode, &seed);
}

/* Many aliases of one page, large pages among them: ascending, the lowest first. */
static void aliases(void **state)
{
	struct fake *fake = fake_create();
	struct tables tables;
	struct vmi_error err;
	struct vmi_rmap *rmap;
	vmi_gva gva[8];

	(void)state;
	tables_init(&tables, fake, VMI_MODE_4LEVEL, TABLES, 16);
	tables_set(&tables, -BIT(12), 1, 0x205000 | P);
	tables_set(&tables, 0x40000000, 2, 0x200000 | P | PS);
	tables_set(&tables, 0x80000000, 3, 0 | P | PS);
	tables_set(&tables, 0x7000, 1, 0x205000 | P | W);
	tables_set(&tables, 0x3000, 1, 0x205000 | P | NX);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	CHECK_OK(vmi_rmap_create(vm, &tables.space, &rmap, &err));
	assert_int_equal(vmi_rmap_find(rmap, 0x205abc, gva, 8), 5);
	assert_int_equal(gva[0], 0x3abc);
	assert_int_equal(gva[1], 0x7abc);
	assert_int_equal(gva[2], 0x40005abc);
	assert_int_equal(gva[3], 0x80205abc);
	assert_int_equal(gva[4], (uint64_t)-0x544);
	assert_int_equal(vmi_rmap_find(rmap, 0x205abc, gva, 3), 5);
	assert_int_equal(gva[2], 0x40005abc);
	assert_int_equal(vmi_rmap_find(rmap, 0x3fffffff, gva, 8), 1);
	assert_int_equal(gva[0], 0xbfffffff);
	assert_int_equal(vmi_rmap_find(rmap, 0x40000000, gva, 8), 0);
	vmi_rmap_destroy(rmap);

	/* It is of the moment it was made in. */
	vmi_rmap_destroy(NULL);
	CHECK_OK(vmi_rmap_create(vm, NULL, &rmap, &err)); /* physical: each is itself */
	assert_int_equal(vmi_rmap_find(rmap, 0x1234, gva, 8), 1);
	assert_int_equal(gva[0], 0x1234);
	vmi_rmap_destroy(rmap);
	vmi_close(vm);
	fake_destroy(fake);
}

static void nothing_mapped(void **state)
{
	struct fake *fake = fake_create();
	struct tables tables;
	struct vmi_error err;
	struct vmi_rmap *rmap;
	vmi_gva gva;

	(void)state;
	tables_init(&tables, fake, VMI_MODE_PAE, TABLES, 1);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	CHECK_OK(vmi_rmap_create(vm, &tables.space, &rmap, &err));
	assert_int_equal(vmi_rmap_find(rmap, 0, &gva, 1), 0);
	vmi_rmap_destroy(rmap);
	vmi_close(vm);
	fake_destroy(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(property),
		cmocka_unit_test(aliases),
		cmocka_unit_test(nothing_mapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
