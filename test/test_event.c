/* SPDX-License-Identifier: MIT */
/* Events: answers checked, each given once, waits that end, the loop and its callbacks. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setting.h"

static struct vmi_event event_of(enum vmi_reason reason)
{
	return (struct vmi_event){
		.flags = VMI_EVENT_VCPU_PAUSED, .view = VMI_VIEW_NONE, .reason = reason};
}

/* ---- names and constructors ----------------------------------------------------------------- */

static void names(void **state)
{
	(void)state;
	for (int i = 0; i < VMI_REASON_UNKNOWN; i++) {
		const char *name = vmi_reason_name((enum vmi_reason)i);

		assert_string_not_equal(name, "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, vmi_reason_name((enum vmi_reason)k));
	}
	assert_string_equal(vmi_reason_name(VMI_REASON_UNKNOWN), "unknown");
	assert_string_equal(vmi_reason_name((enum vmi_reason)99), "unknown");
	for (int i = 0; i <= VMI_MONITOR_EMULATION_FAILURE; i++) {
		struct vmi_monitor a = {.kind = (enum vmi_monitor_kind)i, .reg = VMI_CR3};

		assert_true(strlen(vmi_monitor_name(&a)) > 3);
		for (int k = 0; k < i; k++) {
			struct vmi_monitor b = {.kind = (enum vmi_monitor_kind)k, .reg = VMI_CR3};
			assert_string_not_equal(vmi_monitor_name(&a), vmi_monitor_name(&b));
		}
	}
	struct vmi_interrupt fault = vmi_interrupt_page_fault(0x7000, 6);
	assert_int_equal(fault.vector, 14);
	assert_int_equal(fault.type, 3);
	assert_true(fault.has_error_code);
	assert_int_equal(fault.error_code, 6);
	assert_int_equal(fault.extra, 0x7000);
	struct vmi_interrupt breakpoint = vmi_interrupt_breakpoint(1);
	assert_int_equal(breakpoint.vector, 3);
	assert_int_equal(breakpoint.type, 6);
	assert_int_equal(breakpoint.instruction_length, 1);
	assert_false(breakpoint.has_error_code);
}

/* ---- what can be answered ------------------------------------------------------------------- */

static void answers_by_reason(void **state)
{
	struct vmi_error err;

	(void)state;
	for (int reason = 0; reason < VMI_REASON_COUNT; reason++) {
		struct vmi_event event = event_of((enum vmi_reason)reason);
		struct vmi_response deny = vmi_response_action(VMI_ACTION_DENY);
		struct vmi_response give = vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
		static const enum vmi_action any[] = {VMI_ACTION_CONTINUE, VMI_ACTION_SINGLESTEP,
						      VMI_ACTION_EMULATE,
						      VMI_ACTION_EMULATE_NO_WRITE};

		event.u.cr.reg = VMI_CR3;
		if (reason == VMI_REASON_WRITE_CR || reason == VMI_REASON_WRITE_MSR)
			CHECK_OK(vmi_response_check(&event, &deny, &err));
		else
			CHECK_FAIL(vmi_response_check(&event, &deny, &err), VMI_ERR_ARG,
				   vmi_reason_name((enum vmi_reason)reason));
		if (reason == VMI_REASON_INTERRUPT)
			CHECK_OK(vmi_response_check(&event, &give, &err));
		else
			CHECK_FAIL(vmi_response_check(&event, &give, &err), VMI_ERR_ARG,
				   "has no interrupt");
		for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
			struct vmi_response response = vmi_response_action(any[i]);
			CHECK_OK(vmi_response_check(&event, &response, &err));
		}
	}
	struct vmi_event xcr0 = event_of(VMI_REASON_WRITE_CR);
	struct vmi_response deny = vmi_response_action(VMI_ACTION_DENY);
	xcr0.u.cr.reg = VMI_XCR0;
	CHECK_FAIL(vmi_response_check(&xcr0, &deny, &err), VMI_ERR_ARG, "cr0, cr3, cr4 and MSRs");
	struct vmi_response none = vmi_response_action((enum vmi_action)77);
	CHECK_FAIL(vmi_response_check(&xcr0, &none, &err), VMI_ERR_ARG, "no action 77");
}

