/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_INDEX_FILE_H
#define CONTAINER_INDEX_FILE_H

#include "checkpoints.h"

/**
 * The seek index of a packed file, kept in IMAGE.vmi-index beside it if the user asked for that
 * (VMI_OPEN_KEEP_INDEX). It is used for a file of the same size, time of change, beginning and end
 * only, and only if it is whole. It holds pieces of memory, so nobody but its owner may read it.
 */
struct index_file {
	const struct vmi_source *outer;
	const struct vmi_target *target;
	const char *what; /* the container's name, at most 7 characters */
};

/* False: there is none, or it is not of this file; nothing has changed then. */
bool index_file_load(const struct index_file *file, struct checkpoints *points, uint64_t *size);
/* Where it cannot be written, that is a warning. */
void index_file_save(const struct index_file *file, const struct checkpoints *points,
		     uint64_t size);

#endif
