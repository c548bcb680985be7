/* SPDX-License-Identifier: MIT */
#ifndef XEN_SIGN_H
#define XEN_SIGN_H

#include <stdbool.h>
#include <stdint.h>

/* The sign that a guardian puts up for its domain, for as long as it lives: a descriptor, or -1
 * when there is one already. */
int xen_guard_sign(uint32_t domid);
/* Is there one? */
bool xen_guard_is_there(uint32_t domid);

#endif
