/* SPDX-License-Identifier: MIT */
/* Every monitor that this Xen has, with each answer that its events can have. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"

enum {
	LSTAR = 0xc0000082,
	HVM_OP = 34,
	GUEST_REQUEST = 24,
	PGE = 1 << 7,
	TSD = 1 << 2,
	OSXSAVE = 1 << 18,
	EXIT_CPUID = 10, /* SDM vol. 3D, appendix C */
};

static struct vmi_response deny(struct watch *watch, const struct vmi_event *event)
{
	(void)watch, (void)event;
	return vmi_response_action(VMI_ACTION_DENY);
}

static struct vmi_response reinject(struct watch *watch, const struct vmi_event *event)
{
	(void)watch;
	return vmi_response_action(event->reason == VMI_REASON_INTERRUPT
					   ? VMI_ACTION_REINJECT_INTERRUPT
					   : VMI_ACTION_CONTINUE);
}

/* ---- control registers ---------------------------------------------------------------------- */

struct control {
	enum vmi_register reg;
	uint32_t op;
	uint64_t own, other;
};

static struct control control_of(struct bench *b, enum vmi_register reg)
{
	const struct lab_state *s = &mailbox(b, 0)->state;

	if (!obey(b, 0, LAB_OP_STATE))
		return (struct control){0};
	return reg == VMI_CR0   ? (struct control){reg, LAB_OP_CR0, s->cr0, s->cr0 ^ VMI_CR0_WP}
	       : reg == VMI_CR3 ? (struct control){reg, LAB_OP_CR3, s->cr3, LAB_ROOT_2}
				: (struct control){reg, LAB_OP_CR4, s->cr4, s->cr4 ^ PGE};
}

/* Write `value` while that is watched. */
static bool write_watched(struct watch *watch, const struct control *c, uint64_t value)
{
	mailbox(watch->bench, 0)->in.rax = value;
	return perform(watch, 0, c->op);
}

static bool control_write(struct bench *b, enum vmi_register reg, answer_fn *answer)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_REGISTER, .reg = reg};
	const struct control c = control_of(b, reg);
	struct watch *w = watch_new(b, answer);
	const struct vmi_event *e = &w->event[0];

	WORKS(monitor_on(b, &monitor));
	if (!write_watched(w, &c, c.other))
		return false;
	uint64_t seen = mailbox(b, 0)->out.rbx;
	WORKS(monitor_off(b, &monitor));
	if (w->count != 1 || e->reason != VMI_REASON_WRITE_CR)
		return fails(b, "%u events, %u refused: %s", w->count, w->refused, w->refusal.text);
	HOLDS(e->u.cr.reg == reg && e->u.cr.old_value == c.own && e->u.cr.new_value == c.other);
	HOLDS(e->vcpu == 0 && (e->flags & VMI_EVENT_VCPU_PAUSED));
	HOLDS(seen == (answer ? c.own : c.other));
	HOLDS(write_watched(w, &c, c.own) && w->count == 1);
	return true;
}

static bool cr0(struct bench *b)
{
	return control_write(b, VMI_CR0, NULL);
}

static bool cr3(struct bench *b)
{
	return control_write(b, VMI_CR3, NULL);
}

static bool cr4(struct bench *b)
{
	return control_write(b, VMI_CR4, NULL);
}

static bool cr0_deny(struct bench *b)
{
	return control_write(b, VMI_CR0, deny);
}

static bool cr3_deny(struct bench *b)
{
	return control_write(b, VMI_CR3, deny);
}

static bool cr4_deny(struct bench *b)
{
	return control_write(b, VMI_CR4, deny);
}

