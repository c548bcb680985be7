/* SPDX-License-Identifier: MIT */
#ifndef FAKE_XEN_BARE_H
#define FAKE_XEN_BARE_H

/**
 * @file
 * The smallest consumer of events there can be: Xen's libraries and nothing else. It tests the
 * fake, and is what a loop is measured against.
 */

#include "fake_xen.h"

#include <xenevtchn.h>
#include <xenforeignmemory.h>

struct bare {
	xc_interface *xc;
	xenforeignmemory_handle *fm;
	xenevtchn_handle *channel;
	int port;
	struct vm_event_sring *ring;
	RING_IDX taken;
	uint32_t id;
	uint64_t count;
};

/** The ring of a domain, or false and errno. */
bool bare_open(struct bare *bare, uint32_t id);
void bare_close(struct bare *bare);
/** Change an answer that would continue. NULL: nothing to change. */
typedef void bare_answer_fn(const vm_event_request_t *request, vm_event_response_t *response);
/** Wait up to timeout_ms, answer what there is, notify once. How many events there were. */
unsigned bare_turn(struct bare *bare, int timeout_ms, bare_answer_fn *answer);

#endif
