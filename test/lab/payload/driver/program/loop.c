/* SPDX-License-Identifier: MIT */
/* The event loop with its handler, what it counts, and the small vocabulary of intercepts. */

#include <string.h>

#include "bench.h"

enum { LSTAR = 0xc0000082, WAIT_MS = 2000 };

/* ---- the loop ------------------------------------------------------------------------------- */

/* How often each function of the handler was called. */
struct calls {
	struct bench *b;
	unsigned events, timeouts, interruptions, cleanups, polls;
	unsigned leave_after; /* timeouts */
	bool interrupt;       /* in the first timeout */
};

static struct vmi_response on_event(void *context, const struct vmi_event *event)
{
	struct calls *calls = context;

	(void)event;
	calls->events++;
	return vmi_response_default();
}

static void on_timeout(void *context)
{
	struct calls *calls = context;

	calls->timeouts++;
	if (calls->interrupt)
		vmi_event_interrupt(calls->b->vm);
	calls->interrupt = false;
}

static void on_interrupted(void *context)
{
	((struct calls *)context)->interruptions++;
}

static void on_cleanup(void *context)
{
	((struct calls *)context)->cleanups++;
}

static bool on_poll(void *context)
{
	struct calls *calls = context;

	calls->polls++;
	return calls->timeouts >= calls->leave_after;
}

static const struct vmi_handler handler = {
	.event = on_event,
	.timeout = on_timeout,
	.interrupted = on_interrupted,
	.cleanup = on_cleanup,
	.poll = on_poll,
};

static bool loop_handler(struct bench *b)
{
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	struct calls calls = {.b = b, .leave_after = 3, .interrupt = true};
	uint64_t overhead = 0;
	size_t pending = 99;

	lab_patterns(&mailbox(b, 0)->in);
	lab_patterns(&mailbox(b, 1)->in);
	WORKS(monitor_on(b, &cpuid));
	lab_begin(&b->guest, 0, LAB_OP_CPUID);
	lab_begin(&b->guest, 1, LAB_OP_CPUID);
	WORKS(vmi_event_loop(b->vm, &handler, &calls, 30, &b->err));
	HOLDS(all_over(b));
	HOLDS(calls.events == 2 && calls.timeouts == 3);
	HOLDS(calls.interruptions == 1 && calls.cleanups == 1);
	HOLDS(calls.polls >= calls.events + calls.timeouts);
	WORKS(vmi_event_overhead(b->vm, &overhead, &b->err));
	HOLDS(overhead > 0);
	WORKS(vmi_events_pending(b->vm, &pending, &b->err));
	HOLDS(pending == 0);
	return true;
}

/* What waits is counted before anybody takes it. */
static bool events_pending(struct bench *b)
{
	const struct vmi_monitor cr3 = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3};
	struct vmi_response response = vmi_response_default();
	struct vmi_event event;
	size_t pending = 0;

	WORKS(monitor_on(b, &cr3));
	for (unsigned i = 0; i < 2; i++) {
		mailbox(b, i)->in.rax = LAB_ROOT_2;
		lab_begin(&b->guest, i, LAB_OP_CR3);
	}
	HOLDS(!lab_end(&b->guest, 0, 100) && !lab_end(&b->guest, 1, 10));
	for (size_t left = 2; left; left--) {
		WORKS(vmi_events_pending(b->vm, &pending, &b->err));
		HOLDS(pending == left);
		WORKS(vmi_event_take(b->vm, WAIT_MS, &event, &b->err));
		WORKS(vmi_event_answer(b->vm, &event, &response, &b->err));
	}
	HOLDS(serve(watch_new(b, NULL), WAIT_MS));
	WORKS(monitor_off(b, &cr3));
	for (unsigned i = 0; i < 2; i++) {
		mailbox(b, i)->in.rax = mailbox(b, i)->root;
		HOLDS(lab_do(&b->guest, i, LAB_OP_CR3));
	}
	return true;
}

/* ---- intercepts ----------------------------------------------------------------------------- */

/* Vcpu 1 does `op`, which is intercepted, while vcpu 0 is not; then it is not any more. */
static bool intercepted(struct bench *b, const struct vmi_intercept *what, uint32_t op,
			struct vmi_intercepted *e)
{
	const struct lab_registers in = mailbox(b, 1)->in;

	WORKS(vmi_intercept_enable(b->vm, 1, what, &b->err));
	lab_begin(&b->guest, 1, op);
	WORKS(vmi_intercept_listen(b->vm, WAIT_MS, e, &b->err));
	HOLDS(e->vcpu == 1 && e->kind == what->kind && !lab_is_over(&b->guest, 1));
	WORKS(vmi_intercept_continue(b->vm, e, &b->err));
	REFUSED(vmi_intercept_listen(b->vm, 20, e, &b->err), VMI_ERR_TIMEOUT, "in time");
	HOLDS(lab_end(&b->guest, 1, WAIT_MS));
	WORKS(vmi_intercept_disable(b->vm, 1, what, &b->err));
	mailbox(b, 1)->in = in;
	return true;
}

