/* SPDX-License-Identifier: MIT */
/*
 * Freeing a guest whose watcher is no more, and had no guardian. What it changed is written down
 * nowhere: everything that can be off is turned off. Frames that it added stay, and so does a
 * memory limit that it raised: nobody can tell them from the guest's own.
 *
 * A vcpu whose event was taken and not answered waits for ever, whether there is a ring or not. But
 * Xen lets it go on for any response that names it: turn events on once more, answer what nobody
 * asked, and turn them off.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "frames.h"
#include "sign.h"
#include "xen.h"

#include <xen/hvm/params.h>

enum {
	UNPAUSES_MAX = 64,
	ACCESS_STEP =
		512, /* pages in one hypercall: a longer one keeps the control domain waiting */
};

/* The page of the ring has left the guest; it is put back for this, and stays there. */
static bool ring_open(struct xen *xen)
{
	uint32_t id = xen->domain.id;
	struct xen_domctl domctl = {.cmd = XEN_DOMCTL_vm_event_op, .domain = (domid_t)id};
	uint64_t gfn = 0;

	if (xc_hvm_param_get(xen->xc, id, HVM_PARAM_MONITOR_RING_PFN, &gfn))
		return false;
	xen_pfn_t frame = gfn;
	int there = xen_frame_exists(xen->fm, id, gfn);
	if (!there)
		there = xc_domain_populate_physmap_exact(xen->xc, id, 1, 0, 0, &frame);
	if (there < 0)
		return false;
	xen->ring.page = xen_frame_map(xen->fm, id, gfn, PROT_READ | PROT_WRITE);
	if (!xen->ring.page)
		return false;
	memset(xen->ring.page, 0, VMI_PAGE_SIZE);
	domctl.u.vm_event_op.op = XEN_VM_EVENT_ENABLE;
	domctl.u.vm_event_op.mode = XEN_DOMCTL_VM_EVENT_OP_MONITOR;
	return !xc_domctl(xen->xc, &domctl);
}

/* One response per vcpu; those that do not wait take no notice. */
static bool vcpus_release(struct xen *xen)
{
	for (uint32_t vcpu = 0; vcpu < xen->domain.vcpus; vcpu++) {
		vm_event_sring_t *ring = xen->ring.page;
		uint32_t index = ring->rsp_prod;
		union vm_event_sring_entry *slots = ring->ring;
		slots[index % XEN_RING_SLOTS].rsp = (vm_event_response_t){
			.version = VM_EVENT_INTERFACE_VERSION,
			.flags = VM_EVENT_FLAG_VCPU_PAUSED,
			.vcpu_id = vcpu,
		};
		__atomic_store_n(&ring->rsp_prod, index + 1, __ATOMIC_RELEASE);
		if (xc_monitor_resume(xen->xc, xen->domain.id))
			return false;
	}
	return true;
}

/* Some consecutive pages that may not do all: give them that. */
static bool access_lift(struct xen *xen, uint64_t first, uint32_t *count)
{
	bool ok = !*count ||
		  !xc_set_mem_access(xen->xc, xen->domain.id, XENMEM_access_rwx, first, *count);

	*count = 0;
	return ok;
}

/* Only those pages that need it: to set the access of a page splits the large page it is in. */
static bool access_of_run(struct xen *xen, const struct xen_run *run)
{
	uint64_t first = run->gfn;
	uint32_t count = 0;
	bool ok = true;

	for (uint64_t gfn = run->gfn; ok && gfn < run->gfn + run->count; gfn++) {
		xenmem_access_t access = XENMEM_access_rwx;
		ok = !xc_get_mem_access(xen->xc, xen->domain.id, gfn, &access) || errno == ESRCH;
		if (ok && access != XENMEM_access_rwx)
			first = count++ ? first : gfn;
		if (ok && (access == XENMEM_access_rwx || count == ACCESS_STEP))
			ok = access_lift(xen, first, &count);
	}
	return access_lift(xen, first, &count) && ok;
}

/* While there is a ring: else Xen does not tell, and gives a page its access back itself, but only
 * when it is first violated. */
static enum vmi_status access_back(struct xen *xen, struct vmi_error *err)
{
	enum vmi_status st = xen_runs_find(xen, err);
	bool ok = true;

