/* SPDX-License-Identifier: MIT */
/* The guest's memory: pages by foreign mappings, and where there are any. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "frames.h"
#include "xen.h"

enum {
	BATCH = 512,      /* frames asked for at once */
	COPY_BATCH = 256, /* frames mapped for a copy at once: 1 MiB */
	UNPLACED_MAX = 16 /* see xen_runs_find() */
};

static enum vmi_status page_fail(const struct xen *xen, vmi_gfn gfn, struct vmi_error *err)
{
	if (errno != ENOENT)
		return xen_fail(err, "mapping gfn 0x%" PRIx64, gfn);
	return vmi_fail(err, VMI_ERR_NOT_SAVED, "gfn 0x%" PRIx64 " of domain %u is no memory", gfn,
			xen->domain.id);
}

enum vmi_status xen_page_get(void *self, vmi_gfn gfn, struct vmi_page *page, struct vmi_error *err)
{
	struct xen *xen = self;
	void *data = xen_frame_map(xen->fm, xen->domain.id, gfn, PROT_READ);

	if (!data)
		return page_fail(xen, gfn, err);
	*page = (struct vmi_page){.data = data, .extent = VMI_PAGE_SIZE, .pin = data};
	return VMI_OK;
}

void xen_page_put(void *self, struct vmi_page *page)
{
	struct xen *xen = self;

	xenforeignmemory_unmap(xen->fm, page->pin, 1);
}

/* A mapping is dear (page tables of the control domain, and a hypercall), a larger one little more.
 */
enum vmi_status xen_copy(void *self, vmi_gpa gpa, void *buf, size_t len, size_t *done,
			 struct vmi_error *err)
{
	struct xen *xen = self;
	xen_pfn_t frame[COPY_BATCH] = {0};
	int error[COPY_BATCH] = {0};
	vmi_gfn first = gpa >> VMI_PAGE_SHIFT;
	size_t in = gpa % VMI_PAGE_SIZE, count = 0, good = 0;

	for (; count < COPY_BATCH && count * VMI_PAGE_SIZE < in + len; count++)
		frame[count] = first + count;
	uint8_t *map =
		xenforeignmemory_map(xen->fm, xen->domain.id, PROT_READ, count, frame, error);
	if (!map) {
		errno = errno == ENOENT ? EIO : errno;
		return page_fail(xen, first, err);
	}
	while (good < count && !error[good])
		good++;
	size_t held = good * VMI_PAGE_SIZE;
	if (good) {
		*done = held - in < len ? held - in : len;
		memcpy(buf, map + in, *done);
	}
	xenforeignmemory_unmap(xen->fm, map, count);
	errno = ENOENT;
	return good ? VMI_OK : page_fail(xen, first, err);
}

enum vmi_status xen_write(void *self, vmi_gpa gpa, const void *buf, size_t len,
			  struct vmi_error *err)
{
	struct xen *xen = self;
	uint8_t *page = xen_frame_map(xen->fm, xen->domain.id, gpa >> VMI_PAGE_SHIFT,
				      PROT_READ | PROT_WRITE);

	if (!page)
		return page_fail(xen, gpa >> VMI_PAGE_SHIFT, err);
	memcpy(page + gpa % VMI_PAGE_SIZE, buf, len);
	xenforeignmemory_unmap(xen->fm, page, 1);
	return VMI_OK;
}

/* ---- runs ----------------------------------------------------------------------------------- */

/* Which of `count` frames, `stride` apart from `first` on, are memory. */
static bool frames_ask(struct xen *xen, vmi_gfn first, uint64_t stride, size_t count,
		       bool there[BATCH])
{
	xen_pfn_t frame[BATCH] = {0};
	int error[BATCH] = {0};

	for (size_t i = 0; i < count; i++) {
		frame[i] = first + i * stride;
		there[i] = false;
	}
	void *map = xenforeignmemory_map(xen->fm, xen->domain.id, PROT_READ, count, frame, error);
	if (!map)
		return errno != ENOMEM && errno != EPERM;
	for (size_t i = 0; i < count; i++)
		there[i] = !error[i];
	xenforeignmemory_unmap(xen->fm, map, count);
	return true;
}

static bool runs_add(struct xen_runs *runs, vmi_gfn gfn)
{
	struct xen_run *last = runs->count ? &runs->run[runs->count - 1] : NULL;

	if (last && last->gfn + last->count == gfn) {
		last->count++;
		return true;
	}
	if (runs->count == runs->room) {
		size_t room = runs->room ? 2 * runs->room : 16;
		struct xen_run *more = reallocarray(runs->run, room, sizeof(*more));
		if (!more)
			return false;
		runs->run = more;
		runs->room = room;
	}
	runs->run[runs->count++] = (struct xen_run){gfn, 1};
	return true;
}

