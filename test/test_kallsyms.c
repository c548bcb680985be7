/* SPDX-License-Identifier: MIT */
/* The kernel's table of symbols, in every way that its versions lay it out. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kallsyms.h"
#include "mk_kallsyms.h"

enum { COUNT = 3000, NAME = 300 };

static const uint64_t addr = 0xffffffff9b000000; /* of the tables */

struct sample {
	struct made_symbol symbol[COUNT];
	char name[COUNT][NAME];
};

/* Some of a cpu's own data, some at one address, one whose name takes two bytes of length. */
static struct sample *sample_create(const struct kallsyms_shape *shape)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	uint64_t base = shape->pointer_size == 8 ? 0xffffffff9a200000 : 0xc6000000;

	for (unsigned i = 0; i < COUNT; i++) {
		char *name = sample->name[i];

		snprintf(name, NAME, "sys_%s_exit%u.part.%u", i % 3 ? "read" : "__module", i,
			 i % 7);
		if (i == 1700)
			memset(name, 'q', NAME - 1);
		bool own = shape->percpu && i < 40;
		sample->symbol[i] = (struct made_symbol){
			.address = own ? i * 0x40 : base + (i & ~1u) * 0x1230,
			.type = "TtDdBbrRA"[i % 9],
			.name = name,
		};
	}
	return sample;
}

static void decodes(const struct kallsyms_shape *shape)
{
	struct sample *sample = sample_create(shape);
	struct symbols symbols;
	struct vmi_error err;
	size_t tokens, len;
	uint8_t *bytes = mk_kallsyms(shape, sample->symbol, COUNT, shape->packed ? 4100 : 4096,
				     addr, &tokens, &len);

	assert_int_equal(kallsyms_tokens_find(bytes, len, 0), tokens);
	assert_true(kallsyms_tokens_find(bytes, len, tokens + 1000) == SIZE_MAX);
	struct kallsyms_window window = {

		.bytes = bytes,
		.len = len,
		.addr = addr,
		.tokens = tokens,
		.pointer_size = shape->pointer_size};
	symbols_init(&symbols);
	CHECK_OK(kallsyms_decode(&window, &symbols, &err));
	assert_int_equal(symbols.count, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(symbols.at[i].gva, sample->symbol[i].address);
		assert_int_equal(symbols.at[i].type, sample->symbol[i].type);
		assert_string_equal(symbols_name(&symbols, i), sample->symbol[i].name);
	}
	symbols_deinit(&symbols);
	free(bytes);
	free(sample);
}

static void test_shapes(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 256; bits++) {
		struct kallsyms_shape shape = {
			.pointer_size = bits & 1 ? 4 : 8,
			.addresses = bits & 2,
			.percpu = bits & 4,
			.offsets_last = bits & 8,
			.longs = bits & 16,
			.order = bits & 32,
			.distances = bits & 64,
			.packed = bits & 128,
		};
		/* A cpu's own data has low addresses on 64 bits only; whole ones left before 6.5.
		 */
		if ((shape.percpu && shape.pointer_size == 4) ||
		    (shape.addresses && (shape.percpu || shape.offsets_last)) ||
		    (shape.offsets_last && (shape.longs || shape.order)) ||
		    (shape.packed && !shape.distances) ||
		    (shape.distances &&
		     (!shape.offsets_last || shape.percpu || shape.pointer_size == 4)))
			continue;
		decodes(&shape);
	}
}

/* Any part of it that is missing or broken is no table, and no crash. */
static void test_damage(void **state)
{
	struct kallsyms_shape shape = {.pointer_size = 8, .percpu = true};
	struct sample *sample = sample_create(&shape);
	size_t tokens, len;
	uint8_t *bytes = mk_kallsyms(&shape, sample->symbol, COUNT, 4096, addr, &tokens, &len);

	(void)state;
	for (size_t at = 4096; at < tokens; at += 97) {
		struct kallsyms_window window = {

			.bytes = bytes,
			.len = len,
			.addr = addr,
			.tokens = tokens,
			.pointer_size = 8};
		struct symbols symbols;
		uint8_t was = bytes[at];

		symbols_init(&symbols);
		bytes[at] ^= 0xff;
		enum vmi_status st = kallsyms_decode(&window, &symbols, NULL);
		assert_true(!st || st == VMI_ERR_NOT_FOUND);
		symbols_deinit(&symbols);
		bytes[at] = was;
	}
	for (size_t cut = len; cut > tokens; cut -= 5)
		assert_true(kallsyms_tokens_find(bytes, cut, 0) == tokens ||
			    cut < tokens + 256 * 2 + 400);
	free(bytes);
	free(sample);
}

static void test_find(void **state)
{
	struct symbols symbols;

	(void)state;
	symbols_init(&symbols);
	assert_null(symbols_find(&symbols, "a"));
	assert_null(symbols_at(&symbols, 5));
	assert_true(symbols_add(&symbols, 0x2000, 'T', "second", 6));
	assert_true(symbols_add(&symbols, 0x1000, 't', "first", 5));
	assert_true(symbols_add(&symbols, 0x2000, 'T', "alias", 5));
	assert_true(symbols_add(&symbols, 0x3000, 'T', "first", 5));
	assert_true(symbols_finish(&symbols));
	assert_int_equal(symbols_find(&symbols, "first")->gva, 0x1000);
	assert_null(symbols_find(&symbols, "firs"));
	assert_null(symbols_at(&symbols, 0xfff));
	assert_int_equal(symbols_at(&symbols, 0x1fff)->gva, 0x1000);
	const struct symbol *second = symbols_at(&symbols, 0x2abc);
	assert_string_equal(symbols_name(&symbols, (size_t)(second - symbols.at)), "second");
	assert_int_equal(symbols_size(&symbols, second), 0x1000);
	assert_int_equal(symbols_size(&symbols, symbols_at(&symbols, 0x4000)), 0);
	symbols_deinit(&symbols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
