/* SPDX-License-Identifier: MIT */
/* Events: what they say, by reason. */

#include <string.h>

#include "world.h"

static const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
static const struct vmi_monitor request = {.kind = VMI_MONITOR_HYPERCALL};

/* ---- reasons, as guests raise them ---------------------------------------------------------- */

/* CPUID leaves the instruction to us: go on behind it. */
static struct vmi_response step_over(void *context, const struct vmi_event *event)
{
	struct vmi_registers regs = event->registers;

	(void)context;
	regs.value[VMI_RIP] += event->u.cpuid.instruction_length;
	return vmi_response_with_registers(vmi_response_default(), &regs);
}

static void an_access(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	const struct vmi_event *e = &w->handler.last;

	world_open(w);
	CHECK_OK(vmi_access_set(w->vm, 0, 0x20, VMI_ACCESS_R | VMI_ACCESS_X, 0, &err));
	w->handler.answer = vmi_response_action(VMI_ACTION_EMULATE);
	assert_int_equal(
		world_do(w, 1, &(struct fake_op){.kind = FAKE_WRITE, .gpa = 0x20018, .value = 5}),
		1);
	assert_int_equal(e->reason, VMI_REASON_MEMORY_ACCESS);
	assert_int_equal(e->vcpu, 1);
	assert_true(e->flags & VMI_EVENT_VCPU_PAUSED);
	assert_int_equal(e->u.memory.gpa, 0x20018);
	assert_int_equal(e->u.memory.gva, 0x20018);
	assert_true(e->u.memory.gva_valid && e->u.memory.on_gva && !e->u.memory.in_tables);
	assert_true(e->u.memory.access & VMI_ACCESS_W);
	assert_false(e->u.memory.access & VMI_ACCESS_X);
	assert_int_equal(fake_page(w->m, w->d, 0x20)[0x18], 5);
}

static void a_write_to_a_register(void **state)
{
	struct world *w = *state;
	const struct vmi_event *e = &w->handler.last;

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3});
	assert_int_equal(world_do(w, 0,
				  &(struct fake_op){.kind = FAKE_WRITE_CR,
						    .index = VM_EVENT_X86_CR3,
						    .value = 0x7000}),
			 1);
	assert_int_equal(e->reason, VMI_REASON_WRITE_CR);
	assert_int_equal(e->u.cr.reg, VMI_CR3);
	assert_int_equal(e->u.cr.old_value, 0x1000);
	assert_int_equal(e->u.cr.new_value, 0x7000);
	assert_int_equal(w->d->vcpus[0].cpu.cr3, 0x7000);
	/* no change, no event */
	assert_int_equal(world_do(w, 0,
				  &(struct fake_op){.kind = FAKE_WRITE_CR,
						    .index = VM_EVENT_X86_CR3,
						    .value = 0x7000}),
			 0);
}

static void only_what_is_asked_of_a_register(void **state)
{
	struct world *w = *state;
	struct fake_op op = {.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR4, .value = 0x3606f0};
	struct vmi_monitor monitor = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4, .ignore = 0x80};
	struct vmi_error err;

	world_open(w);
	world_enable(w, &monitor);
	assert_int_equal(world_do(w, 0, &op), 0); /* the same value */
	op.value ^= 0x80;
	assert_int_equal(world_do(w, 0, &op), 0); /* a bit that is ignored */
	op.value ^= 0x10;
	assert_int_equal(world_do(w, 0, &op), 1);
	op.value ^= 0x90; /* one that is ignored and one that is not */
	assert_int_equal(world_do(w, 0, &op), 1);
	monitor.every_write = 1;
	CHECK_FAIL(vmi_monitor_enable(w->vm, &monitor, &err), VMI_ERR_UNSUPPORTED,
		   "change nothing");
}

