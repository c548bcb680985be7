/* SPDX-License-Identifier: MIT */
/* Views: their access, frames shown elsewhere, breakpoints that the guest cannot see. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"

enum { R = VMI_ACCESS_R, W = VMI_ACCESS_W, X = VMI_ACCESS_X, ALL = R | W | X, VIEWS = 9 };

#define GFN(gpa) ((gpa) >> VMI_PAGE_SHIFT)

static struct vmi_response to_own_view(struct watch *watch, const struct vmi_event *event)
{
	(void)watch, (void)event;
	return vmi_response_with_view(vmi_response_default(), 0);
}

static enum vmi_status view_up(struct bench *b, unsigned access, uint16_t *view)
{
	return vmi_view_create(b->vm, access, view, &b->err);
}

static enum vmi_status view_down(struct bench *b, uint16_t view)
{
	enum vmi_status st = vmi_view_switch(b->vm, 0, &b->err);

	return st ? st : vmi_view_destroy(b->vm, view, &b->err);
}

static bool do_write(struct watch *w, uint64_t gva, uint64_t value)
{
	mailbox(w->bench, 0)->in.rax = value;
	mailbox(w->bench, 0)->in.rdi = gva;
	return perform(w, 0, LAB_OP_WRITE);
}

static bool do_call(struct watch *w, uint64_t gva)
{
	mailbox(w->bench, 0)->in.rax = gva;
	return perform(w, 0, LAB_OP_CALL);
}

static bool access_of_view(struct bench *b)
{
	struct watch *w = watch_new(b, to_own_view);
	const struct vmi_event *e = &w->event[0];
	unsigned access, options;
	uint16_t view, own;

	WORKS(vmi_view_default(b->vm, &own, &b->err));
	HOLDS(own == 0);
	WORKS(view_up(b, ALL, &view));
	WORKS(vmi_access_set(b->vm, view, GFN(LAB_SCRATCH), R | X, 0, &b->err));
	WORKS(vmi_access_get(b->vm, view, GFN(LAB_SCRATCH), &access, &options, &b->err));
	HOLDS(access == (R | X));
	HOLDS(do_write(w, LAB_SCRATCH, 0) && w->count == 0); /* not in the own view */
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	HOLDS(do_write(w, LAB_SCRATCH, 0));
	HOLDS(w->count == 1 && e->reason == VMI_REASON_MEMORY_ACCESS && e->view == view);
	HOLDS(do_write(w, LAB_SCRATCH, 0) && w->count == 1); /* it has gone to view 0 */
	WORKS(view_down(b, view));
	return true;
}

static struct vmi_response emulate(struct watch *watch, const struct vmi_event *event)
{
	(void)watch, (void)event;
	return vmi_response_action(VMI_ACTION_EMULATE);
}

/* The view's own access holds for every page of it. */
static bool default_access(struct bench *b)
{
	struct watch *w = watch_new(b, to_own_view);
	uint16_t view;

	WORKS(view_up(b, R | X, &view));
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	HOLDS(do_write(w, LAB_SCRATCH, 0));
	HOLDS(w->count >= 1 && w->event[0].view == view);
	HOLDS(w->event[0].u.memory.access & W);
	WORKS(view_down(b, view));
	return true;
}

static bool change_gfn(struct bench *b)
{
	struct watch *w = watch_new(b, NULL);
	const struct lab_registers *out = &mailbox(b, 0)->out;
	uint16_t view;

	WORKS(view_up(b, ALL, &view));
	WORKS(vmi_view_change_gfn(b->vm, view, GFN(LAB_CODE), GFN(LAB_CODE_2), &b->err));
	HOLDS(do_call(w, LAB_CODE) && out->rax == 0x1111);
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	HOLDS(do_call(w, LAB_CODE) && out->rax == 0x2222);
	WORKS(vmi_view_reset_gfn(b->vm, view, GFN(LAB_CODE), &b->err));
	HOLDS(do_call(w, LAB_CODE) && out->rax == 0x1111);
	HOLDS(w->count == 0);
	WORKS(view_down(b, view));
	return true;
}

