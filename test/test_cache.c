/* SPDX-License-Identifier: MIT */
/* The page cache: what is asked of the driver, what stays, what is given back. */

#include <string.h>

#include "check.h"
#include "fake_driver.h"

enum { PAGES = 64, BASE = 0x100 /* gfn */ };

struct setting {
	struct fake *fake;
	struct vmi *vm;
};

/* Memory in which each page begins with its number; a page costs something to get. */
static struct setting setting_make(size_t slots, enum fake_pages pages)
{
	struct setting s = {.fake = fake_create()};
	struct vmi_open_options options = {.size = sizeof(options), .page_slots = slots};

	s.fake->pages = pages;
	fake_memory(s.fake, BASE << VMI_PAGE_SHIFT, PAGES);
	for (unsigned i = 0; i < PAGES; i++)
		fake_put64(s.fake, (vmi_gpa)(BASE + i) << VMI_PAGE_SHIFT, i);
	s.vm = fake_open(s.fake, VMI_CAP_FULL, &options);
	return s;
}

static void setting_end(struct setting *s)
{
	vmi_close(s->vm);
	fake_destroy(s->fake);
}

static uint64_t number_of(const struct vmi_page *page)
{
	uint64_t number;

	memcpy(&number, page->data, sizeof(number));
	return number;
}

static struct vmi_page pin(struct setting *s, unsigned i)
{
	struct vmi_error err;
	struct vmi_page page;

	CHECK_OK(vmi_page_get(s->vm, BASE + i, &page, &err));
	assert_int_equal(number_of(&page), i);
	return page;
}

static void touch(struct setting *s, unsigned i)
{
	struct vmi_page page = pin(s, i);

	vmi_page_put(s->vm, &page);
}

static struct vmi_cache_stats stats_of(const struct setting *s)
{
	struct vmi_cache_stats stats;

	vmi_page_cache_stats(s->vm, &stats);
	return stats;
}

static void asked_once(void **state)
{
	struct setting s = setting_make(0, FAKE_COPIED);

	(void)state;
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < PAGES; i++)
			touch(&s, i);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(fake_gets(s.fake, BASE + i), 1);
	struct vmi_cache_stats stats = stats_of(&s);
	assert_int_equal(stats.slots, 8192);
	assert_int_equal(stats.used, PAGES);
	assert_int_equal(stats.misses, PAGES);
	assert_int_equal(stats.hits, 2 * PAGES);
	setting_end(&s);
}

/* What lies in a mapping costs nothing and takes no slot. */
static void mapped_pages_need_no_slot(void **state)
{
	struct setting s = setting_make(0, FAKE_MAPPED);

	(void)state;
	for (unsigned i = 0; i < PAGES; i++) {
		struct vmi_page page = pin(&s, i);
		assert_ptr_equal(page.data, fake_at(s.fake, (vmi_gpa)(BASE + i) << VMI_PAGE_SHIFT));
		assert_int_equal(page.extent, (PAGES - i) * VMI_PAGE_SIZE);
		vmi_page_put(s.vm, &page);
	}
	assert_int_equal(stats_of(&s).used, 0);
	assert_int_equal(atomic_load(&s.fake->pins), 0);
	setting_end(&s);
}

static void failures_are_not_cached(void **state)
{
	struct setting s = setting_make(0, FAKE_COPIED);
	struct vmi_error err;
	struct vmi_page page;

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		CHECK_FAIL(vmi_page_get(s.vm, 7, &page, &err), VMI_ERR_NOT_SAVED,
			   "no memory at gfn 0x7");
		assert_int_equal(fake_calls(s.fake, FAKE_PAGE_GET), i);
	}
	assert_int_equal(stats_of(&s).used, 0);
	fake_memory(s.fake, 0x7000, 1);
	CHECK_OK(vmi_page_get(s.vm, 7, &page, &err));
	vmi_page_put(s.vm, &page);

	fake_fail(s.fake, FAKE_PAGE_GET, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_page_get(s.vm, BASE, &page, &err), VMI_ERR_IO, "injected failure");
	touch(&s, 0);
	setting_end(&s);
}

