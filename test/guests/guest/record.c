/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of itself and of its processes, as a tar archive on the disk, past the page
 * cache: nothing of it is meant to be found in the memory that is dumped.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest.h"

/* Files of sysctl refuse reads of megabytes. */
enum { BLOCK = 512, BUFFER = 1 << 20, READ = 1 << 16 };

struct archive {
	int fd;
	char *buffer; /* BUFFER bytes, of which */
	size_t used;
};

/* A file read whole. */
struct text {
	char *data;
	size_t size, room;
};

static void flush(struct archive *archive)
{
	size_t whole = (archive->used + PAGE - 1) / PAGE * PAGE;

	memset(archive->buffer + archive->used, 0, whole - archive->used);
	for (size_t done = 0; done < whole;) {
		ssize_t n = write(archive->fd, archive->buffer + done, whole - done);

		check(n, "writing the record");
		done += (size_t)n;
	}
	archive->used = 0;
}

static void put(struct archive *archive, const char *data, size_t size)
{
	while (size) {
		size_t n = BUFFER - archive->used < size ? BUFFER - archive->used : size;

		memcpy(archive->buffer + archive->used, data, n);
		archive->used += n;
		data += n;
		size -= n;
		if (archive->used == BUFFER)
			flush(archive);
	}
}

/* A member: POSIX ustar's header, the data, zeros up to a whole block. */
static void add(struct archive *archive, const char *name, const char *data, size_t size)
{
	char head[BLOCK] = {0};
	static const char zeros[BLOCK];
	unsigned sum = 8 * ' ';

	if (strlen(name) >= 100)
		fail("%s is too long a name", name);
	memcpy(head, name, strlen(name));
	snprintf(head + 100, 8, "%07o", 0644);
	snprintf(head + 108, 8, "%07o", 0);
	snprintf(head + 116, 8, "%07o", 0);
	snprintf(head + 124, 12, "%011zo", size);
	snprintf(head + 136, 12, "%011o", 0);
	head[156] = '0';
	memcpy(head + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)head[i];
	snprintf(head + 148, 8, "%06o", sum);
	head[155] = ' ';
	put(archive, head, sizeof(head));
	put(archive, data, size);
	put(archive, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

static void grow(struct text *text)
{
	size_t room = text->room ? 2 * text->room : 1 << 16;
	void *more = text->room ? mremap(text->data, text->room, room, MREMAP_MAYMOVE)
				: mmap(NULL, room, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (more == MAP_FAILED)
		fail("no memory for the record");
	text->data = more;
	text->room = room;
}

/* False: there is no such file, or it cannot be read. What it left behind is overwritten. */
static bool read_whole(struct text *text, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	memset(text->data, 0, text->size);
	text->size = 0;
	if (fd < 0)
		return false;
	for (;;) {
		if (text->room - text->size < READ)
			grow(text);
		n = read(fd, text->data + text->size, READ);
		if (n > 0)
			text->size += (size_t)n;
		/* A record of the log was overwritten meanwhile: the next read goes on behind. */
		else if (!n || errno != EPIPE)
			break;
	}
	close(fd);
	return !n || errno == EAGAIN;
}

static void add_file(struct archive *archive, struct text *text, const char *path)
{
	if (read_whole(text, path))
		add(archive, path + 1, text->data, text->size);
}

static void add_link(struct archive *archive, struct text *text, const char *path)
{
	char to[PAGE];
	ssize_t n = readlink(path, to, sizeof(to));

	(void)text;
	if (n >= 0)
		add(archive, path + 1, to, (size_t)n);
}

/* To be freed by the caller. */
static char *join(const char *folder, const char *name)
{
	char *path;

	check(asprintf(&path, "%s/%s", folder, name), "asprintf");
	return path;
}

static void add_files(struct archive *archive, struct text *text, const char *folder,
		      const char *const *names)
{
	for (; *names; names++) {
		char *path = join(folder, *names);

		add_file(archive, text, path);
		free(path);
	}
}

/* Each entry of a folder by `each`, but for those that begin with a dot. */
static void add_folder(struct archive *archive, struct text *text, const char *above,
		       const char *folder,
		       void (*each)(struct archive *, struct text *, const char *))
{
	char *path = join(above, folder);
	DIR *entries = opendir(path);
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		if (entry->d_name[0] == '.')
			continue;
		char *name = join(path, entry->d_name);
		each(archive, text, name);
		free(name);
	}
	if (entries)
		closedir(entries);
	free(path);
}

static void add_task(struct archive *archive, struct text *text, const char *path)
{
	static const char *const files[] = {"stat", "status", "comm", NULL};

	add_files(archive, text, path, files);
}

static void add_pagemap(struct archive *archive, int pid, uintptr_t at, size_t pages)
{
	char path[64], entries[1024 * 8];
	size_t size = pages * 8;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, entries, size, (off_t)(at / PAGE * 8));
	close(fd);
	if (n <= 0)
		return;
	snprintf(path, sizeof(path), "proc/%d/pagemap/%lx", pid, (unsigned long)at);
	add(archive, path, entries, (size_t)n);
}

static void add_process(struct archive *archive, struct text *text, const char *path)
{
	static const char *const files[] = {"stat",      "status", "comm",   "cmdline", "maps",
					    "mountinfo", "mounts", "cgroup", "statm",   NULL};
	static const char *const links[] = {"exe", "cwd", "root"};
	int pid = atoi(path + strlen("/proc/"));

	if (!pid)
		return;
	add_files(archive, text, path, files);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		char *name = join(path, links[i]);

		add_link(archive, text, name);
		free(name);
	}
	add_folder(archive, text, path, "ns", add_link);
	add_folder(archive, text, path, "fd", add_link);
	add_folder(archive, text, path, "fdinfo", add_file);
	add_folder(archive, text, path, "task", add_task);
	add_pagemap(archive, pid, MARK_AT, 1);
	add_pagemap(archive, pid, SWAP_AT, 128);
	add_pagemap(archive, pid, HIDDEN_AT, 8);
	add_pagemap(archive, pid, HUGE_AT, 1024);
	add_pagemap(archive, pid, VARIED_AT, 64);
}

