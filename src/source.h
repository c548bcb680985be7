/* SPDX-License-Identifier: MIT */
#ifndef VMI_SOURCE_H
#define VMI_SOURCE_H

#include <vmi/driver.h>

/**
 * The bytes of an image: a file or block device, mapped where that is possible, or a buffer of the
 * caller. Immutable once open, so any thread may read.
 */

/* Open the file `name`. `flags`: enum vmi_open_flags. NULL *source on failure. */
VMI_CHECKED enum vmi_status source_open(struct vmi_source **source, const char *name,
					unsigned flags, struct vmi_error *err);
/* Over bytes that outlive it. */
VMI_CHECKED enum vmi_status source_open_memory(struct vmi_source **source, const void *bytes,
					       size_t len, struct vmi_error *err);
/* NULL is allowed. */
void source_close(struct vmi_source *source);

#endif
