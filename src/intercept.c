/* SPDX-License-Identifier: MIT */
/* Intercepts: a few words for simple tools, made of monitors and events. */

#include <stdlib.h>
#include <string.h>

#include "handle.h"

enum { INTERCEPTS_MAX = 64 };

/* Who wants what. vcpu 0 is bit 0; more than 64 of them are asked for together. */
struct intercepts {
	struct {
		struct vmi_intercept what;
		uint64_t vcpus;
	} list[INTERCEPTS_MAX];
	unsigned count;
};

static bool is_same(const struct vmi_intercept *a, const struct vmi_intercept *b)
{
	return a->kind == b->kind && (a->kind != VMI_INTERCEPT_MSR || a->msr == b->msr);
}

static uint64_t vcpu_bits(int vcpu)
{
	return vcpu < 0 ? UINT64_MAX : UINT64_C(1) << vcpu % 64;
}

/* The monitor behind an intercept; false: access rights are monitor enough. */
static bool monitor_of(const struct vmi_intercept *what, struct vmi_monitor *monitor)
{
	memset(monitor, 0, sizeof(*monitor));
	switch (what->kind) {
	case VMI_INTERCEPT_CR0:
		monitor->reg = VMI_CR0;
		break;
	case VMI_INTERCEPT_CR3:
		monitor->reg = VMI_CR3;
		break;
	case VMI_INTERCEPT_CR4:
		monitor->reg = VMI_CR4;
		break;
	case VMI_INTERCEPT_MSR:
		monitor->kind = VMI_MONITOR_MSR;
		monitor->msr = what->msr;
		return true;
	case VMI_INTERCEPT_BREAKPOINT:
		monitor->kind = VMI_MONITOR_INTERRUPT;
		monitor->vector = 3;
		return true;
	case VMI_INTERCEPT_PAGEFAULT:
		return false;
	}
	monitor->kind = VMI_MONITOR_REGISTER;
	return true;
}

static uint64_t *wish_find(struct vmi *vm, const struct vmi_intercept *what)
{
	struct intercepts *all = vm->intercepts;

	for (unsigned i = 0; all && i < all->count; i++)
		if (is_same(&all->list[i].what, what))
			return &all->list[i].vcpus;
	return NULL;
}

static enum vmi_status wish_add(struct vmi *vm, const struct vmi_intercept *what, uint64_t **vcpus,
				struct vmi_error *err)
{
	if (!vm->intercepts)
		vm->intercepts = calloc(1, sizeof(*vm->intercepts));
	if (!vm->intercepts)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	if (vm->intercepts->count == INTERCEPTS_MAX)
		return vmi_fail(err, VMI_ERR_ARG, "%d different intercepts are on, no more fit",
				INTERCEPTS_MAX);
	vm->intercepts->list[vm->intercepts->count].what = *what;
	*vcpus = &vm->intercepts->list[vm->intercepts->count++].vcpus;
	**vcpus = 0;
	return VMI_OK;
}

static enum vmi_status intercept_check(struct vmi *vm, int vcpu, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	if (!st && vcpu >= 0 && (unsigned)vcpu >= vmi_info(vm)->vcpus)
		st = vmi_fail(err, VMI_ERR_NOT_FOUND, "there is no vcpu %d; the target has %u",
			      vcpu, vmi_info(vm)->vcpus);
	return st;
}

enum vmi_status vmi_intercept_enable(struct vmi *vm, int vcpu,
				     const struct vmi_intercept *intercept, struct vmi_error *err)
{
	struct vmi_monitor monitor;
	enum vmi_status st = intercept_check(vm, vcpu, err);
	uint64_t *vcpus = st ? NULL : wish_find(vm, intercept);

	if (!st && !vcpus)
		st = wish_add(vm, intercept, &vcpus, err);
	if (!st && !*vcpus && monitor_of(intercept, &monitor))
		st = vmi_monitor_enable(vm, &monitor, err);
	if (!st)
		*vcpus |= vcpu_bits(vcpu);
	return st;
}

