/* SPDX-License-Identifier: MIT */
/* Events: monitors checked, answers checked, and the loops over what a driver hands out. */

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handle.h"

/* How long a gfn of a running guest is taken to have the memory that it had. */
enum { LIVE_PAGES_MS = 100 };

/* ---- names ---------------------------------------------------------------------------------- */

const char *vmi_reason_name(enum vmi_reason reason)
{
	switch (reason) {
	case VMI_REASON_MEMORY_ACCESS:
		return "memory-access";
	case VMI_REASON_WRITE_CR:
		return "write-cr";
	case VMI_REASON_WRITE_MSR:
		return "write-msr";
	case VMI_REASON_INTERRUPT:
		return "interrupt";
	case VMI_REASON_SINGLESTEP:
		return "singlestep";
	case VMI_REASON_HYPERCALL:
		return "hypercall";
	case VMI_REASON_CPUID:
		return "cpuid";
	case VMI_REASON_IO:
		return "io";
	case VMI_REASON_DESCRIPTOR:
		return "descriptor";
	case VMI_REASON_VMEXIT:
		return "vmexit";
	case VMI_REASON_PRIVILEGED_CALL:
		return "privileged-call";
	case VMI_REASON_EMULATION_FAILURE:
		return "emulation-failure";
	case VMI_REASON_NEXT_INTERRUPT:
		return "next-interrupt";
	case VMI_REASON_UNKNOWN:
	case VMI_REASON_COUNT:
		break;
	}
	return "unknown";
}

const char *vmi_monitor_name(const struct vmi_monitor *monitor)
{
	switch (monitor->kind) {
	case VMI_MONITOR_REGISTER:
		return monitor->reg == VMI_CR0    ? "writes to cr0"
		       : monitor->reg == VMI_CR3  ? "writes to cr3"
		       : monitor->reg == VMI_CR4  ? "writes to cr4"
		       : monitor->reg == VMI_XCR0 ? "writes to xcr0"
						  : "writes to a register";
	case VMI_MONITOR_MSR:
		return "writes to an MSR";
	case VMI_MONITOR_INTERRUPT:
		return monitor->vector == 1 ? "debug exceptions" : "breakpoints";
	case VMI_MONITOR_SINGLESTEP:
		return "singlestep";
	case VMI_MONITOR_HYPERCALL:
		return "guest requests";
	case VMI_MONITOR_CPUID:
		return "cpuid";
	case VMI_MONITOR_IO:
		return "port accesses";
	case VMI_MONITOR_DESCRIPTOR:
		return "descriptor table accesses";
	case VMI_MONITOR_VMEXIT:
		return "VM exits";
	case VMI_MONITOR_PRIVILEGED_CALL:
		return "privileged calls";
	case VMI_MONITOR_EMULATION_FAILURE:
		return "emulation failures";
	}
	return "nothing";
}

struct vmi_interrupt vmi_interrupt_breakpoint(uint8_t instruction_length)
{
	/* SDM vol. 3C table 24-16: type 6 is a software exception, which INT3 is. */
	return (struct vmi_interrupt){
		.vector = 3, .type = 6, .instruction_length = instruction_length};
}

struct vmi_interrupt vmi_interrupt_page_fault(vmi_gva gva, uint32_t error_code)
{
	return (struct vmi_interrupt){.vector = 14,
				      .type = 3,
				      .has_error_code = 1,
				      .error_code = error_code,
				      .extra = gva};
}

/* ---- answers -------------------------------------------------------------------------------- */

struct vmi_response vmi_response_default(void)
{
	return vmi_response_action(VMI_ACTION_CONTINUE);
}

struct vmi_response vmi_response_action(enum vmi_action action)
{
	return (struct vmi_response){.action = action, .view = VMI_VIEW_NONE};
}

struct vmi_response vmi_response_with_view(struct vmi_response response, uint16_t view)
{
	response.view = view;
	return response;
}

struct vmi_response vmi_response_with_registers(struct vmi_response response,
						const struct vmi_registers *regs)
{
	memcpy(response.registers, regs->value, sizeof(response.registers));
	response.set_registers = 1;
	return response;
}

struct vmi_response vmi_response_with_data(enum vmi_action action, const void *data, size_t len)
{
	struct vmi_response response = vmi_response_action(action);

	/* A length that does not fit is kept, so that the check can refuse it by number. */
	response.data_length = len < UINT16_MAX ? (uint16_t)len : UINT16_MAX;
	memcpy(response.data, data, len < sizeof(response.data) ? len : sizeof(response.data));
	return response;
}

static bool has_data(enum vmi_action action)
{
	return action == VMI_ACTION_EMULATE_READ_DATA || action == VMI_ACTION_EMULATE_INSTRUCTION;
}

