/* SPDX-License-Identifier: MIT */
/* The translation cache: what counts, what is kept apart, what makes it forget. */

#include <string.h>

#include "check.h"
#include "tables.h"

enum { TABLES = 0x100000, FRAMES = 0x800000 /* where tables lie, where pages lead */ };
#define GVA UINT64_C(0x0000123456400000)

struct setting {
	struct fake *fake;
	struct vmi *vm;
	struct tables tables;
};

/* 512 pages from GVA on lead to consecutive frames, which are memory, too. */
static struct setting setting_make(enum fake_pages pages)
{
	struct setting s = {.fake = fake_create()};

	s.fake->pages = pages;
	tables_init(&s.tables, s.fake, VMI_MODE_4LEVEL, TABLES, 16);
	fake_memory(s.fake, FRAMES, 600);
	for (unsigned i = 0; i < 512; i++)
		tables_set(&s.tables, GVA + i * 0x1000, 1, (FRAMES + i * 0x1000) | P | W | U);
	s.vm = fake_open(s.fake, VMI_CAP_FULL, NULL);
	return s;
}

static void setting_end(struct setting *s)
{
	vmi_close(s->vm);
	fake_destroy(s->fake);
}

static struct vmi_cache_stats stats_of(const struct setting *s)
{
	struct vmi_cache_stats stats;

	vmi_translation_cache_stats(s->vm, &stats);
	return stats;
}

static void leads_to(struct setting *s, const struct vmi_space *space, vmi_gva gva, vmi_gpa gpa)
{
	struct vmi_error err;
	struct vmi_translation got;

	CHECK_OK(vmi_translate(s->vm, space, gva, &got, &err));
	assert_int_equal(got.gpa, gpa);
	CHECK_OK(vmi_translate_batch(s->vm, space, &gva, 1, &got, &err));
	assert_int_equal(got.status, VMI_OK);
	assert_int_equal(got.gpa, gpa);
}

/* Where the PTE of the ith page is. */
static vmi_gpa pte_of(struct setting *s, unsigned i)
{
	struct vmi_error err;
	struct vmi_walk walk;

	CHECK_OK(vmi_walk(s->vm, &s->tables.space, GVA + i * 0x1000, &walk, &err));
	assert_int_equal(walk.count, 4);
	return walk.step[3].entry_gpa;
}

static void counting(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_error err;
	struct vmi_translation got;

	(void)state;
	assert_int_equal(stats_of(&s).slots, 8192);
	assert_int_equal(stats_of(&s).used, 0);
	CHECK_OK(vmi_translate(s.vm, &s.tables.space, GVA + 1, &got, &err));
	assert_int_equal(stats_of(&s).misses, 1);
	assert_int_equal(stats_of(&s).hits, 0);
	assert_int_equal(stats_of(&s).used, 1);
	for (unsigned i = 0; i < 10; i++) /* the same page, wherever in it */
		CHECK_OK(vmi_translate(s.vm, &s.tables.space, GVA + i * 400, &got, &err));
	assert_int_equal(stats_of(&s).misses, 1);
	assert_int_equal(stats_of(&s).hits, 10);
	assert_int_equal(stats_of(&s).used, 1);

	/* No table is fetched for what is cached. */
	vmi_page_cache_flush(s.vm);
	CHECK_OK(vmi_translate(s.vm, &s.tables.space, GVA, &got, &err));
	unsigned gets = fake_calls(s.fake, FAKE_PAGE_GET);
	CHECK_OK(vmi_translate(s.vm, &s.tables.space, GVA, &got, &err));
	assert_int_equal(fake_calls(s.fake, FAKE_PAGE_GET), gets);
	setting_end(&s);
}

static void physical_is_not_cached(void **state)
{
	struct vmi_space flat = {.mode = VMI_MODE_NONE};
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_error err;
	struct vmi_translation got;
	uint64_t value;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		CHECK_OK(vmi_translate(s.vm, NULL, FRAMES, &got, &err));
		CHECK_OK(vmi_translate(s.vm, &flat, FRAMES, &got, &err));
		CHECK_OK(vmi_read_u64(s.vm, NULL, FRAMES, &value, &err));
	}
	assert_int_equal(stats_of(&s).used, 0);
	assert_int_equal(stats_of(&s).hits + stats_of(&s).misses, 0);
	vmi_translation_cache_flush_page(s.vm, NULL, FRAMES);
	vmi_translation_cache_flush_page(s.vm, &flat, FRAMES);
	setting_end(&s);
}

