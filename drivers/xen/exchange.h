/* SPDX-License-Identifier: MIT */
#ifndef XEN_EXCHANGE_H
#define XEN_EXCHANGE_H

#include <string.h>

#include "shared.h"

/**
 * Requests out of the ring, responses into it (xen/io/ring.h, xen/vm_event.h). Xen is the front
 * end; there are never more requests without response than slots, so a slot in which a response is
 * put held a request that was taken before.
 */

/* How many requests wait to be taken; more than XEN_RING_SLOTS when the indices are nonsense. */
uint32_t xen_exchange_waiting(const struct xen_shared *shared, const vm_event_sring_t *ring);

/* The next request, copied out; NULL when there is none. */
struct xen_taken *xen_exchange_take(struct xen_shared *shared, vm_event_sring_t *ring);

/* Its only response. Xen sees it when told, or earlier. */
void xen_exchange_answer(vm_event_sring_t *ring, struct xen_taken *taken,
			 const vm_event_response_t *response);

/* The open request of a vcpu that waits for an answer, the oldest first; NULL when there is none.
 */
struct xen_taken *xen_exchange_find(struct xen_shared *shared, uint32_t vcpu);

/* After a death at any moment: make the taken requests true to the ring, and take all the others.
 * Then those that are open are exactly those without response. */
void xen_exchange_recover(struct xen_shared *shared, vm_event_sring_t *ring);

/* A response that only lets the vcpu go on. What lies behind its first part, registers or bytes to
 * emulate with, is not touched: Xen looks at it only when a flag says so. */
static inline void xen_response_init(vm_event_response_t *response,
				     const vm_event_request_t *request)
{
	memcpy(response, request, offsetof(vm_event_response_t, data));
	response->version = VM_EVENT_INTERFACE_VERSION;
	response->flags = request->flags & VM_EVENT_FLAG_VCPU_PAUSED;
}

#endif
