/* SPDX-License-Identifier: MIT */
/* What a Linux does by itself, as events: process switches, CPUID, its MSRs, its own pages. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"

enum { LSTAR = 0xc0000082, ACT_LEAF = 0x4c4142, ACT_SUBLEAF = 5 };

static const uint64_t user_end = 1ull << 47;

static struct vmi_response emulate(struct watch *watch, const struct vmi_event *event)
{
	(void)watch, (void)event;
	return vmi_response_action(VMI_ACTION_EMULATE);
}

static bool cpuid(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_CPUID};
	struct watch *w = watch_new(b, NULL);
	unsigned ours = 0;

	WORKS(vmi_monitor_enable(b->vm, &monitor, &b->err));
	if (!ask(b, "act"))
		return false;
	WORKS(vmi_monitor_disable(b->vm, &monitor, &b->err));
	for (unsigned i = 0; i < w->count && i < WATCHED_MAX; i++) {
		const struct vmi_event *e = &w->event[i];
		HOLDS(e->reason == VMI_REASON_CPUID && e->u.cpuid.instruction_length == 2);
		if (e->u.cpuid.leaf != ACT_LEAF)
			continue;
		HOLDS(e->u.cpuid.subleaf == ACT_SUBLEAF && e->registers.value[VMI_RIP] < user_end);
		ours++;
	}
	HOLDS(ours == 1);
	return true;
}

/* A cpu that comes up says where its system calls go. */
static bool msr(struct bench *b)
{
	const struct vmi_monitor monitor = {
		.kind = VMI_MONITOR_MSR, .msr = LSTAR, .every_write = 1};
	struct watch *w = watch_new(b, NULL);
	struct vmi_registers regs = {0};

	if (!ask(b, "cpu 0"))
		return false;
	WORKS(vmi_monitor_enable(b->vm, &monitor, &b->err));
	if (!ask(b, "cpu 1"))
		return false;
	WORKS(vmi_monitor_disable(b->vm, &monitor, &b->err));
	HOLDS(w->count == 1 && w->event[0].reason == VMI_REASON_WRITE_MSR);
	HOLDS(w->event[0].vcpu == 1 && w->event[0].u.msr.msr == LSTAR);
	HOLDS(w->event[0].u.msr.new_value == truth(b, "entry_SYSCALL_64"));
	WORKS(vmi_registers_get(b->vm, 1, &regs, &b->err));
	HOLDS(regs.value[VMI_LSTAR] == truth(b, "entry_SYSCALL_64"));
	return true;
}

/* The kernel writes its clock, each tick, into a page that may not be written. */
static bool page_written(struct bench *b)
{
	const vmi_gpa clock = gpa_of(b, "jiffies_64");
	struct watch *w = watch_new(b, emulate);
	uint64_t before, after;
	bool ticked = false;

	HOLDS(clock);
	WORKS(vmi_read_u64(b->vm, NULL, clock, &before, &b->err));
	WORKS(vmi_access_set(b->vm, 0, clock >> 12, VMI_ACCESS_R | VMI_ACCESS_X, 0, &b->err));
	if (!serve_until(b, WATCHED_MAX))
		return false;
	WORKS(vmi_access_set(b->vm, 0, clock >> 12, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X, 0,
			     &b->err));
	for (unsigned i = 0; i < WATCHED_MAX; i++) {
		const struct vmi_event *e = &w->event[i];
		HOLDS(e->reason == VMI_REASON_MEMORY_ACCESS);
		HOLDS(e->u.memory.gpa >> 12 == clock >> 12 && e->u.memory.access & VMI_ACCESS_W);
		HOLDS(e->registers.value[VMI_RIP] >= user_end);
		if (e->u.memory.gpa == clock) {
			ticked = true;
			HOLDS(e->u.memory.gva_valid &&
			      (e->u.memory.gva & 0xfff) == (clock & 0xfff));
		}
	}
	HOLDS(ticked && !w->refused);
	vmi_page_cache_flush(b->vm);
	WORKS(vmi_read_u64(b->vm, NULL, clock, &after, &b->err));
	HOLDS(after > before);
	return ask(b, "ping written");
}

/* Both workers run a function of a page that may not be executed. */
static bool page_executed(struct bench *b)
{
	const uint64_t function = truth(b, "version_proc_show");
	const vmi_gpa gpa = gpa_of(b, "version_proc_show");
	struct watch *w = watch_new(b, emulate);
	uint64_t end = now_ms() + 10000;
	unsigned entered = 0;

	HOLDS(gpa);
	WORKS(vmi_access_set(b->vm, 0, gpa >> 12, VMI_ACCESS_R | VMI_ACCESS_W, 0, &b->err));
	while (!entered && now_ms() < end) {
		if (!serve(b))
			return false;
		for (unsigned i = 0; i < w->count && i < WATCHED_MAX; i++)
			entered += w->event[i].registers.value[VMI_RIP] == function;
	}
	WORKS(vmi_access_set(b->vm, 0, gpa >> 12, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X, 0,
			     &b->err));
	HOLDS(entered && !w->refused);
	for (unsigned i = 0; i < w->count && i < WATCHED_MAX; i++) {
		const struct vmi_event *e = &w->event[i];
		HOLDS(e->u.memory.access == VMI_ACCESS_X && e->u.memory.gpa >> 12 == gpa >> 12);
		HOLDS((e->registers.value[VMI_RIP] & 0xfff) == (e->u.memory.gpa & 0xfff));
	}
	return ask(b, "ping executed");
}

void part_events(struct bench *b)
{
	static const struct test tests[] = {
		{"cpuid", cpuid},
		{"msr", msr},
		{"page-written", page_written},
		{"page-executed", page_executed},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