static enum vmi_status check_reason(const struct vmi_event *event,
				    const struct vmi_response *response, struct vmi_error *err)
{
	enum vmi_reason reason = event->reason;

	switch (response->action) {
	case VMI_ACTION_DENY:
		if (reason == VMI_REASON_WRITE_MSR ||
		    (reason == VMI_REASON_WRITE_CR && event->u.cr.reg != VMI_XCR0))
			return VMI_OK;
		return vmi_fail(
			err, VMI_ERR_ARG,
			"only writes to cr0, cr3, cr4 and MSRs can be denied, not an event of %s",
			vmi_reason_name(reason));
	case VMI_ACTION_REINJECT_INTERRUPT:
		if (reason == VMI_REASON_INTERRUPT)
			return VMI_OK;
		return vmi_fail(err, VMI_ERR_ARG, "an event of %s has no interrupt to reinject",
				vmi_reason_name(reason));
	case VMI_ACTION_FAST_SINGLESTEP:
		if (response->view != VMI_VIEW_NONE)
			return VMI_OK;
		return vmi_fail(err, VMI_ERR_ARG, "a fast singlestep needs the view to step in");
	case VMI_ACTION_CONTINUE:
	case VMI_ACTION_SINGLESTEP:
	case VMI_ACTION_EMULATE:
	case VMI_ACTION_EMULATE_NO_WRITE:
	case VMI_ACTION_EMULATE_READ_DATA:
	case VMI_ACTION_EMULATE_INSTRUCTION:
		return VMI_OK;
	}
	return vmi_fail(err, VMI_ERR_ARG, "there is no action %d", (int)response->action);
}

enum vmi_status vmi_response_check(const struct vmi_event *event,
				   const struct vmi_response *response, struct vmi_error *err)
{
	size_t max = response->action == VMI_ACTION_EMULATE_INSTRUCTION
			     ? VMI_RESPONSE_INSTRUCTION_MAX
			     : VMI_RESPONSE_DATA_MAX;
	enum vmi_status st = check_reason(event, response, err);

	if (st)
		return st;
	if (has_data(response->action) && response->set_registers)
		return vmi_fail(err, VMI_ERR_ARG,
				"an answer carries registers or data to emulate with, not both");
	if (response->action == VMI_ACTION_FAST_SINGLESTEP && response->set_registers)
		return vmi_fail(err, VMI_ERR_ARG,
				"a fast singlestep and new registers exclude each other");
	if (has_data(response->action) && (!response->data_length || response->data_length > max))
		return vmi_fail(err, VMI_ERR_ARG, "%u bytes to emulate with; 1 to %zu can be given",
				response->data_length, max);
	return VMI_OK;
}

/* ---- monitors ------------------------------------------------------------------------------- */

static enum vmi_status monitor_check(const struct vmi_monitor *monitor, struct vmi_error *err)
{
	switch (monitor->kind) {
	case VMI_MONITOR_REGISTER:
		if (monitor->reg == VMI_CR0 || monitor->reg == VMI_CR3 || monitor->reg == VMI_CR4 ||
		    monitor->reg == VMI_XCR0)
			return VMI_OK;
		return vmi_fail(
			err, VMI_ERR_ARG,
			"writes to %s cannot be monitored, only those to cr0, cr3, cr4, xcr0",
			vmi_register_name(monitor->reg));
	case VMI_MONITOR_INTERRUPT:
		if (monitor->vector == 1 || monitor->vector == 3)
			return VMI_OK;
		return vmi_fail(err, VMI_ERR_ARG,
				"vector %u cannot be monitored, only 1 (#DB) and 3 (#BP)",
				monitor->vector);
	case VMI_MONITOR_MSR:
	case VMI_MONITOR_SINGLESTEP:
	case VMI_MONITOR_HYPERCALL:
	case VMI_MONITOR_CPUID:
	case VMI_MONITOR_IO:
	case VMI_MONITOR_DESCRIPTOR:
	case VMI_MONITOR_VMEXIT:
	case VMI_MONITOR_PRIVILEGED_CALL:
	case VMI_MONITOR_EMULATION_FAILURE:
		return VMI_OK;
	}
	return vmi_fail(err, VMI_ERR_ARG, "there is no monitor %d", (int)monitor->kind);
}

enum vmi_status vmi_monitor_enable(struct vmi *vm, const struct vmi_monitor *monitor,
				   struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	if (!st)
		st = monitor_check(monitor, err);
	return st ? st : vm->target->ops->event.enable(vm->target->self, monitor, err);
}

enum vmi_status vmi_monitor_disable(struct vmi *vm, const struct vmi_monitor *monitor,
				    struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	if (!st)
		st = monitor_check(monitor, err);
	return st ? st : vm->target->ops->event.disable(vm->target->self, monitor, err);
}

enum vmi_status vmi_events_pending(struct vmi *vm, size_t *count, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	return st ? st : vm->target->ops->event.pending(vm->target->self, count, err);
}