static void answers_that_contradict(void **state)
{
	struct vmi_event event = event_of(VMI_REASON_MEMORY_ACCESS);
	struct vmi_registers regs = {.source = NULL};
	struct vmi_response r = vmi_response_action(VMI_ACTION_FAST_SINGLESTEP);
	struct vmi_error err;

	(void)state;
	CHECK_FAIL(vmi_response_check(&event, &r, &err), VMI_ERR_ARG, "needs the view");
	r = vmi_response_with_view(r, 0);
	CHECK_OK(vmi_response_check(&event, &r, &err));
	r = vmi_response_with_registers(r, &regs);
	CHECK_FAIL(vmi_response_check(&event, &r, &err), VMI_ERR_ARG, "exclude each other");
	for (int i = 0; i < 2; i++) {
		enum vmi_action action =
			i ? VMI_ACTION_EMULATE_INSTRUCTION : VMI_ACTION_EMULATE_READ_DATA;
		size_t max = i ? VMI_RESPONSE_INSTRUCTION_MAX : VMI_RESPONSE_DATA_MAX;
		uint8_t data[VMI_RESPONSE_DATA_MAX + 8];

		memset(data, 0x5a, sizeof(data));
		r = vmi_response_with_data(action, data, max);
		assert_int_equal(r.action, action);
		assert_int_equal(r.data_length, max);
		assert_memory_equal(r.data, data, max);
		CHECK_OK(vmi_response_check(&event, &r, &err));
		r = vmi_response_with_registers(r, &regs);
		CHECK_FAIL(vmi_response_check(&event, &r, &err), VMI_ERR_ARG, "not both");
		r = vmi_response_with_data(action, data, max + 1);
		CHECK_FAIL(vmi_response_check(&event, &r, &err), VMI_ERR_ARG, "can be given");
		r = vmi_response_with_data(action, data, 0);
		CHECK_FAIL(vmi_response_check(&event, &r, &err), VMI_ERR_ARG, "0 bytes");
		r = vmi_response_action(action);
		CHECK_FAIL(vmi_response_check(&event, &r, &err), VMI_ERR_ARG, "0 bytes");
	}
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Answers with what it was given, one after the other. */
struct seen {
	unsigned count;
	struct vmi_response answer[FAKE_LIST];
};

static struct vmi_response record(void *context, const struct vmi_event *event)
{
	struct seen *seen = context;

	(void)event;
	return seen->answer[seen->count++];
}

static struct seen *seen_make(void)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	for (int i = 0; i < FAKE_LIST; i++)
		seen->answer[i] = vmi_response_default();
	return seen;
}

/* A wrong answer costs its own vcpu's answer, and nobody else's. */
static void a_wrong_answer(void **state)
{
	struct setting *s = *state;
	struct seen *seen = seen_make();
	struct vmi_event event = event_of(VMI_REASON_MEMORY_ACCESS);
	struct vmi_error err;

	for (int i = 0; i < 4; i++) {
		fake_event(s->fake, &event);
		seen->answer[i] = vmi_response_action(VMI_ACTION_EMULATE);
	}
	seen->answer[1] = vmi_response_action(VMI_ACTION_DENY);
	CHECK_FAIL(vmi_event_wait(s->vm, -1, record, seen, &err), VMI_ERR_ARG,
		   "not an event of memory-access");
	assert_int_equal(seen->count, 4);
	assert_int_equal(s->fake->response_count, 4);
	assert_int_equal(s->fake->responses[1].action, VMI_ACTION_CONTINUE);
	assert_int_equal(s->fake->responses[3].action, VMI_ACTION_EMULATE);
	assert_int_equal(s->fake->unflushed, 0);
	free(seen);
}

/* The driver refuses one: it has answered "continue", and the others get theirs. */
/* What the words say is the failure that the status names. */
static void a_wrong_answer_to_a_guest_that_is_gone(void **state)
{
	struct setting *s = *state;
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct vmi_response deny = vmi_response_action(VMI_ACTION_DENY);
	struct vmi_error err;

	fake_event(s->fake, &event);
	CHECK_OK(vmi_event_take(s->vm, 0, &event, &err));
	fake_fail(s->fake, FAKE_ANSWER, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_event_answer(s->vm, &event, &deny, &err), VMI_ERR_GONE, "injected");
	s->fake->in_flight = 0;
}

