/* SPDX-License-Identifier: MIT */
/*
 * Turning events on: what xc_monitor_enable() does, in its public parts, because the guardian has
 * to map the ring's page before it leaves the guest's memory.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "frames.h"
#include "quiet.h"
#include "sign.h"
#include "xen.h"

#include <xen/hvm/params.h>

static enum vmi_status fail_taken(const struct xen *xen, struct vmi_error *err)
{
	struct xen_watcher watcher = xen_watcher_find(xen->domain.id, xen->domain.uuid);

	return vmi_fail(err, VMI_ERR_BUSY,
			"%s receives the events of domain %u; if it is no more, 'vmi-live reset "
			"%u' frees the guest",
			watcher.name, xen->domain.id, xen->domain.id);
}

/* Nothing is written down before this: undoing someone else's ring would be no harmless thing. */
static enum vmi_status ring_is_free(struct xen *xen, struct vmi_error *err)
{
	if (xen->domain.event_version != VM_EVENT_INTERFACE_VERSION)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"this Xen has version %u of the event interface; this driver knows "
				"version %d (Xen 4.15 and later)",
				xen->domain.event_version, VM_EVENT_INTERFACE_VERSION);
	/* Without a ring Xen refuses to look for responses. */
	return xc_monitor_resume(xen->xc, xen->domain.id) ? VMI_OK : fail_taken(xen, err);
}

/* Whoever had the events before may have left no page behind. */
static enum vmi_status page_map(struct xen *xen, xen_pfn_t gfn, struct vmi_error *err)
{
	struct xen_ring *ring = &xen->ring;
	uint32_t id = xen->domain.id;

	ring->page = xen_frame_map(xen->fm, id, gfn, PROT_READ | PROT_WRITE);
	if (!ring->page && errno == ENOENT) {
		xen->guard.shared->undo.ring_gfn_made = 1;
		enum vmi_status st = xen_populate(xen, gfn, err);
		if (st)
			return st;
		ring->page = xen_frame_map(xen->fm, id, gfn, PROT_READ | PROT_WRITE);
	}
	return ring->page ? VMI_OK : xen_fail(err, "mapping the event ring of domain %u", id);
}

static enum vmi_status ring_enable(struct xen *xen, uint32_t *port, struct vmi_error *err)
{
	struct xen_domctl domctl = {.cmd = XEN_DOMCTL_vm_event_op,
				    .domain = (domid_t)xen->domain.id};

	domctl.u.vm_event_op.op = XEN_VM_EVENT_ENABLE;
	domctl.u.vm_event_op.mode = XEN_DOMCTL_VM_EVENT_OP_MONITOR;
	xen->guard.shared->undo.ring = 1;
	if (!xc_domctl(xen->xc, &domctl)) {
		*port = domctl.u.vm_event_op.u.enable.port;
		return VMI_OK;
	}
	xen->guard.shared->undo.ring = 0;
	if (errno == EBUSY)
		return fail_taken(xen, err);
	if (errno == ENODEV || errno == EOPNOTSUPP || errno == ENOSYS)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"this Xen delivers no events of domain %u: they need an Intel "
				"processor with EPT, or on AMD a guest with nested paging (hap=1)",
				xen->domain.id);
	return xen_fail(err, "turning on the events of domain %u", xen->domain.id);
}

/* With the guest standing still. */
static enum vmi_status ring_set_up(struct xen *xen, struct vmi_error *err)
{
	struct xen_undo *undo = &xen->guard.shared->undo;
	uint64_t gfn = 0;
	uint32_t port = 0;

	if (xc_hvm_param_get(xen->xc, xen->domain.id, HVM_PARAM_MONITOR_RING_PFN, &gfn))
		return xen_fail(err, "asking for the place of the event ring");
	undo->ring_gfn = gfn;
	enum vmi_status st = page_map(xen, gfn, err);
	if (st)
		return st;
	memset(xen->ring.page, 0, VMI_PAGE_SIZE);
	xen->ring.page->req_event = xen->ring.page->rsp_event = 1;
	memset(&xen->guard.shared->exchange, 0, sizeof(xen->guard.shared->exchange));
	st = ring_enable(xen, &port, err);
	if (!st)
		st = xen_guard_say(xen, XEN_WORD_RING, err);
	if (st)
		return st;
	/* The guest must not see its own events. */
	undo->ring_gfn_hidden = !undo->ring_gfn_made;
	if (xen_frame_remove(xen->xc, xen->domain.id, gfn))
		return xen_fail(err, "hiding the event ring from domain %u", xen->domain.id);
	undo->ring_gfn_made = 0;
	xen->ring.port = xenevtchn_bind_interdomain(xen->ring.channel, xen->domain.id, port);
	if (xen->ring.port < 0)
		return xen_fail(err, "binding the event channel of domain %u", xen->domain.id);
	return VMI_OK;
}

/* What a failed start leaves. */
static void ring_tear_down(struct xen *xen)
{
	struct xen_tools tools = xen_tools(xen);

	xen_undo_ring(xen->guard.shared, &tools);
	xen_ring_close(xen);
}

enum vmi_status xen_ring_start(struct xen *xen, struct vmi_error *err)
{
	if (xen->ring.page)
		return VMI_OK;
	enum vmi_status st = ring_is_free(xen, err);
	if (st)
		return st;
	xen->ring.channel = xenevtchn_open(xen_quiet(), 0);
	if (!xen->ring.channel)
		return xen_fail(err, "opening the event channels (/dev/xen/evtchn)");
	st = xen_pause(xen, err);
	if (!st) {
		st = ring_set_up(xen, err);
		if (st)
			ring_tear_down(xen);
		enum vmi_status resumed = xen_unpause(xen, st ? NULL : err);
		st = st ? st : resumed;
	}
	if (st)
		xen_ring_close(xen);
	return st;
}

void xen_ring_close(struct xen *xen)
{
	struct xen_ring *ring = &xen->ring;

	if (ring->page)
		xenforeignmemory_unmap(xen->fm, ring->page, 1);
	if (ring->channel && ring->port >= 0)
		xenevtchn_unbind(ring->channel, (evtchn_port_t)ring->port);
	if (ring->channel)
		xenevtchn_close(ring->channel);
	ring->page = NULL;
	ring->channel = NULL;
	ring->port = -1;
	ring->unflushed = ring->controls_writes = false;
}
