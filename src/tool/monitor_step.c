/* SPDX-License-Identifier: MIT */
/*
 * How events are answered: so that the guest gets on as if nobody had looked, unless --action says
 * otherwise.
 *
 * What each intercept of Xen leaves to the one who answers (xen/arch/x86/hvm/monitor.c and its
 * callers, as of 4.17 and 4.18):
 * - writes of registers, guest requests, VM exits: nothing, Xen goes on with them;
 * - breakpoints and debug exceptions: the guest's, so they are given to it;
 * - memory and descriptor accesses: nothing has been done yet, and the vcpu would try again for
 *   ever. Xen emulates the instruction when told to, with the restriction staying in force for all
 *   vcpus;
 * - cpuid: the registers of the event hold the results already, but rip is still at the
 * instruction;
 * - port accesses: nothing has been done, and emulating is not offered. The monitor is turned off
 *   for the length of one instruction of this vcpu.
 *
 * An instruction that Xen cannot emulate gets the same treatment as a port access: the page is
 * lifted for one step. What other vcpus do with it meanwhile is not seen.
 */

#include <stdlib.h>

#include "monitor.h"

enum { ALL = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

enum lift { LIFT_NONE, LIFT_PAGE, LIFT_PORTS };

struct step_vcpu {
	enum lift lift; /* until its next singlestep event */
	uint16_t view;  /* of the page that is lifted, or was last emulated on */
	vmi_gfn gfn;
	bool quiet;    /* the next singlestep event is only for the lift */
	bool emulated; /* its last memory access */
	bool starting; /* it steps as soon as it executes something on `start` */
	vmi_gfn start;
};

static const struct vmi_monitor ports = {.kind = VMI_MONITOR_IO};

/* ---- pages ---------------------------------------------------------------------------------- */

/* The access that a page has while we watch. */
static unsigned page_access(const struct steps *steps, vmi_gfn gfn)
{
	unsigned watched = watch_frame(steps->watch, gfn);

	/* Intel's tables cannot allow writing where reading is forbidden (SDM vol. 3C 28.3.3.1). */
	if (watched & VMI_ACCESS_R)
		watched |= VMI_ACCESS_W;
	for (unsigned i = 0; i < steps->vcpus; i++)
		if (steps->vcpu[i].starting && steps->vcpu[i].start == gfn)
			watched |= VMI_ACCESS_X;
	return ALL & ~watched;
}

static bool is_lifted(const struct steps *steps, const struct step_vcpu *vcpu)
{
	for (unsigned i = 0; i < steps->vcpus; i++) {
		const struct step_vcpu *other = &steps->vcpu[i];

		if (other != vcpu && other->lift == vcpu->lift &&
		    (vcpu->lift == LIFT_PORTS ||
		     (other->gfn == vcpu->gfn && other->view == vcpu->view)))
			return true;
	}
	return false;
}

/* Allow this vcpu one instruction; false: that is not possible. */
static bool lift(struct steps *steps, struct step_vcpu *vcpu, enum lift what)
{
	if (!steps->can_step || vcpu->lift != LIFT_NONE)
		return false;
	vcpu->lift = what;
	if (!is_lifted(steps, vcpu) &&
	    (what == LIFT_PAGE ? vmi_access_set(steps->vm, vcpu->view, vcpu->gfn, ALL, 0, NULL)
			       : vmi_monitor_disable(steps->vm, &ports, NULL))) {
		vcpu->lift = LIFT_NONE;
		return false;
	}
	return true;
}

/* As it was. What fails here is no longer watched: that ends the monitoring. */
static void lower(struct steps *steps, struct step_vcpu *vcpu)
{
	enum vmi_status st = VMI_OK;

	if (vcpu->lift == LIFT_PAGE && !is_lifted(steps, vcpu))
		st = vmi_access_set(steps->vm, vcpu->view, vcpu->gfn, page_access(steps, vcpu->gfn),
				    0, &steps->trouble);
	else if (vcpu->lift == LIFT_PORTS && !is_lifted(steps, vcpu))
		st = vmi_monitor_enable(steps->vm, &ports, &steps->trouble);
	vcpu->lift = LIFT_NONE;
	vcpu->quiet = false;
	if (st)
		steps->failed = st;
}

/* ---- beginning ------------------------------------------------------------------------------ */

/* Where the vcpu is about to execute something, in guest-physical memory. */
static enum vmi_status find_rip(struct vmi *vm, unsigned number, vmi_gfn *gfn,
				struct vmi_error *err)
{
	struct vmi_registers regs;
	struct vmi_space space;
	struct vmi_translation to;

