/* SPDX-License-Identifier: MIT */
/* The in-memory target as a running guest: access, views, events, control. */

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "fake_driver.h"

enum { EVENT_NS = 1000 };

/* ---- access --------------------------------------------------------------------------------- */

static struct fake_access *access_find(struct fake *fake, uint16_t view, vmi_gfn gfn)
{
	for (unsigned i = 0; i < fake->access_count; i++)
		if (fake->access[i].view == view && fake->access[i].gfn == gfn)
			return &fake->access[i];
	return NULL;
}

static enum vmi_status view_check(const struct fake *fake, uint16_t view, struct vmi_error *err)
{
	if (view < FAKE_VIEWS && fake->views[view].used)
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "there is no view %u", view);
}

static enum vmi_status access_get(void *self, uint16_t view, vmi_gfn gfn, unsigned *access,
				  unsigned *options, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_ACCESS_GET, err);

	if (!st)
		st = view_check(fake, view, err);
	if (st)
		return st;
	const struct fake_access *found = access_find(fake, view, gfn);
	*access = found ? found->access : fake->views[view].access;
	*options = found ? found->options : 0;
	return VMI_OK;
}

static enum vmi_status access_set(void *self, uint16_t view, vmi_gfn gfn, unsigned access,
				  unsigned options, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_ACCESS_SET, err);

	if (!st)
		st = view_check(fake, view, err);
	if (st)
		return st;
	struct fake_access *found = access_find(fake, view, gfn);
	if (!found) {
		assert_true(fake->access_count < FAKE_LIST);
		found = &fake->access[fake->access_count++];
	}
	*found = (struct fake_access){view, gfn, access, options};
	return VMI_OK;
}

/* ---- views ---------------------------------------------------------------------------------- */

static enum vmi_status view_initial(void *self, uint16_t *view, struct vmi_error *err)
{
	enum vmi_status st = fake_called(fake_of(self), FAKE_VIEW, err);

	if (!st)
		*view = 0;
	return st;
}

static enum vmi_status view_create(void *self, unsigned access, uint16_t *view,
				   struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_VIEW, err);

	if (st)
		return st;
	for (uint16_t i = 1; i < FAKE_VIEWS; i++) {
		if (fake->views[i].used)
			continue;
		fake->views[i].used = true;
		fake->views[i].access = access;
		*view = i;
		return VMI_OK;
	}
	return vmi_fail(err, VMI_ERR_BUSY, "all %d views are in use", FAKE_VIEWS);
}

static enum vmi_status view_destroy(void *self, uint16_t view, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_VIEW, err);

	if (!st)
		st = view_check(fake, view, err);
	if (st)
		return st;
	if (!view)
		return vmi_fail(err, VMI_ERR_ARG, "view 0 is the guest's own");
	if (view == fake->view)
		return vmi_fail(err, VMI_ERR_BUSY, "view %u is active", view);
	fake->views[view].used = false;
	return VMI_OK;
}

static enum vmi_status view_switch_to(void *self, uint16_t view, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_VIEW, err);

	if (!st)
		st = view_check(fake, view, err);
	if (!st)
		fake->view = view;
	return st;
}

static enum vmi_status view_change_gfn(void *self, uint16_t view, vmi_gfn from, vmi_gfn to,
				       struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_VIEW, err);

	if (!st)
		st = view_check(fake, view, err);
	if (st)
		return st;
	assert_true(fake->change_count < FAKE_LIST);
	fake->changes[fake->change_count].view = view;
	fake->changes[fake->change_count].from = from;
	fake->changes[fake->change_count++].to = to;
	return VMI_OK;
}

static enum vmi_status view_reset_gfn(void *self, uint16_t view, vmi_gfn gfn, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_VIEW, err);

	if (!st)
		st = view_check(fake, view, err);
	for (unsigned i = 0; !st && i < fake->change_count; i++)
		if (fake->changes[i].view == view && fake->changes[i].from == gfn) {
			fake->changes[i] = fake->changes[--fake->change_count];
			return VMI_OK;
		}
	return st ? st : vmi_fail(err, VMI_ERR_NOT_FOUND, "gfn 0x%" PRIx64 " is not changed", gfn);
}

