/* SPDX-License-Identifier: MIT */
/* Answers: each does to the guest what it says. */

#include <errno.h>
#include <string.h>

#include "world.h"

static const struct vmi_monitor request = {.kind = VMI_MONITOR_HYPERCALL};
static const struct vmi_monitor step = {.kind = VMI_MONITOR_SINGLESTEP};
static const struct vmi_monitor breakpoint = {.kind = VMI_MONITOR_INTERRUPT, .vector = 3};

static uint64_t word(struct world *w, uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, fake_page(w->m, w->d, gpa >> 12) + (gpa & 0xfff), sizeof(value));
	return value;
}

static void restrict_page(struct world *w, uint64_t gfn, unsigned access)
{
	struct vmi_error err;

	CHECK_OK(vmi_access_set(w->vm, 0, gfn, access, 0, &err));
}

/* ---- deny ----------------------------------------------------------------------------------- */

static void denied_writes_do_not_happen(void **state)
{
	struct world *w = *state;
	static const struct fake_op ops[] = {
		{.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR0, .value = 0x80050031},
		{.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR3, .value = 0x9000},
		{.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR4, .value = 0x20},
		{.kind = FAKE_WRITE_MSR, .index = 0x176, .value = 0x9000},
	};
	struct hvm_hw_cpu before = w->d->vcpus[0].cpu;

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR0});
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3});
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4});
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_MSR, .msr = 0x176});
	w->handler.answer = vmi_response_action(VMI_ACTION_DENY);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(world_do(w, 0, &ops[i]), 1);
	assert_int_equal(w->d->vcpus[0].cpu.cr0, before.cr0);
	assert_int_equal(w->d->vcpus[0].cpu.cr3, before.cr3);
	assert_int_equal(w->d->vcpus[0].cpu.cr4, before.cr4);
	assert_int_equal(w->d->vcpus[0].msrs[0].value, 0);
	w->handler.answer = vmi_response_default();
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(world_do(w, 0, &ops[i]), 1);
	assert_int_equal(w->d->vcpus[0].cpu.cr3, 0x9000);
	assert_int_equal(w->d->vcpus[0].msrs[0].value, 0x9000);
}

/* A write that waits for its answer while we leave happens all the same. */
static void leaving_loses_no_write(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_event event;

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3});
	fake_program(w->d, 0,
		     &(struct fake_op){
			     .kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR3, .value = 0x9000},
		     1, 1);
	fake_run(w->m);
	CHECK_OK(vmi_event_take(w->vm, 1000, &event, &err));
	world_close(w);
	assert_int_equal(w->d->vcpus[0].cpu.cr3, 0x9000);
	assert_true(fake_done(w->d, 0));
}

/* ---- interrupts ----------------------------------------------------------------------------- */

static void a_breakpoint_is_skipped_by_registers(void **state)
{
	struct world *w = *state;
	struct vmi_registers regs = {0};
	struct hvm_hw_cpu before = w->d->vcpus[0].cpu;

	fake_page(w->m, w->d, 0x21)[0] = 0xcc;
	world_open(w);
	world_enable(w, &breakpoint);
	/* all that are set come from the answer: a set of zeros would be zeros */
	regs.value[VMI_RIP] = 0x21001;
	regs.value[VMI_RAX] = 0x1234;
	w->handler.answer = vmi_response_with_registers(vmi_response_default(), &regs);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x21000}),
			 1);
	assert_int_equal(w->d->vcpus[0].cpu.rax, 0x1234);
	assert_int_equal(w->d->vcpus[0].cpu.cr3, before.cr3);
	assert_int_equal(w->d->vcpus[0].delivered[3], 0);
}

static void other_bytes_instead_of_the_breakpoint(void **state)
{
	struct world *w = *state;
	static const uint8_t nop[1] = {0x90};

	fake_page(w->m, w->d, 0x21)[0] = 0xcc;
	world_open(w);
	world_enable(w, &breakpoint);
	w->handler.answer =
		vmi_response_with_data(VMI_ACTION_EMULATE_INSTRUCTION, nop, sizeof(nop));
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x21000}),
			 1);
	assert_int_equal(w->d->vcpus[0].delivered[3], 0);
	assert_int_equal(w->d->vcpus[0].emulated, 1);
	/* the rest of the sixteen bytes is the field's to fill: never what was there before */
	assert_int_equal(w->d->vcpus[0].last_answer.data.emul.insn.data[0], 0x90);
}

