/* SPDX-License-Identifier: MIT */
/* A running guest: arguments are checked, the rest reaches the driver and its answer comes back. */

#include <stdlib.h>
#include <string.h>

#include "setting.h"

enum { ALL = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

/* ---- access ----------------------------------------------------------------------------- */

static void access_of_a_page(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	unsigned access = 99, options = 99;

	CHECK_OK(vmi_access_get(s->vm, 0, 1, &access, &options, &err));
	assert_int_equal(access, ALL);
	assert_int_equal(options, 0);
	for (unsigned want = 0; want <= ALL; want++) {
		CHECK_OK(vmi_access_set(s->vm, 0, 1, want, 0, &err));
		CHECK_OK(vmi_access_get(s->vm, 0, 1, &access, NULL, &err));
		assert_int_equal(access, want);
	}
	CHECK_OK(vmi_access_get(s->vm, 0, 2, &access, NULL, &err)); /* another page is as it was */
	assert_int_equal(access, ALL);

	CHECK_OK(vmi_access_set(s->vm, 0, 1, VMI_ACCESS_R, VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES,
				&err));
	CHECK_OK(vmi_access_get(s->vm, 0, 1, &access, &options, &err));
	assert_int_equal(access, VMI_ACCESS_R);
	assert_int_equal(options, VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES);
}

static void access_that_makes_no_sense(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	uint16_t view;

	CHECK_FAIL(vmi_access_set(s->vm, 0, 1, 8, 0, &err), VMI_ERR_ARG, "bits that do not exist");
	CHECK_FAIL(vmi_access_set(s->vm, 0, 1, UINT32_MAX, 0, &err), VMI_ERR_ARG, "0xffffffff");
	CHECK_FAIL(vmi_access_set(s->vm, 0, 1, VMI_ACCESS_R, 2, &err), VMI_ERR_ARG,
		   "options 0x2 have bits that do not exist");
	for (unsigned access = 0; access <= ALL; access++)
		if (access != VMI_ACCESS_R)
			CHECK_FAIL(vmi_access_set(s->vm, 0, 1, access,
						  VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES, &err),
				   VMI_ERR_ARG, "gfn 0x1");
	CHECK_FAIL(vmi_view_create(s->vm, 8, &view, &err), VMI_ERR_ARG, "bits that do not exist");
	assert_int_equal(fake_calls(s->fake, FAKE_ACCESS_SET), 0);
	assert_int_equal(fake_calls(s->fake, FAKE_VIEW), 0);
}

/* ---- views ------------------------------------------------------------------------------ */

static void views(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	uint16_t initial = 99, view = 99, other = 99;
	unsigned access;

	CHECK_OK(vmi_view_default(s->vm, &initial, &err));
	assert_int_equal(initial, 0);
	CHECK_OK(vmi_view_create(s->vm, VMI_ACCESS_R | VMI_ACCESS_X, &view, &err));
	CHECK_OK(vmi_view_create(s->vm, 0, &other, &err));
	assert_int_not_equal(view, initial);
	assert_int_not_equal(other, view);

	/* Access is by view, by default the one it was made with. */
	CHECK_OK(vmi_access_get(s->vm, view, 1, &access, NULL, &err));
	assert_int_equal(access, VMI_ACCESS_R | VMI_ACCESS_X);
	CHECK_OK(vmi_access_set(s->vm, view, 1, VMI_ACCESS_W, 0, &err));
	CHECK_OK(vmi_access_get(s->vm, other, 1, &access, NULL, &err));
	assert_int_equal(access, 0);
	CHECK_OK(vmi_access_get(s->vm, initial, 1, &access, NULL, &err));
	assert_int_equal(access, ALL);

	CHECK_OK(vmi_view_switch(s->vm, view, &err));
	assert_int_equal(s->fake->view, view);
	CHECK_FAIL(vmi_view_destroy(s->vm, view, &err), VMI_ERR_BUSY, "is active");
	CHECK_OK(vmi_view_switch(s->vm, initial, &err));
	CHECK_OK(vmi_view_destroy(s->vm, view, &err));
	CHECK_FAIL(vmi_view_destroy(s->vm, view, &err), VMI_ERR_NOT_FOUND, "there is no view");
	CHECK_FAIL(vmi_view_switch(s->vm, view, &err), VMI_ERR_NOT_FOUND, "there is no view");
	CHECK_FAIL(vmi_access_get(s->vm, view, 1, &access, NULL, &err), VMI_ERR_NOT_FOUND,
		   "there is no view");
	CHECK_FAIL(vmi_view_destroy(s->vm, 0, &err), VMI_ERR_ARG, "the guest's own");
	CHECK_OK(vmi_view_destroy(s->vm, other, &err));
}

static void view_frames(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	uint16_t view;

	CHECK_OK(vmi_view_create(s->vm, ALL, &view, &err));
	CHECK_OK(vmi_view_change_gfn(s->vm, view, 1, 3, &err));
	assert_int_equal(s->fake->change_count, 1);
	assert_int_equal(s->fake->changes[0].view, view);
	assert_int_equal(s->fake->changes[0].from, 1);
	assert_int_equal(s->fake->changes[0].to, 3);
	CHECK_OK(vmi_view_reset_gfn(s->vm, view, 1, &err));
	assert_int_equal(s->fake->change_count, 0);
	CHECK_FAIL(vmi_view_reset_gfn(s->vm, view, 1, &err), VMI_ERR_NOT_FOUND, "gfn 0x1");
	CHECK_FAIL(vmi_view_change_gfn(s->vm, 3, 1, 3, &err), VMI_ERR_NOT_FOUND, "no view 3");
}

/* ---- monitors --------------------------------------------------------------------------- */

static void monitors(void **state)
{
	static const struct vmi_monitor all[] = {
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR0},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_XCR0},
		{.kind = VMI_MONITOR_MSR, .msr = 0xc0000080},
		{.kind = VMI_MONITOR_MSR, .msr = 0x174},
		{.kind = VMI_MONITOR_INTERRUPT, .vector = 3},
		{.kind = VMI_MONITOR_INTERRUPT, .vector = 1},
		{.kind = VMI_MONITOR_SINGLESTEP},
		{.kind = VMI_MONITOR_HYPERCALL},
		{.kind = VMI_MONITOR_HYPERCALL, .userspace = 1},
		{.kind = VMI_MONITOR_CPUID},
		{.kind = VMI_MONITOR_IO},
		{.kind = VMI_MONITOR_DESCRIPTOR},
		{.kind = VMI_MONITOR_VMEXIT},
		{.kind = VMI_MONITOR_PRIVILEGED_CALL},
		{.kind = VMI_MONITOR_EMULATION_FAILURE},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4, .ignore = 0x80},
		{.kind = VMI_MONITOR_MSR, .msr = 0x10, .every_write = 1},
	};
	enum { COUNT = sizeof(all) / sizeof(all[0]) };
	struct setting *s = *state;
	struct vmi_error err;

	for (unsigned i = 0; i < COUNT; i++) {
		CHECK_OK(vmi_monitor_enable(s->vm, &all[i], &err));
		assert_int_equal(s->fake->monitor_count, i + 1);
		assert_memory_equal(&s->fake->monitors[i], &all[i], sizeof(all[i]));
		CHECK_FAIL(vmi_monitor_enable(s->vm, &all[i], &err), VMI_ERR_BUSY,
			   "monitored already");
	}
	for (unsigned i = 0; i < COUNT; i++) {
		CHECK_OK(vmi_monitor_disable(s->vm, &all[i], &err));
		CHECK_FAIL(vmi_monitor_disable(s->vm, &all[i], &err), VMI_ERR_NOT_FOUND,
			   "not monitored");
	}
	assert_int_equal(s->fake->monitor_count, 0);
}

