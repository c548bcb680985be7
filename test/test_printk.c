/* SPDX-License-Identifier: MIT */
/* The kernel's log, of both kinds, in memory that this test writes as a kernel does. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mk_printk.h"

enum { SEEN_MAX = 64 };

struct view {
	const uint8_t *bytes;
	size_t len;
	uint64_t hole; /* an address that cannot be read; 0: none */
	unsigned count, problems;
	struct printk_record record[SEEN_MAX];
	char text[SEEN_MAX][80];
	char problem[256];
};

static enum vmi_status on_read(void *context, vmi_gva gva, void *buf, size_t len,
			       struct vmi_error *err)
{
	const struct view *v = context;

	if (gva > v->len || len > v->len - gva ||
	    (v->hole && v->hole >= gva && v->hole - gva < len))
		return vmi_fail(err, VMI_ERR_NOT_PRESENT, "it is not there");
	memcpy(buf, v->bytes + gva, len);
	return VMI_OK;
}

static bool on_record(void *context, const struct printk_record *record)
{
	struct view *v = context;

	assert_true(v->count < SEEN_MAX && record->length < sizeof(v->text[0]));
	v->record[v->count] = *record;
	memcpy(v->text[v->count], record->text, record->length);
	v->text[v->count++][record->length] = '\0';
	return true;
}

static void on_problem(void *context, const char *sentence)
{
	struct view *v = context;

	v->problems++;
	snprintf(v->problem, sizeof(v->problem), "%s", sentence);
}

static struct view decode(const struct mk_ring *ring, uint64_t hole)
{
	struct view v = {.bytes = ring->bytes, .len = sizeof(ring->bytes), .hole = hole};
	const struct printk_io io = {.read = on_read,
				     .take = on_record,
				     .problem = on_problem,
				     .context = &v,
				     .word = ring->word};
	struct printk_ring_layout layout = mk_ring_layout(ring->word);
	struct vmi_error err;

	CHECK_OK(printk_ring_decode(&io, &layout, 0, &err));
	return v;
}

static const unsigned words[] = {8, 4};

/* Through many rounds of both rings, what is left is exactly what the kernel would show. */
static void test_ring_wraps(void **state)
{
	(void)state;
	for (size_t w = 0; w < 2; w++) {
		struct mk_ring ring;

		mk_ring_init(&ring, words[w]);
		assert_int_equal(decode(&ring, 0).count, 0);
		for (unsigned i = 0; i < 300; i++) {
			char text[64];

			snprintf(text, sizeof(text), "record %u %.*s", i, (int)(i * 7 % 48),
				 "0123456789012345678901234567890123456789012345678");
			mk_ring_add(&ring, text);
			struct view v = decode(&ring, 0);
			uint64_t first = ring.tail;

			assert_int_equal(v.problems, 0);
			assert_int_equal(v.count, ((ring.head - first) & ring.mask >> 2) + 1);
			for (unsigned j = 0; j < v.count; j++) {
				assert_string_equal(v.text[j],
						    ring.record[(first + j) % MK_COUNT].text);
				assert_int_equal(v.record[j].sequence, i - (v.count - 1) + j);
			}
		}
	}
}

static void test_ring_members(void **state)
{
	struct mk_ring ring;

	(void)state;
	mk_ring_init(&ring, 8);
	mk_ring_add(&ring, "first");
	mk_ring_add(&ring, "second");
	struct view v = decode(&ring, 0);
	const struct printk_record *r = &v.record[1];
	assert_int_equal(v.count, 2);
	assert_int_equal(r->sequence, 1);
	assert_int_equal(r->time_ns, 1000);
	assert_int_equal(r->facility, 3);
	assert_int_equal(r->level, 5);
	assert_int_equal(r->caller, 0x80000001);
	assert_false(r->continues);
	assert_string_equal(r->subsystem, "pci");
	assert_string_equal(r->device, "+pci:0");
}

/* What is being written is not there yet; an empty line is one, and a text that got no room not. */
static void test_ring_states(void **state)
{
	struct mk_ring ring;

	(void)state;
	mk_ring_init(&ring, 8);
	for (unsigned i = 0; i < 5; i++)
		mk_ring_add(&ring, "text");
	mk_ring_state(&ring, ring.head, MK_STATE_RESERVED);
	mk_ring_state(&ring, ring.head - 1, MK_STATE_COMMITTED);
	mk_ring_lpos(&ring, 1, 3, 3);
	mk_ring_lpos(&ring, 2, 1, 1);
	struct view v = decode(&ring, 0);
	assert_int_equal(v.problems, 0);
	assert_int_equal(v.count, 3);
	assert_string_equal(v.text[1], "");
	assert_int_equal(v.record[2].sequence, 3);
}

