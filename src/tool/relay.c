/* SPDX-License-Identifier: MIT */
/* Threads that take work in order and commit it in order. */

#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include "relay.h"

struct relay {
	const struct relay_ops *ops;
	void *context;
	pthread_mutex_t lock; /* of what follows, and of take() and commit() */
	pthread_cond_t turn_passed;
	uint64_t tickets, turn;
	bool ended;
	bool failed; /* a commit was: those behind it are void */
};

struct runner {
	struct relay *relay;
	void *job;
};

static bool job_take(struct relay *relay, void *job, uint64_t *ticket)
{
	pthread_mutex_lock(&relay->lock);
	if (!relay->ended)
		relay->ended = !relay->ops->take(relay->context, job);
	bool taken = !relay->ended;
	if (taken)
		*ticket = relay->tickets++;
	pthread_mutex_unlock(&relay->lock);
	return taken;
}

/* A job that was taken before another one failed is not committed after it. */
static bool job_commit(struct relay *relay, void *job, uint64_t ticket)
{
	pthread_mutex_lock(&relay->lock);
	while (relay->turn != ticket)
		pthread_cond_wait(&relay->turn_passed, &relay->lock);
	bool good = !relay->failed && relay->ops->commit(relay->context, job);
	if (!good)
		relay->failed = relay->ended = true;
	relay->turn++;
	pthread_cond_broadcast(&relay->turn_passed);
	pthread_mutex_unlock(&relay->lock);
	return good;
}

static void *run(void *context)
{
	const struct runner *runner = context;
	struct relay *relay = runner->relay;
	uint64_t ticket;

	while (job_take(relay, runner->job, &ticket)) {
		relay->ops->work(relay->context, runner->job);
		if (job_commit(relay, runner->job, ticket) && relay->ops->finish)
			relay->ops->finish(relay->context, runner->job);
	}
	return NULL;
}

void relay_run(const struct relay_ops *ops, void *context, void *const *jobs, unsigned count)
{
	struct relay relay = {
		.ops = ops,
		.context = context,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turn_passed = PTHREAD_COND_INITIALIZER,
	};
	struct runner runner[RELAY_THREADS_MAX];
	pthread_t thread[RELAY_THREADS_MAX];
	unsigned started = 1;

	for (unsigned i = 0; i < count && i < RELAY_THREADS_MAX; i++)
		runner[i] = (struct runner){&relay, jobs[i]};
	while (started < count && started < RELAY_THREADS_MAX &&
	       !pthread_create(&thread[started], NULL, run, &runner[started]))
		started++;
	run(&runner[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(thread[i], NULL);
}

unsigned relay_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	unsigned count = (unsigned)CPU_COUNT(&cpus);
	return count < RELAY_THREADS_MAX ? count : RELAY_THREADS_MAX;
}
