/* SPDX-License-Identifier: MIT */
/* The guest: what it says, what is in its memory, and its events. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { ANSWER_MS = 30000, EVENTS_MS = 20000, CONSOLE_FD = 7, TURN_MS = 5, TRIES = 10 };

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void wait_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

bool fails(struct bench *b, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	vsnprintf(b->why, sizeof(b->why), fmt, list);
	va_end(list);
	return false;
}

/* ---- its console ---------------------------------------------------------------------------- */

static void listen_on(struct bench *b)
{
	size_t room = sizeof(b->said) - 1 - b->said_length;

	clearerr(b->console);
	b->said_length += fread(b->said + b->said_length, 1, room, b->console);
	b->said[b->said_length] = '\0';
}

bool said(struct bench *b, const char *words)
{
	listen_on(b);
	return strstr(b->said, words) != NULL;
}

bool type(struct bench *b, const char *words)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "%s\n", words);

	fseek(b->console, 0, SEEK_END);
	b->said_length = 0;
	return write(CONSOLE_FD, line, (size_t)length) == length || fails(b, "cannot type");
}

bool ask(struct bench *b, const char *words)
{
	uint64_t end = now_ms() + ANSWER_MS;
	char done[256];

	snprintf(done, sizeof(done), "GUEST did %s", words);
	if (!type(b, words))
		return false;
	while (!said(b, done)) {
		if (now_ms() > end)
			return fails(b, "the guest does not do: %s", words);
		if (!serve(b))
			return false;
	}
	return true;
}

void truths_read(struct bench *b, const char *text, const char *word)
{
	char name[64], value[32];
	const size_t length = strlen(word);

	while ((text = strstr(text, word)) && b->truths < 64) {
		text += length;
		if (sscanf(text, " %63s %31s", name, value) != 2)
			continue;
		struct truth *t = &b->truth[b->truths++];
		memcpy(t->name, name, sizeof(name));
		t->value = strtoull(value, NULL, 0);
	}
}

uint64_t truth(const struct bench *b, const char *name)
{
	for (unsigned i = 0; i < b->truths; i++) {
		if (!strcmp(b->truth[i].name, name))
			return b->truth[i].value;
	}
	return 0;
}

/* ---- its tasks ------------------------------------------------------------------------------- */

static bool task_read(struct bench *b, uint64_t at, struct task *task)
{
	struct vmi_string comm = {0};
	struct vmi_translation pgd;
	uint64_t mm, table;

	WORKS(vmi_read_u32(b->vm, &b->kernel, at + truth(b, "task_struct.pid"), &task->pid,
			   &b->err));
	WORKS(vmi_string_read(b->vm, &b->kernel, at + truth(b, "task_struct.comm"), VMI_UTF8,
			      COMM_MAX, &comm, &b->err));
	snprintf(task->comm, sizeof(task->comm), "%s", comm.text);
	vmi_string_free(&comm);
	WORKS(vmi_read_pointer(b->vm, &b->kernel, at + truth(b, "task_struct.mm"), 0, &mm,
			       &b->err));
	task->mm = mm;
	task->root = 0;
	if (!mm)
		return true;
	WORKS(vmi_read_pointer(b->vm, &b->kernel, mm + truth(b, "mm_struct.pgd"), 0, &table,
			       &b->err));
	WORKS(vmi_translate(b->vm, &b->kernel, table, &pgd, &b->err));
	task->root = pgd.gpa;
	return true;
}

static bool tasks_walk(struct bench *b)
{
	const uint64_t first = truth(b, "init_task"), list = truth(b, "task_struct.tasks");
	uint64_t at = first;

	HOLDS(first && list);
	b->tasks = 0;
	vmi_page_cache_flush(b->vm);
	vmi_translation_cache_flush(b->vm);
	do {
		HOLDS(b->tasks < TASKS_MAX);
		if (!task_read(b, at, &b->task[b->tasks]))
			return false;
		b->tasks++;
		WORKS(vmi_read_pointer(b->vm, &b->kernel, at + list, 0, &at, &b->err));
		at -= list;
	} while (at != first);
	return true;
}

vmi_gpa gpa_of(struct bench *b, const char *name)
{
	struct vmi_translation t;

	if (!truth(b, name) || vmi_translate(b->vm, &b->kernel, truth(b, name), &t, &b->err))
		return 0;
	return t.gpa;
}