/* An address that failed is looked up again, and found once the guest maps it. */
static void failures_are_not_cached(void **state)
{
	static const struct {
		vmi_gva gva;
		unsigned level;
	} holes[] = {{GVA + 0x200000, 2}, {GVA + 0x40000000, 3}, {0x7000, 4}};
	struct vmi_error err;
	struct vmi_translation got;

	(void)state;
	for (unsigned pages = FAKE_MAPPED; pages <= FAKE_HELD; pages++) {
		struct setting s = setting_make((enum fake_pages)pages);
		leads_to(&s, &s.tables.space, GVA, FRAMES);
		for (size_t i = 0; i < 3; i++) {
			for (unsigned n = 0; n < 3; n++)
				CHECK_FAIL(vmi_translate(s.vm, &s.tables.space, holes[i].gva, &got,
							 &err),
					   VMI_ERR_NOT_PRESENT, "is not present");
			assert_int_equal(got.level, holes[i].level);
			tables_set(&s.tables, holes[i].gva, 1, 0x5000 | P);
			leads_to(&s, &s.tables.space, holes[i].gva, 0x5000);
		}
		/* In a table that is known already. */
		entry_put(s.fake, VMI_MODE_4LEVEL, pte_of(&s, 9), 0);
		vmi_translation_cache_flush(s.vm);
		leads_to(&s, &s.tables.space, GVA, FRAMES);
		CHECK_FAIL(vmi_translate(s.vm, &s.tables.space, GVA + 0x9000, &got, &err),
			   VMI_ERR_NOT_PRESENT, "PTE 0x0");
		tables_set(&s.tables, GVA + 0x9000, 1, 0x6000 | P);
		leads_to(&s, &s.tables.space, GVA + 0x9000, 0x6000);
		setting_end(&s);
	}
}

/* Whatever differs between two spaces keeps them apart, one after the other and mixed. */
static void spaces_apart(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	struct tables other;
	struct vmi_error err;
	struct vmi_translation got;
	vmi_gva bad = GVA + 0x1ff000;

	(void)state;
	vmi_close(s.vm);
	tables_init(&other, s.fake, VMI_MODE_4LEVEL, 0x200000, 8);
	for (unsigned i = 0; i < 512; i++)
		tables_set(&other, GVA + i * 0x1000, 1, (i * 0x1000) | P);
	entry_put(s.fake, VMI_MODE_4LEVEL, s.tables.next - 0x1000 + 0xff8, 0x9000 | P | NX);
	s.vm = fake_open(s.fake, VMI_CAP_FULL, NULL);

	struct vmi_space space = s.tables.space, no_nx = space, view = space, bits = space;
	struct vmi_space five = space;
	no_nx.flags = 0;
	view.view = 3;
	bits.gpa_bits = 16; /* so that FRAMES is above all memory */
	five.mode = VMI_MODE_5LEVEL;
	for (unsigned round = 0; round < 4; round++) {
		leads_to(&s, &space, GVA, FRAMES);
		leads_to(&s, &other.space, GVA, 0);
		leads_to(&s, &view, GVA, FRAMES);
		leads_to(&s, &space, bad, 0x9000);
		CHECK_FAIL(vmi_translate(s.vm, &no_nx, bad, &got, &err), VMI_ERR_RESERVED_BITS,
			   "PTE");
		CHECK_FAIL(vmi_translate(s.vm, &bits, GVA, &got, &err), VMI_ERR_RESERVED_BITS,
			   "PML4E");
		CHECK_FAIL(vmi_translate(s.vm, &five, GVA, &got, &err), VMI_ERR_NOT_PRESENT,
			   "PML5E");
		leads_to(&s, &other.space, bad, 0x1ff000);
		if (round == 2)
			vmi_translation_cache_flush_page(s.vm, &space, bad);
	}
	setting_end(&s);
}

enum { ROOTS = 5000, DIRECTORIES = 61 };

/*
 * More spaces than there are numbers for: PAE roots of 32 bytes each, whose first entry names one
 * of 61 directories, each with a large page of its own. In order, then at random.
 */