enum vmi_status vmi_intercept_disable(struct vmi *vm, int vcpu,
				      const struct vmi_intercept *intercept, struct vmi_error *err)
{
	struct vmi_monitor monitor;
	enum vmi_status st = intercept_check(vm, vcpu, err);
	uint64_t *vcpus = st ? NULL : wish_find(vm, intercept);

	if (st || !vcpus || !*vcpus)
		return st;
	uint64_t left = *vcpus & ~vcpu_bits(vcpu);
	if (!left && monitor_of(intercept, &monitor))
		st = vmi_monitor_disable(vm, &monitor, err);
	if (!st)
		*vcpus = left;
	return st;
}

/* In the small words; false: an event that these have no word for. */
static bool reduce(const struct vmi_event *full, struct vmi_intercepted *out,
		   struct vmi_intercept *what)
{
	memset(out, 0, sizeof(*out));
	out->full = *full;
	out->vcpu = full->vcpu;
	what->msr = 0;
	if (full->reason == VMI_REASON_WRITE_CR && full->u.cr.reg != VMI_XCR0) {
		what->kind = full->u.cr.reg == VMI_CR0   ? VMI_INTERCEPT_CR0
			     : full->u.cr.reg == VMI_CR3 ? VMI_INTERCEPT_CR3
							 : VMI_INTERCEPT_CR4;
		out->old_value = full->u.cr.old_value;
		out->new_value = full->u.cr.new_value;
	} else if (full->reason == VMI_REASON_WRITE_MSR) {
		what->kind = VMI_INTERCEPT_MSR;
		what->msr = out->msr = full->u.msr.msr;
		out->old_value = full->u.msr.old_value;
		out->new_value = full->u.msr.new_value;
	} else if (full->reason == VMI_REASON_INTERRUPT &&
		   full->u.interrupt.interrupt.vector == 3) {
		what->kind = VMI_INTERCEPT_BREAKPOINT;
		out->gpa = full->u.interrupt.gfn << VMI_PAGE_SHIFT |
			   (full->registers.value[VMI_RIP] & (VMI_PAGE_SIZE - 1));
		out->instruction_length = full->u.interrupt.interrupt.instruction_length;
	} else if (full->reason == VMI_REASON_MEMORY_ACCESS) {
		what->kind = VMI_INTERCEPT_PAGEFAULT;
		out->gpa = full->u.memory.gpa;
		out->gva = full->u.memory.gva;
		out->access = full->u.memory.access;
	} else {
		return false;
	}
	out->kind = what->kind;
	return true;
}

/* Nobody asked for it here: the guest goes on as if nobody had looked. */
static enum vmi_status pass(struct vmi *vm, const struct vmi_event *event, struct vmi_error *err)
{
	struct vmi_response response = vmi_response_action(
		event->reason == VMI_REASON_INTERRUPT       ? VMI_ACTION_REINJECT_INTERRUPT
		: event->reason == VMI_REASON_MEMORY_ACCESS ? VMI_ACTION_EMULATE
							    : VMI_ACTION_CONTINUE);

	return vmi_event_answer(vm, event, &response, err);
}

enum vmi_status vmi_intercept_listen(struct vmi *vm, int timeout_ms, struct vmi_intercepted *event,
				     struct vmi_error *err)
{
	struct vmi_event full;
	struct vmi_intercept what;
	enum vmi_status st;

	while (!(st = vmi_event_take(vm, timeout_ms, &full, err))) {
		bool worded = reduce(&full, event, &what);
		uint64_t *vcpus = worded ? wish_find(vm, &what) : NULL;
		if (vcpus && (*vcpus & vcpu_bits((int)full.vcpu)))
			return VMI_OK;
		st = pass(vm, &full, err);
		if (st)
			break;
	}
	return st;
}

enum vmi_status vmi_intercept_continue(struct vmi *vm, const struct vmi_intercepted *event,
				       struct vmi_error *err)
{
	/* A breakpoint that was asked for is the guest's all the same: it put the INT3 there. */
	if (event->kind == VMI_INTERCEPT_BREAKPOINT)
		return pass(vm, &event->full, err);
	struct vmi_response response = vmi_response_action(
		event->kind == VMI_INTERCEPT_PAGEFAULT ? VMI_ACTION_EMULATE : VMI_ACTION_CONTINUE);
	return vmi_event_answer(vm, &event->full, &response, err);
}

void intercepts_destroy(struct intercepts *intercepts)
{
	free(intercepts);
}
