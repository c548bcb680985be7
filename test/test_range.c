/* SPDX-License-Identifier: MIT */
/* Walking a space as ranges: what merges, what does not, where it ends, that it ends. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "tables.h"

enum { TABLES = 0x100000 };

struct setting {
	struct fake *fake;
	struct vmi *vm;
	struct tables tables;
};

static void setting_begin(struct setting *s, enum vmi_mode mode)
{
	*s = (struct setting){.fake = fake_create()};
	tables_init(&s->tables, s->fake, mode, TABLES, 40);
}

static void setting_open(struct setting *s)
{
	s->vm = fake_open(s->fake, VMI_CAP_READ, NULL);
}

static void setting_end(struct setting *s)
{
	assert_int_equal(atomic_load(&s->fake->pins), 0); /* nothing stays pinned between steps */
	vmi_close(s->vm);
	fake_destroy(s->fake);
}

/* What should come, in words: "gva size status gpa shift rights". */
struct want {
	vmi_gva gva;
	uint64_t size;
	enum vmi_status status;
	vmi_gpa gpa;
	unsigned shift;
	unsigned access;
};

#define RWX (VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X)
#define RX  (VMI_ACCESS_R | VMI_ACCESS_X)
#define HOLE(gva, end)                                                                             \
	{                                                                                          \
		gva, (end) - (gva), VMI_ERR_NOT_PRESENT, 0, 0, 0                                   \
	}
#define NO_ADDRESS(gva, end)                                                                       \
	{                                                                                          \
		gva, (end) - (gva), VMI_ERR_NOT_CANONICAL, 0, 0, 0                                 \
	}

static void expect(struct setting *s, const struct vmi_space *space, vmi_gva first, vmi_gva last,
		   const struct want *want, size_t count)
{
	struct vmi_error err;
	struct vmi_range_iter it;
	struct vmi_range range;
	enum vmi_status st;
	size_t i = 0;

	vmi_range_begin(&it, s->vm, space, first, last);
	for (; !(st = vmi_range_next(&it, &range, &err)); i++) {
		assert_true(i < count);
		assert_int_equal(range.gva, want[i].gva);
		assert_int_equal(range.size, want[i].size);
		assert_int_equal(range.status, want[i].status);
		assert_int_equal(range.gpa, want[i].gpa);
		assert_int_equal(range.page_shift, want[i].shift);
		assert_int_equal(range.access, want[i].access);
	}
	assert_int_equal(st, VMI_END);
	assert_int_equal(i, count);
	assert_int_equal(vmi_range_next(&it, &range, &err), VMI_END);
}

#define EXPECT(s, first, last, want)                                                               \
	expect(s, &(s)->tables.space, first, last, want, sizeof(want) / sizeof((want)[0]))

static void empty(void **state)
{
	static const struct want four[] = {HOLE(0, BIT(47)), NO_ADDRESS(BIT(47), -BIT(47)),
					   HOLE(-BIT(47), 0)};
	static const struct want five[] = {HOLE(0, BIT(56)), NO_ADDRESS(BIT(56), -BIT(56)),
					   HOLE(-BIT(56), 0)};
	static const struct want narrow[] = {HOLE(0, BIT(32)), NO_ADDRESS(BIT(32), 0)};
	struct setting s;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	setting_open(&s);
	EXPECT(&s, 0, UINT64_MAX, four);
	setting_end(&s);
	setting_begin(&s, VMI_MODE_5LEVEL);
	setting_open(&s);
	EXPECT(&s, 0, UINT64_MAX, five);
	setting_end(&s);
	setting_begin(&s, VMI_MODE_PAE);
	setting_open(&s);
	EXPECT(&s, 0, UINT64_MAX, narrow);
	setting_end(&s);
	setting_begin(&s, VMI_MODE_LEGACY);
	setting_open(&s);
	EXPECT(&s, 0, UINT64_MAX, narrow);
	setting_end(&s);
}

/* 1024 consecutive pages over two tables are one range; so are what surrounds them. */
static void merge_across_tables(void **state)
{
	static const struct want want[] = {
		HOLE(0, 0x40000000),       {0x40000000, 0x400000, VMI_OK, 0x800000, 12, RWX},
		HOLE(0x40400000, BIT(47)), NO_ADDRESS(BIT(47), -BIT(47)),
		HOLE(-BIT(47), 0),
	};
	struct setting s;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	for (unsigned i = 0; i < 1024; i++)
		tables_set(&s.tables, 0x40000000 + i * 0x1000, 1,
			   (0x800000 + i * 0x1000) | P | W | U);
	setting_open(&s);
	EXPECT(&s, 0, UINT64_MAX, want);
	setting_end(&s);
}

