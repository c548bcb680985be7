/* SPDX-License-Identifier: MIT */
#ifndef TEST_LIVE_RUN_H
#define TEST_LIVE_RUN_H

#include "fake_driver.h"

/** vmi-live's commands, run in this process over a target in memory. */

struct run {
	int status;
	char out[65536], err[4096]; /* what was printed, terminated */
	bool watched;               /* it said, besides, that it watches */
};

/* What the list command finds, and what the reset command was told; set by tests. */
struct run_targets {
	const struct vmi_target_entry *list;
	size_t count;
	enum vmi_status status; /* of both, with "injected failure" */
	char rescued[64];
};

/*
 * `vmi-live COMMAND TARGET WORDS...`; the words are cut at blanks. `fake` is the target, NULL for
 * commands that take none. Owned: free().
 */
struct run *run_live(struct fake *fake, const char *command, const char *words);
struct run_targets *run_targets(void);

/* It ended so, and printed this somewhere. */
void run_check(const struct run *run, int status, const char *out, const char *err, int line);
#define CHECK_RUN(run, status, out, err) run_check((run), (status), (out), (err), __LINE__)

/* The nth line of what was printed, from 0 on; its time_ns is made 0. Empty behind the last. */
const char *run_line(struct run *run, unsigned n);

/* What the guest does, one event after the other; then it does nothing. */
struct script {
	struct vmi_event event[FAKE_LIST];
	unsigned count, at;
	bool repeat; /* for ever */
	/* Called before each event but the first, with its number. */
	void (*between)(struct fake *fake, unsigned at);
	unsigned wish;  /* what that wants to know */
	unsigned wrong; /* the line of what it found wrong; an assertion would not come back */
};

#define SEE(script, what)                                                                          \
	do {                                                                                       \
		if (!(what) && !(script)->wrong)                                                   \
			(script)->wrong = __LINE__;                                                \
	} while (0)

/* A guest of two vcpus and 16 pages from gpa 0 on; borrows the script. */
struct fake *script_guest(struct script *script);
/* It must be as if nobody had been there. */
void script_end(struct fake *fake);
/* Of vcpu 0, paused, at 0x4000, with general-purpose registers and no others. */
struct vmi_event script_event(enum vmi_reason reason);

#endif