static bool cr4_ignore(struct bench *b)
{
	const struct vmi_monitor monitor = {
		.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR4, .ignore = PGE};
	const struct control c = control_of(b, VMI_CR4);
	struct watch *w = watch_new(b, NULL);

	WORKS(monitor_on(b, &monitor));
	HOLDS(write_watched(w, &c, c.own ^ PGE) && w->count == 0);
	HOLDS(write_watched(w, &c, c.own ^ PGE ^ TSD) && w->count == 1);
	/* One that is ignored and one that is not. */
	HOLDS(write_watched(w, &c, c.own) && w->count == 2);
	return true;
}

/* Xen compares what was and what is to be, whatever it was asked for: no event. */
static bool cr3_same(struct bench *b)
{
	const struct vmi_monitor monitor = {
		.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3, .every_write = 1};

	/* Xen has no events for writes that change nothing, and the driver says so. */
	HOLDS(monitor_on(b, &monitor) == VMI_ERR_UNSUPPORTED);
	return true;
}

static bool xsetbv(struct bench *b, uint64_t value, answer_fn *answer, struct watch **watch)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_XCR0};
	const struct control c = control_of(b, VMI_CR4);
	struct watch *w = watch_new(b, answer);

	*watch = w;
	HOLDS(write_watched(w, &c, c.own | OSXSAVE));
	WORKS(monitor_on(b, &monitor));
	lab_patterns(&mailbox(b, 0)->in);
	mailbox(b, 0)->in.rax = value;
	mailbox(b, 0)->in.rcx = mailbox(b, 0)->in.rdx = 0;
	if (!perform(w, 0, LAB_OP_XSETBV))
		return false;
	HOLDS(mailbox(b, 0)->fault == 0);
	WORKS(monitor_off(b, &monitor));
	HOLDS(w->count == 1 && w->event[0].u.cr.reg == VMI_XCR0);
	HOLDS(w->event[0].u.cr.new_value == value);
	HOLDS(write_watched(w, &c, c.own));
	return true;
}

static bool xcr0(struct bench *b)
{
	struct watch *w;

	return xsetbv(b, 3, NULL, &w);
}

static bool xcr0_deny_refused(struct bench *b)
{
	struct watch *w;

	if (!xsetbv(b, 1, deny, &w))
		return false;
	HOLDS(w->refused == 1 && strstr(w->refusal.text, "can be denied"));
	return true;
}

/* ---- MSRs ----------------------------------------------------------------------------------- */

static bool write_msr(struct watch *w, uint64_t value)
{
	struct lab_registers *in = &mailbox(w->bench, 0)->in;

	in->rax = value & 0xffffffff;
	in->rdx = value >> 32;
	in->rcx = LSTAR;
	return perform(w, 0, LAB_OP_WRMSR);
}

static bool msr_write(struct bench *b, answer_fn *answer)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_MSR, .msr = LSTAR};
	const uint64_t other = 0xffff800000001000;
	struct watch *w = watch_new(b, answer);

	HOLDS(obey(b, 0, LAB_OP_STATE));
	uint64_t own = mailbox(b, 0)->state.lstar;
	WORKS(monitor_on(b, &monitor));
	HOLDS(write_msr(w, other));
	WORKS(monitor_off(b, &monitor));
	HOLDS(w->count == 1 && w->event[0].reason == VMI_REASON_WRITE_MSR);
	HOLDS(w->event[0].u.msr.msr == LSTAR && w->event[0].u.msr.new_value == other);
	HOLDS(w->event[0].u.msr.old_value == own);
	HOLDS(obey(b, 0, LAB_OP_STATE));
	HOLDS(mailbox(b, 0)->state.lstar == (answer ? own : other));
	HOLDS(write_msr(w, own) && w->count == 1);
	return true;
}

static bool msr(struct bench *b)
{
	return msr_write(b, NULL);
}

static bool msr_deny(struct bench *b)
{
	return msr_write(b, deny);
}

