/* SPDX-License-Identifier: MIT */
/* DWARF of this very program, held against what its compiler says of the same structures. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "dwarf.h"
#include "symbols_file.h"

struct dw_later;
struct dw_list {
	struct dw_list *next;
	const struct dw_later *later;
};
typedef struct dw_list dw_list_t;
union dw_either {
	uint64_t whole;
	uint8_t byte[8];
};
enum dw_colour { DW_RED = 3, DW_BLUE = -4 };
enum dw_wide { DW_WIDE = 0x123456789a, DW_HIGHEST = 0x8000000000000000 };
enum dw_wide_signed { DW_LEAST = -0x123456789a, DW_MOST = 200 };
enum dw_byte { DW_BYTE = 200, DW_HALF = 50000, DW_WORD = 0xfffffff0 };
struct dw_all;
typedef enum dw_colour (*dw_call_t)(struct dw_all *, const char *, ...);
struct dw_all {
	char name[16];
	dw_list_t list;
	unsigned low : 3, middle : 7;
	int high : 5;
	bool flag;
	union {
		int in_union;
		struct {
			short deep, deeper;
		};
	};
	union dw_either either[2][3];
	enum dw_colour colour;
	enum dw_wide wide;
	enum dw_wide_signed wide_signed;
	enum dw_byte byte;
	dw_call_t call;
	double number;
	volatile long *const where;
	uint32_t open[];
};
struct dw_later {
	struct dw_all *all;
	dw_list_t list;
};

/* Uses keep the types in the program. */
static volatile struct dw_later later;

struct expected {
	const char *structure, *path;
	size_t offset, size;
};

#define AT(structure, path)                                                                        \
	{                                                                                          \
#structure, #path, offsetof(structure, path), sizeof(((structure *)NULL)->path)    \
	}

static struct types *load(void)
{
	struct types *types = NULL;
	struct vmi_error err;

	CHECK_OK(types_of_dwarf("/proc/self/exe", &types, &err));
	return types;
}

static void test_members(void **state)
{
	static const struct expected members[] = {
		AT(struct dw_all, name),        AT(struct dw_all, list),
		AT(struct dw_all, list.later),  AT(struct dw_all, flag),
		AT(struct dw_all, in_union),    AT(struct dw_all, deeper),
		AT(struct dw_all, either),      AT(struct dw_all, colour),
		AT(struct dw_all, wide),        AT(struct dw_all, call),
		AT(struct dw_all, number),      AT(struct dw_all, where),
		AT(struct dw_later, list.next), AT(dw_list_t, later),
		AT(union dw_either, byte),
	};
	struct types *types = load();
	struct vmi_error err;

	(void)state;
	later.all = NULL;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct vmi_member member;
		struct vmi_type_info info;
		vmi_type type;

		CHECK_OK(types_find(types, members[i].structure, &type, &err));
		CHECK_OK(types_path(types, type, members[i].path, &member, &err));
		CHECK_OK(types_info(types, member.type, &info, &err));
		assert_int_equal(member.bit_offset, 8 * members[i].offset);
		assert_int_equal(info.size, members[i].size);
	}
	types_destroy(types);
}

static void test_bits_and_names(void **state)
{
	struct types *types = load();
	struct vmi_member member;
	struct vmi_type_info info;
	struct vmi_error err;
	vmi_type type;

	(void)state;
	CHECK_OK(types_find(types, "struct dw_all", &type, &err));
	CHECK_OK(types_info(types, type, &info, &err));
	assert_int_equal(info.size, sizeof(struct dw_all));
	CHECK_OK(types_path(types, type, "middle", &member, &err));
	assert_int_equal(member.bit_size, 7);
	assert_int_equal(member.bit_offset % 32, 3);
	CHECK_OK(types_path(types, type, "high", &member, &err));
	assert_int_equal(member.bit_size, 5);
	assert_int_equal(member.bit_offset % 32, 10);
	CHECK_OK(types_path(types, type, "open", &member, &err));
	CHECK_OK(types_info(types, member.type, &info, &err));
	assert_int_equal(info.count, 0);
	CHECK_OK(types_find(types, "enum dw_colour", &type, &err));
	CHECK_OK(types_member(types, type, 1, &member, &err));
	assert_string_equal(member.name, "DW_BLUE");
	assert_int_equal(member.value, -4);
	/* However many bytes DWARF keeps a value in, its highest bit is no sign. */
	CHECK_OK(types_find(types, "enum dw_byte", &type, &err));
	static const int64_t values[] = {200, 50000, 0xfffffff0};
	for (unsigned i = 0; i < 3; i++) {
		CHECK_OK(types_member(types, type, i, &member, &err));
		assert_int_equal(member.value, values[i]);
	}
	CHECK_OK(types_find(types, "enum dw_wide", &type, &err));
	CHECK_OK(types_info(types, type, &info, &err));
	assert_false(info.is_signed);
	CHECK_OK(types_member(types, type, 0, &member, &err));
	assert_int_equal(member.value, 0x123456789a);
	CHECK_OK(types_find(types, "enum dw_wide_signed", &type, &err));
	CHECK_OK(types_info(types, type, &info, &err));
	assert_true(info.is_signed);
	CHECK_OK(types_member(types, type, 1, &member, &err));
	assert_int_equal(member.value, 200);
	CHECK_OK(types_member(types, type, 0, &member, &err));
	assert_int_equal(member.value, -0x123456789a);
	/* A pointer to a structure leads to its definition. */
	CHECK_OK(types_find(types, "struct dw_list", &type, &err));
	CHECK_OK(types_path(types, type, "next", &member, &err));
	CHECK_OK(types_info(types, member.type, &info, &err));
	assert_int_equal(info.kind, VMI_TYPE_POINTER);
	assert_int_equal(info.target, type);
	types_destroy(types);
}

/* The linker's word against the program's own. */
static void test_symbols(void **state)
{
	struct symbols symbols;
	struct vmi_error err;

	(void)state;
	symbols_init(&symbols);
	CHECK_OK(symbols_of_elf(&symbols, "/proc/self/exe", &err));
	const struct symbol *own = symbols_find(&symbols, "main");
	const struct symbol *data = symbols_find(&symbols, "later");
	assert_non_null(own);
	assert_non_null(data);
	assert_int_equal(own->type, 'T');
	assert_int_equal(data->type, 'b');
	symbols_deinit(&symbols);
}

static void test_refused(void **state)
{
	static const char path[] = "test_dwarf.tmp";
	struct types *types = NULL;
	struct symbols symbols;
	struct vmi_error err;

	(void)state;
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("no ELF file", file);
	fclose(file);
	symbols_init(&symbols);
	CHECK_FAIL(types_of_dwarf(path, &types, &err), VMI_ERR_CORRUPT, "DWARF");
	CHECK_FAIL(symbols_of_elf(&symbols, path, &err), VMI_ERR_CORRUPT, "no ELF file");
	unlink(path);
	CHECK_FAIL(types_of_dwarf(path, &types, &err), VMI_ERR_IO, "No such file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_bits_and_names),
		cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
