/* SPDX-License-Identifier: MIT */
/* Requests and responses by their indices: over 2^32, out of order, and after any death. */

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "exchange.h"

struct setting {
	struct xen_shared *shared;
	union {
		vm_event_sring_t sring;
		uint8_t page[4096];
	} * ring;
};

static int setting_make(void **state)
{
	struct setting *s = calloc(1, sizeof(*s));

	s->shared = calloc(1, sizeof(*s->shared));
	s->ring = aligned_alloc(4096, 4096);
	memset(s->ring, 0, 4096);
	*state = s;
	return 0;
}

static int setting_end(void **state)
{
	struct setting *s = *state;

	free(s->shared);
	free(s->ring);
	free(s);
	return 0;
}

static void start_at(struct setting *s, uint32_t index)
{
	s->ring->sring.req_prod = s->ring->sring.rsp_prod = index;
	atomic_store(&s->shared->exchange.next, index);
}

static void put(struct setting *s, uint32_t vcpu)
{
	uint32_t index = s->ring->sring.req_prod++;

	s->ring->sring.ring[index % XEN_RING_SLOTS].req =
		(vm_event_request_t){.version = VM_EVENT_INTERFACE_VERSION,
				     .flags = VM_EVENT_FLAG_VCPU_PAUSED,
				     .vcpu_id = vcpu};
}

static uint32_t answer(struct setting *s, struct xen_taken *taken)
{
	vm_event_response_t response;

	xen_response_init(&response, &taken->request);
	uint32_t index = s->ring->sring.rsp_prod;

	xen_exchange_answer(&s->ring->sring, taken, &response);
	return s->ring->sring.ring[index % XEN_RING_SLOTS].rsp.vcpu_id;
}

static void indices_wrap(void **state)
{
	struct setting *s = *state;

	start_at(s, UINT32_MAX - 20);
	for (uint32_t i = 0; i < 100; i++) {
		unsigned batch = 1 + i % XEN_RING_SLOTS;

		for (unsigned j = 0; j < batch; j++)
			put(s, i + j);
		assert_int_equal(xen_exchange_waiting(s->shared, &s->ring->sring), batch);
		for (unsigned j = 0; j < batch; j++) {
			struct xen_taken *taken = xen_exchange_take(s->shared, &s->ring->sring);

			assert_non_null(taken);
			assert_int_equal(answer(s, taken), i + j);
		}
		assert_null(xen_exchange_take(s->shared, &s->ring->sring));
	}
	assert_int_equal(s->ring->sring.rsp_prod, s->ring->sring.req_prod);
}

/* All eight taken, answered backwards: each response names its own vcpu. */
static void out_of_order(void **state)
{
	struct setting *s = *state;
	struct xen_taken *taken[XEN_RING_SLOTS];

	start_at(s, UINT32_MAX - 3);
	for (uint32_t i = 0; i < XEN_RING_SLOTS; i++)
		put(s, i);
	for (unsigned i = 0; i < XEN_RING_SLOTS; i++)
		taken[i] = xen_exchange_take(s->shared, &s->ring->sring);
	for (unsigned i = XEN_RING_SLOTS; i-- > 0;) {
		assert_ptr_equal(xen_exchange_find(s->shared, i), taken[i]);
		assert_int_equal(answer(s, taken[i]), i);
		assert_null(xen_exchange_find(s->shared, i));
	}
}

/*
 * Death at each step of taking and answering: what is open afterwards are exactly the requests
 * without response. The steps are those of exchange.c, cut short.
 */
static void recovered(struct setting *s, unsigned expected_open, const bool *expect)
{
	unsigned open = 0;

	xen_exchange_recover(s->shared, &s->ring->sring);
	for (uint32_t v = 0; v < XEN_RING_SLOTS; v++) {
		struct xen_taken *taken = xen_exchange_find(s->shared, v);

		assert_int_equal(taken != NULL, expect[v]);
		open += taken != NULL;
	}
	assert_int_equal(open, expected_open);
	assert_int_equal(xen_exchange_waiting(s->shared, &s->ring->sring), 0);
}

static void death_at_each_step(void **state)
{
	struct setting *s = *state;

	for (unsigned step = 0; step < 6; step++)
		for (unsigned answered = 0; answered < 3; answered++) {
			bool expect[XEN_RING_SLOTS] = {false};

			memset(s->shared, 0, sizeof(*s->shared));
			start_at(s, UINT32_MAX - 1);
			for (uint32_t i = 0; i < 4; i++)
				put(s, i);
			for (unsigned i = 0; i < answered; i++)
				answer(s, xen_exchange_take(s->shared, &s->ring->sring));
			struct xen_exchange *x = &s->shared->exchange;
			struct xen_taken *t = &x->taken[0];
			vm_event_sring_t *ring = &s->ring->sring;
			uint32_t next = atomic_load(&x->next);
			if (step == 1) { /* copied, and not yet counted as taken */
				t->request = ring->ring[next % XEN_RING_SLOTS].req;
				t->index = next;
				atomic_store(&t->state, XEN_TAKEN_OPEN);
			} else if (step > 1) {
				t = xen_exchange_take(s->shared, ring);
			}
			if (step >= 3) { /* about to answer */
				t->response = ring->rsp_prod;
				atomic_store(&t->state, XEN_TAKEN_ANSWERING);
			}
			if (step >= 4) /* half written: the slot is ours, the index is not */
				memset(&ring->ring[ring->rsp_prod % XEN_RING_SLOTS], 0xee, 100);
			if (step >= 5)
				ring->rsp_prod++; /* published, and not yet free */
			for (unsigned i = answered + (step >= 5); i < 4; i++)
				expect[i] = true;
			recovered(s, 4 - answered - (step >= 5), expect);
		}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setting_make, setting_end)
	const struct CMUnitTest tests[] = {
		TEST(indices_wrap),
		TEST(out_of_order),
		TEST(death_at_each_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
