/* SPDX-License-Identifier: MIT */
/* Walks of maple trees that are made here, whole and damaged. */

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "maple.h"

enum { NODES = 64, BASE = 0x10000, LEAF = 1, RANGE = 2, ARANGE = 3, FOUND = 600 };

/** Nodes one behind the other, and what a walk of them told. */
struct forest {
	uint8_t node[NODES][MAPLE_NODE_BYTES];
	unsigned pointer_size;
	unsigned reads, lost;
	unsigned count;
	struct {
		uint64_t first, last, pointer;
	} found[FOUND];
	unsigned stop_after;
	size_t budget;
};

static enum vmi_status read_node(void *context, vmi_gva gva, void *buf, size_t len,
				 struct vmi_error *err)
{
	struct forest *forest = context;

	forest->reads++;
	assert_int_equal(gva % MAPLE_NODE_BYTES, 0);
	assert_int_equal(len, MAPLE_NODE_BYTES);
	if (gva < BASE || gva >= BASE + sizeof(forest->node))
		return vmi_fail(err, VMI_ERR_NOT_SAVED, "nothing is there");
	memcpy(buf, forest->node[(gva - BASE) / MAPLE_NODE_BYTES], len);
	return VMI_OK;
}

static bool visit(void *context, uint64_t first, uint64_t last, vmi_gva pointer)
{
	struct forest *forest = context;

	assert_true(forest->count < FOUND);
	forest->found[forest->count].first = first;
	forest->found[forest->count].last = last;
	forest->found[forest->count++].pointer = pointer;
	return forest->count != forest->stop_after;
}

static void lose(void *context, vmi_gva node, const char *why)
{
	struct forest *forest = context;

	(void)node;
	assert_non_null(why);
	forest->lost++;
}

/* As struct maple_range_64 and maple_arange_64 are with 64 bits and with 32. */
static struct maple maple_of(struct forest *forest)
{
	unsigned width = forest->pointer_size;
	unsigned range = width == 8 ? 16 : 32, arange = width == 8 ? 10 : 21;

	return (struct maple){
		.pointer_size = width,
		.range = {.pivots = width, .slots = (uint64_t)range * width, .count = range},
		.arange = {.pivots = width, .slots = (uint64_t)arange * width, .count = arange},
		.node_budget = forest->budget ? forest->budget : NODES,
		.read = read_node,
		.visit = visit,
		.lost = lose,
		.context = forest,
	};
}

static void put(struct forest *forest, unsigned node, uint64_t offset, uint64_t value)
{
	memcpy(forest->node[node] + offset, &value, forest->pointer_size);
}

static void pivot(struct forest *forest, unsigned node, unsigned i, uint64_t value)
{
	put(forest, node, (i + 1) * (uint64_t)forest->pointer_size, value);
}

static void slot(struct forest *forest, unsigned node, unsigned type, unsigned i, uint64_t value)
{
	struct maple maple = maple_of(forest);

	put(forest, node,
	    (type == ARANGE ? maple.arange.slots : maple.range.slots) +
		    i * (uint64_t)forest->pointer_size,
	    value);
}

static uint64_t pointer_to(unsigned node, unsigned type)
{
	return (BASE + node * MAPLE_NODE_BYTES) | type << 3 | 4;
}

static struct forest *forest_create(unsigned pointer_size)
{
	struct forest *forest = calloc(1, sizeof(*forest));

	forest->pointer_size = pointer_size;
	return forest;
}

static void walk(struct forest *forest, uint64_t root)
{
	struct maple maple = maple_of(forest);

	assert_true(maple_is_sane(&maple));
	forest->count = forest->lost = forest->reads = 0;
	maple_walk(&maple, root);
}

/* A root of two leaves: one that is full, one that ends early and has its marks behind. */
static void plant(struct forest *forest)
{
	unsigned width = forest->pointer_size, full = width == 8 ? 16 : 32;

	pivot(forest, 0, 0, 0xffff);
	slot(forest, 0, ARANGE, 0, pointer_to(1, LEAF));
	slot(forest, 0, ARANGE, 1, pointer_to(2, LEAF));
	for (unsigned i = 0; i < full; i++) {
		if (i < full - 1)
			pivot(forest, 1, i, 0x100 * (i + 1) - 1);
		slot(forest, 1, LEAF, i, 0xc0000000 + 0x100 * i);
	}
	pivot(forest, 2, 0, 0x1ffff);
	slot(forest, 2, LEAF, 0, 0); /* a gap */
	pivot(forest, 2, 1, 0x2ffff);
	slot(forest, 2, LEAF, 1, 0xd0000000);
	pivot(forest, 2, 2, 0x3ffff);
	slot(forest, 2, LEAF, 2, 0x402); /* a mark of the tree's, no pointer */
	slot(forest, 2, LEAF, 3, 0xd0000100);
	slot(forest, 2, LEAF, 4, 0xbad00000); /* behind the end */
}

