/* SPDX-License-Identifier: MIT */
/* Access of pages, and altp2m: as Xen's p2m code does both, with its traps. */

#include <errno.h>
#include <string.h>

#include "inside.h"

bool view_valid(const struct fake_domain *d, uint16_t view)
{
	return view < FAKE_VIEWS && (!view || (d->altp2m && d->views[view].used));
}

struct fake_entry *view_entry(const struct fake_machine *m, struct fake_domain *d, uint16_t view,
			      uint64_t gfn)
{
	struct fake_entry *host = entry_find(d, gfn);

	if (!host || !view)
		return host;
	struct fake_entry *entry = &d->views[view].entries[host - d->p2m];
	if (!entry->frame) {
		/* Before 4.19 a lazy copy has the host's access, whatever the view's default. */
		*entry = *host;
		if (m->host.minor >= 19)
			entry->access = d->views[view].default_access;
	}
	return entry;
}

static void view_reset(struct fake_view *view)
{
	memset(view->entries, 0, sizeof(view->entries));
	view->min_remapped = UINT64_MAX;
	view->max_remapped = 0;
}

void views_propagate(struct fake_domain *d, const struct fake_entry *host, bool dropped)
{
	ptrdiff_t slot = host - d->p2m;

	if (!d->altp2m)
		return;
	for (unsigned i = 1; i < FAKE_VIEWS; i++) {
		struct fake_view *view = &d->views[i];

		if (!view->used)
			continue;
		if (dropped && host->gfn >= view->min_remapped && host->gfn <= view->max_remapped) {
			d->harm.reset_views++;
			view_reset(view);
		} else if (dropped) {
			view->entries[slot] = (struct fake_entry){0};
		} else if (view->entries[slot].frame) {
			view->entries[slot] = *host;
		}
	}
}

/* ---- access --------------------------------------------------------------------------------- */

static int access_check(struct fake_domain *d, unsigned access, uint8_t *out)
{
	if (access == XENMEM_access_default)
		*out = d->default_access;
	else if (access < XENMEM_access_default)
		*out = (uint8_t)access;
	else
		return EINVAL;
	return 0;
}

static int access_set(struct fake_machine *m, struct fake_domain *d, uint16_t view, uint64_t gfn,
		      unsigned access)
{
	struct fake_entry *entry;
	uint8_t to;
	int error = access_check(d, access, &to);

	if (error)
		return error;
	if (!view_valid(d, view))
		return EINVAL;
	entry = view_entry(m, d, view, gfn);
	if (!entry)
		return ESRCH;
	entry->access = to;
	if (!view)
		views_propagate(d, entry, false);
	return 0;
}

/* mem_access needs EPT. */
static struct fake_machine *access_begin(const char *name, uint32_t id, struct fake_domain **d)
{
	struct fake_machine *m = call_begin_domain(name, id, d);

	if (m && (m->host.no_ept || (*d)->type == FAKE_PV || (*d)->no_hap)) {
		call_end(m, EINVAL);
		return NULL;
	}
	return m;
}

int xc_set_mem_access(xc_interface *xch, uint32_t id, xenmem_access_t access, uint64_t first,
		      uint32_t nr)
{
	struct fake_domain *d;
	struct fake_machine *m = access_begin("xc_set_mem_access", id, &d);
	int error = 0;

	(void)xch;
	if (!m)
		return -1;
	if (first == ~0ull)
		return call_end(m, access_check(d, access, &d->default_access));
	for (uint32_t i = 0; i < nr && !error; i++)
		error = access_set(m, d, 0, first + i, access);
	return call_end(m, error);
}

int xc_set_mem_access_multi(xc_interface *xch, uint32_t id, uint8_t *access, uint64_t *gfns,
			    uint32_t nr)
{
	struct fake_domain *d;
	struct fake_machine *m = access_begin("xc_set_mem_access_multi", id, &d);
	int error = 0;

	(void)xch;
	if (!m)
		return -1;
	for (uint32_t i = 0; i < nr && !error; i++)
		error = access_set(m, d, 0, gfns[i], access[i]);
	return call_end(m, error);
}

int xc_get_mem_access(xc_interface *xch, uint32_t id, uint64_t gfn, xenmem_access_t *access)
{
	struct fake_domain *d;
	struct fake_machine *m = access_begin("xc_get_mem_access", id, &d);
	struct fake_entry *entry;

	(void)xch;
	if (!m)
		return -1;
	if (!d->ring.on) /* nobody to tell */
		return call_end(m, ENODEV);
	if (gfn == ~0ull) {
		*access = d->default_access;
		return call_end(m, 0);
	}
	entry = entry_find(d, gfn);
	if (!entry)
		return call_end(m, ESRCH);
	*access = entry->access;
	return call_end(m, 0);
}

/* ---- altp2m --------------------------------------------------------------------------------- */

static struct fake_machine *altp2m_begin(const char *name, uint32_t id, struct fake_domain **d)
{
	struct fake_machine *m = call_begin_domain(name, id, d);
	int error = 0;

	if (!m)
		return NULL;
	if (m->host.no_altp2m || (*d)->type == FAKE_PV)
		error = EOPNOTSUPP;
	else if ((*d)->params[HVM_PARAM_ALTP2M] == XEN_ALTP2M_disabled)
		error = EPERM;
	if (!error)
		return m;
	call_end(m, error);
	return NULL;
}

/* Everything but the state itself needs the state to be on. */
static struct fake_machine *altp2m_begin_active(const char *name, uint32_t id,
						struct fake_domain **d)
{
	struct fake_machine *m = altp2m_begin(name, id, d);

	if (!m || (*d)->altp2m)
		return m;
	call_end(m, EOPNOTSUPP);
	return NULL;
}

