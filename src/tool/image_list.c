/* SPDX-License-Identifier: MIT */
/* Lists of stretches of memory. */

#include <stdlib.h>

#include "image_list.h"

bool image_list_add(struct image_list *list, struct image_stretch stretch)
{
	struct image_stretch *last = list->count ? &list->list[list->count - 1] : NULL;

	if (!stretch.size)
		return true;
	if (last && last->gpa + last->size == stretch.gpa &&
	    last->offset + last->size == stretch.offset) {
		last->size += stretch.size;
		return true;
	}
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		void *grown = realloc(list->list, room * sizeof(*list->list));

		if (!grown)
			return false;
		list->list = grown;
		list->room = room;
	}
	list->list[list->count++] = stretch;
	return true;
}

/* What is left of `from` when [gpa, end) is taken: first the part before, in *from the one behind.
 */
static bool take_out(struct image_list *left, struct image_stretch *from, vmi_gpa gpa, vmi_gpa end)
{
	if (gpa > from->gpa) {
		struct image_stretch before = *from;

		before.size = gpa - from->gpa;
		if (!image_list_add(left, before))
			return false;
	}
	uint64_t skip = end - from->gpa < from->size ? end - from->gpa : from->size;
	from->gpa += skip;
	from->offset += skip;
	from->size -= skip;
	return true;
}

bool image_list_subtract(struct image_list *list, const struct image_list *minus)
{
	struct image_list left = {0};
	bool good = true;
	size_t at = 0;

	for (size_t i = 0; good && i < list->count; i++) {
		struct image_stretch from = list->list[i];

		while (at < minus->count && minus->list[at].gpa + minus->list[at].size <= from.gpa)
			at++;
		for (size_t k = at; good && from.size && k < minus->count &&
				    minus->list[k].gpa < from.gpa + from.size;
		     k++)
			good = take_out(&left, &from, minus->list[k].gpa,
					minus->list[k].gpa + minus->list[k].size);
		good = good && image_list_add(&left, from);
	}
	if (!good) {
		image_list_deinit(&left);
		return false;
	}
	image_list_deinit(list);
	*list = left;
	return true;
}

uint64_t image_list_bytes(const struct image_list *list)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < list->count; i++)
		bytes += list->list[i].size;
	return bytes;
}

void image_list_deinit(struct image_list *list)
{
	free(list->list);
	*list = (struct image_list){0};
}
