/* SPDX-License-Identifier: MIT */
/* Views: other second-stage mappings of the guest's memory, which Xen calls altp2m. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sign.h"
#include "xen.h"

#include <xen/hvm/params.h>

enum { BATCH = 128 };

static bool view_is_ours(const struct xen *xen, uint16_t view)
{
	return xen->guard.shared && view < XEN_VIEW_MAX &&
	       (xen->guard.shared->undo.views[view / 64] >> view % 64 & 1);
}

bool xen_view_exists(const struct xen *xen, uint16_t view)
{
	return !view || view_is_ours(xen, view);
}

bool xen_views_exist(const struct xen *xen)
{
	uint64_t any = 0;

	for (unsigned i = 0; xen->guard.shared && i < XEN_VIEW_MAX / 64; i++)
		any |= xen->guard.shared->undo.views[i];
	return any;
}

static enum vmi_status fail_none(uint16_t view, struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_ARG, "there is no view %u", view);
}

/* ---- altp2m --------------------------------------------------------------------------------- */

static enum vmi_status fail_altp2m(const struct xen *xen, struct vmi_error *err)
{
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV || errno == EINVAL)
		return vmi_fail(
			err, VMI_ERR_UNSUPPORTED,
			"this Xen has no views for domain %u: they need an Intel processor "
			"with EPT, a guest without nested virtualization, and 'altp2m=1' on "
			"the command line of Xen before 4.19",
			xen->domain.id);
	return xen_fail(err, "turning on the views of domain %u", xen->domain.id);
}

static enum vmi_status altp2m_on(struct xen *xen, struct vmi_error *err)
{
	struct xen_undo *undo = &xen->guard.shared->undo;
	uint32_t id = xen->domain.id;
	uint64_t mode = XEN_ALTP2M_external;
	bool on = false;

	if (undo->altp2m)
		return VMI_OK;
	if (!xc_hvm_param_get(xen->xc, id, HVM_PARAM_ALTP2M, &mode) && mode == XEN_ALTP2M_disabled)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"views are off for domain %u: its configuration needs the line "
				"altp2m = \"external\"",
				id);
	if (xc_altp2m_get_domain_state(xen->xc, id, &on))
		return fail_altp2m(xen, err);
	if (on)
		return vmi_fail(err, VMI_ERR_BUSY,
				"%s uses the views of domain %u; if it is no more, 'vmi-live reset "
				"%u' frees the guest",
				xen_watcher_find(id, xen->domain.uuid).name, id, id);
	undo->altp2m = 1;
	if (!xc_altp2m_set_domain_state(xen->xc, id, true))
		return VMI_OK;
	enum vmi_status st = fail_altp2m(xen, err);
	undo->altp2m = 0;
	return st;
}

/* ---- default access ------------------------------------------------------------------------- */

/* Some frames of a batch may not take it: those are passed over one by one. */
static enum vmi_status batch_set(struct xen *xen, uint16_t view, xenmem_access_t access,
				 vmi_gfn first, uint32_t count, struct vmi_error *err)
{
	uint8_t accesses[BATCH];
	uint64_t gfns[BATCH];

	memset(accesses, (int)access, count);
	for (uint32_t i = 0; i < count; i++)
		gfns[i] = first + i;
	if (!xc_altp2m_set_mem_access_multi(xen->xc, xen->domain.id, view, accesses, gfns, count))
		return VMI_OK;
	for (uint32_t i = 0; i < count; i++) {
		enum vmi_status st = xen_access_set_page(xen, view, gfns[i], access, err);
		if (st && st != VMI_ERR_NOT_FOUND)
			return st;
	}
	return VMI_OK;
}

/*
 * Before 4.19 Xen gives a page the guest's own access when it brings it into a view, whatever the
 * view's default: set it on every page that there is. Frames that are added later are not covered.
 */
static enum vmi_status default_apply(struct xen *xen, uint16_t view, xenmem_access_t access,
				     struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	if (access == XENMEM_access_rwx || xen->domain.version >= XEN_VERSION(4, 19))
		return VMI_OK;
	st = xen_runs_find(xen, err);
	for (size_t i = 0; !st && i < xen->runs.count; i++) {
		struct xen_run run = xen->runs.run[i];
		while (!st && run.count) {
			uint32_t count = run.count < BATCH ? (uint32_t)run.count : BATCH;
			st = batch_set(xen, view, access, run.gfn, count, err);
			run.gfn += count;
			run.count -= count;
		}
	}
	return st;
}

/* ---- the driver's functions ------------------------------------------------------------------ */

enum vmi_status xen_view_initial(void *self, uint16_t *view, struct vmi_error *err)
{
	(void)self, (void)err;
	*view = 0;
	return VMI_OK;
}

static enum vmi_status create(struct xen *xen, unsigned access, uint16_t *view,
			      struct vmi_error *err)
{
	struct xen_undo *undo = &xen->guard.shared->undo;
	uint16_t made = 0;
	enum vmi_status st = altp2m_on(xen, err);

	if (st)
		return st;
	/* A death here leaves a view that is not written down; turning altp2m off ends it as well.
	 */
	if (xc_altp2m_create_view(xen->xc, xen->domain.id, (xenmem_access_t)access, &made)) {
		if (errno != EINVAL && errno != ENOSPC)
			return xen_fail(err, "making a view of domain %u", xen->domain.id);
		return vmi_fail(err, VMI_ERR_BUSY,
				"Xen has no view left for domain %u; before 4.21 there are nine "
				"besides the guest's own",
				xen->domain.id);
	}
	if (!made || made >= XEN_VIEW_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "Xen made a view with number %u", made);
	undo->views[made / 64] |= UINT64_C(1) << made % 64;
	xen->views.access[made] = (uint8_t)access;
	st = default_apply(xen, made, (xenmem_access_t)access, err);
	if (!st) {
		*view = made;
	} else if (!xc_altp2m_destroy_view(xen->xc, xen->domain.id, made)) {
		undo->views[made / 64] &= ~(UINT64_C(1) << made % 64);
	}
	return st;
}

