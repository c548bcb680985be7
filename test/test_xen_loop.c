/* SPDX-License-Identifier: MIT */
/* The loop: waiting, stopping, batches, nonsense in the ring, guests that go away; and that no
 * event is lost or answered twice. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

static const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
static const struct vmi_monitor request = {.kind = VMI_MONITOR_HYPERCALL};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void nothing_comes(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	world_enable(w, &request);
	double start = seconds();
	CHECK_FAIL(vmi_event_wait(w->vm, 50, world_answer, &w->handler, &err), VMI_ERR_TIMEOUT, "");
	assert_true(seconds() - start > 0.04 && seconds() - start < 2);
	CHECK_FAIL(vmi_event_wait(w->vm, 0, world_answer, &w->handler, &err), VMI_ERR_TIMEOUT, "");
	assert_int_equal(w->handler.count, 0);
}

static void *interrupt_soon(void *context)
{
	usleep(50000);
	vmi_event_interrupt(context);
	return NULL;
}

static void someone_wants_to_stop(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	pthread_t thread;

	world_open(w);
	world_enable(w, &request);
	pthread_create(&thread, NULL, interrupt_soon, w->vm);
	double start = seconds();
	CHECK_FAIL(vmi_event_wait(w->vm, 30000, world_answer, &w->handler, &err),
		   VMI_ERR_INTERRUPTED, "");
	assert_true(seconds() - start < 5);
	pthread_join(thread, NULL);
	vmi_event_interrupt(w->vm); /* before the wait: not lost */
	CHECK_FAIL(vmi_event_wait(w->vm, 30000, world_answer, &w->handler, &err),
		   VMI_ERR_INTERRUPTED, "");
}

static void on_signal(int number)
{
	(void)number;
}

static void a_signal_comes(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGALRM, &action, NULL);
	world_open(w);
	world_enable(w, &request);
	double start = seconds();
	ualarm(50000, 0);
	CHECK_FAIL(vmi_event_wait(w->vm, 30000, world_answer, &w->handler, &err),
		   VMI_ERR_INTERRUPTED, "");
	assert_true(seconds() - start < 5);
}

/* The channel said nothing, or said it late: the ring counts. */
static void a_notification_is_lost_or_late(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vm_event_request_t r = {.flags = VM_EVENT_FLAG_VCPU_PAUSED,
				.reason = VM_EVENT_REASON_GUEST_REQUEST};
	size_t pending;

	world_open(w);
	world_enable(w, &request);
	w->m->lose_notify = true;
	assert_true(fake_post(w->m, w->d, 0, &r));
	CHECK_OK(vmi_events_pending(w->vm, &pending, &err));
	assert_int_equal(pending, 1);
	CHECK_OK(vmi_event_wait(w->vm, 5000, world_answer, &w->handler, &err));
	assert_int_equal(w->handler.count, 1);
	fake_notify(w->m, w->d); /* the late one finds nothing */
	CHECK_FAIL(vmi_event_wait(w->vm, 20, world_answer, &w->handler, &err), VMI_ERR_TIMEOUT, "");
	assert_true(fake_post(w->m, w->d, 0, &r));
	CHECK_OK(vmi_event_wait(w->vm, 5000, world_answer, &w->handler, &err));
}

static void channel_calls_fail(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	static const char *const calls[] = {"xenevtchn_pending", "xenevtchn_unmask",
					    "xenevtchn_notify"};

	world_open(w);
	world_enable(w, &request);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned error = 0; error < 2; error++) {
			fake_call_fail(w->m, calls[i], error ? EIO : EINTR, 0, 1);
			fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_REQUEST}, 1, 2);
			fake_run(w->m);
			for (unsigned turn = 0; turn < 20 && !fake_done(w->d, 0); turn++) {
				enum vmi_status st =
					vmi_event_wait(w->vm, 100, world_answer, &w->handler, &err);
				assert_true(st != VMI_ERR_GONE);
			}
			fake_call_clear(w->m);
			assert_true(fake_done(w->d, 0));
		}
}

/* ---- requests that make no sense ------------------------------------------------------------ */

static void nonsense(struct world *w, const vm_event_request_t *r, const char *words)
{
	struct vmi_error err;

	fake_post_raw(w->m, w->d, r);
	CHECK_FAIL(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err), VMI_ERR_CORRUPT,
		   words);
	assert_int_equal(w->handler.count, 0);
}

static void a_request_of_another_version(void **state)
{
	struct world *w = *state;
	vm_event_request_t r = {.version = 6,
				.flags = VM_EVENT_FLAG_VCPU_PAUSED,
				.reason = VM_EVENT_REASON_GUEST_REQUEST};

	world_open(w);
	world_enable(w, &request);
	nonsense(w, &r, "version 6");
	assert_int_equal(w->d->vcpus[0].event_pauses, 0);
}

