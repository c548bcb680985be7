/* SPDX-License-Identifier: MIT */
/*
 * terminal FILE SECONDS COMMAND..: run the command on a terminal of its own, what it shows there to
 * FILE, and type Ctrl-C after so many seconds (0: never). The exit status is the command's.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void run(const char *name, char **command)
{
	setsid();
	int terminal = open(name, O_RDWR);

	if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0))
		_exit(126);
	for (int fd = 0; fd < 3; fd++)
		dup2(terminal, fd);
	execvp(command[0], command);
	_exit(127);
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	int status = 0, master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (argc < 4 || master < 0 || grantpt(master) || unlockpt(master))
		return 125;
	FILE *file = fopen(argv[1], "we");
	pid_t pid = file ? fork() : -1;
	if (!pid)
		run(ptsname(master), argv + 3);
	double seconds = atof(argv[2]);
	long long end = seconds > 0 ? milliseconds() + (long long)(seconds * 1000) : 0;
	struct pollfd shown = {.fd = master, .events = POLLIN};
	char bytes[4096];
	/* The terminal hangs up (EIO) when nobody has it open any more. */
	for (ssize_t n = 0; pid > 0 && n >= 0;) {
		if (end && milliseconds() >= end && write(master, "\003", 1) == 1)
			end = 0;
		if (poll(&shown, 1, 20) <= 0)
			continue;
		n = read(master, bytes, sizeof(bytes));
		if (n > 0)
			fwrite(bytes, 1, (size_t)n, file);
		if (n < 0 && waitpid(pid, &status, WNOHANG) == 0)
			n = 0; /* it has not opened it yet */
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 124;
}
