/* SPDX-License-Identifier: MIT */
/* Monitors: which of the guest's doings raise events. */

#include <errno.h>
#include <inttypes.h>

#include "xen.h"

static enum xen_switch switch_of(const struct vmi_monitor *monitor)
{
	switch (monitor->kind) {
	case VMI_MONITOR_REGISTER:
		return monitor->reg == VMI_CR0   ? XEN_SWITCH_CR0
		       : monitor->reg == VMI_CR3 ? XEN_SWITCH_CR3
		       : monitor->reg == VMI_CR4 ? XEN_SWITCH_CR4
						 : XEN_SWITCH_XCR0;
	case VMI_MONITOR_INTERRUPT:
		return monitor->vector == 1 ? XEN_SWITCH_DEBUG : XEN_SWITCH_BREAKPOINT;
	case VMI_MONITOR_SINGLESTEP:
		return XEN_SWITCH_SINGLESTEP;
	case VMI_MONITOR_HYPERCALL:
		return XEN_SWITCH_HYPERCALL;
	case VMI_MONITOR_CPUID:
		return XEN_SWITCH_CPUID;
	case VMI_MONITOR_IO:
		return XEN_SWITCH_IO;
	case VMI_MONITOR_DESCRIPTOR:
		return XEN_SWITCH_DESCRIPTOR;
	case VMI_MONITOR_VMEXIT:
		return XEN_SWITCH_VMEXIT;
	case VMI_MONITOR_PRIVILEGED_CALL:
		return XEN_SWITCH_PRIVILEGED_CALL;
	case VMI_MONITOR_EMULATION_FAILURE:
		return XEN_SWITCH_EMULATION_FAILURE;
	case VMI_MONITOR_MSR:
		break;
	}
	return XEN_SWITCH_COUNT;
}

static int register_on(struct xen *xen, uint16_t index, const struct vmi_monitor *monitor)
{
	return xc_monitor_write_ctrlreg(xen->xc, xen->domain.id, index, true, true, monitor->ignore,
					!monitor->every_write);
}

/* All synchronous, so that each waits for its answer; except VM exits, which Xen would raise again
 * for ever, because it carries none out that was reported. */
static int switch_call(struct xen *xen, enum xen_switch which, const struct vmi_monitor *monitor)
{
	xc_interface *xc = xen->xc;
	uint32_t id = xen->domain.id;

	switch (which) {
	case XEN_SWITCH_CR0:
		return register_on(xen, VM_EVENT_X86_CR0, monitor);
	case XEN_SWITCH_CR3:
		return register_on(xen, VM_EVENT_X86_CR3, monitor);
	case XEN_SWITCH_CR4:
		return register_on(xen, VM_EVENT_X86_CR4, monitor);
	case XEN_SWITCH_XCR0:
		return register_on(xen, VM_EVENT_X86_XCR0, monitor);
	case XEN_SWITCH_BREAKPOINT:
		return xc_monitor_software_breakpoint(xc, id, true);
	case XEN_SWITCH_DEBUG:
		return xc_monitor_debug_exceptions(xc, id, true, true);
	case XEN_SWITCH_SINGLESTEP:
		return xc_monitor_singlestep(xc, id, true);
	case XEN_SWITCH_HYPERCALL:
		return xc_monitor_guest_request(xc, id, true, true, monitor->userspace);
	case XEN_SWITCH_CPUID:
		return xc_monitor_cpuid(xc, id, true);
	case XEN_SWITCH_IO:
#ifdef XEN_HAS_MONITOR_IO
		return xc_monitor_io(xc, id, true);
#else
		errno = ENOTSUP;
		return -1;
#endif
	case XEN_SWITCH_DESCRIPTOR:
		return xc_monitor_descriptor_access(xc, id, true);
	case XEN_SWITCH_VMEXIT:
		return xc_monitor_vmexit(xc, id, true, false);
	case XEN_SWITCH_PRIVILEGED_CALL:
		return xc_monitor_privileged_call(xc, id, true);
	case XEN_SWITCH_EMULATION_FAILURE:
		return xc_monitor_emul_unimplemented(xc, id, true);
	case XEN_SWITCH_COUNT:
		break;
	}
	errno = EINVAL;
	return -1;
}

static enum vmi_status fail_monitor(const struct xen *xen, const struct vmi_monitor *monitor,
				    struct vmi_error *err)
{
	if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
		return xen_fail(err, "watching %s", vmi_monitor_name(monitor));
	return vmi_fail(err, VMI_ERR_UNSUPPORTED, "Xen %u.%u on this processor cannot report %s%s",
			xen->domain.version >> 16, xen->domain.version & 0xffff,
			vmi_monitor_name(monitor),
			monitor->kind == VMI_MONITOR_IO ? "; Xen 4.18 and later can, by a driver "
							  "that was built for it"
							: "");
}

enum vmi_status xen_switch_on(struct xen *xen, enum xen_switch which,
			      const struct vmi_monitor *monitor, struct vmi_error *err)
{
	struct xen_undo *undo = &xen->guard.shared->undo;

	/* Its conditions may be others now, and Xen takes none for one that is on. */
	if (undo->switches >> which & 1)
		xen_switch_off(xen->xc, xen->domain.id, which);
	undo->switches |= 1u << which;
	if (!switch_call(xen, which, monitor))
		return VMI_OK;
	enum vmi_status st = fail_monitor(xen, monitor, err);
	undo->switches &= ~(1u << which);
	return st;
}

