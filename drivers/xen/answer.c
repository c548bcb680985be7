/* SPDX-License-Identifier: MIT */
/* Answers: from what the handler wants to what Xen has to be told. */

#include <inttypes.h>
#include <string.h>

#include "xen.h"

enum { NOP = 0x90 };

struct answering {
	struct xen *xen;
	const vm_event_request_t *request;
	const struct vmi_response *from;
	vm_event_response_t *to;
};

static void flag(struct answering *a, uint32_t flags)
{
	a->to->flags |= flags;
}

/* After any other event but a breakpoint there is nothing left to execute but what follows. */
static bool can_emulate(const vm_event_request_t *request)
{
	return request->reason == VM_EVENT_REASON_MEM_ACCESS ||
	       request->reason == VM_EVENT_REASON_DESCRIPTOR_ACCESS;
}

static enum vmi_status answer_emulate(struct answering *a, uint32_t flags, struct vmi_error *err)
{
	if (!flags && !can_emulate(a->request) &&
	    a->request->reason != VM_EVENT_REASON_SOFTWARE_BREAKPOINT)
		return VMI_OK;
	if (!can_emulate(a->request))
		return vmi_fail(err, VMI_ERR_ARG,
				"Xen emulates only after accesses to memory and to descriptor "
				"tables");
	flag(a, VM_EVENT_FLAG_EMULATE | flags);
	if (flags & VM_EVENT_FLAG_SET_EMUL_READ_DATA) {
		a->to->data.emul.read.size = a->from->data_length;
		memcpy(a->to->data.emul.read.data, a->from->data, a->from->data_length);
	}
	return VMI_OK;
}

static enum vmi_status answer_instruction(struct answering *a, struct vmi_error *err)
{
	if (a->request->reason != VM_EVENT_REASON_SOFTWARE_BREAKPOINT)
		return vmi_fail(err, VMI_ERR_ARG,
				"Xen executes given bytes only after a breakpoint");
	flag(a, VM_EVENT_FLAG_EMULATE | VM_EVENT_FLAG_SET_EMUL_INSN_DATA);
	/* Xen wants all 16 filled. */
	memset(a->to->data.emul.insn.data, NOP, sizeof(a->to->data.emul.insn.data));
	memcpy(a->to->data.emul.insn.data, a->from->data, a->from->data_length);
	return VMI_OK;
}

static bool steps_are_watched(const struct xen *xen)
{
	return xen->guard.shared->undo.switches >> XEN_SWITCH_SINGLESTEP & 1;
}

static enum vmi_status answer_singlestep(struct answering *a, struct vmi_error *err)
{
	uint32_t vcpu = a->request->vcpu_id;

	/* The vcpu would step, and nobody hear of it. */
	if (!steps_are_watched(a->xen))
		return vmi_fail(err, VMI_ERR_ARG,
				"a singlestep needs its monitor; enable VMI_MONITOR_SINGLESTEP "
				"first");
	a->xen->guard.shared->undo.stepped = 1;
	if (!a->xen->stepping[vcpu])
		flag(a, VM_EVENT_FLAG_TOGGLE_SINGLESTEP);
	a->xen->stepping[vcpu] = true;
	return VMI_OK;
}

/*
 * Step in `view`, and return to the view of the event. Xen ignores a view to return to that does
 * not exist, and leaves the vcpu in the other. Before 4.19 it also needs the monitor of
 * singlesteps, although none is reported.
 */
static enum vmi_status answer_fast_singlestep(struct answering *a, struct vmi_error *err)
{
	struct xen *xen = a->xen;
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_SINGLESTEP};
	bool in_view = a->request->flags & VM_EVENT_FLAG_ALTERNATE_P2M;
	uint16_t back = in_view ? a->request->altp2m_idx : 0;

	if (!xen->guard.shared->undo.altp2m)
		return vmi_fail(err, VMI_ERR_ARG, "a fast singlestep needs views; there are none");
	if (!xen_view_exists(xen, back))
		return vmi_fail(err, VMI_ERR_ARG,
				"view %u, to which a fast singlestep would return, is gone", back);
	if (xen->domain.version < XEN_VERSION(4, 19) && !steps_are_watched(xen)) {
		enum vmi_status st = xen_switch_on(xen, XEN_SWITCH_SINGLESTEP, &monitor, err);
		if (st)
			return st;
	}
	xen->guard.shared->undo.stepped = 1;
	flag(a, VM_EVENT_FLAG_FAST_SINGLESTEP);
	a->to->u.fast_singlestep.p2midx = back;
	xen->stepping[a->request->vcpu_id] = false; /* it ends by itself */
	xen->stepping_fast = true;
	return VMI_OK;
}

static enum vmi_status answer_deny(struct answering *a, struct vmi_error *err)
{
	if (!a->xen->ring.controls_writes)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"Xen has not agreed to let writes be denied");
	flag(a, VM_EVENT_FLAG_DENY);
	return VMI_OK;
}

static enum vmi_status answer_reinject(struct answering *a, struct vmi_error *err)
{
	struct vmi_event event;

	xen_event_decode(a->request, &event);
	return xen_inject(a->xen, a->request->vcpu_id, &event.u.interrupt.interrupt, err);
}