enum vmi_status vmi_event_overhead(struct vmi *vm, uint64_t *nanoseconds, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	return st ? st : vm->target->ops->event.overhead(vm->target->self, nanoseconds, err);
}

enum vmi_status vmi_event_deadline(struct vmi *vm, uint32_t milliseconds, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	return st ? st : vm->target->ops->event.deadline(vm->target->self, milliseconds, err);
}

/* ---- taking and answering ------------------------------------------------------------------- */

void vmi_event_interrupt(struct vmi *vm)
{
	uint64_t one = 1;

	/* Only write(2): this runs in signal handlers. A full counter wakes as well. */
	if (vm->wake_fd >= 0 && write(vm->wake_fd, &one, sizeof(one)) < 0)
		return;
}

/* An interruption counts once. */
static void wake_clear(struct vmi *vm)
{
	uint64_t count;

	if (vm->wake_fd >= 0 && read(vm->wake_fd, &count, sizeof(count)) < 0)
		return; /* it was a signal, not our own */
}

static uint64_t coarse_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * The guest ran: forget what it may have changed. Live pages change by themselves; to map them anew
 * at each event would cost more than the event does, and a guest hardly ever gives a gfn other
 * memory.
 */
static void forget(struct vmi *vm)
{
	tlb_flush(&vm->tlb);
	if (cache_is_empty(vm->cache))
		return;
	if (vm->target->ops->live) {
		uint64_t now = coarse_ms();
		if (now - vm->pages_ms < LIVE_PAGES_MS)
			return;
		vm->pages_ms = now;
	}
	cache_flush(vm->cache);
}

enum vmi_status vmi_event_take(struct vmi *vm, int timeout_ms, struct vmi_event *event,
			       struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	if (st)
		return st;
	st = vm->target->ops->event.take(vm->target->self, timeout_ms, vm->wake_fd, event, err);
	if (st == VMI_ERR_INTERRUPTED)
		wake_clear(vm);
	forget(vm); /* the guest ran until now */
	return st;
}

/* Exactly one answer reaches the driver, whatever is wrong with the one that was given. */
static enum vmi_status answer(struct vmi *vm, const struct vmi_event *event,
			      const struct vmi_response *response, struct vmi_error *err)
{
	const struct vmi_driver_ops *ops = vm->target->ops;
	enum vmi_status st = vmi_response_check(event, response, err);

	if (!st)
		return ops->event.answer(vm->target->self, event, response, err);
	struct vmi_response plain = vmi_response_default();
	enum vmi_status sent = ops->event.answer(vm->target->self, event, &plain, err);
	return sent ? sent : st;
}

enum vmi_status vmi_event_answer(struct vmi *vm, const struct vmi_event *event,
				 const struct vmi_response *response, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	if (st)
		return st;
	st = answer(vm, event, response, err);
	enum vmi_status sent = vm->target->ops->event.flush(vm->target->self, st ? NULL : err);
	forget(vm); /* the vcpu goes on */
	return st ? st : sent;
}

enum vmi_status vmi_event_wait(struct vmi *vm, int timeout_ms, vmi_event_fn *handler, void *context,
			       struct vmi_error *err)
{
	struct vmi_event event;
	enum vmi_status st = vmi_event_take(vm, timeout_ms, &event, err);
	enum vmi_status first = st;

	while (!st) {
		struct vmi_response response = handler(context, &event);
		enum vmi_status said = answer(vm, &event, &response, first ? NULL : err);
		size_t more = 0;

		if (!first)
			first = said;
		if (vm->target->ops->event.pending(vm->target->self, &more, NULL) || !more)
			break;
		st = vmi_event_take(vm, 0, &event, first ? NULL : err);
	}
	if (st && !first && st != VMI_ERR_TIMEOUT)
		first = st;
	enum vmi_status sent =
		first == VMI_ERR_UNSUPPORTED
			? VMI_OK
			: vm->target->ops->event.flush(vm->target->self, first ? NULL : err);
	forget(vm);
	return first ? first : sent;
}

enum vmi_status vmi_event_loop(struct vmi *vm, const struct vmi_handler *handler, void *context,
			       int timeout_ms, struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_EVENT_CONTROL, err);

	if (st)
		return st;
	while (!handler->poll || !handler->poll(context)) {
		st = vmi_event_wait(vm, timeout_ms, handler->event, context, err);
		if (st == VMI_ERR_TIMEOUT && handler->timeout)
			handler->timeout(context);
		else if (st == VMI_ERR_INTERRUPTED && handler->interrupted)
			handler->interrupted(context);
		if (st && st != VMI_ERR_TIMEOUT && st != VMI_ERR_INTERRUPTED)
			break;
		st = VMI_OK;
	}
	if (handler->cleanup)
		handler->cleanup(context);
	enum vmi_status undone = vmi_state_reset(vm, st ? NULL : err);
	return st ? st : undone;
}