static void add_module(struct archive *archive, struct text *text, const char *path)
{
	static const char *const files[] = {"initstate", "coresize", "sections/.text", NULL};

	add_files(archive, text, path, files);
	add_folder(archive, text, path, "parameters", add_file);
}

static void add_names(struct archive *archive)
{
	struct utsname names;

	check(uname(&names), "uname");
	add(archive, "uname/release", names.release, strlen(names.release));
	add(archive, "uname/version", names.version, strlen(names.version));
	add(archive, "uname/machine", names.machine, strlen(names.machine));
	add(archive, "uname/nodename", names.nodename, strlen(names.nodename));
}

/* What does not change while it is recorded, the largest first. */
static void add_system(struct archive *archive, struct text *text)
{
	static const char *const files[] = {
		"/proc/kallsyms",
		"/proc/modules",
		"/proc/version",
		"/proc/cmdline",
		"/proc/iomem",
		"/proc/swaps",
		"/proc/cpuinfo",
		"/proc/meminfo",
		"/proc/net/tcp",
		"/proc/net/tcp6",
		"/proc/net/udp",
		"/proc/net/unix",
		"/proc/net/raw",
		"/proc/net/netlink",
		"/proc/filesystems",
		"/proc/sysvipc/shm",
		"/proc/sys/kernel/domainname",
		"/proc/sys/kernel/tainted",
		"/sys/kernel/vmcoreinfo",
		"/sys/block/zram0/mm_stat",
		"/sys/block/zram0/comp_algorithm",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		add_file(archive, text, files[i]);
	add_folder(archive, text, "/sys/kernel", "btf", add_file);
	add_folder(archive, text, "/sys", "module", add_module);
	add_names(archive);
}

/* What moves: once more with each attempt, which the host knows by the member "again". */
static void add_moving(struct archive *archive, struct text *text)
{
	add(archive, "again", "", 0);
	add_folder(archive, text, "", "proc", add_process);
	add_file(archive, text, "/dev/kmsg");
	add_file(archive, text, "/proc/uptime");
	add_file(archive, text, "/proc/loadavg");
	add_file(archive, text, "/proc/stat");
}

/* The pids there are. */
static void list_pids(struct text *list)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;

	memset(list->data, 0, list->size);
	list->size = 0;
	while ((entry = readdir(folder))) {
		size_t n = strlen(entry->d_name) + 1;

		if (!atoi(entry->d_name))
			continue;
		while (list->room - list->size < n)
			grow(list);
		memcpy(list->data + list->size, entry->d_name, n);
		list->size += n;
	}
	closedir(folder);
}

void record(void)
{
	struct archive archive = {.fd = open("/dev/vda", O_WRONLY | O_DIRECT | O_CLOEXEC)};
	struct text text = {0}, before = {0}, after = {0};

	check(archive.fd, "/dev/vda");
	archive.buffer =
		mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	grow(&text);
	grow(&before);
	grow(&after);
	add_system(&archive, &text);
	for (int i = 0; i < 20; i++) {
		list_pids(&before);
		add_moving(&archive, &text);
		list_pids(&after);
		if (before.size == after.size && !memcmp(before.data, after.data, after.size))
			break;
	}
	/* The archive ends in two empty blocks. */
	memset(text.data, 0, BLOCK * 2);
	put(&archive, text.data, BLOCK * 2);
	flush(&archive);
	check(fsync(archive.fd), "fsync");
	list_pids(&after);
	if (before.size != after.size || memcmp(before.data, after.data, after.size))
		note("processes came or went while the record was written");
}