static bool msr_every_write(struct bench *b)
{
	struct vmi_monitor monitor = {.kind = VMI_MONITOR_MSR, .msr = LSTAR};
	struct watch *w = watch_new(b, NULL);

	HOLDS(obey(b, 0, LAB_OP_STATE));
	WORKS(monitor_on(b, &monitor));
	HOLDS(write_msr(w, mailbox(b, 0)->state.lstar) && w->count == 0);
	monitor.every_write = 1;
	WORKS(monitor_on(b, &monitor));
	HOLDS(write_msr(w, mailbox(b, 0)->state.lstar) && w->count == 1);
	return true;
}

static bool msr_refused(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_MSR, .msr = 0x80000000};

	REFUSED(monitor_on(b, &monitor), VMI_ERR_ARG, "0x80000000");
	REFUSED(monitor_off(b, &monitor), VMI_ERR_ARG, "not watched");
	return true;
}

/* ---- exceptions ----------------------------------------------------------------------------- */

static const struct vmi_monitor breakpoints = {.kind = VMI_MONITOR_INTERRUPT, .vector = 3};
static const struct vmi_monitor debugs = {.kind = VMI_MONITOR_INTERRUPT, .vector = 1};

/* An exception by `op`; how many of them the guest took. -1: something failed. */
static int exceptions(struct watch *w, const struct vmi_monitor *monitor, uint32_t op)
{
	struct bench *b = w->bench;
	uint64_t before = mailbox(b, 0)->faults[monitor->vector];

	if (monitor_on(b, monitor) || !perform(w, 0, op) || monitor_off(b, monitor))
		return -1;
	return (int)(mailbox(b, 0)->faults[monitor->vector] - before);
}

static bool breakpoint_reinject(struct bench *b)
{
	struct watch *w = watch_new(b, reinject);
	const struct vmi_event *e = &w->event[0];

	mailbox(b, 0)->in.rax = LAB_INT3;
	HOLDS(exceptions(w, &breakpoints, LAB_OP_CALL) == 1);
	HOLDS(w->count == 1 && e->reason == VMI_REASON_INTERRUPT);
	HOLDS(e->u.interrupt.interrupt.vector == 3 && e->u.interrupt.gfn == LAB_INT3 >> 12);
	HOLDS(e->u.interrupt.interrupt.instruction_length == 1);
	HOLDS(e->registers.value[VMI_RIP] == LAB_INT3);
	HOLDS(mailbox(b, 0)->fault_rip == LAB_INT3 + 1);
	return true;
}

static struct vmi_response skip(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_registers regs = event->registers;

	(void)watch;
	regs.value[VMI_RIP] += event->u.interrupt.interrupt.instruction_length;
	return vmi_response_with_registers(vmi_response_default(), &regs);
}

static bool breakpoint_skip(struct bench *b)
{
	struct watch *w = watch_new(b, skip);

	HOLDS(exceptions(w, &breakpoints, LAB_OP_INT3) == 0);
	HOLDS(w->count == 1 && !w->refused && !lab_changed(mailbox(b, 0)));
	return true;
}

static struct vmi_response nop(struct watch *watch, const struct vmi_event *event)
{
	(void)watch, (void)event;
	return vmi_response_with_data(VMI_ACTION_EMULATE_INSTRUCTION, "\x90", 1);
}

static bool breakpoint_instruction(struct bench *b)
{
	struct watch *w = watch_new(b, nop);

	HOLDS(exceptions(w, &breakpoints, LAB_OP_INT3) == 0);
	HOLDS(w->count == 1 && !w->refused && !lab_changed(mailbox(b, 0)));
	return true;
}

static struct vmi_response reinject_and_watch(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_response response = reinject(watch, event);

	response.next_interrupt = event->reason == VMI_REASON_INTERRUPT;
	return response;
}

static bool next_interrupt(struct bench *b)
{
	struct watch *w = watch_new(b, reinject_and_watch);

	HOLDS(exceptions(w, &breakpoints, LAB_OP_INT3) == 1);
	HOLDS(w->count == 2 && w->event[1].reason == VMI_REASON_NEXT_INTERRUPT);
	HOLDS(w->event[1].u.interrupt.interrupt.vector == 3);
	return true;
}

