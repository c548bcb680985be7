/* SPDX-License-Identifier: MIT */
/* The smallest loop over Xen's event ring that answers every event with "emulate". */

#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

#include <xenevtchn.h>

struct bare {
	vm_event_back_ring_t ring;
	xenevtchn_handle *channel;
	int port;
	const volatile uint64_t *word; /* that is read at each event; NULL: none */
	uint64_t sum;
};

static void answer(struct bare *bare)
{
	vm_event_request_t request;
	vm_event_response_t response = {0};

	memcpy(&request, RING_GET_REQUEST(&bare->ring, bare->ring.req_cons), sizeof(request));
	bare->ring.req_cons++;
	bare->ring.sring->req_event = bare->ring.req_cons + 1;
	if (bare->word)
		bare->sum += *bare->word;
	response.version = VM_EVENT_INTERFACE_VERSION;
	response.vcpu_id = request.vcpu_id;
	response.reason = request.reason;
	response.flags = (request.flags & VM_EVENT_FLAG_VCPU_PAUSED) | VM_EVENT_FLAG_EMULATE;
	response.u = request.u;
	memcpy(RING_GET_RESPONSE(&bare->ring, bare->ring.rsp_prod_pvt), &response,
	       sizeof(response));
	bare->ring.rsp_prod_pvt++;
}

/* False: nothing comes any more. */
static bool turn(struct bare *bare, uint64_t *events)
{
	struct pollfd fd = {xenevtchn_fd(bare->channel), POLLIN, 0};

	if (!RING_HAS_UNCONSUMED_REQUESTS(&bare->ring)) {
		if (poll(&fd, 1, 5000) != 1)
			return false;
		int port = xenevtchn_pending(bare->channel);
		if (port >= 0)
			xenevtchn_unmask(bare->channel, (evtchn_port_t)port);
	}
	for (; RING_HAS_UNCONSUMED_REQUESTS(&bare->ring); ++*events)
		answer(bare);
	RING_PUSH_RESPONSES(&bare->ring);
	xenevtchn_notify(bare->channel, (evtchn_port_t)bare->port);
	return true;
}

static double run(struct bench *b, struct bare *bare, uint64_t count)
{
	uint64_t events = 0;

	lab_patterns(&mailbox(b, 0)->in);
	mailbox(b, 0)->in.rcx = count;
	mailbox(b, 0)->in.rdi = LAB_SCRATCH;
	uint64_t start = now_ms();
	lab_begin(&b->guest, 0, LAB_OP_WRITES);
	while (events < count && turn(bare, &events))
		;
	double rate = (double)events * 1000.0 / (double)(now_ms() - start);
	lab_end(&b->guest, 0, 1000);
	return events == count ? rate : 0;
}

/* Xen's macros take the difference of two pointers for a size. */
static void ring_init(struct bare *bare, vm_event_sring_t *page)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
	SHARED_RING_INIT(page);
	BACK_RING_INIT(&bare->ring, page, 4096);
#pragma GCC diagnostic pop
}

double bare_rate(struct bench *b, uint64_t count, const volatile uint64_t *word)
{
	struct bare bare = {.channel = xenevtchn_open(NULL, 0), .word = word};
	uint32_t id = b->guest.domid, remote = 0;
	double rate = 0;
	vm_event_sring_t *page = xc_monitor_enable(b->xc, id, &remote);

	if (page && bare.channel) {
		ring_init(&bare, page);
		bare.port = xenevtchn_bind_interdomain(bare.channel, id, remote);
		if (bare.port >= 0 &&
		    !xc_set_mem_access(b->xc, id, XENMEM_access_rx, LAB_SCRATCH >> 12, 1)) {
			rate = run(b, &bare, count);
			xc_set_mem_access(b->xc, id, XENMEM_access_rwx, LAB_SCRATCH >> 12, 1);
		}
	}
	if (page) {
		xc_monitor_disable(b->xc, id);
		munmap(page, 4096);
		ring_page_back(b);
	}
	if (bare.channel)
		xenevtchn_close(bare.channel);
	return rate;
}
