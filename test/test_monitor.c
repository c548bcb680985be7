/* SPDX-License-Identifier: MIT */
/* vmi-live monitor: how events are answered, and every way in which it ends. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "live_run.h"

enum { ALL = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

static struct vmi_event event_at(enum vmi_reason reason, unsigned vcpu)
{
	struct vmi_event event = script_event(reason);

	event.vcpu = vcpu;
	return event;
}

static struct vmi_event touch(vmi_gpa gpa, uint8_t access, unsigned vcpu)
{
	struct vmi_event event = event_at(VMI_REASON_MEMORY_ACCESS, vcpu);

	event.u.memory.gpa = gpa;
	event.u.memory.access = access;
	return event;
}

static struct vmi_event write_to(enum vmi_register reg)
{
	struct vmi_event event = script_event(VMI_REASON_WRITE_CR);

	event.u.cr.reg = reg;
	return event;
}

static struct script *script_of(struct fake *fake)
{
	return fake->guest_data;
}

static unsigned access_of(const struct fake *fake, vmi_gfn gfn)
{
	for (unsigned i = 0; i < fake->access_count; i++)
		if (!fake->access[i].view && fake->access[i].gfn == gfn)
			return fake->access[i].access;
	return ALL;
}

static bool monitors(const struct fake *fake, enum vmi_monitor_kind kind)
{
	for (unsigned i = 0; i < fake->monitor_count; i++)
		if (fake->monitors[i].kind == kind)
			return true;
	return false;
}

/* ---- usual answers -------------------------------------------------------------------------- */

static void usual_answers(void **state)
{
	static const struct {
		enum vmi_reason reason;
		enum vmi_action action;
	} cases[] = {
		{VMI_REASON_WRITE_CR, VMI_ACTION_CONTINUE},
		{VMI_REASON_WRITE_MSR, VMI_ACTION_CONTINUE},
		{VMI_REASON_INTERRUPT, VMI_ACTION_REINJECT_INTERRUPT},
		{VMI_REASON_HYPERCALL, VMI_ACTION_CONTINUE},
		{VMI_REASON_DESCRIPTOR, VMI_ACTION_EMULATE},
		{VMI_REASON_VMEXIT, VMI_ACTION_CONTINUE},
		{VMI_REASON_PRIVILEGED_CALL, VMI_ACTION_CONTINUE},
		{VMI_REASON_NEXT_INTERRUPT, VMI_ACTION_CONTINUE},
		{VMI_REASON_UNKNOWN, VMI_ACTION_CONTINUE},
		{VMI_REASON_MEMORY_ACCESS, VMI_ACTION_EMULATE},
	};
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct script script = {.count = COUNT};
	struct fake *fake = script_guest(&script);

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		script.event[i] = script_event(cases[i].reason);
		if (cases[i].reason == VMI_REASON_WRITE_CR)
			script.event[i].u.cr.reg = VMI_CR3;
		if (cases[i].reason == VMI_REASON_MEMORY_ACCESS)
			script.event[i] = touch(0x1000, VMI_ACCESS_R, 0);
	}
	struct run *run = run_live(fake, "monitor", "--mem 0x1000=r --count 10");
	CHECK_RUN(run, 0, "10 events in", "");
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(fake->responses[i].action, cases[i].action);
		assert_int_equal(fake->responses[i].view, VMI_VIEW_NONE);
		assert_false(fake->responses[i].set_registers);
	}
	free(run);
	script_end(fake);
}

