/* SPDX-License-Identifier: MIT */
/* From pages, one by one, to segments. */

#include "pagelist.h"

/* A frame number that shifts to an address, with room to add to it. */
static const vmi_gfn gfn_end = UINT64_C(1) << (62 - VMI_PAGE_SHIFT);

enum vmi_status pagelist_flush(struct pagelist *list, struct vmi_error *err)
{
	vmi_gpa gpa = list->gfn << VMI_PAGE_SHIFT;
	uint64_t size = list->count << VMI_PAGE_SHIFT;

	if (!list->count)
		return VMI_OK;
	list->count = 0;
	switch (list->kind) {
	case SEGMENT_HELD:
		return segments_add(list->segments, list->source, gpa, size, size, list->offset,
				    err);
	case SEGMENT_LEFT_OUT:
		return segments_add(list->segments, list->source, gpa, 0, size, 0, err);
	case SEGMENT_HOLE:
	case SEGMENT_CUT:
		break;
	}
	return segments_add_hole(list->segments, gpa, size, err);
}

enum vmi_status pagelist_start(struct pagelist *list, enum segment_kind kind, vmi_gfn gfn,
			       uint64_t offset, struct vmi_error *err)
{
	enum vmi_status st = pagelist_flush(list, err);

	if (st)
		return st;
	if (gfn >= gfn_end) {
		list->segments->beyond += kind == SEGMENT_HELD;
		return VMI_OK;
	}
	list->kind = kind;
	list->gfn = gfn;
	list->offset = offset;
	list->count = 1;
	return VMI_OK;
}
