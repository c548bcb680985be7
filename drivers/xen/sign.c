/* SPDX-License-Identifier: MIT */
/* How others see that a domain is watched: a socket with a name that ends with its process. */

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sign.h"

static socklen_t sign_name(uint32_t domid, struct sockaddr_un *name)
{
	/* The name is not a file's: it begins with a zero byte. */
	memset(name, 0, sizeof(*name));
	name->sun_family = AF_UNIX;
	int len =
		snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "vmi-xen-guard-%u", domid);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

int xen_guard_sign(uint32_t domid)
{
	struct sockaddr_un name;
	socklen_t len = sign_name(domid, &name);
	int sign = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sign >= 0 && (bind(sign, (struct sockaddr *)&name, len) || listen(sign, 1))) {
		close(sign);
		sign = -1;
	}
	return sign;
}

bool xen_guard_is_there(uint32_t domid)
{
	struct sockaddr_un name;
	socklen_t len = sign_name(domid, &name);
	int sign = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool there = sign >= 0 && !connect(sign, (struct sockaddr *)&name, len);

	if (sign >= 0)
		close(sign);
	return there;
}
