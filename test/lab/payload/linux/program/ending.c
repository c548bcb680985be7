/* SPDX-License-Identifier: MIT */
/* A busy guest: its process switches; it goes on when its watcher ends, and the watcher ends when
 * its guest does. */

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { SWITCHES = 60, WITHIN_MS = 1000, GUARDED_MS = 5000, LINES = 20 };

static const uint64_t user_end = 1ull << 47;

/* Whatever is switched to belongs to a task, or is the kernel's own. */
static bool switches(struct bench *b)
{
	const struct vmi_monitor cr3 = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3};
	struct watch *w = watch_new(b, NULL);
	bool alpha = false, beta = false, piped = false;
	const uint64_t kernel = b->kernel.root;

	WORKS(vmi_monitor_enable(b->vm, &cr3, &b->err));
	if (!serve_until(b, SWITCHES))
		return false;
	WORKS(vmi_monitor_disable(b->vm, &cr3, &b->err));
	for (unsigned i = 0; i < SWITCHES; i++) {
		const struct vmi_event *e = &w->event[i];
		const struct task *to = task_of_root(b, e->u.cr.new_value);

		HOLDS(e->reason == VMI_REASON_WRITE_CR && e->u.cr.reg == VMI_CR3);
		HOLDS(e->registers.value[VMI_RIP] >= user_end);
		if (!to && (e->u.cr.new_value & 0x000ffffffffff000) != kernel)
			return fails(b, "0x%" PRIx64 " is of no task", e->u.cr.new_value);
		piped |= to && !strcmp(to->comm, "dd");
		alpha |= to && !strcmp(to->comm, "lab-alpha");
		beta |= to && !strcmp(to->comm, "lab-beta");
	}
	printf("switches: %u and %u, alpha %d, beta %d\n", w->seen[0], w->seen[1], alpha, beta);
	HOLDS(piped && w->seen[1]);
	return true;
}

/* Is a guardian at work? It is seen by its socket's name. */
static bool is_guarded(const struct bench *b)
{
	FILE *sockets = fopen("/proc/net/unix", "r");
	char line[512], name[40];
	bool there = false;

	snprintf(name, sizeof(name), "@vmi-xen-guard-%u", b->domid);
	while (sockets && fgets(line, sizeof(line), sockets))
		there |= strstr(line, name) != NULL;
	if (sockets)
		fclose(sockets);
	return there;
}

/* Not paused, and no view is on. */
static bool is_running(struct bench *b)
{
	xc_domaininfo_t info;
	bool views = true;

	return xc_domain_getinfolist(b->xc, b->domid, 1, &info) == 1 &&
	       !(info.flags & XEN_DOMINF_paused) &&
	       !xc_altp2m_get_domain_state(b->xc, b->domid, &views) && !views;
}

/* To see whether events are on is to turn them off: only when nobody is to do that any more. */
static bool is_free_soon(struct bench *b)
{
	uint64_t since = now_ms(), ran = 0;

	while (is_guarded(b)) {
		if (!ran && is_running(b))
			ran = now_ms() - since;
		if (now_ms() - since > GUARDED_MS)
			return fails(b, "its guardian has not given it back");
		wait_ms(2);
	}
	printf("it ran after %" PRIu64 " ms, its guardian went after %" PRIu64 "\n", ran,
	       now_ms() - since);
	if (ran > WITHIN_MS)
		return fails(b, "it ran only after %" PRIu64 " ms", ran);
	return is_free(b);
}

static struct vmi_response answer(void *context, const struct vmi_event *event)
{
	struct vmi_response response = vmi_response_default();

	(void)context;
	if (event->reason == VMI_REASON_MEMORY_ACCESS)
		response.action = VMI_ACTION_EMULATE;
	if (event->reason == VMI_REASON_INTERRUPT) {
		response.action = VMI_ACTION_FAST_SINGLESTEP;
		response.view = 0;
	}
	return response;
}

/* A handle of our own again, which only reads. */
static enum vmi_status reopen(struct bench *b)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	char target[16];

	vmi_close(b->vm);
	b->vm = NULL;
	snprintf(target, sizeof(target), "%u", b->domid);
	return vmi_open(&b->vm, target, &options, &b->err);
}

/* The watcher's process: everything there is, until it is killed. */
static _Noreturn void watcher_run(struct bench *b, int ready)
{
	const struct vmi_monitor cr3 = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3};
	const vmi_gpa clock = gpa_of(b, "jiffies_64");

	b->vm = NULL; /* our parent's; it does not know of us */
	enum vmi_status st = reopen(b);
	if (!st && !hidden_breakpoint(b, "version_proc_show"))
		st = VMI_ERR_ARG;
	if (!st)
		st = vmi_monitor_enable(b->vm, &cr3, &b->err);
	if (!st)
		st = vmi_access_set(b->vm, 0, clock >> 12, VMI_ACCESS_R | VMI_ACCESS_X, 0, &b->err);
	if (st || write(ready, "", 1) != 1) {
		printf("watcher: %s %s\n", b->err.text, b->why);
		_exit(4);
	}
	while (!st || st == VMI_ERR_TIMEOUT)
		st = vmi_event_wait(b->vm, 1000, answer, NULL, &b->err);
	_exit(3);
}