static enum vmi_status answer_action(struct answering *a, struct vmi_error *err)
{
	switch (a->from->action) {
	case VMI_ACTION_CONTINUE:
		/* A descriptor table's access would only be reported again. */
		if (a->request->reason == VM_EVENT_REASON_DESCRIPTOR_ACCESS)
			flag(a, VM_EVENT_FLAG_EMULATE);
		return VMI_OK;
	case VMI_ACTION_DENY:
		return answer_deny(a, err);
	case VMI_ACTION_REINJECT_INTERRUPT:
		return answer_reinject(a, err);
	case VMI_ACTION_SINGLESTEP:
		return answer_singlestep(a, err);
	case VMI_ACTION_FAST_SINGLESTEP:
		return answer_fast_singlestep(a, err);
	case VMI_ACTION_EMULATE:
		return answer_emulate(a, 0, err);
	case VMI_ACTION_EMULATE_NO_WRITE:
		return answer_emulate(a, VM_EVENT_FLAG_EMULATE_NOWRITE, err);
	case VMI_ACTION_EMULATE_READ_DATA:
		return answer_emulate(a, VM_EVENT_FLAG_SET_EMUL_READ_DATA, err);
	case VMI_ACTION_EMULATE_INSTRUCTION:
		return answer_instruction(a, err);
	}
	return vmi_fail(err, VMI_ERR_ARG, "there is no action %d", (int)a->from->action);
}

static enum vmi_status answer_view(struct answering *a, struct vmi_error *err)
{
	uint16_t view = a->from->view;

	if (view == VMI_VIEW_NONE)
		return VMI_OK;
	if (!xen_view_exists(a->xen, view))
		return vmi_fail(err, VMI_ERR_ARG, "there is no view %u to go on in", view);
	if (!a->xen->guard.shared->undo.altp2m)
		return VMI_OK; /* it is in the only one */
	flag(a, VM_EVENT_FLAG_ALTERNATE_P2M);
	a->to->altp2m_idx = view;
	return VMI_OK;
}

/* Xen takes the whole block of general-purpose registers: those of the event are its start. */
static void answer_registers(struct answering *a)
{
	struct vm_event_regs_x86 *to = &a->to->data.regs.x86;
	const uint64_t *from = a->from->registers;
	bool cpuid = a->request->reason == VM_EVENT_REASON_CPUID;

	if (!a->from->set_registers && !(cpuid && a->from->action == VMI_ACTION_CONTINUE))
		return;
	flag(a, VM_EVENT_FLAG_SET_REGISTERS);
	*to = a->request->data.regs.x86;
	if (a->from->set_registers) {
		uint64_t *const places[VMI_GP_REGISTER_COUNT] = {
			[VMI_RAX] = &to->rax, [VMI_RBX] = &to->rbx, [VMI_RCX] = &to->rcx,
			[VMI_RDX] = &to->rdx, [VMI_RSI] = &to->rsi, [VMI_RDI] = &to->rdi,
			[VMI_RBP] = &to->rbp, [VMI_RSP] = &to->rsp, [VMI_R8] = &to->r8,
			[VMI_R9] = &to->r9,   [VMI_R10] = &to->r10, [VMI_R11] = &to->r11,
			[VMI_R12] = &to->r12, [VMI_R13] = &to->r13, [VMI_R14] = &to->r14,
			[VMI_R15] = &to->r15, [VMI_RIP] = &to->rip, [VMI_RFLAGS] = &to->rflags,
		};
		for (unsigned i = 0; i < VMI_GP_REGISTER_COUNT; i++)
			*places[i] = from[i];
	}
	/* Xen has put the results into the registers and left the instruction to us; executed
	 * again, it would take them for the leaf to ask for. */
	if (cpuid && to->rip == a->request->data.regs.x86.rip)
		to->rip += a->request->u.cpuid.insn_length;
}

static enum vmi_status answer_all(struct answering *a, struct vmi_error *err)
{
	enum vmi_status st = answer_view(a, err);

	if (!st)
		st = answer_action(a, err);
	if (st)
		return st;
	answer_registers(a);
	if (a->from->next_interrupt)
		flag(a, VM_EVENT_FLAG_GET_NEXT_INTERRUPT);
	return VMI_OK;
}

/* A step was asked for once: off again, unless this answer asks anew or steps fast. */
static void step_end(struct answering *a)
{
	uint32_t vcpu = a->request->vcpu_id;

	if (a->request->reason != VM_EVENT_REASON_SINGLESTEP || !a->xen->stepping[vcpu])
		return;
	flag(a, VM_EVENT_FLAG_TOGGLE_SINGLESTEP);
	a->xen->stepping[vcpu] = false;
}

enum vmi_status xen_answer_build(struct xen *xen, const vm_event_request_t *request,
				 const struct vmi_response *from, vm_event_response_t *response,
				 struct vmi_error *err)
{
	const struct vmi_response plain = {.view = VMI_VIEW_NONE};
	struct answering a = {xen, request, from, response};

	xen_response_init(response, request);
	enum vmi_status st = answer_all(&a, err);
	if (st) {
		a.from = &plain;
		xen_response_init(response, request);
		if (answer_all(&a, NULL))
			xen_response_init(response, request);
	}
	if (a.from->action != VMI_ACTION_SINGLESTEP)
		step_end(&a);
	return st;
}
