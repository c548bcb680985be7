/* SPDX-License-Identifier: MIT */
#ifndef LINUX_BENCH_H
#define LINUX_BENCH_H

/* What the parts of the test share: the Linux guest as it speaks on its console, and as the library
 * shows it. */

#include <stdio.h>

#include <vmi/live.h>

#include <xenctrl.h>
#include <xen/vm_event.h>

#include "client.h"
#include "holds.h"

enum { TASKS_MAX = 256, WATCHED_MAX = 64, VCPUS = 2, COMM_MAX = 16 };

/* What the guest told of itself, and where its kernel keeps things. */
struct truth {
	char name[64];
	uint64_t value;
};

struct task {
	uint64_t root; /* 0: a kernel thread */
	uint64_t mm;
	uint32_t pid;
	char comm[COMM_MAX + 1];
};

struct bench;
struct watch;
typedef struct vmi_response answer_fn(struct watch *watch, const struct vmi_event *event);

/* Events as they come, and how they are answered: by `answer`, or "continue". */
struct watch {
	struct bench *bench;
	answer_fn *answer;
	uint64_t at;       /* for the answers: an address */
	uint8_t bytes[16]; /* the same: what is there */
	unsigned count;
	unsigned seen[VCPUS];
	unsigned refused;
	struct vmi_error refusal;
	struct vmi_event event[WATCHED_MAX]; /* the first ones */
};

struct bench {
	struct vmi *vm;
	xc_interface *xc;
	uint32_t domid;
	uint64_t max_pages; /* before anything was done */
	FILE *console;      /* what it says */
	char said[16384];   /* since it was asked last */
	size_t said_length;
	struct truth truth[64];
	unsigned truths;
	struct task task[TASKS_MAX];
	unsigned tasks;
	struct vmi_space kernel;
	struct watch watch;
	struct vmi_error err;
	char why[256];
};

struct test {
	const char *name;
	bool (*run)(struct bench *b);
};

void run_tests(struct bench *b, const struct test *tests, size_t count);
uint64_t now_ms(void);
void wait_ms(unsigned ms);

/* ---- the guest's console (guest.c) ---------------------------------------------------------- */

/* Type `words`; serve events until it has done that, at most 60 s. What it said is in b->said. */
bool ask(struct bench *b, const char *words);
/* Type it only. */
bool type(struct bench *b, const char *words);
/* Has it said this since it was asked last? */
bool said(struct bench *b, const char *words);
/* Take lines "WORD NAME VALUE" into the truths. */
void truths_read(struct bench *b, const char *text, const char *word);
/* One of them; 0 when it is unknown. */
uint64_t truth(const struct bench *b, const char *name);
/* Its tasks, from its memory; again, as they may have changed. */
bool tasks_read(struct bench *b);
/* Keep both vcpus busy with processes that wait for each other, until it is asked to calm; its
 * tasks are known then. */
bool load(struct bench *b);
const struct task *task_of_root(const struct bench *b, uint64_t cr3);
const struct task *task_of_name(const struct bench *b, const char *comm);
/* Where the kernel's `name` is; 0 when nowhere. */
vmi_gpa gpa_of(struct bench *b, const char *name);

/* ---- watching (guest.c) --------------------------------------------------------------------- */

/* From now on, with nothing seen. */
struct watch *watch_new(struct bench *b, answer_fn *answer);
/* One turn: events, or a moment's wait. */
bool serve(struct bench *b);
/* Until so many came, at most 20 s. */
bool serve_until(struct bench *b, unsigned count);

/* Nothing of ours is on, and the guest runs. */
bool is_free(struct bench *b);

/* ---- the parts ------------------------------------------------------------------------------- */

void part_reading(struct bench *b);
void part_events(struct bench *b);
void part_breakpoints(struct bench *b);
void part_ending(struct bench *b);

/* A breakpoint at a kernel function that only a view shows. */
bool hidden_breakpoint(struct bench *b, const char *function);

#endif
