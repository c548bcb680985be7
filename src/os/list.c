/* SPDX-License-Identifier: MIT */
/* Walking the kernel's circular lists, also those that are torn. */

#include <inttypes.h>
#include <stdlib.h>

#include "list.h"

enum { SLOTS_LEAST = 64 };

/* The nodes that were visited. */
struct seen {
	vmi_gva *slot; /* inverted: 0 is free, and no node ends behind the last address */
	size_t count, mask;
};

static vmi_gva *slot_of(const struct seen *seen, vmi_gva inverted)
{
	size_t slot = (size_t)((inverted * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & seen->mask;

	while (seen->slot[slot] && seen->slot[slot] != inverted)
		slot = (slot + 1) & seen->mask;
	return &seen->slot[slot];
}

static bool seen_grow(struct seen *seen)
{
	size_t slots = seen->slot ? 2 * (seen->mask + 1) : SLOTS_LEAST;
	struct seen next = {.count = seen->count, .mask = slots - 1};

	next.slot = calloc(slots, sizeof(*next.slot));
	if (!next.slot)
		return false;
	for (size_t i = 0; seen->slot && i <= seen->mask; i++)
		if (seen->slot[i])
			*slot_of(&next, seen->slot[i]) = seen->slot[i];
	free(seen->slot);
	*seen = next;
	return true;
}

/* VMI_END: it was seen before. */
static enum vmi_status seen_add(struct seen *seen, vmi_gva node)
{
	if ((!seen->slot || 2 * seen->count >= seen->mask) && !seen_grow(seen))
		return VMI_ERR_NOMEM;
	vmi_gva *slot = slot_of(seen, ~node);
	if (*slot)
		return VMI_END;
	*slot = ~node;
	seen->count++;
	return VMI_OK;
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
				  uint64_t link, struct seen *seen)
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
	struct seen seen = {.slot = NULL};
	enum vmi_status st = walk_along(os, circle, 0, &seen);

	if (!st)
		st = walk_along(os, circle, os->kernel.pointer_size, &seen);
	free(seen.slot);
	return st == VMI_ERR_NOMEM ? vmi_fail(err, st, "out of memory for %s", circle->what)
				   : VMI_OK;
}
