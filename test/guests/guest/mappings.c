/* SPDX-License-Identifier: MIT */
/* Every kind of memory region, and pages that are in memory, hidden, huge, or swapped out. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

enum { RW = PROT_READ | PROT_WRITE, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS };

/* What this kernel or processor does not know is left out, and said on the console. */
static void *map(const char *what, void *at, size_t size, int access, int flags, int fd, off_t from)
{
	void *got = mmap(at, size, access, flags, fd, from);

	if (got == MAP_FAILED) {
		note("%s: %s", what, strerror(errno));
		return NULL;
	}
	return got;
}

static int file_of(const char *path, off_t size)
{
	char page[PAGE];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	check(fd, path);
	fill(page, 1, own_pid());
	for (off_t at = 0; at < size && at < 16 * PAGE; at += PAGE)
		check(pwrite(fd, page, sizeof(page), at), path);
	check(ftruncate(fd, size), path);
	return fd;
}

static void map_file(const char *path, off_t size, int access, int flags, off_t from)
{
	int fd = file_of(path, size);
	volatile char *at = map(path, NULL, 2 * PAGE, access, flags, fd, from);

	if (at && (access & PROT_WRITE))
		*at = '!';
	else if (at)
		(void)*at;
	close(fd);
}

static void map_files(void)
{
	char deep[700] = "/mnt/tmp";

	for (int i = 0; i < 20; i++)
		snprintf(deep + strlen(deep), sizeof(deep) - strlen(deep),
			 "/level-%02d-of-a-deep-tree", i);
	make_folders(deep);
	strcat(deep, "/leaf");

	map_file("/mnt/tmp/private", 8 * PAGE, PROT_READ, MAP_PRIVATE, 3 * PAGE);
	map_file("/mnt/tmp/private written", 8 * PAGE, RW, MAP_PRIVATE, PAGE);
	map_file("/mnt/tmp/shared", 8 * PAGE, RW, MAP_SHARED, 5 * PAGE);
	map_file("/mnt/tmp/read shared", 8 * PAGE, PROT_READ, MAP_SHARED, 0);
	map_file("/mnt/tmp/code", 8 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0);
	map_file("/mnt/tmp/new\nline", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file("/mnt/tmp/back\\slash", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file("/mnt/tmp/\xce\xa9 \xff", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file("/mnt/tmp/looks (deleted)", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file("/mnt/overlay/of the lower", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file("/mnt/bind/bound", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file("/mnt/with space/file", 4 * PAGE, PROT_READ, MAP_SHARED, 0);
	map_file("/in the initramfs", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file(deep, 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	map_file("/mnt/tmp/gone", 4 * PAGE, RW, MAP_SHARED, PAGE);
	check(unlink("/mnt/tmp/gone"), "gone");
	make_folders("/mnt/tmp/gone folder/inner");
	map_file("/mnt/tmp/gone folder/inner/gone too", 4 * PAGE, RW, MAP_SHARED, 0);
	check(unlink("/mnt/tmp/gone folder/inner/gone too"), "gone too");
	check(rmdir("/mnt/tmp/gone folder/inner"), "gone folder");
	map_file("/mnt/tmp/renamed from", 4 * PAGE, PROT_READ, MAP_PRIVATE, 0);
	check(rename("/mnt/tmp/renamed from", "/mnt/tmp/renamed to"), "renamed");
	if (sizeof(off_t) == 8)
		map_file("/mnt/tmp/beyond 4 GiB", (off_t)0x150000000, RW, MAP_SHARED,
			 (off_t)0x140003000);
}

static void map_devices(void)
{
	int memory = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	/* The BIOS: a frame that has no struct page behind it everywhere. */
	map("/dev/mem", NULL, 2 * PAGE, PROT_READ, MAP_SHARED, memory, 0xf0000);
	map("/dev/zero", NULL, 2 * PAGE, RW, MAP_PRIVATE, zero, 0);
	close(memory);
	close(zero);
}

static void map_shared_memory(void)
{
	int memfd = memfd_create("of some name", MFD_CLOEXEC);
	int shm = shmget(0x5eed, 3 * PAGE, IPC_CREAT | 0600);
	char *at;

	check(ftruncate(memfd, 3 * PAGE), "memfd");
	at = map("memfd", NULL, 3 * PAGE, RW, MAP_SHARED, memfd, 0);
	if (at)
		fill(at, 3, own_pid());
	close(memfd);
	check(shm, "shmget");
	if (shmat(shm, NULL, 0) == (void *)-1)
		fail("shmat");
	at = map("shared", NULL, 3 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at)
		fill(at, 3, own_pid());
}

static void map_huge(void)
{
	enum { HUGE = 2 << 20 };
	int flags = ANONYMOUS | MAP_FIXED_NOREPLACE;
	char *at = map("huge", (void *)HUGE_AT, 2 * HUGE, RW, flags, -1, 0);

	if (at) {
		if (madvise(at, 2 * HUGE, MADV_HUGEPAGE) < 0)
			note("no transparent huge pages");
		fill(at, HUGE / PAGE + 4, own_pid());
	}
	at = map("hugetlb", NULL, 4 << 20, RW, ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (at)
		fill(at, 1, own_pid());
	int fd = open("/mnt/huge/huge file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		map("hugetlbfs", NULL, 4 << 20, RW, MAP_SHARED, fd, 0);
	close(fd);
}

static void map_anonymous(void)
{
	char *at = map("pieces", NULL, 64 * PAGE, RW, ANONYMOUS, -1, 0);

	if (!at)
		fail("no memory");
	fill(at, 64, own_pid());
	check(munmap(at + 8 * PAGE, 4 * PAGE), "munmap");
	check(mprotect(at + 20 * PAGE, 4 * PAGE, PROT_READ), "mprotect");
	check(mprotect(at + 30 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC), "mprotect");
	check(mprotect(at + 40 * PAGE, 4 * PAGE, PROT_EXEC), "mprotect");
	madvise(at + 50 * PAGE, 2 * PAGE, MADV_DONTFORK);
	mlock(at + 56 * PAGE, 2 * PAGE);
	at = map("named", NULL, 4 * PAGE, RW, ANONYMOUS, -1, 0);
	if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, 4 * PAGE, "a name") < 0)
		note("anonymous memory has no names here");
	map("reserved", NULL, 1 << 24, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
	map("grows down", NULL, 8 * PAGE, RW, ANONYMOUS | MAP_GROWSDOWN, -1, 0);
	check(brk(sbrk(0)), "brk");
	if (sbrk(5 * PAGE) == (void *)-1)
		fail("no heap");
#ifdef __x86_64__
	/* Above 47 bits, which is in reach with 5-level paging only. */
	map("far", (void *)0x0012345678900000, 4 * PAGE, RW, ANONYMOUS, -1, 0);
#endif
	/* Filled, then hidden: the pages stay, and the tables do not say present. */
	at = map("hidden", (void *)HIDDEN_AT, 8 * PAGE, RW, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (!at)
		fail("no memory at the fixed address");
	fill(at, 8, own_pid());
	check(mprotect(at, 8 * PAGE, PROT_NONE), "mprotect");
}

void part_mappings(void)
{
	aio_context_t context = 0;

	map_anonymous();
	map_files();
	map_devices();
	map_shared_memory();
	map_huge();
	if (syscall(SYS_io_setup, 16, &context) < 0)
		note("no asynchronous I/O");
	settle();
}

/* So many that the kernel's tree of them has several levels. */
void part_many(void)
{
	enum { COUNT = 1500 };
	char *at = map("many", NULL, (size_t)COUNT * PAGE, RW, ANONYMOUS, -1, 0);

	if (!at)
		fail("no memory");
	for (size_t i = 0; i < COUNT; i += 2)
		check(mprotect(at + i * PAGE, PAGE, PROT_READ), "mprotect");
	for (size_t i = 0; i < COUNT; i += 37)
		check(munmap(at + i * PAGE, PAGE), "munmap");
	settle();
}

static int swapped_pages(const void *at, size_t pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int swapped = 0;

	for (size_t i = 0; i < pages; i++) {
		uint64_t entry = 0;
		off_t from = (off_t)(((uintptr_t)at / PAGE + i) * sizeof(entry));

		if (pread(fd, &entry, sizeof(entry), from) == sizeof(entry))
			swapped += (int)(entry >> 62 & 1);
	}
	close(fd);
	return swapped;
}

static void swap_out(void *at, size_t pages)
{
#ifdef MADV_PAGEOUT
	for (int i = 0; i < 20 && swapped_pages(at, pages) < (int)pages; i++) {
		madvise(at, pages * PAGE, MADV_PAGEOUT);
		usleep(20000);
	}
#endif
	note("%d of %zu pages are swapped out", swapped_pages(at, pages), pages);
}

/* How zram compresses: as this kernel does by itself, or as the guest's options say. */
static void choose_compressor(void)
{
	static const char *const names[] = {"lz4", "zstd"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (option(names[i]) && !write_text("/sys/block/zram0/comp_algorithm", names[i]))
			note("zram does not know %s", names[i]);
}

/* A child has some of them read: to its parent these are still in swap, and in memory, too. */
static void read_some(const volatile char *at, size_t pages)
{
	int ready[2];
	char byte;

	check(pipe(ready), "pipe");
	pid_t pid = fork();
	check(pid, "fork");
	if (!pid) {
		close(READY_FD);
		for (size_t i = 0; i < pages; i += 5)
			(void)at[i * PAGE];
		check(write(ready[1], "", 1), "telling the parent");
		sleep_forever();
	}
	check(read(ready[0], &byte, 1), "waiting for the child");
	close(ready[0]);
	close(ready[1]);
}

/* The first half goes to zram, and what is varied, and it is full: the second to a disk in memory.
 */
void part_swapped(void)
{
	enum { HALF = 64, VARIED = 64 };
	int flags = ANONYMOUS | MAP_FIXED_NOREPLACE;
	char room[32];
	char *at = map("to swap", (void *)SWAP_AT, 2 * HALF * PAGE, RW, flags, -1, 0);
	char *others = map("varied", (void *)VARIED_AT, VARIED * PAGE, RW, flags, -1, 0);

	if (!at || !others)
		fail("no memory at the fixed address");
	stay_on_cpu(0);
	fill(at, 2 * HALF, own_pid());
	fill_varied(others, VARIED, own_pid());
	choose_compressor();
	/* The first page is the area's header. */
	snprintf(room, sizeof(room), "%d", (1 + HALF + VARIED) * PAGE);
	write_text("/sys/block/zram0/disksize", room);
	swap_on("/dev/zram0", 10);
	swap_out(at, HALF);
	swap_out(others, VARIED);
	swap_on("/dev/ram0", 1);
	swap_out(at + HALF * PAGE, HALF);
	read_some(at, 2 * HALF);
	settle();
}
