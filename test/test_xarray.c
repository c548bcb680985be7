/* SPDX-License-Identifier: MIT */
/* XArrays and the radix trees before them, of both widths, and such as never end. */

#include <string.h>

#include "check.h"
#include "xarray.h"

enum { BASE = 0x10000, ROOM = 1 << 16, SHIFT_AT = 0, SLOTS_AT = 8 };

/* Memory with nodes in it, and what a walk over them told. */
struct arena {
	struct xarray array;
	uint8_t bytes[ROOM];
	size_t used;
	uint64_t index[64], pointer[64];
	unsigned count, lost, stop_after;
	char why[64];
};

static enum vmi_status arena_read(void *context, vmi_gva gva, void *buf, size_t len,
				  struct vmi_error *err)
{
	struct arena *a = context;

	if (gva < BASE || gva - BASE > ROOM || len > ROOM - (gva - BASE))
		return vmi_fail(err, VMI_ERR_NOT_PRESENT, "nothing is there");
	memcpy(buf, a->bytes + (gva - BASE), len);
	return VMI_OK;
}

static bool arena_visit(void *context, uint64_t index, vmi_gva pointer)
{
	struct arena *a = context;

	if (a->count < 64) {
		a->index[a->count] = index;
		a->pointer[a->count] = pointer;
	}
	return ++a->count != a->stop_after;
}

static void arena_lost(void *context, vmi_gva node, const char *why)
{
	struct arena *a = context;

	assert_true(node);
	a->lost++;
	strncpy(a->why, why, sizeof(a->why) - 1);
}

static void arena_init(struct arena *a, unsigned pointer_size, unsigned slots, uint8_t mark)
{
	memset(a, 0, sizeof(*a));
	a->array = (struct xarray){
		.pointer_size = pointer_size,
		.slot_count = slots,
		.shift_offset = SHIFT_AT,
		.slots_offset = SLOTS_AT,
		.nodes_max = 1000,
		.node_mark = mark,
		.read = arena_read,
		.visit = arena_visit,
		.lost = arena_lost,
		.context = a,
	};
}

/* A node's slot value; its slots are empty. */
static uint64_t node_make(struct arena *a, uint8_t shift)
{
	uint64_t gva = BASE + a->used;

	a->bytes[a->used + SHIFT_AT] = shift;
	a->used += SLOTS_AT + (size_t)a->array.slot_count * a->array.pointer_size;
	assert_in_range(a->used, 0, ROOM);
	return gva | a->array.node_mark;
}

static void slot_set(struct arena *a, uint64_t node, unsigned slot, uint64_t value)
{
	uint64_t at = (node & ~UINT64_C(3)) - BASE + SLOTS_AT + slot * a->array.pointer_size;

	memcpy(a->bytes + at, &value, a->array.pointer_size);
}

static void walk(struct arena *a, uint64_t head, uint64_t first, uint64_t last)
{
	a->count = a->lost = 0;
	xarray_walk(&a->array, head, first, last);
}

static void test_small(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 8, 64, 2);
	walk(&a, 0, 0, UINT64_MAX);
	assert_int_equal(a.count, 0);
	walk(&a, 0x123450, 0, UINT64_MAX);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.index[0], 0);
	assert_int_equal(a.pointer[0], 0x123450);
	walk(&a, 0x123450, 1, UINT64_MAX);
	assert_int_equal(a.count, 0);
	/* A number, not a pointer. */
	walk(&a, 0x123451, 0, UINT64_MAX);
	assert_int_equal(a.count, 0);
	assert_int_equal(a.lost, 0);
}

/* The same three levels in every shape there is. */
static void test_levels(void **state)
{
	static const struct {
		unsigned pointer_size, slots, bits;
		uint8_t mark;
	} shapes[] = {{8, 64, 6, 2}, {8, 64, 6, 1}, {4, 64, 6, 2}, {8, 16, 4, 2}, {4, 16, 4, 1}};
	struct arena a;

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		unsigned bits = shapes[i].bits;

		arena_init(&a, shapes[i].pointer_size, shapes[i].slots, shapes[i].mark);
		uint64_t top = node_make(&a, (uint8_t)(2 * bits));
		uint64_t middle = node_make(&a, (uint8_t)bits), leaf = node_make(&a, 0);
		uint64_t far = UINT64_C(3) << 2 * bits;

		slot_set(&a, top, 0, middle);
		slot_set(&a, middle, 5, leaf);
		slot_set(&a, leaf, 2, 0x7000);
		slot_set(&a, leaf, 7, 0x7004);
		slot_set(&a, leaf, 8, 0x7001); /* a number */
		slot_set(&a, leaf, 9, 6);      /* a mark of the kernel's own */
		slot_set(&a, top, 3, 0x8000);  /* one entry for many indices */
		walk(&a, top, 0, UINT64_MAX);
		assert_int_equal(a.count, 3);
		assert_int_equal(a.lost, 0);
		assert_int_equal(a.index[0], (5u << bits) + 2);
		assert_int_equal(a.pointer[0], 0x7000);
		assert_int_equal(a.index[1], (5u << bits) + 7);
		assert_int_equal(a.index[2], far);
		assert_int_equal(a.pointer[2], 0x8000);
		walk(&a, top, (5u << bits) + 3, far - 1);
		assert_int_equal(a.count, 1);
		assert_int_equal(a.index[0], (5u << bits) + 7);
		a.stop_after = 2;
		walk(&a, top, 0, UINT64_MAX);
		assert_int_equal(a.count, 2);
	}
}

static void test_lost(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 8, 64, 2);
	uint64_t top = node_make(&a, 6), leaf = node_make(&a, 0), odd = node_make(&a, 6);

	slot_set(&a, top, 0, 0xdead0002);
	slot_set(&a, top, 1, odd);
	slot_set(&a, top, 2, top);
	slot_set(&a, top, 3, leaf);
	slot_set(&a, leaf, 63, 0x7000);
	walk(&a, top, 0, UINT64_MAX);
	assert_int_equal(a.lost, 3);
	assert_string_equal(a.why, "it is no node of its tree");
	assert_int_equal(a.count, 1);
	assert_int_equal(a.index[0], 3 * 64 + 63);
	/* The topmost one may not be one either. */
	walk(&a, node_make(&a, 7), 0, UINT64_MAX);
	assert_int_equal(a.lost, 1);
	walk(&a, node_make(&a, 200), 0, UINT64_MAX);
	assert_int_equal(a.lost, 1);
}

/* All slots of each level lead to the one node below: 64^10 ways, of which few are gone. */
static void test_endless(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 8, 64, 2);
	uint64_t below = node_make(&a, 0), top = below;

	for (uint8_t shift = 6; shift <= 60; shift += 6) {
		top = node_make(&a, shift);
		for (unsigned slot = 0; slot < 64; slot++)
			slot_set(&a, top, slot, below);
		below = top;
	}
	walk(&a, top, 0, UINT64_MAX);
	assert_int_equal(a.lost, 1);
	assert_string_equal(a.why, "it has more nodes than there can be");
	/* The last index that there is, once: the slots behind it are for none. */
	slot_set(&a, BASE, 63, 0x7000);
	walk(&a, top, UINT64_MAX - 5, UINT64_MAX);
	assert_int_equal(a.lost, 0);
	assert_int_equal(a.count, 1);
	assert_true(a.index[0] == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