/* ---- MSRs ----------------------------------------------------------------------------------- */

static uint32_t msr_find(const struct xen_undo *undo, uint32_t msr)
{
	uint32_t i = 0;

	while (i < undo->msr_count && undo->msr[i] != msr)
		i++;
	return i;
}

static enum vmi_status msr_on(struct xen *xen, const struct vmi_monitor *monitor,
			      struct vmi_error *err)
{
	struct xen_undo *undo = &xen->guard.shared->undo;
	uint32_t at = msr_find(undo, monitor->msr);
	bool on = at < undo->msr_count;

	if (at == XEN_MSR_MAX)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "%d MSRs are watched already",
				XEN_MSR_MAX);
	if (on)
		xc_monitor_mov_to_msr(xen->xc, xen->domain.id, monitor->msr, false, true);
	undo->msr[at] = monitor->msr;
	undo->msr_count += on ? 0 : 1;
	if (!xc_monitor_mov_to_msr(xen->xc, xen->domain.id, monitor->msr, true,
				   !monitor->every_write))
		return VMI_OK;
	int error = errno;
	undo->msr[at] = undo->msr[--undo->msr_count];
	if (error == EINVAL)
		return vmi_fail(err, VMI_ERR_ARG, "Xen does not report writes to MSR 0x%" PRIx32,
				monitor->msr);
	errno = error;
	return fail_monitor(xen, monitor, err);
}

static enum vmi_status msr_off(struct xen *xen, uint32_t msr, struct vmi_error *err)
{
	struct xen_undo *undo = &xen->guard.shared->undo;
	uint32_t at = msr_find(undo, msr);

	if (at == undo->msr_count)
		return vmi_fail(err, VMI_ERR_ARG, "writes to MSR 0x%" PRIx32 " are not watched",
				msr);
	if (xc_monitor_mov_to_msr(xen->xc, xen->domain.id, msr, false, true))
		return xen_fail(err, "no longer watching MSR 0x%" PRIx32, msr);
	undo->msr[at] = undo->msr[--undo->msr_count];
	return VMI_OK;
}

/* ---- on and off ------------------------------------------------------------------------------ */

/* Without this, Xen ignores that a write is denied. It ends with the ring. */
static void writes_control(struct xen *xen)
{
	struct xen_domctl domctl = {.cmd = XEN_DOMCTL_monitor_op,
				    .domain = (domid_t)xen->domain.id};

	domctl.u.monitor_op.op = XEN_DOMCTL_MONITOR_OP_CONTROL_REGISTERS;
	if (!xen->ring.controls_writes && !xc_domctl(xen->xc, &domctl))
		xen->ring.controls_writes = true;
}

enum vmi_status xen_monitor_enable(void *self, const struct vmi_monitor *monitor,
				   struct vmi_error *err)
{
	struct xen *xen = self;

	/* Whether all writes are asked for or not, Xen wants a bit to change that is not ignored.
	 */
	if (monitor->kind == VMI_MONITOR_REGISTER && monitor->every_write)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"Xen does not report %s that change nothing",
				vmi_monitor_name(monitor));
	/* Announced everywhere, and never raised by another processor than Intel's. */
	if (monitor->kind == VMI_MONITOR_VMEXIT && !xen->domain.ept) {
		errno = EOPNOTSUPP;
		return fail_monitor(xen, monitor, err);
	}
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	st = xen_ring_start(xen, err);
	if (!st && (monitor->kind == VMI_MONITOR_REGISTER || monitor->kind == VMI_MONITOR_MSR))
		writes_control(xen);
	if (!st)
		st = monitor->kind == VMI_MONITOR_MSR
			     ? msr_on(xen, monitor, err)
			     : xen_switch_on(xen, switch_of(monitor), monitor, err);
	xen_change_end(xen);
	return st;
}

void xen_steps_off(struct xen *xen)
{
	for (uint32_t vcpu = 0; vcpu < xen->domain.vcpus; vcpu++) {
		if (xen->guard.shared->undo.stepped)
			xc_domain_debug_control(xen->xc, xen->domain.id,
						XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF, vcpu);
		xen->stepping[vcpu] = false;
	}
}

static enum vmi_status switch_disable(struct xen *xen, const struct vmi_monitor *monitor,
				      struct vmi_error *err)
{
	struct xen_undo *undo = &xen->guard.shared->undo;
	enum xen_switch which = switch_of(monitor);

	if (!(undo->switches >> which & 1))
		return vmi_fail(err, VMI_ERR_ARG, "%s: not watched", vmi_monitor_name(monitor));
	/* A vcpu that steps with nobody to tell would do so for ever. */
	if (which == XEN_SWITCH_SINGLESTEP)
		xen_steps_off(xen);
	if (xen_switch_off(xen->xc, xen->domain.id, which))
		return xen_fail(err, "no longer watching %s", vmi_monitor_name(monitor));
	undo->switches &= ~(1u << which);
	return VMI_OK;
}

enum vmi_status xen_monitor_disable(void *self, const struct vmi_monitor *monitor,
				    struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	st = monitor->kind == VMI_MONITOR_MSR ? msr_off(xen, monitor->msr, err)
					      : switch_disable(xen, monitor, err);
	xen_change_end(xen);
	return st;
}