/* The results are in the event's registers; behind the instruction is where the vcpu goes on. */
static void cpuid_goes_on(void **state)
{
	struct script script = {
		.count = 2,
		.event = {script_event(VMI_REASON_CPUID), script_event(VMI_REASON_CPUID)}};
	struct fake *fake = script_guest(&script);

	(void)state;
	script.event[0].u.cpuid.instruction_length = 2;
	script.event[1].u.cpuid.instruction_length = 2;
	script.event[1].registers.provenance[VMI_R9] = VMI_ABSENT;
	struct run *run = run_live(fake, "monitor", "--cpuid --count 2");
	CHECK_RUN(run, 0, "2 cpuid", "");
	assert_true(fake->responses[0].set_registers);
	assert_int_equal(fake->responses[0].registers[VMI_RIP], 0x4002);
	assert_int_equal(fake->responses[0].registers[VMI_RAX], 0x100);
	assert_int_equal(fake->responses[0].registers[VMI_R15], 0x100 + VMI_R15);
	assert_false(fake->responses[1].set_registers); /* what is not known cannot be set */
	free(run);
	script_end(fake);
}

/* ---- one step with what is watched out of the way ------------------------------------------- */

static void see_lifted(struct fake *fake, unsigned at)
{
	unsigned closed = VMI_ACCESS_R | VMI_ACCESS_X;

	SEE(script_of(fake), access_of(fake, 1) == (at < 2 ? closed : ALL));
}

/*
 * What cannot be emulated is done with the page open, for one step of each vcpu; it closes when the
 * last of them has stepped.
 */
static void emulation_fails(void **state)
{
	struct script script = {
		.count = 6,
		.event = {touch(0x1000, VMI_ACCESS_W, 0), event_at(VMI_REASON_EMULATION_FAILURE, 0),
			  touch(0x1008, VMI_ACCESS_W, 1), event_at(VMI_REASON_EMULATION_FAILURE, 1),
			  event_at(VMI_REASON_SINGLESTEP, 0), event_at(VMI_REASON_SINGLESTEP, 1)},
		.between = see_lifted,
	};
	static const enum vmi_action want[] = {VMI_ACTION_EMULATE,  VMI_ACTION_SINGLESTEP,
					       VMI_ACTION_EMULATE,  VMI_ACTION_SINGLESTEP,
					       VMI_ACTION_CONTINUE, VMI_ACTION_CONTINUE};
	struct fake *fake = script_guest(&script);

	(void)state;
	struct run *run = run_live(fake, "monitor", "--json --mem 0x1000=w --duration 0.2");
	CHECK_RUN(run, 0, "\"events\":2,\"by_reason\":{\"memory-access\":2}", "");
	CHECK_RUN(run, 0, "\"filtered\":4,", "");
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(fake->responses[i].action, want[i]);
	free(run);
	script_end(fake);
}

static void see_closed_again(struct fake *fake, unsigned at)
{
	unsigned closed = VMI_ACCESS_R | VMI_ACCESS_X;

	SEE(script_of(fake), access_of(fake, 1) == (at % 2 ? ALL : closed));
}

/* Where nobody would hear that it fails, nothing is emulated. */
static void no_word_of_failures(void **state)
{
	struct script script = {
		.count = 4,
		.event = {touch(0x1000, VMI_ACCESS_W, 0), event_at(VMI_REASON_SINGLESTEP, 0),
			  touch(0x1000, VMI_ACCESS_W, 0), event_at(VMI_REASON_SINGLESTEP, 0)},
		.between = see_closed_again,
	};
	struct fake *fake = script_guest(&script);

	(void)state;
	fake_fail(fake, FAKE_MONITOR, 2, VMI_ERR_UNSUPPORTED);
	struct run *run = run_live(fake, "monitor", "--json --mem 0x1000=w --duration 0.2");
	CHECK_RUN(run, 0, "\"events\":2,", "");
	assert_int_equal(fake->responses[0].action, VMI_ACTION_SINGLESTEP);
	assert_int_equal(fake->responses[1].action, VMI_ACTION_CONTINUE);
	free(run);
	script_end(fake);
}

