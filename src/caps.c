/* SPDX-License-Identifier: MIT */
/* Capabilities: derived from a driver's table, named, refused. */

#include "handle.h"

const char *vmi_capability_name(unsigned capability)
{
	switch ((enum vmi_capability)(capability & -capability)) {
	case VMI_CAP_READ:
		return "read";
	case VMI_CAP_WRITE:
		return "write";
	case VMI_CAP_QUERY_PROTECTION:
		return "query-protection";
	case VMI_CAP_SET_PROTECTION:
		return "set-protection";
	case VMI_CAP_QUERY_REGISTERS:
		return "query-registers";
	case VMI_CAP_SET_REGISTERS:
		return "set-registers";
	case VMI_CAP_VIEW_CONTROL:
		return "view-control";
	case VMI_CAP_EVENT_CONTROL:
		return "event-control";
	case VMI_CAP_VM_CONTROL:
		return "vm-control";
	case VMI_CAP_MEMORY:
	case VMI_CAP_PROTECTION:
	case VMI_CAP_REGISTERS:
	case VMI_CAP_READ_ACCESS:
	case VMI_CAP_WRITE_ACCESS:
	case VMI_CAP_FULL:
		break; /* more than one bit: not what the expression above yields */
	}
	return "unknown";
}

static const char *cap_verb(unsigned capability)
{
	switch ((enum vmi_capability)(capability & -capability)) {
	case VMI_CAP_READ:
		return "read memory";
	case VMI_CAP_WRITE:
		return "write memory";
	case VMI_CAP_QUERY_PROTECTION:
		return "query page access";
	case VMI_CAP_SET_PROTECTION:
		return "set page access";
	case VMI_CAP_QUERY_REGISTERS:
		return "query registers";
	case VMI_CAP_SET_REGISTERS:
		return "set registers";
	case VMI_CAP_VIEW_CONTROL:
		return "switch views";
	case VMI_CAP_EVENT_CONTROL:
		return "monitor events";
	case VMI_CAP_VM_CONTROL:
		return "control the machine";
	case VMI_CAP_MEMORY:
	case VMI_CAP_PROTECTION:
	case VMI_CAP_REGISTERS:
	case VMI_CAP_READ_ACCESS:
	case VMI_CAP_WRITE_ACCESS:
	case VMI_CAP_FULL:
		break;
	}
	return "do that";
}

unsigned vmi_driver_capabilities(const struct vmi_driver_ops *ops)
{
	unsigned caps = 0;

	if (ops->page.get && ops->page.put && ops->page.run_next)
		caps |= VMI_CAP_READ;
	if (ops->write)
		caps |= VMI_CAP_WRITE;
	if (ops->access.get)
		caps |= VMI_CAP_QUERY_PROTECTION;
	if (ops->access.set)
		caps |= VMI_CAP_SET_PROTECTION;
	if (ops->registers.get)
		caps |= VMI_CAP_QUERY_REGISTERS;
	if (ops->registers.set)
		caps |= VMI_CAP_SET_REGISTERS;
	if (ops->view.initial && ops->view.create && ops->view.destroy && ops->view.switch_to &&
	    ops->view.change_gfn && ops->view.reset_gfn)
		caps |= VMI_CAP_VIEW_CONTROL;
	if (ops->event.enable && ops->event.disable && ops->event.pending && ops->event.overhead &&
	    ops->event.deadline && ops->event.take && ops->event.answer && ops->event.flush)
		caps |= VMI_CAP_EVENT_CONTROL;
	if (ops->control.pause && ops->control.resume && ops->control.allocate &&
	    ops->control.allocate_at && ops->control.free && ops->control.inject &&
	    ops->control.reset)
		caps |= VMI_CAP_VM_CONTROL;
	return caps;
}

enum vmi_status require(const struct vmi *vm, enum vmi_capability need, struct vmi_error *err)
{
	return vmi_require(vm, need, err);
}

enum vmi_status vmi_require(const struct vmi *vm, unsigned capabilities, struct vmi_error *err)
{
	const struct target *target = vm->target;
	unsigned lacks = capabilities & ~target->info.capabilities;

	if (!lacks)
		return VMI_OK;
	lacks &= -lacks;
	return vmi_fail(err, VMI_ERR_UNSUPPORTED, "the %s driver cannot %s%s", target->ops->name,
			cap_verb(lacks),
			vmi_driver_capabilities(target->ops) & lacks ? " on this target" : "");
}
