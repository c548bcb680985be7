/* SPDX-License-Identifier: MIT */
/* From the records of a migration stream, in their order, to the page that each of them gives. */

#include <stdlib.h>
#include <string.h>

#include "qemu_pages.h"

static struct page_ref make_ref(enum page_kind kind, uint64_t where)
{
	return (struct page_ref){(uint64_t)kind << 60 | where};
}

/* What a page is that stands `n` behind the first of a run. */
static struct page_ref ref_at(struct page_ref first, uint64_t n)
{
	/* The other kinds are all alike, or alone. */
	return page_ref_kind(first) == PAGE_PLAIN
		       ? (struct page_ref){first.packed + n * PAGE_STRIDE}
		       : first;
}

static uint64_t run_end(const struct page_run *run)
{
	return (uint64_t)run->first + run->count;
}

/* The run without the pages before `page`, which is in it. */
static struct page_run tail(struct page_run run, uint64_t page)
{
	uint64_t n = page - run.first;

	return (struct page_run){(uint32_t)page, (uint32_t)(run.count - n), ref_at(run.ref, n)};
}

static bool may_join(const struct page_run *run, const struct page_run *next)
{
	enum page_kind kind = page_ref_kind(next->ref);

	return run_end(run) == next->first && (kind == PAGE_PLAIN || kind == PAGE_FILL) &&
	       ref_at(run->ref, run->count).packed == next->ref.packed &&
	       run->count <= UINT32_MAX - next->count;
}

/* ---- the log -------------------------------------------------------------------------------- */

static bool push(struct pages *pages, const struct page_run *run)
{
	if (pages->count && may_join(&pages->run[pages->count - 1], run)) {
		pages->run[pages->count - 1].count += run->count;
		return true;
	}
	if (pages->count == pages->room) {
		size_t room = pages->room ? pages->room * 2 : 256;
		struct page_run *grown = realloc(pages->run, room * sizeof(*grown));
		if (!grown)
			return false;
		pages->run = grown;
		pages->room = room;
	}
	pages->run[pages->count++] = *run;
	return true;
}

static bool push_delta(struct pages *pages, uint64_t at)
{
	if (pages->delta_count == pages->delta_room) {
		size_t room = pages->delta_room ? pages->delta_room * 2 : 64;
		struct page_delta *grown = realloc(pages->delta, room * sizeof(*grown));
		if (!grown)
			return false;
		pages->delta = grown;
		pages->delta_room = room;
	}
	pages->delta[pages->delta_count++] = (struct page_delta){.at = at};
	return true;
}

bool pages_add(struct pages *pages, uint32_t page, enum page_kind kind, uint64_t where)
{
	if (kind == PAGE_DELTA) {
		if (!push_delta(pages, where))
			return false;
		where = pages->delta_count - 1;
	}
	return push(pages, &(struct page_run){page, 1, make_ref(kind, where)});
}

/* ---- from the log to a sorted list ---------------------------------------------------------- */

/*
 * A natural merge sort. Whoever writes a stream goes through memory in ascending order, again and
 * again until nothing changes any more, so the log is a few ascending stretches. Two neighbours
 * merge into one; where both have a page, the later one wins. One stretch left: done.
 */
static size_t stretch_end(const struct pages *log, size_t i)
{
	while (++i < log->count && log->run[i].first >= run_end(&log->run[i - 1]))
		;
	return i;
}

/* What `base` says of a page is what the difference `newer` (or the first before it) is to. */
static void found_base(struct pages *log, struct page_ref newer, struct page_ref base)
{
	struct page_delta *delta = &log->delta[page_ref_where(newer)];

	while (page_ref_kind(delta->base) == PAGE_DELTA)
		delta = &log->delta[page_ref_where(delta->base)];
	if (page_ref_kind(delta->base) == PAGE_NONE)
		delta->base = base;
}

/* What is next of a stretch while it is merged. */
struct feed {
	const struct page_run *next, *end;
	struct page_run run; /* the rest of *next */
};

static void feed_step(struct feed *feed)
{
	if (++feed->next < feed->end)
		feed->run = *feed->next;
}

static struct feed feed_begin(const struct pages *log, size_t from, size_t to)
{
	struct feed feed = {.next = log->run + from, .end = log->run + to};

	if (from < to)
		feed.run = *feed.next;
	return feed;
}

/* Both stretches have a page at the start of feed `older`: it loses what `newer` has. */
static void overrule(struct pages *log, struct feed *older, const struct page_run *newer)
{
	if (page_ref_kind(newer->ref) == PAGE_DELTA)
		found_base(log, newer->ref, older->run.ref);
	if (run_end(&older->run) <= run_end(newer))
		feed_step(older);
	else
		older->run = tail(older->run, run_end(newer));
}

static bool merge(struct pages *log, size_t from, size_t middle, size_t to, struct pages *out)
{
	struct feed older = feed_begin(log, from, middle), newer = feed_begin(log, middle, to);
	bool ok = true;

	while (ok && older.next < older.end && newer.next < newer.end) {
		if (run_end(&older.run) <= newer.run.first) {
			ok = push(out, &older.run);
			feed_step(&older);
		} else if (run_end(&newer.run) <= older.run.first) {
			ok = push(out, &newer.run);
			feed_step(&newer);
		} else if (older.run.first < newer.run.first) {
			struct page_run head = older.run;
			head.count = newer.run.first - head.first;
			ok = push(out, &head);
			older.run = tail(older.run, newer.run.first);
		} else {
			overrule(log, &older, &newer.run);
		}
	}
	for (; ok && older.next < older.end; feed_step(&older))
		ok = push(out, &older.run);
	for (; ok && newer.next < newer.end; feed_step(&newer))
		ok = push(out, &newer.run);
	return ok;
}

/* Merge each two neighbouring stretches of the log. */
static bool merge_all(struct pages *log)
{
	struct pages out = {0};
	bool ok = true;

	for (size_t from = 0, to; ok && from < log->count; from = to) {
		size_t middle = stretch_end(log, from);
		to = middle < log->count ? stretch_end(log, middle) : middle;
		ok = merge(log, from, middle, to, &out);
	}
	if (!ok) {
		free(out.run);
		return false;
	}
	free(log->run);
	log->run = out.run;
	log->count = out.count;
	log->room = out.room;
	return true;
}

bool pages_finish(struct pages *pages)
{
	while (pages->count && stretch_end(pages, 0) < pages->count)
		if (!merge_all(pages))
			return false;
	if (pages->count < pages->room) {
		struct page_run *fit =
			realloc(pages->run, (pages->count + !pages->count) * sizeof(*fit));
		if (fit) {
			pages->run = fit;
			pages->room = pages->count + !pages->count;
		}
	}
	return true;
}

bool pages_next(const struct pages *pages, uint64_t page, struct page_run *run)
{
	size_t low = 0;

	for (size_t high = pages->count; low < high;) {
		size_t i = low + (high - low) / 2;
		if (run_end(&pages->run[i]) <= page)
			low = i + 1;
		else
			high = i;
	}
	if (low == pages->count)
		return false;
	*run = pages->run[low].first < page ? tail(pages->run[low], page) : pages->run[low];
	return true;
}

void pages_deinit(struct pages *pages)
{
	free(pages->run);
	free(pages->delta);
	*pages = (struct pages){0};
}
