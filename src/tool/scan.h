/* SPDX-License-Identifier: MIT */
#ifndef TOOL_SCAN_H
#define TOOL_SCAN_H

#include "cli.h"
#include "stretch.h"
#include "window.h"

/**
 * Looking at all of a space, on all CPUs, with output in the order of addresses.
 *
 * Units are handed out in order, a few at a time as a job. Each worker has a handle, a window and
 * an output buffer of its own; a buffer is written when it is its job's turn, and a worker that
 * finds more than its buffer holds waits for that turn and then writes through. So memory is
 * bounded, and the output is the same for every number of threads.
 */

enum { JOB_UNITS = 64 };

struct scan;

struct scan_worker {
	struct cli *cli;
	struct vmi *vm; /* this thread's */
	struct window window;
	struct out out;
	const void *context; /* the command's, shared */
	void *state;         /* the command's, this thread's */
	bool partial;        /* something could not be had; it was said */

	/* scan.c's own */
	struct scan *scan;
	struct unit unit[JOB_UNITS];
	unsigned count;
	uint64_t ticket;
	uint64_t reach; /* with `exclusive`: where the last match ends */
	bool has_turn;
	bool redo;
};

struct scan_ops {
	const char *what; /* for the progress bar */
	size_t before;    /* bytes to see before a unit, where the stretch has them */
	size_t after;     /* and behind it */
	uint64_t margin;  /* of zeros to search beside saved bytes */
	bool exclusive;   /* nothing is found inside the last match, also across units */
	/* May be NULL. begin() makes worker->state; false: it said why not. */
	bool (*begin)(struct scan_worker *worker);
	void (*end)(struct scan_worker *worker);
	/*
	 * Write what begins in the unit, from byte `from` of it on; the window shows it. Returns
	 * how far from the unit's address the last match ends, for `exclusive`. Long loops look at
	 * scan_stopped().
	 */
	uint64_t (*unit)(struct scan_worker *worker, const struct unit *unit, size_t from);
};

enum cli_status scan_run(struct cli *cli, const struct vmi_space *space, const struct scan_ops *ops,
			 const void *context);

/* Nothing more is wanted of this unit. */
static inline bool scan_stopped(const struct scan_worker *worker)
{
	return worker->redo || worker->out.error;
}

#endif
