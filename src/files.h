/* SPDX-License-Identifier: MIT */
#ifndef VMI_FILES_H
#define VMI_FILES_H

#include "source.h"

/**
 * The files of one image, each out of its containers: first those that the user named, then those
 * that the driver asked for. Zeroed is empty.
 */
struct files {
	struct vmi_source **list; /* owned */
	size_t count, room;
	/* The containers around the first, as they are said around a format's name; owned. */
	char *prefix, *suffix;
};

/*
 * Open what `name` says: a file, or, where there is none of that name, several between commas.
 * `target` is who is warned, and has the options.
 */
VMI_CHECKED enum vmi_status files_open(struct files *files, const char *name,
				       const struct vmi_target *target, struct vmi_error *err);
/* An image in memory, which outlives it. */
VMI_CHECKED enum vmi_status files_open_memory(struct files *files, const void *bytes, size_t len,
					      const struct vmi_target *target,
					      struct vmi_error *err);
/* One more file, the last of the list afterwards. */
VMI_CHECKED enum vmi_status files_add(struct files *files, const char *path,
				      const struct vmi_target *target, struct vmi_error *err);
void files_close(struct files *files);

#endif
