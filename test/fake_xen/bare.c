/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "bare.h"

static bool ring_start(struct bare *b)
{
	struct xen_domctl domctl = {.cmd = XEN_DOMCTL_vm_event_op, .domain = (domid_t)b->id};
	uint64_t value;

	if (xc_hvm_param_get(b->xc, b->id, HVM_PARAM_MONITOR_RING_PFN, &value))
		return false;
	xen_pfn_t gfn = value;
	b->ring = xenforeignmemory_map(b->fm, b->id, PROT_READ | PROT_WRITE, 1, &gfn, NULL);
	if (!b->ring && !xc_domain_populate_physmap_exact(b->xc, b->id, 1, 0, 0, &gfn))
		b->ring = xenforeignmemory_map(b->fm, b->id, PROT_READ | PROT_WRITE, 1, &gfn, NULL);
	domctl.u.vm_event_op.op = XEN_VM_EVENT_ENABLE;
	domctl.u.vm_event_op.mode = XEN_DOMCTL_VM_EVENT_OP_MONITOR;
	if (!b->ring || xc_domctl(b->xc, &domctl))
		return false;
	b->port = xenevtchn_bind_interdomain(b->channel, b->id, domctl.u.vm_event_op.u.enable.port);
	return b->port >= 0 && !xc_domain_decrease_reservation_exact(b->xc, b->id, 1, 0, &gfn);
}

bool bare_open(struct bare *b, uint32_t id)
{
	*b = (struct bare){.id = id};
	b->xc = xc_interface_open(NULL, NULL, 0);
	b->fm = xenforeignmemory_open(NULL, 0);
	b->channel = xenevtchn_open(NULL, 0);
	if (!b->xc || !b->fm || !b->channel || xc_domain_pause(b->xc, id))
		return false;
	bool on = ring_start(b);
	xc_domain_unpause(b->xc, id);
	return on;
}

void bare_close(struct bare *b)
{
	uint64_t value = 0;

	xc_monitor_disable(b->xc, b->id);
	/* The page of the ring back, so that all is as before. */
	xc_hvm_param_get(b->xc, b->id, HVM_PARAM_MONITOR_RING_PFN, &value);
	xen_pfn_t gfn = value;
	xc_domain_populate_physmap_exact(b->xc, b->id, 1, 0, 0, &gfn);
	if (b->ring)
		xenforeignmemory_unmap(b->fm, b->ring, 1);
	xenevtchn_close(b->channel);
	xenforeignmemory_close(b->fm);
	xc_interface_close(b->xc);
}

static void answer_one(struct bare *b, bare_answer_fn *answer)
{
	union vm_event_sring_entry *slot = &b->ring->ring[b->taken % FAKE_RING_SLOTS];
	vm_event_request_t request;
	vm_event_response_t response;

	memcpy(&request, &slot->req, sizeof(request));
	memset(&response, 0, sizeof(response));
	response.version = VM_EVENT_INTERFACE_VERSION;
	response.vcpu_id = request.vcpu_id;
	response.reason = request.reason;
	response.flags = request.flags & VM_EVENT_FLAG_VCPU_PAUSED;
	response.u = request.u;
	if (answer)
		answer(&request, &response);
	memcpy(&slot->rsp, &response, sizeof(response));
	b->taken++;
	__atomic_store_n(&b->ring->rsp_prod, b->taken, __ATOMIC_RELEASE);
}

static bool has_requests(const struct bare *b)
{
	return __atomic_load_n(&b->ring->req_prod, __ATOMIC_ACQUIRE) != b->taken;
}

unsigned bare_turn(struct bare *b, int timeout_ms, bare_answer_fn *answer)
{
	struct pollfd pfd = {.fd = xenevtchn_fd(b->channel), .events = POLLIN};
	unsigned n = 0;

	if (!has_requests(b) && poll(&pfd, 1, timeout_ms) == 1) {
		int port = xenevtchn_pending(b->channel);

		if (port >= 0)
			xenevtchn_unmask(b->channel, (evtchn_port_t)port);
	}
	for (; has_requests(b); n++)
		answer_one(b, answer);
	if (n)
		xenevtchn_notify(b->channel, (evtchn_port_t)b->port);
	b->count += n;
	return n;
}
