/* SPDX-License-Identifier: MIT */
/* The cache of unpacked blocks: what it holds, what it forgets, and threads that want the same. */

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "blocks.h"
#include "check.h"

enum { LEN = 4096, BAD = 99 };

static void slow(void)
{
	usleep(20000);
}

/* Each byte of a block says which it is. */
static enum vmi_status fill(void *context, uint64_t index, uint8_t *to, size_t len,
			    struct vmi_error *err)
{
	void (*wait)(void) = *(void (**)(void))context;

	if (wait)
		wait();
	if (index == BAD)
		return vmi_fail(err, VMI_ERR_CORRUPT, "block 99 is bad");
	memset(to, (int)index, len);
	return VMI_OK;
}

static const struct {
	void (*wait)(void);
} at_once = {NULL}, slowly = {slow};

static struct blocks *make(size_t limit, const void *how)
{
	struct blocks *blocks = blocks_create(limit, fill, (void *)(uintptr_t)how);

	assert_non_null(blocks);
	return blocks;
}

static void expect(struct blocks *blocks, uint64_t index, size_t offset, size_t count)
{
	struct vmi_error err = {0};
	uint8_t got[LEN];

	CHECK_OK(blocks_read(blocks, index, LEN, offset, got, count, &err));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(got[i], (uint8_t)index);
}

static void test_unpacks_once(void **state)
{
	struct blocks *blocks = make(4 * LEN, &at_once);

	(void)state;
	for (unsigned round = 0; round < 3; round++)
		for (uint64_t i = 0; i < 4; i++)
			expect(blocks, i, round * 100, LEN - round * 100);
	assert_int_equal(blocks_unpacked(blocks), 4);
	assert_int_equal(blocks_bytes(blocks), 4 * LEN);
	blocks_destroy(blocks);
}

static void test_oldest_leaves_first(void **state)
{
	struct blocks *blocks = make(3 * LEN, &at_once);

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		expect(blocks, i, 0, 1);
	expect(blocks, 0, 0, 1); /* now 1 is the oldest */
	expect(blocks, 3, 0, LEN);
	assert_int_equal(blocks_bytes(blocks), 3 * LEN);
	assert_int_equal(blocks_unpacked(blocks), 4);
	expect(blocks, 0, 0, 1);
	expect(blocks, 2, 0, 1);
	assert_int_equal(blocks_unpacked(blocks), 4);
	expect(blocks, 1, 0, 1);
	assert_int_equal(blocks_unpacked(blocks), 5);
	blocks_destroy(blocks);
}

/* Blocks of any size, also of more than the limit: held alone. */
static void test_limit_holds(void **state)
{
	static uint8_t got[8 * LEN];
	struct blocks *blocks = make(2 * LEN, &at_once);
	struct vmi_error err = {0};

	(void)state;
	for (uint64_t i = 100; i < 2000; i++) {
		size_t len = 1 + (size_t)(i * 2654435761u % LEN);
		CHECK_OK(blocks_read(blocks, i, len, len - 1, got, 1, &err));
		assert_true(blocks_bytes(blocks) <= 2 * LEN);
	}
	CHECK_OK(blocks_read(blocks, 5000, 8 * LEN, 0, got, 8 * LEN, &err));
	assert_int_equal(blocks_bytes(blocks), 8 * LEN);
	expect(blocks, 1, 0, 1);
	assert_int_equal(blocks_bytes(blocks), LEN);
	blocks_destroy(blocks);
}

static void test_failure_is_not_kept(void **state)
{
	struct blocks *blocks = make(2 * LEN, &at_once);
	struct vmi_error err = {0};
	uint8_t byte = 7;

	(void)state;
	for (unsigned i = 1; i <= 2; i++) {
		CHECK_FAIL(blocks_read(blocks, BAD, LEN, 0, &byte, 1, &err), VMI_ERR_CORRUPT,
			   "block 99 is bad");
		assert_int_equal(blocks_unpacked(blocks), i);
		assert_int_equal(blocks_bytes(blocks), 0);
	}
	assert_int_equal(byte, 7);
	CHECK_FAIL(blocks_read(blocks, 1, SIZE_MAX / 2, 0, &byte, 1, &err), VMI_ERR_NOMEM,
		   "out of memory");
	expect(blocks, 1, 0, 1);
	blocks_destroy(blocks);
}

struct crowd {
	struct blocks *blocks;
	uint64_t count; /* of blocks */
	uint64_t seed;
	unsigned rounds;
	atomic_uint *wrong;
};

static void *crowd_run(void *context)
{
	const struct crowd *c = context;
	uint64_t random = c->seed;
	uint8_t got[64];

	for (unsigned i = 0; i < c->rounds; i++) {
		uint64_t index = next_random(&random) % c->count;
		size_t offset = next_random(&random) % (LEN - sizeof(got));
		enum vmi_status st =
			blocks_read(c->blocks, index, LEN, offset, got, sizeof(got), NULL);
		bool right = index == BAD
				     ? st == VMI_ERR_CORRUPT
				     : !st && got[0] == (uint8_t)index && got[63] == (uint8_t)index;
		atomic_fetch_add(c->wrong, !right);
	}
	return NULL;
}

static void crowd(struct blocks *blocks, uint64_t count, unsigned rounds)
{
	atomic_uint wrong = 0;
	struct crowd who[4];
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++) {
		who[i] = (struct crowd){blocks, count, i + 1, rounds, &wrong};
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &who[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
}

static void test_threads_share(void **state)
{
	struct blocks *blocks = make(8 * LEN, &slowly);

	(void)state;
	crowd(blocks, 1, 10);
	assert_int_equal(blocks_unpacked(blocks), 1);
	blocks_destroy(blocks);
}

static void test_threads_evict(void **state)
{
	struct blocks *blocks = make(8 * LEN, &at_once);

	(void)state;
	crowd(blocks, 120, 20000);
	assert_true(blocks_bytes(blocks) <= 8 * LEN);
	blocks_destroy(blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unpacks_once),  cmocka_unit_test(test_oldest_leaves_first),
		cmocka_unit_test(test_limit_holds),   cmocka_unit_test(test_failure_is_not_kept),
		cmocka_unit_test(test_threads_share), cmocka_unit_test(test_threads_evict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