/* Each change of frame, rights, user or page size makes a new range. */
static void no_merge(void **state)
{
	static const struct want want[] = {
		{0x0000, 0x1000, VMI_OK, 0x10000, 12, RWX},
		{0x1000, 0x1000, VMI_OK, 0x12000, 12, RWX}, /* a frame left out */
		{0x2000, 0x1000, VMI_OK, 0x13000, 12, RX},
		{0x3000, 0x1000, VMI_OK, 0x14000, 12, VMI_ACCESS_R},
		{0x4000, 0x1000, VMI_OK, 0x15000, 12, RWX}, /* user */
		{0x5000, 0x1000, VMI_OK, 0x16000, 12, RWX}, /* not */
		HOLE(0x6000, 0x8000),
		{0x8000, 0x2000, VMI_ERR_RESERVED_BITS, 0, 0, 0},
		HOLE(0xa000, 0x1ff000),
		{0x1ff000, 0x1000, VMI_OK, 0x3ff000, 12, RWX},
		{0x200000, 0x400000, VMI_OK, 0x400000, 21, RWX}, /* goes on, as two large pages */
		{0x600000, 0x200000, VMI_ERR_NOT_SAVED, 0, 0, 0},
		HOLE(0x800000, 0x801000),
	};
	struct setting s;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	s.tables.space.gpa_bits = 40;
	tables_set(&s.tables, 0x0000, 1, 0x10000 | P | W);
	tables_set(&s.tables, 0x1000, 1, 0x12000 | P | W);
	tables_set(&s.tables, 0x2000, 1, 0x13000 | P);
	tables_set(&s.tables, 0x3000, 1, 0x14000 | P | NX);
	tables_set(&s.tables, 0x4000, 1, 0x15000 | P | W | U);
	tables_set(&s.tables, 0x5000, 1, 0x16000 | P | W);
	tables_set(&s.tables, 0x8000, 1, BIT(40) | P);
	tables_set(&s.tables, 0x9000, 1, BIT(41) | P);
	tables_set(&s.tables, 0x1ff000, 1, 0x3ff000 | P | W);
	tables_set(&s.tables, 0x200000, 2, 0x400000 | P | W | PS);
	tables_set(&s.tables, 0x400000, 2, 0x600000 | P | W | PS | PAT);
	tables_set(&s.tables, 0x600000, 2, 0x7f000000 | P);
	setting_open(&s);
	EXPECT(&s, 0, 0x800fff, want);
	setting_end(&s);
}

/* Begin and end in the middle of pages, of large pages, of holes. */
static void clipping(void **state)
{
	static const struct want inside[] = {{0x40000123, 0x100, VMI_OK, 0x123, 21, RWX}};
	static const struct want one[] = {{0x401fffff, 1, VMI_OK, 0x1fffff, 21, RWX}};
	static const struct want over[] = {{0x401ffff0, 0x10, VMI_OK, 0x1ffff0, 21, RWX},
					   HOLE(0x40200000, 0x40200001)};
	static const struct want before[] = {HOLE(0x3fffffff, 0x40000000),
					     {0x40000000, 1, VMI_OK, 0, 21, RWX}};
	static const struct want hole[] = {HOLE(0x123, 0x457)};
	static const struct want edge[] = {HOLE(BIT(47) - 1, BIT(47)),
					   NO_ADDRESS(BIT(47), BIT(47) + 1)};
	static const struct want outside[] = {NO_ADDRESS(BIT(47) + 5, BIT(47) + 9)};
	static const struct want last[] = {HOLE(UINT64_MAX, 0)};
	struct setting s;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	tables_set(&s.tables, 0x40000000, 2, 0 | P | W | PS);
	setting_open(&s);
	EXPECT(&s, 0x40000123, 0x40000222, inside);
	EXPECT(&s, 0x401fffff, 0x401fffff, one);
	EXPECT(&s, 0x401ffff0, 0x40200000, over);
	EXPECT(&s, 0x3fffffff, 0x40000000, before);
	EXPECT(&s, 0x123, 0x456, hole);
	EXPECT(&s, BIT(47) - 1, BIT(47), edge);
	EXPECT(&s, BIT(47) + 5, BIT(47) + 8, outside);
	EXPECT(&s, UINT64_MAX, UINT64_MAX, last);
	expect(&s, &s.tables.space, 5, 4, NULL, 0); /* nothing was asked for */
	setting_end(&s);
}

