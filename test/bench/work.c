/* SPDX-License-Identifier: MIT */
/* The pages of an image: in order, shuffled, read. */

#include <stdlib.h>

#include "work.h"

enum { PAGES_MAX = 1 << 20 };

double clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool work_list(struct work *work)
{
	struct vmi_run run;

	work->gfns = malloc(PAGES_MAX * sizeof(*work->gfns));
	work->count = 0;
	for (vmi_gpa at = 0; work->gfns && !vmi_run_next(work->vm, at, &run, NULL);
	     at = run.gpa + run.size)
		for (uint64_t off = 0; off < run.size && work->count < PAGES_MAX;
		     off += VMI_PAGE_SIZE)
			work->gfns[work->count++] = (run.gpa + off) >> VMI_PAGE_SHIFT;
	return work->count;
}

void work_shuffle(struct work *work)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = work->count; i > 1; i--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		vmi_gfn other = work->gfns[x % i];
		work->gfns[x % i] = work->gfns[i - 1];
		work->gfns[i - 1] = other;
	}
}

void work_deinit(struct work *work)
{
	free(work->gfns);
	work->gfns = NULL;
}

void *work_pin(void *context)
{
	struct work *work = context;
	struct vmi_page page;

	for (size_t i = 0; i < work->count; i++) {
		if (vmi_page_get(work->vm, work->gfns[i], &page, NULL)) {
			work->failures++;
			continue;
		}
		work->sum += page.data[0];
		vmi_page_put(work->vm, &page);
	}
	return NULL;
}

void *work_read(void *context)
{
	struct work *work = context;
	uint8_t buf[VMI_PAGE_SIZE];

	for (size_t i = 0; i < work->count; i++) {
		work->failures += vmi_read_bytes(work->vm, NULL, work->gfns[i] << VMI_PAGE_SHIFT,
						 buf, sizeof(buf), NULL, NULL) != VMI_OK;
		work->sum += buf[0];
	}
	return NULL;
}