static bool debug_by(struct bench *b, uint32_t op)
{
	struct watch *w = watch_new(b, reinject);
	int taken = exceptions(w, &debugs, op);

	if (taken != 1 || w->count != 1)
		return fails(b, "%u events, %d taken: %s", w->count, taken, w->refusal.text);
	HOLDS(w->event[0].reason == VMI_REASON_INTERRUPT);
	HOLDS(w->event[0].u.interrupt.interrupt.vector == 1);
	HOLDS(!lab_changed(mailbox(b, 0)));
	return true;
}

static bool debug_int1(struct bench *b)
{
	return debug_by(b, LAB_OP_INT1);
}

static bool debug_trap_flag(struct bench *b)
{
	return debug_by(b, LAB_OP_STEP);
}

/* ---- instructions --------------------------------------------------------------------------- */

static bool request_by(struct bench *b, uint32_t op, uint8_t userspace, unsigned expected)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_HYPERCALL, .userspace = userspace};
	struct watch *w = watch_new(b, NULL);
	struct lab_registers *in = &mailbox(b, 0)->in;

	WORKS(monitor_on(b, &monitor));
	in->rax = HVM_OP;
	in->rdi = GUEST_REQUEST;
	in->rsi = 0;
	in->r11 = LAB_USER_VMCALL;
	if (!perform(w, 0, op))
		return false;
	HOLDS(w->count == expected && (!expected || w->event[0].reason == VMI_REASON_HYPERCALL));
	HOLDS(!expected || mailbox(b, 0)->out.rax == 0);
	return true;
}

static bool hypercall(struct bench *b)
{
	return request_by(b, LAB_OP_VMCALL, 0, 1);
}

static bool hypercall_user(struct bench *b)
{
	return request_by(b, LAB_OP_USER, 1, 1);
}

static bool hypercall_not_user(struct bench *b)
{
	return request_by(b, LAB_OP_USER, 0, 0);
}

static bool do_cpuid(struct watch *w, uint32_t leaf)
{
	struct lab_registers *in = &mailbox(w->bench, 0)->in;

	in->rax = leaf;
	in->rcx = 0;
	return perform(w, 0, LAB_OP_CPUID);
}

static bool cpuid(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_CPUID};
	struct watch *w = watch_new(b, NULL);
	const struct vmi_event *e = &w->event[0];

	HOLDS(do_cpuid(w, 0x40000000));
	const struct lab_registers truth = mailbox(b, 0)->out;
	WORKS(monitor_on(b, &monitor));
	HOLDS(do_cpuid(w, 0x40000000));
	WORKS(monitor_off(b, &monitor));
	HOLDS(w->count == 1 && e->reason == VMI_REASON_CPUID);
	HOLDS(e->u.cpuid.leaf == 0x40000000 && e->u.cpuid.instruction_length == 2);
	const struct lab_registers *out = &mailbox(b, 0)->out;
	HOLDS(out->rax == truth.rax && out->rbx == truth.rbx && out->rcx == truth.rcx);
	HOLDS(out->rdx == truth.rdx && mailbox(b, 0)->fault == 0);
	return true;
}

static struct vmi_response fake(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_registers regs = event->registers;

	(void)watch;
	regs.value[VMI_RAX] = 0xfacade;
	return vmi_response_with_registers(vmi_response_default(), &regs);
}

static bool cpuid_faked(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_CPUID};
	struct watch *w = watch_new(b, fake);

	WORKS(monitor_on(b, &monitor));
	HOLDS(do_cpuid(w, 7));
	HOLDS(w->count == 1 && w->event[0].u.cpuid.leaf == 7);
	HOLDS(mailbox(b, 0)->out.rax == 0xfacade);
	return true;
}

