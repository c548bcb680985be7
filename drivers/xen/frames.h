/* SPDX-License-Identifier: MIT */
#ifndef XEN_FRAMES_H
#define XEN_FRAMES_H

#include "shared.h"

#include <xenforeignmemory.h>

/* Single frames of a guest, mapped, put there and taken away. */

/* NULL and errno: ENOENT says that there is no memory, anything else that the host failed. */
void *xen_frame_map(xenforeignmemory_handle *fm, uint32_t domid, uint64_t gfn, int prot);
/* 1 it does, 0 it does not, -1 and errno: the host failed. */
int xen_frame_exists(xenforeignmemory_handle *fm, uint32_t domid, uint64_t gfn);
/* Memory at a gfn that has none; raises the domain's limit where it must, which is written down
 * first. -1 and errno. */
int xen_frame_add(xc_interface *xc, struct xen_shared *shared, uint64_t gfn);
/* -1 and errno: also when there is none. */
int xen_frame_remove(xc_interface *xc, uint32_t domid, uint64_t gfn);

#endif
