/* SPDX-License-Identifier: MIT */
#ifndef XEN_WATCH_H
#define XEN_WATCH_H

/*
 * The guardian's life: serve the words of shared.h on `socket`, watch over the struct xen_shared in
 * `memory`, give the guest back when it must. Returns 0 when the driver said goodbye, 1 when the
 * guest was given back, 2 when it never came to anything.
 */
int xen_guard_watch(int socket, int memory);

#endif
