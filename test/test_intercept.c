/* SPDX-License-Identifier: MIT */
/* Intercepts: what is asked for arrives, what is not goes on unseen. */

#include <stdlib.h>
#include <string.h>

#include "setting.h"

static const struct vmi_intercept cr3 = {.kind = VMI_INTERCEPT_CR3};
static const struct vmi_intercept breakpoint = {.kind = VMI_INTERCEPT_BREAKPOINT};

static struct vmi_event event_of(enum vmi_reason reason, unsigned vcpu)
{
	return (struct vmi_event){.vcpu = vcpu,
				  .flags = VMI_EVENT_VCPU_PAUSED,
				  .view = VMI_VIEW_NONE,
				  .reason = reason};
}

static struct vmi_event write_cr(enum vmi_register reg, unsigned vcpu)
{
	struct vmi_event event = event_of(VMI_REASON_WRITE_CR, vcpu);

	event.u.cr.reg = reg;
	event.u.cr.old_value = 1;
	event.u.cr.new_value = 2;
	return event;
}

/* A monitor is on while any vcpu asks. */
static void turning_on_and_off(void **state)
{
	static const struct vmi_intercept all[] = {
		{.kind = VMI_INTERCEPT_CR0},
		{.kind = VMI_INTERCEPT_CR3},
		{.kind = VMI_INTERCEPT_CR4},
		{.kind = VMI_INTERCEPT_MSR, .msr = 0x174},
		{.kind = VMI_INTERCEPT_MSR, .msr = 0x175},
		{.kind = VMI_INTERCEPT_BREAKPOINT},
	};
	static const struct vmi_monitor monitor[] = {
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR0},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4},
		{.kind = VMI_MONITOR_MSR, .msr = 0x174},
		{.kind = VMI_MONITOR_MSR, .msr = 0x175},
		{.kind = VMI_MONITOR_INTERRUPT, .vector = 3},
	};
	struct setting *s = *state;
	struct vmi_error err;

	for (unsigned i = 0; i < 6; i++) {
		CHECK_OK(vmi_intercept_enable(s->vm, 0, &all[i], &err));
		CHECK_OK(vmi_intercept_enable(s->vm, 2, &all[i], &err));
		CHECK_OK(vmi_intercept_enable(s->vm, 2, &all[i], &err));
		assert_int_equal(s->fake->monitor_count, i + 1);
		assert_memory_equal(&s->fake->monitors[i], &monitor[i], sizeof(monitor[i]));
	}
	for (unsigned i = 0; i < 6; i++) {
		CHECK_OK(vmi_intercept_disable(s->vm, 0, &all[i], &err));
		CHECK_OK(vmi_intercept_disable(s->vm, 1, &all[i], &err)); /* never was on */
		assert_int_equal(s->fake->monitor_count, 6 - i);
		CHECK_OK(vmi_intercept_disable(s->vm, 2, &all[i], &err));
		assert_int_equal(s->fake->monitor_count, 5 - i);
		CHECK_OK(vmi_intercept_disable(s->vm, 2, &all[i], &err));
	}
	/* All together; accesses to memory have no monitor. */
	struct vmi_intercept fault = {.kind = VMI_INTERCEPT_PAGEFAULT};
	CHECK_OK(vmi_intercept_enable(s->vm, VMI_ALL_VCPUS, &fault, &err));
	assert_int_equal(s->fake->monitor_count, 0);
	CHECK_OK(vmi_intercept_enable(s->vm, VMI_ALL_VCPUS, &cr3, &err));
	CHECK_OK(vmi_intercept_disable(s->vm, VMI_ALL_VCPUS, &cr3, &err));
	assert_int_equal(s->fake->monitor_count, 0);
	CHECK_FAIL(vmi_intercept_enable(s->vm, 3, &cr3, &err), VMI_ERR_NOT_FOUND, "no vcpu 3");
	CHECK_FAIL(vmi_intercept_disable(s->vm, 3, &cr3, &err), VMI_ERR_NOT_FOUND, "no vcpu 3");
}

