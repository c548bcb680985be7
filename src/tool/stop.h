/* SPDX-License-Identifier: MIT */
#ifndef TOOL_STOP_H
#define TOOL_STOP_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct vmi;

enum stop_why { STOP_NOT, STOP_SIGNAL, STOP_TIME };

/**
 * Waits for Ctrl-C, SIGTERM, SIGHUP or a deadline in a thread of its own, so that nothing has to be
 * undone in a signal handler: asks are remembered, and a wait for events is ended. A second signal
 * ends the program where it stands; whoever watches over the guest then frees it.
 */
struct stop {
	struct vmi *vm;               /* NULL: no wait for events to end */
	_Atomic uint64_t deadline_ns; /* UINT64_MAX: none */
	pthread_t thread;
	sigset_t signals, before;
	atomic_int why; /* enum stop_why */
	atomic_bool ended;
};

/* 0, or an errno; from here to stop_end() those signals do not kill. */
int stop_begin(struct stop *stop, struct vmi *vm);
/* The deadline, from now on. */
void stop_after(struct stop *stop, uint64_t duration_ns);
void stop_end(struct stop *stop);

static inline enum stop_why stop_asked(struct stop *stop)
{
	return (enum stop_why)atomic_load_explicit(&stop->why, memory_order_relaxed);
}

/* Nanoseconds of a clock that only goes forward. */
uint64_t clock_ns(void);

#endif
