/* SPDX-License-Identifier: MIT */
/* One session with everything in it, and each of its calls fails once. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { RWX = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

static const struct fake_op guest[] = {
	{.kind = FAKE_EXECUTE, .gpa = 0x21000},
	{.kind = FAKE_READ, .gpa = 0x21000},
	{.kind = FAKE_WRITE, .gpa = 0x22010},
	{.kind = FAKE_WRITE_MSR, .index = 0xc0000082},
	{.kind = FAKE_REQUEST},
	{.kind = FAKE_NOP},
};

static const struct vmi_monitor monitors[] = {
	{.kind = VMI_MONITOR_INTERRUPT, .vector = 3},
	{.kind = VMI_MONITOR_INTERRUPT, .vector = 1},
	{.kind = VMI_MONITOR_SINGLESTEP},
	{.kind = VMI_MONITOR_HYPERCALL},
	{.kind = VMI_MONITOR_CPUID},
	{.kind = VMI_MONITOR_DESCRIPTOR},
	{.kind = VMI_MONITOR_EMULATION_FAILURE},
	{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
	{.kind = VMI_MONITOR_MSR, .msr = 0xc0000082, .every_write = 1},
};

enum { MONITORS = sizeof(monitors) / sizeof(monitors[0]) };

/* The first failure, and whether it said something. */
struct session {
	struct vmi *vm;
	struct vmi_error err;
	uint16_t view;
	unsigned failures;
	bool silent;
};

static bool went(struct session *s, enum vmi_status st)
{
	if (!st || st == VMI_END || st == VMI_ERR_TIMEOUT)
		return true;
	s->failures++;
	s->silent |= s->err.status != st || !s->err.text[0];
	return false;
}

static struct vmi_response serve(void *context, const struct vmi_event *event)
{
	const struct session *s = context;
	struct vmi_response r = vmi_response_default();

	if (event->reason == VMI_REASON_SINGLESTEP)
		return vmi_response_with_view(r, s->view);
	if (event->reason == VMI_REASON_INTERRUPT || event->reason == VMI_REASON_MEMORY_ACCESS)
		return vmi_response_with_view(
			vmi_response_action(event->vcpu ? VMI_ACTION_FAST_SINGLESTEP
							: VMI_ACTION_SINGLESTEP),
			0);
	return r;
}

static void prepare(struct session *s)
{
	const uint8_t int3 = 0xcc;
	struct vmi_registers set = {0};
	vmi_gfn shadow = 0;
	uint64_t value;
	struct vmi_run run;

	went(s, vmi_read_u64(s->vm, NULL, 0x30000, &value, &s->err));
	went(s, vmi_run_next(s->vm, 0, &run, &s->err));
	vmi_register_know(&set, VMI_RAX, 1);
	went(s, vmi_registers_set(s->vm, 0, &set, &s->err));
	bool traps =
		true; /* who plants an INT3 without a monitor for it, harms the guest himself */
	for (unsigned i = 0; i < MONITORS; i++)
		traps &= went(s, vmi_monitor_enable(s->vm, &monitors[i], &s->err)) || i > 2;
	went(s, vmi_access_set(s->vm, 0, 0x24, VMI_ACCESS_R, 0, &s->err));
	if (!traps || !went(s, vmi_view_create(s->vm, RWX, &s->view, &s->err)))
		return;
	if (went(s, vmi_gfn_allocate(s->vm, &shadow, &s->err)) &&
	    went(s, vmi_write_bytes(s->vm, NULL, shadow << 12, &int3, 1, NULL, &s->err)))
		went(s, vmi_view_change_gfn(s->vm, s->view, 0x21, shadow, &s->err));
	went(s, vmi_access_set(s->vm, s->view, 0x22, VMI_ACCESS_R | VMI_ACCESS_X, 0, &s->err));
	went(s, vmi_view_switch(s->vm, s->view, &s->err));
}

static void session(struct world *w)
{
	struct session s = {0};
	struct vmi_interrupt fault = vmi_interrupt_page_fault(0x1000, 2);

	if (!went(&s, vmi_open_driver(&s.vm, &driver_xen, "guest", NULL, &s.err)))
		goto out;
	prepare(&s);
	for (unsigned i = 0; i < 2; i++)
		fake_program(w->d, i, guest, sizeof(guest) / sizeof(guest[0]), 20);
	fake_run(w->m);
	for (unsigned i = 0; i < 20 && s.failures < 3; i++)
		went(&s, vmi_event_wait(s.vm, 20, serve, &s, &s.err));
	went(&s, vmi_interrupt_inject(s.vm, 0, &fault, &s.err));
	if (went(&s, vmi_pause(s.vm, &s.err)))
		went(&s, vmi_resume(s.vm, &s.err));
	went(&s, vmi_monitor_disable(s.vm, &monitors[4], &s.err));
	vmi_close(s.vm);
out:
	if (s.silent)
		fail_msg("a failure without words: %s", w->m->failed);
}

/*
 * A guest that cannot be given back because Xen refuses the very call that would do it is out of
 * reach; but one refusal is not for ever, and the next attempt must come.
 */
static void each_call_fails_once(struct world *w, int error)
{
	unsigned bad = 0;
	uint64_t n = 1;

	for (bool more = true; more; n++) {
		fake_machine_destroy(w->m);
		w->m = fake_machine_create();
		w->d = fake_domain(w->m, 1);
		fake_baseline(w->d, &w->before);
		fake_call_fail_at(w->m, n, error);
		session(w);
		more = w->m->failed[0];
		fake_call_clear(w->m);
		fake_run(w->m);
		const char *changed =
			fake_changed(w->m, w->d, &w->before, w->text, sizeof(w->text));
		bool leak = fake_open_handles() || fake_mapped_pages();
		if (!changed && !leak)
			continue;
		bad++;
		print_message("call %llu, %s: %s%s\n", (unsigned long long)n, w->m->failed,
			      changed ? changed : "", leak ? " handles or pages stay" : "");
		assert_true(n < 5000);
	}
	print_message("%llu calls\n", (unsigned long long)n - 1);
	assert_int_equal(bad, 0);
}

static void interrupted(void **state)
{
	each_call_fails_once(*state, EINTR);
}

static void busy(void **state)
{
	each_call_fails_once(*state, EBUSY);
}

static void refused(void **state)
{
	each_call_fails_once(*state, EPERM);
}

static void broken(void **state)
{
	each_call_fails_once(*state, EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(interrupted),
		WORLD_TEST(busy),
		WORLD_TEST(refused),
		WORLD_TEST(broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