static void a_request_of_no_vcpu(void **state)
{
	struct world *w = *state;
	vm_event_request_t r = {.version = VM_EVENT_INTERFACE_VERSION,
				.vcpu_id = 2,
				.reason = VM_EVENT_REASON_GUEST_REQUEST};

	world_open(w);
	world_enable(w, &request);
	nonsense(w, &r, "vcpu 2");
	w->d->harm.stray = 0; /* an answer was due all the same */
	w->d->vcpus[0].open_async = 0;
}

/* More requests than there are slots: nobody can tell which are whole. */
static void an_index_that_makes_no_sense(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	world_enable(w, &request);
	fake_sring(w->m, w->d)->req_prod = 1000;
	CHECK_FAIL(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err), VMI_ERR_CORRUPT,
		   "more than fits");
	CHECK_FAIL(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err), VMI_ERR_GONE,
		   "given back");
	assert_int_equal(w->handler.count, 0);
	w->d->harm = (struct fake_harm){0}; /* answers to what was not asked */
}

/* ---- many ----------------------------------------------------------------------------------- */

static struct vmi_response emulate_accesses(void *context, const struct vmi_event *event)
{
	(void)context;
	return vmi_response_action(event->reason == VMI_REASON_MEMORY_ACCESS ? VMI_ACTION_EMULATE
									     : VMI_ACTION_CONTINUE);
}

static void a_hundred_thousand(void **state)
{
	struct world *w = *state;
	static const struct fake_op ops[] = {
		{.kind = FAKE_REQUEST},
		{.kind = FAKE_WRITE, .gpa = 0x20010, .value = 1},
		{.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR3, .value = 0x2000},
		{.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR3, .value = 0x1000},
		{.kind = FAKE_WRITE_MSR, .index = 0xc0000082, .value = 3},
	};
	struct vmi_error err;

	world_open(w);
	world_enable(w, &request);
	world_enable(w, &(struct vmi_monitor){.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3});
	world_enable(w, &(struct vmi_monitor){
				.kind = VMI_MONITOR_MSR, .msr = 0xc0000082, .every_write = 1});
	CHECK_OK(vmi_access_set(w->vm, 0, 0x20, VMI_ACCESS_R, 0, &err));
	w->handler.then = emulate_accesses;
	for (unsigned i = 0; i < 2; i++)
		fake_program(w->d, i, ops, 5, 10000);
	assert_int_equal(world_serve(w), 100000);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(w->d->vcpus[i].executed, 50000);
		assert_int_equal(w->d->vcpus[i].posted, 50000);
		assert_int_equal(w->d->vcpus[i].answered, 50000);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w->handler.reasons[i], i == VMI_REASON_WRITE_CR ? 40000 : 20000);
	assert_int_equal(w->handler.reasons[VMI_REASON_HYPERCALL], 20000);
}

/* Events without a pause fill the ring at once; each needs its answer as well. */
static void a_full_ring(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vm_event_request_t r = {.reason = VM_EVENT_REASON_GUEST_REQUEST};

	world_open(w);
	world_enable(w, &request);
	for (unsigned i = 0; i < FAKE_RING_SLOTS; i++)
		assert_true(fake_post(w->m, w->d, i % 2, &r));
	assert_false(fake_post(w->m, w->d, 0, &r));
	CHECK_OK(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err));
	assert_int_equal(w->handler.count, FAKE_RING_SLOTS);
	assert_int_equal(w->d->vcpus[0].open_async + w->d->vcpus[1].open_async, 0);
	assert_false(w->d->vcpus[0].waiting);
	assert_false(w->handler.last.flags & VMI_EVENT_VCPU_PAUSED);
}

static void time_is_counted(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint64_t overhead;

	world_open(w);
	world_enable(w, &request);
	fake_program(w->d, 0, &(struct fake_op){.kind = FAKE_REQUEST}, 1, 100);
	assert_int_equal(world_serve(w), 100);
	CHECK_OK(vmi_event_overhead(w->vm, &overhead, &err));
	assert_in_range(overhead, 1, UINT64_C(60000000000));
}

/* One batch, one notification. */
static void one_notification_per_batch(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	vm_event_request_t r = {.flags = VM_EVENT_FLAG_VCPU_PAUSED,
				.reason = VM_EVENT_REASON_GUEST_REQUEST};

	world_open(w);
	world_enable(w, &request);
	for (unsigned i = 0; i < 2; i++)
		assert_true(fake_post(w->m, w->d, i, &r));
	uint64_t before = fake_call_count(w->m, "xenevtchn_notify");
	CHECK_OK(vmi_event_wait(w->vm, 1000, world_answer, &w->handler, &err));
	assert_int_equal(w->handler.count, 2);
	assert_int_equal(fake_call_count(w->m, "xenevtchn_notify"), before + 1);
}

