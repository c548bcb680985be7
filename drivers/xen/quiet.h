/* SPDX-License-Identifier: MIT */
#ifndef XEN_QUIET_H
#define XEN_QUIET_H

#include <xentoollog.h>

/* Where libxenctrl's messages go: nowhere. Its default is the standard error stream, which is the
 * program's; what went wrong is in errno. */
xentoollog_logger *xen_quiet(void);

#endif