static void an_answer_that_cannot_be_done(void **state)
{
	struct setting *s = *state;
	struct seen *seen = seen_make();
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct vmi_error err;

	for (int i = 0; i < 3; i++)
		fake_event(s->fake, &event);
	fake_fail(s->fake, FAKE_ANSWER, 1, VMI_ERR_UNSUPPORTED);
	CHECK_FAIL(vmi_event_wait(s->vm, -1, record, seen, &err), VMI_ERR_UNSUPPORTED, "injected");
	assert_int_equal(s->fake->response_count, 3);
	assert_int_equal(s->fake->in_flight, 0);
	free(seen);
}

static void flushing_fails(void **state)
{
	struct setting *s = *state;
	struct seen *seen = seen_make();
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct vmi_error err;

	fake_event(s->fake, &event);
	fake_fail(s->fake, FAKE_FLUSH, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_event_wait(s->vm, -1, record, seen, &err), VMI_ERR_GONE, "injected");
	free(seen);
}

static void *interrupt_soon(void *vm)
{
	usleep(50000);
	vmi_event_interrupt(vm);
	return NULL;
}

static void interrupting(void **state)
{
	struct setting *s = *state;
	struct seen *seen = seen_make();
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct vmi_error err;
	pthread_t thread;

	/* The next time; many are one. */
	for (int i = 0; i < 5; i++)
		vmi_event_interrupt(s->vm);
	CHECK_FAIL(vmi_event_wait(s->vm, -1, record, seen, &err), VMI_ERR_INTERRUPTED, "interrupt");
	CHECK_FAIL(vmi_event_wait(s->vm, 0, record, seen, &err), VMI_ERR_TIMEOUT, "0 ms");
	/* During a wait without end. */
	pthread_create(&thread, NULL, interrupt_soon, s->vm);
	CHECK_FAIL(vmi_event_wait(s->vm, -1, record, seen, &err), VMI_ERR_INTERRUPTED, "interrupt");
	pthread_join(thread, NULL);
	/* Nothing is lost by it. */
	fake_event(s->fake, &event);
	vmi_event_interrupt(s->vm);
	CHECK_FAIL(vmi_event_wait(s->vm, -1, record, seen, &err), VMI_ERR_INTERRUPTED, "interrupt");
	CHECK_OK(vmi_event_wait(s->vm, -1, record, seen, &err));
	assert_int_equal(seen->count, 1);
	free(seen);
}

/* ---- one at a time -------------------------------------------------------------------------- */

static void taking_and_answering(void **state)
{
	struct setting *s = *state;
	struct vmi_event event = event_of(VMI_REASON_WRITE_CR), first, second;
	struct vmi_response response = vmi_response_action(VMI_ACTION_DENY);
	struct vmi_error err;
	size_t pending;

	for (unsigned i = 0; i < 3; i++) {
		event.vcpu = i % 2;
		event.u.cr.reg = VMI_CR3;
		event.u.cr.new_value = i;
		fake_event(s->fake, &event);
	}
	CHECK_OK(vmi_event_take(s->vm, 0, &first, &err));
	CHECK_OK(vmi_event_take(s->vm, 0, &second, &err));
	CHECK_OK(vmi_events_pending(s->vm, &pending, &err));
	assert_int_equal(pending, 1);
	assert_int_equal(first.u.cr.new_value, 0);
	assert_int_equal(second.u.cr.new_value, 1);
	assert_int_equal(s->fake->in_flight, 2);
	/* In any order, and told to the hypervisor at once. */
	CHECK_OK(vmi_event_answer(s->vm, &second, &response, &err));
	assert_int_equal(s->fake->unflushed, 0);
	assert_int_equal(s->fake->in_flight, 1);
	response = vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
	CHECK_FAIL(vmi_event_answer(s->vm, &first, &response, &err), VMI_ERR_ARG, "no interrupt");
	assert_int_equal(s->fake->in_flight, 0);
	assert_int_equal(s->fake->responses[0].action, VMI_ACTION_DENY);
	assert_int_equal(s->fake->responses[1].action, VMI_ACTION_CONTINUE);
	/* Taken and left: closing answers it. setting_end() looks. */
	CHECK_OK(vmi_event_take(s->vm, 0, &first, &err));
	CHECK_FAIL(vmi_event_take(s->vm, 5, &second, &err), VMI_ERR_TIMEOUT, "within 5 ms");
	assert_int_equal(s->fake->in_flight, 1);
}

