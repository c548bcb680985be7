/* SPDX-License-Identifier: MIT */
/* Types out of BTF, over what libbpf writes: names, members, paths, declarations, and damage. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "btf.h"
#include "check.h"
#include "declaration.h"
#include "fields.h"

/* The types of a small kernel. */
struct sample {
	struct btf *btf;
	struct types *types;
	int text, integer, word, truth, state, wide;
	int text_pointer, constant_pointer, matrix, constant_matrix;
	int printer, printer_pointer, printers, row_function;
	int list, part, task, volatile_task, hidden;
};

static void scalars_add(struct sample *s)
{
	s->integer = btf__add_int(s->btf, "int", 4, BTF_INT_SIGNED);
	s->text = btf__add_int(s->btf, "char", 1, 0);
	s->word = btf__add_int(s->btf, "long unsigned int", 8, 0);
	s->truth = btf__add_int(s->btf, "_Bool", 1, BTF_INT_BOOL);
	s->state = btf__add_enum(s->btf, "state", 4);
	btf__add_enum_value(s->btf, "RUNNING", 0);
	btf__add_enum_value(s->btf, "DEAD", 0xffffffff);
	s->wide = btf__add_enum64(s->btf, "wide", 8, true);
	btf__add_enum64_value(s->btf, "LOW", UINT64_MAX - 1);
}

static void declarators_add(struct sample *s)
{
	s->text_pointer = btf__add_ptr(s->btf, btf__add_const(s->btf, s->text));
	s->constant_pointer = btf__add_const(s->btf, s->text_pointer);
	int row = btf__add_array(s->btf, s->integer, s->word, 3);
	s->matrix = btf__add_array(s->btf, s->integer, row, 2);
	s->constant_matrix = btf__add_const(s->btf, s->matrix);
	s->printer = btf__add_func_proto(s->btf, s->integer);
	btf__add_func_param(s->btf, "format", s->text_pointer);
	btf__add_func_param(s->btf, "", 0);
	s->printer_pointer = btf__add_ptr(s->btf, s->printer);
	s->printers = btf__add_array(s->btf, s->integer, s->printer_pointer, 4);
	int row_pointer = btf__add_ptr(s->btf, row);
	s->row_function = btf__add_ptr(s->btf, btf__add_func_proto(s->btf, row_pointer));
}

static void structures_add(struct sample *s)
{
	s->list = btf__add_struct(s->btf, "list", 16);
	btf__add_field(s->btf, "next", s->list + 1, 0, 0);
	btf__add_field(s->btf, "prev", s->list + 1, 64, 0);
	btf__add_ptr(s->btf, s->list); /* number list + 1 */
	int inner = btf__add_struct(s->btf, NULL, 8);
	btf__add_field(s->btf, "low", s->integer, 0, 0);
	btf__add_field(s->btf, "high", s->integer, 32, 0);
	s->part = btf__add_union(s->btf, NULL, 8);
	btf__add_field(s->btf, NULL, inner, 0, 0);
	btf__add_field(s->btf, "whole", s->word, 0, 0);
	int name = btf__add_array(s->btf, s->integer, s->text, 16);
	/* A typedef of the same name comes first, and is not what is found. */
	btf__add_typedef(s->btf, "task", s->integer);
	s->task = btf__add_struct(s->btf, "task", 64);
	btf__add_field(s->btf, "first", s->word, 0, 0);
	btf__add_field(s->btf, "tasks", s->list, 64, 0);
	btf__add_field(s->btf, NULL, s->part, 192, 0);
	btf__add_field(s->btf, "name", name, 256, 0);
	btf__add_field(s->btf, "on", s->integer, 384, 1);
	btf__add_field(s->btf, "level", s->integer, 417, 7);
	s->volatile_task = btf__add_volatile(s->btf, s->task);
	btf__add_typedef(s->btf, "task_t", s->volatile_task);
	s->hidden = btf__add_fwd(s->btf, "hidden", BTF_FWD_UNION);
}

static int setup(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));
	struct vmi_error err;
	uint32_t size;

	s->btf = btf__new_empty();
	assert_non_null(s->btf);
	scalars_add(s);
	declarators_add(s);
	structures_add(s);
	const void *bytes = btf__raw_data(s->btf, &size);
	CHECK_OK(types_of_bytes(bytes, size, NULL, &s->types, &err));
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct sample *s = *state;

	types_destroy(s->types);
	btf__free(s->btf);
	free(s);
	return 0;
}

/* ---- what types are ------------------------------------------------------------------------- */

static struct vmi_type_info info_of(const struct sample *s, int type)
{
	struct vmi_type_info info;
	struct vmi_error err;

	CHECK_OK(types_info(s->types, (vmi_type)type, &info, &err));
	return info;
}