/* The last page of all: its range ends at 2^64. */
static void last_page(void **state)
{
	static const struct want want[] = {HOLE(-BIT(21), -BIT(12)),
					   {-BIT(12), 0x1000, VMI_OK, 0x5000, 12, RWX}};
	struct setting s;

	(void)state;
	setting_begin(&s, VMI_MODE_5LEVEL);
	tables_set(&s.tables, -BIT(12), 1, 0x5000 | P | W);
	setting_open(&s);
	EXPECT(&s, -BIT(21), UINT64_MAX, want);
	setting_end(&s);
}

static void flat(void **state)
{
	static const struct want physical[] = {{0, BIT(52), VMI_OK, 0, 12, RWX},
					       NO_ADDRESS(BIT(52), 0)};
	static const struct want some[] = {{0x1234, 0x10, VMI_OK, 0x1234, 12, RWX}};
	static const struct want off[] = {{0, BIT(32), VMI_OK, 0, 12, RWX}, NO_ADDRESS(BIT(32), 0)};
	struct vmi_space none = {.mode = VMI_MODE_NONE};
	struct setting s;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	setting_open(&s);
	expect(&s, NULL, 0, UINT64_MAX, physical, 2);
	expect(&s, NULL, 0x1234, 0x1243, some, 1);
	expect(&s, &none, 0, UINT64_MAX, off, 2);
	setting_end(&s);
}

/* A space without a mode is no way to ask for physical addresses. */
static void no_mode(void **state)
{
	static const struct vmi_space spaces[] = {{.mode = VMI_MODE_AUTO}, {.mode = 77}};
	static const char *const words[] = {"a space needs a mode", "there is no paging mode 77"};
	struct setting s;
	struct vmi_error err;
	struct vmi_range_iter it;
	struct vmi_range range;
	struct vmi_translation t;
	struct vmi_walk walk;
	struct vmi_rmap *rmap = NULL;
	vmi_gva gva = 0;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	setting_open(&s);
	for (unsigned i = 0; i < 2; i++) {
		const struct vmi_space *space = &spaces[i];
		vmi_range_begin(&it, s.vm, space, 0, UINT64_MAX);
		CHECK_FAIL(vmi_range_next(&it, &range, &err), VMI_ERR_ARG, words[i]);
		CHECK_FAIL(vmi_rmap_create(s.vm, space, &rmap, &err), VMI_ERR_ARG, words[i]);
		CHECK_FAIL(vmi_translate(s.vm, space, 0, &t, &err), VMI_ERR_ARG, words[i]);
		assert_int_equal(t.status, VMI_ERR_ARG);
		CHECK_FAIL(vmi_walk(s.vm, space, 0, &walk, &err), VMI_ERR_ARG, words[i]);
		CHECK_FAIL(vmi_translate_batch(s.vm, space, &gva, 1, &t, &err), VMI_ERR_ARG,
			   words[i]);
		assert_null(rmap);
	}
	setting_end(&s);
}

/* What a table that is missing, whole or in part, decides about. */
static void tables_not_held(void **state)
{
	static const struct want root[] = {
		{0, BIT(47), VMI_ERR_NOT_SAVED, 0, 0, 0},
		NO_ADDRESS(BIT(47), -BIT(47)),
		{-BIT(47), BIT(47), VMI_ERR_NOT_SAVED, 0, 0, 0},
	};
	static const struct want part[] = {
		{0x0, 0x2000, VMI_OK, 0x10000, 12, RWX},
		{0x2000, 0x3000, VMI_ERR_NOT_SAVED, 0, 0, 0},
		{0x5000, 0x1000, VMI_OK, 0x15000, 12, RWX},
	};
	struct setting s;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	for (unsigned i = 0; i < 512; i++)
		tables_set(&s.tables, i * 0x1000, 1, (0x10000 + i * 0x1000) | P | W);
	fake_forget(s.fake, s.tables.next - 0x1000 + 2 * 8, 3 * 8);
	setting_open(&s);
	EXPECT(&s, 0, 0x5fff, part);
	s.tables.space.root = 0x7f000000;
	EXPECT(&s, 0, UINT64_MAX, root);
	setting_end(&s);
}

