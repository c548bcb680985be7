/* SPDX-License-Identifier: MIT */
/* The driver's side of the guardian: starting it, changing nothing without it, saying goodbye. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "quiet.h"
#include "xen.h"

enum {
	DEADLINE_MS = 700,      /* of a request; with it a hang is over within a second */
	ANSWER_MS = 10000,      /* for a guardian to answer: a loaded host is slow */
	GOODBYE_MS = 2000,      /* for it to end */
	GFN_LIMIT_MIN = 1 << 20 /* 4 GiB */
};

uint32_t xen_deadline_usual(void)
{
	const char *text = getenv("VMI_XEN_DEADLINE_MS");
	char *end;

	if (!text || !*text)
		return DEADLINE_MS;
	unsigned long value = strtoul(text, &end, 10);
	return *end || value > UINT32_MAX ? DEADLINE_MS : (uint32_t)value;
}

struct xen_tools xen_tools(struct xen *xen)
{
	if (!xen->dm)
		xen->dm = xendevicemodel_open(xen_quiet(), 0);
	return (struct xen_tools){xen->xc, xen->fm, xen->dm, xen->ring.page};
}

/* ---- starting ------------------------------------------------------------------------------- */

static enum vmi_status shared_create(struct xen *xen, struct vmi_error *err)
{
	struct xen_guard *guard = &xen->guard;
	/* Room for as much again as there is, which is where frames are added. */
	uint64_t limit = 2 * (xen->domain.max_gfn + 1);

	limit = (limit < GFN_LIMIT_MIN ? GFN_LIMIT_MIN : limit) + 63;
	limit -= limit % 64;
	guard->memory = memfd_create("vmi-xen-guard", MFD_CLOEXEC);
	if (guard->memory < 0 || ftruncate(guard->memory, (off_t)xen_shared_size(limit)))
		return xen_fail(err, "making the memory that is shared with the guardian");
	void *map = mmap(NULL, xen_shared_size(limit), PROT_READ | PROT_WRITE, MAP_SHARED,
			 guard->memory, 0);
	if (map == MAP_FAILED)
		return xen_fail(err, "mapping the memory that is shared with the guardian");
	guard->shared = map;
	guard->shared->size = sizeof(*guard->shared);
	guard->shared->domid = xen->domain.id;
	memcpy(guard->shared->uuid, xen->domain.uuid, sizeof(guard->shared->uuid));
	guard->shared->vcpus = xen->domain.vcpus;
	atomic_store(&guard->shared->deadline_ms, guard->deadline_ms);
	guard->shared->gfn_limit = limit;
	return VMI_OK;
}

