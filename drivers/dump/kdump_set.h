/* SPDX-License-Identifier: MIT */
#ifndef DUMP_KDUMP_SET_H
#define DUMP_KDUMP_SET_H

#include "kdump_part.h"

/**
 * The files of one kdump-compressed dump: a single one, or the parts of a split one, each of which
 * has the pages of a range of gfns and a bitmap of all.
 */
struct kdump_set {
	struct kdump_part **parts; /* ascending, without overlap */
	size_t count, room;
	struct pagemap
		had; /* the pages that the guest had; without pages when the dump is silent */
};

/* Open what the user named, and look for parts that nobody named in the same folder. */
VMI_CHECKED enum vmi_status kdump_set_open(struct kdump_set *set, const struct vmi_target *target,
					   struct vmi_error *err);
void kdump_set_close(struct kdump_set *set);

/* The part that has the pages around gfn; NULL: none has. */
const struct kdump_part *kdump_set_find(const struct kdump_set *set, vmi_gfn gfn);
/* The range of gfns around `gfn` that no part has; it is where kdump_set_find() gives NULL. */
vmi_gfn kdump_set_gap_end(const struct kdump_set *set, vmi_gfn gfn);

#endif
