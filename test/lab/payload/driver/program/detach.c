/* SPDX-License-Identifier: MIT */
/* A watcher that ends in every way there is, while the guest raises events as fast as it can: is
 * the guest free within a second, and was nothing lost? */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
	WITHIN_MS = 1000,
	WRITES = 100000, /* more than can be watched before the end */
	MOMENTS = 20,
	LSTAR = 0xc0000082,
	HANG_S = 3,
};

/* How the watcher answers, and how it ends. */
struct watcher {
	enum vmi_action action;
	unsigned linger_ms; /* in each handler */
	unsigned pauses;    /* that it begins and does not end */
	unsigned end_after; /* events; 0: it goes on */
	enum { BY_CLOSING, BY_EXIT, BY_HANGING } end;
	uint16_t view;
	unsigned events;
};

static void wait_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static struct vmi_response answer(void *context, const struct vmi_event *event)
{
	struct watcher *w = context;
	struct vmi_response response = vmi_response_action(w->action);

	w->events++;
	if (w->end_after && w->events == w->end_after) {
		if (w->end == BY_EXIT)
			_exit(1);
		if (w->end == BY_HANGING)
			wait_ms(HANG_S * 1000);
	}
	for (uint64_t end = now_ms() + w->linger_ms; w->linger_ms && now_ms() < end;)
		;
	if (event->reason == VMI_REASON_SINGLESTEP)
		return vmi_response_with_view(vmi_response_default(), w->view);
	if (w->action == VMI_ACTION_SINGLESTEP || w->action == VMI_ACTION_FAST_SINGLESTEP)
		response.view = 0;
	return response;
}

/* Everything that can be left behind. */
static enum vmi_status arm(struct vmi *vm, struct watcher *w, struct vmi_error *err)
{
	const struct vmi_monitor monitors[] = {
		{.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3},
		{.kind = VMI_MONITOR_MSR, .msr = LSTAR},
		{.kind = VMI_MONITOR_INTERRUPT, .vector = 3},
		{.kind = VMI_MONITOR_SINGLESTEP},
		{.kind = VMI_MONITOR_CPUID},
	};
	const unsigned access = VMI_ACCESS_R | VMI_ACCESS_X;
	vmi_gfn gfn;
	enum vmi_status st = VMI_OK;

	for (unsigned i = 0; !st && i < sizeof(monitors) / sizeof(monitors[0]); i++)
		st = vmi_monitor_enable(vm, &monitors[i], err);
	if (!st)
		st = vmi_gfn_allocate(vm, &gfn, err);
	if (!st)
		st = vmi_access_set(vm, 0, LAB_DATA >> 12, access, 0, err);
	if (!st)
		st = vmi_view_create(vm, VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X, &w->view, err);
	if (!st)
		st = vmi_view_change_gfn(vm, w->view, LAB_CODE >> 12, gfn, err);
	if (!st)
		st = vmi_access_set(vm, w->view, LAB_SCRATCH >> 12, access, 0, err);
	if (!st)
		st = vmi_view_switch(vm, w->view, err);
	for (unsigned i = 0; !st && i < w->pauses; i++)
		st = vmi_pause(vm, err);
	return st;
}

/* The watcher's process. Its exit status: 0 closed, 3 the guest was taken from it, 4 failed. */
static _Noreturn void watcher_run(const struct bench *b, struct watcher *w, int ready)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	struct vmi_error err = {0};
	struct vmi *vm;
	enum vmi_status st = vmi_open(&vm, b->target, &options, &err);

	if (!st)
		st = arm(vm, w, &err);
	if (!st && write(ready, "", 1) != 1)
		_exit(4);
	while (!st || st == VMI_ERR_TIMEOUT) {
		if (w->end == BY_CLOSING && w->end_after && w->events >= w->end_after) {
			vmi_close(vm);
			_exit(0);
		}
		st = vmi_event_wait(vm, 1000, answer, w, &err);
	}
	if (st == VMI_ERR_GONE)
		_exit(3);
	printf("watcher: %s\n", err.text);
	fflush(stdout);
	_exit(4);
}

