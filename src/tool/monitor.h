/* SPDX-License-Identifier: MIT */
#ifndef TOOL_MONITOR_H
#define TOOL_MONITOR_H

#include <vmi/live.h>

#include "cli.h"
#include "stop.h"

/** The parts of the monitor command: what to watch, how to answer, how to print. */

/* Addresses of guest memory, both ends included, and the accesses to them that are of interest. */
struct watch_range {
	vmi_gpa first, last;
	unsigned access;
};

/* What was asked for. */
struct watch {
	struct vmi_monitor *monitors;
	unsigned monitor_count;
	struct watch_range *ranges;
	unsigned range_count;
	bool singlestep;

	bool one_vcpu, one_root, some_rip;
	uint64_t vcpu, root;
	vmi_gva rip_first, rip_last;

	bool has_action;
	enum vmi_action action;
	uint64_t count;       /* 0: no end */
	uint64_t duration_ns; /* 0: no end */
	bool has_deadline;
	uint64_t deadline_ms;
	bool registers;
};

/* From the options; says what is wrong with them. watch_deinit() in any case. (monitor_args.c) */
VMI_CHECKED enum cli_status watch_init(struct watch *watch, struct cli *cli);
void watch_deinit(struct watch *watch);
/* The accesses to any byte of a frame that are watched. */
unsigned watch_frame(const struct watch *watch, vmi_gfn gfn);
/* Was this event asked for, and do the filters let it pass? */
bool watch_wants(const struct watch *watch, const struct vmi_event *event);
/* "efer", or NULL. Static. */
const char *msr_name(uint32_t msr);

/* What each vcpu was let do behind the back of what is watched. */
struct steps {
	struct vmi *vm;
	const struct watch *watch;
	struct step_vcpu *vcpu;
	unsigned vcpus;
	bool can_step;
	bool can_emulate;       /* and hear of what cannot be emulated */
	enum vmi_status failed; /* something is no longer watched: */
	struct vmi_error trouble;
};

/* Turn everything on; what fails leaves it to vmi_state_reset(). (monitor_step.c) */
VMI_CHECKED enum vmi_status steps_begin(struct steps *steps, struct vmi *vm,
					const struct watch *watch, struct vmi_error *err);
void steps_end(struct steps *steps);
/* Did the event happen only because of how an earlier one was answered? Before steps_answer(). */
bool steps_own(const struct steps *steps, const struct vmi_event *event);
/* The answer; `asked` is whether the user's --action is meant. */
struct vmi_response steps_answer(struct steps *steps, const struct vmi_event *event, bool asked);

enum { TERMINAL_LINES = 200 }; /* per second: more than eyes follow, and each holds the guest up */

/* What was seen. */
struct tally {
	uint64_t begun_ns, ended_ns;
	uint64_t taken, answered;
	uint64_t events; /* that were asked for */
	uint64_t by_reason[VMI_REASON_COUNT];
	uint64_t not_shown; /* of these */
	uint64_t overhead_ns;
	const char *why; /* it ended */

	/* Of the second that the terminal is in. */
	uint64_t second_ns;
	unsigned lines;
	uint64_t hidden;
};

/* An event that was counted. (monitor_print.c) */
void monitor_print(struct out *out, struct tally *tally, const struct watch *watch,
		   const struct vmi_event *event);
/* What the terminal was spared, when a second has gone by. */
void monitor_print_hidden(struct out *out, struct tally *tally, uint64_t now_ns);
void monitor_print_summary(struct out *out, const struct tally *tally);

#endif