/* A control register to another value and back. */
static bool intercept_control(struct bench *b, enum vmi_intercept_kind kind, uint32_t op,
			      uint64_t own, uint64_t other)
{
	const struct vmi_intercept what = {.kind = kind};
	struct lab_mailbox *m = mailbox(b, 1);
	struct vmi_intercepted e = {0};

	lab_patterns(&m->in);
	m->in.rax = other;
	if (!intercepted(b, &what, op, &e))
		return false;
	HOLDS(e.old_value == own && e.new_value == other && m->out.rbx == other);
	m->in.rax = own;
	HOLDS(lab_do(&b->guest, 1, op) && m->out.rbx == own);
	return true;
}

static bool intercept_cr0(struct bench *b)
{
	HOLDS(obey(b, 1, LAB_OP_STATE));
	uint64_t own = mailbox(b, 1)->state.cr0;

	return intercept_control(b, VMI_INTERCEPT_CR0, LAB_OP_CR0, own, own ^ VMI_CR0_WP);
}

static bool intercept_cr3(struct bench *b)
{
	return intercept_control(b, VMI_INTERCEPT_CR3, LAB_OP_CR3, mailbox(b, 1)->root, LAB_ROOT_2);
}

static bool intercept_cr4(struct bench *b)
{
	HOLDS(obey(b, 1, LAB_OP_STATE));
	uint64_t own = mailbox(b, 1)->state.cr4;

	return intercept_control(b, VMI_INTERCEPT_CR4, LAB_OP_CR4, own, own ^ 1 << 2);
}

static bool intercept_msr(struct bench *b)
{
	const struct vmi_intercept what = {.kind = VMI_INTERCEPT_MSR, .msr = LSTAR};
	struct lab_mailbox *m = mailbox(b, 1);
	struct vmi_intercepted e = {0};

	lab_patterns(&m->in);
	m->in.rcx = LSTAR;
	m->in.rax = 0x1000;
	m->in.rdx = 0;
	if (!intercepted(b, &what, LAB_OP_WRMSR, &e))
		return false;
	HOLDS(e.msr == LSTAR && e.new_value == 0x1000);
	m->in.rax = 0;
	HOLDS(lab_do(&b->guest, 1, LAB_OP_WRMSR));
	return true;
}

static bool intercept_breakpoint(struct bench *b)
{
	const struct vmi_intercept what = {.kind = VMI_INTERCEPT_BREAKPOINT};
	struct lab_mailbox *m = mailbox(b, 1);
	struct vmi_intercepted e = {0};
	uint64_t before = m->faults[3];

	lab_patterns(&m->in);
	m->in.rax = LAB_INT3;
	if (!intercepted(b, &what, LAB_OP_CALL, &e))
		return false;
	HOLDS(e.instruction_length == 1);
	HOLDS(m->faults[3] == before + 1 && m->fault_rip == LAB_INT3 + 1);
	return true;
}

/* An access that the hypervisor forbids: it is allowed from then on. */
static bool intercept_pagefault(struct bench *b)
{
	const struct vmi_intercept what = {.kind = VMI_INTERCEPT_PAGEFAULT};
	struct lab_mailbox *m = mailbox(b, 1);
	struct vmi_intercepted e = {0};

	lab_patterns(&m->in);
	m->in.rsi = LAB_ALIAS + LAB_DATA + 8;
	WORKS(vmi_intercept_enable(b->vm, 1, &what, &b->err));
	WORKS(vmi_access_set(b->vm, 0, LAB_DATA >> 12, VMI_ACCESS_X, 0, &b->err));
	lab_begin(&b->guest, 1, LAB_OP_READ);
	WORKS(vmi_intercept_listen(b->vm, WAIT_MS, &e, &b->err));
	HOLDS(e.vcpu == 1 && e.kind == VMI_INTERCEPT_PAGEFAULT);
	HOLDS(e.gva == LAB_ALIAS + LAB_DATA + 8 && (e.access & VMI_ACCESS_R));
	WORKS(vmi_access_set(b->vm, 0, LAB_DATA >> 12, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X,
			     0, &b->err));
	WORKS(vmi_intercept_continue(b->vm, &e, &b->err));
	HOLDS(lab_end(&b->guest, 1, WAIT_MS));
	HOLDS(m->out.rax == 0xd0d0d0d0d0d0d0d0);
	return true;
}

void part_loop(struct bench *b)
{
	static const struct test tests[] = {
		{"loop-handler", loop_handler},
		{"events-pending", events_pending},
		{"intercept-cr0", intercept_cr0},
		{"intercept-cr3", intercept_cr3},
		{"intercept-cr4", intercept_cr4},
		{"intercept-msr", intercept_msr},
		{"intercept-breakpoint", intercept_breakpoint},
		{"intercept-pagefault", intercept_pagefault},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