/* Start it; the guest begins to write when it watches. -1: it does not come up. */
static pid_t watcher_start(struct bench *b, const struct watcher *how)
{
	struct watcher w = *how;
	int pipes[2];
	char byte;

	if (pipe(pipes))
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		close(pipes[0]);
		watcher_run(b, &w, pipes[1]);
	}
	close(pipes[1]);
	bool up = read(pipes[0], &byte, 1) == 1;
	close(pipes[0]);
	for (unsigned i = 0; up && i < b->guest.vcpus; i++) {
		struct lab_registers *in = &mailbox(b, i)->in;
		lab_patterns(in);
		in->rcx = WRITES;
		in->rdi = LAB_SCRATCH + 8 * i;
		lab_begin(&b->guest, i, LAB_OP_WRITES);
	}
	if (up)
		return pid;
	waitpid(pid, NULL, 0);
	return -1;
}

/* All writes happened, in order, and nothing else. */
static bool nothing_lost(struct bench *b)
{
	uint64_t *scratch = lab_map(&b->guest, LAB_SCRATCH);
	bool same = scratch != NULL;

	for (unsigned i = 0; i < b->guest.vcpus; i++) {
		const struct lab_mailbox *m = mailbox(b, i);
		same = same && scratch[i] == 1 && lab_changed(m) == 1u << 1 && !m->out.rcx &&
		       !m->fault;
		if (scratch)
			scratch[i] = 0;
	}
	lab_unmap(&b->guest, scratch);
	return same || fails(b, "a write was lost, or a register changed");
}

/* Free by then, and all that was begun is done. */
static bool freed(struct bench *b, const struct before *before, uint64_t since, unsigned *took)
{
	bool is = false;

	while (!(is = all_over(b) && is_free(b, before)) && now_ms() - since < 5 * WITHIN_MS)
		wait_ms(1);
	*took = (unsigned)(now_ms() - since);
	if (!is)
		return all_over(b) ? false : fails(b, "a vcpu does not run");
	if (*took > WITHIN_MS)
		return fails(b, "free only after %u ms", *took);
	return nothing_lost(b);
}

/* It has ended, or is to be ended by `sig`. */
static bool ended(struct bench *b, const struct watcher *how, int sig, unsigned after_ms,
		  int expected, const char *name)
{
	struct before before;
	unsigned took = 0;
	int status = -1;

	if (!before_take(b, &before))
		return false;
	pid_t pid = watcher_start(b, how);
	if (pid < 0)
		return fails(b, "the watcher does not come up");
	wait_ms(after_ms);
	bool busy = !all_over(b);
	uint64_t since = now_ms();
	if (sig)
		kill(pid, sig);
	else if (how->end != BY_HANGING)
		waitpid(pid, &status, 0);
	if (!sig && how->end != BY_HANGING)
		since = now_ms();
	bool is = freed(b, &before, since, &took);
	if (status == -1)
		waitpid(pid, &status, 0);
	printf("%s: free after %u ms\n", name, took);
	if (!is)
		return false;
	if (!before_same(b, &before))
		return false;
	if (sig && !busy)
		return fails(b, "the guest was ready before that");
	if (sig ? !WIFSIGNALED(status) : !WIFEXITED(status) || WEXITSTATUS(status) != expected)
		return fails(b, "the watcher's status is 0x%x", status);
	return true;
}

static bool by_closing(struct bench *b)
{
	const struct watcher how = {
		.action = VMI_ACTION_FAST_SINGLESTEP, .end_after = 50, .end = BY_CLOSING};

	return ended(b, &how, 0, 0, 0, "close");
}

static bool by_exit(struct bench *b)
{
	const struct watcher how = {.action = VMI_ACTION_EMULATE, .end_after = 50, .end = BY_EXIT};

	return ended(b, &how, 0, 0, 1, "exit");
}

static bool by_hanging(struct bench *b)
{
	const struct watcher how = {
		.action = VMI_ACTION_EMULATE, .end_after = 1, .end = BY_HANGING};

	return ended(b, &how, 0, 0, 3, "hang");
}

static bool by_term(struct bench *b)
{
	const struct watcher how = {.action = VMI_ACTION_FAST_SINGLESTEP};

	return ended(b, &how, SIGTERM, 60, 0, "SIGTERM");
}

static bool by_int(struct bench *b)
{
	const struct watcher how = {.action = VMI_ACTION_SINGLESTEP};

	return ended(b, &how, SIGINT, 60, 0, "SIGINT");
}