/* The guest has run, and runs again: what was read before an event or an answer is not believed. */
static void caches_are_forgotten(void **state)
{
	struct setting *s = *state;
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct vmi_response response = vmi_response_default();
	struct vmi_error err;
	uint64_t value;

	s->fake->pages = FAKE_COPIED;
	for (unsigned round = 0; round < 3; round++) {
		CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
		fake_put64(s->fake, 0x1000, 2 * round + 1);
		fake_event(s->fake, &event);
		CHECK_OK(vmi_event_take(s->vm, 0, &event, &err));
		CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
		assert_int_equal(value, 2 * round + 1);
		fake_put64(s->fake, 0x1000, 2 * round + 2);
		CHECK_OK(vmi_event_answer(s->vm, &event, &response, &err));
		CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
		assert_int_equal(value, 2 * round + 2);
	}
}

static void live_event(struct setting *s)
{
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct vmi_response response = vmi_response_default();
	struct vmi_error err;

	fake_event(s->fake, &event);
	CHECK_OK(vmi_event_take(s->vm, 0, &event, &err));
	CHECK_OK(vmi_event_answer(s->vm, &event, &response, &err));
}

/* Live pages change by themselves, and are got anew only now and then, or when told. */
static void live_pages_are_kept(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	uint64_t value;

	s->fake->pages = FAKE_HELD;
	s->fake->ops.live = true;
	CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
	live_event(s); /* whatever was held before the first */
	CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
	unsigned gets = fake_gets(s->fake, 1);
	for (unsigned round = 1; round < 20; round++) {
		fake_put64(s->fake, 0x1000, round);
		live_event(s);
		CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
		assert_int_equal(value, round);
	}
	assert_true(fake_gets(s->fake, 1) - gets <= 2);
	usleep(150000);
	gets = fake_gets(s->fake, 1);
	live_event(s);
	CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
	assert_int_equal(fake_gets(s->fake, 1), gets + 1);
	vmi_page_cache_flush(s->vm);
	CHECK_OK(vmi_read_u64(s->vm, NULL, 0x1000, &value, &err));
	assert_int_equal(fake_gets(s->fake, 1), gets + 2);
}

/* ---- the loop ------------------------------------------------------------------------------- */

struct loop {
	struct setting *s;
	unsigned events, timeouts, interrupts, cleanups, polls;
	unsigned end; /* at this poll */
	unsigned resets_at_cleanup;
};

static struct vmi_response loop_event(void *context, const struct vmi_event *event)
{
	struct loop *loop = context;

	(void)event;
	loop->events++;
	return vmi_response_default();
}

static void loop_timeout(void *context)
{
	struct loop *loop = context;

	if (++loop->timeouts == 2)
		vmi_event_interrupt(loop->s->vm);
}

static void loop_interrupted(void *context)
{
	((struct loop *)context)->interrupts++;
}

static void loop_cleanup(void *context)
{
	struct loop *loop = context;

	loop->cleanups++;
	loop->resets_at_cleanup = loop->s->fake->resets;
}

static bool loop_poll(void *context)
{
	struct loop *loop = context;

	return ++loop->polls == loop->end;
}

static const struct vmi_handler all_callbacks = {
	loop_event, loop_timeout, loop_interrupted, loop_cleanup, loop_poll,
};

static void loop_calls(void **state)
{
	struct setting *s = *state;
	struct vmi_monitor monitor = {.kind = VMI_MONITOR_CPUID};
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct loop loop = {.s = s, .end = 6};
	struct vmi_error err;

	CHECK_OK(vmi_monitor_enable(s->vm, &monitor, &err));
	for (int i = 0; i < 3; i++)
		fake_event(s->fake, &event);
	CHECK_OK(vmi_event_loop(s->vm, &all_callbacks, &loop, 1, &err));
	/* A batch, two timeouts, an interruption, a timeout. */
	assert_int_equal(loop.events, 3);
	assert_int_equal(loop.timeouts, 3);
	assert_int_equal(loop.interrupts, 1);
	assert_int_equal(loop.polls, 6);
	assert_int_equal(loop.cleanups, 1);
	assert_int_equal(loop.resets_at_cleanup, 0); /* it may still look at its views */
	assert_int_equal(s->fake->resets, 1);
	assert_int_equal(s->fake->monitor_count, 0);
}