static bool refusals(struct bench *b)
{
	uint16_t view, gone;

	WORKS(view_up(b, ALL, &view));
	WORKS(view_up(b, ALL, &gone));
	WORKS(vmi_view_destroy(b->vm, gone, &b->err));
	REFUSED(vmi_view_destroy(b->vm, 0, &b->err), VMI_ERR_ARG, "the guest's own");
	REFUSED(vmi_view_destroy(b->vm, gone, &b->err), VMI_ERR_ARG, "no view");
	REFUSED(vmi_view_switch(b->vm, gone, &b->err), VMI_ERR_ARG, "no view");
	REFUSED(vmi_view_change_gfn(b->vm, 0, 1, 2, &b->err), VMI_ERR_ARG, "view 0");
	REFUSED(vmi_view_change_gfn(b->vm, gone, 1, 2, &b->err), VMI_ERR_ARG, "no view");
	REFUSED(vmi_view_change_gfn(b->vm, view, GFN(LAB_CODE), 0x12345678, &b->err),
		VMI_ERR_NOT_FOUND, "no memory");
	REFUSED(view_up(b, W, &gone), VMI_ERR_ARG, "written but not read");
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	REFUSED(vmi_view_destroy(b->vm, view, &b->err), VMI_ERR_BUSY, "switch first");
	WORKS(view_down(b, view));
	return true;
}

static bool many(struct bench *b)
{
	uint16_t view[VIEWS], more;

	for (unsigned i = 0; i < VIEWS; i++)
		WORKS(view_up(b, ALL, &view[i]));
	REFUSED(view_up(b, ALL, &more), VMI_ERR_BUSY, "no view left");
	for (unsigned i = 0; i < VIEWS; i++)
		WORKS(vmi_view_destroy(b->vm, view[i], &b->err));
	return true;
}

/* ---- breakpoints that the guest cannot see ----------------------------------------------------
 */

/* One instruction in the guest's own view, then back. */
static struct vmi_response step_over(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_response response = vmi_response_default();

	if (event->reason == VMI_REASON_SINGLESTEP)
		return vmi_response_with_view(response, watch->view);
	response.action = watch->value ? VMI_ACTION_FAST_SINGLESTEP : VMI_ACTION_SINGLESTEP;
	response.view = 0;
	return response;
}

/* A copy of the code with a breakpoint, shown only for execution. */
static enum vmi_status shadow_up(struct bench *b, uint16_t view, vmi_gfn *shadow)
{
	uint8_t page[VMI_PAGE_SIZE];
	enum vmi_status st = vmi_gfn_allocate(b->vm, shadow, &b->err);

	if (!st)
		st = vmi_read_bytes(b->vm, NULL, LAB_CODE, page, sizeof(page), NULL, &b->err);
	page[0] = 0xcc;
	if (!st)
		st = vmi_write_bytes(b->vm, NULL, *shadow << VMI_PAGE_SHIFT, page, sizeof(page),
				     NULL, &b->err);
	if (!st)
		st = vmi_view_change_gfn(b->vm, view, GFN(LAB_CODE), *shadow, &b->err);
	return st ? st : vmi_access_set(b->vm, view, GFN(LAB_CODE), X, 0, &b->err);
}

static bool hidden_breakpoint(struct bench *b, bool fast)
{
	const struct vmi_monitor breakpoint = {.kind = VMI_MONITOR_INTERRUPT, .vector = 3};
	const struct vmi_monitor step = {.kind = VMI_MONITOR_SINGLESTEP};
	struct watch *w = watch_new(b, step_over);
	const struct lab_registers *out = &mailbox(b, 0)->out;
	unsigned each = fast ? 1 : 2;
	vmi_gfn shadow;
	uint16_t view;

	WORKS(monitor_on(b, &breakpoint));
	if (!fast)
		WORKS(monitor_on(b, &step));
	WORKS(view_up(b, ALL, &view));
	WORKS(shadow_up(b, view, &shadow));
	w->value = fast;
	w->view = view;
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	for (unsigned i = 1; i <= 3; i++) {
		if (!do_call(w, LAB_CODE))
			return false;
		if (out->rax != 0x1111 || w->count != i * each)
			return fails(b, "%u: rax 0x%" PRIx64 ", %u events: %s", i, out->rax,
				     w->count, w->refusal.text);
		HOLDS(w->event[(i - 1) * each].reason == VMI_REASON_INTERRUPT);
		HOLDS(w->event[(i - 1) * each].view == view);
	}
	mailbox(b, 0)->in.rsi = LAB_CODE; /* the guest looks at its code */
	HOLDS(perform(w, 0, LAB_OP_READ));
	HOLDS((out->rax & 0xff) == 0xb8 && w->count == 4 * each);
	HOLDS(w->event[3 * each].reason == VMI_REASON_MEMORY_ACCESS);
	WORKS(view_down(b, view));
	WORKS(vmi_gfn_free(b->vm, shadow, &b->err));
	return true;
}

