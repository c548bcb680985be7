/* SPDX-License-Identifier: MIT */
/* What stands on single events: the loop, refused answers, probing, and the small vocabulary. */

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fake_driver.h"
#include "tables.h"

struct setting {
	struct fake *fake;
	struct vmi *vm;
};

static int setting_make(void **state)
{
	struct setting *s = calloc(1, sizeof(*s));

	s->fake = fake_create();
	s->fake->vcpus = 2;
	fake_memory(s->fake, 0x1000, 4);
	s->vm = fake_open(s->fake, VMI_CAP_FULL, NULL);
	*state = s;
	return 0;
}

static int setting_end(void **state)
{
	struct setting *s = *state;

	vmi_close(s->vm);
	assert_int_equal(s->fake->in_flight, 0);
	assert_int_equal(s->fake->unflushed, 0);
	fake_destroy(s->fake);
	free(s);
	return 0;
}

static void raise_event(struct setting *s, const struct vmi_event *event)
{
	struct vmi_event paused = *event;

	paused.flags = VMI_EVENT_VCPU_PAUSED;
	paused.view = VMI_VIEW_NONE;
	fake_event(s->fake, &paused);
}

static void raise_cr3(struct setting *s, unsigned vcpu, uint64_t value)
{
	struct vmi_event event = {.vcpu = vcpu, .reason = VMI_REASON_WRITE_CR};

	event.u.cr.reg = VMI_CR3;
	event.u.cr.old_value = 0x1000;
	event.u.cr.new_value = value;
	raise_event(s, &event);
}

/* ---- the loop ------------------------------------------------------------------------------- */

struct turns {
	struct setting *s;
	struct vmi_response answer;
	unsigned events, timeouts, interrupts, cleanups, polls;
	unsigned stop_after; /* polls */
	unsigned resets_at_cleanup;
};

static struct vmi_response on_event(void *context, const struct vmi_event *event)
{
	struct turns *t = context;

	(void)event;
	t->events++;
	return t->answer;
}

static void on_timeout(void *context)
{
	((struct turns *)context)->timeouts++;
}

static void on_interrupt(void *context)
{
	((struct turns *)context)->interrupts++;
}

static void on_cleanup(void *context)
{
	struct turns *t = context;

	t->cleanups++;
	t->resets_at_cleanup = t->s->fake->resets;
}

static bool on_poll(void *context)
{
	struct turns *t = context;

	return ++t->polls > t->stop_after;
}

static const struct vmi_handler whole = {on_event, on_timeout, on_interrupt, on_cleanup, on_poll};

static void loop_runs_until_poll(void **state)
{
	struct setting *s = *state;
	struct turns t = {.s = s, .answer = vmi_response_default(), .stop_after = 2};
	struct vmi_error err;

	raise_cr3(s, 0, 0x2000);
	raise_cr3(s, 1, 0x3000);
	CHECK_OK(vmi_event_loop(s->vm, &whole, &t, 1, &err));
	assert_int_equal(t.events, 2); /* one turn, as they were there together */
	assert_int_equal(t.timeouts, 1);
	assert_int_equal(t.polls, 3);
	assert_int_equal(t.cleanups, 1);
	assert_int_equal(t.resets_at_cleanup, 0); /* before anything is undone */
	assert_int_equal(s->fake->resets, 1);
	assert_int_equal(s->fake->response_count, 2);
}

static void loop_is_interrupted(void **state)
{
	struct setting *s = *state;
	struct turns t = {.s = s, .answer = vmi_response_default(), .stop_after = 1};
	struct vmi_error err;

	vmi_event_interrupt(s->vm);
	CHECK_OK(vmi_event_loop(s->vm, &whole, &t, -1, &err));
	assert_int_equal(t.interrupts, 1);
	/* It counts once. */
	CHECK_FAIL(vmi_event_wait(s->vm, 1, on_event, &t, &err), VMI_ERR_TIMEOUT, "");
}

static void loop_ends_by_an_error(void **state)
{
	struct setting *s = *state;
	struct turns t = {.s = s, .answer = vmi_response_default(), .stop_after = 100};
	struct vmi_error err;

	fake_fail(s->fake, FAKE_TAKE, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_event_loop(s->vm, &whole, &t, 1, &err), VMI_ERR_GONE, "injected");
	assert_int_equal(t.cleanups, 1);
	assert_int_equal(s->fake->resets, 1);
}

/* ---- answers that contradict themselves ------------------------------------------------------ */

