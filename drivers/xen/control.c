/* SPDX-License-Identifier: MIT */
/* Pausing, memory of our own, injected interrupts, and putting everything back. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "frames.h"
#include "quiet.h"
#include "xen.h"

enum vmi_status xen_pause(struct xen *xen, struct vmi_error *err)
{
	xen->guard.shared->undo.pauses++;
	if (!xc_domain_pause(xen->xc, xen->domain.id))
		return VMI_OK;
	enum vmi_status st = xen_fail(err, "pausing domain %u", xen->domain.id);
	xen->guard.shared->undo.pauses--;
	return st;
}

enum vmi_status xen_unpause(struct xen *xen, struct vmi_error *err)
{
	if (xc_domain_unpause(xen->xc, xen->domain.id))
		return xen_fail(err, "resuming domain %u", xen->domain.id);
	xen->guard.shared->undo.pauses--;
	return VMI_OK;
}

enum vmi_status xen_control_pause(void *self, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	st = xen_pause(xen, err);
	xen_change_end(xen);
	return st;
}

enum vmi_status xen_control_resume(void *self, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	if (xen->guard.shared->undo.pauses)
		st = xen_unpause(xen, err);
	else
		st = vmi_fail(err, VMI_ERR_ARG, "domain %u was not paused", xen->domain.id);
	xen_change_end(xen);
	return st;
}

/* ---- memory --------------------------------------------------------------------------------- */

enum vmi_status xen_populate(struct xen *xen, uint64_t gfn, struct vmi_error *err)
{
	if (!xen_frame_add(xen->xc, xen->guard.shared, gfn))
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_NOMEM,
			"Xen gave no memory for gfn 0x%" PRIx64 " of domain %u: %s", gfn,
			xen->domain.id, strerror(errno));
}

/* Written down first; nothing may be there. */
static enum vmi_status allocate(struct xen *xen, vmi_gfn gfn, struct vmi_error *err)
{
	struct xen_shared *shared = xen->guard.shared;

	if (gfn >= shared->gfn_limit)
		return vmi_fail(err, VMI_ERR_ARG,
				"gfn 0x%" PRIx64 " is too far behind the memory of domain %u", gfn,
				xen->domain.id);
	/* That of the ring comes back. */
	bool hidden = shared->undo.ring_gfn_hidden && gfn == shared->undo.ring_gfn;
	int there = hidden ? 1 : xen_frame_exists(xen->fm, xen->domain.id, gfn);
	if (there < 0)
		return xen_fail(err, "looking for memory at gfn 0x%" PRIx64, gfn);
	if (there)
		return vmi_fail(err, VMI_ERR_BUSY, "there is memory at gfn 0x%" PRIx64, gfn);
	xen_gfn_set_add(shared, XEN_GFNS_ALLOCATED, gfn);
	shared->undo.allocated = 1;
	enum vmi_status st = xen_populate(xen, gfn, err);
	if (st)
		xen_gfn_set_remove(shared, XEN_GFNS_ALLOCATED, gfn);
	else
		xen->runs.known = false;
	return st;
}

enum vmi_status xen_control_allocate(void *self, vmi_gfn *gfn, struct vmi_error *err)
{
	struct xen *xen = self;
	xen_pfn_t last = 0;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	if (xc_domain_maximum_gpfn(xen->xc, xen->domain.id, &last) < 0)
		st = xen_fail(err, "asking for the highest gfn of domain %u", xen->domain.id);
	/* One that was freed, and whose place is kept, is behind the last as well. */
	while (!st && xen_gfn_set_has(xen->guard.shared, XEN_GFNS_ALLOCATED, last + 1))
		last++;
	if (!st)
		st = allocate(xen, last + 1, err);
	if (!st)
		*gfn = last + 1;
	xen_change_end(xen);
	return st;
}

enum vmi_status xen_control_allocate_at(void *self, vmi_gfn gfn, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	st = allocate(xen, gfn, err);
	xen_change_end(xen);
	return st;
}

static int frame_free(struct xen *xen, vmi_gfn gfn)
{
	if (xen_frame_remove(xen->xc, xen->domain.id, gfn))
		return -1;
	xen_gfn_set_remove(xen->guard.shared, XEN_GFNS_ALLOCATED, gfn);
	xen_gfn_set_remove(xen->guard.shared, XEN_GFNS_DOOMED, gfn);
	xen->runs.known = false;
	return 0;
}

