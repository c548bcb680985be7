/* SPDX-License-Identifier: MIT */
/* Physical to virtual: the mapped ranges of a space, sorted by where they lead. */

#include <stdlib.h>

#include "handle.h"

struct piece {
	vmi_gpa gpa;
	uint64_t size;
	vmi_gva gva;
	vmi_gpa reach; /* the highest last gpa of this and all pieces before */
};

struct vmi_rmap {
	struct piece *pieces;
	size_t count, room;
};

static int piece_order(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;

	if (a->gpa != b->gpa)
		return a->gpa < b->gpa ? -1 : 1;
	return a->gva < b->gva ? -1 : a->gva > b->gva;
}

static enum vmi_status rmap_add(struct vmi_rmap *rmap, const struct vmi_range *range,
				struct vmi_error *err)
{
	if (rmap->count == rmap->room) {
		size_t room = rmap->room ? rmap->room * 2 : 1024;
		struct piece *pieces = reallocarray(rmap->pieces, room, sizeof(*pieces));
		if (!pieces)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory after %zu mapped ranges",
					rmap->count);
		rmap->pieces = pieces;
		rmap->room = room;
	}
	rmap->pieces[rmap->count++] = (struct piece){range->gpa, range->size, range->gva, 0};
	return VMI_OK;
}

enum vmi_status vmi_rmap_create(struct vmi *vm, const struct vmi_space *space,
				struct vmi_rmap **out, struct vmi_error *err)
{
	struct vmi_rmap *rmap = calloc(1, sizeof(*rmap));
	struct vmi_range_iter it;
	struct vmi_range range;
	enum vmi_status st;

	if (!rmap)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	vmi_range_begin(&it, vm, space, 0, UINT64_MAX);
	while (!(st = vmi_range_next(&it, &range, err)))
		if (!range.status && (st = rmap_add(rmap, &range, err)))
			break;
	if (st != VMI_END) {
		vmi_rmap_destroy(rmap);
		return st;
	}
	if (rmap->count)
		qsort(rmap->pieces, rmap->count, sizeof(*rmap->pieces), piece_order);
	vmi_gpa reach = 0;
	for (size_t i = 0; i < rmap->count; i++) {
		vmi_gpa last = rmap->pieces[i].gpa + (rmap->pieces[i].size - 1);
		if (last > reach)
			reach = last;
		rmap->pieces[i].reach = reach;
	}
	*out = rmap;
	return VMI_OK;
}

void vmi_rmap_destroy(struct vmi_rmap *rmap)
{
	if (!rmap)
		return;
	free(rmap->pieces);
	free(rmap);
}

/* Insert into the ascending gva[0 .. have), keeping the lowest `max`. */
static void keep_lowest(vmi_gva gva[], size_t have, size_t max, vmi_gva value)
{
	size_t i = have < max ? have : max;

	if (i == max && (!max || gva[max - 1] <= value))
		return;
	if (i == max)
		i--;
	for (; i && gva[i - 1] > value; i--)
		gva[i] = gva[i - 1];
	gva[i] = value;
}

size_t vmi_rmap_find(const struct vmi_rmap *rmap, vmi_gpa gpa, vmi_gva gva[], size_t max)
{
	size_t low = 0, high = rmap->count, found = 0;

	while (low < high) { /* the first piece that begins above gpa */
		size_t mid = low + (high - low) / 2;
		if (rmap->pieces[mid].gpa <= gpa)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low; i-- > 0 && rmap->pieces[i].reach >= gpa;) {
		const struct piece *piece = &rmap->pieces[i];
		if (gpa - piece->gpa < piece->size)
			keep_lowest(gva, found++, max, piece->gva + (gpa - piece->gpa));
	}
	return found;
}