static void test_info(void **state)
{
	const struct sample *s = *state;
	struct vmi_error err;
	struct vmi_type_info info = info_of(s, s->integer);

	assert_int_equal(info.kind, VMI_TYPE_INT);
	assert_int_equal(info.size, 4);
	assert_true(info.is_signed && !info.is_char && !info.is_bool);
	assert_true(info_of(s, s->text).is_char);
	assert_true(info_of(s, s->truth).is_bool);
	info = info_of(s, s->volatile_task); /* looked through */
	assert_int_equal(info.kind, VMI_TYPE_STRUCT);
	assert_string_equal(info.name, "task");
	assert_int_equal(info.size, 64);
	assert_int_equal(info.count, 6);
	info = info_of(s, s->matrix);
	assert_int_equal(info.kind, VMI_TYPE_ARRAY);
	assert_int_equal(info.count, 2);
	assert_int_equal(info.size, 48);
	assert_int_equal(info_of(s, s->text_pointer).size, 8);
	assert_int_equal(info_of(s, s->printer).count, 2);
	assert_true(info_of(s, s->hidden).is_union);
	assert_int_equal(info_of(s, 0).kind, VMI_TYPE_VOID);
	CHECK_FAIL(types_info(s->types, types_count(s->types), &info, &err), VMI_ERR_ARG,
		   "there is no type");
}

static void test_find(void **state)
{
	const struct sample *s = *state;
	struct vmi_error err;
	vmi_type type = 0;

	CHECK_OK(types_find(s->types, "task", &type, &err));
	assert_int_equal(type, s->task);
	CHECK_OK(types_find(s->types, "struct task", &type, &err));
	assert_int_equal(type, s->task);
	CHECK_OK(types_find(s->types, "enum state", &type, &err));
	assert_int_equal(type, s->state);
	CHECK_OK(types_find(s->types, "task_t", &type, &err));
	assert_int_equal(info_of(s, (int)type).kind, VMI_TYPE_TYPEDEF);
	CHECK_FAIL(types_find(s->types, "union task", &type, &err), VMI_ERR_NOT_FOUND,
		   "no type 'union task'");
	CHECK_FAIL(types_find(s->types, "", &type, &err), VMI_ERR_NOT_FOUND, "no type");
}

static void test_enumerators(void **state)
{
	const struct sample *s = *state;
	struct vmi_error err;
	struct vmi_member member;

	CHECK_OK(types_member(s->types, (vmi_type)s->state, 1, &member, &err));
	assert_string_equal(member.name, "DEAD");
	/* The first value with a sign, had there been one, would make all of them signed. */
	assert_true(member.value == 0xffffffff);
	CHECK_OK(types_member(s->types, (vmi_type)s->wide, 0, &member, &err));
	assert_true(member.value == -2);
	assert_int_equal(types_member(s->types, (vmi_type)s->wide, 1, &member, &err), VMI_END);
	CHECK_FAIL(types_member(s->types, (vmi_type)s->integer, 0, &member, &err), VMI_ERR_ARG,
		   "has no members");
}

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		unsigned bits, bit_size;
	} good[] = {
		{"first", 0, 0},  {"tasks", 64, 0}, {"tasks.prev", 128, 0},
		{"low", 192, 0},  {"high", 224, 0}, {"whole", 192, 0},
		{"name", 256, 0}, {"on", 384, 1},   {"level", 417, 7},
	};
	static const char *const bad[] = {"",        "low.x", "tasks.", ".tasks",
					  "tasks..", "nam",   "names",  "tasks.next.prev.x"};
	const struct sample *s = *state;
	struct vmi_error err;
	struct vmi_member member;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_OK(types_path(s->types, (vmi_type)s->task, good[i].path, &member, &err));
		assert_int_equal(member.bit_offset, good[i].bits);
		assert_int_equal(member.bit_size, good[i].bit_size);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_FAIL(types_path(s->types, (vmi_type)s->task, bad[i], &member, &err),
			   VMI_ERR_NOT_FOUND, "there is no member");
}

/* ---- C -------------------------------------------------------------------------------------- */

static void declares(const struct sample *s, int type, const char *name, const char *want)
{
	struct vmi_error err;
	char text[256];

	CHECK_OK(declaration(s->types, (vmi_type)type, name, text, sizeof(text), &err));
	assert_string_equal(text, want);
	/* Whatever the room, what fits is there, and it ends. */
	for (size_t size = 1; size <= strlen(want) + 1; size++) {
		char *cut = malloc(size);

		CHECK_OK(declaration(s->types, (vmi_type)type, name, cut, size, &err));
		assert_int_equal(strlen(cut), size - 1);
		assert_memory_equal(cut, want, size - 1);
		free(cut);
	}
}