static bool descriptors(struct bench *b)
{
	static const struct {
		uint32_t op;
		enum vmi_register table;
		unsigned write;
	} each[] = {
		{LAB_OP_SGDT, VMI_GDTR_BASE, 0}, {LAB_OP_LGDT, VMI_GDTR_BASE, 1},
		{LAB_OP_SIDT, VMI_IDTR_BASE, 0}, {LAB_OP_LIDT, VMI_IDTR_BASE, 1},
		{LAB_OP_SLDT, VMI_LDTR, 0},      {LAB_OP_LLDT, VMI_LDTR, 1},
		{LAB_OP_STR, VMI_TR, 0},
	};
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_DESCRIPTOR};
	const uint64_t zero[2] = {0};

	for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		struct watch *w = watch_new(b, NULL);
		mailbox(b, 0)->in.rax = 0;
		mailbox(b, 0)->in.rdi = LAB_SCRATCH;
		WORKS(monitor_on(b, &monitor));
		if (!perform(w, 0, each[i].op))
			return false;
		WORKS(monitor_off(b, &monitor));
		const struct vmi_event *e = &w->event[0];
		if (w->count != 1 || e->reason != VMI_REASON_DESCRIPTOR ||
		    e->u.descriptor.table != each[i].table ||
		    e->u.descriptor.write != each[i].write || mailbox(b, 0)->fault)
			return fails(b, "%u: %u events, table %u, write %u", i, w->count,
				     e->u.descriptor.table, e->u.descriptor.write);
	}
	WORKS(vmi_write_bytes(b->vm, NULL, LAB_SCRATCH, zero, sizeof(zero), NULL, &b->err));
	return true;
}

static bool vmexit(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_VMEXIT};
	struct watch *w = watch_new(b, NULL);
	bool seen = false;

	WORKS(monitor_on(b, &monitor));
	if (!perform(w, 0, LAB_OP_CPUID))
		return false;
	WORKS(monitor_off(b, &monitor));
	for (unsigned i = 0; i < w->count && i < WATCHED_MAX; i++)
		seen |= w->event[i].reason == VMI_REASON_VMEXIT;
	HOLDS(seen);
	return true;
}

/* ---- refusals ------------------------------------------------------------------------------- */

static bool monitors_refused(struct bench *b)
{
	const struct vmi_monitor io = {.kind = VMI_MONITOR_IO};
	const struct vmi_monitor call = {.kind = VMI_MONITOR_PRIVILEGED_CALL};
	const struct vmi_monitor vector = {.kind = VMI_MONITOR_INTERRUPT, .vector = 14};
	const struct vmi_monitor rax = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_RAX};

	REFUSED(monitor_on(b, &io), VMI_ERR_UNSUPPORTED, "Xen 4.17");
	REFUSED(monitor_on(b, &call), VMI_ERR_UNSUPPORTED, "Xen 4.17");
	REFUSED(monitor_on(b, &vector), VMI_ERR_ARG, "14");
	REFUSED(monitor_on(b, &rax), VMI_ERR_ARG, "rax");
	return true;
}

static bool emulation_failure(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_EMULATION_FAILURE};

	WORKS(monitor_on(b, &monitor));
	HOLDS(obey(b, 0, LAB_OP_NOP));
	WORKS(monitor_off(b, &monitor));
	return true;
}

/* A refused answer is "continue" for the guest. */
static struct vmi_response wrong(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_registers regs = event->registers;
	struct vmi_response response = vmi_response_action((enum vmi_action)watch->value);

	if (watch->value == VMI_ACTION_EMULATE_READ_DATA)
		return vmi_response_with_registers(vmi_response_with_data(watch->value, "x", 1),
						   &regs);
	if (watch->value == VMI_ACTION_CONTINUE)
		response.view = 77;
	return response;
}