static void loop_that_need_not_begin(void **state)
{
	struct setting *s = *state;
	struct loop loop = {.s = s, .end = 1};
	struct vmi_error err;

	CHECK_OK(vmi_event_loop(s->vm, &all_callbacks, &loop, -1, &err));
	assert_int_equal(fake_calls(s->fake, FAKE_TAKE), 0);
	assert_int_equal(loop.cleanups, 1);
	assert_int_equal(s->fake->resets, 1);
}

/* With as little as there can be: it ends by an error, and everything is undone all the same. */
static void loop_without_callbacks(void **state)
{
	static const struct vmi_handler bare = {.event = loop_event};
	struct setting *s = *state;
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct loop loop = {.s = s};
	struct vmi_error err;

	fake_event(s->fake, &event);
	vmi_event_interrupt(s->vm);
	fake_fail(s->fake, FAKE_TAKE, 5, VMI_ERR_GONE);
	CHECK_FAIL(vmi_event_loop(s->vm, &bare, &loop, 1, &err), VMI_ERR_GONE, "injected");
	assert_int_equal(loop.events, 1);
	assert_int_equal(s->fake->resets, 1);
}

static struct vmi_response take_another(void *context, const struct vmi_event *event)
{
	struct loop *loop = context;
	struct vmi_event other;
	struct vmi_error err;

	(void)event;
	loop->events++;
	CHECK_OK(vmi_event_take(loop->s->vm, 0, &other, &err));
	return vmi_response_action(VMI_ACTION_DENY); /* which it cannot be */
}

static void loop_ended_by_a_wrong_answer(void **state)
{
	static const struct vmi_handler handler = {.event = take_another, .cleanup = loop_cleanup};
	struct setting *s = *state;
	struct vmi_event event = event_of(VMI_REASON_CPUID);
	struct loop loop = {.s = s};
	struct vmi_error err;

	fake_event(s->fake, &event);
	fake_event(s->fake, &event);
	CHECK_FAIL(vmi_event_loop(s->vm, &handler, &loop, -1, &err), VMI_ERR_ARG, "denied");
	assert_int_equal(loop.events, 1);
	assert_int_equal(loop.cleanups, 1);
	assert_int_equal(s->fake->in_flight, 0); /* the one it took was answered, too */
	assert_int_equal(s->fake->continued, 1);
}

/* What could not be undone is said, unless there is something worse to say. */
static void loop_that_cannot_undo(void **state)
{
	struct setting *s = *state;
	struct loop loop = {.s = s, .end = 1};
	struct vmi_error err;

	fake_fail(s->fake, FAKE_RESET, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_event_loop(s->vm, &all_callbacks, &loop, 1, &err), VMI_ERR_IO, "injected");
	loop.end = 9;
	fake_fail(s->fake, FAKE_RESET, 1, VMI_ERR_IO);
	fake_fail(s->fake, FAKE_TAKE, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_event_loop(s->vm, &all_callbacks, &loop, 1, &err), VMI_ERR_GONE, "injected");
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, setting_make, setting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(answers_by_reason),
		cmocka_unit_test(answers_that_contradict),
		LIVE(a_wrong_answer),
		LIVE(a_wrong_answer_to_a_guest_that_is_gone),
		LIVE(an_answer_that_cannot_be_done),
		LIVE(flushing_fails),
		LIVE(interrupting),
		LIVE(taking_and_answering),
		LIVE(caches_are_forgotten),
		LIVE(live_pages_are_kept),
		LIVE(loop_calls),
		LIVE(loop_that_need_not_begin),
		LIVE(loop_without_callbacks),
		LIVE(loop_ended_by_a_wrong_answer),
		LIVE(loop_that_cannot_undo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