	for (size_t i = 0; !st && ok && i < xen->runs.count; i++)
		ok = access_of_run(xen, &xen->runs.run[i]);
	/* EINVAL: there is no EPT, so no page can be restricted. */
	if (!ok && errno != EINVAL)
		st = xen_fail(err, "giving the pages of domain %u their access back",
			      xen->domain.id);
	free(xen->runs.run);
	return st;
}

/* With a ring of our own: the one that was is gone with those who served it. */
static enum vmi_status events_free(struct xen *xen, struct vmi_error *err)
{
	bool ok = ring_open(xen);
	int error = errno;
	enum vmi_status st = ok ? access_back(xen, err) : VMI_OK;

	if (ok) {
		ok = vcpus_release(xen);
		error = errno;
	}
	xc_monitor_disable(xen->xc, xen->domain.id);
	if (xen->ring.page)
		xenforeignmemory_unmap(xen->fm, xen->ring.page, 1);
	errno = error;
	return ok ? st : xen_fail(err, "letting the vcpus of domain %u go", xen->domain.id);
}

/* With the guest standing still. Failures mean that there was nothing to turn off. */
static enum vmi_status everything_off(struct xen *xen, struct vmi_error *err)
{
	uint32_t id = xen->domain.id;
	bool views = false;

	for (uint32_t vcpu = 0; vcpu < xen->domain.vcpus; vcpu++)
		xc_domain_debug_control(xen->xc, id, XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF, vcpu);
	if (!xc_altp2m_get_domain_state(xen->xc, id, &views) && views) {
		xc_altp2m_switch_to_view(xen->xc, id, 0);
		if (xc_altp2m_set_domain_state(xen->xc, id, false))
			return xen_fail(err, "turning off the views of domain %u", id);
	}
	/* With the ring go its monitors. Without one, this says so. */
	if (xc_monitor_disable(xen->xc, id) && errno == EBUSY)
		return xen_fail(err, "turning off the events of domain %u", id);
	return events_free(xen, err);
}

static enum vmi_status check(struct xen *xen, struct vmi_error *err)
{
	uint32_t id = xen->domain.id;
	xc_domaininfo_t info;
	xen_pfn_t last = 0;
	enum vmi_status st = xen_domain_ask(xen->xc, id, &info, err);

	if (!st)
		st = xen_domain_refuse(&info, err);
	if (st)
		return st;
	struct xen_watcher watcher = xen_watcher_find(id, info.handle);
	if (watcher.there)
		return vmi_fail(err, VMI_ERR_BUSY,
				"domain %u is not abandoned: %s watches it, and has a guardian", id,
				watcher.name);
	if (xc_domain_maximum_gpfn(xen->xc, id, &last) < 0)
		return xen_fail(err, "asking for the highest gfn of domain %u", id);
	xen->domain.vcpus = info.max_vcpu_id + 1;
	xen->domain.max_gfn = last;
	return VMI_OK;
}

static enum vmi_status rescue(struct xen *xen, struct vmi_error *err)
{
	xc_domaininfo_t info;
	enum vmi_status st = check(xen, err);

	if (st)
		return st;
	if (xc_domain_pause(xen->xc, xen->domain.id))
		return xen_fail(err, "pausing domain %u", xen->domain.id);
	st = everything_off(xen, err);
	/* Ours, and then those that were left. */
	for (int i = 0; i < UNPAUSES_MAX; i++)
		if (xc_domain_unpause(xen->xc, xen->domain.id) ||
		    xen_domain_ask(xen->xc, xen->domain.id, &info, NULL) ||
		    !(info.flags & XEN_DOMINF_paused))
			break;
	return st;
}

enum vmi_status xen_rescue(const char *target, struct vmi_error *err)
{
	struct xen xen = {0};
	enum vmi_status st = xen_name_find(target, &xen.domain.id, err);

	if (!st)
		st = xen_connect(&xen.xc, &xen.fm, err);
	if (!st)
		st = rescue(&xen, err);
	if (xen.fm)
		xenforeignmemory_close(xen.fm);
	if (xen.xc)
		xc_interface_close(xen.xc);
	return st;
}