static void a_write_to_an_msr(void **state)
{
	struct world *w = *state;
	const struct vmi_event *e = &w->handler.last;
	struct fake_op op = {.kind = FAKE_WRITE_MSR, .index = 0xc0000082, .value = 0x99};

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_MSR, .msr = 0xc0000082});
	assert_int_equal(world_do(w, 0, &op), 1);
	assert_int_equal(e->reason, VMI_REASON_WRITE_MSR);
	assert_int_equal(e->u.msr.msr, 0xc0000082);
	assert_int_equal(e->u.msr.old_value, 0);
	assert_int_equal(e->u.msr.new_value, 0x99);
	op.index = 0xc0000080;
	assert_int_equal(world_do(w, 0, &op), 0);
}

static void a_breakpoint(void **state)
{
	struct world *w = *state;
	const struct vmi_event *e = &w->handler.last;

	fake_page(w->m, w->d, 0x21)[4] = 0xcc;
	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_INTERRUPT, .vector = 3});
	w->handler.answer = vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_EXECUTE, .gpa = 0x21004}),
			 1);
	assert_int_equal(e->reason, VMI_REASON_INTERRUPT);
	assert_int_equal(e->u.interrupt.gfn, 0x21);
	assert_int_equal(e->u.interrupt.interrupt.vector, 3);
	assert_int_equal(e->u.interrupt.interrupt.type, 6);
	assert_int_equal(e->u.interrupt.interrupt.instruction_length, 1);
	assert_int_equal(e->registers.value[VMI_RIP], 0x21004);
	assert_int_equal(w->d->vcpus[0].delivered[3], 1);
}

static void a_debug_exception(void **state)
{
	struct world *w = *state;
	const struct vmi_event *e = &w->handler.last;

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_INTERRUPT, .vector = 1});
	w->handler.answer = vmi_response_action(VMI_ACTION_REINJECT_INTERRUPT);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_ICEBP}), 1);
	assert_int_equal(e->u.interrupt.interrupt.vector, 1);
	assert_int_equal(e->u.interrupt.interrupt.type, 5);
	assert_int_equal(w->d->vcpus[0].delivered[1], 1);
}

static void a_cpuid_and_a_request(void **state)
{
	struct world *w = *state;
	const struct vmi_event *e = &w->handler.last;

	world_open(w);
	world_enable(w, &cpuid);
	world_enable(w, &request);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_REQUEST}), 1);
	assert_int_equal(e->reason, VMI_REASON_HYPERCALL);
	w->handler.then = step_over;
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_CPUID, .index = 7}), 1);
	assert_int_equal(e->reason, VMI_REASON_CPUID);
	assert_int_equal(e->u.cpuid.leaf, 7);
	assert_int_equal(e->u.cpuid.instruction_length, 2);
}

static void a_descriptor_table(void **state)
{
	struct world *w = *state;
	const struct vmi_event *e = &w->handler.last;

	world_open(w);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_DESCRIPTOR});
	w->handler.answer = vmi_response_action(VMI_ACTION_EMULATE);
	assert_int_equal(world_do(w, 0, &(struct fake_op){.kind = FAKE_LGDT}), 1);
	assert_int_equal(e->reason, VMI_REASON_DESCRIPTOR);
	assert_int_equal(e->u.descriptor.table, VMI_GDTR_BASE);
	assert_true(e->u.descriptor.write);
	assert_int_equal(e->u.descriptor.information, 0x1f);
}

/* ---- reasons by hand ------------------------------------------------------------------------ */

static void posted(struct world *w, const vm_event_request_t *r)
{
	struct vmi_error err;

	assert_true(fake_post(w->m, w->d, 0, r));
	CHECK_OK(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err));
	assert_int_equal(w->d->vcpus[0].event_pauses, 0);
}