static void many_spaces(void **state)
{
	struct fake *fake = fake_create();
	struct setting s = {.fake = fake};
	uint64_t seed = 99;

	(void)state;
	fake->pages = FAKE_COPIED;
	fake_memory(fake, 0x100000, ROOTS * 32 / 4096 + 1);
	fake_memory(fake, 0x400000, DIRECTORIES);
	for (unsigned i = 0; i < ROOTS; i++)
		fake_put64(fake, 0x100000 + i * 32, (0x400000 + i % DIRECTORIES * 4096) | P);
	for (unsigned i = 0; i < DIRECTORIES; i++)
		fake_put64(fake, 0x400000 + i * 4096, (uint64_t)i << 21 | P | PS);
	s.vm = fake_open(fake, VMI_CAP_FULL, NULL);
	for (unsigned n = 0; n < 6 * ROOTS; n++) {
		unsigned limit = n < 3 * ROOTS ? ROOTS : 300;
		unsigned i = n < 2 * ROOTS ? n % ROOTS : (unsigned)(next_random(&seed) % limit);
		struct vmi_space space = {.root = 0x100000 + i * 32, .mode = VMI_MODE_PAE};
		leads_to(&s, &space, 0x1234, ((uint64_t)(i % DIRECTORIES) << 21) + 0x1234);
		if (n % 9973 == 9972)
			vmi_translation_cache_flush(s.vm);
	}
	setting_end(&s);
}

static void flushing(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_space unknown = {.root = 0x5000, .mode = VMI_MODE_PAE};
	struct vmi_error err;
	struct vmi_translation got;

	(void)state;
	leads_to(&s, &s.tables.space, GVA, FRAMES);
	/* The guest changes a table that is cached; the copy of it must go, too. */
	tables_set(&s.tables, GVA, 1, 0x5000 | P);
	leads_to(&s, &s.tables.space, GVA, FRAMES);
	vmi_translation_cache_flush_page(s.vm, &unknown, GVA);
	vmi_page_cache_flush(s.vm);
	leads_to(&s, &s.tables.space, GVA, 0x5000);

	/* Dropping the page that a table lies in drops what was read from it. */
	vmi_gpa pte = pte_of(&s, 0);
	tables_set(&s.tables, GVA, 1, 0x6000 | P);
	vmi_page_cache_flush_gfn(s.vm, pte >> VMI_PAGE_SHIFT);
	leads_to(&s, &s.tables.space, GVA, 0x6000);

	vmi_translation_cache_flush(s.vm);
	assert_int_equal(stats_of(&s).used, 0);
	uint64_t misses = stats_of(&s).misses;
	CHECK_OK(vmi_translate(s.vm, &s.tables.space, GVA, &got, &err));
	assert_int_equal(stats_of(&s).misses, misses + 1);

	vmi_translation_cache_flush_page(s.vm, &s.tables.space, GVA + 0x123);
	assert_int_equal(stats_of(&s).used, 0);
	CHECK_OK(vmi_translate(s.vm, &s.tables.space, GVA, &got, &err));
	assert_int_equal(stats_of(&s).misses, misses + 2);
	setting_end(&s);
}

/* Of a 2 MiB page, every piece that was cached is found by its own address. */
static void large_pages(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	uint64_t seed = 7;

	(void)state;
	vmi_close(s.vm);
	tables_set(&s.tables, 0x40000000, 2, 0x40000000 | P | PS | PAT);
	tables_set(&s.tables, 0x80000000, 3, 0x140000000 | P | PS);
	s.vm = fake_open(s.fake, VMI_CAP_FULL, NULL);
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t offset = next_random(&seed) % 0x200000;
		leads_to(&s, &s.tables.space, 0x40000000 + offset, 0x40000000 + offset);
		offset = next_random(&seed) % 0x40000000;
		leads_to(&s, &s.tables.space, 0x80000000 + offset, 0x140000000 + offset);
		if (i % 700 == 0)
			vmi_translation_cache_flush_page(s.vm, &s.tables.space, 0x80000000);
	}
	setting_end(&s);
}