/* ---- events --------------------------------------------------------------------------------- */

static unsigned monitor_find(const struct fake *fake, const struct vmi_monitor *monitor)
{
	unsigned i = 0;

	while (i < fake->monitor_count && memcmp(&fake->monitors[i], monitor, sizeof(*monitor)))
		i++;
	return i;
}

static enum vmi_status event_enable(void *self, const struct vmi_monitor *monitor,
				    struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_MONITOR, err);

	if (st)
		return st;
	usleep(1000 * fake->enable_ms);
	if (monitor_find(fake, monitor) < fake->monitor_count)
		return vmi_fail(err, VMI_ERR_BUSY, "this is monitored already");
	assert_true(fake->monitor_count < FAKE_LIST);
	fake->monitors[fake->monitor_count++] = *monitor;
	return VMI_OK;
}

static enum vmi_status event_disable(void *self, const struct vmi_monitor *monitor,
				     struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_MONITOR, err);
	unsigned i = monitor_find(fake, monitor);

	if (st)
		return st;
	if (i == fake->monitor_count)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "this is not monitored");
	fake->monitors[i] = fake->monitors[--fake->monitor_count];
	return VMI_OK;
}

static enum vmi_status event_pending(void *self, size_t *count, struct vmi_error *err)
{
	(void)err;
	*count = fake_of(self)->event_count;
	return VMI_OK;
}

static enum vmi_status event_overhead(void *self, uint64_t *nanoseconds, struct vmi_error *err)
{
	(void)err;
	*nanoseconds = fake_of(self)->overhead;
	return VMI_OK;
}

static enum vmi_status event_deadline(void *self, uint32_t milliseconds, struct vmi_error *err)
{
	(void)err;
	fake_of(self)->deadline_ms = milliseconds;
	return VMI_OK;
}

/* Wait for nothing to happen, or for someone to call it off. */
static enum vmi_status event_none(int timeout_ms, int wake_fd, struct vmi_error *err)
{
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	int n = poll(&wake, 1, timeout_ms);

	if (n)
		return vmi_fail(err, VMI_ERR_INTERRUPTED, "the wait was interrupted");
	return vmi_fail(err, VMI_ERR_TIMEOUT, "no event within %d ms", timeout_ms);
}

static enum vmi_status event_flush(void *self, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_FLUSH, err);

	if (!st)
		fake->unflushed = 0;
	return st;
}

static enum vmi_status event_take(void *self, int timeout_ms, int wake_fd, struct vmi_event *event,
				  struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	enum vmi_status st = fake_called(fake, FAKE_TAKE, err);

	if (st)
		return st;
	if (poll(&wake, 1, 0) > 0)
		return event_none(0, wake_fd, err);
	if (!fake->event_count) {
		fake->unflushed = 0; /* a driver flushes before it waits */
		if (!fake->guest || !fake->guest(fake))
			return event_none(timeout_ms, wake_fd, err);
	}
	*event = fake->events[0];
	memmove(fake->events, fake->events + 1, --fake->event_count * sizeof(*fake->events));
	fake->in_flight++;
	return VMI_OK;
}

static enum vmi_status event_answer(void *self, const struct vmi_event *event,
				    const struct vmi_response *response, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_ANSWER, err);
	struct vmi_response plain = vmi_response_default();

	assert_true(fake->in_flight > 0); /* one answer for each */
	fake->in_flight--;
	fake->unflushed++;
	if (st)
		response = &plain; /* what cannot be done is answered "continue" */
	if (fake->response_count < FAKE_LIST)
		fake->responses[fake->response_count] = *response;
	fake->response_count++;
	fake->overhead += EVENT_NS;
	if (response->view != VMI_VIEW_NONE)
		fake->view = response->view;
	for (unsigned reg = 0; response->set_registers && reg < VMI_GP_REGISTER_COUNT; reg++)
		vmi_register_know(&fake->registers[event->vcpu], (enum vmi_register)reg,
				  response->registers[reg]);
	return st;
}

