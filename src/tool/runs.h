/* SPDX-License-Identifier: MIT */
#ifndef TOOL_RUNS_H
#define TOOL_RUNS_H

#include <stddef.h>
#include <stdint.h>

/** Runs of set bits in masks that come block by block. */
struct runs {
	size_t least; /* bits; shorter runs are not reported, but see runs_end() */
	size_t at;    /* element that the next mask begins with */
	size_t open;  /* where the run begins that reached the end of the last mask */
	/* A run from element `first` up to, not including, `end`. */
	void (*found)(void *context, size_t first, size_t end);
	void *context;
};

enum { RUNS_NONE = -1 };

void runs_begin(struct runs *runs, size_t least,
		void (*found)(void *context, size_t first, size_t end), void *context);
void runs_add(struct runs *runs, const uint64_t *mask, size_t blocks);
/* Where the run begins that reaches the last element added, of any length; (size_t)RUNS_NONE. */
size_t runs_end(const struct runs *runs);

#endif
