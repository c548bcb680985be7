/* SPDX-License-Identifier: MIT */
/* Was a guest left as it was found? */

#include <stdio.h>
#include <string.h>

#include "inside.h"

void fake_baseline(const struct fake_domain *d, struct fake_baseline *b)
{
	b->max_pages = d->max_pages;
	b->tot_pages = d->tot_pages;
	memcpy(b->p2m, d->p2m, sizeof(b->p2m));
}

static bool vcpu_changed(const struct fake_domain *d, char *text, size_t size)
{
	for (unsigned i = 0; i < d->vcpu_count; i++) {
		const struct fake_vcpu *v = &d->vcpus[i];
		const char *what = v->event_pauses ? "waits for an answer"
				   : v->waiting    ? "waits for room in the ring"
				   : v->view       ? "is in another view"
				   : v->singlestep ? "is stepping"
						   : NULL;

		if (what)
			return snprintf(text, size, "vcpu %u %s", i, what) > 0;
	}
	return false;
}

static bool monitored(const struct fake_domain *d)
{
	static const struct fake_monitors none;

	return memcmp(&d->monitors, &none, sizeof(none)) != 0;
}

static bool domain_changed(const struct fake_domain *d, char *text, size_t size)
{
	const char *what = d->pauses ? "paused" : d->altp2m ? "altp2m is on" : NULL;

	if (d->ring.on)
		what = "the ring is on";
	else if (monitored(d))
		what = "a monitor is on";
	return what && snprintf(text, size, "%s", what) > 0;
}

/* The ring's page goes for as long as the ring is on, and another one comes. */
static bool frame_same(const struct fake_domain *d, const struct fake_entry *is,
		       const struct fake_entry *was)
{
	return is->frame == was->frame || is->gfn == d->params[HVM_PARAM_MONITOR_RING_PFN];
}

static bool memory_changed(struct fake_domain *d, const struct fake_baseline *b, char *text,
			   size_t size)
{
	if (d->max_pages != b->max_pages)
		return snprintf(text, size, "limit %llu pages, was %llu",
				(unsigned long long)d->max_pages,
				(unsigned long long)b->max_pages) > 0;
	if (d->tot_pages != b->tot_pages)
		return snprintf(text, size, "%llu pages, were %llu",
				(unsigned long long)d->tot_pages,
				(unsigned long long)b->tot_pages) > 0;
	if (d->default_access != XENMEM_access_rwx)
		return snprintf(text, size, "default access %u", d->default_access) > 0;
	for (unsigned i = 0; i < FAKE_ENTRIES; i++) {
		const struct fake_entry *was = &b->p2m[i], *is = entry_find(d, was->gfn);
		if (was->frame && !(is && frame_same(d, is, was) && is->access == was->access))
			return snprintf(text, size, "gfn 0x%llx: frame %u access %u, were %u, %u",
					(unsigned long long)was->gfn, is ? is->frame : 0,
					is ? is->access : 0, was->frame, was->access) > 0;
	}
	return false;
}

static bool harmed(const struct fake_domain *d, char *text, size_t size)
{
	const struct fake_harm *h = &d->harm;

	if (!(h->underflow | h->unpaused | h->stray | h->overflow | h->version | h->overwritten |
	      h->reset_views | h->bad_view | h->int3))
		return false;
	return snprintf(text, size,
			"harm: underflow %u unpaused %u stray %u overflow %u version %u "
			"overwritten %u reset views %u bad view %u int3 %u",
			h->underflow, h->unpaused, h->stray, h->overflow, h->version,
			h->overwritten, h->reset_views, h->bad_view, h->int3) > 0;
}

const char *fake_changed(struct fake_machine *m, struct fake_domain *d,
			 const struct fake_baseline *b, char *text, size_t size)
{
	fake_lock(m);
	bool changed = harmed(d, text, size) || vcpu_changed(d, text, size) ||
		       domain_changed(d, text, size) || memory_changed(d, b, text, size);
	fake_unlock(m);
	return changed ? text : NULL;
}
