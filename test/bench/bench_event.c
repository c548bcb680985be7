/* SPDX-License-Identifier: MIT */
/*
 * What an event costs in our loop: the driver over the fake, against the smallest loop there can be
 * over the same fake (fake_xen/bare.c). The difference is ours; the rest is the fake's. Allocations
 * while events flow are counted: there are to be none.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vmi/driver.h>

#include "bare.h"

extern const struct vmi_driver_ops driver_xen;

/* glibc's own, behind the counters below. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

enum { EVENTS = 200000, ROUNDS = 7 };

static struct {
	uint64_t allocations;
} counted;

void *malloc(size_t size)
{
	counted.allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	counted.allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	counted.allocations++;
	return __libc_realloc(old, size);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void start(struct fake_machine *m, unsigned vcpus)
{
	struct fake_domain *d = fake_domain(m, 1);

	for (unsigned i = 0; i < vcpus; i++)
		fake_program(d, i, &(struct fake_op){.kind = FAKE_REQUEST}, 1, EVENTS / vcpus);
	fake_run(m);
}

static double bare_round(unsigned vcpus)
{
	struct fake_machine *m = fake_machine_create();
	struct bare bare;

	if (!bare_open(&bare, 1) || xc_monitor_guest_request(bare.xc, 1, true, true, true))
		exit(1);
	start(m, vcpus);
	double begin = now();
	while (bare.count < EVENTS)
		bare_turn(&bare, 1000, NULL);
	double each = (now() - begin) / EVENTS;
	bare_close(&bare);
	fake_machine_destroy(m);
	return each;
}

static struct vmi_response count_one(void *context, const struct vmi_event *event)
{
	uint64_t *count = context;

	(void)event;
	++*count;
	return vmi_response_default();
}

static double driver_round(unsigned vcpus, uint64_t *allocations)
{
	const struct vmi_monitor request = {.kind = VMI_MONITOR_HYPERCALL};
	struct fake_machine *m = fake_machine_create();
	struct vmi_error err;
	struct vmi *vm;
	uint64_t count = 0;

	if (vmi_open_driver(&vm, &driver_xen, "1", NULL, &err) ||
	    vmi_monitor_enable(vm, &request, &err)) {
		fprintf(stderr, "bench_event: %s\n", err.text);
		exit(1);
	}
	start(m, vcpus);
	uint64_t before = counted.allocations;
	double begin = now();
	while (count < EVENTS)
		if (vmi_event_wait(vm, 1000, count_one, &count, &err)) {
			fprintf(stderr, "bench_event: %s\n", err.text);
			exit(1);
		}
	double each = (now() - begin) / EVENTS;
	*allocations += counted.allocations - before;
	vmi_close(vm);
	fake_machine_destroy(m);
	return each;
}

/* The best of some rounds: what disturbs only ever adds. */
int main(void)
{
	for (unsigned vcpus = 1; vcpus <= 2; vcpus++) {
		double bare = 1e9, driver = 1e9;
		uint64_t allocations = 0;

		for (unsigned i = 0; i < ROUNDS; i++) {
			double b = bare_round(vcpus), d = driver_round(vcpus, &allocations);

			bare = b < bare ? b : bare;
			driver = d < driver ? d : driver;
		}
		printf("%u vcpu%s  bare loop %6.0f ns/event  vmi_event_wait %6.0f ns/event  "
		       "difference %5.0f ns  allocations %llu\n",
		       vcpus, vcpus == 1 ? " " : "s", bare, driver, driver - bare,
		       (unsigned long long)allocations);
	}
	return 0;
}