/* Wait for it to end; a guardian that does not is ended. */
static void guard_reap(pid_t pid)
{
	for (int ms = 0; pid > 0 && ms < GOODBYE_MS; ms++) {
		if (waitpid(pid, NULL, WNOHANG))
			return; /* it has ended, or someone else has taken notice */
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void guard_drop(struct xen_guard *guard)
{
	if (guard->socket >= 0)
		close(guard->socket);
	guard_reap(guard->pid);
	if (guard->shared)
		munmap(guard->shared, xen_shared_size(guard->shared->gfn_limit));
	if (guard->memory >= 0)
		close(guard->memory);
	guard->shared = NULL;
	guard->socket = guard->memory = -1;
	guard->pid = -1;
}

static enum vmi_status guard_start(struct xen *xen, struct vmi_error *err)
{
	struct xen_guard *guard = &xen->guard;
	int pair[2];
	enum vmi_status st = shared_create(xen, err);

	if (!st && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		st = xen_fail(err, "making a socket to the guardian");
	} else if (!st) {
		guard->socket = pair[0];
		guard->pid = xen_guard_spawn(pair[1], guard->memory);
		if (guard->pid < 0)
			st = xen_fail(err, "starting vmi-xen-guard, without which no guest is "
					   "changed");
		close(pair[1]);
	}
	if (!st)
		st = xen_guard_say(xen, XEN_WORD_HELLO, err);
	if (st)
		guard_drop(guard);
	return st;
}

enum vmi_status xen_guard_say(struct xen *xen, enum xen_word word, struct vmi_error *err)
{
	int socket = xen->guard.socket, reply = EPIPE;
	char byte = (char)word;
	struct pollfd fd = {socket, POLLIN, 0};

	if (send(socket, &byte, 1, MSG_NOSIGNAL) != 1)
		return vmi_fail(err, VMI_ERR_IO, "the guardian has ended");
	int ready;
	do {
		ready = poll(&fd, 1, ANSWER_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0 || recv(socket, &reply, sizeof(reply), 0) != sizeof(reply))
		return vmi_fail(err, VMI_ERR_IO, "the guardian does not answer");
	errno = reply;
	return reply ? xen_fail(err, "the guardian cannot do its work") : VMI_OK;
}

bool xen_guard_died(const struct xen *xen)
{
	struct pollfd fd = {xen->guard.socket, POLLIN, 0};

	/* It never speaks unasked. */
	return poll(&fd, 1, 0) > 0;
}

/* It counts anew from here on. */
enum vmi_status xen_event_deadline(void *self, uint32_t milliseconds, struct vmi_error *err)
{
	struct xen *xen = self;
	enum vmi_status st = VMI_OK;

	xen->guard.deadline_ms = milliseconds;
	if (!xen->guard.shared)
		return VMI_OK;
	st = xen_hold(xen, err);
	if (st)
		return st;
	atomic_store(&xen->guard.shared->deadline_ms, milliseconds);
	st = xen_guard_say(xen, XEN_WORD_DEADLINE, err);
	xen_change_end(xen);
	return st;
}

/* ---- the lock ------------------------------------------------------------------------------- */

static enum vmi_status fail_released(const struct xen *xen, struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_GONE, "domain %u was given back: %s", xen->domain.id,
			xen->guard.why);
}

/* With the mutex. */
static enum vmi_status lock_take(struct xen *xen, struct vmi_error *err)
{
	struct xen_guard *guard = &xen->guard;
	uint32_t owner = XEN_LOCK_FREE;

	if (guard->released)
		return fail_released(xen, err);
	if (atomic_compare_exchange_strong(&guard->shared->lock, &owner, XEN_LOCK_DRIVER))
		return VMI_OK;
	guard->released = true;
	guard->why = "a request of the guest had waited too long for its answer";
	return fail_released(xen, err);
}

static void lock_drop(struct xen *xen)
{
	uint32_t owner = XEN_LOCK_DRIVER;

	/* Not when the guardian has seized it. */
	atomic_compare_exchange_strong(&xen->guard.shared->lock, &owner, XEN_LOCK_FREE);
}

enum vmi_status xen_hold(struct xen *xen, struct vmi_error *err)
{
	pthread_mutex_lock(&xen->lock);
	enum vmi_status st = lock_take(xen, err);
	if (st)
		pthread_mutex_unlock(&xen->lock);
	return st;
}

enum vmi_status xen_change_begin(struct xen *xen, struct vmi_error *err)
{
	pthread_mutex_lock(&xen->lock);
	enum vmi_status st = xen->guard.shared ? VMI_OK : guard_start(xen, err);
	if (!st)
		st = lock_take(xen, err);
	if (!st && xen_guard_died(xen)) {
		xen_release(xen, "its guardian process has ended");
		lock_drop(xen);
		st = fail_released(xen, err);
	}
	if (st)
		pthread_mutex_unlock(&xen->lock);
	return st;
}

void xen_change_end(struct xen *xen)
{
	lock_drop(xen);
	pthread_mutex_unlock(&xen->lock);
}

/* ---- ending --------------------------------------------------------------------------------- */

void xen_release(struct xen *xen, const char *why)
{
	struct xen_tools tools = xen_tools(xen);

	xen_undo_all(xen->guard.shared, &tools);
	xen->guard.released = true;
	xen->guard.why = why;
}

void xen_guard_close(struct xen *xen)
{
	struct xen_guard *guard = &xen->guard;
	const char bye = XEN_WORD_BYE;

	if (!guard->shared)
		return;
	if (!xen_hold(xen, NULL)) {
		xen_release(xen, "it is closed");
		/* While the lock is still ours, so that the guardian has nothing to do. */
		if (send(guard->socket, &bye, 1, MSG_NOSIGNAL) != 1)
			guard->why = "its guardian process has ended";
		xen_change_end(xen);
	}
	guard_drop(guard);
}
