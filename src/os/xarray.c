/* SPDX-License-Identifier: MIT */
/*
 * Walking an XArray. A slot holds NULL, a pointer with its two low bits clear, a node with a mark
 * in them, or small numbers and markers of the kernel's own, which are of no use here. A node's
 * `shift` says how many bits of the index are below it, so depth is bounded by it falling.
 */

#include "xarray.h"

enum { SHIFT_NONE = 64, NODE_LEAST = 4096 /* below it are siblings, retry and zero entries */ };

struct walk {
	const struct xarray *array;
	uint64_t first, last;
	unsigned slot_bits;
	unsigned nodes;
};

static bool is_node(const struct walk *walk, uint64_t slot)
{
	return (slot & 3) == walk->array->node_mark && slot > NODE_LEAST;
}

static uint64_t slot_get(const struct walk *walk, const uint8_t *slots, unsigned i)
{
	unsigned size = walk->array->pointer_size;
	uint64_t value = 0;

	for (unsigned byte = size; byte > 0; byte--)
		value = value << 8 | slots[i * size + byte - 1];
	return value;
}

static void lose(const struct walk *walk, vmi_gva node, const char *why)
{
	walk->array->lost(walk->array->context, node, why);
}

/* The node's slots and shift; false: it was lost. */
static bool node_read(struct walk *walk, vmi_gva node, unsigned parent_shift, uint8_t *slots,
		      uint8_t *shift)
{
	const struct xarray *array = walk->array;
	size_t len = (size_t)array->slot_count * array->pointer_size;
	struct vmi_error err = {.text = ""};

	if (++walk->nodes > array->nodes_max) {
		/* Told once: every walk up from here ends. */
		if (walk->nodes == array->nodes_max + 1)
			lose(walk, node, "it has more nodes than there can be");
		return false;
	}
	if (array->read(array->context, node + array->shift_offset, shift, 1, &err) ||
	    array->read(array->context, node + array->slots_offset, slots, len, &err)) {
		lose(walk, node, err.text);
		return false;
	}
	bool fits = parent_shift == SHIFT_NONE
			    ? *shift < SHIFT_NONE && *shift % walk->slot_bits == 0
			    : *shift + walk->slot_bits == parent_shift;
	if (!fits)
		lose(walk, node, "it is no node of its tree");
	return fits;
}

/* What is below the node that `slot` leads to, which begins at `base`; false ends the walk. */
static bool node_walk(struct walk *walk, uint64_t slot, uint64_t base, unsigned parent_shift)
{
	uint8_t slots[XARRAY_SLOTS_MAX * 8], shift;

	if (!node_read(walk, slot & ~UINT64_C(3), parent_shift, slots, &shift))
		return walk->nodes <= walk->array->nodes_max;
	for (unsigned i = 0; i < walk->array->slot_count; i++) {
		uint64_t step = (uint64_t)i << shift;
		uint64_t index = base + step, below = (UINT64_C(1) << shift) - 1;
		uint64_t entry = slot_get(walk, slots, i);

		/* The topmost node may have slots for more than 64 bits of index. */
		if (step >> shift != i || !entry || index + below < walk->first)
			continue;
		if (index > walk->last)
			return false;
		if (shift && is_node(walk, entry)) {
			if (!node_walk(walk, entry, index, shift))
				return false;
		} else if (!(entry & 3) &&
			   !walk->array->visit(walk->array->context, index, entry)) {
			return false;
		}
	}
	return true;
}

void xarray_walk(const struct xarray *array, vmi_gva head, uint64_t first, uint64_t last)
{
	struct walk walk = {.array = array, .first = first, .last = last};

	if (array->slot_count < 2 || array->slot_count > XARRAY_SLOTS_MAX ||
	    (array->slot_count & (array->slot_count - 1)))
		return;
	walk.slot_bits = (unsigned)__builtin_ctz(array->slot_count);
	if (is_node(&walk, head))
		node_walk(&walk, head, 0, SHIFT_NONE);
	else if (head && !(head & 3) && !first)
		array->visit(array->context, 0, head); /* one entry needs no node */
}