/* One that is damaged is told, and the rest is there. */
static void test_ring_torn(void **state)
{
	static const struct {
		uint64_t begin, next;
	} lpos[] = {{0, 0}, {8, 8}, {16, 8}, {0, 4096}, {0, MK_SIZE}, {MK_SIZE - 8, MK_SIZE + 4}};
	struct mk_ring ring;

	(void)state;
	for (size_t i = 0; i < sizeof(lpos) / sizeof(lpos[0]); i++) {
		mk_ring_init(&ring, 8);
		for (unsigned j = 0; j < 3; j++)
			mk_ring_add(&ring, "text");
		mk_ring_lpos(&ring, 1, lpos[i].begin, lpos[i].next);
		struct view v = decode(&ring, 0);
		assert_int_equal(v.problems, 1);
		assert_int_equal(v.count, 2);
	}
	mk_ring_init(&ring, 8);
	for (unsigned j = 0; j < 3; j++)
		mk_ring_add(&ring, "text");
	ring.bytes[MK_TEXTS]++; /* the number before the first text */
	struct view v = decode(&ring, MK_INFOS + 0x60);
	assert_int_equal(v.problems, 2);
	assert_int_equal(v.count, 1);
	assert_non_null(strstr(v.problem, "it is not there"));
	mk_ring_state(&ring, (ring.head + MK_COUNT) & ring.mask >> 2, MK_STATE_FINALIZED);
	assert_non_null(strstr(decode(&ring, 0).problem, "another record"));
}

/* Texts that lie over one another could be any number of times what the ring has bytes. */
static void test_ring_overlaps(void **state)
{
	const size_t info = mk_ring_layout(8).info.size;
	size_t total = 0;
	struct mk_ring ring;

	(void)state;
	mk_ring_init(&ring, 8);
	for (unsigned i = 0; i < MK_COUNT; i++) {
		unsigned place = mk_ring_add(&ring, "text");
		mk_ring_lpos(&ring, place, ring.record[place].begin, ring.record[place].begin + 80);
		ring.bytes[MK_INFOS + place * info + 16] = 72;
	}
	struct view v = decode(&ring, 0);
	for (unsigned i = 0; i < v.count; i++)
		total += v.record[i].length;
	assert_in_range(total, MK_SIZE - 72, MK_SIZE);
	assert_int_equal(v.problems, 2);
	assert_non_null(strstr(v.problem, "the rest of the kernel's log is left aside"));
}

static void test_ring_refused(void **state)
{
	struct mk_ring ring;
	struct vmi_error err;
	struct printk_ring_layout layout = mk_ring_layout(8);
	struct view v = {.bytes = ring.bytes, .len = sizeof(ring.bytes)};
	const struct printk_io io = {on_read, on_record, on_problem, &v, 8};

	(void)state;
	mk_ring_init(&ring, 8);
	CHECK_FAIL(printk_ring_decode(&io, &layout, MK_MEMORY, &err), VMI_ERR_NOT_PRESENT, "log");
	ring.bytes[0] = 60;
	CHECK_FAIL(printk_ring_decode(&io, &layout, 0, &err), VMI_ERR_CORRUPT, "2^60 records");
	ring.bytes[0] = MK_COUNT_BITS;
	ring.bytes[24] += MK_COUNT;
	CHECK_FAIL(printk_ring_decode(&io, &layout, 0, &err), VMI_ERR_CORRUPT, "cannot hold");
	layout.desc.size = 1 << 20;
	CHECK_FAIL(printk_ring_decode(&io, &layout, 0, &err), VMI_ERR_CORRUPT, "types");
}

/* ---- before 5.10 ---------------------------------------------------------------------------- */

static struct view decode_log(const uint8_t *bytes, size_t len,
			      const struct printk_log_buffer *buffer)
{
	struct view v = {.bytes = bytes, .len = len};
	const struct printk_io io = {on_read, on_record, on_problem, &v, 8};
	struct printk_log_layout layout = mk_log_layout();
	struct vmi_error err;

	CHECK_OK(printk_log_decode(&io, &layout, buffer, &err));
	return v;
}

