/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "world.h"

int world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->m = fake_machine_create();
	w->d = fake_domain(w->m, 1);
	fake_baseline(w->d, &w->before);
	w->handler.answer = vmi_response_default();
	*state = w;
	return 0;
}

struct vmi *world_open(struct world *w)
{
	struct vmi_error err;

	CHECK_OK(vmi_open_driver(&w->vm, &driver_xen, "1", NULL, &err));
	return w->vm;
}

void world_close(struct world *w)
{
	vmi_close(w->vm);
	w->vm = NULL;
	assert_int_equal(fake_open_handles(), 0);
	assert_int_equal(fake_mapped_pages(), 0);
	const char *changed =
		w->d->used ? fake_changed(w->m, w->d, &w->before, w->text, sizeof(w->text)) : NULL;
	if (changed)
		fail_msg("the guest was not given back: %s", changed);
}

int world_end(void **state)
{
	struct world *w = *state;

	world_close(w);
	fake_machine_destroy(w->m);
	free(w);
	return 0;
}

struct vmi_response world_answer(void *handler, const struct vmi_event *event)
{
	struct world_handler *h = handler;

	h->last = *event;
	h->count++;
	h->reasons[event->reason]++;
	return h->then ? h->then(h->context, event) : h->answer;
}

static bool all_done(const struct fake_domain *d)
{
	for (unsigned i = 0; i < d->vcpu_count; i++)
		if (!fake_done(d, i))
			return false;
	return true;
}

uint64_t world_serve(struct world *w)
{
	struct vmi_error err;
	uint64_t before = w->handler.count;

	fake_run(w->m);
	while (!all_done(w->d)) {
		CHECK_OK(vmi_event_wait(w->vm, 5000, world_answer, &w->handler, &err));
		assert_true(w->handler.count - before < 1000000); /* not for ever */
	}
	return w->handler.count - before;
}

uint64_t world_do(struct world *w, unsigned vcpu, const struct fake_op *op)
{
	fake_program(w->d, vcpu, op, 1, 1);
	return world_serve(w);
}

void world_enable(struct world *w, const struct vmi_monitor *monitor)
{
	struct vmi_error err;

	CHECK_OK(vmi_monitor_enable(w->vm, monitor, &err));
}