/* Taken, kept over other events, answered out of order. */
static void answered_later(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_event first, second, third;
	struct vmi_response plain = vmi_response_default();

	world_open(w);
	world_enable(w, &request);
	for (unsigned i = 0; i < 2; i++)
		fake_program(w->d, i, &(struct fake_op){.kind = FAKE_REQUEST}, 1, 2);
	fake_run(w->m);
	CHECK_OK(vmi_event_take(w->vm, 1000, &first, &err));
	CHECK_OK(vmi_event_take(w->vm, 1000, &second, &err));
	assert_int_not_equal(first.vcpu, second.vcpu);
	CHECK_OK(vmi_event_answer(w->vm, &second, &plain, &err));
	CHECK_OK(vmi_event_take(w->vm, 1000, &third, &err)); /* its next */
	assert_int_equal(third.vcpu, second.vcpu);
	assert_int_equal(w->d->vcpus[first.vcpu].event_pauses, 1);
	CHECK_OK(vmi_event_answer(w->vm, &first, &plain, &err));
	CHECK_OK(vmi_event_answer(w->vm, &third, &plain, &err));
	CHECK_FAIL(vmi_event_answer(w->vm, &third, &plain, &err), VMI_ERR_ARG, "vcpu");
	CHECK_OK(vmi_event_take(w->vm, 1000, &first, &err));
	/* closing answers what is left */
}

/* ---- guests that go away -------------------------------------------------------------------- */

static void the_guest_ends(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	static const struct {
		unsigned reason;
		const char *words;
	} ways[] = {
		{SHUTDOWN_poweroff, "off"},      {SHUTDOWN_reboot, "reboot"},
		{SHUTDOWN_suspend, "suspend"},   {SHUTDOWN_crash, "crash"},
		{SHUTDOWN_watchdog, "watchdog"},
	};

	for (unsigned i = 0; i < 5; i++) {
		world_open(w);
		world_enable(w, &request);
		fake_shutdown(w->m, w->d, ways[i].reason);
		double start = seconds();
		CHECK_FAIL(vmi_event_wait(w->vm, 10000, world_answer, &w->handler, &err),
			   VMI_ERR_GONE, ways[i].words);
		assert_true(seconds() - start < 3);
		w->d->shutdown = false;
		world_close(w);
	}
}

/* Another guest under the same id is not the one that was opened. */
static void the_guest_is_another(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct fake_baseline before;

	world_open(w);
	world_enable(w, &request);
	fake_domain_destroy(w->m, w->d);
	w->d = fake_domain_add(w->m, 1, "another", FAKE_HVM, 2);
	w->d->other = true;
	fake_baseline(w->d, &before);
	CHECK_FAIL(vmi_event_wait(w->vm, 10000, world_answer, &w->handler, &err), VMI_ERR_GONE,
		   "another");
	w->before = before;
}

static void the_guest_dies(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	world_enable(w, &request);
	w->d->dying = true;
	CHECK_FAIL(vmi_event_wait(w->vm, 10000, world_answer, &w->handler, &err), VMI_ERR_GONE,
		   "destroyed");
	w->d->used = false; /* what is left of it goes with it */
}

static void the_guest_is_destroyed(void **state)
{
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	world_enable(w, &request);
	fake_domain_destroy(w->m, w->d);
	CHECK_FAIL(vmi_event_wait(w->vm, 10000, world_answer, &w->handler, &err), VMI_ERR_GONE,
		   "domain 1");
	CHECK_FAIL(vmi_monitor_enable(w->vm, &cpuid, &err), VMI_ERR_GONE, "domain 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(nothing_comes),          WORLD_TEST(someone_wants_to_stop),
		WORLD_TEST(a_signal_comes),         WORLD_TEST(a_notification_is_lost_or_late),
		WORLD_TEST(channel_calls_fail),     WORLD_TEST(a_request_of_another_version),
		WORLD_TEST(a_request_of_no_vcpu),   WORLD_TEST(an_index_that_makes_no_sense),
		WORLD_TEST(a_hundred_thousand),     WORLD_TEST(a_full_ring),
		WORLD_TEST(time_is_counted),        WORLD_TEST(one_notification_per_batch),
		WORLD_TEST(answered_later),         WORLD_TEST(the_guest_ends),
		WORLD_TEST(the_guest_is_another),   WORLD_TEST(the_guest_dies),
		WORLD_TEST(the_guest_is_destroyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