/* Without either there is only emulating. */
static void no_steps_either(void **state)
{
	struct script script = {.count = 1, .event = {touch(0x1000, VMI_ACCESS_W, 0)}};
	struct fake *fake = script_guest(&script);

	(void)state;
	fake_fail(fake, FAKE_MONITOR, 1, VMI_ERR_UNSUPPORTED);
	struct run *run = run_live(fake, "monitor", "--mem 0x1000=w --count 1");
	CHECK_RUN(run, 0, "1 memory-access", "");
	assert_int_equal(fake->responses[0].action, VMI_ACTION_EMULATE);
	free(run);
	script_end(fake);

	script.at = 0;
	fake = script_guest(&script);
	fake_fail(fake, FAKE_MONITOR, 1, VMI_ERR_UNSUPPORTED);
	run = run_live(fake, "monitor", "--mem 0x1000=w --action singlestep");
	CHECK_RUN(run, 4, "", "injected failure");
	free(run);
	script_end(fake);
}

static void see_ports(struct fake *fake, unsigned at)
{
	/* Off between the access of a port and the step behind it. */
	SEE(script_of(fake), monitors(fake, VMI_MONITOR_IO) == (at % 2 == 0));
}

static void ports(void **state)
{
	struct script script = {
		.count = 4,
		.event = {event_at(VMI_REASON_IO, 0), event_at(VMI_REASON_SINGLESTEP, 0),
			  event_at(VMI_REASON_IO, 1), event_at(VMI_REASON_SINGLESTEP, 1)},
		.between = see_ports,
	};
	struct fake *fake = script_guest(&script);

	(void)state;
	struct run *run = run_live(fake, "monitor", "--json --io --duration 0.2");
	CHECK_RUN(run, 0, "\"events\":2,\"by_reason\":{\"io\":2}", "");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fake->responses[i].action,
				 i % 2 ? VMI_ACTION_CONTINUE : VMI_ACTION_SINGLESTEP);
	free(run);
	script_end(fake);
}

/* A page that cannot be closed again would be watched no more: that is an end, and is said. */
static void what_cannot_be_restored(void **state)
{
	struct script script = {
		.count = 2,
		.event = {touch(0x1000, VMI_ACCESS_W, 0), event_at(VMI_REASON_SINGLESTEP, 0)},
	};
	struct fake *fake = script_guest(&script);

	(void)state;
	fake_fail(fake, FAKE_ACCESS_SET, 3, VMI_ERR_IO);
	struct run *run = run_live(fake, "monitor", "--json --mem 0x1000=w --action singlestep");
	CHECK_RUN(run, 1, "\"ended\":\"error\"", "cannot be watched again: injected failure");
	free(run);
	script_end(fake);
}

/* ---- stepping ------------------------------------------------------------------------------- */

/* Paging off: what the vcpu executes is where rip says. */
static void flat(struct fake *fake, unsigned vcpu, uint64_t rip)
{
	struct vmi_registers *regs = &fake->registers[vcpu];

	vmi_register_know(regs, VMI_CR0, VMI_CR0_PE);
	vmi_register_know(regs, VMI_CR3, 0);
	vmi_register_know(regs, VMI_CR4, 0);
	vmi_register_know(regs, VMI_EFER, 0);
	vmi_register_know(regs, VMI_CS_BASE, 0x1000);
	vmi_register_know(regs, VMI_CS_ATTRIBUTES, 0xc09b);
	vmi_register_know(regs, VMI_RIP, rip);
}

static void see_start(struct fake *fake, unsigned at)
{
	/* vcpu 0 began at its first event, vcpu 1 at the third. */
	SEE(script_of(fake), access_of(fake, 2) == ALL);
	SEE(script_of(fake), access_of(fake, 5) == (at < 3 ? VMI_ACCESS_R | VMI_ACCESS_W : ALL));
}