static void monitors_that_do_not_exist(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_monitor monitor = {.kind = VMI_MONITOR_REGISTER};

	for (unsigned reg = 0; reg <= VMI_REGISTER_COUNT; reg++) {
		monitor.reg = (enum vmi_register)reg;
		if (reg == VMI_CR0 || reg == VMI_CR3 || reg == VMI_CR4 || reg == VMI_XCR0)
			continue;
		CHECK_FAIL(vmi_monitor_enable(s->vm, &monitor, &err), VMI_ERR_ARG,
			   vmi_register_name(monitor.reg));
		CHECK_FAIL(vmi_monitor_disable(s->vm, &monitor, &err), VMI_ERR_ARG,
			   "only those to cr0, cr3, cr4, xcr0");
	}
	monitor.kind = VMI_MONITOR_INTERRUPT;
	for (unsigned vector = 0; vector < 256; vector++) {
		monitor.vector = (uint8_t)vector;
		if (vector != 1 && vector != 3)
			CHECK_FAIL(vmi_monitor_enable(s->vm, &monitor, &err), VMI_ERR_ARG,
				   "only 1 (#DB) and 3 (#BP)");
	}
	monitor.kind = (enum vmi_monitor_kind)77;
	CHECK_FAIL(vmi_monitor_enable(s->vm, &monitor, &err), VMI_ERR_ARG, "no monitor 77");
	assert_int_equal(fake_calls(s->fake, FAKE_MONITOR), 0);
}

