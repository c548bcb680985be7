/* SPDX-License-Identifier: MIT */
/* Walking the kernel's circular lists, also those that are torn. */

#include <inttypes.h>

#include "list.h"

static size_t breaks_off(struct vmi_os *os, const struct list_circle *circle, size_t count,
			 const struct vmi_error *err)
{
	os_problem(os, "%s breaks off after %zu: %s", circle->what, count, err->text);
	return count;
}

/*
 * From the head along one of the two pointers, `link` bytes into a node; how many nodes were
 * visited, SIZE_MAX: all. A node is visited when it was seen to be there.
 */
static size_t walk_along(struct vmi_os *os, const struct list_circle *circle, uint64_t link,
			 size_t limit)
{
	vmi_gva node = 0, next = 0, mark = circle->head;
	size_t count = 0, mark_count = 0;
	struct vmi_error err;

	if (os_pointer(os, circle->head + link, &next, &err))
		return breaks_off(os, circle, count, &err);
	while ((node = next) != circle->head) {
		if (os_pointer(os, node + link, &next, &err))
			return breaks_off(os, circle, count, &err);
		if (count == limit) {
			os_problem(os, "%s does not end after %zu", circle->what, count);
			return count;
		}
		enum list_answer answer = circle->visit(circle->context, node);
		if (answer == LIST_STOP)
			return SIZE_MAX;
		/* Backward, what was seen is where the walk forward ended. */
		if (answer == LIST_SEEN && link)
			return count;
		if (answer == LIST_SEEN || node == mark) {
			os_problem(os, "%s runs in a circle at 0x%" PRIx64 " after %zu",
				   circle->what, node, count);
			return count;
		}
		/* Brent's way to meet a circle that does not lead through the head. */
		if (++count >= 2 * mark_count) {
			mark = node;
			mark_count = count;
		}
	}
	return SIZE_MAX;
}

void list_walk(struct vmi_os *os, const struct list_circle *circle)
{
	size_t count = walk_along(os, circle, 0, circle->limit);

	if (count != SIZE_MAX)
		walk_along(os, circle, os->kernel.pointer_size, circle->limit - count);
}
