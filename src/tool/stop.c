/* SPDX-License-Identifier: MIT */
/* Signals and a deadline as something to look at. */

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vmi/live.h>

#include "stop.h"

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The signal that came; 0: the deadline. */
static int wait_for(struct stop *stop)
{
	int number;

	do {
		uint64_t now = clock_ns();
		uint64_t deadline = atomic_load(&stop->deadline_ns);
		uint64_t left = deadline > now ? deadline - now : 0;
		struct timespec time = {.tv_sec = (time_t)(left / 1000000000),
					.tv_nsec = (long)(left % 1000000000)};

		number = sigtimedwait(&stop->signals, NULL, deadline == UINT64_MAX ? NULL : &time);
	} while ((number < 0 && errno == EINTR) || number == SIGALRM);
	return number < 0 ? 0 : number;
}

static void *watch(void *context)
{
	struct stop *stop = context;

	for (;;) {
		int number = wait_for(stop);

		if (atomic_load(&stop->ended))
			return NULL;
		if (number && stop_asked(stop) == STOP_SIGNAL)
			_exit(128 + number); /* asked twice: something hangs */
		atomic_store(&stop->why, number ? STOP_SIGNAL : STOP_TIME);
		atomic_store(&stop->deadline_ns, UINT64_MAX);
		if (stop->vm)
			vmi_event_interrupt(stop->vm);
	}
}

int stop_begin(struct stop *stop, struct vmi *vm)
{
	memset(stop, 0, sizeof(*stop));
	stop->vm = vm;
	atomic_init(&stop->deadline_ns, UINT64_MAX);
	sigemptyset(&stop->signals);
	sigaddset(&stop->signals, SIGINT);
	sigaddset(&stop->signals, SIGTERM);
	sigaddset(&stop->signals, SIGHUP);
	sigaddset(&stop->signals, SIGALRM); /* our own: there is a new deadline */
	int failed = pthread_sigmask(SIG_BLOCK, &stop->signals, &stop->before);
	if (failed)
		return failed;
	failed = pthread_create(&stop->thread, NULL, watch, stop);
	if (failed)
		pthread_sigmask(SIG_SETMASK, &stop->before, NULL);
	return failed;
}

void stop_after(struct stop *stop, uint64_t duration_ns)
{
	atomic_store(&stop->deadline_ns, clock_ns() + duration_ns);
	pthread_kill(stop->thread, SIGALRM);
}

void stop_end(struct stop *stop)
{
	atomic_store(&stop->ended, true);
	pthread_kill(stop->thread, SIGTERM); /* only wakes it: the signal is blocked everywhere */
	pthread_join(stop->thread, NULL);
	pthread_sigmask(SIG_SETMASK, &stop->before, NULL);
}