static bool killed_after(struct bench *b, unsigned ms, const char *pong)
{
	int pipes[2], status = 0;
	char byte;

	HOLDS(!pipe(pipes));
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		close(pipes[0]);
		watcher_run(b, pipes[1]);
	}
	close(pipes[1]);
	bool up = pid > 0 && read(pipes[0], &byte, 1) == 1;
	close(pipes[0]);
	wait_ms(ms);
	up = up && is_guarded(b);
	kill(pid, SIGKILL);
	bool is = is_free_soon(b);
	waitpid(pid, &status, 0);
	HOLDS(up && WIFSIGNALED(status));
	return is && ask(b, pong);
}

static bool killed_30(struct bench *b)
{
	return killed_after(b, 30, "ping 30");
}

static bool killed_250(struct bench *b)
{
	return killed_after(b, 250, "ping 250");
}

/* The program as a user would run it; what it prints comes out of *out. */
static pid_t run_live(struct bench *b, FILE **out)
{
	char target[16];
	int pipes[2];

	snprintf(target, sizeof(target), "%u", b->domid);
	if (pipe(pipes))
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		execlp("vmi-live", "vmi-live", "monitor", target, "--cr", "cr3", "--json", NULL);
		_exit(5);
	}
	close(pipes[1]);
	*out = fdopen(pipes[0], "r");
	return pid;
}

/* The next process switches that it prints are to tasks of the guest. */
static bool live_switches(struct bench *b, FILE *out)
{
	char line[1024];
	uint64_t root;

	for (unsigned i = 0; i < LINES; i++) {
		HOLDS(fgets(line, sizeof(line), out) && strstr(line, "\"write-cr\""));
		const char *to = strstr(line, "\"new\":");
		HOLDS(to && sscanf(to, "\"new\":%*[ \"]%" SCNx64, &root) == 1);
		if (!task_of_root(b, root) && (root & 0x000ffffffffff000) != b->kernel.root)
			return fails(b, "0x%" PRIx64 " is of no task", root);
	}
	return true;
}

static bool live_killed(struct bench *b)
{
	FILE *out = NULL;
	int status = 0;

	if (!tasks_read(b))
		return false;
	pid_t pid = run_live(b, &out);
	HOLDS(pid > 0 && out);
	bool shown = live_switches(b, out) && is_guarded(b);
	/* The script that starts the program was replaced by it. */
	kill(pid, SIGKILL);
	bool is = is_free_soon(b);
	waitpid(pid, &status, 0);
	fclose(out);
	HOLDS(!shown || WIFSIGNALED(status));
	return shown && is && ask(b, "ping live");
}

static bool closed(struct bench *b)
{
	const struct vmi_monitor cr3 = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3};

	watch_new(b, NULL);
	if (!hidden_breakpoint(b, "version_proc_show"))
		return false;
	WORKS(vmi_monitor_enable(b->vm, &cr3, &b->err));
	WORKS(reopen(b));
	return is_free(b) && ask(b, "ping closed");
}

static bool calm(struct bench *b)
{
	return ask(b, "calm");
}

static bool no_complaints(struct bench *b)
{
	if (!ask(b, "log"))
		return false;
	char *line = strstr(b->said, "GUEST log ");
	if (line)
		line[strcspn(line, "\r\n")] = '\0';
	return !line || fails(b, "%s", line);
}

/* ---- the guest ends ----------------------------------------------------------------------------
 */

static bool watch_until_gone(struct bench *b, const char *words)
{
	const struct vmi_monitor cr3 = {.kind = VMI_MONITOR_REGISTER, .reg = VMI_CR3};
	uint64_t end = now_ms() + 60000;
	enum vmi_status st = VMI_OK;

	WORKS(reopen(b));
	WORKS(vmi_monitor_enable(b->vm, &cr3, &b->err));
	if (!strcmp(words, "saved")) {
		if (!fork())
			execlp("xl", "xl", "save", "-c", "linux", "/dev/null", NULL);
	} else if (!type(b, words)) {
		return false;
	}
	while ((!st || st == VMI_ERR_TIMEOUT) && now_ms() < end)
		st = vmi_event_wait(b->vm, 1000, answer, NULL, &b->err);
	printf("%s: %s: %s\n", words, vmi_status_name(st), b->err.text);
	char why[256];
	snprintf(why, sizeof(why), "%.250s", b->err.text);
	vmi_close(b->vm);
	b->vm = NULL;
	HOLDS(st == VMI_ERR_GONE && strstr(why, words));
	return true;
}

/* Saved, and left running: what was watched before is not watched any more. */
static bool saved(struct bench *b)
{
	int status = -1;
	bool gone = watch_until_gone(b, "saved");

	wait(&status);
	HOLDS(WIFEXITED(status) && !WEXITSTATUS(status));
	return gone && is_free_soon(b) && ask(b, "ping saved");
}

static bool rebooted(struct bench *b)
{
	return watch_until_gone(b, "reboot");
}

void part_ending(struct bench *b)
{
	static const struct test tests[] = {
		{"busy", load},
		{"process-switches", switches},
		{"closed", closed},
		{"SIGKILL/30", killed_30},
		{"SIGKILL/250", killed_250},
		{"SIGKILL/vmi-live", live_killed},
		{"calm", calm},
		{"no-complaints", no_complaints},
		{"saved", saved},
		{"rebooted", rebooted},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
