/* SPDX-License-Identifier: MIT */
/*
 * Freeing a guest whose watcher is no more, and had no guardian. What it changed is written down
 * nowhere: everything that can be off is turned off.
 *
 * A vcpu whose event was taken and not answered waits for ever, whether there is a ring or not. But
 * Xen lets it go on for any response that names it: turn events on once more, answer what nobody
 * asked, and turn them off.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "sign.h"
#include "xen.h"

#include <xen/hvm/params.h>

enum { UNPAUSES_MAX = 64 };

struct rescue {
	xc_interface *xc;
	xenforeignmemory_handle *fm;
	uint32_t id, vcpus;
	vm_event_sring_t *ring;
	xen_pfn_t ring_gfn;
	bool populated;
};

static bool ring_map(struct rescue *rescue)
{
	int error = 0;
	void *page = xenforeignmemory_map(rescue->fm, rescue->id, PROT_READ | PROT_WRITE, 1,
					  &rescue->ring_gfn, &error);

	if (page && error) {
		xenforeignmemory_unmap(rescue->fm, page, 1);
		page = NULL;
	}
	rescue->ring = page;
	return page;
}

static bool ring_open(struct rescue *rescue)
{
	struct xen_domctl domctl = {.cmd = XEN_DOMCTL_vm_event_op, .domain = (domid_t)rescue->id};
	uint64_t gfn = 0;

	if (xc_hvm_param_get(rescue->xc, rescue->id, HVM_PARAM_MONITOR_RING_PFN, &gfn))
		return false;
	rescue->ring_gfn = gfn;
	if (!ring_map(rescue)) {
		if (xc_domain_populate_physmap_exact(rescue->xc, rescue->id, 1, 0, 0,
						     &rescue->ring_gfn))
			return false;
		rescue->populated = true;
		if (!ring_map(rescue))
			return false;
	}
	memset(rescue->ring, 0, VMI_PAGE_SIZE);
	domctl.u.vm_event_op.op = XEN_VM_EVENT_ENABLE;
	domctl.u.vm_event_op.mode = XEN_DOMCTL_VM_EVENT_OP_MONITOR;
	return !xc_domctl(rescue->xc, &domctl);
}

/* One response per vcpu; those that do not wait take no notice. */
static bool vcpus_release(struct rescue *rescue)
{
	for (uint32_t vcpu = 0; vcpu < rescue->vcpus; vcpu++) {
		uint32_t index = rescue->ring->rsp_prod;
		union vm_event_sring_entry *slots = rescue->ring->ring;
		slots[index % XEN_RING_SLOTS].rsp = (vm_event_response_t){
			.version = VM_EVENT_INTERFACE_VERSION,
			.flags = VM_EVENT_FLAG_VCPU_PAUSED,
			.vcpu_id = vcpu,
		};
		__atomic_store_n(&rescue->ring->rsp_prod, index + 1, __ATOMIC_RELEASE);
		if (xc_monitor_resume(rescue->xc, rescue->id))
			return false;
	}
	return true;
}

static enum vmi_status events_free(struct rescue *rescue, struct vmi_error *err)
{
	bool ok = ring_open(rescue) && vcpus_release(rescue);
	int error = errno;

	xc_monitor_disable(rescue->xc, rescue->id);
	if (rescue->ring)
		xenforeignmemory_unmap(rescue->fm, rescue->ring, 1);
	if (rescue->populated)
		xc_domain_decrease_reservation_exact(rescue->xc, rescue->id, 1, 0,
						     &rescue->ring_gfn);
	errno = error;
	return ok ? VMI_OK : xen_fail(err, "letting the vcpus of domain %u go", rescue->id);
}

/* With the guest standing still. Failures mean that there was nothing to turn off. */
static enum vmi_status everything_off(struct rescue *rescue, struct vmi_error *err)
{
	xen_pfn_t last = 0;
	bool views = false;

	for (uint32_t vcpu = 0; vcpu < rescue->vcpus; vcpu++)
		xc_domain_debug_control(rescue->xc, rescue->id, XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF,
					vcpu);
	if (!xc_domain_maximum_gpfn(rescue->xc, rescue->id, &last) && last < UINT32_MAX)
		xc_set_mem_access(rescue->xc, rescue->id, XENMEM_access_rwx, 0, (uint32_t)last + 1);
	if (!xc_altp2m_get_domain_state(rescue->xc, rescue->id, &views) && views) {
		xc_altp2m_switch_to_view(rescue->xc, rescue->id, 0);
		if (xc_altp2m_set_domain_state(rescue->xc, rescue->id, false))
			return xen_fail(err, "turning off the views of domain %u", rescue->id);
	}
	/* With the ring go its monitors. Without one, this says so. */
	if (xc_monitor_disable(rescue->xc, rescue->id) && errno == EBUSY)
		return xen_fail(err, "turning off the events of domain %u", rescue->id);
	return events_free(rescue, err);
}

static enum vmi_status rescue_run(struct rescue *rescue, struct vmi_error *err)
{
	xc_domaininfo_t info;
	enum vmi_status st = xen_domain_ask(rescue->xc, rescue->id, &info, err);

	if (!st)
		st = xen_domain_refuse(&info, err);
	if (!st && xen_guard_is_there(rescue->id))
		st = vmi_fail(err, VMI_ERR_BUSY,
			      "domain %u is not abandoned: its watcher and its guardian live",
			      rescue->id);
	if (st)
		return st;
	rescue->vcpus = info.max_vcpu_id + 1;
	if (xc_domain_pause(rescue->xc, rescue->id))
		return xen_fail(err, "pausing domain %u", rescue->id);
	st = everything_off(rescue, err);
	/* Ours, and then those that were left. */
	for (int i = 0; i < UNPAUSES_MAX; i++)
		if (xc_domain_unpause(rescue->xc, rescue->id) ||
		    xen_domain_ask(rescue->xc, rescue->id, &info, NULL) ||
		    !(info.flags & XEN_DOMINF_paused))
			break;
	return st;
}

enum vmi_status xen_rescue(const char *target, struct vmi_error *err)
{
	struct rescue rescue = {0};
	enum vmi_status st = xen_name_find(target, &rescue.id, err);

	if (!st)
		st = xen_connect(&rescue.xc, &rescue.fm, err);
	if (!st)
		st = rescue_run(&rescue, err);
	if (rescue.fm)
		xenforeignmemory_close(rescue.fm);
	if (rescue.xc)
		xc_interface_close(rescue.xc);
	return st;
}
