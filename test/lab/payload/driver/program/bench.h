/* SPDX-License-Identifier: MIT */
#ifndef DRIVER_BENCH_H
#define DRIVER_BENCH_H

/* What the parts of the test share: the guest as itself and as the library shows it. */

#include <vmi/live.h>

#include <xenctrl.h>
#include <xen/vm_event.h>

#include "client.h"
#include "holds.h"

enum { WATCHED_MAX = 32 };

struct bench {
	struct lab_guest guest; /* the guest's own account */
	struct vmi *vm;         /* the library's */
	xc_interface *xc;       /* the hypervisor's */
	char target[16];
	bool amd; /* the processor is AMD's */
	struct vmi_error err;
	char why[256];
};

struct watch;
typedef struct vmi_response answer_fn(struct watch *watch, const struct vmi_event *event);

/* Events as they come, and how they are answered: by `answer`, or "continue". */
struct watch {
	struct bench *bench;
	answer_fn *answer;
	uint16_t view;    /* for the answers */
	uint64_t value;   /* the same */
	unsigned count;   /* all that came */
	unsigned refused; /* answers that were refused */
	struct vmi_error refusal;
	struct vmi_event event[WATCHED_MAX]; /* the first ones */
};

/* A test: false, with the reason in bench->why, when something does not hold. */
struct test {
	const char *name;
	bool (*run)(struct bench *bench);
};

/* Run tests one after the other, each followed by vmi_state_reset(). */
void run_tests(struct bench *b, const struct test *tests, size_t count);

uint64_t now_ms(void);
struct lab_mailbox *mailbox(struct bench *b, unsigned vcpu);
/* Begin with nothing watched and patterns in the registers of both vcpus. */
struct watch *watch_new(struct bench *b, answer_fn *answer);
/* Have a vcpu do something; serve events until it is done. False: not within 10 s. */
bool perform(struct watch *watch, unsigned vcpu, uint32_t op);
/* Serve events until the operations of all vcpus are over, at most `ms`. */
bool serve(struct watch *watch, unsigned ms);
/* Have all vcpus done what they were told? */
bool all_over(const struct bench *b);
/* Have a vcpu do something that raises no event. */
bool obey(struct bench *b, unsigned vcpu, uint32_t op);

enum vmi_status monitor_on(struct bench *b, const struct vmi_monitor *monitor);
enum vmi_status monitor_off(struct bench *b, const struct vmi_monitor *monitor);

/* What must be as before when a watcher has gone. */
struct before {
	xc_domaininfo_t info;
	struct lab_state state[LAB_VCPUS];
	uint64_t image, stage;
};
bool before_take(struct bench *b, struct before *before);
/* Is the guest unmonitored, running and as it was? */
bool before_same(struct bench *b, const struct before *before);
/* libxenctrl's own way takes the page of the ring out of the guest for good: put it back. */
void ring_page_back(struct bench *b);
/* Nothing of ours is on. */
bool is_free(struct bench *b, const struct before *before);

/* The parts. */
void part_reading(struct bench *b);
void part_events(struct bench *b);
void part_memory(struct bench *b);
void part_views(struct bench *b);
void part_no_views(struct bench *b); /* of a guest that is not configured for any */
void part_loop(struct bench *b);
void part_control(struct bench *b);
void part_detach(struct bench *b);
void part_kill(struct bench *b);
void part_rescue(struct bench *b);
void part_count(struct bench *b);
void part_rate(struct bench *b);
void part_speed(struct bench *b);
void part_amd(struct bench *b);

/* Why a test cannot be shown on an AMD processor; NULL when it can. */
const char *not_on_amd(const char *test);

/* The same work, by libxenctrl alone: events a second, or 0. A word of the guest that is mapped may
 * be read at each. */
double bare_rate(struct bench *b, uint64_t count, const volatile uint64_t *word);

#endif
