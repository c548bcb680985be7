/* SPDX-License-Identifier: MIT */
/* How others see that a domain is watched: a socket with a name that ends with its process. */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "sign.h"

enum {
	PATIENCE_US = 500000, /* with a guardian that has much to do */
	VISITORS = 16,
};

static socklen_t sign_name(uint32_t domid, const uint8_t uuid[16], struct sockaddr_un *name)
{
	/* The name is not a file's: it begins with a zero byte. */
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	int len = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "vmi-xen-guard-%u-",
			   domid);
	for (unsigned i = 0; i < 16; i++)
		len += snprintf(name->sun_path + 1 + len, 3, "%02x", uuid[i]);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

int xen_guard_sign(uint32_t domid, const uint8_t uuid[16])
{
	struct sockaddr_un name;
	socklen_t len = sign_name(domid, uuid, &name);
	int sign = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (sign >= 0 && (bind(sign, (struct sockaddr *)&name, len) || listen(sign, VISITORS))) {
		close(sign);
		sign = -1;
	}
	return sign;
}

/* The first line of a file of /proc, without its end; empty when there is none. */
static void proc_line(pid_t pid, const char *file, char line[64])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	FILE *stream = fopen(path, "re");
	if (!stream || !fgets(line, 64, stream))
		line[0] = '\0';
	if (stream)
		fclose(stream);
	line[strcspn(line, "\n")] = '\0';
}

/* 0 when it is no more, or its parent has ended and init has taken its place. */
static pid_t parent_of(pid_t pid)
{
	char line[64];
	int parent = 0;

	/* "PID (NAME) STATE PARENT"; a guardian's name has no parenthesis. */
	proc_line(pid, "stat", line);
	const char *name_end = strrchr(line, ')');
	if (!name_end || sscanf(name_end, ") %*c %d", &parent) != 1)
		return 0;
	return parent > 1 ? parent : 0;
}

/* The process behind a sign: a listener's peer is who called listen(). 0: nobody says. */
static pid_t guardian_of(uint32_t domid, const uint8_t uuid[16], bool *there)
{
	const struct timeval patience = {.tv_usec = PATIENCE_US};
	struct sockaddr_un name;
	struct ucred peer = {0};
	socklen_t len = sign_name(domid, uuid, &name), size = sizeof(peer);
	int sign = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sign < 0)
		return 0;
	setsockopt(sign, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	bool connected = !connect(sign, (struct sockaddr *)&name, len);
	*there = connected || errno == EAGAIN; /* it is too busy to open */
	if (!connected || getsockopt(sign, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		peer.pid = 0;
	close(sign);
	return peer.pid;
}

struct xen_watcher xen_watcher_find(uint32_t domid, const uint8_t uuid[16])
{
	struct xen_watcher watcher = {.name = "another program"};
	char comm[64];
	pid_t guardian = guardian_of(domid, uuid, &watcher.there);

	watcher.pid = guardian ? parent_of(guardian) : 0;
	if (watcher.pid) {
		proc_line(watcher.pid, "comm", comm);
		snprintf(watcher.name, sizeof(watcher.name), "process %d (%.32s)", watcher.pid,
			 comm);
	}
	return watcher;
}

void xen_sign_answer(int sign)
{
	int visitor = accept(sign, NULL, NULL);

	if (visitor >= 0)
		close(visitor);
}