int xc_altp2m_get_domain_state(xc_interface *xch, uint32_t id, bool *state)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin("xc_altp2m_get_domain_state", id, &d);

	(void)xch;
	if (!m)
		return -1;
	*state = d->altp2m;
	return call_end(m, 0);
}

int xc_altp2m_set_domain_state(xc_interface *xch, uint32_t id, bool state)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin("xc_altp2m_set_domain_state", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (d->nested)
		return call_end(m, EINVAL);
	if (d->altp2m != state) {
		d->altp2m = state;
		for (unsigned i = 1; i < FAKE_VIEWS; i++)
			d->views[i].used = false;
		for (unsigned i = 0; i < d->vcpu_count; i++)
			d->vcpus[i].view = 0;
	}
	return call_end(m, 0);
}

int xc_altp2m_create_view(xc_interface *xch, uint32_t id, xenmem_access_t access, uint16_t *view)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_create_view", id, &d);
	uint8_t checked;

	(void)xch;
	if (!m)
		return -1;
	if (access_check(d, access, &checked))
		return call_end(m, EINVAL);
	for (uint16_t i = 1; i < FAKE_VIEWS; i++) {
		struct fake_view *v = &d->views[i];

		if (v->used)
			continue;
		*v = (struct fake_view){.used = true, .default_access = checked};
		view_reset(v);
		*view = i;
		return call_end(m, 0);
	}
	return call_end(m, EINVAL); /* that is how Xen says "no more" */
}

int xc_altp2m_destroy_view(xc_interface *xch, uint32_t id, uint16_t view)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_destroy_view", id, &d);

	(void)xch;
	if (!m)
		return -1;
	/* Xen has one error for all of it. */
	if (!view || !view_valid(d, view))
		return call_end(m, EBUSY);
	for (unsigned i = 0; i < d->vcpu_count; i++)
		if (d->vcpus[i].view == view)
			return call_end(m, EBUSY);
	d->views[view].used = false;
	return call_end(m, 0);
}

int xc_altp2m_switch_to_view(xc_interface *xch, uint32_t id, uint16_t view)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_switch_to_view", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (!view_valid(d, view) || d->views[view].hidden)
		return call_end(m, EINVAL);
	for (unsigned i = 0; i < d->vcpu_count; i++)
		d->vcpus[i].view = view;
	return call_end(m, 0);
}

int xc_altp2m_get_vcpu_p2m_idx(xc_interface *xch, uint32_t id, uint32_t vcpu, uint16_t *view)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_get_vcpu_p2m_idx", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (vcpu >= d->vcpu_count)
		return call_end(m, EINVAL);
	*view = d->vcpus[vcpu].view;
	return call_end(m, 0);
}

int xc_altp2m_set_visibility(xc_interface *xch, uint32_t id, uint16_t view, bool visible)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_set_visibility", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (!view_valid(d, view))
		return call_end(m, EINVAL);
	d->views[view].hidden = !visible;
	return call_end(m, 0);
}

int xc_altp2m_set_mem_access(xc_interface *xch, uint32_t id, uint16_t view, xen_pfn_t gfn,
			     xenmem_access_t access)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_set_mem_access", id, &d);

	(void)xch;
	return m ? call_end(m, access_set(m, d, view, gfn, access)) : -1;
}

int xc_altp2m_set_mem_access_multi(xc_interface *xch, uint32_t id, uint16_t view, uint8_t *access,
				   uint64_t *gfns, uint32_t nr)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_set_mem_access_multi", id, &d);
	int error = 0;

	(void)xch;
	if (!m)
		return -1;
	for (uint32_t i = 0; i < nr && !error; i++)
		error = access_set(m, d, view, gfns[i], access[i]);
	return call_end(m, error);
}

int xc_altp2m_get_mem_access(xc_interface *xch, uint32_t id, uint16_t view, xen_pfn_t gfn,
			     xenmem_access_t *access)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_get_mem_access", id, &d);
	struct fake_entry *entry;

	(void)xch;
	if (!m)
		return -1;
	if (!view_valid(d, view))
		return call_end(m, EINVAL);
	entry = entry_find(d, gfn);
	if (entry && view)
		entry = &d->views[view].entries[entry - d->p2m];
	/* A query does not materialise. */
	if (!entry || !entry->frame)
		return call_end(m, ESRCH);
	*access = entry->access;
	return call_end(m, 0);
}

int xc_altp2m_change_gfn(xc_interface *xch, uint32_t id, uint16_t view, xen_pfn_t from,
			 xen_pfn_t to)
{
	struct fake_domain *d;
	struct fake_machine *m = altp2m_begin_active("xc_altp2m_change_gfn", id, &d);
	struct fake_entry *entry, *target;

	(void)xch;
	if (!m)
		return -1;
	if (!view_valid(d, view))
		return call_end(m, EINVAL);
	entry = view ? view_entry(m, d, view, from) : NULL;
	if (!view) /* the first altp2m, which nobody uses by that name: no harm, no effect */
		return call_end(m, 0);
	if (to == ~(xen_pfn_t)0) {
		if (entry)
			*entry = (struct fake_entry){0};
		return call_end(m, 0);
	}
	target = entry_find(d, to);
	if (!entry || !target)
		return call_end(m, ESRCH);
	/* Frame and access are those of the new page: what was set before is lost. */
	struct fake_entry *seen = &d->views[view].entries[target - d->p2m];
	target = seen->frame ? seen : target;
	entry->frame = target->frame;
	entry->access = target->access;
	if (to < d->views[view].min_remapped)
		d->views[view].min_remapped = to;
	if (to > d->views[view].max_remapped)
		d->views[view].max_remapped = to;
	return call_end(m, 0);
}