void xen_doomed_free(struct xen *xen)
{
	struct xen_shared *shared = xen->guard.shared;
	const uint64_t *set = xen_gfn_set(shared, XEN_GFNS_DOOMED);

	for (uint64_t gfn = 0; shared->undo.doomed && gfn < shared->gfn_end[XEN_GFNS_DOOMED];
	     gfn++) {
		if (!set[gfn / 64])
			gfn |= 63;
		else if (xen_gfn_set_has(shared, XEN_GFNS_DOOMED, gfn))
			frame_free(xen, gfn); /* one that stays is tried again at the end */
	}
	shared->undo.doomed = 0;
}

/*
 * While there are views a frame is only marked: Xen resets a whole view when a frame between the
 * lowest and the highest of those it shows elsewhere is taken away.
 */
enum vmi_status xen_control_free(void *self, vmi_gfn gfn, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	struct xen_shared *shared = xen->guard.shared;
	if (!xen_gfn_set_has(shared, XEN_GFNS_ALLOCATED, gfn) ||
	    xen_gfn_set_has(shared, XEN_GFNS_DOOMED, gfn)) {
		st = vmi_fail(err, VMI_ERR_ARG, "gfn 0x%" PRIx64 " was not allocated here", gfn);
	} else if (xen_views_exist(xen)) {
		xen_gfn_set_add(shared, XEN_GFNS_DOOMED, gfn);
		shared->undo.doomed = 1;
	} else if (frame_free(xen, gfn)) {
		st = xen_fail(err, "freeing gfn 0x%" PRIx64, gfn);
	}
	xen_change_end(xen);
	return st;
}

/* ---- interrupts ----------------------------------------------------------------------------- */

enum vmi_status xen_inject(struct xen *xen, unsigned vcpu, const struct vmi_interrupt *interrupt,
			   struct vmi_error *err)
{
	if (!xen->dm)
		xen->dm = xendevicemodel_open(xen_quiet(), 0);
	if (!xen->dm)
		return xen_fail(err, "opening the device model of domain %u", xen->domain.id);
	uint32_t error_code = interrupt->has_error_code ? interrupt->error_code : ~UINT32_C(0);
	if (!xendevicemodel_inject_event(xen->dm, (domid_t)xen->domain.id, (int)vcpu,
					 interrupt->vector, interrupt->type, error_code,
					 interrupt->instruction_length, interrupt->extra))
		return VMI_OK;
	if (errno == EBUSY)
		return vmi_fail(err, VMI_ERR_BUSY,
				"vcpu %u has another interrupt to take before vector %u", vcpu,
				interrupt->vector);
	return xen_fail(err, "injecting vector %u into vcpu %u", interrupt->vector, vcpu);
}

enum vmi_status xen_control_inject(void *self, unsigned vcpu, const struct vmi_interrupt *interrupt,
				   struct vmi_error *err)
{
	struct xen *xen = self;
	/* There is nothing to undo, and nothing to start a guardian for. */
	enum vmi_status st = VMI_OK;

	pthread_mutex_lock(&xen->lock);
	if (xen->guard.released)
		st = vmi_fail(err, VMI_ERR_GONE, "domain %u was given back: %s", xen->domain.id,
			      xen->guard.why);
	if (!st)
		st = xen_inject(xen, vcpu, interrupt, err);
	pthread_mutex_unlock(&xen->lock);
	return st;
}

/* ---- everything back ------------------------------------------------------------------------- */

enum vmi_status xen_control_reset(void *self, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = VMI_OK;

	if (!xen->guard.shared)
		return VMI_OK; /* nothing was changed */
	st = xen_hold(xen, err);
	if (st)
		return st;
	struct xen_tools tools = xen_tools(xen);
	struct xen_undone undone = xen_undo_watching(xen->guard.shared, &tools);
	memset(xen->stepping, 0, sizeof(xen->stepping));
	xen->ring.unflushed = false;
	if (!xen_views_exist(xen))
		xen_doomed_free(xen);
	if (undone.failures)
		st = vmi_fail(err, VMI_ERR_IO, "%u steps of the way back failed, the first: %s: %s",
			      undone.failures, undone.step, strerror(undone.error));
	xen_change_end(xen);
	return st;
}
