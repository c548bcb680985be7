/* SPDX-License-Identifier: MIT */
#ifndef VMI_SOURCE_H
#define VMI_SOURCE_H

#include <vmi/driver.h>

/**
 * The bytes of an image: a file or block device, mapped where that is possible, or a buffer of the
 * caller, or what lies in a container of these. Immutable once open, so any thread may read.
 */

/* Open the file `name`. `flags`: enum vmi_open_flags. NULL *source on failure. */
VMI_CHECKED enum vmi_status source_open(struct vmi_source **source, const char *name,
					unsigned flags, struct vmi_error *err);
/* Over bytes that outlive it. */
VMI_CHECKED enum vmi_status source_open_memory(struct vmi_source **source, const void *bytes,
					       size_t len, struct vmi_error *err);
/* What is inside a container; owns `outer` from success on. The error says where. */
VMI_CHECKED enum vmi_status source_open_container(struct vmi_source **source,
						  struct vmi_source *outer,
						  const struct vmi_container_ops *ops,
						  const struct vmi_target *target,
						  struct vmi_error *err);
/* With what it lies in. NULL is allowed. */
void source_close(struct vmi_source *source);

#endif
