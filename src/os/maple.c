/* SPDX-License-Identifier: MIT */
/*
 * Walking a maple tree (lib/maple_tree.c of the kernel, since 6.1).
 *
 * A node is 256 bytes at a multiple of 256: the low byte of a pointer to it holds its type and
 * marks. Slot i of a node is for the numbers behind pivot i - 1 up to pivot i; the last slot has no
 * pivot of its own and ends where the node ends, which only its parent knows. A pivot of 0, but for
 * the first, is one that is not in use, and then the slot before it ended the node.
 */

#include "maple.h"

enum {
	DEPTH_MAX = 31, /* MAPLE_HEIGHT_MAX of the kernel */

	/* Of a pointer to a node: MAPLE_ENODE_TYPE_SHIFT and _MASK. */
	TYPE_SHIFT = 3,
	TYPE_MASK = 15,
	/* enum maple_type */
	TYPE_DENSE = 0,
	TYPE_LEAF = 1,
	TYPE_RANGE = 2,
	TYPE_ARANGE = 3,

	/* The two low bits of what a slot holds (include/linux/xarray.h): 0 is a pointer. */
	ENTRY_MASK = 3,
	ENTRY_INTERNAL = 2,
	ENTRY_NODE_LEAST = 4096, /* as root: below, an internal value is none of a node */
};

struct walk {
	const struct maple *maple;
	size_t nodes;
};

struct span {
	uint64_t first, last;
};

static uint64_t word_at(const struct maple *maple, const uint8_t *node, uint64_t offset)
{
	uint64_t value = 0;

	for (unsigned i = maple->pointer_size; i > 0; i--)
		value = value << 8 | node[offset + i - 1];
	return value;
}

static bool shape_is_sane(const struct maple *maple, const struct maple_shape *shape)
{
	uint64_t words = MAPLE_NODE_BYTES / maple->pointer_size;

	return shape->count >= 1 && shape->count <= words && shape->pivots <= MAPLE_NODE_BYTES &&
	       shape->slots <= MAPLE_NODE_BYTES &&
	       shape->count - 1 <= (MAPLE_NODE_BYTES - shape->pivots) / maple->pointer_size &&
	       shape->count <= (MAPLE_NODE_BYTES - shape->slots) / maple->pointer_size;
}

bool maple_is_sane(const struct maple *maple)
{
	return (maple->pointer_size == 4 || maple->pointer_size == 8) &&
	       shape_is_sane(maple, &maple->range) && shape_is_sane(maple, &maple->arange);
}

static bool entry_visit(const struct maple *maple, struct span span, uint64_t entry)
{
	if (!entry || entry & ENTRY_MASK)
		return true; /* nothing, or a mark of the tree's own */
	return maple->visit(maple->context, span.first, span.last, entry);
}

static bool node_walk(struct walk *walk, uint64_t pointer, struct span span, unsigned depth);

/* Numbers of their own, one slot each. */
static bool dense_walk(const struct maple *maple, const uint8_t *node, struct span span)
{
	uint64_t count = MAPLE_NODE_BYTES / maple->pointer_size - 1; /* the parent is first */

	for (uint64_t i = 0; i < count && i <= span.last - span.first; i++) {
		struct span one = {span.first + i, span.first + i};
		uint64_t entry = word_at(maple, node, (i + 1) * maple->pointer_size);

		if (!entry_visit(maple, one, entry))
			return false;
	}
	return true;
}

static bool slots_walk(struct walk *walk, const uint8_t *node, uint64_t pointer, struct span span,
		       unsigned depth)
{
	const struct maple *maple = walk->maple;
	unsigned type = pointer >> TYPE_SHIFT & TYPE_MASK;
	const struct maple_shape *shape = type == TYPE_ARANGE ? &maple->arange : &maple->range;
	struct span part = span;

	for (uint64_t i = 0; i < shape->count; i++) {
		part.last = span.last;
		if (i < shape->count - 1) {
			uint64_t pivot =
				word_at(maple, node, shape->pivots + i * maple->pointer_size);

			if (pivot < span.last && (pivot || !i))
				part.last = pivot;
		}
		if (part.last < part.first) {
			maple->lost(maple->context, pointer, "its pivots do not ascend");
			return true;
		}
		uint64_t slot = word_at(maple, node, shape->slots + i * maple->pointer_size);
		if (!(type == TYPE_LEAF ? entry_visit(maple, part, slot)
					: node_walk(walk, slot, part, depth + 1)))
			return false;
		if (part.last == span.last)
			return true;
		part.first = part.last + 1;
	}
	return true;
}

static bool node_walk(struct walk *walk, uint64_t pointer, struct span span, unsigned depth)
{
	const struct maple *maple = walk->maple;
	vmi_gva gva = pointer & ~(uint64_t)(MAPLE_NODE_BYTES - 1);
	unsigned type = pointer >> TYPE_SHIFT & TYPE_MASK;
	uint8_t node[MAPLE_NODE_BYTES];
	struct vmi_error err;

	if (walk->nodes++ >= maple->node_budget) {
		maple->lost(maple->context, gva, "there are more nodes than there can be");
		return false;
	}
	if (depth >= DEPTH_MAX || type > TYPE_ARANGE || !gva) {
		maple->lost(maple->context, gva, "it is none");
		return true;
	}
	if (maple->read(maple->context, gva, node, sizeof(node), &err)) {
		maple->lost(maple->context, gva, err.text);
		return true;
	}
	if (type == TYPE_DENSE)
		return dense_walk(maple, node, span);
	return slots_walk(walk, node, pointer, span, depth);
}

void maple_walk(const struct maple *maple, vmi_gva root)
{
	struct walk walk = {.maple = maple};
	struct span all = {0, maple->pointer_size == 8 ? UINT64_MAX : UINT32_MAX};
	struct span zero = {0, 0};

	if ((root & ENTRY_MASK) == ENTRY_INTERNAL && root > ENTRY_NODE_LEAST)
		node_walk(&walk, root, all, 0);
	else
		entry_visit(maple, zero, root); /* a single pointer is kept without a node */
}