static void test_declarations(void **state)
{
	const struct sample *s = *state;

	declares(s, 0, "", "void");
	declares(s, s->integer, "n", "int n");
	declares(s, s->text_pointer, "", "const char *");
	declares(s, s->text_pointer, "p", "const char *p");
	declares(s, s->constant_pointer, "p", "const char *const p");
	declares(s, s->constant_pointer, "", "const char *const");
	declares(s, s->matrix, "m", "long unsigned int m[2][3]");
	declares(s, s->matrix, "", "long unsigned int [2][3]");
	declares(s, s->constant_matrix, "m", "const long unsigned int m[2][3]");
	declares(s, s->printer, "f", "int f(const char *format, ...)");
	declares(s, s->printer_pointer, "f", "int (*f)(const char *format, ...)");
	declares(s, s->printer_pointer, "", "int (*)(const char *format, ...)");
	declares(s, s->printers, "f", "int (*f[4])(const char *format, ...)");
	declares(s, s->row_function, "f", "long unsigned int (*(*f)(void))[3]");
	declares(s, s->row_function, "", "long unsigned int (*(*)(void))[3]");
	declares(s, s->volatile_task, "t", "volatile struct task t");
	declares(s, s->part, "", "union {...}");
	declares(s, s->state, "s", "enum state s");
	declares(s, s->hidden, "", "union hidden");
}

/* ---- fields --------------------------------------------------------------------------------- */

struct fields {
	struct field high, level, size, none;
};

static void test_fields(void **state)
{
	static const struct field_want wants[] = {
		{"nothing|task", "gone|high", offsetof(struct fields, high), false},
		{"task", "level", offsetof(struct fields, level), false},
		{"task", "", offsetof(struct fields, size), false},
		{"task", "gone", offsetof(struct fields, none), true},
	};
	static const struct field_want missing = {"task|list", "gone|away", 0, false};
	const struct sample *s = *state;
	struct vmi_os os = {.types = s->types};
	struct fields fields;
	struct field field;
	struct vmi_error err;
	uint8_t bytes[64] = {[28] = 0x78, [29] = 0x56, [30] = 0x34, [31] = 0x12, [52] = 0xb5};

	CHECK_OK(fields_resolve(&os, wants, 4, &fields, &err));
	assert_int_equal(fields.high.offset, 28);
	assert_int_equal(fields.high.size, 4);
	assert_int_equal(field_get(&fields.high, bytes, sizeof(bytes)), 0x12345678);
	assert_int_equal(field_get(&fields.high, bytes, 31), 0);
	assert_int_equal(field_get(&fields.level, bytes, sizeof(bytes)), 0xb5 >> 1);
	assert_int_equal(fields.size.size, 64);
	assert_false(fields.none.is_there);
	assert_int_equal(struct_size(&os, "list"), 16);
	assert_int_equal(struct_size(&os, "nothing"), 0);
	CHECK_FAIL(fields_resolve(&os, &missing, 1, &field, &err), VMI_ERR_UNSUPPORTED,
		   "has no gone|away");
	/* Without types VMCOREINFO would be asked, which this memory has not. */
	struct vmi_open_options options = {.size = sizeof(options), .driver = "raw"};
	static const uint8_t page[VMI_PAGE_SIZE];
	CHECK_OK(vmi_open_memory(&os.vm, page, sizeof(page), &options, &err));
	os.types = NULL;
	snprintf(os.no_types.text, sizeof(os.no_types.text), "there are none");
	CHECK_FAIL(fields_resolve(&os, wants, 4, &fields, &err), VMI_ERR_UNSUPPORTED,
		   "there are none");
	vmi_close(os.vm);
}

/* A bit field is read with the storage that C declares, as long as it lies in one of it. */
static void test_bit_field(void **state)
{
	const struct sample *s = *state;
	struct vmi_os os = {.types = s->types};
	struct vmi_field field;
	struct vmi_error err;
	vmi_type type;

	CHECK_OK(vmi_type_field(&os, "task", "level", &field, &type, &err));
	assert_int_equal(field.offset, 52);
	assert_int_equal(field.size, 4);
	assert_int_equal(field.bit_offset, 1);
	assert_int_equal(field.bit_count, 7);
	assert_int_equal(type, s->integer);
	CHECK_OK(vmi_type_field(&os, "task", "name", &field, NULL, &err));
	assert_int_equal(field.offset, 32);
	assert_int_equal(field.size, 0); /* longer than a number */
	CHECK_FAIL(vmi_type_field(&os, "task", "nom", &field, NULL, &err), VMI_ERR_NOT_FOUND,
		   "task: there is no member 'nom'");
}

/* ---- damage --------------------------------------------------------------------------------- */

