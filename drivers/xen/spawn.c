/* SPDX-License-Identifier: MIT */
/* Starting the guardian: a program of its own, which nothing of this process's end reaches. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

#include "xen.h"

#ifndef VMI_XEN_GUARD
#error "VMI_XEN_GUARD is the guardian's installed path"
#endif

enum { SOCKET_FD = 3, MEMORY_FD = 4, FIRST_CLOSED_FD = 5, OUT_OF_THE_WAY = 16 };

/* Own session: no terminal's signal. All signals blocked. No descriptor but what it needs. */
static int spawn(pid_t *pid, int socket, int memory)
{
	const char *path = secure_getenv("VMI_XEN_GUARD");
	char *const argv[] = {(char[]){"vmi-xen-guard"}, (char[]){"--watch"}, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t all;
	int error = posix_spawn_file_actions_init(&files);

	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error) {
		posix_spawn_file_actions_destroy(&files);
		return error;
	}
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
	error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&files, 0, 1);
	if (!error && !getenv("VMI_GUARD_VERBOSE"))
		error = posix_spawn_file_actions_adddup2(&files, 0, 2);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&files, socket, SOCKET_FD);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&files, memory, MEMORY_FD);
	if (!error)
		error = posix_spawn_file_actions_addclosefrom_np(&files, FIRST_CLOSED_FD);
	if (!error)
		error = posix_spawn(pid, path && *path ? path : VMI_XEN_GUARD, &files, &attributes,
				    argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return error;
}

pid_t xen_guard_spawn(int socket, int memory)
{
	/* Where the numbers of the new process do not run over them. */
	int from_socket = fcntl(socket, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	int from_memory = fcntl(memory, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	pid_t pid = -1;
	int error =
		from_socket < 0 || from_memory < 0 ? errno : spawn(&pid, from_socket, from_memory);

	if (from_socket >= 0)
		close(from_socket);
	if (from_memory >= 0)
		close(from_memory);
	errno = error;
	return error ? -1 : pid;
}
