/* SPDX-License-Identifier: MIT */
/* Monitors on and off, by libxenctrl's functions or by the bare domctl. */

#include <errno.h>
#include <string.h>

#include "inside.h"

/* Xen refuses what changes nothing. */
static int toggle(bool *on, bool to)
{
	if (*on == to)
		return EEXIST;
	*on = to;
	return 0;
}

static int cr_monitor(struct fake_monitors *mon, const struct xen_domctl_monitor_op *op, bool to)
{
	unsigned index = op->u.mov_to_cr.index;

	if (index > VM_EVENT_X86_XCR0)
		return EINVAL;
	if (mon->cr[index].on == to)
		return EEXIST;
	mon->cr[index] = (struct fake_cr_monitor){
		.on = to,
		.sync = op->u.mov_to_cr.sync,
		.mask = op->u.mov_to_cr.bitmask,
	};
	return 0;
}

/* Xen's bitmap covers the ranges 0.., 0x40000000.. and 0xc0000000.. of 0x1000 or 0x2000 MSRs. */
static bool msr_in_bitmap(uint32_t msr)
{
	return (msr & 0x3fffffff) <= 0x1fff && msr >> 30 != 2;
}

static int msr_monitor(struct fake_monitors *mon, const struct xen_domctl_monitor_op *op, bool to)
{
	uint32_t msr = op->u.mov_to_msr.msr;

	if (!msr_in_bitmap(msr))
		return EINVAL;
	for (unsigned i = 0; i < mon->msr_count; i++) {
		if (mon->msrs[i].number != msr)
			continue;
		if (to)
			return EEXIST;
		mon->msrs[i] = mon->msrs[--mon->msr_count];
		return 0;
	}
	if (!to)
		return EEXIST;
	if (mon->msr_count == FAKE_MSRS)
		return ENOMEM;
	mon->msrs[mon->msr_count++] =
		(struct fake_msr){.number = msr, .value = op->u.mov_to_msr.onchangeonly};
	return 0;
}

static int monitor_switch(struct fake_monitors *mon, const struct xen_domctl_monitor_op *op,
			  bool to)
{
	switch (op->event) {
	case XEN_DOMCTL_MONITOR_EVENT_WRITE_CTRLREG:
		return cr_monitor(mon, op, to);
	case XEN_DOMCTL_MONITOR_EVENT_MOV_TO_MSR:
		return msr_monitor(mon, op, to);
	case XEN_DOMCTL_MONITOR_EVENT_SINGLESTEP:
		return toggle(&mon->singlestep, to);
	case XEN_DOMCTL_MONITOR_EVENT_SOFTWARE_BREAKPOINT:
		return toggle(&mon->breakpoint, to);
	case XEN_DOMCTL_MONITOR_EVENT_GUEST_REQUEST:
		mon->request_sync = op->u.guest_request.sync;
		mon->request_userspace = op->u.guest_request.allow_userspace;
		return toggle(&mon->request, to);
	case XEN_DOMCTL_MONITOR_EVENT_DEBUG_EXCEPTION:
		mon->debug_sync = op->u.debug_exception.sync;
		return toggle(&mon->debug, to);
	case XEN_DOMCTL_MONITOR_EVENT_CPUID:
		return toggle(&mon->cpuid, to);
	case XEN_DOMCTL_MONITOR_EVENT_PRIVILEGED_CALL:
		return toggle(&mon->privileged_call, to);
	case XEN_DOMCTL_MONITOR_EVENT_DESC_ACCESS:
		return toggle(&mon->descriptor, to);
	case XEN_DOMCTL_MONITOR_EVENT_EMUL_UNIMPLEMENTED:
		return toggle(&mon->unimplemented, to);
	case XEN_DOMCTL_MONITOR_EVENT_INGUEST_PAGEFAULT:
		return toggle(&mon->no_pagefault, to);
	case XEN_DOMCTL_MONITOR_EVENT_VMEXIT:
		mon->vmexit_sync = op->u.vmexit.sync;
		return toggle(&mon->vmexit, to);
	default:
		return EOPNOTSUPP;
	}
}

