/* SPDX-License-Identifier: MIT */
/* Modules of a kernel that the test puts together, and their symbols: whole, and beyond measure. */

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os_guest.h"

/* As kernels since 6.4 have them, with what is in between left out. */
enum {
	M_LIST = 0,
	M_NAME = 16,
	M_STATE = 72,
	M_KALLSYMS = 80,
	M_MEM = 96,
	M_SIZE = 208,
	K_SYMTAB = 0,
	K_COUNT = 8,
	K_STRTAB = 16,
	K_TYPETAB = 24,
	NAME = 400, /* bytes of a long one */
	MANY = 20000,
	MODULES = 24,
	PATIENCE = 30, /* seconds, of which a busy machine needs one */
};

static const struct made_member types[] = {
	{"list_head", NULL, NULL, 16},
	{"", "next", "ptr", 0},
	{"", "prev", "ptr", 8},
	{"module_memory", NULL, NULL, 16},
	{"", "base", "ptr", 0},
	{"", "size", "u32", 8},
	{"module", NULL, NULL, M_SIZE},
	{"", "list", "list_head", M_LIST},
	{"", "name", "char[56]", M_NAME},
	{"", "state", "u32", M_STATE},
	{"", "kallsyms", "ptr", M_KALLSYMS},
	{"", "mem", "module_memory[7]", M_MEM},
	{"mod_kallsyms", NULL, NULL, 32},
	{"", "symtab", "ptr", K_SYMTAB},
	{"", "num_symtab", "u32", K_COUNT},
	{"", "strtab", "ptr", K_STRTAB},
	{"", "typetab", "ptr", K_TYPETAB},
};

struct sample {
	struct os_guest guest;
	vmi_gva head, kallsyms, symbols, names, letters;
};

/* One module more, all of which share their tables of symbols. */
static void module_add(struct sample *s, unsigned number)
{
	struct os_guest *guest = &s->guest;
	vmi_gva gva = os_guest_alloc(guest, M_SIZE);

	os_guest_list_add(guest, s->head, gva + M_LIST);
	memcpy(os_guest_at(guest, gva + M_NAME), "mod_", 4);
	os_guest_put(guest, gva + M_NAME + 4, 1, 'a' + number);
	os_guest_put(guest, gva + M_KALLSYMS, 8, s->kallsyms);
	os_guest_put(guest, gva + M_MEM, 8, 0xffffffffc0000000 + number * 0x10000);
	os_guest_put(guest, gva + M_MEM + 8, 4, 0x3000);
	os_guest_put(guest, gva + M_MEM + 5 * 16, 8, 0xffffffffc0008000 + number * 0x10000);
	os_guest_put(guest, gva + M_MEM + 5 * 16 + 8, 4, 0x1000);
}

static int setup(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));
	struct os_guest *guest = &s->guest;

	assert_non_null(s);
	os_guest_init(guest);
	s->head = os_guest_variable(guest, "modules", 16);
	os_guest_list_init(guest, s->head);
	s->kallsyms = os_guest_alloc(guest, 32);
	s->symbols = os_guest_alloc(guest, MANY * sizeof(Elf64_Sym));
	s->names = os_guest_alloc(guest, NAME + 1024);
	s->letters = os_guest_alloc(guest, MANY);
	os_guest_put(guest, s->kallsyms + K_SYMTAB, 8, s->symbols);
	os_guest_put(guest, s->kallsyms + K_STRTAB, 8, s->names);
	os_guest_put(guest, s->kallsyms + K_TYPETAB, 8, s->letters);
	memset(os_guest_at(guest, s->names + 1), 'n', NAME);
	memset(os_guest_at(guest, s->letters), 't', MANY);
	for (unsigned i = 1; i < MANY; i++) {
		Elf64_Sym symbol = {.st_name = 1, .st_value = 0xffffffffc0000000 + i};

		memcpy(os_guest_at(guest, s->symbols + i * sizeof(symbol)), &symbol,
		       sizeof(symbol));
	}
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct sample *s = *state;

	os_guest_close(&s->guest);
	free(s);
	return 0;
}

static void begin(struct sample *s, unsigned modules, unsigned symbols)
{
	os_guest_types(&s->guest, types, sizeof(types) / sizeof(types[0]));
	for (unsigned i = 0; i < modules; i++)
		module_add(s, i);
	os_guest_put(&s->guest, s->kallsyms + K_COUNT, 4, symbols);
	os_guest_open(&s->guest);
	s->guest.problems = 0;
}

static void test_modules(void **state)
{
	struct sample *s = *state;
	struct vmi_module_list list;
	struct vmi_symbol symbol;
	struct vmi_error err;

	begin(s, 2, 4);
	CHECK_OK(vmi_modules(s->guest.os, &list, &err));
	assert_int_equal(list.count, 2);
	assert_string_equal(list.module[1].name, "mod_b");
	assert_string_equal(list.module[1].state, "live");
	assert_int_equal(list.module[1].base, 0xffffffffc0010000);
	assert_int_equal(list.module[1].size, 0x4000);
	vmi_module_list_free(&list);
	CHECK_OK(vmi_symbol_at(s->guest.os, 0xffffffffc0000002, &symbol, &err));
	assert_string_equal(symbol.module, "mod_a");
	assert_int_equal(strlen(symbol.name), NAME);
	assert_int_equal(symbol.gva, 0xffffffffc0000002);
	assert_int_equal(symbol.size, 1);
	assert_int_equal(s->guest.problems, 0);
}

/* A damaged or hostile kernel's types may make any number of parts of a module's memory. */
static void test_parts(void **state)
{
	static const struct made_member odd[] = {
		{"odd", NULL, NULL, 1},
		{"module_memory", NULL, NULL, 1},
		{"", "base", "ptr", 0},
		{"", "size", "u32", 8},
		{"list_head", NULL, NULL, 16},
		{"module", NULL, NULL, M_SIZE},
		{"", "list", "list_head", M_LIST},
		{"", "name", "char[56]", M_NAME},
		{"", "state", "u32", M_STATE},
		{"", "mem", "odd[4294967295]", M_MEM},
	};
	struct sample *s = *state;
	struct vmi_module_list list;
	struct vmi_error err;

	os_guest_types(&s->guest, odd, sizeof(odd) / sizeof(odd[0]));
	for (unsigned i = 0; i < MODULES; i++)
		module_add(s, i);
	os_guest_open(&s->guest);
	alarm(PATIENCE);
	CHECK_OK(vmi_modules(s->guest.os, &list, &err));
	alarm(0);
	assert_int_equal(list.count, MODULES);
	vmi_module_list_free(&list);
}

/* Modules whose symbols are in one place can have more of them than memory has bytes. */
static void test_shared(void **state)
{
	struct sample *s = *state;
	struct vmi_symbol symbol;
	size_t cursor = 0, count = 0, bytes = 0;

	begin(s, MODULES, MANY);
	while (!vmi_symbol_next(s->guest.os, &cursor, &symbol)) {
		if (!symbol.module)
			continue;
		count++;
		bytes += strlen(symbol.name);
	}
	assert_true(count >= MANY - 1);
	assert_in_range(bytes, 1, 4 * GUEST_SIZE);
	assert_true(s->guest.problems > 0);
	assert_non_null(strstr(s->guest.problem, "symbols of the module mod_x: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
