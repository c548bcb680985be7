/* SPDX-License-Identifier: MIT */
#ifndef XEN_UNDO_H
#define XEN_UNDO_H

#include "shared.h"

#include <xendevicemodel.h>
#include <xenforeignmemory.h>

/**
 * Giving a guest back: undoing exactly what the shared record says, in an order in which the guest
 * survives. The driver does it when it closes, the guardian when the driver cannot.
 */

/* What undoing needs. The ring is NULL when none was on. */
struct xen_tools {
	xc_interface *xc;
	xenforeignmemory_handle *fm;
	xendevicemodel_handle *dm;
	vm_event_sring_t *ring;
};

/* What could not be undone: every step is tried, whatever became of those before it. */
struct xen_undone {
	unsigned failures;
	const char *step; /* the first that failed */
	int error;
	unsigned answered; /* requests */
};

/* Monitors, steps, views and access. The ring stays on and the guest as paused as it was. */
struct xen_undone xen_undo_watching(struct xen_shared *shared, const struct xen_tools *tools);
/* All of it. Afterwards the ring's page is no longer Xen's. */
struct xen_undone xen_undo_all(struct xen_shared *shared, const struct xen_tools *tools);

/* The ring alone, of a start that failed: nothing else was changed, and nobody waits. */
void xen_undo_ring(struct xen_shared *shared, const struct xen_tools *tools);

/* One switch off; -1 and errno. */
int xen_switch_off(xc_interface *xc, uint32_t domid, enum xen_switch which);

/* Is this still the domain that was opened? 1 yes, 0 it is gone, -1 and errno: cannot tell. */
int xen_domain_lives(xc_interface *xc, const struct xen_shared *shared, xc_domaininfo_t *info);

#endif
