/* SPDX-License-Identifier: MIT */
/* Processes in odd states, of odd descent, with odd rights. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

/* Until /proc says that `pid` is in `state`. */
static void await(pid_t pid, char state)
{
	char path[32], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (;;) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof(text) - 1);

		close(fd);
		text[n > 0 ? n : 0] = 0;
		const char *behind = strrchr(text, ')');
		if (behind && behind[1] && behind[2] == state)
			return;
		usleep(10000);
	}
}

static pid_t fork_idle(const char *name)
{
	pid_t pid = fork();

	check(pid, "fork");
	if (!pid) {
		close(READY_FD);
		prctl(PR_SET_NAME, name);
		sleep_forever();
	}
	await(pid, 'S');
	return pid;
}

void part_zombie(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(42);
	await(pid, 'Z');
	settle();
}

void part_stopped(void)
{
	pid_t pid = fork_idle("stopped child");

	kill(pid, SIGSTOP);
	await(pid, 'T');
	settle();
}

void part_traced(void)
{
	pid_t pid = fork_idle("traced");

	check(ptrace(PTRACE_SEIZE, pid, NULL, NULL), "ptrace");
	check(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), "ptrace");
	await(pid, 't');
	settle();
}

/* The parent sleeps uninterruptibly until the child executes something, which it never does. */
void part_vforked(void)
{
	settle();
	if (!vfork())
		sleep_forever();
}

void part_tree(void)
{
	static const char *const names[] = {"generation 1", "generation 2", "generation 3"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		fork_idle("sibling");
		if (fork())
			sleep_forever();
		prctl(PR_SET_NAME, names[i]);
	}
	settle();
}

/* Its parent ends: pid 1 adopts it. */
void part_orphan(void)
{
	if (fork())
		_exit(0);
	while (getppid() != 1)
		usleep(10000);
	settle();
}

void part_session(void)
{
	if (fork())
		sleep_forever();
	check(setsid(), "setsid");
	pid_t pid = fork_idle("own group");
	check(setpgid(pid, pid), "setpgid");
	fork_idle("same group");
	settle();
}

void part_user(void)
{
	gid_t groups[] = {2000, 3000, 70000};

	check(setgroups(3, groups), "setgroups");
	check(setresgid(1001, 1002, 1003), "setresgid");
	check(setresuid(4001, 4002, 4003), "setresuid");
	/* Changing its user made it undumpable; let pid 1 read all of its /proc all the same. */
	settle();
}

void part_realtime(void)
{
	struct sched_param param = {.sched_priority = 7};

	check(setpriority(PRIO_PROCESS, 0, -5), "setpriority");
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		note("no real-time scheduling");
	settle();
}

/* In user mode at the stop, on the second vcpu. */
void part_spin(void)
{
	stay_on_cpu(1);
	settle();
	for (;;)
		__asm__ volatile("pause");
}

/* Processes that come and go, threads too, and mappings: for a dump of a guest that does not hold
 * still. Started after the recording. */
void part_churn(void)
{
	settle();
	for (;;) {
		for (int i = 0; i < 8; i++)
			if (!fork()) {
				prctl(PR_SET_NAME, "churned");
				usleep((useconds_t)(rand() % 3000));
				_exit(0);
			}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(500);
	}
}

void part_chroot(void)
{
	int pid = own_pid();

	make_folders("/mnt/jail/below");
	copy_file("/init", "/mnt/jail/file in jail");
	/* settle() asks /proc who it is; there is one in the jail too. */
	make_folders("/mnt/jail/proc");
	check(mount("proc", "/mnt/jail/proc", "proc", 0, NULL), "proc in the jail");
	check(chroot("/mnt/jail"), "chroot");
	check(chdir("/below"), "chdir");
	check(open("/file in jail", O_RDONLY), "file in jail");
	if (own_pid() != pid)
		fail("another pid in the jail");
	settle();
}

/* Mounts, pids, host name, network and IPC of its own. The child is pid 1 there. */
void part_namespaces(void)
{
	check(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET),
	      "unshare");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	check(mount("inner", "/mnt/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m"), "inner tmpfs");
	check(sethostname("inner-host", 10), "sethostname");
	if (fork())
		sleep_forever();
	prctl(PR_SET_NAME, "inner pid 1");
	check(open("/mnt/tmp/inner file", O_RDWR | O_CREAT, 0600), "inner file");
	if (!fork()) {
		close(READY_FD);
		prctl(PR_SET_NAME, "inner pid 2");
		sleep_forever();
	}
	settle();
}