/* ---- responses -------------------------------------------------------------------------- */

static void responses(void **state)
{
	static const enum vmi_action actions[] = {
		VMI_ACTION_CONTINUE,           VMI_ACTION_DENY,
		VMI_ACTION_REINJECT_INTERRUPT, VMI_ACTION_SINGLESTEP,
		VMI_ACTION_FAST_SINGLESTEP,    VMI_ACTION_EMULATE};
	struct vmi_registers regs = {.source = NULL};
	struct vmi_response r = vmi_response_default();

	(void)state;
	assert_int_equal(r.action, VMI_ACTION_CONTINUE);
	assert_int_equal(r.view, VMI_VIEW_NONE);
	assert_false(r.set_registers);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		r = vmi_response_action(actions[i]);
		assert_int_equal(r.action, actions[i]);
		assert_int_equal(r.view, VMI_VIEW_NONE);
		assert_false(r.set_registers);
	}
	r = vmi_response_with_view(vmi_response_action(VMI_ACTION_FAST_SINGLESTEP), 2);
	assert_int_equal(r.action, VMI_ACTION_FAST_SINGLESTEP);
	assert_int_equal(r.view, 2);

	for (unsigned reg = 0; reg < VMI_GP_REGISTER_COUNT; reg++)
		vmi_register_know(&regs, (enum vmi_register)reg, 0x1000 + reg);
	r = vmi_response_with_registers(r, &regs);
	assert_int_equal(r.view, 2);
	assert_int_equal(r.action, VMI_ACTION_FAST_SINGLESTEP);
	assert_true(r.set_registers);
	for (unsigned reg = 0; reg < VMI_GP_REGISTER_COUNT; reg++)
		assert_int_equal(r.registers[reg], 0x1000 + reg);
}

/* ---- events ----------------------------------------------------------------------------- */

struct seen {
	struct vmi_event events[FAKE_LIST];
	unsigned count;
	struct vmi_response answer[FAKE_LIST];
};

static struct vmi_response record(void *context, const struct vmi_event *event)
{
	struct seen *seen = context;

	seen->events[seen->count] = *event;
	return seen->answer[seen->count++];
}

static struct vmi_event event_of(enum vmi_reason reason, unsigned vcpu)
{
	struct vmi_event event = {
		.vcpu = vcpu,
		.flags = vcpu ? VMI_EVENT_VCPU_PAUSED : 0,
		.view = vcpu ? 1 : VMI_VIEW_NONE,
		.reason = reason,
	};

	memset(&event.u, (int)reason + 1, sizeof(event.u));
	vmi_register_know(&event.registers, VMI_RIP, 0x1000 + (unsigned)reason);
	return event;
}

/* An answer that fits, and differs from reason to reason where it can. */
static enum vmi_action action_for(enum vmi_reason reason)
{
	return reason == VMI_REASON_WRITE_CR        ? VMI_ACTION_DENY
	       : reason == VMI_REASON_INTERRUPT     ? VMI_ACTION_REINJECT_INTERRUPT
	       : reason == VMI_REASON_SINGLESTEP    ? VMI_ACTION_SINGLESTEP
	       : reason == VMI_REASON_MEMORY_ACCESS ? VMI_ACTION_EMULATE
						    : VMI_ACTION_CONTINUE;
}

