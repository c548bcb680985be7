/* SPDX-License-Identifier: MIT */
/* Who lives in the guest: a table of names, parts and arguments, and how each is started. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static const struct part {
	const char *name;
	void (*play)(void);
} parts[] = {
	{"idle", settle_and_sleep},  {"threads", part_threads},
	{"headless", part_headless}, {"zombie", part_zombie},
	{"stopped", part_stopped},   {"traced", part_traced},
	{"vforked", part_vforked},   {"tree", part_tree},
	{"orphan", part_orphan},     {"session", part_session},
	{"user", part_user},         {"realtime", part_realtime},
	{"spin", part_spin},         {"churn", part_churn},
	{"chroot", part_chroot},     {"namespaces", part_namespaces},
	{"mappings", part_mappings}, {"many", part_many},
	{"swapped", part_swapped},   {"files", part_files},
	{"sockets", part_sockets},
};

/* A part is played under the name of a file; without `argv` its path is the only argument. */
static const struct resident {
	const char *file, *part;
	const char *argv[6];
	const char *wanted; /* only with this option of the guest */
} residents[] = {
	{"alpha", "idle", {"/named/alpha"}, NULL},
	{"name with space", "idle", {"name with space", "and an argument"}, NULL},
	{"(paren) :1", "idle", {NULL}, NULL},
	{") R 1 1 (x", "idle", {NULL}, NULL},
	{"exactly15charsX", "idle", {NULL}, NULL},
	{"longer-than-fifteen-characters", "idle", {NULL}, NULL},
	{"back\\slash", "idle", {"back\\slash", "", "an empty one before", ""}, NULL},
	{"new\nline", "idle", {"new\nline", "tab\there", "\"quoted\""}, NULL},
	{"na\xc3\xafve \xce\xa9", "idle", {"\xce\xb1 \xe2\x86\x92 \xf0\x9f\x90\xa7"}, NULL},
	{"\xff\xfe not utf8", "idle", {"\xff\xfe\x80"}, NULL},
	{"\033[31mred", "idle", {"\033[31mred\033[0m"}, NULL},
	{"threads", "threads", {NULL}, NULL},
	{"headless", "headless", {NULL}, NULL},
	{"zombie-parent", "zombie", {NULL}, NULL},
	{"stopped", "stopped", {NULL}, NULL},
	{"tracer", "traced", {NULL}, NULL},
	{"vforked", "vforked", {NULL}, NULL},
	{"tree", "tree", {NULL}, NULL},
	{"orphan", "orphan", {NULL}, NULL},
	{"session", "session", {NULL}, NULL},
	{"user", "user", {NULL}, NULL},
	{"realtime", "realtime", {NULL}, NULL},
	{"chrooted", "chroot", {NULL}, NULL},
	{"namespaces", "namespaces", {NULL}, NULL},
	{"mappings", "mappings", {NULL}, NULL},
	{"many-mappings", "many", {NULL}, NULL},
	{"files", "files", {NULL}, NULL},
	{"sockets", "sockets", {NULL}, NULL},
	{"swapped-out", "swapped", {NULL}, NULL},
	{"spin-cpu1", "spin", {NULL}, "spin"},
};

int resident_main(const char *part)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!strcmp(parts[i].name, part)) {
			parts[i].play();
			sleep_forever();
		}
	fail("there is no part %s", part);
}

void settle(void)
{
	int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	void *mark = mmap((void *)MARK_AT, PAGE, PROT_READ | PROT_WRITE, fixed, -1, 0);

	if (mark == MAP_FAILED)
		fail("no page for the mark");
	fill(mark, 1, own_pid());
	check(write(READY_FD, "", 1), "telling pid 1");
	close(READY_FD);
}

void settle_and_sleep(void)
{
	settle();
	sleep_forever();
}

static void become(const char *path, const char *part, char *const argv[])
{
	char environment[64];

	snprintf(environment, sizeof(environment), "PART=%s", part);
	execve(path, argv, (char *[]){environment, NULL});
	fail("cannot execute %s", path);
}

/* One after the other, so that pids are in order and nothing moves while the next one settles. */
static void start(const char *program, const char *path, const char *part, char *const argv[])
{
	int ready[2];
	struct pollfd wait;
	char byte;

	if (access(path, F_OK) < 0)
		check(link(program, path), path);
	check(pipe(ready), "pipe");
	pid_t pid = fork();
	check(pid, "fork");
	if (!pid) {
		dup2(ready[1], READY_FD);
		if (ready[0] != READY_FD)
			close(ready[0]);
		if (ready[1] != READY_FD)
			close(ready[1]);
		become(path, part, argv);
	}
	close(ready[1]);
	wait = (struct pollfd){.fd = ready[0], .events = POLLIN};
	if (poll(&wait, 1, 120000) != 1 || read(ready[0], &byte, 1) != 1)
		fail("%s does not settle", path);
	close(ready[0]);
}

void start_churn(void)
{
	start("/init", "/named/churn", "churn", (char *[]){"churn", NULL});
	sleep(3);
}

/* More than a page of arguments. */
static void start_wordy(void)
{
	enum { WORDS = 400 };
	char *argv[WORDS + 2] = {"wordy"};

	for (int i = 1; i <= WORDS; i++)
		check(asprintf(&argv[i], "argument-number-%04d-of-a-long-line", i), "asprintf");
	start("/init", "/named/wordy", "idle", argv);
	for (int i = 1; i <= WORDS; i++)
		free(argv[i]);
}

void start_residents(void)
{
	for (size_t i = 0; i < sizeof(residents) / sizeof(*residents); i++) {
		const struct resident *one = &residents[i];
		char path[256];
		char *argv[6] = {path};

		if (one->wanted && !option(one->wanted))
			continue;
		snprintf(path, sizeof(path), "/named/%s", one->file);
		for (int j = 0; j < 6 && one->argv[j]; j++)
			argv[j] = (char *)(uintptr_t)one->argv[j];
		start("/init", path, one->part, argv);
	}
	start_wordy();
	if (!access("/init32", F_OK))
		start("/init32", "/named/compat32", "idle", (char *[]){"compat32", NULL});
}
