/* SPDX-License-Identifier: MIT */
/*
 * The guest's first process: prepare the machine, start the residents, record, stop the machine.
 *
 * The machine stops by QEMU's pvpanic device, which does so within the instruction that writes to
 * its port: what was recorded before is what the image shows, and this process is the current one
 * of vcpu 0.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

/* QEMU, docs/specs/pvpanic.txt: the port, and the event that says the guest has ended. */
enum { PVPANIC_PORT = 0x505, PVPANIC_PANICKED = 1 };

/* /modules/list has them in the order of their dependencies: a file's name, then parameters. */
static void load_modules(void)
{
	char line[256];
	FILE *list = fopen("/modules/list", "re");

	if (!list)
		fail("no /modules/list");
	while (fgets(line, sizeof(line), list)) {
		char path[300];

		line[strcspn(line, "\n")] = 0;
		char *parameters = strchr(line, ' ');
		if (parameters)
			*parameters++ = 0;
		snprintf(path, sizeof(path), "/modules/%s", line);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		check(fd, path);
		if (syscall(SYS_finit_module, fd, parameters ? parameters : "", 0) < 0)
			note("module %s: %s", line, strerror(errno));
		close(fd);
		unlink(path);
	}
	fclose(list);
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		return;
	for (int to = 0; to <= 2; to++)
		dup2(fd, to);
	if (fd > 2)
		close(fd);
}

/* Devices take a while to appear. */
static void await_file(const char *path)
{
	for (int i = 0; access(path, F_OK) < 0; i++) {
		if (i == 300)
			fail("%s does not appear", path);
		usleep(100000);
	}
}

static void stop_machine(void)
{
	check(ioperm(PVPANIC_PORT, 1, 1), "ioperm");
	outb(PVPANIC_PANICKED, PVPANIC_PORT);
	for (;;)
		__asm__ volatile("pause");
}

static void start_machine(void)
{
	make_folders("/proc");
	check(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "/proc");
	make_folders("/named");
	load_modules();
	mount_all();
	open_console();
	/* Addresses as they are, for a process with all rights. */
	write_text("/proc/sys/kernel/kptr_restrict", "1");
	write_text("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	/* Pages stay where they were recorded. */
	write_text("/proc/sys/vm/compact_unevictable_allowed", "0");
	write_text("/proc/sys/vm/page-cluster", "0");
	check(sethostname("guest-box", 9), "sethostname");
	check(setdomainname("guest.domain", 12), "setdomainname");
}

int main(int argc, char **argv)
{
	const char *part = getenv("PART");

	(void)argc;
	(void)argv;
	umask(0);
	if (part)
		return resident_main(part);
	start_machine();
	write_log();
	start_residents();
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	await_file("/dev/vda");
	stay_on_cpu(0);
	record();
	if (option("busy"))
		start_churn();
	stop_machine();
}
