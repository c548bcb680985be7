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

static uint32_t noise_begin(int pid, unsigned index)
{
	return ((uint32_t)pid << 12) + index + 1;
}

/* Marsaglia's xorshift: nothing that a compressor could use. */
static uint32_t noise_next(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void fill_noise(char *page, int pid, unsigned index)
{
	uint32_t noise = noise_begin(pid, index);

	for (size_t i = 0; i < PAGE; i += sizeof(noise)) {
		uint32_t word = noise_next(&noise);

		memcpy(page + i, &word, sizeof(word));
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

/* What byte `i` of a page of that kind is; `noise` goes on from byte to byte. */
static char varied(unsigned kind, size_t i, const char *page, uint32_t *noise)
{
	uint32_t now = noise_next(noise);

	switch (kind) {
	case 0: /* zeros, and a byte now and then */
		return (char)(now % 97 ? 0 : now >> 8);
	case 1: /* runs of zeros, each longer than the one before */
		return (char)(i * 2 % 257 == 0 || i % 97 == 0 ? 'x' : 0);
	case 2: /* records */
		return (char)(i % 48 < 4 ? now : i % 48 < 8 ? i / 48 : i % 48 < 20 ? 'r' : 0);
	case 3: /* words of few letters */
		return (char)(now % 7 ? 'a' + now / 7 % 4 : ' ');
	case 4: /* noise, then zeros */
		return (char)(i < PAGE / 2 ? now : 0);
	case 5: /* what was 3000 bytes before */
		return (char)(i < 3000 ? now : (unsigned char)page[i - 3000]);
	case 6: /* two letters */
		return (char)(now >> 16 & 1 ? 'y' : 'n');
	default: /* noise, and pieces of it again */
		return (char)(i / 64 % 3 != 2 ? now : (unsigned char)page[i - 100]);
	}
}

void fill_varied(void *at, size_t pages, int pid)
{
	for (unsigned i = 0; i < pages; i++) {
		char *page = (char *)at + (size_t)i * PAGE;
		uint32_t noise = noise_begin(pid, i);

		for (size_t j = 0; j < PAGE; j++)
			page[j] = varied(i % 8, j, page, &noise);
	}
}