/* All entries of the root name the root: 2^36 pages. It must end, and say why. */
static void hostile_loop(void **state)
{
	static const enum vmi_mode modes[] = {VMI_MODE_4LEVEL, VMI_MODE_5LEVEL};
	struct vmi_error err;

	(void)state;
	for (unsigned m = 0; m < 2; m++) {
		struct setting s;
		struct vmi_range_iter it;
		struct vmi_range range;
		struct vmi_rmap *rmap = NULL;
		enum vmi_status st;
		clock_t start = clock();

		setting_begin(&s, modes[m]);
		for (unsigned i = 0; i < 512; i++)
			fake_put64(s.fake, TABLES + i * 8, TABLES | P | W | U);
		setting_open(&s);
		vmi_range_begin(&it, s.vm, &s.tables.space, 0, UINT64_MAX);
		while (!(st = vmi_range_next(&it, &range, &err)))
			assert_int_equal(range.status, VMI_OK);
		CHECK_FAIL(st, VMI_ERR_CORRUPT, "name each other in more ways");
		assert_int_equal(vmi_range_next(&it, &range, &err), VMI_END);
		CHECK_FAIL(vmi_rmap_create(s.vm, &s.tables.space, &rmap, &err), VMI_ERR_CORRUPT,
			   "root 0x100000");
		assert_true(clock() - start < 30 * CLOCKS_PER_SEC);
		setting_end(&s);
	}
}

/* A loop that is empty in the end: 512^3 tables without a page. It must end as well. */
static void hostile_emptiness(void **state)
{
	struct setting s;
	struct vmi_error err;
	struct vmi_range_iter it;
	struct vmi_range range;
	enum vmi_status st;

	(void)state;
	setting_begin(&s, VMI_MODE_4LEVEL);
	for (unsigned i = 0; i < 512; i++) {
		fake_put64(s.fake, TABLES + i * 8, (TABLES + 0x1000) | P);
		fake_put64(s.fake, TABLES + 0x1000 + i * 8, (TABLES + 0x2000) | P);
		fake_put64(s.fake, TABLES + 0x2000 + i * 8, (TABLES + 0x3000) | P);
	}
	setting_open(&s);
	vmi_range_begin(&it, s.vm, &s.tables.space, 0, UINT64_MAX);
	while (!(st = vmi_range_next(&it, &range, &err)))
		;
	CHECK_FAIL(st, VMI_ERR_CORRUPT, "name each other in more ways");
	setting_end(&s);
}

/* ---- against translating every page ------------------------------------------------------ */

static bool alike(const struct vmi_range *a, const struct vmi_range *b)
{
	if (a->status != b->status)
		return false;
	return a->status || (a->gpa + a->size == b->gpa && a->page_shift == b->page_shift &&
			     a->access == b->access && a->user == b->user);
}

static void compare(const struct vmi_range *range, vmi_gva gva, const struct vmi_translation *t)
{
	assert_int_equal(range->status, t->status);
	if (t->status)
		return;
	assert_int_equal(range->gpa + (gva - range->gva), t->gpa);
	assert_int_equal(range->page_shift, t->page_shift);
	assert_int_equal(range->access, t->access);
	assert_int_equal(range->user, t->user);
	assert_int_equal(range->level, t->level);
}

/* The range that gva is in, of an ascending array. */
static const struct vmi_range *range_of(const struct vmi_range *ranges, size_t count, vmi_gva gva)
{
	size_t low = 0, high = count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (ranges[mid].gva <= gva)
			low = mid;
		else
			high = mid;
	}
	return &ranges[low];
}

static size_t all_ranges(struct setting *s, struct vmi_range **out)
{
	struct vmi_error err;
	struct vmi_range_iter it;
	struct vmi_range range, *list = NULL;
	enum vmi_status st;
	size_t count = 0;

	vmi_range_begin(&it, s->vm, &s->tables.space, 0, UINT64_MAX);
	while (!(st = vmi_range_next(&it, &range, &err))) {
		assert_int_equal(range.gva, count ? list[count - 1].gva + list[count - 1].size : 0);
		assert_int_not_equal(range.size, 0);
		if (count) /* as long as it can be */
			assert_false(alike(&list[count - 1], &range));
		list = realloc(list, (count + 1) * sizeof(*list));
		list[count++] = range;
	}
	assert_int_equal(st, VMI_END);
	assert_int_equal(list[count - 1].gva + list[count - 1].size, 0); /* all of it */
	*out = list;
	return count;
}