static void no_such_gfn(void **state)
{
	static const vmi_gfn gfns[] = {UINT64_C(1) << 40, UINT64_C(1) << 52, UINT64_MAX};
	struct setting s = setting_make(0, FAKE_COPIED);
	struct vmi_error err;
	struct vmi_page page;

	(void)state;
	for (size_t i = 0; i < sizeof(gfns) / sizeof(gfns[0]); i++) {
		CHECK_FAIL(vmi_page_get(s.vm, gfns[i], &page, &err), VMI_ERR_NOT_SAVED,
			   "above all physical memory");
		vmi_page_cache_flush_gfn(s.vm, gfns[i]);
	}
	touch(&s, 1);
	for (size_t i = 0; i < sizeof(gfns) / sizeof(gfns[0]); i++)
		vmi_page_cache_flush_gfn(s.vm, gfns[i]);
	assert_int_equal(fake_calls(s.fake, FAKE_PAGE_GET), 1);
	setting_end(&s);
}

static void eviction(void **state)
{
	struct setting s = setting_make(8, FAKE_COPIED);

	(void)state;
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < PAGES; i++) {
			touch(&s, i);
			assert_true(stats_of(&s).used <= 8);
			assert_int_equal(atomic_load(&s.fake->pins), stats_of(&s).used);
		}
	assert_int_equal(fake_calls(s.fake, FAKE_PAGE_GET), 3 * PAGES);
	setting_end(&s);
}

/* A page in use all the time is not the one to go. */
static void what_is_used_stays(void **state)
{
	struct setting s = setting_make(8, FAKE_COPIED);

	(void)state;
	for (unsigned i = 1; i < PAGES; i++) {
		touch(&s, 0);
		touch(&s, i);
	}
	assert_int_equal(fake_gets(s.fake, BASE), 1);
	setting_end(&s);
}

static void what_happens(struct setting *s, unsigned what)
{
	struct vmi_error err;

	switch (what) {
	case 0:
		vmi_page_cache_flush(s->vm);
		break;
	case 1:
		vmi_page_cache_flush_gfn(s->vm, BASE);
		break;
	case 2:
		CHECK_OK(vmi_page_cache_resize(s->vm, 16, &err));
		break;
	case 3:
		vmi_page_cache_disable(s->vm);
		break;
	case 4:
		for (unsigned i = 1; i < PAGES; i++)
			touch(s, i);
		break;
	case 5:
		vmi_page_cache_disable(s->vm);
		CHECK_OK(vmi_page_cache_enable(s->vm, &err));
		break;
	default:
		CHECK_OK(vmi_write_uint(s->vm, NULL, (BASE << VMI_PAGE_SHIFT) + 8, 8, 1, &err));
		break;
	}
}

/* Pinned twice, then anything: the bytes stay until the last put, and go back to the driver. */
static void pinned_pages_survive(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 7 * 7; what++) {
		struct setting s = setting_make(8, what % 2 ? FAKE_COPIED : FAKE_HELD);
		struct vmi_page first = pin(&s, 0), second = pin(&s, 0);
		const uint8_t *data = first.data;
		assert_ptr_equal(second.data, data);
		what_happens(&s, what % 7);
		assert_int_equal(number_of(&first), 0);
		vmi_page_put(s.vm, &first);
		what_happens(&s, what / 7);
		assert_ptr_equal(second.data, data);
		assert_int_equal(number_of(&second), 0);
		touch(&s, 0);
		vmi_page_put(s.vm, &second);
		touch(&s, 0);
		setting_end(&s);
	}
}

/* More pins than slots: pinning never fails for want of them. */
static void all_ways_pinned(void **state)
{
	static const size_t slots[] = {1, 2, 7, 8, 16};

	(void)state;
	for (size_t n = 0; n < sizeof(slots) / sizeof(slots[0]); n++) {
		struct setting s = setting_make(slots[n], FAKE_COPIED);
		struct vmi_page pages[PAGES];
		for (unsigned i = 0; i < PAGES; i++)
			pages[i] = pin(&s, i);
		assert_true(stats_of(&s).used <= slots[n]);
		for (unsigned i = 0; i < PAGES; i++)
			assert_int_equal(number_of(&pages[i]), i);
		for (unsigned i = 0; i < PAGES; i++)
			vmi_page_put(s.vm, &pages[i]);
		assert_int_equal(atomic_load(&s.fake->pins), stats_of(&s).used);
		setting_end(&s);
	}
}

