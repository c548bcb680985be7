/* SPDX-License-Identifier: MIT */
/* The guardian: waits for the driver's end, or for a request that lies too long. */

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"
#include "quiet.h"
#include "sign.h"
#include "undo.h"
#include "watch.h"

enum {
	TICK_MIN_MS = 5,
	TICK_MAX_MS = 100,
	PATIENCE_MS = 100, /* with a driver that holds the lock */
};

struct watch {
	int sign;            /* see xen_guard_sign() */
	int socket, process; /* -1: the kernel cannot watch processes; the socket does */
	struct xen_shared *shared;
	size_t size;
	struct xen_tools tools;
	/* The last sign of progress: an answer, or nothing to be answered. */
	uint32_t answered;
	uint64_t since_ms;
};

enum verdict { GO_ON, GOODBYE, DEAD, STUCK };

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	va_list ap;

	if (!getenv("VMI_GUARD_VERBOSE"))
		return;
	va_start(ap, fmt);
	fputs("vmi-xen-guard: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool shared_map(struct watch *watch, int memory)
{
	struct stat st;

	if (fstat(memory, &st) || st.st_size < (off_t)sizeof(struct xen_shared))
		return false;
	watch->size = (size_t)st.st_size;
	void *map = mmap(NULL, watch->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (map == MAP_FAILED)
		return false;
	watch->shared = map;
	return watch->shared->size == sizeof(struct xen_shared) &&
	       xen_shared_size(watch->shared->gfn_limit) <= watch->size;
}

/* Handles of its own: those of another process cannot be used. 0, or errno. */
static int tools_open(struct watch *watch)
{
	struct xen_tools *tools = &watch->tools;

	tools->xc = xc_interface_open(xen_quiet(), xen_quiet(), 0);
	if (tools->xc)
		tools->fm = xenforeignmemory_open(xen_quiet(), 0);
	if (!tools->xc || !tools->fm)
		return errno ? errno : EIO;
	/* Only for traps of the guest's own: not worth refusing. */
	tools->dm = xendevicemodel_open(xen_quiet(), 0);
	return 0;
}

static void tools_close(struct watch *watch)
{
	struct xen_tools *tools = &watch->tools;

	if (tools->ring)
		xenforeignmemory_unmap(tools->fm, tools->ring, 1);
	if (tools->dm)
		xendevicemodel_close(tools->dm);
	if (tools->fm)
		xenforeignmemory_close(tools->fm);
	if (tools->xc)
		xc_interface_close(tools->xc);
}

static int ring_map(struct watch *watch)
{
	watch->tools.ring = xen_frame_map(watch->tools.fm, watch->shared->domid,
					  watch->shared->undo.ring_gfn, PROT_READ | PROT_WRITE);
	return watch->tools.ring ? 0 : errno;
}

/* One word of the driver, or its silence. */
static enum verdict listen_once(struct watch *watch)
{
	char word = 0;
	ssize_t got = recv(watch->socket, &word, 1, MSG_DONTWAIT);
	int reply = 0;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return GO_ON;
	if (got <= 0)
		return DEAD;
	if (word == XEN_WORD_BYE)
		return GOODBYE;
	if (word == XEN_WORD_RING)
		reply = ring_map(watch);
	watch->since_ms = now_ms();
	if (send(watch->socket, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
		return DEAD;
	return GO_ON;
}

/* Does a request lie there that nobody answers? A guest that the driver has paused waits anyway. */
static bool is_stuck(struct watch *watch)
{
	const vm_event_sring_t *ring = watch->tools.ring;
	uint32_t deadline = atomic_load(&watch->shared->deadline_ms);
	uint64_t now = now_ms();

	if (!ring || !deadline)
		return false;
	uint32_t answered = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE);
	uint32_t asked = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);
	uint32_t pauses = __atomic_load_n(&watch->shared->undo.pauses, __ATOMIC_RELAXED);
	if (asked == answered || answered != watch->answered || pauses) {
		watch->answered = answered;
		watch->since_ms = now;
	}
	return now - watch->since_ms > deadline;
}

static int tick_ms(const struct watch *watch)
{
	uint32_t deadline = atomic_load(&watch->shared->deadline_ms), tick = deadline / 8;

	if (!watch->tools.ring || !deadline)
		return -1;
	return (int)(tick < TICK_MIN_MS ? TICK_MIN_MS : tick > TICK_MAX_MS ? TICK_MAX_MS : tick);
}

static enum verdict watch_on(struct watch *watch)
{
	for (;;) {
		struct pollfd fds[] = {{watch->socket, POLLIN, 0},
				       {watch->process, POLLIN, 0},
				       {watch->sign, POLLIN, 0}};
		int ready = poll(fds, 3, tick_ms(watch));
		enum verdict verdict = GO_ON;
		if (ready > 0 && fds[0].revents)
			verdict = listen_once(watch);
		else if (ready > 0 && fds[1].revents)
			verdict = DEAD;
		else if (ready > 0 && fds[2].revents)
			xen_sign_answer(watch->sign);
		if (verdict == GO_ON && is_stuck(watch))
			verdict = STUCK;
		if (verdict != GO_ON)
			return verdict;
	}
}

/* The lock is never given back: what comes after is not the driver's business any more. A driver
 * that holds it too long has stopped in the middle of a change, which is written down. */
static void lock_seize(struct watch *watch, enum verdict verdict)
{
	uint64_t end = now_ms() + (verdict == DEAD ? 0 : PATIENCE_MS);
	uint32_t owner = XEN_LOCK_FREE;

	while (!atomic_compare_exchange_weak(&watch->shared->lock, &owner, XEN_LOCK_GUARDIAN) &&
	       now_ms() < end) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		owner = XEN_LOCK_FREE;
	}
	atomic_store(&watch->shared->lock, XEN_LOCK_GUARDIAN);
}

static void give_back(struct watch *watch, enum verdict verdict)
{
	lock_seize(watch, verdict);
	uint64_t start = now_ms();
	struct xen_undone undone = xen_undo_all(watch->shared, &watch->tools);

	say("the driver %s; domain %u was given back in %llu ms, %u requests answered",
	    verdict == DEAD ? "is dead" : "hangs", watch->shared->domid,
	    (unsigned long long)(now_ms() - start), undone.answered);
	if (undone.failures)
		say("%u steps failed, the first: %s: %s", undone.failures, undone.step,
		    strerror(undone.error));
}

int xen_guard_watch(int socket, int memory)
{
	struct watch watch = {.socket = socket, .process = -1};
	enum verdict verdict = DEAD;
	char word;
	int error = shared_map(&watch, memory) ? tools_open(&watch) : EINVAL;

	watch.sign = error ? -1 : xen_guard_sign(watch.shared->domid, watch.shared->uuid);

	/* A process that the driver forked holds the socket open as well: ask for its life, too. */
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	if (!getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		watch.process = pidfd_open(peer.pid, 0);
	bool hello = recv(socket, &word, 1, 0) == 1 && word == XEN_WORD_HELLO;
	if (hello && send(socket, &error, sizeof(error), MSG_NOSIGNAL) == sizeof(error) && !error) {
		verdict = watch_on(&watch);
		if (verdict != GOODBYE)
			give_back(&watch, verdict);
	} else {
		error = error ? error : EPIPE;
	}
	tools_close(&watch);
	if (watch.process >= 0)
		close(watch.process);
	if (watch.sign >= 0)
		close(watch.sign);
	if (watch.shared)
		munmap(watch.shared, watch.size);
	close(socket);
	return error ? 2 : verdict == GOODBYE ? 0 : 1;
}