static void test_log(void **state)
{
	static const char dict[] = "SUBSYSTEM=pci\0DEVICE=+pci:0000:00:01.0";
	uint8_t bytes[256] = {0};
	struct printk_log_buffer buffer = {.size = sizeof(bytes), .first_sequence = 7};

	(void)state;
	assert_int_equal(decode_log(bytes, sizeof(bytes), &buffer).count, 0);
	buffer.first = 128;
	size_t end = mk_log_put(bytes, 128, "one", NULL, 0);
	end = mk_log_put(bytes, end, "two", dict, sizeof(dict) - 1);
	memset(bytes + end, 0, MK_LOG_HEADER); /* the next one is at the start */
	buffer.next = (uint32_t)mk_log_put(bytes, 0, "three", NULL, 0);
	struct view v = decode_log(bytes, sizeof(bytes), &buffer);
	assert_int_equal(v.problems, 0);
	assert_int_equal(v.count, 3);
	assert_string_equal(v.text[0], "one");
	assert_string_equal(v.text[2], "three");
	assert_int_equal(v.record[0].sequence, 7);
	assert_int_equal(v.record[0].time_ns, 128);
	assert_int_equal(v.record[2].sequence, 9);
	assert_int_equal(v.record[1].level, 4);
	assert_int_equal(v.record[1].facility, 3);
	assert_true(v.record[1].continues);
	assert_false(v.record[1].has_caller);
	assert_string_equal(v.record[1].subsystem, "pci");
	assert_string_equal(v.record[1].device, "+pci:0000:00:01.0");
	assert_string_equal(v.record[0].device, "");

	/* Lengths that lead astray end it, and what came before is there. */
	bytes[8] = 255; /* of "three" */
	bytes[9] = 255;
	v = decode_log(bytes, sizeof(bytes), &buffer);
	assert_int_equal(v.count, 2);
	assert_int_equal(v.problems, 1);
	bytes[8] = bytes[9] = 0;
	v = decode_log(bytes, sizeof(bytes), &buffer);
	assert_int_equal(v.count, 2);
	assert_non_null(strstr(v.problem, "contradict"));
	/* A chain that misses its end ends after one round. */
	for (size_t at = 0; at + 24 <= sizeof(bytes); at += 24)
		mk_log_put(bytes, at, "x", NULL, 0);
	memset(bytes + 240, 0, 16); /* what is left goes round */
	bytes[240 + 8] = 16;
	buffer = (struct printk_log_buffer){.size = sizeof(bytes), .next = 100};
	v = decode_log(bytes, sizeof(bytes), &buffer);
	assert_true(v.count <= 13);
}

/* A guest's types may say that a length has more than its 16 bits. */
static void test_log_wide(void **state)
{
	enum { SIZE = 1 << 20, TEXT = 1 << 18 };
	static const uint8_t header[MK_LOG_HEADER] = {[10] = TEXT >> 16, [14] = SIZE >> 17};
	uint8_t *bytes = calloc(1, SIZE);
	struct view v = {.bytes = bytes, .len = SIZE};
	const struct printk_io io = {on_read, on_record, on_problem, &v, 8};
	struct printk_log_layout layout = mk_log_layout();
	struct printk_log_buffer buffer = {.size = SIZE, .next = SIZE / 2};
	struct vmi_error err;

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, header, sizeof(header));
	layout.text_len = (struct field){.offset = 8, .size = 4, .is_there = true};
	layout.len = (struct field){.offset = 12, .size = 4, .is_there = true};
	layout.dict_len.is_there = false;
	CHECK_OK(printk_log_decode(&io, &layout, &buffer, &err));
	assert_int_equal(v.count, 0);
	assert_int_equal(v.problems, 1);
	assert_non_null(strstr(v.problem, "contradict"));
	free(bytes);
}

static void test_log_refused(void **state)
{
	uint8_t bytes[64] = {0};
	struct view v = {.bytes = bytes, .len = sizeof(bytes)};
	const struct printk_io io = {on_read, on_record, on_problem, &v, 8};
	struct printk_log_layout layout = mk_log_layout();
	struct printk_log_buffer buffer = {.size = 64, .first = 64};
	struct vmi_error err;

	(void)state;
	CHECK_FAIL(printk_log_decode(&io, &layout, &buffer, &err), VMI_ERR_CORRUPT, "cannot be");
	buffer.first = 0;
	layout.log.size = 4096;
	CHECK_FAIL(printk_log_decode(&io, &layout, &buffer, &err), VMI_ERR_CORRUPT, "cannot be");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_wraps),    cmocka_unit_test(test_ring_members),
		cmocka_unit_test(test_ring_states),   cmocka_unit_test(test_ring_torn),
		cmocka_unit_test(test_ring_refused),  cmocka_unit_test(test_log),
		cmocka_unit_test(test_ring_overlaps), cmocka_unit_test(test_log_wide),
		cmocka_unit_test(test_log_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