/* Events of each reason arrive as they were, in order, and each is answered exactly once. */
static void events(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct seen *seen = calloc(1, sizeof(*seen));
	size_t pending = 99;

	CHECK_OK(vmi_events_pending(s->vm, &pending, &err));
	assert_int_equal(pending, 0);
	for (unsigned i = 0; i <= VMI_REASON_UNKNOWN; i++) {
		struct vmi_event event = event_of((enum vmi_reason)i, i % 2);
		fake_event(s->fake, &event);
		seen->answer[i] = vmi_response_action(action_for((enum vmi_reason)i));
	}
	CHECK_OK(vmi_events_pending(s->vm, &pending, &err));
	assert_int_equal(pending, VMI_REASON_COUNT);
	CHECK_OK(vmi_event_wait(s->vm, 100, record, seen, &err));
	assert_int_equal(seen->count, VMI_REASON_COUNT);
	assert_int_equal(s->fake->response_count, VMI_REASON_COUNT);
	for (unsigned i = 0; i <= VMI_REASON_UNKNOWN; i++) {
		struct vmi_event want = event_of((enum vmi_reason)i, i % 2);
		assert_int_equal(seen->events[i].vcpu, want.vcpu);
		assert_int_equal(seen->events[i].flags, want.flags);
		assert_int_equal(seen->events[i].view, want.view);
		assert_int_equal(seen->events[i].reason, want.reason);
		assert_memory_equal(&seen->events[i].u, &want.u, sizeof(want.u));
		assert_int_equal(seen->events[i].registers.value[VMI_RIP], 0x1000 + i);
		assert_int_equal(seen->events[i].registers.provenance[VMI_RIP], VMI_KNOWN);
		assert_int_equal(seen->events[i].registers.provenance[VMI_RAX], VMI_ABSENT);
		assert_int_equal(s->fake->responses[i].action, action_for((enum vmi_reason)i));
	}
	CHECK_OK(vmi_events_pending(s->vm, &pending, &err));
	assert_int_equal(pending, 0);
	free(seen);
}

static void event_view_and_registers(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct seen *seen = calloc(1, sizeof(*seen));
	struct vmi_event event = event_of(VMI_REASON_INTERRUPT, 1);
	struct vmi_registers regs = {.source = NULL};
	uint16_t view;

	CHECK_OK(vmi_view_create(s->vm, ALL, &view, &err));
	for (unsigned reg = 0; reg < VMI_GP_REGISTER_COUNT; reg++)
		vmi_register_know(&regs, (enum vmi_register)reg, 0x700 + reg);
	seen->answer[0] = vmi_response_with_registers(
		vmi_response_with_view(vmi_response_default(), view), &regs);
	fake_event(s->fake, &event);
	CHECK_OK(vmi_event_wait(s->vm, -1, record, seen, &err));
	assert_int_equal(s->fake->view, view);
	assert_int_equal(s->fake->registers[1].value[VMI_RIP], 0x700 + VMI_RIP);
	assert_int_equal(s->fake->registers[1].value[VMI_R15], 0x700 + VMI_R15);
	assert_int_equal(s->fake->registers[0].provenance[VMI_RIP], VMI_ABSENT);
	CHECK_OK(vmi_view_switch(s->vm, 0, &err));
	free(seen);
}

static void event_timeout_and_failure(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct seen *seen = calloc(1, sizeof(*seen));
	struct vmi_event event = event_of(VMI_REASON_CPUID, 0);
	uint64_t overhead = 99;

	CHECK_OK(vmi_event_deadline(s->vm, 1234, &err));
	assert_int_equal(s->fake->deadline_ms, 1234);
	CHECK_FAIL(vmi_event_wait(s->vm, 20, record, seen, &err), VMI_ERR_TIMEOUT, "within 20 ms");
	fake_fail(s->fake, FAKE_TAKE, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_event_wait(s->vm, 20, record, seen, &err), VMI_ERR_GONE, "injected failure");
	assert_int_equal(seen->count, 0);
	CHECK_OK(vmi_event_overhead(s->vm, &overhead, &err));
	assert_int_equal(overhead, 0);
	seen->answer[0] = vmi_response_default();
	fake_event(s->fake, &event);
	CHECK_OK(vmi_event_wait(s->vm, 0, record, seen, &err));
	CHECK_OK(vmi_event_overhead(s->vm, &overhead, &err));
	assert_int_equal(overhead, 1000);
	free(seen);
}

/* ---- control ---------------------------------------------------------------------------- */

static void pauses_nest(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;

	CHECK_FAIL(vmi_resume(s->vm, &err), VMI_ERR_ARG, "has not paused");
	for (unsigned i = 0; i < 3; i++)
		CHECK_OK(vmi_pause(s->vm, &err));
	assert_int_equal(fake_calls(s->fake, FAKE_PAUSE), 1);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_OK(vmi_resume(s->vm, &err));
		assert_int_equal(s->fake->paused, 1);
	}
	CHECK_OK(vmi_resume(s->vm, &err));
	assert_int_equal(s->fake->paused, 0);
	assert_int_equal(fake_calls(s->fake, FAKE_RESUME), 1);
	CHECK_FAIL(vmi_resume(s->vm, &err), VMI_ERR_ARG, "has not paused");
}

