/* SPDX-License-Identifier: MIT */
/* The guest outlives its watcher: killed, hanging, or left without its guardian. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

enum { RWX = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X };

/** What the killed and the killer both see. */
struct shared {
	volatile bool in_handler;
	volatile unsigned kind; /* of scenario */
	volatile uint64_t handled;
	unsigned linger_ms; /* in the handler */
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- what is watched ------------------------------------------------------------------------ */

static const struct fake_op guest[] = {
	{.kind = FAKE_EXECUTE, .gpa = 0x21000},
	{.kind = FAKE_READ, .gpa = 0x21000},
	{.kind = FAKE_WRITE, .gpa = 0x22010, .value = 7},
	{.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR3, .value = 0x2000},
	{.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR3, .value = 0x1000},
	{.kind = FAKE_CPUID},
	{.kind = FAKE_NOP},
};

enum { GUEST_OPS = sizeof(guest) / sizeof(guest[0]) };

struct watcher {
	struct shared *shared;
	uint16_t view;
	bool fast;
};

static struct vmi_response watch(void *context, const struct vmi_event *event)
{
	const struct watcher *w = context;
	struct vmi_response r = vmi_response_default();

	w->shared->in_handler = true;
	w->shared->handled++;
	if (w->shared->linger_ms)
		usleep(w->shared->linger_ms * 1000);
	if (event->reason == VMI_REASON_CPUID) {
		struct vmi_registers regs = event->registers;

		regs.value[VMI_RIP] += event->u.cpuid.instruction_length;
		r = vmi_response_with_registers(r, &regs);
	} else if (event->reason == VMI_REASON_SINGLESTEP) {
		r.view = w->view;
	} else if (event->reason != VMI_REASON_WRITE_CR) {
		r.action = w->fast ? VMI_ACTION_FAST_SINGLESTEP : VMI_ACTION_SINGLESTEP;
		r.view = 0;
	}
	w->shared->in_handler = false;
	return r;
}

/* Everything at once: a hidden breakpoint, access in two views, monitors, memory of our own. */
static bool watch_begin(struct vmi *vm, struct watcher *w)
{
	static const struct vmi_monitor monitors[] = {
		{.kind = VMI_MONITOR_INTERRUPT, .vector = 3},
		{.kind = VMI_MONITOR_SINGLESTEP},
		{.kind = VMI_MONITOR_CPUID},
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
		{.kind = VMI_MONITOR_MSR, .msr = 0xc0000082},
	};
	const uint8_t int3 = 0xcc;
	vmi_gfn shadow;
	bool ok = !vmi_view_create(vm, RWX, &w->view, NULL) &&
		  !vmi_gfn_allocate(vm, &shadow, NULL) &&
		  !vmi_write_bytes(vm, NULL, shadow << 12, &int3, 1, NULL, NULL) &&
		  !vmi_view_change_gfn(vm, w->view, 0x21, shadow, NULL) &&
		  !vmi_access_set(vm, w->view, 0x21, VMI_ACCESS_X, 0, NULL) &&
		  !vmi_access_set(vm, w->view, 0x22, VMI_ACCESS_R | VMI_ACCESS_X, 0, NULL) &&
		  !vmi_access_set(vm, 0, 0x23, VMI_ACCESS_R, 0, NULL);

	for (unsigned i = 0; ok && i < sizeof(monitors) / sizeof(monitors[0]); i++)
		ok = !vmi_monitor_enable(vm, &monitors[i], NULL);
	return ok && !vmi_view_switch(vm, w->view, NULL);
}

/* The life of the process that is killed. */
static void watch_for_ever(struct fake_machine *m, struct shared *shared)
{
	struct vmi *vm;
	struct watcher w = {.shared = shared, .fast = shared->kind & 1};

	if (vmi_open_driver(&vm, &driver_xen, "1", NULL, NULL) || !watch_begin(vm, &w))
		_exit(1);
	fake_run(m);
	for (;;)
		if (vmi_event_wait(vm, 1000, watch, &w, NULL) == VMI_ERR_GONE)
			_exit(2);
}

static pid_t watcher_start(struct world *w, struct shared *shared)
{
	for (unsigned i = 0; i < 2; i++)
		fake_program(w->d, i, guest, GUEST_OPS, UINT64_MAX);
	w->m->no_autorun = false;
	pid_t pid = fork();
	if (!pid)
		watch_for_ever(w->m, shared);
	double end = seconds() + 20;
	while (shared->handled < 20 && seconds() < end) {
		usleep(200);
		if (waitpid(pid, NULL, WNOHANG))
			fail_msg("the watcher ended by itself");
	}
	assert_true(shared->handled >= 20 || shared->linger_ms);
	return pid;
}

/* Soon the guest is its own again, and goes about its work. That a second is enough is shown in the
 * laboratory, where a second does not depend on what else this machine does. */
static void guest_is_free(struct world *w)
{
	double start = seconds();
	const char *changed = "";

	while (changed && seconds() - start < 10.0) {
		usleep(1000);
		changed = fake_changed(w->m, w->d, &w->before, w->text, sizeof(w->text));
	}
	if (changed)
		fail_msg("still %s", changed);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t before = w->d->vcpus[i].executed;

		fake_run(w->m);
		assert_true(w->d->vcpus[i].executed > before);
		assert_int_equal(w->d->vcpus[i].delivered[3], 0);
		w->d->vcpus[i].repeat = 0;
		w->d->vcpus[i].executed = w->d->vcpus[i].posted = 0;
	}
	for (unsigned i = 0; i < FAKE_HANDLES; i++)
		w->m->handles[i] = false; /* those of the dead, which the kernel closes */
}

