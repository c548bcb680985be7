/* SPDX-License-Identifier: MIT */
/* Walking the kernel's circular lists, also those that are torn. */

#include <inttypes.h>

#include "list.h"
#include "map.h"

/* VMI_END: it was visited before. No node is at the last address, whose inverse is 0. */
static enum vmi_status seen_add(struct map *seen, vmi_gva node)
{
	if (map_find(seen, ~node))
		return VMI_END;
	return map_add(seen, ~node, 0) ? VMI_OK : VMI_ERR_NOMEM;
}

static enum vmi_status breaks_off(struct vmi_os *os, const struct list_circle *circle, size_t count,
				  const struct vmi_error *err)
{
	os_problem(os, "%s breaks off after %zu: %s", circle->what, count, err->text);
	return VMI_OK;
}

/*
 * From the head along one of the two pointers, `link` bytes into a node. A node is visited when it
 * was seen to be there. VMI_END: that was all; VMI_OK: the other way there may be more.
 */
static enum vmi_status walk_along(struct vmi_os *os, const struct list_circle *circle,
				  uint64_t link, struct map *seen)
{
	vmi_gva node = 0, next = 0;
	struct vmi_error err;

	if (os_pointer(os, circle->head + link, &next, &err))
		return breaks_off(os, circle, 0, &err);
	for (size_t count = 0; (node = next) != circle->head; count++) {
		if (os_pointer(os, node + link, &next, &err))
			return breaks_off(os, circle, count, &err);
		if (seen->count == circle->limit) {
			os_problem(os, "%s does not end after %zu", circle->what, count);
			return VMI_END;
		}
		enum vmi_status st = seen_add(seen, node);
		/* Backward, what was seen is where the walk forward ended. */
		if (st == VMI_END && !link)
			os_problem(os, "%s runs in a circle at 0x%" PRIx64 " after %zu",
				   circle->what, node, count);
		if (st)
			return st == VMI_END ? VMI_OK : st;
		if (!circle->visit(circle->context, node))
			return VMI_END;
	}
	return VMI_END;
}

enum vmi_status list_walk(struct vmi_os *os, const struct list_circle *circle,
			  struct vmi_error *err)
{
	struct map seen = {.entry = NULL};
	enum vmi_status st = walk_along(os, circle, 0, &seen);

	if (!st)
		st = walk_along(os, circle, os->kernel.pointer_size, &seen);
	map_free(&seen);
	return st == VMI_ERR_NOMEM ? vmi_fail(err, st, "out of memory for %s", circle->what)
				   : VMI_OK;
}