static void flushing(void **state)
{
	struct setting s = setting_make(0, FAKE_COPIED);

	(void)state;
	for (unsigned i = 0; i < PAGES; i++)
		touch(&s, i);
	vmi_page_cache_flush_gfn(s.vm, BASE + 5);
	assert_int_equal(stats_of(&s).used, PAGES - 1);
	vmi_page_cache_flush_gfn(s.vm, 5); /* not there */
	assert_int_equal(stats_of(&s).used, PAGES - 1);
	for (unsigned i = 0; i < PAGES; i++)
		touch(&s, i);
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(fake_gets(s.fake, BASE + i), i == 5 ? 2 : 1);

	vmi_page_cache_flush(s.vm);
	assert_int_equal(stats_of(&s).used, 0);
	assert_int_equal(atomic_load(&s.fake->pins), 0);
	assert_true(stats_of(&s).hits > 0); /* flushing does not reset the counters */
	touch(&s, 0);
	assert_int_equal(fake_gets(s.fake, BASE), 2);
	setting_end(&s);
}

static void disabled(void **state)
{
	struct setting s = setting_make(0, FAKE_COPIED);
	struct vmi_error err;

	(void)state;
	touch(&s, 0);
	vmi_page_cache_disable(s.vm);
	assert_int_equal(stats_of(&s).slots, 0);
	assert_int_equal(stats_of(&s).used, 0);
	assert_int_equal(atomic_load(&s.fake->pins), 0);
	touch(&s, 0);
	touch(&s, 0);
	assert_int_equal(fake_gets(s.fake, BASE), 3);
	vmi_page_cache_disable(s.vm);
	vmi_page_cache_flush(s.vm);
	vmi_page_cache_flush_gfn(s.vm, BASE);

	CHECK_OK(vmi_page_cache_enable(s.vm, &err));
	assert_int_equal(stats_of(&s).slots, 8192);
	assert_int_equal(stats_of(&s).hits + stats_of(&s).misses, 0);
	touch(&s, 0);
	touch(&s, 0);
	assert_int_equal(fake_gets(s.fake, BASE), 4);
	CHECK_OK(vmi_page_cache_enable(s.vm, &err)); /* is already: nothing changes */
	assert_int_equal(stats_of(&s).used, 1);
	assert_int_equal(stats_of(&s).hits, 1);
	setting_end(&s);
}

static void resizing(void **state)
{
	static const struct {
		size_t asked, got;
	} sizes[] = {{1, 1}, {2, 2}, {7, 7}, {8, 8}, {15, 8}, {16, 16}, {100, 64}, {8192, 8192}};
	struct setting s = setting_make(0, FAKE_COPIED);
	struct vmi_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		touch(&s, 0);
		CHECK_OK(vmi_page_cache_resize(s.vm, sizes[i].asked, &err));
		assert_int_equal(stats_of(&s).slots, sizes[i].got);
		assert_int_equal(stats_of(&s).used, 0);
		assert_int_equal(stats_of(&s).misses, 0);
		for (unsigned p = 0; p < PAGES; p++)
			touch(&s, p);
		assert_true(stats_of(&s).used <= sizes[i].got);
	}
	CHECK_FAIL(vmi_page_cache_resize(s.vm, 0, &err), VMI_ERR_ARG, "disable it instead");
	CHECK_FAIL(vmi_page_cache_resize(s.vm, SIZE_MAX, &err), VMI_ERR_NOMEM, "out of memory");
	assert_int_equal(stats_of(&s).slots, 8192); /* as before */
	touch(&s, 3);

	/* The size is kept while it is off. */
	CHECK_OK(vmi_page_cache_resize(s.vm, 16, &err));
	vmi_page_cache_disable(s.vm);
	CHECK_OK(vmi_page_cache_enable(s.vm, &err));
	assert_int_equal(stats_of(&s).slots, 16);
	setting_end(&s);
}

