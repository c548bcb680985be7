/* SPDX-License-Identifier: MIT */
/* Taking events, answering them, and waiting for them. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "xen.h"

/* How often a silent guest is asked whether it lives; also how late a lost notification is. */
enum { LIFE_SIGN_MS = 500 };

/* How many events are taken before a busy wait looks for anything but events. */
enum { LOOKS_BLIND = 64 };

uint64_t xen_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void answer_put(struct xen *xen, struct xen_taken *taken,
		       const vm_event_response_t *response)
{
	xen_exchange_answer(xen->ring.page, taken, response);
	xen->ring.unflushed = true;
}

/* Nobody waits for this one; the slot does. */
static void answer_plainly(struct xen *xen, struct xen_taken *taken)
{
	vm_event_response_t response;

	xen_response_init(&response, &taken->request);
	answer_put(xen, taken, &response);
}

static enum vmi_status fail_strange(struct xen *xen, struct xen_taken *taken, struct vmi_error *err)
{
	uint32_t version = taken->request.version, vcpu = taken->request.vcpu_id;

	xen->ring.strange++;
	answer_plainly(xen, taken);
	if (version != VM_EVENT_INTERFACE_VERSION)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"an event of version %u, not %d, was answered and passed over",
				version, VM_EVENT_INTERFACE_VERSION);
	return vmi_fail(err, VMI_ERR_CORRUPT,
			"an event of vcpu %u, of which there are %u, was answered and passed over",
			vcpu, xen->domain.vcpus);
}

/* With the lock. VMI_END: none is there. */
static enum vmi_status take_next(struct xen *xen, struct vmi_event *event, struct vmi_error *err)
{
	struct xen_taken *taken;

	if (xen_exchange_waiting(xen->guard.shared, xen->ring.page) > XEN_RING_SLOTS) {
		xen->ring.strange++;
		xen_release(xen, "its event ring holds more than fits");
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the event ring of domain %u holds more than fits; the guest was "
				"given back",
				xen->domain.id);
	}
	taken = xen_exchange_take(xen->guard.shared, xen->ring.page);
	if (!taken)
		return VMI_END;
	if (taken->request.version != VM_EVENT_INTERFACE_VERSION ||
	    taken->request.vcpu_id >= xen->domain.vcpus)
		return fail_strange(xen, taken, err);
	xen_event_decode(&taken->request, event);
	if (!(event->flags & VMI_EVENT_VCPU_PAUSED))
		answer_plainly(xen, taken);
	if (!xen->ring.busy_since)
		xen->ring.busy_since = xen_now();
	return VMI_OK;
}

static enum vmi_status take_one(struct xen *xen, struct vmi_event *event, struct vmi_error *err)
{
	if (!xen->guard.shared)
		return VMI_END; /* nothing was ever turned on */
	enum vmi_status st = xen_hold(xen, err);
	if (st)
		return st;
	st = xen->ring.page ? take_next(xen, event, err) : VMI_END;
	xen_change_end(xen);
	return st;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* The guest or its guardian has ended. */
static enum vmi_status give_up(struct xen *xen, const char *why, struct vmi_error *err)
{
	enum vmi_status st = xen_hold(xen, err);

	if (st)
		return st;
	xen_release(xen, why);
	xen_change_end(xen);
	return VMI_OK;
}

static enum vmi_status check_life(struct xen *xen, struct vmi_error *err)
{
	enum vmi_status st = xen_domain_check(xen, err);

	if (st == VMI_ERR_GONE && xen->guard.shared) {
		enum vmi_status released = give_up(xen, "it has ended", NULL);
		(void)released; /* the guardian was faster */
	}
	return st;
}

static enum vmi_status channel_clear(struct xen *xen, struct vmi_error *err)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(xen->ring.channel);

	if (port < 0 && (errno == EAGAIN || errno == EINTR))
		return VMI_OK;
	if (port < 0 || xenevtchn_unmask(xen->ring.channel, (evtchn_port_t)port))
		return xen_fail(err, "asking the event channel of domain %u", xen->domain.id);
	return VMI_OK;
}

static enum vmi_status heed(struct xen *xen, const struct pollfd fds[3], struct vmi_error *err)
{
	if (fds[2].revents) {
		enum vmi_status st = give_up(xen, "its guardian process has ended", err);
		return st ? st
			  : vmi_fail(err, VMI_ERR_GONE, "domain %u was given back: %s",
				     xen->domain.id, xen->guard.why);
	}
	if (fds[0].revents) {
		enum vmi_status st = channel_clear(xen, err);
		if (st)
			return st;
	}
	if (fds[1].revents)
		return vmi_fail(err, VMI_ERR_INTERRUPTED, "the wait for events was interrupted");
	return VMI_OK;
}

/* A guest that raises one event after the other never lets the wait sleep: look up now and then. */
static enum vmi_status look_up(struct xen *xen, int wake_fd, struct vmi_error *err)
{
	struct pollfd fds[] = {
		{-1, POLLIN, 0},
		{wake_fd, POLLIN, 0},
		{xen->guard.released ? -1 : xen->guard.socket, POLLIN, 0},
	};