static bool answers_refused(struct bench *b)
{
	static const struct {
		uint64_t action;
		const char *words;
	} each[] = {
		{VMI_ACTION_REINJECT_INTERRUPT, "no interrupt to reinject"},
		{VMI_ACTION_FAST_SINGLESTEP, "needs the view"},
		{VMI_ACTION_EMULATE_READ_DATA, "not both"},
		{VMI_ACTION_EMULATE_INSTRUCTION, "bytes to emulate with"},
		{VMI_ACTION_EMULATE_NO_WRITE, "emulates only"},
		{VMI_ACTION_SINGLESTEP, "needs its monitor"},
		{VMI_ACTION_CONTINUE, "no view 77"},
	};
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3};
	const struct control c = control_of(b, VMI_CR3);

	WORKS(monitor_on(b, &monitor));
	for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		struct watch *w = watch_new(b, wrong);
		uint64_t value = i % 2 ? c.own : c.other;
		w->value = each[i].action;
		if (!write_watched(w, &c, value))
			return false;
		if (w->count != 1 || w->refused != 1 || !strstr(w->refusal.text, each[i].words) ||
		    mailbox(b, 0)->out.rbx != value)
			return fails(b, "%u: %u events: %s", i, w->count, w->refusal.text);
	}
	WORKS(monitor_off(b, &monitor));
	struct watch *w = watch_new(b, NULL);
	HOLDS(write_watched(w, &c, c.own) && !w->count);
	return true;
}

/* One event in hand, its vcpu stopped; the other vcpu goes on. */
static bool take_and_answer(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_CPUID};
	struct vmi_response response = vmi_response_default();
	struct vmi_event event;

	watch_new(b, NULL);
	WORKS(monitor_on(b, &monitor));
	lab_begin(&b->guest, 0, LAB_OP_CPUID);
	WORKS(vmi_event_take(b->vm, 2000, &event, &b->err));
	HOLDS(event.reason == VMI_REASON_CPUID && event.vcpu == 0);
	HOLDS(!lab_end(&b->guest, 0, 20));
	HOLDS(obey(b, 1, LAB_OP_NOP));
	WORKS(vmi_event_answer(b->vm, &event, &response, &b->err));
	HOLDS(lab_end(&b->guest, 0, 1000));
	REFUSED(vmi_event_answer(b->vm, &event, &response, &b->err), VMI_ERR_ARG, "waits for no");
	REFUSED(vmi_event_take(b->vm, 5, &event, &b->err), VMI_ERR_TIMEOUT, "in time");
	vmi_event_interrupt(b->vm);
	REFUSED(vmi_event_take(b->vm, 5000, &event, &b->err), VMI_ERR_INTERRUPTED, "interrupted");
	return true;
}

void part_events(struct bench *b)
{
	static const struct test tests[] = {
		{"cr0", cr0},
		{"cr3", cr3},
		{"cr4", cr4},
		{"cr0-deny", cr0_deny},
		{"cr3-deny", cr3_deny},
		{"cr4-deny", cr4_deny},
		{"cr4-ignored-bits", cr4_ignore},
		{"cr3-same", cr3_same},
		{"xcr0", xcr0},
		{"xcr0-deny-refused", xcr0_deny_refused},
		{"msr", msr},
		{"msr-deny", msr_deny},
		{"msr-every-write", msr_every_write},
		{"msr-refused", msr_refused},
		{"breakpoint-reinject", breakpoint_reinject},
		{"breakpoint-skip", breakpoint_skip},
		{"breakpoint-instruction", breakpoint_instruction},
		{"next-interrupt", next_interrupt},
		{"debug-int1", debug_int1},
		{"debug-trap-flag", debug_trap_flag},
		{"hypercall", hypercall},
		{"hypercall-user", hypercall_user},
		{"hypercall-not-user", hypercall_not_user},
		{"cpuid", cpuid},
		{"cpuid-faked", cpuid_faked},
		{"descriptors", descriptors},
		{"vmexit", vmexit},
		{"monitors-refused", monitors_refused},
		{"emulation-failure", emulation_failure},
		{"answers-refused", answers_refused},
		{"take-and-answer", take_and_answer},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