static struct shared *shared_make(void)
{
	return mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
}

/* ---- killed --------------------------------------------------------------------------------- */

static void killed_at_any_moment(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();

	for (unsigned i = 0; i < 40; i++) {
		*shared = (struct shared){.kind = i};
		pid_t pid = watcher_start(w, shared);
		usleep(97 * i);
		fake_kill(w->m, pid);
		guest_is_free(w);
	}
	munmap(shared, sizeof(*shared));
}

static void killed_in_a_handler(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();

	for (unsigned i = 0; i < 10; i++) {
		*shared = (struct shared){.kind = i, .linger_ms = 20};
		pid_t pid = watcher_start(w, shared);
		double end = seconds() + 10;
		while (!shared->in_handler && seconds() < end)
			usleep(100);
		fake_kill(w->m, pid);
		guest_is_free(w);
	}
	munmap(shared, sizeof(*shared));
}

/* While it sets up, between any two calls. */
static void killed_while_it_begins(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();

	for (unsigned i = 0; i < 40; i++) {
		*shared = (struct shared){.kind = i};
		for (unsigned v = 0; v < 2; v++)
			fake_program(w->d, v, guest, GUEST_OPS, UINT64_MAX);
		pid_t pid = fork();
		if (!pid)
			watch_for_ever(w->m, shared);
		usleep(500 + 311 * i);
		fake_kill(w->m, pid);
		guest_is_free(w);
	}
	munmap(shared, sizeof(*shared));
}

static void paused_by_the_dead(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();
	pid_t pid = fork();

	if (!pid) {
		struct vmi *vm;

		if (vmi_open_driver(&vm, &driver_xen, "1", NULL, NULL) || vmi_pause(vm, NULL))
			_exit(1);
		shared->handled = 1;
		for (;;)
			pause();
	}
	for (unsigned v = 0; v < 2; v++)
		fake_program(w->d, v, guest, GUEST_OPS, UINT64_MAX);
	while (!shared->handled)
		usleep(1000);
	assert_int_equal(w->d->pauses, 1);
	fake_kill(w->m, pid);
	guest_is_free(w);
	munmap(shared, sizeof(*shared));
}

/* ---- hanging -------------------------------------------------------------------------------- */

static void a_handler_that_hangs(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();
	struct watcher watcher = {.shared = shared};
	struct vmi_error err;

	for (unsigned v = 0; v < 2; v++)
		fake_program(w->d, v, guest, GUEST_OPS, UINT64_MAX);
	world_open(w);
	w->m->no_autorun = true; /* nothing yet */
	assert_true(watch_begin(w->vm, &watcher));
	w->m->no_autorun = false;
	fake_run(w->m);
	shared->linger_ms = 2000;
	enum vmi_status st = vmi_event_wait(w->vm, 1000, watch, &watcher, &err);
	/* the guest was given back while we slept, and our answer came too late */
	assert_int_equal(st, VMI_ERR_GONE);
	assert_non_null(strstr(err.text, "given back"));
	assert_null(fake_changed(w->m, w->d, &w->before, w->text, sizeof(w->text)));
	CHECK_FAIL(vmi_event_wait(w->vm, 100, watch, &watcher, &err), VMI_ERR_GONE, "given back");
	CHECK_FAIL(vmi_view_switch(w->vm, 0, &err), VMI_ERR_GONE, "given back");
	guest_is_free(w);
	munmap(shared, sizeof(*shared));
}

