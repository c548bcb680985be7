/* SPDX-License-Identifier: MIT */
/*
 * The guardian of a guest that is being watched: gives the guest back when the watcher dies or
 * hangs. Started by the Xen driver, with a socket to it and the memory they share.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch.h"

enum { SOCKET_FD = 3, MEMORY_FD = 4 };

/* The last process to be killed for want of memory; without the privilege, one like any other. */
static void outlive(void)
{
	static const char never[] = "-1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, never, sizeof(never) - 1) < 0)
		fputs("", stderr); /* not allowed: nothing to be done about it */
	close(fd);
}

int main(int argc, char **argv)
{
	sigset_t all;

	if (argc != 2 || strcmp(argv[1], "--watch") || fcntl(SOCKET_FD, F_GETFD) < 0 ||
	    fcntl(MEMORY_FD, F_GETFD) < 0) {
		fputs("vmi-xen-guard is started by the Xen driver of vmicore; it gives a watched "
		      "guest back when the watcher dies\n",
		      stderr);
		return 2;
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (chdir("/"))
		return 2;
	outlive();
	return xen_guard_watch(SOCKET_FD, MEMORY_FD);
}
