/* SPDX-License-Identifier: MIT */
/* What every part of the guest's program needs. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest.h"

static void say(const char *format, va_list list)
{
	dprintf(STDERR_FILENO, "guest: ");
	vdprintf(STDERR_FILENO, format, list);
	dprintf(STDERR_FILENO, "\n");
}

void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(format, list);
	va_end(list);
	/* QEMU runs with -no-reboot: the host sees it end. */
	if (getpid() == 1 && getppid() == 0)
		reboot(RB_AUTOBOOT);
	_exit(1);
}

void note(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(format, list);
	va_end(list);
}

void check(long long result, const char *what)
{
	if (result < 0)
		fail("%s: %s", what, strerror(errno));
}

bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return false;
	bool whole = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return whole;
}

void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	char buffer[PAGE];
	ssize_t n;

	check(in, from);
	check(out, to);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		check(write(out, buffer, (size_t)n), to);
	close(in);
	close(out);
}

void make_folders(const char *path)
{
	char *copy = strdup(path);

	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(copy, 0755);
		*slash = '/';
	}
	if (mkdir(copy, 0755) < 0 && errno != EEXIST)
		fail("%s: %s", path, strerror(errno));
	free(copy);
}

bool option(const char *name)
{
	char line[4096], word[64];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	check(fd, "/proc/cmdline");
	ssize_t n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = 0;
	snprintf(word, sizeof(word), "guest.%s", name);
	return strstr(line, word);
}

int own_pid(void)
{
	char text[16] = "";

	check(readlink("/proc/self", text, sizeof(text) - 1), "/proc/self");
	return atoi(text);
}

void stay_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	check(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

void sleep_forever(void)
{
	for (;;)
		pause();
}

static void fill_text(char *page, int pid, unsigned index)
{
	char line[64];
	size_t length = (size_t)snprintf(line, sizeof(line), "process %d page %u\n", pid, index);

	for (size_t i = 0; i < PAGE; i++)
		page[i] = line[i % length];
}

/* Marsaglia's xorshift: nothing that a compressor could use. */
static void fill_noise(char *page, int pid, unsigned index)
{
	uint32_t x = ((uint32_t)pid << 12) + index + 1;

	for (size_t i = 0; i < PAGE; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		memcpy(page + i, &x, sizeof(x));
	}
}

void fill(void *at, size_t pages, int pid)
{
	for (unsigned i = 0; i < pages; i++) {
		char *page = (char *)at + (size_t)i * PAGE;

		switch (i % 4) {
		case 0:
			fill_text(page, pid, i);
			break;
		case 1:
			fill_noise(page, pid, i);
			break;
		case 2:
			memset(page, 'Z', PAGE);
			break;
		default:
			memset(page, 0, PAGE);
		}
	}
}
