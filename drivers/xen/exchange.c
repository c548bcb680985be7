/* SPDX-License-Identifier: MIT */
/* Requests out of the ring, responses into it: each request gets exactly one. */

#include <string.h>

#include "exchange.h"

/* The other end is the hypervisor: what it wrote before the index is read after it. */
static uint32_t index_load(const RING_IDX *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void index_store(RING_IDX *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static union vm_event_sring_entry *slot(vm_event_sring_t *ring, uint32_t index)
{
	union vm_event_sring_entry *slots = ring->ring;

	return &slots[index % XEN_RING_SLOTS];
}

uint32_t xen_exchange_waiting(const struct xen_shared *shared, const vm_event_sring_t *ring)
{
	return index_load(&ring->req_prod) - atomic_load(&shared->exchange.next);
}

struct xen_taken *xen_exchange_take(struct xen_shared *shared, vm_event_sring_t *ring)
{
	struct xen_exchange *exchange = &shared->exchange;
	uint32_t waiting = xen_exchange_waiting(shared, ring);
	struct xen_taken *taken = NULL;

	for (unsigned i = 0; waiting && i < XEN_RING_SLOTS && !taken; i++)
		if (atomic_load(&exchange->taken[i].state) == XEN_TAKEN_FREE)
			taken = &exchange->taken[i];
	if (!taken)
		return NULL;
	uint32_t index = atomic_load(&exchange->next);
	memcpy(&taken->request, &slot(ring, index)->req, sizeof(taken->request));
	taken->index = index;
	atomic_store_explicit(&taken->state, XEN_TAKEN_OPEN, memory_order_release);
	atomic_store_explicit(&exchange->next, index + 1, memory_order_release);
	index_store(&ring->req_event, index + 2);
	return taken;
}

/* Of a response: most have nothing behind their first part. */
static size_t length(const vm_event_response_t *response)
{
	const uint32_t more = VM_EVENT_FLAG_SET_REGISTERS | VM_EVENT_FLAG_SET_EMUL_READ_DATA |
			      VM_EVENT_FLAG_SET_EMUL_INSN_DATA;

	return response->flags & more ? sizeof(*response) : offsetof(vm_event_response_t, data);
}

void xen_exchange_answer(vm_event_sring_t *ring, struct xen_taken *taken,
			 const vm_event_response_t *response)
{
	uint32_t index = index_load(&ring->rsp_prod);

	taken->response = index;
	atomic_store_explicit(&taken->state, XEN_TAKEN_ANSWERING, memory_order_release);
	memcpy(&slot(ring, index)->rsp, response, length(response));
	index_store(&ring->rsp_prod, index + 1);
	atomic_store_explicit(&taken->state, XEN_TAKEN_FREE, memory_order_release);
}

struct xen_taken *xen_exchange_find(struct xen_shared *shared, uint32_t vcpu)
{
	struct xen_taken *oldest = NULL;

	for (unsigned i = 0; i < XEN_RING_SLOTS; i++) {
		struct xen_taken *taken = &shared->exchange.taken[i];
		if (atomic_load_explicit(&taken->state, memory_order_relaxed) != XEN_TAKEN_OPEN ||
		    taken->request.vcpu_id != vcpu)
			continue;
		if (!oldest || (int32_t)(taken->index - oldest->index) < 0)
			oldest = taken;
	}
	return oldest;
}

void xen_exchange_recover(struct xen_shared *shared, vm_event_sring_t *ring)
{
	uint32_t answered = index_load(&ring->rsp_prod);
	uint32_t next = atomic_load(&shared->exchange.next);

	for (unsigned i = 0; i < XEN_RING_SLOTS; i++) {
		struct xen_taken *taken = &shared->exchange.taken[i];
		uint32_t state = atomic_load(&taken->state);
		bool published = (int32_t)(answered - taken->response) > 0;

		/* Copied, but `next` was not moved on: the ring still has it. */
		if (state != XEN_TAKEN_FREE && (int32_t)(next - taken->index) <= 0)
			state = XEN_TAKEN_FREE;
		else if (state == XEN_TAKEN_ANSWERING)
			state = published ? XEN_TAKEN_FREE : XEN_TAKEN_OPEN;
		atomic_store(&taken->state, state);
	}
	while (xen_exchange_take(shared, ring))
		;
}