/* All that can be asked of types; it ends, whatever they are. */
static void ask(const struct types *types)
{
	char text[128];

	for (vmi_type type = 0; type < types_count(types); type++) {
		struct vmi_type_info info;
		struct vmi_member member;
		struct vmi_error err;

		if (!types_info(types, type, &info, &err))
			(void)!types_find(types, info.name, &(vmi_type){0}, &err);
		(void)!declaration(types, type, "x", text, sizeof(text), &err);
		for (unsigned i = 0; !types_member(types, type, i, &member, &err); i++)
			(void)!types_path(types, type, member.name, &member, &err);
	}
}

static uint8_t *bytes_of(const struct sample *s, uint32_t *size)
{
	const void *raw = btf__raw_data(s->btf, size);
	uint8_t *bytes = malloc(*size);

	memcpy(bytes, raw, *size);
	return bytes;
}

static void test_cut(void **state)
{
	uint32_t size, count;
	uint8_t *whole = bytes_of(*state, &size);

	for (uint32_t len = 0; len < size; len++) {
		uint8_t *cut = malloc(len + 1);
		struct vmi_error err;

		memcpy(cut, whole, len);
		CHECK_FAIL(btf_check(cut, len, 1, 0, &count, &err), VMI_ERR_CORRUPT, "BTF");
		free(cut);
	}
	free(whole);
}

static void test_bent(void **state)
{
	uint64_t random = 20261121;
	unsigned taken = 0;
	uint32_t size;
	uint8_t *bytes = bytes_of(*state, &size);

	for (unsigned round = 0; round < 20000; round++) {
		struct types *types = NULL;
		struct vmi_error err;
		uint8_t *bent = malloc(size);

		memcpy(bent, bytes, size);
		for (unsigned n = 0; n <= round % 3; n++)
			bent[next_random(&random) % size] = (uint8_t)next_random(&random);
		if (!types_of_bytes(bent, size, NULL, &types, &err)) {
			ask(types);
			types_destroy(types);
			taken++;
		}
		free(bent);
	}
	assert_in_range(taken, 1000, 19999);
	free(bytes);
}

/* Numbers of types at the word `at` of the types' part, set to one that is not there. */
static void test_references(void **state)
{
	const struct sample *s = *state;
	const struct btf_type *first = btf__type_by_id(s->btf, 1);
	uint32_t size, count;
	uint8_t *bytes = bytes_of(s, &size);
	struct btf_header *header = (void *)bytes;
	uint8_t *types = bytes + header->hdr_len + header->type_off;
	struct vmi_error err;

	CHECK_OK(btf_check(bytes, size, 1, 0, &count, &err));
	assert_int_equal(count, btf__type_cnt(s->btf));
	size_t at = (size_t)((const char *)btf__type_by_id(s->btf, (uint32_t)s->list) -
			     (const char *)first);
	uint32_t beyond = count, name = header->str_len;
	memcpy(types + at + sizeof(struct btf_type) + 4, &beyond, 4);
	CHECK_FAIL(btf_check(bytes, size, 1, 0, &count, &err), VMI_ERR_CORRUPT,
		   "refers to what is not there");
	beyond--;
	memcpy(types + at + sizeof(struct btf_type) + 4, &beyond, 4);
	CHECK_OK(btf_check(bytes, size, 1, 0, &count, &err));
	memcpy(types + at, &name, 4);
	CHECK_FAIL(btf_check(bytes, size, 1, 0, &count, &err), VMI_ERR_CORRUPT,
		   "refers to what is not there");
	types[7] = 0x1f;
	CHECK_FAIL(btf_check(bytes, size, 1, 0, &count, &err), VMI_ERR_CORRUPT, "unknown kind 31");
	free(bytes);
}

/* Types that are made of themselves. */
static void test_circles(void **state)
{
	struct btf *btf = btf__new_empty();
	struct types *types = NULL;
	struct vmi_member member;
	struct vmi_error err;
	char text[256];
	uint32_t size;

	(void)state;
	btf__add_typedef(btf, "t", 1);
	btf__add_const(btf, 2);
	btf__add_ptr(btf, 3);
	btf__add_array(btf, 4, 4, 2);
	int proto = btf__add_func_proto(btf, 5);
	btf__add_func_param(btf, "a", proto);
	btf__add_func_param(btf, "b", proto);
	int whole = btf__add_struct(btf, NULL, 8);
	for (unsigned i = 0; i < 20; i++)
		btf__add_field(btf, NULL, whole, 0, 0);
	const void *bytes = btf__raw_data(btf, &size);
	CHECK_OK(types_of_bytes(bytes, size, NULL, &types, &err));
	CHECK_FAIL(types_path(types, (vmi_type)whole, "x", &member, &err), VMI_ERR_NOT_FOUND,
		   "no member");
	ask(types);
	CHECK_OK(declaration(types, 3, "p", text, sizeof(text), &err));
	assert_non_null(strstr(text, "..."));
	types_destroy(types);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_info, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enumerators, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_declarations, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bit_field, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_references, setup, teardown),
		cmocka_unit_test(test_circles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