static void every_step(void **state)
{
	struct script script = {
		.count = 5,
		.event = {touch(0x2123, VMI_ACCESS_X, 0), event_at(VMI_REASON_SINGLESTEP, 0),
			  touch(0x5000, VMI_ACCESS_X, 1), event_at(VMI_REASON_SINGLESTEP, 1),
			  event_at(VMI_REASON_SINGLESTEP, 0)},
		.between = see_start,
	};
	struct fake *fake = script_guest(&script);

	(void)state;
	flat(fake, 0, 0x1123);
	flat(fake, 1, 0x4000);
	struct run *run = run_live(fake, "monitor", "--json --singlestep --count 3");
	CHECK_RUN(run, 0, "\"events\":3,\"by_reason\":{\"singlestep\":3}", "");
	CHECK_RUN(run, 0, "\"filtered\":2,", "");
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(fake->responses[i].action, VMI_ACTION_SINGLESTEP);
	free(run);
	script_end(fake);
}

/* One of them, and what is watched beside; an event that nobody waits for is no place to step. */
static void steps_of_one(void **state)
{
	struct script script = {
		.count = 4,
		.event = {write_to(VMI_CR3), touch(0x1000, VMI_ACCESS_W, 1),
			  event_at(VMI_REASON_VMEXIT, 1), event_at(VMI_REASON_INTERRUPT, 1)},
	};
	struct fake *fake = script_guest(&script);

	(void)state;
	flat(fake, 0, 0x1123);
	flat(fake, 1, 0x4000);
	script.event[2].flags = 0;
	struct run *run = run_live(fake, "monitor",
				   "--json --singlestep --cr cr3 --vmexit --breakpoint "
				   "--mem 0x1000=w --vcpu 1 --count 3");
	CHECK_RUN(run, 0, "\"filtered\":1,", "");
	assert_int_equal(access_of(fake, 2), ALL);
	assert_int_equal(fake->responses[0].action, VMI_ACTION_CONTINUE);
	assert_int_equal(fake->responses[1].action, VMI_ACTION_SINGLESTEP);
	assert_int_equal(fake->responses[2].action, VMI_ACTION_CONTINUE);
	assert_int_equal(fake->responses[3].action, VMI_ACTION_REINJECT_INTERRUPT);
	free(run);
	script_end(fake);
}

/* ---- --action ------------------------------------------------------------------------------- */