static void reinjection_that_fails(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	fake_page(w->m, w->d, 0x21)[0] = 0xcc;
	world_open(w);
	world_enable(w, &breakpoint);
	w->handler.answer = vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x21000}, 1, 1);
	fake_run(w->m);
	fake_call_fail(w->m, "xendevicemodel_inject_event", EBUSY, 0, 1);
	assert_int_not_equal(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err), VMI_OK);
	assert_int_equal(w->d->vcpus[0].delivered[3], 0);
	world_serve(w); /* it comes again, and this time it is given to the guest */
	assert_int_equal(w->d->vcpus[0].delivered[3], 1);
}

static void the_next_interrupt_is_told(void **state)
{
	struct world *w = *state;

	fake_page(w->m, w->d, 0x21)[0] = 0xcc;
	world_open(w);
	world_enable(w, &breakpoint);
	w->handler.answer = vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
	w->handler.answer.next_interrupt = 1;
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x21000}, 1, 1);
	fake_run(w->m);
	struct vmi_error err;
	CHECK_OK(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err));
	w->handler.answer = vmi_response_default();
	world_serve(w);
	assert_int_equal(w->handler.reasons[VMI_REASON_NEXT_INTERRUPT], 1);
	assert_int_equal(w->handler.last.u.interrupt.interrupt.vector, 3);
}

/* ---- emulation ------------------------------------------------------------------------------ */

static void emulated(void **state)
{
	struct world *w = *state;
	const struct fake_op op = {.kind = FAKE_WRITE, .gpa = 0x20010, .value = 5};

	world_open(w);
	restrict_page(w, 0x20, VMI_ACCESS_R);
	w->handler.answer = vmi_response_action(VMI_ACTION_EMULATE);
	assert_int_equal(world_do(w, 0, &op), 1);
	assert_int_equal(word(w, 0x20010), 5);
	assert_int_equal(world_do(w, 0, &op), 1); /* the restriction is still there */
}

static void emulated_without_the_write(void **state)
{
	struct world *w = *state;
	uint64_t before = word(w, 0x20010);

	world_open(w);
	restrict_page(w, 0x20, VMI_ACCESS_R);
	w->handler.answer = vmi_response_action(VMI_ACTION_EMULATE_NO_WRITE);
	assert_int_equal(
		world_do(w, 0, &(struct fake_op){.kind = FAKE_WRITE, .gpa = 0x20010, .value = 5}),
		1);
	assert_int_equal(word(w, 0x20010), before);
}

static void emulated_with_given_data(void **state)
{
	struct world *w = *state;
	const uint64_t lie = 0x1122334455667788;

	world_open(w);
	restrict_page(w, 0x20, 0);
	w->handler.answer = vmi_response_with_data(VMI_ACTION_EMULATE_READ_DATA, &lie, 8);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_READ, .gpa = 0x20010}), 1);
	assert_int_equal(w->d->vcpus[0].result, lie);
	assert_int_equal(w->d->vcpus[0].last_answer.data.emul.read.size, 8);
}

/* ---- singlestep ----------------------------------------------------------------------------- */

/* The first answer asks for a step, and so do the first three steps. */
static struct vmi_response three_steps(void *context, const struct vmi_event *event)
{
	unsigned *left = context;

	(void)event;
	return vmi_response_action((*left)-- ? VMI_ACTION_SINGLESTEP : VMI_ACTION_CONTINUE);
}

static void steps_are_asked_for_each_time(void **state)
{
	struct world *w = *state;
	static const struct fake_op ops[] = {
		{.kind = FAKE_REQUEST}, {.kind = FAKE_NOP}, {.kind = FAKE_NOP},
		{.kind = FAKE_NOP},     {.kind = FAKE_NOP}, {.kind = FAKE_NOP},
	};
	unsigned left = 3;

	world_open(w);
	world_enable(w, &request);
	world_enable(w, &step);
	w->handler.then = three_steps;
	w->handler.context = &left;
	fake_program(w->d, 0, ops, 6, 1);
	assert_int_equal(world_serve(w), 4);
	assert_int_equal(w->handler.reasons[VMI_REASON_SINGLESTEP], 3);
	assert_false(w->d->vcpus[0].singlestep);
}