/* Not by the tables of a process, which end with it. */
static bool kernel_space(struct bench *b)
{
	if (b->kernel.root)
		return true;
	WORKS(vmi_space_of_vcpu(b->vm, 0, VMI_MODE_AUTO, &b->kernel, &b->err));
	vmi_gpa root = gpa_of(b, "init_top_pgt");
	HOLDS(root);
	WORKS(vmi_space_of_root(b->vm, root, VMI_MODE_AUTO, &b->kernel, NULL, &b->err));
	return true;
}

bool tasks_read(struct bench *b)
{
	if (!kernel_space(b))
		return false;
	/* A task may go while the walk is at it. */
	for (unsigned i = 0; i < TRIES; i++) {
		if (tasks_walk(b))
			return true;
	}
	return false;
}

bool load(struct bench *b)
{
	uint64_t end = now_ms() + ANSWER_MS;
	unsigned pipes = 0;

	if (!ask(b, "load"))
		return false;
	while (pipes < 2) {
		if (now_ms() > end)
			return fails(b, "the pipeline does not come up");
		if (!serve(b) || !tasks_read(b))
			return false;
		pipes = 0;
		for (unsigned i = 0; i < b->tasks; i++)
			pipes += !strcmp(b->task[i].comm, "dd");
	}
	return true;
}

const struct task *task_of_root(const struct bench *b, uint64_t cr3)
{
	const uint64_t root = cr3 & 0x000ffffffffff000;

	for (unsigned i = 0; i < b->tasks; i++) {
		if (b->task[i].root == root)
			return &b->task[i];
	}
	return NULL;
}

const struct task *task_of_name(const struct bench *b, const char *comm)
{
	for (unsigned i = 0; i < b->tasks; i++) {
		if (!strcmp(b->task[i].comm, comm))
			return &b->task[i];
	}
	return NULL;
}

/* ---- its events ------------------------------------------------------------------------------ */

struct watch *watch_new(struct bench *b, answer_fn *answer)
{
	b->watch = (struct watch){.bench = b, .answer = answer};
	return &b->watch;
}

static struct vmi_response watched(void *context, const struct vmi_event *event)
{
	struct watch *watch = context;

	if (watch->count < WATCHED_MAX)
		watch->event[watch->count] = *event;
	watch->count++;
	watch->seen[event->vcpu]++;
	return watch->answer ? watch->answer(watch, event) : vmi_response_default();
}

bool serve(struct bench *b)
{
	struct watch *watch = &b->watch;

	if (!b->vm) {
		wait_ms(TURN_MS);
		return true;
	}
	enum vmi_status st = vmi_event_wait(b->vm, TURN_MS, watched, watch, &b->err);
	if (st == VMI_ERR_ARG || st == VMI_ERR_UNSUPPORTED) {
		watch->refused++;
		watch->refusal = b->err;
	} else if (st && st != VMI_ERR_TIMEOUT) {
		return fails(b, "waiting: %s", b->err.text);
	}
	return true;
}

bool serve_until(struct bench *b, unsigned count)
{
	uint64_t end = now_ms() + EVENTS_MS;

	while (b->watch.count < count) {
		if (now_ms() > end)
			return fails(b, "%u events, not %u", b->watch.count, count);
		if (!serve(b))
			return false;
	}
	return true;
}

bool is_free(struct bench *b)
{
	xc_domaininfo_t info;
	bool views = true;

	HOLDS(xc_domain_getinfolist(b->xc, b->domid, 1, &info) == 1 && info.domain == b->domid);
	HOLDS(!(info.flags & (XEN_DOMINF_paused | XEN_DOMINF_dying | XEN_DOMINF_shutdown)));
	HOLDS(info.max_pages == b->max_pages);
	HOLDS(!xc_altp2m_get_domain_state(b->xc, b->domid, &views) && !views);
	/* Turning off what is off says so. */
	HOLDS(xc_monitor_write_ctrlreg(b->xc, b->domid, VM_EVENT_X86_CR3, false, true, 0, true));
	HOLDS(xc_monitor_software_breakpoint(b->xc, b->domid, false));
	HOLDS(xc_monitor_singlestep(b->xc, b->domid, false));
	HOLDS(xc_monitor_disable(b->xc, b->domid));
	return true;
}

void run_tests(struct bench *b, const struct test *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t since = now_ms();
		b->why[0] = b->err.text[0] = '\0';
		watch_new(b, NULL);
		bool held = tests[i].run(b);

		lab_result(held, tests[i].name, "%s", b->why);
		printf("%s: %" PRIu64 " ms%s%s\n", tests[i].name, now_ms() - since,
		       held ? "" : ", ", b->why);
		if (b->vm && vmi_state_reset(b->vm, &b->err))
			lab_result(false, "reset", "after %s: %s", tests[i].name, b->err.text);
	}
}
