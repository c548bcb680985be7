/* SPDX-License-Identifier: MIT */
#ifndef FAKE_XEN_WORLD_H
#define FAKE_XEN_WORLD_H

/** @file The driver, on the fake: what each of its tests begins with. */

#include "check.h"

#include "fake_xen.h"

extern const struct vmi_driver_ops driver_xen;

/** A handler that does as it is told and counts. */
struct world_handler {
	struct vmi_response answer;
	struct vmi_event last;
	uint64_t count;
	uint64_t reasons[VMI_REASON_COUNT];
	vmi_event_fn *then; /**< NULL: `answer` */
	void *context;
};

struct world {
	struct fake_machine *m;
	struct fake_domain *d;
	struct fake_baseline before;
	struct vmi *vm; /**< NULL until world_open() */
	struct world_handler handler;
	char text[256];
};

/** Set-up and tear-down of a cmocka test; the second closes, and the guest must be unharmed. */
int world_make(void **state);
int world_end(void **state);
/** The guest of the machine, by id. Fails the test when it cannot be opened. */
struct vmi *world_open(struct world *world);
/** Close; no handle may stay open, no page mapped, and the guest is as it was. */
void world_close(struct world *world);

/** Let the guest run, then answer by the handler until the guests are done. How many events. */
uint64_t world_serve(struct world *world);
/** One thing for a vcpu to do; then world_serve(). */
uint64_t world_do(struct world *world, unsigned vcpu, const struct fake_op *op);
void world_enable(struct world *world, const struct vmi_monitor *monitor);
/** The callback that goes with the handler. */
struct vmi_response world_answer(void *handler, const struct vmi_event *event);

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

#endif