void fake_answer_rest(struct fake *fake)
{
	fake->continued += fake->in_flight;
	fake->in_flight = 0;
	fake->unflushed = 0;
}

void fake_event(struct fake *fake, const struct vmi_event *event)
{
	assert_true(fake->event_count < FAKE_LIST);
	fake->events[fake->event_count++] = *event;
}

/* ---- control -------------------------------------------------------------------------------- */

static enum vmi_status control_pause(void *self, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_PAUSE, err);

	if (st)
		return st;
	assert_int_equal(fake->paused, 0); /* the core nests */
	fake->paused = 1;
	return VMI_OK;
}

static enum vmi_status control_resume(void *self, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_RESUME, err);

	if (st)
		return st;
	assert_int_equal(fake->paused, 1);
	fake->paused = 0;
	return VMI_OK;
}

static enum vmi_status control_allocate_at(void *self, vmi_gfn gfn, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_ALLOCATE, err);

	if (st)
		return st;
	if (fake_at(fake, gfn << VMI_PAGE_SHIFT))
		return vmi_fail(err, VMI_ERR_BUSY, "there is memory at gfn 0x%" PRIx64, gfn);
	fake_memory(fake, gfn << VMI_PAGE_SHIFT, 1);
	return VMI_OK;
}

static enum vmi_status control_allocate(void *self, vmi_gfn *gfn, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	vmi_gfn next = 0;

	for (unsigned i = 0; i < fake->block_count; i++) {
		const struct fake_block *block = &fake->blocks[i];
		vmi_gfn end = (block->gpa >> VMI_PAGE_SHIFT) + block->pages;
		next = end > next ? end : next;
	}
	enum vmi_status st = control_allocate_at(self, next, err);
	if (!st)
		*gfn = next;
	return st;
}

static enum vmi_status control_free(void *self, vmi_gfn gfn, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_FREE, err);

	if (st)
		return st;
	for (unsigned i = 0; i < fake->block_count; i++) {
		struct fake_block *block = &fake->blocks[i];
		if (block->gone || block->pages != 1 || block->gpa >> VMI_PAGE_SHIFT != gfn)
			continue;
		block->gone = true;
		return VMI_OK;
	}
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "gfn 0x%" PRIx64 " was not allocated", gfn);
}

static enum vmi_status control_inject(void *self, unsigned vcpu,
				      const struct vmi_interrupt *interrupt, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_INJECT, err);

	assert_true(vcpu < fake->vcpus);
	if (st)
		return st;
	fake->injected = *interrupt;
	fake->injected_vcpu = vcpu;
	return VMI_OK;
}

static enum vmi_status control_reset(void *self, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_RESET, err);

	if (st)
		return st;
	fake_answer_rest(fake);
	fake->resets++;
	fake->monitor_count = 0;
	fake->access_count = 0;
	fake->change_count = 0;
	fake->view = 0;
	for (unsigned i = 1; i < FAKE_VIEWS; i++)
		fake->views[i].used = false;
	return VMI_OK;
}

void fake_live_table(struct vmi_driver_ops *ops)
{
	ops->access.get = access_get;
	ops->access.set = access_set;
	ops->view.initial = view_initial;
	ops->view.create = view_create;
	ops->view.destroy = view_destroy;
	ops->view.switch_to = view_switch_to;
	ops->view.change_gfn = view_change_gfn;
	ops->view.reset_gfn = view_reset_gfn;
	ops->event.enable = event_enable;
	ops->event.disable = event_disable;
	ops->event.pending = event_pending;
	ops->event.overhead = event_overhead;
	ops->event.deadline = event_deadline;
	ops->event.take = event_take;
	ops->event.answer = event_answer;
	ops->event.flush = event_flush;
	ops->control.pause = control_pause;
	ops->control.resume = control_resume;
	ops->control.allocate = control_allocate;
	ops->control.allocate_at = control_allocate_at;
	ops->control.free = control_free;
	ops->control.inject = control_inject;
	ops->control.reset = control_reset;
}