	enum vmi_status st = vmi_registers_get(vm, number, &regs, err);
	if (st)
		return st;
	st = vmi_space_of_registers(&regs, VMI_MODE_AUTO, &space, err);
	if (st)
		return st;
	vmi_gva rip = regs.value[VMI_RIP];
	if (!(regs.value[VMI_CS_ATTRIBUTES] & VMI_ATTRIBUTES_L))
		rip = (uint32_t)(rip + regs.value[VMI_CS_BASE]);
	st = vmi_translate(vm, &space, rip, &to, err);
	if (!st)
		*gfn = to.gpa >> VMI_PAGE_SHIFT;
	return st;
}

/*
 * Stepping is asked for by answering an event. The first event is the execution of whatever a vcpu
 * is about to execute.
 */
static enum vmi_status start_stepping(struct steps *steps, struct vmi_error *err)
{
	struct vmi_pause_guard guard __attribute__((cleanup(vmi_pause_end)));
	enum vmi_status st = vmi_pause_begin(&guard, steps->vm, err);

	for (unsigned i = 0; i < steps->vcpus && !st; i++) {
		struct step_vcpu *vcpu = &steps->vcpu[i];

		if (steps->watch->one_vcpu && i != steps->watch->vcpu)
			continue;
		if (find_rip(steps->vm, i, &vcpu->start, NULL))
			continue; /* off, or nowhere: it steps after its next event */
		vcpu->starting = true;
		st = vmi_access_set(steps->vm, 0, vcpu->start, page_access(steps, vcpu->start), 0,
				    err);
	}
	return st;
}

static enum vmi_status watch_pages(struct steps *steps, struct vmi_error *err)
{
	for (unsigned i = 0; i < steps->watch->range_count; i++) {
		vmi_gfn gfn = steps->watch->ranges[i].first >> VMI_PAGE_SHIFT;
		vmi_gfn last = steps->watch->ranges[i].last >> VMI_PAGE_SHIFT;

		for (; gfn <= last; gfn++) {
			enum vmi_status st =
				vmi_access_set(steps->vm, 0, gfn, page_access(steps, gfn), 0, err);
			if (st)
				return st;
		}
	}
	return VMI_OK;
}

enum vmi_status steps_begin(struct steps *steps, struct vmi *vm, const struct watch *watch,
			    struct vmi_error *err)
{
	static const struct vmi_monitor step = {.kind = VMI_MONITOR_SINGLESTEP};
	static const struct vmi_monitor unable = {.kind = VMI_MONITOR_EMULATION_FAILURE};
	bool need =
		watch->singlestep || (watch->has_action && watch->action == VMI_ACTION_SINGLESTEP);
	enum vmi_status st = VMI_OK;

