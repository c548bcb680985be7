/* SPDX-License-Identifier: MIT */
/* What the guest may do with a page, in its own view or in one of ours. */

#include <errno.h>
#include <inttypes.h>

#include "frames.h"
#include "xen.h"

enum { ACCESS_ALL = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

/* R, W, X are the bits of XENMEM_access_n to _rwx (xen/memory.h). */
static_assert((int)XENMEM_access_r == VMI_ACCESS_R && (int)XENMEM_access_w == VMI_ACCESS_W &&
		      (int)XENMEM_access_x == VMI_ACCESS_X && (int)XENMEM_access_rwx == ACCESS_ALL,
	      "the same bits");

static unsigned from_xen(xenmem_access_t access, unsigned *options)
{
	*options = 0;
	if (access <= XENMEM_access_rwx)
		return access;
	if (access == XENMEM_access_rx2rw)
		return VMI_ACCESS_R | VMI_ACCESS_X;
	if (access == XENMEM_access_default)
		return ACCESS_ALL;
#ifdef XEN_HAS_ACCESS_R_PW
	if (access == XENMEM_access_r_pw) {
		*options = VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES;
		return VMI_ACCESS_R;
	}
#endif
	return 0; /* n2rwx: nothing, until it is tried */
}

static enum vmi_status to_xen(const struct xen *xen, unsigned access, unsigned options,
			      xenmem_access_t *to, struct vmi_error *err)
{
	/* SDM vol. 3C 28.3.3.1: an EPT entry that is writable but not readable is an error. */
	if ((access & VMI_ACCESS_W) && !(access & VMI_ACCESS_R))
		return vmi_fail(err, VMI_ERR_ARG,
				"the cpu has no pages that can be written but not read");
	*to = (xenmem_access_t)access;
	if (!options)
		return VMI_OK;
#ifdef XEN_HAS_ACCESS_R_PW
	*to = XENMEM_access_r_pw;
	if (xen->domain.version >= XEN_VERSION(4, 20))
		return VMI_OK;
#endif
	return vmi_fail(
		err, VMI_ERR_UNSUPPORTED,
		"ignoring page-walk updates needs Xen 4.20, and a driver that was built for "
		"it; this is Xen %u.%u",
		xen->domain.version >> 16, xen->domain.version & 0xffff);
}

static enum vmi_status fail_view(uint16_t view, struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_ARG, "there is no view %u", view);
}

/* Xen says ESRCH, "no such process", of a frame that has no memory or is not in the view yet. */
static enum vmi_status fail_page(const struct xen *xen, const char *what, vmi_gfn gfn,
				 struct vmi_error *err)
{
	if (errno == ESRCH || errno == EINVAL || errno == ENOENT || errno == ENODEV)
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"gfn 0x%" PRIx64 " of domain %u is no memory", gfn, xen->domain.id);
	return xen_fail(err, "%s the access of gfn 0x%" PRIx64, what, gfn);
}

enum vmi_status xen_access_get_page(struct xen *xen, uint16_t view, vmi_gfn gfn,
				    xenmem_access_t *access, struct vmi_error *err)
{
	uint32_t id = xen->domain.id;
	int failed = view ? xc_altp2m_get_mem_access(xen->xc, id, view, gfn, access)
			  : xc_get_mem_access(xen->xc, id, gfn, access);

	if (!failed)
		return VMI_OK;
	/* Nobody takes events, so nothing is restricted: Xen then lifts what was at the first try.
	 */
	if (!view && errno == ENODEV && xen_frame_exists(xen->fm, id, gfn) == 1) {
		*access = XENMEM_access_rwx;
		return VMI_OK;
	}
	/* Not in the view yet: it will get the view's own, if it is memory at all. */
	if (view && errno == ESRCH && !xc_get_mem_access(xen->xc, id, gfn, access)) {
		*access = (xenmem_access_t)xen->views.access[view];
		return VMI_OK;
	}
	return fail_page(xen, "asking for", gfn, err);
}

enum vmi_status xen_access_set_page(struct xen *xen, uint16_t view, vmi_gfn gfn,
				    xenmem_access_t access, struct vmi_error *err)
{
	uint32_t id = xen->domain.id;
	int failed = view ? xc_altp2m_set_mem_access(xen->xc, id, view, gfn, access)
			  : xc_set_mem_access(xen->xc, id, access, gfn, 1);

	return failed ? fail_page(xen, "setting", gfn, err) : VMI_OK;
}

/* In the guest's own view: written down before, so that it is given back. */
static enum vmi_status own_set(struct xen *xen, vmi_gfn gfn, xenmem_access_t access,
			       struct vmi_error *err)
{
	struct xen_shared *shared = xen->guard.shared;

	if (gfn >= shared->gfn_limit)
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"gfn 0x%" PRIx64 " of domain %u is no memory", gfn, xen->domain.id);
	bool had = xen_gfn_set_has(shared, XEN_GFNS_ACCESS, gfn);
	xen_gfn_set_add(shared, XEN_GFNS_ACCESS, gfn);
	shared->undo.access_changed = 1;
	enum vmi_status st = xen_access_set_page(xen, 0, gfn, access, err);
	if (st ? !had : access == XENMEM_access_rwx)
		xen_gfn_set_remove(shared, XEN_GFNS_ACCESS, gfn);
	return st;
}

enum vmi_status xen_access_get(void *self, uint16_t view, vmi_gfn gfn, unsigned *access,
			       unsigned *options, struct vmi_error *err)
{
	struct xen *xen = self;
	xenmem_access_t found = XENMEM_access_n;
	enum vmi_status st;

	pthread_mutex_lock(&xen->lock);
	if (xen_view_exists(xen, view))
		st = xen_access_get_page(xen, view, gfn, &found, err);
	else
		st = fail_view(view, err);
	if (!st)
		*access = from_xen(found, options);
	pthread_mutex_unlock(&xen->lock);
	return st;
}

enum vmi_status xen_access_set(void *self, uint16_t view, vmi_gfn gfn, unsigned access,
			       unsigned options, struct vmi_error *err)
{
	struct xen *xen = self;
	xenmem_access_t to = XENMEM_access_n;
	enum vmi_status st = to_xen(xen, access, options, &to, err);

	if (!st)
		st = xen_change_begin(xen, err);
	if (st)
		return st;
	if (!xen_view_exists(xen, view))
		st = fail_view(view, err);
	/* Without a ring Xen would lift the restriction at the first violation. */
	if (!st)
		st = xen_ring_start(xen, err);
	if (!st)
		st = view ? xen_access_set_page(xen, view, gfn, to, err)
			  : own_set(xen, gfn, to, err);
	xen_change_end(xen);
	return st;
}