/* All pages of a window at once: upwards, downwards, and with neighbours far apart. */
static void batches(struct setting *s, const struct window *window)
{
	size_t count = (size_t)(window->size / VMI_PAGE_SIZE);
	vmi_gva *gva = calloc(count, sizeof(*gva));
	struct vmi_translation *got = calloc(count, sizeof(*got)), one;
	struct vmi_error err;

	for (unsigned order = 0; order < 3; order++) {
		for (size_t i = 0; i < count; i++) {
			size_t page = order == 0 ? i : order == 1 ? count - 1 - i : i * 617 % count;
			gva[i] = window->gva + page * VMI_PAGE_SIZE + i % VMI_PAGE_SIZE;
		}
		memset(got, 0x5a, count * sizeof(*got));
		CHECK_OK(vmi_translate_batch(s->vm, &s->tables.space, gva, count, got, &err));
		for (size_t i = 0; i < count; i++) {
			(void)!vmi_translate(s->vm, &s->tables.space, gva[i], &one, NULL);
			assert_memory_equal(&got[i], &one,
					    offsetof(struct vmi_translation, user) + 1);
		}
	}
	free(gva);
	free(got);
}

static void against_translation(enum vmi_mode mode, uint64_t *seed)
{
	struct setting s;
	struct window windows[WINDOWS];
	struct vmi_range *ranges;

	setting_begin(&s, mode);
	tables_random(&s.tables, seed, windows);
	setting_open(&s);
	if (next_random(seed) % 4 == 0)
		vmi_translation_cache_disable(s.vm);
	for (unsigned w = 0; w < WINDOWS; w++)
		batches(&s, &windows[w]);
	size_t count = all_ranges(&s, &ranges);

	for (unsigned w = 0; w < WINDOWS; w++)
		for (uint64_t at = 0; at < windows[w].size; at += VMI_PAGE_SIZE) {
			vmi_gva gva = windows[w].gva + at + next_random(seed) % VMI_PAGE_SIZE;
			struct vmi_translation t;
			struct vmi_walk walk;
			struct vmi_error err;
			enum vmi_status st = vmi_translate(s.vm, &s.tables.space, gva, &t, &err);
			assert_int_equal(st, t.status);
			compare(range_of(ranges, count, gva), gva, &t);
			assert_int_equal(vmi_walk(s.vm, &s.tables.space, gva, &walk, NULL), st);
			assert_memory_equal(&walk.result, &t,
					    offsetof(struct vmi_translation, user));
		}
	/* Outside the windows: what was not touched. */
	for (size_t i = 0; i < count; i++) {
		struct vmi_translation t;
		vmi_gva last = ranges[i].gva + (ranges[i].size - 1);
		vmi_gva middle = ranges[i].gva + ranges[i].size / 2;
		(void)!vmi_translate(s.vm, &s.tables.space, middle, &t, NULL);
		compare(&ranges[i], middle, &t);
		(void)!vmi_translate(s.vm, &s.tables.space, last, &t, NULL);
		compare(&ranges[i], last, &t);
	}
	free(ranges);
	vmi_translation_cache_flush(s.vm);
	setting_end(&s);
}

static void property(void **state)
{
	uint64_t seed = 0x5eed;

	(void)state;
	for (unsigned round = 0; round < 25; round++)
		for (unsigned mode = VMI_MODE_LEGACY; mode <= VMI_MODE_5LEVEL; mode++)
			against_translation((enum vmi_mode)mode, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),        cmocka_unit_test(merge_across_tables),
		cmocka_unit_test(no_merge),     cmocka_unit_test(clipping),
		cmocka_unit_test(last_page),    cmocka_unit_test(flat),
		cmocka_unit_test(no_mode),      cmocka_unit_test(tables_not_held),
		cmocka_unit_test(hostile_loop), cmocka_unit_test(hostile_emptiness),
		cmocka_unit_test(property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