static void a_slow_handler_is_no_hang(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();
	struct watcher watcher = {.shared = shared};
	struct vmi_error err;

	world_open(w);
	w->m->no_autorun = true;
	assert_true(watch_begin(w->vm, &watcher));
	w->m->no_autorun = false;
	fake_program(w->d, 0, guest, GUEST_OPS, 1);
	fake_run(w->m);
	shared->linger_ms = 100;
	while (!fake_done(w->d, 0))
		CHECK_OK(vmi_event_wait(w->vm, 1000, watch, &watcher, &err));
	munmap(shared, sizeof(*shared));
}

/* An event that was taken, and an answer that takes its time. */
static enum vmi_status answer_after(struct world *w, unsigned ms, struct vmi_error *err)
{
	const struct vmi_response response = vmi_response_default();
	struct vmi_event event;

	assert_int_equal(vmi_event_take(w->vm, 1000, &event, err), VMI_OK);
	usleep(ms * 1000);
	return vmi_event_answer(w->vm, &event, &response, err);
}

static void a_deadline_of_ones_own(void **state)
{
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	struct world *w = *state;
	struct vmi_error err;

	world_open(w);
	CHECK_OK(vmi_event_deadline(w->vm, 0, &err)); /* before there is a guardian */
	world_enable(w, &cpuid);
	for (unsigned v = 0; v < 2; v++)
		fake_program(w->d, v, guest, GUEST_OPS, UINT64_MAX);
	fake_run(w->m);
	CHECK_OK(answer_after(w, 1200, &err));
	/* An event lies there since then, and time counts from now on. */
	CHECK_OK(vmi_event_deadline(w->vm, 10000, &err));
	CHECK_OK(answer_after(w, 1200, &err));
	CHECK_OK(vmi_event_deadline(w->vm, 100, &err));
	CHECK_FAIL(answer_after(w, 1000, &err), VMI_ERR_GONE, "too long");
	CHECK_FAIL(vmi_event_deadline(w->vm, 0, &err), VMI_ERR_GONE, "given back");
	guest_is_free(w);
}

/* ---- the guardian --------------------------------------------------------------------------- */

static pid_t only_child(void)
{
	char path[64];
	long pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
	FILE *f = fopen(path, "r");
	if (!f || fscanf(f, "%ld", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return (pid_t)pid;
}

static void the_guardian_dies_first(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();
	struct watcher watcher = {.shared = shared};
	struct vmi_error err;

	world_open(w);
	w->m->no_autorun = true;
	assert_true(watch_begin(w->vm, &watcher));
	w->m->no_autorun = false;
	pid_t pid = only_child();
	if (!pid)
		skip();
	fake_lock(w->m);
	kill(pid, SIGKILL);
	usleep(100000);
	fake_unlock(w->m);
	double start = seconds();
	CHECK_FAIL(vmi_event_wait(w->vm, 5000, watch, &watcher, &err), VMI_ERR_GONE, "guardian");
	assert_true(seconds() - start < 2);
	assert_null(fake_changed(w->m, w->d, &w->before, w->text, sizeof(w->text)));
	munmap(shared, sizeof(*shared));
}

static void no_guardian_to_be_had(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	char *path = strdup(getenv("VMI_XEN_GUARD"));
	uint64_t value;

	world_open(w);
	setenv("VMI_XEN_GUARD", "/nonexistent/guard", 1);
	CHECK_FAIL(vmi_monitor_enable(w->vm, &cpuid, &err), VMI_ERR_IO, "vmi-xen-guard");
	CHECK_FAIL(vmi_pause(w->vm, &err), VMI_ERR_IO, "vmi-xen-guard");
	setenv("VMI_XEN_GUARD", "/bin/false", 1);
	CHECK_FAIL(vmi_monitor_enable(w->vm, &cpuid, &err), VMI_ERR_IO, "guardian");
	assert_int_equal(fake_call_count(w->m, "xc_domctl:vm_event"), 0);
	CHECK_OK(vmi_read_u64(w->vm, NULL, 0x11000, &value, &err)); /* reading needs none */
	setenv("VMI_XEN_GUARD", path, 1);
	free(path);
	world_enable(w, &cpuid);
}

static void a_normal_end_leaves_no_process(void **state)
{
	struct world *w = *state;
	struct shared *shared = shared_make();
	struct watcher watcher = {.shared = shared};

	world_open(w);
	assert_true(watch_begin(w->vm, &watcher));
	world_close(w);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(killed_at_any_moment),   WORLD_TEST(killed_in_a_handler),
		WORLD_TEST(killed_while_it_begins), WORLD_TEST(paused_by_the_dead),
		WORLD_TEST(a_handler_that_hangs),   WORLD_TEST(a_slow_handler_is_no_hang),
		WORLD_TEST(a_deadline_of_ones_own), WORLD_TEST(the_guardian_dies_first),
		WORLD_TEST(no_guardian_to_be_had),  WORLD_TEST(a_normal_end_leaves_no_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