static void disabling(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_error err;

	(void)state;
	leads_to(&s, &s.tables.space, GVA, FRAMES);
	vmi_translation_cache_disable(s.vm);
	vmi_page_cache_disable(s.vm);
	assert_int_equal(atomic_load(&s.fake->pins), 0);
	assert_int_equal(stats_of(&s).slots, 0);
	assert_int_equal(stats_of(&s).used, 0);
	unsigned gets = fake_calls(s.fake, FAKE_PAGE_GET);
	for (unsigned i = 0; i < 3; i++)
		leads_to(&s, &s.tables.space, GVA + i, FRAMES + i);
	assert_int_equal(fake_calls(s.fake, FAKE_PAGE_GET), gets + 6 * 4); /* four tables each */
	assert_int_equal(atomic_load(&s.fake->pins), 0);
	vmi_translation_cache_disable(s.vm);
	vmi_translation_cache_flush(s.vm);
	vmi_translation_cache_flush_page(s.vm, &s.tables.space, GVA);

	CHECK_OK(vmi_translation_cache_enable(s.vm, &err));
	assert_int_equal(stats_of(&s).slots, 8192);
	assert_int_equal(stats_of(&s).hits + stats_of(&s).misses, 0);
	leads_to(&s, &s.tables.space, GVA, FRAMES);
	assert_int_equal(stats_of(&s).hits, 1);
	CHECK_OK(vmi_translation_cache_enable(s.vm, &err)); /* is already */
	assert_int_equal(stats_of(&s).hits, 1);
	setting_end(&s);
}

static void resizing(void **state)
{
	static const struct {
		size_t asked, got;
	} sizes[] = {{1, 1}, {2, 2}, {3, 2}, {1000, 512}, {8192, 8192}, {100000, 65536}};
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_error err;

	(void)state;
	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		CHECK_OK(vmi_translation_cache_resize(s.vm, sizes[n].asked, &err));
		assert_int_equal(stats_of(&s).slots, sizes[n].got);
		assert_int_equal(stats_of(&s).used, 0);
		assert_int_equal(stats_of(&s).hits + stats_of(&s).misses, 0);
		for (unsigned i = 0; i < 512; i++)
			leads_to(&s, &s.tables.space, GVA + i * 0x1000 + i,
				 FRAMES + i * 0x1000 + i);
		assert_true(stats_of(&s).used <= sizes[n].got);
	}
	CHECK_FAIL(vmi_translation_cache_resize(s.vm, 0, &err), VMI_ERR_ARG, "disable it instead");
	CHECK_FAIL(vmi_translation_cache_resize(s.vm, SIZE_MAX, &err), VMI_ERR_NOMEM,
		   "out of memory");
	assert_int_equal(stats_of(&s).slots, 65536); /* as before */
	leads_to(&s, &s.tables.space, GVA, FRAMES);

	CHECK_OK(vmi_translation_cache_resize(s.vm, 64, &err));
	vmi_translation_cache_disable(s.vm);
	CHECK_OK(vmi_translation_cache_enable(s.vm, &err));
	assert_int_equal(stats_of(&s).slots, 64);
	setting_end(&s);
}

/* Writing an entry of any level through the handle, by gpa and by gva, is seen at once. */
static void own_writes(void **state)
{
	struct vmi_error err;

	(void)state;
	for (unsigned pages = FAKE_MAPPED; pages <= FAKE_COPIED; pages++)
		for (unsigned step = 0; step < 4; step++) {
			struct setting s = setting_make((enum fake_pages)pages);
			struct vmi_walk walk;
			leads_to(&s, &s.tables.space, GVA, FRAMES);
			CHECK_OK(vmi_walk(s.vm, &s.tables.space, GVA, &walk, &err));
			vmi_gpa at = walk.step[step].entry_gpa;
			struct vmi_translation got;
			CHECK_OK(vmi_write_uint(s.vm, NULL, at, 8, 0, &err));
			CHECK_FAIL(vmi_translate(s.vm, &s.tables.space, GVA, &got, &err),
				   VMI_ERR_NOT_PRESENT, "is not present");
			assert_int_equal(got.level, 4 - step);
			CHECK_OK(vmi_write_uint(s.vm, NULL, at, 8, walk.step[step].entry, &err));
			leads_to(&s, &s.tables.space, GVA, FRAMES);

			/* The guest maps the table's page: written there, it changes itself. */
			tables_set(&s.tables, GVA + 0x1000, 1, (at & ~UINT64_C(0xfff)) | P | W);
			vmi_page_cache_flush(s.vm);
			CHECK_OK(vmi_write_uint(s.vm, &s.tables.space, GVA + 0x1000 + (at & 0xfff),
						4, 0, &err));
			CHECK_FAIL(vmi_translate(s.vm, &s.tables.space, GVA, &got, &err),
				   VMI_ERR_NOT_PRESENT, "is not present");
			setting_end(&s);
		}
}