/* A failure leaves it off, or on: what it was. */
static void turning_fails(void **state)
{
	struct setting *s = *state;
	struct vmi_event event = write_cr(VMI_CR3, 0);
	struct vmi_intercepted got;
	struct vmi_error err;

	fake_fail(s->fake, FAKE_MONITOR, 1, VMI_ERR_BUSY);
	CHECK_FAIL(vmi_intercept_enable(s->vm, 0, &cr3, &err), VMI_ERR_BUSY, "injected");
	fake_event(s->fake, &event);
	CHECK_FAIL(vmi_intercept_listen(s->vm, 1, &got, &err), VMI_ERR_TIMEOUT, "");
	CHECK_OK(vmi_intercept_enable(s->vm, 0, &cr3, &err));
	fake_fail(s->fake, FAKE_MONITOR, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_intercept_disable(s->vm, 0, &cr3, &err), VMI_ERR_IO, "injected");
	fake_event(s->fake, &event);
	CHECK_OK(vmi_intercept_listen(s->vm, 1, &got, &err));
	CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
}

/* Each kind in its own words, and the event it came from. */
static void words(void **state)
{
	struct setting *s = *state;
	struct vmi_intercepted got;
	struct vmi_error err;
	struct vmi_intercept what = {.kind = VMI_INTERCEPT_CR0};
	static const enum vmi_register regs[] = {VMI_CR0, VMI_CR3, VMI_CR4};

	for (int i = 0; i < 3; i++) {
		struct vmi_event event = write_cr(regs[i], 1);

		what.kind = (enum vmi_intercept_kind)(VMI_INTERCEPT_CR0 + i);
		CHECK_OK(vmi_intercept_enable(s->vm, 1, &what, &err));
		fake_event(s->fake, &event);
		CHECK_OK(vmi_intercept_listen(s->vm, 0, &got, &err));
		assert_int_equal(got.vcpu, 1);
		assert_int_equal(got.kind, what.kind);
		assert_int_equal(got.old_value, 1);
		assert_int_equal(got.new_value, 2);
		assert_memory_equal(&got.full, &event, sizeof(event));
		assert_int_equal(s->fake->in_flight, 1); /* it waits */
		CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
		assert_int_equal(s->fake->responses[i].action, VMI_ACTION_CONTINUE);
	}

	struct vmi_event event = event_of(VMI_REASON_WRITE_MSR, 0);
	event.u.msr.msr = 0x174;
	event.u.msr.old_value = 7;
	event.u.msr.new_value = 8;
	what = (struct vmi_intercept){.kind = VMI_INTERCEPT_MSR, .msr = 0x174};
	CHECK_OK(vmi_intercept_enable(s->vm, VMI_ALL_VCPUS, &what, &err));
	fake_event(s->fake, &event);
	CHECK_OK(vmi_intercept_listen(s->vm, 0, &got, &err));
	assert_int_equal(got.kind, VMI_INTERCEPT_MSR);
	assert_int_equal(got.msr, 0x174);
	assert_int_equal(got.old_value, 7);
	assert_int_equal(got.new_value, 8);
	CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
}

/* The INT3 is the guest's, and is given to it; an access goes on by emulation. */
static void breakpoints_and_accesses(void **state)
{
	struct setting *s = *state;
	struct vmi_event event = event_of(VMI_REASON_INTERRUPT, 2);
	struct vmi_intercept fault = {.kind = VMI_INTERCEPT_PAGEFAULT};
	struct vmi_intercepted got;
	struct vmi_error err;

	CHECK_OK(vmi_intercept_enable(s->vm, 2, &breakpoint, &err));
	CHECK_OK(vmi_intercept_enable(s->vm, 2, &fault, &err));
	event.u.interrupt.gfn = 0x55;
	event.u.interrupt.interrupt = vmi_interrupt_breakpoint(1);
	vmi_register_know(&event.registers, VMI_RIP, 0xffff800000001234);
	fake_event(s->fake, &event);
	CHECK_OK(vmi_intercept_listen(s->vm, 0, &got, &err));
	assert_int_equal(got.kind, VMI_INTERCEPT_BREAKPOINT);
	assert_int_equal(got.gpa, 0x55234);
	assert_int_equal(got.instruction_length, 1);
	CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
	assert_int_equal(s->fake->responses[0].action, VMI_ACTION_REINJECT_INTERRUPT);

	event = event_of(VMI_REASON_MEMORY_ACCESS, 2);
	event.u.memory.gpa = 0x1008;
	event.u.memory.gva = 0x7008;
	event.u.memory.access = VMI_ACCESS_W;
	fake_event(s->fake, &event);
	CHECK_OK(vmi_intercept_listen(s->vm, 0, &got, &err));
	assert_int_equal(got.kind, VMI_INTERCEPT_PAGEFAULT);
	assert_int_equal(got.gpa, 0x1008);
	assert_int_equal(got.gva, 0x7008);
	assert_int_equal(got.access, VMI_ACCESS_W);
	CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
	assert_int_equal(s->fake->responses[1].action, VMI_ACTION_EMULATE);
}