static void actions(void **state)
{
	static const struct {
		const char *action;
		struct {
			enum vmi_reason reason;
			enum vmi_action want;
		} on[6];
	} cases[] = {
		{"deny",
		 {{VMI_REASON_WRITE_CR, VMI_ACTION_DENY},
		  {VMI_REASON_WRITE_MSR, VMI_ACTION_DENY},
		  {VMI_REASON_INTERRUPT, VMI_ACTION_REINJECT_INTERRUPT},
		  {VMI_REASON_MEMORY_ACCESS, VMI_ACTION_EMULATE}}},
		{"continue",
		 {{VMI_REASON_WRITE_CR, VMI_ACTION_CONTINUE},
		  {VMI_REASON_INTERRUPT, VMI_ACTION_CONTINUE},
		  {VMI_REASON_DESCRIPTOR, VMI_ACTION_CONTINUE},
		  {VMI_REASON_IO, VMI_ACTION_CONTINUE},
		  {VMI_REASON_MEMORY_ACCESS, VMI_ACTION_CONTINUE}}},
		{"reinject",
		 {{VMI_REASON_WRITE_CR, VMI_ACTION_CONTINUE},
		  {VMI_REASON_INTERRUPT, VMI_ACTION_REINJECT_INTERRUPT}}},
		{"emulate",
		 {{VMI_REASON_WRITE_CR, VMI_ACTION_CONTINUE},
		  {VMI_REASON_INTERRUPT, VMI_ACTION_REINJECT_INTERRUPT},
		  {VMI_REASON_MEMORY_ACCESS, VMI_ACTION_EMULATE},
		  {VMI_REASON_DESCRIPTOR, VMI_ACTION_EMULATE}}},
		{"singlestep",
		 {{VMI_REASON_WRITE_CR, VMI_ACTION_SINGLESTEP},
		  {VMI_REASON_SINGLESTEP, VMI_ACTION_CONTINUE},
		  {VMI_REASON_MEMORY_ACCESS, VMI_ACTION_SINGLESTEP},
		  {VMI_REASON_SINGLESTEP, VMI_ACTION_CONTINUE}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script script = {.count = 0};
		struct fake *fake = script_guest(&script);
		char options[96];

		/* Reason 0 is a memory access; with action 0 it would only be in "continue". */
		for (unsigned n = 0; n < 6 && (cases[i].on[n].reason || cases[i].on[n].want); n++) {
			script.event[script.count] = script_event(cases[i].on[n].reason);
			if (cases[i].on[n].reason == VMI_REASON_MEMORY_ACCESS)
				script.event[script.count].u.memory.access = VMI_ACCESS_R;
			if (cases[i].on[n].reason == VMI_REASON_WRITE_CR)
				script.event[script.count].u.cr.reg = VMI_CR3;
			script.count++;
		}
		snprintf(options, sizeof(options), "--json --mem 0=rwx --io --action %s -c %u",
			 cases[i].action, script.count);
		struct run *run = run_live(fake, "monitor", options);
		CHECK_RUN(run, 0, "\"ended\":\"count\"", "");
		for (unsigned n = 0; n < script.count; n++)
			if (fake->responses[n].action != cases[i].on[n].want)
				fail_msg("%s, event %u: %d", cases[i].action, n,
					 fake->responses[n].action);
		free(run);
		script_end(fake);
	}
}

/* What nobody wants to see is not touched; nor is what cannot be denied. */
static void action_for_what_is_shown(void **state)
{
	struct script script = {
		.count = 3, .event = {write_to(VMI_CR3), write_to(VMI_XCR0), write_to(VMI_CR3)}};
	struct fake *fake = script_guest(&script);

	(void)state;
	script.event[2].vcpu = 1;
	struct run *run = run_live(
		fake, "monitor", "--json --cr cr3 --cr xcr0 --vcpu 0 --action deny --duration 0.2");
	CHECK_RUN(run, 0, "\"events\":2,", "");
	assert_int_equal(fake->responses[0].action, VMI_ACTION_DENY);
	assert_int_equal(fake->responses[1].action, VMI_ACTION_CONTINUE);
	assert_int_equal(fake->responses[2].action, VMI_ACTION_CONTINUE);
	free(run);
	script_end(fake);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ends_by_duration(void **state)
{
	struct script script = {.count = 1, .event = {write_to(VMI_CR3)}};
	struct fake *fake = script_guest(&script);
	double begin = seconds();

	(void)state;
	/* Two monitors, as single-steps are asked for; meanwhile nothing is watched. */
	fake->enable_ms = 50;
	struct run *run = run_live(fake, "monitor", "--json --cr cr3 -d 0.3 --deadline 5000");
	assert_int_equal(fake->deadline_ms, 5000);
	assert_true(seconds() - begin >= 0.4 && seconds() - begin < 3);
	CHECK_RUN(run, 0, "\"events\":1,", "");
	CHECK_RUN(run, 0, "\"ended\":\"duration\"", "");
	free(run);
	script_end(fake);
}

/* A guest that never rests is left as soon as one that does nothing. */
static void ends_by_duration_in_a_storm(void **state)
{
	struct script script = {.count = 1, .repeat = true, .event = {write_to(VMI_CR3)}};
	struct fake *fake = script_guest(&script);
	double begin = seconds();

	(void)state;
	struct run *run = run_live(fake, "monitor", "--json --cr cr3 --vcpu 1 -d 0.3");
	assert_true(seconds() - begin < 3);
	CHECK_RUN(run, 0, "\"events\":0,\"by_reason\":{},", "");
	CHECK_RUN(run, 0, "\"lost\":0,", "");
	assert_true(fake->response_count > 1000);
	free(run);
	script_end(fake);
}

static void raise_signal(struct fake *fake, unsigned at)
{
	static const int signals[] = {0, SIGINT, SIGTERM, SIGHUP};
	struct script *script = fake->guest_data;

	if (at == 1)
		kill(getpid(), signals[script->wish]);
}

static void ends_by_signal(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		struct script script = {.count = 2,
					.event = {write_to(VMI_CR3), write_to(VMI_CR3)},
					.between = raise_signal,
					.wish = i};
		struct fake *fake = script_guest(&script);
		double begin = seconds();
		struct run *run = run_live(fake, "monitor", "--json --cr cr3");

		assert_true(seconds() - begin < 3);
		CHECK_RUN(run, 0, "\"ended\":\"signal\"", "");
		free(run);
		script_end(fake);
	}
}

static void ends_by_error(void **state)
{
	static const struct {
		enum fake_op op;
		enum vmi_status status;
		const char *why;
	} cases[] = {
		{FAKE_TAKE, VMI_ERR_GONE, "\"ended\":\"gone\""},
		{FAKE_TAKE, VMI_ERR_IO, "\"ended\":\"error\""},
		{FAKE_ANSWER, VMI_ERR_ARG, "\"ended\":\"error\""},
		{FAKE_FLUSH, VMI_ERR_IO, "\"ended\":\"error\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script script = {.count = 1, .repeat = true, .event = {write_to(VMI_CR3)}};
		struct fake *fake = script_guest(&script);

		fake_fail(fake, cases[i].op, 3, cases[i].status);
		struct run *run = run_live(fake, "monitor", "--json --cr cr3");
		CHECK_RUN(run, 1, cases[i].why, "injected failure");
		CHECK_RUN(run, 1, "\"lost\":0", "injected failure");
		free(run);
		script_end(fake);
	}
}

/* Events that come in one batch with the last one that was asked for are answered, not shown. */
static void count_within_a_batch(void **state)
{
	struct script script = {.count = 0};
	struct fake *fake = script_guest(&script);
	struct vmi_event event = write_to(VMI_CR3);

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		fake_event(fake, &event);
	struct run *run = run_live(fake, "monitor", "--json --cr cr3 --count 3");
	CHECK_RUN(run, 0, "\"events\":3,", "");
	CHECK_RUN(run, 0, "\"filtered\":5,", "");
	assert_null(strstr(run->out, "\"seq\":4"));
	assert_int_equal(fake->response_count, 8);
	free(run);
	script_end(fake);
}

/* ---- wrong usage ---------------------------------------------------------------------------- */

/* Whoever starts the guest's work waits for the word that it is watched. */
static void says_that_it_watches(void **state)
{
	static const char *const words[] = {"--cpuid", "--cpuid --quiet", "--cpuid --action x"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct script script = {.event = {event_at(VMI_REASON_CPUID, 0)}, .count = 1};
		struct fake *fake = script_guest(&script);
		char line[64];

		snprintf(line, sizeof(line), "%s --count 1", words[i]);
		struct run *run = run_live(fake, "monitor", line);
		assert_int_equal(run->watched, i == 0);
		CHECK_RUN(run, i < 2 ? 0 : 2, "", i < 2 ? "" : "none of");
		free(run);
		fake_destroy(fake);
	}
}

static void usage(void **state)
{
	static const struct {
		const char *words, *says;
	} cases[] = {
		{"", "monitor what?"},
		{"--vcpu 0", "monitor what?"},
		{"--cr cr2", "--cr 'cr2' is none of cr0, cr3, cr4 or xcr0"},
		{"--msr nonsense", "of names there are tsc, apic_base"},
		{"--msr 0x100000000", "a number of 32 bits"},
		{"--hypercall=kernel", "there is only --hypercall=user"},
		{"--mem 0x1000", "is no GPA[:LENGTH]=rwx"},
		{"--mem =r", "is no GPA[:LENGTH]=rwx"},
		{"--mem 0x1000:0=r", "is no GPA[:LENGTH]=rwx"},
		{"--mem 0x1000:=r", "is no GPA[:LENGTH]=rwx"},
		{"--mem 0xfffffffffffff000:0x1001=r", "is no GPA[:LENGTH]=rwx"},
		{"--mem 0x1000=", "which of r, w and x"},
		{"--mem 0x1000=rr", "which of r, w and x"},
		{"--mem 0x1000=rq", "which of r, w and x"},
		{"--mem 0x10000000000000=r", "beyond every guest's memory"},
		{"--cpuid --vcpu 2", "there is no vcpu 2"},
		{"--cpuid --rip 1:", "is no FIRST[:LENGTH]"},
		{"--cpuid --rip x", "is no FIRST[:LENGTH]"},
		{"--cpuid --count 0", "--count 0 is below 1"},
		{"--cpuid --duration 0", "no number of seconds above 0"},
		{"--cpuid --duration nan", "no number of seconds above 0"},
		{"--cpuid --deadline soon", "--deadline"},
		{"--cpuid --deadline 4294967296", "--deadline 4294967296 is above"},
		{"--cpuid --duration 1x", "no number of seconds above 0"},
		{"--cpuid --action sing", "is none of continue, deny, reinject, singlestep or"},
		{"--cpuid --force", "monitor does not take --force"},
		{"--cpuid extra", "monitor takes no 'extra'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script script = {.count = 0};
		struct fake *fake = script_guest(&script);
		struct run *run = run_live(fake, "monitor", cases[i].words);

		CHECK_RUN(run, 2, "", cases[i].says);
		assert_int_equal(fake_calls(fake, FAKE_MONITOR), 0);
		assert_int_equal(fake_calls(fake, FAKE_ACCESS_SET), 0);
		free(run);
		fake_destroy(fake);
	}
}

static void unable(void **state)
{
	static const struct {
		unsigned lacks;
		const char *says;
	} cases[] = {
		{VMI_CAP_EVENT_CONTROL, "the fake driver cannot monitor events"},
		{VMI_CAP_VM_CONTROL, "the fake driver cannot control the machine"},
		{VMI_CAP_SET_PROTECTION, "the fake driver cannot set page access"},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct script script = {.count = 0};
		struct fake *fake = script_guest(&script);

		fake_table(fake, VMI_CAP_FULL & ~cases[i].lacks);
		struct run *run = run_live(fake, "monitor", "--mem 0x1000=r");
		CHECK_RUN(run, 4, "", cases[i].says);
		free(run);
		fake_destroy(fake);
	}
}

/* Asking changes nothing. */
static void reading_only(void **state)
{
	static const char *const commands[] = {"info", "regs", "read"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct script script = {.count = 0};
		struct fake *fake = script_guest(&script);

		flat(fake, 0, 0x1123);
		struct run *run = run_live(fake, commands[i], i == 2 ? "0x10 16" : "--json");
		CHECK_RUN(run, 0,
			  i == 0   ? "\"format\":\"fake-memory\""
			  : i == 1 ? "\"rip\":\"0x1123\""
				   : "0x10",
			  "");
		for (int op = FAKE_WRITE; op < FAKE_OPS; op++)
			if (op != FAKE_REGISTERS_GET)
				assert_int_equal(fake_calls(fake, (enum fake_op)op), 0);
		free(run);
		fake_destroy(fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_answers),
		cmocka_unit_test(cpuid_goes_on),
		cmocka_unit_test(emulation_fails),
		cmocka_unit_test(no_word_of_failures),
		cmocka_unit_test(no_steps_either),
		cmocka_unit_test(ports),
		cmocka_unit_test(what_cannot_be_restored),
		cmocka_unit_test(every_step),
		cmocka_unit_test(steps_of_one),
		cmocka_unit_test(actions),
		cmocka_unit_test(action_for_what_is_shown),
		cmocka_unit_test(ends_by_duration),
		cmocka_unit_test(ends_by_duration_in_a_storm),
		cmocka_unit_test(ends_by_signal),
		cmocka_unit_test(ends_by_error),
		cmocka_unit_test(count_within_a_batch),
		cmocka_unit_test(says_that_it_watches),
		cmocka_unit_test(usage),
		cmocka_unit_test(unable),
		cmocka_unit_test(reading_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