/* The guest changes its tables while it runs: nothing of before is left. */
static void pausing_and_resuming(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_error err;
	uint64_t value;

	(void)state;
	leads_to(&s, &s.tables.space, GVA, FRAMES);
	CHECK_OK(vmi_read_u64(s.vm, NULL, FRAMES, &value, &err));
	tables_set(&s.tables, GVA, 1, 0x5000 | P);
	fake_put64(s.fake, FRAMES, 5);
	CHECK_OK(vmi_pause(s.vm, &err)); /* what it sees from here on is what is now */
	leads_to(&s, &s.tables.space, GVA, 0x5000);
	CHECK_OK(vmi_read_u64(s.vm, NULL, FRAMES, &value, &err));
	assert_int_equal(value, 5);

	CHECK_OK(vmi_resume(s.vm, &err));
	tables_set(&s.tables, GVA, 1, 0x6000 | P);
	fake_put64(s.fake, FRAMES, 6);
	leads_to(&s, &s.tables.space, GVA, 0x6000);
	CHECK_OK(vmi_read_u64(s.vm, NULL, FRAMES, &value, &err));
	assert_int_equal(value, 6);
	setting_end(&s);
}

static struct vmi_response look(void *context, const struct vmi_event *event)
{
	struct setting *s = context;

	(void)event;
	/* Before the nth event the guest has made the page lead to frame n. */
	leads_to(s, &s->tables.space, GVA, s->fake->response_count ? 0x2000 : 0x1000);
	tables_set(&s->tables, GVA, 1, (s->fake->response_count ? 0x3000 : 0x2000) | P);
	return vmi_response_default();
}

static void events(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_event event = {.view = VMI_VIEW_NONE, .reason = VMI_REASON_CPUID};
	struct vmi_error err;

	(void)state;
	leads_to(&s, &s.tables.space, GVA, FRAMES);
	tables_set(&s.tables, GVA, 1, 0x1000 | P);
	fake_event(s.fake, &event);
	fake_event(s.fake, &event);
	CHECK_OK(vmi_event_wait(s.vm, 0, look, &s, &err));
	assert_int_equal(s.fake->response_count, 2);
	/* The vcpu went on after the last response. */
	leads_to(&s, &s.tables.space, GVA, 0x3000);
	setting_end(&s);
}

/* Tables stay pinned in the cache; closing gives them back. fake_destroy() looks. */
static void closing_with_pinned_tables(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);

	(void)state;
	for (unsigned i = 0; i < 512; i++)
		leads_to(&s, &s.tables.space, GVA + i * 0x1000, FRAMES + i * 0x1000);
	assert_true(atomic_load(&s.fake->pins) > 0);
	vmi_page_cache_flush(s.vm);
	leads_to(&s, &s.tables.space, GVA, FRAMES);
	setting_end(&s);
}

/* A table held in part is not kept as a region, but is right. */
static void table_in_part(void **state)
{
	struct setting s = setting_make(FAKE_COPIED);
	struct vmi_error err;
	struct vmi_translation got;

	(void)state;
	fake_forget(s.fake, pte_of(&s, 256), 8 * 100);
	vmi_page_cache_flush(s.vm);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 512; i++) {
			if (i < 256 || i >= 356) {
				leads_to(&s, &s.tables.space, GVA + i * 0x1000,
					 FRAMES + i * 0x1000);
				continue;
			}
			CHECK_FAIL(
				vmi_translate(s.vm, &s.tables.space, GVA + i * 0x1000, &got, &err),
				VMI_ERR_NOT_SAVED, "is not in the image");
			assert_int_equal(got.level, 2);
		}
	setting_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counting),
		cmocka_unit_test(physical_is_not_cached),
		cmocka_unit_test(failures_are_not_cached),
		cmocka_unit_test(spaces_apart),
		cmocka_unit_test(many_spaces),
		cmocka_unit_test(flushing),
		cmocka_unit_test(large_pages),
		cmocka_unit_test(disabling),
		cmocka_unit_test(resizing),
		cmocka_unit_test(own_writes),
		cmocka_unit_test(pausing_and_resuming),
		cmocka_unit_test(events),
		cmocka_unit_test(closing_with_pinned_tables),
		cmocka_unit_test(table_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