/* The other vcpu's steps are its own: the flag of Xen is relative. */
static void steps_of_two_vcpus(void **state)
{
	struct world *w = *state;
	static const struct fake_op ops[] = {{.kind = FAKE_REQUEST}, {.kind = FAKE_NOP}};

	world_open(w);
	world_enable(w, &request);
	world_enable(w, &step);
	w->handler.answer = vmi_response_action(VMI_ACTION_SINGLESTEP);
	for (unsigned i = 0; i < 2; i++)
		fake_program(w->d, i, ops, 2, 2);
	world_serve(w);
	assert_int_equal(w->handler.reasons[VMI_REASON_HYPERCALL], 4);
	/* asked for at each event: every operation but the first request is stepped */
	assert_true(w->handler.reasons[VMI_REASON_SINGLESTEP] >= 6);
	w->handler.answer = vmi_response_default();
	for (unsigned i = 0; i < 2; i++)
		fake_program(w->d, i, ops, 2, 2);
	world_serve(w);
	assert_false(w->d->vcpus[0].singlestep || w->d->vcpus[1].singlestep);
}

static void leaving_in_the_middle_of_steps(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	static const struct fake_op ops[] = {{.kind = FAKE_REQUEST}, {.kind = FAKE_NOP}};

	world_open(w);
	world_enable(w, &request);
	world_enable(w, &step);
	w->handler.answer = vmi_response_action(VMI_ACTION_SINGLESTEP);
	fake_program(w->d, 0, ops, 2, 100);
	fake_run(w->m);
	for (unsigned i = 0; i < 5; i++)
		CHECK_OK(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err));
	assert_true(w->d->vcpus[0].singlestep);
	world_close(w);
	assert_true(fake_done(w->d, 0));
}

static void no_monitor_trap_flag(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	w->m->host.no_mtf = true;
	world_open(w);
	CHECK_FAIL(vmi_monitor_enable(w->vm, &step, &err), VMI_ERR_UNSUPPORTED, "singlestep");
	world_enable(w, &request);
	w->handler.answer = vmi_response_action(VMI_ACTION_SINGLESTEP);
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_REQUEST}, 1, 1);
	fake_run(w->m);
	CHECK_FAIL(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err), VMI_ERR_ARG,
		   "singlestep");
	assert_true(fake_done(w->d, 0)); /* answered "continue" */
}

/* ---- what contradicts itself ---------------------------------------------------------------- */

static void refused_before_it_reaches_the_ring(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	static const struct {
		enum vmi_action action;
		enum vmi_status status;
		const char *words;
	} cases[] = {
		{VMI_ACTION_DENY, VMI_ERR_ARG, "denied"},
		{VMI_ACTION_REINJECT_INTERRUPT, VMI_ERR_ARG, "reinject"},
		{VMI_ACTION_FAST_SINGLESTEP, VMI_ERR_ARG, "view"},
		{VMI_ACTION_EMULATE_READ_DATA, VMI_ERR_ARG, "0 bytes"},
	};

	world_open(w);
	world_enable(w, &request);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w->handler.answer = vmi_response_action(cases[i].action);
		fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_REQUEST}, 1, 1);
		fake_run(w->m);
		CHECK_FAIL(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err),
			   cases[i].status, cases[i].words);
		assert_true(fake_done(w->d, 0));
	}
	/* a view that does not exist */
	w->handler.answer = vmi_response_with_view(vmi_response_default(), 5);
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_REQUEST}, 1, 1);
	fake_run(w->m);
	CHECK_FAIL(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err), VMI_ERR_ARG,
		   "view 5");
	assert_true(fake_done(w->d, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(denied_writes_do_not_happen),
		WORLD_TEST(leaving_loses_no_write),
		WORLD_TEST(a_breakpoint_is_skipped_by_registers),
		WORLD_TEST(other_bytes_instead_of_the_breakpoint),
		WORLD_TEST(reinjection_that_fails),
		WORLD_TEST(the_next_interrupt_is_told),
		WORLD_TEST(emulated),
		WORLD_TEST(emulated_without_the_write),
		WORLD_TEST(emulated_with_given_data),
		WORLD_TEST(steps_are_asked_for_each_time),
		WORLD_TEST(steps_of_two_vcpus),
		WORLD_TEST(leaving_in_the_middle_of_steps),
		WORLD_TEST(no_monitor_trap_flag),
		WORLD_TEST(refused_before_it_reaches_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