static bool hidden_step(struct bench *b)
{
	return hidden_breakpoint(b, false);
}

static bool hidden_fast(struct bench *b)
{
	return hidden_breakpoint(b, true);
}

static bool fast_over_writes(struct bench *b)
{
	struct watch *w = watch_new(b, step_over);
	uint16_t view;
	uint64_t value;

	WORKS(view_up(b, ALL, &view));
	WORKS(vmi_access_set(b->vm, view, GFN(LAB_SCRATCH), R | X, 0, &b->err));
	w->value = 1;
	w->view = view;
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	mailbox(b, 0)->in.rcx = 20;
	mailbox(b, 0)->in.rdi = LAB_SCRATCH;
	HOLDS(perform(w, 0, LAB_OP_WRITES));
	HOLDS(w->count == 20 && !w->refused);
	WORKS(vmi_read_u64(b->vm, NULL, LAB_SCRATCH, &value, &b->err));
	HOLDS(value == 1);
	HOLDS(do_write(w, LAB_SCRATCH, 0) && w->count == 21);
	WORKS(view_down(b, view));
	return true;
}

/* Two vcpus, each stepping at the same time over the same page. */
static bool fast_two_vcpus(struct bench *b)
{
	struct watch *w = watch_new(b, step_over);
	uint16_t view;

	WORKS(view_up(b, ALL, &view));
	WORKS(vmi_access_set(b->vm, view, GFN(LAB_SCRATCH), R | X, 0, &b->err));
	w->value = 1;
	w->view = view;
	WORKS(vmi_view_switch(b->vm, view, &b->err));
	for (unsigned i = 0; i < 2; i++) {
		mailbox(b, i)->in.rcx = 200;
		mailbox(b, i)->in.rdi = LAB_SCRATCH + 8 * i;
		lab_begin(&b->guest, i, LAB_OP_WRITES);
	}
	HOLDS(serve(w, 10000));
	HOLDS(w->count == 400 && !w->refused);
	WORKS(view_down(b, view));
	HOLDS(do_write(w, LAB_SCRATCH, 0) && do_write(w, LAB_SCRATCH + 8, 0) && w->count == 400);
	return true;
}

static bool no_views_no_fast_step(struct bench *b)
{
	struct watch *w = watch_new(b, step_over);
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_CPUID};

	w->value = 1;
	WORKS(monitor_on(b, &monitor));
	HOLDS(perform(w, 0, LAB_OP_CPUID));
	HOLDS(w->refused == 1 && strstr(w->refusal.text, "there are none"));
	return true;
}

void part_views(struct bench *b)
{
	static const struct test tests[] = {
		{"fast-singlestep-refused", no_views_no_fast_step},
		{"view-access", access_of_view},
		{"view-default-access", default_access},
		{"view-change-gfn", change_gfn},
		{"view-refusals", refusals},
		{"views-nine", many},
		{"hidden-breakpoint-step", hidden_step},
		{"hidden-breakpoint-fast", hidden_fast},
		{"fast-singlestep", fast_over_writes},
		{"fast-singlestep-two-vcpus", fast_two_vcpus},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}

static bool not_configured(struct bench *b)
{
	uint16_t view;

	REFUSED(view_up(b, ALL, &view), VMI_ERR_UNSUPPORTED, "altp2m = \"external\"");
	WORKS(vmi_access_set(b->vm, 0, GFN(LAB_SCRATCH), R | X, 0, &b->err));
	struct watch *w = watch_new(b, emulate);
	HOLDS(do_write(w, LAB_SCRATCH, 0) && w->count == 1);
	return true;
}

void part_no_views(struct bench *b)
{
	static const struct test tests[] = {{"views-not-configured", not_configured}};

	run_tests(b, tests, 1);
}