	*steps = (struct steps){.vm = vm, .watch = watch, .vcpus = vmi_info(vm)->vcpus};
	steps->vcpu = calloc(steps->vcpus ? steps->vcpus : 1, sizeof(*steps->vcpu));
	if (!steps->vcpu) {
		*err = (struct vmi_error){.status = VMI_ERR_NOMEM, .text = "out of memory"};
		return VMI_ERR_NOMEM;
	}
	st = vmi_monitor_enable(vm, &step, err);
	steps->can_step = !st;
	if (st && need)
		return st;
	/* Unreported, such an instruction ends in an exception that is not the guest's own. */
	steps->can_emulate = watch->range_count && !vmi_monitor_enable(vm, &unable, NULL);
	st = VMI_OK;
	for (unsigned i = 0; i < watch->monitor_count && !st; i++)
		st = vmi_monitor_enable(vm, &watch->monitors[i], err);
	if (!st)
		st = watch_pages(steps, err);
	if (!st && watch->singlestep)
		st = start_stepping(steps, err);
	return st;
}

void steps_end(struct steps *steps)
{
	free(steps->vcpu);
}

/* ---- answers -------------------------------------------------------------------------------- */

bool steps_own(const struct steps *steps, const struct vmi_event *event)
{
	if (event->reason == VMI_REASON_EMULATION_FAILURE)
		return true;
	return event->reason == VMI_REASON_SINGLESTEP && event->vcpu < steps->vcpus &&
	       steps->vcpu[event->vcpu].quiet;
}

/* Does the vcpu take every step? */
static bool is_stepping(const struct steps *steps, const struct vmi_event *event)
{
	const struct watch *watch = steps->watch;

	return watch->singlestep && (!watch->one_vcpu || watch->vcpu == event->vcpu);
}

/* One instruction in which what stopped the vcpu is allowed, else `otherwise`. */
static enum vmi_action lifted(struct steps *steps, struct step_vcpu *vcpu, enum lift what,
			      const struct vmi_event *event, enum vmi_action otherwise)
{
	if (!lift(steps, vcpu, what))
		return otherwise;
	vcpu->quiet = !is_stepping(steps, event);
	return VMI_ACTION_SINGLESTEP;
}

static enum vmi_action answer_memory(struct steps *steps, struct step_vcpu *vcpu,
				     const struct vmi_event *event, const enum vmi_action *asked)
{
	bool step = is_stepping(steps, event) || (asked && *asked == VMI_ACTION_SINGLESTEP);

	vcpu->view = event->view == VMI_VIEW_NONE ? 0 : event->view;
	vcpu->gfn = event->u.memory.gpa >> VMI_PAGE_SHIFT;
	vcpu->emulated = false;
	if (page_access(steps, vcpu->gfn) == ALL &&
	    !vmi_access_set(steps->vm, vcpu->view, vcpu->gfn, ALL, 0, NULL))
		return VMI_ACTION_CONTINUE; /* it was only to begin stepping */
	if (asked && *asked == VMI_ACTION_CONTINUE)
		return VMI_ACTION_CONTINUE;
	if ((step || !steps->can_emulate) && lift(steps, vcpu, LIFT_PAGE)) {
		vcpu->quiet = !step;
		return VMI_ACTION_SINGLESTEP;
	}
	vcpu->emulated = true;
	return VMI_ACTION_EMULATE;
}

/* `asked` is the user's action, NULL when it is not meant for this event. */
static enum vmi_action answer(struct steps *steps, struct step_vcpu *vcpu,
			      const struct vmi_event *event, const enum vmi_action *asked)
{
	switch (event->reason) {
	case VMI_REASON_MEMORY_ACCESS:
		return answer_memory(steps, vcpu, event, asked);
	case VMI_REASON_EMULATION_FAILURE:
		return vcpu->emulated ? lifted(steps, vcpu, LIFT_PAGE, event, VMI_ACTION_CONTINUE)
				      : VMI_ACTION_CONTINUE;
	case VMI_REASON_SINGLESTEP:
		lower(steps, vcpu);
		return VMI_ACTION_CONTINUE;
	case VMI_REASON_IO:
		return asked ? *asked : lifted(steps, vcpu, LIFT_PORTS, event, VMI_ACTION_CONTINUE);
	case VMI_REASON_DESCRIPTOR:
		return asked ? *asked : VMI_ACTION_EMULATE;
	case VMI_REASON_INTERRUPT:
		return asked ? *asked : VMI_ACTION_REINJECT_INTERRUPT;
	case VMI_REASON_WRITE_CR:
	case VMI_REASON_WRITE_MSR:
	case VMI_REASON_HYPERCALL:
	case VMI_REASON_CPUID:
	case VMI_REASON_VMEXIT:
	case VMI_REASON_PRIVILEGED_CALL:
	case VMI_REASON_NEXT_INTERRUPT:
	case VMI_REASON_UNKNOWN:
	case VMI_REASON_COUNT:
		break;
	}
	return asked ? *asked : VMI_ACTION_CONTINUE;
}

/* Is the user's action one for this event? Others are answered as usual. */
static bool fits(const struct vmi_event *event, enum vmi_action action)
{
	struct vmi_response response = vmi_response_action(action);

	if (action == VMI_ACTION_EMULATE)
		return event->reason == VMI_REASON_MEMORY_ACCESS ||
		       event->reason == VMI_REASON_DESCRIPTOR;
	return !vmi_response_check(event, &response, NULL);
}

/* All 18 that an answer sets. */
static bool has_general(const struct vmi_registers *regs)
{
	for (int i = 0; i < VMI_GP_REGISTER_COUNT; i++)
		if (!vmi_register_has(regs, (enum vmi_register)i))
			return false;
	return true;
}

struct vmi_response steps_answer(struct steps *steps, const struct vmi_event *event, bool asked)
{
	const struct watch *watch = steps->watch;
	bool meant = asked && watch->has_action && fits(event, watch->action);
	bool step = is_stepping(steps, event);

	if (event->vcpu >= steps->vcpus)
		return vmi_response_default();
	struct step_vcpu *vcpu = &steps->vcpu[event->vcpu];
	if (step)
		vcpu->starting = false;
	struct vmi_response response =
		vmi_response_action(answer(steps, vcpu, event, meant ? &watch->action : NULL));
	if (step && response.action == VMI_ACTION_CONTINUE &&
	    (event->flags & VMI_EVENT_VCPU_PAUSED))
		response.action = VMI_ACTION_SINGLESTEP;
	if (event->reason == VMI_REASON_CPUID && has_general(&event->registers)) {
		struct vmi_registers regs = event->registers;

		regs.value[VMI_RIP] += event->u.cpuid.instruction_length;
		response = vmi_response_with_registers(response, &regs);
	}
	return response;
}