int monitor_op(struct fake_machine *m, struct fake_domain *d, struct xen_domctl_monitor_op *op)
{
	uint32_t has = m->host.monitors;

	if (m->host.no_mtf)
		has &= ~(1u << XEN_DOMCTL_MONITOR_EVENT_SINGLESTEP);
	switch (op->op) {
	case XEN_DOMCTL_MONITOR_OP_GET_CAPABILITIES:
		op->event = d->type == FAKE_PV ? 0 : has;
		return 0;
	case XEN_DOMCTL_MONITOR_OP_EMULATE_EACH_REP:
		d->monitors.each_rep = op->event;
		return 0;
	case XEN_DOMCTL_MONITOR_OP_CONTROL_REGISTERS:
		d->control_registers = true;
		return 0;
	case XEN_DOMCTL_MONITOR_OP_ENABLE:
	case XEN_DOMCTL_MONITOR_OP_DISABLE:
		if (d->type == FAKE_PV || op->event > 31 || !(has & 1u << op->event))
			return EOPNOTSUPP;
		return monitor_switch(&d->monitors, op, op->op == XEN_DOMCTL_MONITOR_OP_ENABLE);
	default:
		return EOPNOTSUPP;
	}
}

static int monitor_call(const char *name, uint32_t id, struct xen_domctl_monitor_op op)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain(name, id, &d);

	return m ? call_end(m, monitor_op(m, d, &op)) : -1;
}

static uint32_t on_off(bool enable)
{
	return enable ? XEN_DOMCTL_MONITOR_OP_ENABLE : XEN_DOMCTL_MONITOR_OP_DISABLE;
}

int xc_monitor_get_capabilities(xc_interface *xch, uint32_t id, uint32_t *capabilities)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_monitor_get_capabilities", id, &d);
	struct xen_domctl_monitor_op op = {.op = XEN_DOMCTL_MONITOR_OP_GET_CAPABILITIES};

	(void)xch;
	if (!m)
		return -1;
	monitor_op(m, d, &op);
	*capabilities = op.event;
	return call_end(m, 0);
}

int xc_monitor_write_ctrlreg(xc_interface *xch, uint32_t id, uint16_t index, bool enable, bool sync,
			     uint64_t bitmask, bool onchangeonly)
{
	struct xen_domctl_monitor_op op = {.op = on_off(enable),
					   .event = XEN_DOMCTL_MONITOR_EVENT_WRITE_CTRLREG};

	(void)xch;
	op.u.mov_to_cr.index = (uint8_t)index;
	op.u.mov_to_cr.sync = sync;
	op.u.mov_to_cr.onchangeonly = onchangeonly;
	op.u.mov_to_cr.bitmask = bitmask;
	return monitor_call("xc_monitor_write_ctrlreg", id, op);
}

int xc_monitor_mov_to_msr(xc_interface *xch, uint32_t id, uint32_t msr, bool enable,
			  bool onchangeonly)
{
	struct xen_domctl_monitor_op op = {.op = on_off(enable),
					   .event = XEN_DOMCTL_MONITOR_EVENT_MOV_TO_MSR};

	(void)xch;
	op.u.mov_to_msr.msr = msr;
	op.u.mov_to_msr.onchangeonly = onchangeonly;
	return monitor_call("xc_monitor_mov_to_msr", id, op);
}

int xc_monitor_guest_request(xc_interface *xch, uint32_t id, bool enable, bool sync,
			     bool allow_userspace)
{
	struct xen_domctl_monitor_op op = {.op = on_off(enable),
					   .event = XEN_DOMCTL_MONITOR_EVENT_GUEST_REQUEST};

	(void)xch;
	op.u.guest_request.sync = sync;
	op.u.guest_request.allow_userspace = enable && allow_userspace;
	return monitor_call("xc_monitor_guest_request", id, op);
}

int xc_monitor_debug_exceptions(xc_interface *xch, uint32_t id, bool enable, bool sync)
{
	struct xen_domctl_monitor_op op = {.op = on_off(enable),
					   .event = XEN_DOMCTL_MONITOR_EVENT_DEBUG_EXCEPTION};

	(void)xch;
	op.u.debug_exception.sync = sync;
	return monitor_call("xc_monitor_debug_exceptions", id, op);
}

int xc_monitor_vmexit(xc_interface *xch, uint32_t id, bool enable, bool sync)
{
	struct xen_domctl_monitor_op op = {.op = on_off(enable),
					   .event = XEN_DOMCTL_MONITOR_EVENT_VMEXIT};

	(void)xch;
	op.u.vmexit.sync = sync;
	return monitor_call("xc_monitor_vmexit", id, op);
}

static int plain(const char *name, uint32_t id, uint32_t event, bool enable)
{
	return monitor_call(name, id,
			    (struct xen_domctl_monitor_op){.op = on_off(enable), .event = event});
}

