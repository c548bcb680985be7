/* SPDX-License-Identifier: MIT */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <vmi/vmi.h>

#include <time.h>

/** The pages of an image that a benchmark reads. */
struct work {
	struct vmi *vm;
	vmi_gfn *gfns;
	size_t count;
	uint64_t failures, sum;
};

/* Seconds of a clock of clock_gettime(). */
double clock_of(clockid_t id);
/* All pages that the image holds, up to a number, in order; owned: work_deinit(). False: none. */
bool work_list(struct work *work);
void work_shuffle(struct work *work);
void work_deinit(struct work *work);

/* Read or pin each page; those that could not be had are counted. A thread's function. */
void *work_read(void *work);
void *work_pin(void *work);

#endif