static void the_others(void **state)
{
	struct world *w = *state;
	const struct vmi_event *e = &w->handler.last;
	vm_event_request_t r = {.flags = VM_EVENT_FLAG_VCPU_PAUSED};

	world_open(w);
	world_enable(w, &request);
	r.reason = VM_EVENT_REASON_VMEXIT;
	r.u.vmexit.arch.vmx.reason = 30;
	r.u.vmexit.arch.vmx.qualification = 0x1234;
	posted(w, &r);
	assert_int_equal(e->reason, VMI_REASON_VMEXIT);
	assert_int_equal(e->u.vmexit.reason, 30);
	assert_int_equal(e->u.vmexit.qualification, 0x1234);
	r.reason = VM_EVENT_REASON_PRIVILEGED_CALL;
	posted(w, &r);
	assert_int_equal(e->reason, VMI_REASON_PRIVILEGED_CALL);
	r.reason = VM_EVENT_REASON_EMUL_UNIMPLEMENTED;
	posted(w, &r);
	assert_int_equal(e->reason, VMI_REASON_EMULATION_FAILURE);
	memset(&r.u, 0, sizeof(r.u));
	r.reason = VM_EVENT_REASON_INTERRUPT;
	r.u.interrupt.x86.vector = 14;
	r.u.interrupt.x86.type = 3;
	r.u.interrupt.x86.error_code = 2;
	r.u.interrupt.x86.cr2 = 0xabc;
	posted(w, &r);
	assert_int_equal(e->reason, VMI_REASON_NEXT_INTERRUPT);
	assert_int_equal(e->u.interrupt.interrupt.vector, 14);
	assert_int_equal(e->u.interrupt.interrupt.error_code, 2);
	assert_int_equal(e->u.interrupt.interrupt.extra, 0xabc);
}

static void one_that_nobody_knows(void **state)
{
	struct world *w = *state;
	vm_event_request_t r = {.flags = VM_EVENT_FLAG_VCPU_PAUSED, .reason = 77};

	world_open(w);
	world_enable(w, &request);
	posted(w, &r);
	assert_int_equal(w->handler.last.reason, VMI_REASON_UNKNOWN);
	assert_int_equal(w->handler.last.u.unknown.number, 77);
}

static void registers_that_are_not_sent(void **state)
{
	struct world *w = *state;
	const struct vmi_registers *r = &w->handler.last.registers;
	const struct hvm_hw_cpu *c = &w->d->vcpus[0].cpu;

	world_open(w);
	world_enable(w, &request);
	world_do(w, 0, &(struct fake_op){.kind = FAKE_REQUEST});
	assert_string_equal(r->source, "xen-event");
	assert_int_equal(r->value[VMI_RBX], c->rbx);
	assert_int_equal(r->value[VMI_RCX], c->rcx);
	assert_int_equal(r->value[VMI_CR4], c->cr4);
	assert_int_equal(r->value[VMI_DR7], c->dr7);
	assert_int_equal(r->value[VMI_GS_BASE], c->gs_base);
	assert_int_equal(r->value[VMI_LSTAR], c->msr_lstar);
	assert_int_equal(r->value[VMI_CS], c->cs_sel);
	assert_int_equal(r->value[VMI_CS_LIMIT], 0xffffffff); /* sent in pages */
	assert_int_equal(r->value[VMI_CS_ATTRIBUTES], 0xa09b);
	static const enum vmi_register absent[] = {
		VMI_DR0,  VMI_DR3,   VMI_IDTR_BASE,    VMI_IDTR_LIMIT, VMI_TR,
		VMI_LDTR, VMI_CSTAR, VMI_SYSCALL_MASK, VMI_TSC_AUX,
	};
	for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_false(vmi_register_has(r, absent[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_access),
		WORLD_TEST(a_write_to_a_register),
		WORLD_TEST(only_what_is_asked_of_a_register),
		WORLD_TEST(a_write_to_an_msr),
		WORLD_TEST(a_breakpoint),
		WORLD_TEST(a_debug_exception),
		WORLD_TEST(a_cpuid_and_a_request),
		WORLD_TEST(a_descriptor_table),
		WORLD_TEST(the_others),
		WORLD_TEST(one_that_nobody_knows),
		WORLD_TEST(registers_that_are_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
