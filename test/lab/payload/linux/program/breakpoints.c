/* SPDX-License-Identifier: MIT */
/* Breakpoints: the guest's own, and ours in its kernel, seen by nobody in there. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"

static const struct vmi_monitor breakpoints = {.kind = VMI_MONITOR_INTERRUPT, .vector = 3};

/* ---- a program's own --------------------------------------------------------------------------
 */

static struct vmi_response reinject(struct watch *watch, const struct vmi_event *event)
{
	(void)watch, (void)event;
	return vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
}

static struct vmi_response skip(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_registers regs = event->registers;

	(void)watch;
	regs.value[VMI_RIP] += event->u.interrupt.interrupt.instruction_length;
	return vmi_response_with_registers(vmi_response_default(), &regs);
}

static bool act(struct bench *b, answer_fn *answer, const char *end)
{
	struct watch *w = watch_new(b, answer);

	WORKS(vmi_monitor_enable(b->vm, &breakpoints, &b->err));
	if (!ask(b, "act"))
		return false;
	WORKS(vmi_monitor_disable(b->vm, &breakpoints, &b->err));
	HOLDS(w->count == 1 && w->event[0].reason == VMI_REASON_INTERRUPT && !w->refused);
	HOLDS(w->event[0].registers.value[VMI_CS] & 3);
	return said(b, end) || fails(b, "not %s", end);
}

/* 128 + 5: SIGTRAP ended it. */
static bool own_reinjected(struct bench *b)
{
	return act(b, reinject, "GUEST act 133");
}

static bool own_skipped(struct bench *b)
{
	return act(b, skip, "GUEST act 7");
}

/* ---- ours, in the kernel -----------------------------------------------------------------------
 */

/* Was it by both workers, each with its own tables? */
static bool by_both(struct bench *b, uint64_t function)
{
	bool alpha = false, beta = false;
	const struct watch *w = &b->watch;

	for (unsigned i = 0; i < w->count && i < WATCHED_MAX; i++) {
		const struct vmi_event *e = &w->event[i];
		const struct task *task = task_of_root(b, e->registers.value[VMI_CR3]);
		if (e->reason != VMI_REASON_INTERRUPT || e->registers.value[VMI_RIP] != function)
			continue;
		alpha |= task && !strcmp(task->comm, "lab-alpha");
		beta |= task && !strcmp(task->comm, "lab-beta");
	}
	return alpha && beta;
}

static bool serve_both(struct bench *b, uint64_t function)
{
	uint64_t end = now_ms() + 20000;

	while (!by_both(b, function)) {
		if (now_ms() > end)
			return fails(b, "%u events, but not by both: %s", b->watch.count,
				     b->watch.refusal.text);
		if (!serve(b))
			return false;
	}
	HOLDS(!b->watch.refused);
	return true;
}

bool hidden_breakpoint(struct bench *b, const char *function)
{
	const vmi_gpa gpa = gpa_of(b, function);
	uint8_t page[VMI_PAGE_SIZE];
	uint16_t view;
	vmi_gfn copy;

	HOLDS(gpa);
	WORKS(vmi_monitor_enable(b->vm, &breakpoints, &b->err));
	WORKS(vmi_view_create(b->vm, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X, &view, &b->err));
	WORKS(vmi_gfn_allocate(b->vm, &copy, &b->err));
	WORKS(vmi_read_bytes(b->vm, NULL, gpa & ~0xfffull, page, sizeof(page), NULL, &b->err));
	page[gpa & 0xfff] = 0xcc;
	WORKS(vmi_write_bytes(b->vm, NULL, copy << 12, page, sizeof(page), NULL, &b->err));
	WORKS(vmi_view_change_gfn(b->vm, view, gpa >> 12, copy, &b->err));
	WORKS(vmi_access_set(b->vm, view, gpa >> 12, VMI_ACCESS_X, 0, &b->err));
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	return true;
}

/* One instruction in the guest's own view. */
static struct vmi_response step_in_own_view(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_response response = vmi_response_action(VMI_ACTION_FAST_SINGLESTEP);

	(void)watch, (void)event;
	response.view = 0;
	return response;
}

static bool kernel_hidden(struct bench *b)
{
	watch_new(b, step_in_own_view);
	return hidden_breakpoint(b, "version_proc_show") &&
	       serve_both(b, truth(b, "version_proc_show"));
}

static struct vmi_response emulate_original(struct watch *watch, const struct vmi_event *event)
{
	if (event->registers.value[VMI_RIP] != watch->at)
		return vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
	return vmi_response_with_data(VMI_ACTION_EMULATE_INSTRUCTION, watch->bytes,
				      sizeof(watch->bytes));
}

static bool kernel_emulated(struct bench *b)
{
	const vmi_gpa gpa = gpa_of(b, "version_proc_show");
	struct watch *w = watch_new(b, emulate_original);

	HOLDS(gpa);
	w->at = truth(b, "version_proc_show");
	WORKS(vmi_read_bytes(b->vm, NULL, gpa, w->bytes, sizeof(w->bytes), NULL, &b->err));
	WORKS(vmi_monitor_enable(b->vm, &breakpoints, &b->err));
	WORKS(vmi_write_uint(b->vm, NULL, gpa, 1, 0xcc, &b->err));
	bool both = serve_both(b, w->at);
	WORKS(vmi_write_uint(b->vm, NULL, gpa, 1, w->bytes[0], &b->err));
	/* One that was raised before that. */
	for (unsigned i = 0; i < 4 && both; i++)
		both = serve(b);
	WORKS(vmi_monitor_disable(b->vm, &breakpoints, &b->err));
	return both;
}

void part_breakpoints(struct bench *b)
{
	static const struct test tests[] = {
		{"own-breakpoint-reinjected", own_reinjected},
		{"own-breakpoint-skipped", own_skipped},
		{"kernel-breakpoint-hidden", kernel_hidden},
		{"kernel-breakpoint-emulated", kernel_emulated},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