static void pausing_fails(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;

	fake_fail(s->fake, FAKE_PAUSE, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_pause(s->vm, &err), VMI_ERR_GONE, "injected failure");
	CHECK_FAIL(vmi_resume(s->vm, &err), VMI_ERR_ARG, "has not paused"); /* not counted */

	CHECK_OK(vmi_pause(s->vm, &err));
	fake_fail(s->fake, FAKE_RESUME, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_resume(s->vm, &err), VMI_ERR_IO, "injected failure");
	assert_int_equal(s->fake->paused, 1);
	CHECK_OK(vmi_resume(s->vm, &err)); /* still counted: tried again */
	assert_int_equal(s->fake->paused, 0);
}

/* Closing resumes, however often it was paused. setting_end() looks. */
static void closing_resumes(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;

	CHECK_OK(vmi_pause(s->vm, &err));
	CHECK_OK(vmi_pause(s->vm, &err));
	assert_int_equal(s->fake->paused, 1);
}

static void pause_guard(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_pause_guard never = {NULL};

	vmi_pause_end(&never);
	{
		struct vmi_pause_guard __attribute__((cleanup(vmi_pause_end))) guard;
		CHECK_OK(vmi_pause_begin(&guard, s->vm, &err));
		assert_int_equal(s->fake->paused, 1);
		struct vmi_pause_guard __attribute__((cleanup(vmi_pause_end))) inner;
		CHECK_OK(vmi_pause_begin(&inner, s->vm, &err));
		vmi_pause_end(&inner); /* twice does no harm */
		assert_int_equal(s->fake->paused, 1);
	}
	assert_int_equal(s->fake->paused, 0);
	assert_int_equal(fake_calls(s->fake, FAKE_PAUSE), 1);

	fake_fail(s->fake, FAKE_PAUSE, 1, VMI_ERR_BUSY);
	struct vmi_pause_guard failed = {(struct vmi *)&err};
	CHECK_FAIL(vmi_pause_begin(&failed, s->vm, &err), VMI_ERR_BUSY, "injected failure");
	vmi_pause_end(&failed);
	assert_int_equal(fake_calls(s->fake, FAKE_RESUME), 1);
}

static void frames(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	vmi_gfn gfn = 0;
	uint64_t value;

	CHECK_OK(vmi_gfn_allocate(s->vm, &gfn, &err));
	assert_int_equal(gfn, 5); /* behind all others */
	CHECK_OK(vmi_write_uint(s->vm, NULL, gfn << 12, 8, 0x1234, &err));
	CHECK_OK(vmi_read_u64(s->vm, NULL, gfn << 12, &value, &err));
	assert_int_equal(value, 0x1234);
	CHECK_FAIL(vmi_gfn_allocate_at(s->vm, gfn, &err), VMI_ERR_BUSY, "memory at gfn 0x5");
	CHECK_OK(vmi_gfn_allocate_at(s->vm, 0x40, &err));
	CHECK_OK(vmi_gfn_free(s->vm, 0x40, &err));
	CHECK_FAIL(vmi_gfn_free(s->vm, 0x40, &err), VMI_ERR_NOT_FOUND, "gfn 0x40");
	CHECK_FAIL(vmi_gfn_free(s->vm, UINT64_MAX, &err), VMI_ERR_NOT_FOUND, "not allocated");
	fake_fail(s->fake, FAKE_ALLOCATE, 1, VMI_ERR_NOMEM);
	gfn = 77;
	CHECK_FAIL(vmi_gfn_allocate(s->vm, &gfn, &err), VMI_ERR_NOMEM, "injected failure");
	assert_int_equal(gfn, 77);
}

/* A frame that was given back is not read from the cache. */
static void freed_frames_are_forgotten(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_page page;
	uint64_t value;

	s->fake->pages = FAKE_COPIED;
	CHECK_OK(vmi_gfn_allocate_at(s->vm, 0x40, &err));
	CHECK_OK(vmi_read_u64(s->vm, NULL, 0x40000, &value, &err));
	CHECK_OK(vmi_page_get(s->vm, 0x40, &page, &err));
	CHECK_OK(vmi_gfn_free(s->vm, 0x40, &err));
	CHECK_FAIL(vmi_read_u64(s->vm, NULL, 0x40000, &value, &err), VMI_ERR_NOT_SAVED,
		   "no memory at gfn 0x40");
	assert_int_equal(page.data[0], 0);
	vmi_page_put(s->vm, &page);
}

