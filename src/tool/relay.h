/* SPDX-License-Identifier: MIT */
#ifndef TOOL_RELAY_H
#define TOOL_RELAY_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Work that is handed out in order, done at once by several threads, and committed in order again.
 * Each thread has one job at a time, so memory is bounded by their number.
 */
struct relay_ops {
	/* Fill the job with what comes next; false: nothing does. One at a time, in order. */
	bool (*take)(void *context, void *job);
	/* The long part; any number at once. */
	void (*work)(void *context, void *job);
	/* One at a time, in the order of take(); false ends it all. */
	bool (*commit)(void *context, void *job);
	/* What may happen in any order after it was committed; any number at once. */
	void (*finish)(void *context, void *job);
};

/* Run on `count` threads, of which this is one; job i is that of thread i. Fewer threads than asked
 * for are no failure. */
void relay_run(const struct relay_ops *ops, void *context, void *const *jobs, unsigned count);

/* How many threads: as many as there are CPUs for this process. */
unsigned relay_cpus(void);

enum { RELAY_THREADS_MAX = 256 };

#endif