	if (++xen->ring.looks % LOOKS_BLIND || poll(fds, 3, 0) <= 0)
		return VMI_OK;
	return heed(xen, fds, err);
}

/* Until something happens, or `until` has come. VMI_OK: look again. */
static enum vmi_status wait_once(struct xen *xen, uint64_t until, int wake_fd,
				 struct vmi_error *err)
{
	struct pollfd fds[] = {
		{xen->ring.channel ? xenevtchn_fd(xen->ring.channel) : -1, POLLIN, 0},
		{wake_fd, POLLIN, 0},
		{xen->guard.released ? -1 : xen->guard.socket, POLLIN, 0},
	};
	uint64_t now = xen_now(), slice = (uint64_t)LIFE_SIGN_MS * 1000000;
	uint64_t left = until > now ? until - now : 0;
	bool last = left <= slice;
	struct timespec timeout = {0};

	left = last ? left : slice;
	timeout.tv_sec = (time_t)(left / 1000000000);
	timeout.tv_nsec = (long)(left % 1000000000);
	int ready = ppoll(fds, 3, &timeout, NULL);
	if (ready < 0 && errno == EINTR)
		return vmi_fail(err, VMI_ERR_INTERRUPTED, "a signal came");
	if (ready < 0)
		return xen_fail(err, "waiting for events");
	if (ready)
		return heed(xen, fds, err);
	if (until) {
		enum vmi_status st = check_life(xen, err);
		if (st)
			return st;
	}
	return last ? vmi_fail(err, VMI_ERR_TIMEOUT, "no event came in time") : VMI_OK;
}

enum vmi_status xen_event_take(void *self, int timeout_ms, int wake_fd, struct vmi_event *event,
			       struct vmi_error *err)
{
	struct xen *xen = self;
	uint64_t until = timeout_ms < 0 ? UINT64_MAX : 0;
	bool late = false;

	for (;;) {
		enum vmi_status st = look_up(xen, wake_fd, err);
		if (!st)
			st = take_one(xen, event, err);
		if (st != VMI_END)
			return st;
		if (late)
			return vmi_fail(err, VMI_ERR_TIMEOUT, "no event came in time");
		st = xen_event_flush(xen, err);
		if (st)
			return st;
		if (!until && timeout_ms > 0)
			until = xen_now() + (uint64_t)timeout_ms * 1000000;
		st = wait_once(xen, until, wake_fd, err);
		/* One more look: a notification may have been lost. */
		late = st == VMI_ERR_TIMEOUT;
		if (st && !late)
			return st;
	}
}

/* ---- answering ------------------------------------------------------------------------------ */

enum vmi_status xen_event_answer(void *self, const struct vmi_event *event,
				 const struct vmi_response *response, struct vmi_error *err)
{
	struct xen *xen = self;
	vm_event_response_t answer;

	if (!xen->guard.shared)
		return vmi_fail(err, VMI_ERR_ARG, "no event was taken");
	if (!(event->flags & VMI_EVENT_VCPU_PAUSED))
		return VMI_OK; /* its vcpu did not wait: it was answered when it was taken */
	enum vmi_status st = xen_hold(xen, err);
	if (st)
		return st;
	struct xen_taken *taken = xen_exchange_find(xen->guard.shared, event->vcpu);
	if (taken) {
		st = xen_answer_build(xen, &taken->request, response, &answer, err);
		answer_put(xen, taken, &answer);
	} else {
		st = vmi_fail(err, VMI_ERR_ARG, "vcpu %u waits for no answer", event->vcpu);
	}
	xen_change_end(xen);
	return st;
}

enum vmi_status xen_event_flush(void *self, struct vmi_error *err)
{
	struct xen *xen = self;
	struct xen_ring *ring = &xen->ring;

	if (ring->busy_since) {
		ring->overhead_ns += xen_now() - ring->busy_since;
		ring->busy_since = 0;
	}
	if (!ring->unflushed || xen->guard.released)
		return VMI_OK;
	/* Without its channel Xen can still be told the long way; what failed is tried again. */
	if (xenevtchn_notify(ring->channel, (evtchn_port_t)ring->port) &&
	    xc_monitor_resume(xen->xc, xen->domain.id))
		return xen_fail(err, "telling Xen of the answers");
	ring->unflushed = false;
	return VMI_OK;
}

enum vmi_status xen_event_pending(void *self, size_t *count, struct vmi_error *err)
{
	struct xen *xen = self;

	(void)err;
	*count = 0;
	if (xen->ring.page && !xen->guard.released)
		*count = xen_exchange_waiting(xen->guard.shared, xen->ring.page);
	return VMI_OK;
}

enum vmi_status xen_event_overhead(void *self, uint64_t *nanoseconds, struct vmi_error *err)
{
	const struct xen *xen = self;

	(void)err;
	*nanoseconds = xen->ring.overhead_ns;
	if (xen->ring.busy_since)
		*nanoseconds += xen_now() - xen->ring.busy_since;
	return VMI_OK;
}