int xc_monitor_singlestep(xc_interface *xch, uint32_t id, bool enable)
{
	(void)xch;
	return plain("xc_monitor_singlestep", id, XEN_DOMCTL_MONITOR_EVENT_SINGLESTEP, enable);
}

int xc_monitor_software_breakpoint(xc_interface *xch, uint32_t id, bool enable)
{
	(void)xch;
	return plain("xc_monitor_software_breakpoint", id,
		     XEN_DOMCTL_MONITOR_EVENT_SOFTWARE_BREAKPOINT, enable);
}

int xc_monitor_descriptor_access(xc_interface *xch, uint32_t id, bool enable)
{
	(void)xch;
	return plain("xc_monitor_descriptor_access", id, XEN_DOMCTL_MONITOR_EVENT_DESC_ACCESS,
		     enable);
}

/* Named the other way round: on means "no events for the guest's page walks". */
int xc_monitor_inguest_pagefault(xc_interface *xch, uint32_t id, bool disable)
{
	(void)xch;
	return plain("xc_monitor_inguest_pagefault", id, XEN_DOMCTL_MONITOR_EVENT_INGUEST_PAGEFAULT,
		     disable);
}

int xc_monitor_cpuid(xc_interface *xch, uint32_t id, bool enable)
{
	(void)xch;
	return plain("xc_monitor_cpuid", id, XEN_DOMCTL_MONITOR_EVENT_CPUID, enable);
}

int xc_monitor_privileged_call(xc_interface *xch, uint32_t id, bool enable)
{
	(void)xch;
	return plain("xc_monitor_privileged_call", id, XEN_DOMCTL_MONITOR_EVENT_PRIVILEGED_CALL,
		     enable);
}

int xc_monitor_emul_unimplemented(xc_interface *xch, uint32_t id, bool enable)
{
	(void)xch;
	return plain("xc_monitor_emul_unimplemented", id,
		     XEN_DOMCTL_MONITOR_EVENT_EMUL_UNIMPLEMENTED, enable);
}

int xc_monitor_emulate_each_rep(xc_interface *xch, uint32_t id, bool enable)
{
	(void)xch;
	return monitor_call("xc_monitor_emulate_each_rep", id,
			    (struct xen_domctl_monitor_op){
				    .op = XEN_DOMCTL_MONITOR_OP_EMULATE_EACH_REP, .event = enable});
}

/* ---- the ring ------------------------------------------------------------------------------- */

int xc_monitor_disable(xc_interface *xch, uint32_t id)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_monitor_disable", id, &d);

	(void)xch;
	return m ? call_end(m, ring_disable(m, d)) : -1;
}

int xc_monitor_resume(xc_interface *xch, uint32_t id)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_monitor_resume", id, &d);

	(void)xch;
	return m ? call_end(m, ring_resume(m, d)) : -1;
}

static int vm_event_op(struct fake_machine *m, struct fake_domain *d,
		       struct xen_domctl_vm_event_op *op)
{
	if (op->mode != XEN_DOMCTL_VM_EVENT_OP_MONITOR)
		return EOPNOTSUPP;
	switch (op->op) {
	case XEN_VM_EVENT_ENABLE:
		return ring_enable(m, d, &op->u.enable.port);
	case XEN_VM_EVENT_DISABLE:
		return ring_disable(m, d);
	case XEN_VM_EVENT_RESUME:
		return ring_resume(m, d);
	default:
		return EINVAL;
	}
}

/* "xc_domctl:vm_event" and "xc_domctl:monitor" are the names for faults and counts. */
int xc_domctl(xc_interface *xch, struct xen_domctl *domctl)
{
	struct fake_domain *d;
	struct fake_machine *m;

	(void)xch;
	if (domctl->cmd == XEN_DOMCTL_vm_event_op) {
		m = call_begin_domain("xc_domctl:vm_event", domctl->domain, &d);
		return m ? call_end(m, vm_event_op(m, d, &domctl->u.vm_event_op)) : -1;
	}
	if (domctl->cmd == XEN_DOMCTL_monitor_op) {
		m = call_begin_domain("xc_domctl:monitor", domctl->domain, &d);
		return m ? call_end(m, monitor_op(m, d, &domctl->u.monitor_op)) : -1;
	}
	m = call_begin("xc_domctl");
	return m ? call_end(m, ENOSYS) : -1;
}