/* All frames of a block; *found counts those that are memory. */
static bool block_add(struct xen *xen, struct xen_runs *runs, vmi_gfn block, uint64_t end,
		      uint64_t *found)
{
	bool there[BATCH];
	size_t count = end - block < BATCH ? (size_t)(end - block) : BATCH;

	if (!frames_ask(xen, block, 1, count, there))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!there[i])
			continue;
		if (!runs_add(runs, block + i))
			return false;
		(*found)++;
	}
	return true;
}

/* From an empty block on: the next block whose first frame is memory, or `end`. */
static bool hole_skip(struct xen *xen, vmi_gfn *block, uint64_t end)
{
	while (*block < end) {
		bool there[BATCH];
		uint64_t left = (end - *block + BATCH - 1) / BATCH;
		size_t count = left < BATCH ? (size_t)left : BATCH;
		if (!frames_ask(xen, *block, BATCH, count, there))
			return false;
		for (size_t i = 0; i < count; i++, *block += BATCH)
			if (there[i])
				return true;
	}
	return true;
}

static int run_compare(const void *a, const void *b)
{
	const struct xen_run *x = a, *y = b;

	return x->gfn < y->gfn ? -1 : x->gfn > y->gfn;
}

/* Was this block looked at frame by frame? The blocks of `seen` are a set of bits. */
static bool blocks_rest(struct xen *xen, struct xen_runs *runs, const uint8_t *seen, uint64_t end,
			uint64_t pages, uint64_t *found)
{
	for (uint64_t i = (end + BATCH - 1) / BATCH; i-- && *found + UNPLACED_MAX < pages;)
		if (!(seen[i / 8] >> i % 8 & 1) && !block_add(xen, runs, i * BATCH, end, found))
			return false;
	qsort(runs->run, runs->count, sizeof(*runs->run), run_compare);
	return true;
}

/*
 * Xen tells how many pages a domain has, not where. In holes of gigabytes only the first frame of
 * each block of 2 MiB is tried, because memory comes in such blocks; where that does not account
 * for all pages, the rest is tried frame by frame, from the top, where Xen's own pages are. Up to
 * UNPLACED_MAX pages are not worth that: pages that belong to the domain and are nowhere in it.
 */
enum vmi_status xen_runs_find(struct xen *xen, struct vmi_error *err)
{
	struct xen_runs *runs = &xen->runs;

	uint64_t end = xen->domain.max_gfn + 1, found = 0;
	xc_domaininfo_t info;

	if (runs->known)
		return VMI_OK;
	uint8_t *seen = calloc(end / BATCH / 8 + 1, 1);
	bool ok = seen;
	runs->count = 0;
	for (vmi_gfn block = 0; ok && block < end;) {
		uint64_t before = found;
		ok = block_add(xen, runs, block, end, &found);
		seen[block / BATCH / 8] |= (uint8_t)(1u << block / BATCH % 8);
		block += BATCH;
		if (ok && found == before)
			ok = hole_skip(xen, &block, end);
	}
	if (ok && xc_domain_getinfolist(xen->xc, xen->domain.id, 1, &info) == 1)
		ok = blocks_rest(xen, runs, seen, end, info.tot_pages, &found);
	free(seen);
	if (!ok)
		return xen_fail(err, "finding the memory of domain %u", xen->domain.id);
	runs->known = true;
	return VMI_OK;
}

enum vmi_status xen_run_next(void *self, vmi_gpa from, struct vmi_run *run, struct vmi_error *err)
{
	struct xen *xen = self;

	pthread_mutex_lock(&xen->lock);
	enum vmi_status st = xen_runs_find(xen, err);
	if (!st)
		st = VMI_END;
	for (size_t i = 0; st == VMI_END && i < xen->runs.count; i++) {
		vmi_gpa start = xen->runs.run[i].gfn << VMI_PAGE_SHIFT;
		vmi_gpa end = start + (xen->runs.run[i].count << VMI_PAGE_SHIFT);
		if (end <= from)
			continue;
		run->gpa = start < from ? from : start;
		run->size = end - run->gpa;
		run->kind = VMI_RUN_SAVED;
		st = VMI_OK;
	}
	pthread_mutex_unlock(&xen->lock);
	return st;
}