static void whole(unsigned pointer_size)
{
	struct forest *forest = forest_create(pointer_size);
	unsigned full = pointer_size == 8 ? 16 : 32;

	plant(forest);
	walk(forest, pointer_to(0, ARANGE) | 2);
	assert_int_equal(forest->lost, 0);
	assert_int_equal(forest->reads, 3);
	assert_int_equal(forest->count, full + 2);
	for (unsigned i = 0; i < full; i++) {
		assert_int_equal(forest->found[i].first, 0x100 * i);
		assert_int_equal(forest->found[i].last,
				 i == full - 1 ? 0xffff : 0x100 * (i + 1) - 1);
		assert_int_equal(forest->found[i].pointer, 0xc0000000 + 0x100 * i);
	}
	assert_int_equal(forest->found[full].first, 0x20000);
	assert_int_equal(forest->found[full].last, 0x2ffff);
	assert_int_equal(forest->found[full].pointer, 0xd0000000);
	assert_int_equal(forest->found[full + 1].first, 0x40000);
	assert_true(forest->found[full + 1].last == (pointer_size == 8 ? UINT64_MAX : UINT32_MAX));
	forest->stop_after = 5;
	walk(forest, pointer_to(0, ARANGE) | 2);
	assert_int_equal(forest->count, 5);
	free(forest);
}

static void test_whole(void **state)
{
	(void)state;
	whole(8);
	whole(4);
}

static void test_roots(void **state)
{
	struct forest *forest = forest_create(8);

	(void)state;
	walk(forest, 0);
	assert_int_equal(forest->count + forest->lost, 0);
	walk(forest, 0xffff888000001000);
	assert_int_equal(forest->count, 1);
	assert_int_equal(forest->found[0].last, 0);
	walk(forest, 0x402); /* internal, and no node */
	assert_int_equal(forest->count + forest->lost, 0);
	slot(forest, 3, LEAF, 0, 0); /* dense: the parent, then one slot for each number */
	put(forest, 3, 8, 0xa000);
	put(forest, 3, 24, 0xb000);
	walk(forest, pointer_to(3, 0) | 2);
	assert_int_equal(forest->count, 2);
	assert_int_equal(forest->found[1].first, 2);
	assert_int_equal(forest->found[1].pointer, 0xb000);
	free(forest);
}

static void test_damage(void **state)
{
	struct forest *forest = forest_create(8);

	(void)state;
	plant(forest);
	slot(forest, 0, ARANGE, 0,
	     pointer_to(NODES + 5, LEAF)); /* not in memory: the rest is there */
	walk(forest, pointer_to(0, ARANGE) | 2);
	assert_int_equal(forest->lost, 1);
	assert_int_equal(forest->count, 2);
	slot(forest, 0, ARANGE, 0, 0);
	walk(forest, pointer_to(0, ARANGE) | 2);
	assert_int_equal(forest->lost, 1);
	assert_int_equal(forest->count, 2);
	slot(forest, 0, ARANGE, 0, pointer_to(1, 9)); /* no such type */
	walk(forest, pointer_to(0, ARANGE) | 2);
	assert_int_equal(forest->lost, 1);

	plant(forest);
	pivot(forest, 1, 3, 0x80); /* pivots that descend end their node */
	walk(forest, pointer_to(0, ARANGE) | 2);
	assert_int_equal(forest->lost, 1);
	assert_int_equal(forest->count, 3 + 2);
	free(forest);
}

/* Nodes that are their own children: the depth, then the budget end it. */
static void test_circle(void **state)
{
	struct forest *forest = forest_create(8);

	(void)state;
	slot(forest, 0, RANGE, 0, pointer_to(0, RANGE));
	walk(forest, pointer_to(0, RANGE) | 2);
	assert_int_equal(forest->lost, 2); /* the deepest one, and the root's empty second slot */
	assert_int_equal(forest->reads, 31);
	for (unsigned i = 0; i < 16; i++) {
		if (i < 15)
			pivot(forest, 0, i, i + 1);
		slot(forest, 0, RANGE, i, pointer_to(0, RANGE));
	}
	walk(forest, pointer_to(0, RANGE) | 2);
	assert_true(forest->reads <= NODES);
	assert_true(forest->lost >= 1);
	memset(forest->node, 0, sizeof(forest->node));
	plant(forest);
	forest->budget = 2;
	walk(forest, pointer_to(0, ARANGE) | 2);
	assert_int_equal(forest->reads, 2);
	assert_int_equal(forest->count, 16);
	assert_int_equal(forest->lost, 1);
	free(forest);
}

static void test_shapes(void **state)
{
	struct forest *forest = forest_create(8);
	struct maple maple = maple_of(forest);

	(void)state;
	assert_true(maple_is_sane(&maple));
	maple.range.count = 17;
	assert_false(maple_is_sane(&maple));
	maple = maple_of(forest);
	maple.arange.slots = 240;
	assert_false(maple_is_sane(&maple));
	maple = maple_of(forest);
	maple.range.pivots = UINT64_MAX;
	assert_false(maple_is_sane(&maple));
	maple = maple_of(forest);
	maple.range.count = 0;
	assert_false(maple_is_sane(&maple));
	free(forest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),  cmocka_unit_test(test_roots),
		cmocka_unit_test(test_damage), cmocka_unit_test(test_circle),
		cmocka_unit_test(test_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