/* Nobody sees what was not asked for: another vcpu's, another MSR's, what there is no word for. */
static void what_is_passed(void **state)
{
	struct setting *s = *state;
	struct vmi_intercept msr = {.kind = VMI_INTERCEPT_MSR, .msr = 0x174};
	struct vmi_intercepted got;
	struct vmi_error err;
	struct vmi_event events[] = {
		write_cr(VMI_CR3, 0),
		write_cr(VMI_CR0, 1),
		write_cr(VMI_XCR0, 1),
		event_of(VMI_REASON_WRITE_MSR, 1),
		event_of(VMI_REASON_INTERRUPT, 1),
		event_of(VMI_REASON_INTERRUPT, 1),
		event_of(VMI_REASON_MEMORY_ACCESS, 1),
		event_of(VMI_REASON_CPUID, 1),
		write_cr(VMI_CR3, 1),
	};
	static const enum vmi_action want[] = {
		VMI_ACTION_CONTINUE, VMI_ACTION_CONTINUE,           VMI_ACTION_CONTINUE,
		VMI_ACTION_CONTINUE, VMI_ACTION_REINJECT_INTERRUPT, VMI_ACTION_REINJECT_INTERRUPT,
		VMI_ACTION_EMULATE,  VMI_ACTION_CONTINUE,
	};

	events[3].u.msr.msr = 0x175;
	events[4].u.interrupt.interrupt.vector = 3;
	events[5].u.interrupt.interrupt.vector = 1;
	CHECK_OK(vmi_intercept_enable(s->vm, 1, &cr3, &err));
	CHECK_OK(vmi_intercept_enable(s->vm, 1, &msr, &err));
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		fake_event(s->fake, &events[i]);
	CHECK_OK(vmi_intercept_listen(s->vm, 0, &got, &err));
	assert_int_equal(got.vcpu, 1);
	assert_int_equal(got.kind, VMI_INTERCEPT_CR3);
	assert_int_equal(s->fake->response_count, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(s->fake->responses[i].action, want[i]);
	CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
	CHECK_FAIL(vmi_intercept_listen(s->vm, 2, &got, &err), VMI_ERR_TIMEOUT, "within 2 ms");
}

static void listening_fails(void **state)
{
	struct setting *s = *state;
	struct vmi_event event = event_of(VMI_REASON_CPUID, 0);
	struct vmi_intercepted got;
	struct vmi_error err;

	fake_fail(s->fake, FAKE_TAKE, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_intercept_listen(s->vm, -1, &got, &err), VMI_ERR_GONE, "injected");
	vmi_event_interrupt(s->vm);
	CHECK_FAIL(vmi_intercept_listen(s->vm, -1, &got, &err), VMI_ERR_INTERRUPTED, "");
	fake_event(s->fake, &event);
	fake_fail(s->fake, FAKE_ANSWER, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_intercept_listen(s->vm, -1, &got, &err), VMI_ERR_IO, "injected");
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setting_make, setting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(turning_on_and_off),       LIVE(turning_fails),  LIVE(words),
		LIVE(breakpoints_and_accesses), LIVE(what_is_passed), LIVE(listening_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