/* Everything at random, against what must hold whatever is done. */
static void at_random(void **state)
{
	struct setting s = setting_make(8, FAKE_COPIED);
	struct vmi_page pages[16];
	unsigned held = 0;
	uint64_t seed = 20240607, versions[PAGES] = {0}, seen[16];
	struct vmi_error err;

	(void)state;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)(next_random(&seed) % PAGES);
		vmi_gpa gpa = ((vmi_gpa)(BASE + i) << VMI_PAGE_SHIFT) + 8;
		unsigned what = (unsigned)(next_random(&seed) % 64);
		if (what < 24 && held < 16) {
			pages[held] = pin(&s, i);
			memcpy(&seen[held], pages[held].data + 8, 8);
			assert_int_equal(seen[held++], versions[i]);
		} else if (what < 52 && held) {
			unsigned at = (unsigned)(next_random(&seed) % held);
			uint64_t now;
			memcpy(&now, pages[at].data + 8, 8);
			assert_int_equal(now, seen[at]); /* its bytes have not changed */
			vmi_page_put(s.vm, &pages[at]);
			pages[at] = pages[--held];
			seen[at] = seen[held];
		} else if (what < 58) {
			CHECK_OK(vmi_write_uint(s.vm, NULL, gpa, 8, ++versions[i], &err));
		} else if (what == 58) {
			vmi_page_cache_flush(s.vm);
		} else if (what == 59) {
			vmi_page_cache_flush_gfn(s.vm, BASE + i);
		} else if (what == 60) {
			CHECK_OK(vmi_page_cache_resize(s.vm, 1 + i, &err));
		} else if (what == 61) {
			vmi_page_cache_disable(s.vm);
		} else if (what == 62) {
			CHECK_OK(vmi_page_cache_enable(s.vm, &err));
		}
		assert_true((size_t)atomic_load(&s.fake->pins) <= stats_of(&s).used + held);
	}
	while (held)
		vmi_page_put(s.vm, &pages[--held]);
	assert_int_equal(atomic_load(&s.fake->pins), stats_of(&s).used);
	setting_end(&s);
}

/* As a driver that makes pages: once more, where the reader wants it. */
static enum vmi_status unpack(void *self, vmi_gfn gfn, uint8_t *out, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	struct vmi_page page;
	enum vmi_status st = fake->ops.page.get(self, gfn, &page, err);

	if (st)
		return st;
	memcpy(out, page.data, VMI_PAGE_SIZE);
	fake->ops.page.put(self, &page);
	return VMI_OK;
}

static void read_whole(struct setting *s, unsigned i)
{
	uint8_t buf[VMI_PAGE_SIZE];
	struct vmi_error err;
	uint64_t number;

	CHECK_OK(vmi_read_bytes(s->vm, NULL, (vmi_gpa)(BASE + i) << VMI_PAGE_SHIFT, buf,
				sizeof(buf), NULL, &err));
	memcpy(&number, buf, sizeof(number));
	assert_int_equal(number, i);
}

/* Who reads all of a page goes past the cache, until it is asked for again. */
static void whole_pages(void **state)
{
	struct setting s = setting_make(0, FAKE_COPIED);
	uint8_t buf[3 * VMI_PAGE_SIZE];
	struct vmi_error err;

	(void)state;
	s.fake->ops.page.unpack = unpack;
	read_whole(&s, 0);
	assert_int_equal(stats_of(&s).used, 0);
	for (unsigned round = 0; round < 3; round++)
		read_whole(&s, 0);
	assert_int_equal(stats_of(&s).used, 1);
	assert_int_equal(fake_gets(s.fake, BASE), 2);
	assert_int_equal(stats_of(&s).misses, 2);
	assert_int_equal(stats_of(&s).hits, 2);

	/* What is held is not made again; of what is read in part, all is kept. */
	touch(&s, 1);
	read_whole(&s, 1);
	assert_int_equal(fake_gets(s.fake, BASE + 1), 1);
	CHECK_OK(vmi_read_bytes(s.vm, NULL, ((BASE + 2) << VMI_PAGE_SHIFT) + 8, buf, sizeof(buf),
				NULL, &err));
	assert_int_equal(stats_of(&s).used, 4);
	assert_int_equal(fake_gets(s.fake, BASE + 3), 1);

	vmi_page_cache_disable(s.vm);
	read_whole(&s, 1);
	assert_int_equal(fake_gets(s.fake, BASE + 1), 2);
	CHECK_FAIL(vmi_read_bytes(s.vm, NULL, UINT64_C(1) << 52, buf, sizeof(buf), NULL, &err),
		   VMI_ERR_NOT_SAVED, "is above all physical memory");
	CHECK_FAIL(vmi_read_bytes(s.vm, NULL, 0, buf, sizeof(buf), NULL, &err), VMI_ERR_NOT_SAVED,
		   "reading gpa 0x0: no memory at gfn 0x0");
	setting_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_once),
		cmocka_unit_test(mapped_pages_need_no_slot),
		cmocka_unit_test(failures_are_not_cached),
		cmocka_unit_test(no_such_gfn),
		cmocka_unit_test(eviction),
		cmocka_unit_test(what_is_used_stays),
		cmocka_unit_test(pinned_pages_survive),
		cmocka_unit_test(all_ways_pinned),
		cmocka_unit_test(flushing),
		cmocka_unit_test(disabled),
		cmocka_unit_test(resizing),
		cmocka_unit_test(at_random),
		cmocka_unit_test(whole_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
