/* SPDX-License-Identifier: MIT */
#ifndef DUMP_PAGELIST_H
#define DUMP_PAGELIST_H

#include "extents.h"

/**
 * From pages that a file names one by one to segments: neighbours in the guest that are neighbours
 * in the file, too, become one.
 */
struct pagelist {
	struct segments *segments;
	const struct vmi_source *source;
	/* The run being collected. */
	enum segment_kind kind;
	vmi_gfn gfn;
	uint64_t offset, count;
};

/* Add what was collected; also once at the end. */
VMI_CHECKED enum vmi_status pagelist_flush(struct pagelist *list, struct vmi_error *err);
VMI_CHECKED enum vmi_status pagelist_start(struct pagelist *list, enum segment_kind kind,
					   vmi_gfn gfn, uint64_t offset, struct vmi_error *err);

/* The page `gfn` is held at `offset`, or it is a hole or left out. */
VMI_CHECKED static inline enum vmi_status pagelist_add(struct pagelist *list,
						       enum segment_kind kind, vmi_gfn gfn,
						       uint64_t offset, struct vmi_error *err)
{
	if (list->count && gfn == list->gfn + list->count && kind == list->kind &&
	    (kind != SEGMENT_HELD || offset == list->offset + (list->count << VMI_PAGE_SHIFT))) {
		list->count++;
		return VMI_OK;
	}
	return pagelist_start(list, kind, gfn, offset, err);
}

#endif