static void interrupts(void **state)
{
	struct setting *s = *state;
	struct vmi_interrupt fault = {
		.vector = 14, .type = 3, .has_error_code = 1, .error_code = 2, .extra = 0x7000};
	struct vmi_error err;

	CHECK_OK(vmi_interrupt_inject(s->vm, 1, &fault, &err));
	assert_int_equal(s->fake->injected_vcpu, 1);
	assert_memory_equal(&s->fake->injected, &fault, sizeof(fault));
	CHECK_FAIL(vmi_interrupt_inject(s->vm, 3, &fault, &err), VMI_ERR_NOT_FOUND,
		   "there is no vcpu 3");
	fake_fail(s->fake, FAKE_INJECT, 1, VMI_ERR_BUSY);
	CHECK_FAIL(vmi_interrupt_inject(s->vm, 1, &fault, &err), VMI_ERR_BUSY, "injected failure");
}

static void resetting(void **state)
{
	struct setting *s = *state;
	struct vmi_monitor monitor = {.kind = VMI_MONITOR_SINGLESTEP};
	struct vmi_error err;
	uint16_t view;
	unsigned access;

	CHECK_OK(vmi_monitor_enable(s->vm, &monitor, &err));
	CHECK_OK(vmi_view_create(s->vm, 0, &view, &err));
	CHECK_OK(vmi_view_switch(s->vm, view, &err));
	CHECK_OK(vmi_access_set(s->vm, 0, 1, 0, 0, &err));
	CHECK_OK(vmi_state_reset(s->vm, &err));
	assert_int_equal(s->fake->resets, 1);
	assert_int_equal(s->fake->monitor_count, 0);
	assert_int_equal(s->fake->view, 0);
	CHECK_OK(vmi_access_get(s->vm, 0, 1, &access, NULL, &err));
	assert_int_equal(access, ALL);
	fake_fail(s->fake, FAKE_RESET, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_state_reset(s->vm, &err), VMI_ERR_GONE, "injected failure");
}

/* What the driver says comes through, status and words. */
static void driver_failures(void **state)
{
	struct setting *s = *state;
	struct vmi_monitor monitor = {.kind = VMI_MONITOR_IO};
	struct vmi_error err;
	uint16_t view = 7;
	unsigned access = 7;

	fake_fail(s->fake, FAKE_ACCESS_GET, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_access_get(s->vm, 0, 1, &access, NULL, &err), VMI_ERR_GONE, "injected");
	fake_fail(s->fake, FAKE_ACCESS_SET, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_access_set(s->vm, 0, 1, 0, 0, &err), VMI_ERR_GONE, "injected");
	fake_fail(s->fake, FAKE_MONITOR, 1, VMI_ERR_BUSY);
	CHECK_FAIL(vmi_monitor_enable(s->vm, &monitor, &err), VMI_ERR_BUSY, "injected");
	for (unsigned i = 0; i < 6; i++) {
		fake_fail(s->fake, FAKE_VIEW, 1, VMI_ERR_IO);
		CHECK_FAIL(i == 0   ? vmi_view_default(s->vm, &view, &err)
			   : i == 1 ? vmi_view_create(s->vm, 0, &view, &err)
			   : i == 2 ? vmi_view_destroy(s->vm, 1, &err)
			   : i == 3 ? vmi_view_switch(s->vm, 0, &err)
			   : i == 4 ? vmi_view_change_gfn(s->vm, 0, 1, 2, &err)
				    : vmi_view_reset_gfn(s->vm, 0, 1, &err),
			   VMI_ERR_IO, "injected");
	}
	assert_int_equal(view, 7); /* left alone */
	assert_int_equal(access, 7);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setting_make, setting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(access_of_a_page),
		LIVE(access_that_makes_no_sense),
		LIVE(views),
		LIVE(view_frames),
		LIVE(monitors),
		LIVE(monitors_that_do_not_exist),
		cmocka_unit_test(responses),
		LIVE(events),
		LIVE(event_view_and_registers),
		LIVE(event_timeout_and_failure),
		LIVE(pauses_nest),
		LIVE(pausing_fails),
		LIVE(closing_resumes),
		LIVE(pause_guard),
		LIVE(frames),
		LIVE(freed_frames_are_forgotten),
		LIVE(interrupts),
		LIVE(resetting),
		LIVE(driver_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