static void refused_answers_continue(void **state)
{
	struct setting *s = *state;
	static const struct {
		enum vmi_action action;
		enum vmi_reason reason;
		unsigned data;
		uint8_t registers;
		const char *words;
	} rows[] = {
		{VMI_ACTION_DENY, VMI_REASON_CPUID, 0, 0, "can be denied"},
		{VMI_ACTION_REINJECT_INTERRUPT, VMI_REASON_CPUID, 0, 0, "no interrupt to reinject"},
		{VMI_ACTION_FAST_SINGLESTEP, VMI_REASON_CPUID, 0, 0, "needs the view"},
		{VMI_ACTION_EMULATE_READ_DATA, VMI_REASON_MEMORY_ACCESS, 0, 0, "0 bytes"},
		{VMI_ACTION_EMULATE_READ_DATA, VMI_REASON_MEMORY_ACCESS, 249, 0, "249 bytes"},
		{VMI_ACTION_EMULATE_INSTRUCTION, VMI_REASON_MEMORY_ACCESS, 17, 0, "17 bytes"},
		{VMI_ACTION_EMULATE_READ_DATA, VMI_REASON_MEMORY_ACCESS, 8, 1, "not both"},
		{(enum vmi_action)99, VMI_REASON_CPUID, 0, 0, "no action 99"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct turns t = {.s = s, .answer = vmi_response_action(rows[i].action)};
		struct vmi_event event = {.reason = rows[i].reason};
		struct vmi_error err;
		t.answer.data_length = (uint16_t)rows[i].data;
		t.answer.set_registers = rows[i].registers;
		raise_event(s, &event);
		CHECK_FAIL(vmi_event_wait(s->vm, 1, on_event, &t, &err), VMI_ERR_ARG,
			   rows[i].words);
		assert_int_equal(s->fake->response_count, i + 1);
		assert_int_equal(s->fake->responses[i].action, VMI_ACTION_CONTINUE);
	}
}

static void taken_and_answered_apart(void **state)
{
	struct setting *s = *state;
	struct vmi_response deny = vmi_response_action(VMI_ACTION_DENY);
	struct vmi_event event;
	struct vmi_error err;

	raise_cr3(s, 1, 0x5000);
	CHECK_OK(vmi_event_take(s->vm, 1, &event, &err));
	assert_int_equal(event.vcpu, 1);
	assert_int_equal(event.u.cr.new_value, 0x5000);
	assert_int_equal(s->fake->in_flight, 1);
	CHECK_OK(vmi_event_answer(s->vm, &event, &deny, &err));
	assert_int_equal(s->fake->responses[0].action, VMI_ACTION_DENY);
	CHECK_FAIL(vmi_event_take(s->vm, 0, &event, &err), VMI_ERR_TIMEOUT, "");
}

/* ---- intercepts ----------------------------------------------------------------------------- */

static void intercept_of_one_vcpu(void **state)
{
	struct setting *s = *state;
	const struct vmi_intercept cr3 = {.kind = VMI_INTERCEPT_CR3};
	struct vmi_intercepted got;
	struct vmi_error err;

	CHECK_FAIL(vmi_intercept_enable(s->vm, 2, &cr3, &err), VMI_ERR_NOT_FOUND, "no vcpu 2");
	CHECK_OK(vmi_intercept_enable(s->vm, 1, &cr3, &err));
	assert_int_equal(s->fake->monitor_count, 1);
	CHECK_OK(vmi_intercept_enable(s->vm, 0, &cr3, &err));
	assert_int_equal(s->fake->monitor_count, 1); /* hypervisors watch whole guests */
	CHECK_OK(vmi_intercept_disable(s->vm, 0, &cr3, &err));
	assert_int_equal(s->fake->monitor_count, 1);

	raise_cr3(s, 0, 0x2000); /* nobody asked */
	raise_cr3(s, 1, 0x3000);
	CHECK_OK(vmi_intercept_listen(s->vm, 1, &got, &err));
	assert_int_equal(got.vcpu, 1);
	assert_int_equal(got.kind, VMI_INTERCEPT_CR3);
	assert_int_equal(got.new_value, 0x3000);
	assert_int_equal(got.old_value, 0x1000);
	assert_int_equal(s->fake->response_count, 1); /* vcpu 0 went on */
	CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
	assert_int_equal(s->fake->response_count, 2);
	CHECK_FAIL(vmi_intercept_listen(s->vm, 1, &got, &err), VMI_ERR_TIMEOUT, "");
	CHECK_OK(vmi_intercept_disable(s->vm, 1, &cr3, &err));
	assert_int_equal(s->fake->monitor_count, 0);
}

/* Every word of the vocabulary: what is watched, what is heard, how the guest goes on. */
static void intercepts_of_each_kind(void **state)
{
	struct setting *s = *state;
	static const struct {
		struct vmi_intercept what;
		enum vmi_reason reason;
		enum vmi_register reg;
		enum vmi_action goes_on;
	} rows[] = {
		{{VMI_INTERCEPT_CR0, 0}, VMI_REASON_WRITE_CR, VMI_CR0, VMI_ACTION_CONTINUE},
		{{VMI_INTERCEPT_CR3, 0}, VMI_REASON_WRITE_CR, VMI_CR3, VMI_ACTION_CONTINUE},
		{{VMI_INTERCEPT_CR4, 0}, VMI_REASON_WRITE_CR, VMI_CR4, VMI_ACTION_CONTINUE},
		{{VMI_INTERCEPT_MSR, 0xc0000080}, VMI_REASON_WRITE_MSR, 0, VMI_ACTION_CONTINUE},
		{{VMI_INTERCEPT_BREAKPOINT, 0},
		 VMI_REASON_INTERRUPT,
		 0,
		 VMI_ACTION_REINJECT_INTERRUPT},
		{{VMI_INTERCEPT_PAGEFAULT, 0}, VMI_REASON_MEMORY_ACCESS, 0, VMI_ACTION_EMULATE},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vmi_event event = {.reason = rows[i].reason};
		struct vmi_intercepted got;
		struct vmi_error err;
		if (rows[i].reason == VMI_REASON_WRITE_CR)
			event.u.cr.reg = rows[i].reg;
		if (rows[i].reason == VMI_REASON_WRITE_MSR)
			event.u.msr.msr = rows[i].what.msr;
		if (rows[i].reason == VMI_REASON_INTERRUPT) {
			event.u.interrupt.gfn = 5;
			event.u.interrupt.interrupt = vmi_interrupt_breakpoint(1);
			vmi_register_know(&event.registers, VMI_RIP, 0x401123);
		}
		if (rows[i].reason == VMI_REASON_MEMORY_ACCESS)
			event.u.memory.gpa = 0x5123;
		CHECK_OK(vmi_intercept_enable(s->vm, VMI_ALL_VCPUS, &rows[i].what, &err));
		raise_event(s, &event);
		CHECK_OK(vmi_intercept_listen(s->vm, 1, &got, &err));
		assert_int_equal(got.kind, rows[i].what.kind);
		assert_int_equal(got.msr, rows[i].what.msr);
		if (rows[i].reason == VMI_REASON_INTERRUPT ||
		    rows[i].reason == VMI_REASON_MEMORY_ACCESS)
			assert_int_equal(got.gpa, 0x5123);
		CHECK_OK(vmi_intercept_continue(s->vm, &got, &err));
		assert_int_equal(s->fake->responses[i].action, rows[i].goes_on);
	}
}

/* ---- probing -------------------------------------------------------------------------------- */

static void probe_brings_pages_in(void **state)
{
	struct setting *s = *state;
	struct tables tables;
	struct vmi_probe probe;
	struct vmi_error err;
	uint8_t buf[16];

	fake_memory(s->fake, 0x10000, 8);
	tables_init(&tables, s->fake, VMI_MODE_4LEVEL, 0x20000, 8);
	tables_set(&tables, 0x400000, 1, 0x10000 | P | W | U);

	vmi_probe_begin(&probe, s->vm, 1);
	CHECK_OK(vmi_probe_read(&probe, &tables.space, 0x400100, buf, sizeof(buf), &err));
	CHECK_OK(vmi_probe_end(&probe, true, false, &err));

	/* The page behind it is what is missing, not the one where the read began. */
	CHECK_FAIL(vmi_probe_read(&probe, &tables.space, 0x400ff8, buf, sizeof(buf), &err),
		   VMI_ERR_NOT_PRESENT, "not present");
	CHECK_FAIL(vmi_probe_read(&probe, &tables.space, 0x800000, buf, sizeof(buf), &err),
		   VMI_ERR_NOT_PRESENT, "not present");
	CHECK_FAIL(vmi_probe_end(&probe, true, true, &err), VMI_ERR_BUSY, "0x401000");
	assert_int_equal(s->fake->injected.vector, 14);
	assert_int_equal(s->fake->injected.extra, 0x401000);
	assert_int_equal(s->fake->injected.error_code, 6);
	assert_int_equal(s->fake->injected_vcpu, 1);

	vmi_probe_begin(&probe, s->vm, 0);
	vmi_probe_suppress(&probe, 0x401234);
	CHECK_FAIL(vmi_probe_read(&probe, &tables.space, 0x401000, buf, 1, &err),
		   VMI_ERR_NOT_PRESENT, "");
	CHECK_FAIL(vmi_probe_end(&probe, false, false, &err), VMI_ERR_NOT_PRESENT, "given up on");
	assert_int_equal(fake_calls(s->fake, FAKE_INJECT), 1);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setting_make, setting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(loop_runs_until_poll),     LIVE(loop_is_interrupted),
		LIVE(loop_ends_by_an_error),    LIVE(refused_answers_continue),
		LIVE(taken_and_answered_apart), LIVE(intercept_of_one_vcpu),
		LIVE(intercepts_of_each_kind),  LIVE(probe_brings_pages_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