enum vmi_status xen_view_create(void *self, unsigned access, uint16_t *view, struct vmi_error *err)
{
	struct xen *xen = self;

	if ((access & VMI_ACCESS_W) && !(access & VMI_ACCESS_R))
		return vmi_fail(err, VMI_ERR_ARG,
				"the cpu has no pages that can be written but not read");
	enum vmi_status st = xen_change_begin(xen, err);
	if (st)
		return st;
	/* Its restrictions mean nothing without someone to hear of their violation. */
	st = xen_ring_start(xen, err);
	if (!st)
		st = create(xen, access, view, err);
	xen_change_end(xen);
	return st;
}

enum vmi_status xen_view_destroy(void *self, uint16_t view, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	if (!view)
		st = vmi_fail(err, VMI_ERR_ARG, "view 0 is the guest's own");
	else if (!view_is_ours(xen, view))
		st = fail_none(view, err);
	else if (!xc_altp2m_destroy_view(xen->xc, xen->domain.id, view))
		xen->guard.shared->undo.views[view / 64] &= ~(UINT64_C(1) << view % 64);
	else if (errno == EBUSY)
		st = vmi_fail(err, VMI_ERR_BUSY, "a vcpu is still in view %u; switch first", view);
	else
		st = xen_fail(err, "destroying view %u", view);
	if (!st && !xen_views_exist(xen))
		xen_doomed_free(xen);
	xen_change_end(xen);
	return st;
}

static enum vmi_status switch_now(struct xen *xen, uint16_t view, struct vmi_error *err)
{
	xen->guard.shared->undo.view_switched = 1;
	if (xc_altp2m_switch_to_view(xen->xc, xen->domain.id, view))
		return xen_fail(err, "switching to view %u", view);
	return VMI_OK;
}

/* A fast singlestep under way would put its vcpu back into the view that it came from: end it. The
 * instruction is executed in the new view. */
static enum vmi_status switch_over_steps(struct xen *xen, uint16_t view, struct vmi_error *err)
{
	enum vmi_status st = xen_pause(xen, err);

	if (st)
		return st;
	for (uint32_t vcpu = 0; vcpu < xen->domain.vcpus; vcpu++)
		if (!xen->stepping[vcpu])
			xc_domain_debug_control(xen->xc, xen->domain.id,
						XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF, vcpu);
	xen->stepping_fast = false;
	st = switch_now(xen, view, err);
	enum vmi_status resumed = xen_unpause(xen, st ? NULL : err);
	return st ? st : resumed;
}

enum vmi_status xen_view_switch(void *self, uint16_t view, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	if (!xen_view_exists(xen, view))
		st = fail_none(view, err);
	else if (xen->guard.shared->undo.altp2m)
		st = xen->stepping_fast ? switch_over_steps(xen, view, err)
					: switch_now(xen, view, err);
	xen_change_end(xen);
	return st;
}

static enum vmi_status fail_gfn(const struct xen *xen, vmi_gfn from, vmi_gfn to,
				struct vmi_error *err)
{
	if (errno == ESRCH || errno == EINVAL)
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"gfn 0x%" PRIx64 " or gfn 0x%" PRIx64 " of domain %u is no memory",
				from, to, xen->domain.id);
	return xen_fail(err, "showing gfn 0x%" PRIx64 " at gfn 0x%" PRIx64, to, from);
}

/* Exchanging a frame loses its access: give it back. */
static enum vmi_status change(struct xen *xen, uint16_t view, vmi_gfn from, vmi_gfn to,
			      struct vmi_error *err)
{
	xenmem_access_t access = XENMEM_access_rwx;
	enum vmi_status st = xen_access_get_page(xen, view, from, &access, err);

	if (st)
		return st;
	if (xc_altp2m_change_gfn(xen->xc, xen->domain.id, view, from, to))
		return fail_gfn(xen, from, to, err);
	return xen_access_set_page(xen, view, from, access, err);
}

static enum vmi_status reset(struct xen *xen, uint16_t view, vmi_gfn gfn, struct vmi_error *err)
{
	xenmem_access_t access = (xenmem_access_t)xen->views.access[view];

	if (xc_altp2m_change_gfn(xen->xc, xen->domain.id, view, gfn, ~UINT64_C(0)))
		return xen_fail(err, "showing gfn 0x%" PRIx64 " as it is", gfn);
	if (access == XENMEM_access_rwx || xen->domain.version >= XEN_VERSION(4, 19))
		return VMI_OK;
	return xen_access_set_page(xen, view, gfn, access, err);
}

enum vmi_status xen_view_change_gfn(void *self, uint16_t view, vmi_gfn from, vmi_gfn to,
				    struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	if (!view)
		st = vmi_fail(err, VMI_ERR_ARG,
			      "in view 0, the guest's own, each gfn shows what it is");
	else if (!view_is_ours(xen, view))
		st = fail_none(view, err);
	else
		st = change(xen, view, from, to, err);
	xen_change_end(xen);
	return st;
}

enum vmi_status xen_view_reset_gfn(void *self, uint16_t view, vmi_gfn gfn, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = xen_change_begin(xen, err);

	if (st)
		return st;
	if (!xen_view_exists(xen, view))
		st = fail_none(view, err);
	else if (view)
		st = reset(xen, view, gfn, err);
	xen_change_end(xen);
	return st;
}
