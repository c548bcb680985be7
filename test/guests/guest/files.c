/* SPDX-License-Identifier: MIT */
/* A process with every kind of open file. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

static int open_at(const char *path, int flags, off_t offset)
{
	int fd = open(path, flags, 0640);

	check(fd, path);
	if (offset)
		check(lseek(fd, offset, SEEK_SET), path);
	return fd;
}

static void open_paths(void)
{
	open_at("/mnt/tmp/notes", O_RDWR | O_CREAT, 1234);
	open_at("/mnt/tmp/notes", O_RDONLY | O_CLOEXEC, 0x12345678);
	open_at("/mnt/tmp/appended", O_WRONLY | O_CREAT | O_APPEND | O_SYNC, 0);
	open_at("/mnt/tmp/with space and\nnewline", O_RDWR | O_CREAT | O_NONBLOCK, 0);
	open_at("/mnt", O_RDONLY | O_DIRECTORY, 0);
	open_at("/named", O_PATH, 0);
	open_at("/dev/null", O_WRONLY, 0);
	open_at("/dev/zero", O_RDONLY, 0);
	open_at("/dev/ttyS0", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	open_at("/dev/kmsg", O_RDONLY | O_NONBLOCK, 0);
	open_at("/proc/self/status", O_RDONLY, 5);
	open_at("/sys/kernel/uevent_seqnum", O_RDONLY, 0);
	open_at("/mnt/overlay/opened", O_RDWR | O_CREAT, 77);
	open_at("/mnt/bind/opened", O_RDWR | O_CREAT, 78);
	int gone = open_at("/mnt/tmp/deleted", O_RDWR | O_CREAT, 0);
	check(write(gone, "nobody can name me", 18), "deleted");
	check(unlink("/mnt/tmp/deleted"), "deleted");
	if (sizeof(off_t) == 8)
		open_at("/mnt/tmp/sparse", O_RDWR | O_CREAT, (off_t)0x123456789a);
	open("/mnt/tmp", O_TMPFILE | O_RDWR, 0600);
}

static void open_others(void)
{
	int ends[2];
	sigset_t set;

	check(pipe2(ends, O_NONBLOCK), "pipe");
	check(write(ends[1], "in the pipe", 11), "pipe");
	check(mkfifo("/mnt/tmp/fifo", 0600), "fifo");
	open_at("/mnt/tmp/fifo", O_RDWR, 0);
	check(eventfd(3, 0), "eventfd");
	check(epoll_create1(EPOLL_CLOEXEC), "epoll");
	check(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
	check(inotify_init1(0), "inotify");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	check(signalfd(-1, &set, 0), "signalfd");
	int memory = memfd_create("open memory", 0);
	check(memory, "memfd");
	check(ftruncate(memory, 10000), "memfd");
	check(lseek(memory, 4321, SEEK_SET), "memfd");
	if (syscall(SYS_pidfd_open, 1, 0) < 0)
		note("no pidfd");
	int master = open_at("/dev/ptmx", O_RDWR | O_NOCTTY, 0);
	int unlocked = 0;
	if (!ioctl(master, TIOCSPTLCK, &unlocked))
		open_at("/dev/pts/0", O_RDWR | O_NOCTTY, 0);
}

/* A table of files larger than the one a process starts with, with holes. */
static void open_far(void)
{
	struct rlimit limit = {2048, 2048};

	check(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
	int fd = open_at("/mnt/tmp/far", O_RDWR | O_CREAT, 99);
	for (int to = 100; to < 2000; to = to * 2 + 1)
		check(dup3(fd, to, to % 3 ? 0 : O_CLOEXEC), "dup3");
	close(fd);
}

void part_files(void)
{
	open_paths();
	open_others();
	open_far();
	settle();
}