static bool while_paused(struct bench *b)
{
	const struct watcher how = {.action = VMI_ACTION_EMULATE, .pauses = 3};

	return ended(b, &how, SIGKILL, 40, 0, "SIGKILL while paused");
}

/* ---- without the guardian ---------------------------------------------------------------------
 */

static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = -1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	FILE *file = fopen(path, "r");
	if (file && fscanf(file, "%d", &child) != 1)
		child = -1;
	if (file)
		fclose(file);
	return child;
}

/* The watcher notices and gives the guest back itself. */
static bool guardian_killed(struct bench *b)
{
	const struct watcher how = {.action = VMI_ACTION_EMULATE};
	struct before before;
	unsigned took = 0;
	int status = 0;

	if (!before_take(b, &before))
		return false;
	pid_t pid = watcher_start(b, &how);
	HOLDS(pid > 0);
	wait_ms(40);
	pid_t guardian = child_of(pid);
	uint64_t since = now_ms();
	HOLDS(guardian > 0 && !kill(guardian, SIGKILL));
	bool is = freed(b, &before, since, &took);
	if (!is)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("guardian %d killed: free after %u ms, status 0x%x\n", guardian, took, status);
	if (!is)
		return false;
	HOLDS(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	HOLDS(before_same(b, &before));
	return true;
}

/* Both are gone at once: the guest waits, until it is rescued. */
static bool rescued(struct bench *b)
{
	const struct watcher how = {.action = VMI_ACTION_FAST_SINGLESTEP};
	xc_domaininfo_t before, info;
	xen_pfn_t last;

	HOLDS(xc_domain_getinfolist(b->xc, b->guest.domid, 1, &before) == 1);
	pid_t pid = watcher_start(b, &how);
	HOLDS(pid > 0);
	wait_ms(40);
	pid_t guardian = child_of(pid);
	HOLDS(guardian > 0);
	kill(pid, SIGSTOP);
	kill(guardian, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	wait_ms(50);
	HOLDS(!all_over(b));
	WORKS(vmi_target_rescue("xen", b->target, &b->err));
	for (unsigned i = 0; i < b->guest.vcpus; i++)
		HOLDS(lab_end(&b->guest, i, WITHIN_MS));
	/* What was written is whatever was answered; the guest itself is well. */
	HOLDS(obey(b, 0, LAB_OP_STATE) && obey(b, 1, LAB_OP_STATE));
	HOLDS(xc_domain_getinfolist(b->xc, b->guest.domid, 1, &info) == 1);
	HOLDS(!(info.flags & XEN_DOMINF_paused));
	/* The frame that the watcher had added stays, the last of all: nobody else knows of it. */
	HOLDS(info.tot_pages == before.tot_pages + 1);
	HOLDS(!xc_domain_maximum_gpfn(b->xc, b->guest.domid, &last));
	HOLDS(!xc_domain_decrease_reservation_exact(b->xc, b->guest.domid, 1, 0, &last));
	return true;
}

void part_detach(struct bench *b)
{
	static const struct test tests[] = {
		{"end-by-closing", by_closing},
		{"end-by-exit", by_exit},
		{"end-by-hanging", by_hanging},
		{"end-by-SIGTERM", by_term},
		{"end-by-SIGINT", by_int},
		{"end-while-paused", while_paused},
		{"guardian-killed", guardian_killed},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}

void part_rescue(struct bench *b)
{
	static const struct test tests[] = {{"rescue", rescued}};

	run_tests(b, tests, 1);
}

void part_kill(struct bench *b)
{
	static const struct watcher how[] = {
		{.action = VMI_ACTION_EMULATE},
		{.action = VMI_ACTION_FAST_SINGLESTEP},
		{.action = VMI_ACTION_EMULATE, .linger_ms = 20},
		{.action = VMI_ACTION_SINGLESTEP},
		{.action = VMI_ACTION_FAST_SINGLESTEP, .linger_ms = 5},
	};

	for (unsigned i = 0; i < MOMENTS; i++) {
		char name[40];
		snprintf(name, sizeof(name), "SIGKILL/%u", i);
		b->why[0] = '\0';
		bool held = ended(b, &how[i % 5], SIGKILL, 3 + 7 * i, 0, name);
		lab_result(held, name, "%s", b->why);
	}
}
