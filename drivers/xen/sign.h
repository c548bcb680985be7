/* SPDX-License-Identifier: MIT */
#ifndef XEN_SIGN_H
#define XEN_SIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The sign that a guardian puts up for its domain, which another one of that id is not, for as long
 * as it lives: a descriptor, or -1 when there is one already. */
int xen_guard_sign(uint32_t domid, const uint8_t uuid[16]);
/* Someone has looked at it; to be called when it is readable. */
void xen_sign_answer(int sign);

/* Who watches a domain, as far as that can be known: watchers by other means put up no sign. */
struct xen_watcher {
	bool there;    /* there is a sign */
	pid_t pid;     /* 0: unknown, or no more */
	char name[64]; /* "process 123 (vmi-live)", or "another program"; fit for a sentence */
};
struct xen_watcher xen_watcher_find(uint32_t domid, const uint8_t uuid[16]);

#endif
