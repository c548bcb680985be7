/* SPDX-License-Identifier: MIT */
/* Types that modules add to those of a kernel, over split BTF that libbpf writes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "os_guest.h"

enum { DATA = 0, LEN = 8, FIRST_TYPE = 12, FIRST_NAME = 16, NAME = 24, BTF = 80, LINK_BTF = 24 };

static const struct made_member kernel[] = {
	{"list_head", NULL, NULL, 16},  {"", "next", "ptr", 0},
	{"", "prev", "ptr", 8},         {"btf", NULL, NULL, BTF},
	{"", "data", "ptr", DATA},      {"", "data_size", "u32", LEN},
	{"", "start_id", "u32", 12},    {"", "start_str_off", "u32", 16},
	{"", "name", "char[56]", NAME}, {"btf_module", NULL, NULL, 32},
	{"", "list", "list_head", 0},   {"", "module", "ptr", 16},
	{"", "btf", "ptr", LINK_BTF},   {"page", NULL, NULL, 16},
	{"", "flags", "u64", 0},
};

struct sample {
	struct os_guest guest;
	vmi_gva head, first, second; /* struct btf of the modules */
};

static uint32_t id_of(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name(btf, name);

	assert_true(id > 0);
	return (uint32_t)id;
}

/* What the kernel keeps of a module with that structure, of a page, a pointer to it, and a word. */
static vmi_gva module_add(struct sample *s, const char *module, const char *structure)
{
	struct os_guest *guest = &s->guest;
	struct btf *btf = btf__new_empty_split(guest->btf);
	uint32_t len, names = 0;
	struct btf_header header;

	assert_non_null(btf);
	int self = btf__add_struct(btf, structure, 48);
	btf__add_field(btf, "page", (int)id_of(guest->btf, "page"), 0, 0);
	btf__add_field(btf, "self", self + 1, 128, 0);
	btf__add_field(btf, "words", self + 2, 192, 0);
	btf__add_ptr(btf, self);
	btf__add_array(btf, (int)id_of(guest->btf, "u32"), (int)id_of(guest->btf, "u64"), 2);
	btf__add_const(btf, (int)id_of(guest->btf, "page"));
	const void *bytes = btf__raw_data(guest->btf, &len);
	memcpy(&header, bytes, sizeof(header));
	names = header.str_len;
	bytes = btf__raw_data(btf, &len);
	vmi_gva data = os_guest_alloc(guest, len), own = os_guest_alloc(guest, BTF);
	memcpy(os_guest_at(guest, data), bytes, len);
	os_guest_put(guest, own + DATA, 8, data);
	os_guest_put(guest, own + LEN, 4, len);
	os_guest_put(guest, own + FIRST_TYPE, 4, btf__type_cnt(guest->btf));
	os_guest_put(guest, own + FIRST_NAME, 4, names);
	memcpy(os_guest_at(guest, own + NAME), module, strlen(module));
	vmi_gva link = os_guest_alloc(guest, 32);
	os_guest_put(guest, link + LINK_BTF, 8, own);
	os_guest_list_add(guest, s->head, link);
	btf__free(btf);
	return own;
}

static int setup(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	os_guest_init(&s->guest);
	os_guest_types(&s->guest, kernel, sizeof(kernel) / sizeof(kernel[0]));
	s->head = os_guest_variable(&s->guest, "btf_modules", 16);
	os_guest_list_init(&s->guest, s->head);
	s->first = module_add(s, "ext9", "ext9_inode");
	s->second = module_add(s, "net", "net_queue");
	os_guest_open(&s->guest);
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

static void check_structure(struct vmi_os *os, const char *wanted, const char *name,
			    const char *module)
{
	struct vmi_type_info info;
	struct vmi_member member;
	struct vmi_error err;
	char text[64], declared[64];
	vmi_type type, page;

	CHECK_OK(vmi_type_find(os, wanted, &type, &err));
	CHECK_OK(vmi_type_find(os, "page", &page, &err));
	CHECK_OK(vmi_type_info(os, type, &info, &err));
	assert_string_equal(info.name, name);
	assert_string_equal(info.module, module);
	assert_int_equal(info.size, 48);
	CHECK_OK(vmi_type_member(os, type, 0, &member, &err));
	assert_int_equal(member.type, page); /* the kernel's own number */
	CHECK_OK(vmi_type_member(os, type, 1, &member, &err));
	assert_string_equal(member.name, "self");
	CHECK_OK(vmi_type_info(os, member.type, &info, &err));
	assert_int_equal(info.kind, VMI_TYPE_POINTER);
	assert_int_equal(info.target, type);
	CHECK_OK(vmi_type_declare(os, member.type, "p", text, sizeof(text), &err));
	snprintf(declared, sizeof(declared), "struct %s *p", name);
	assert_string_equal(text, declared);
	CHECK_OK(vmi_type_member(os, type, 2, &member, &err));
	CHECK_OK(vmi_type_info(os, member.type, &info, &err));
	assert_int_equal(info.kind, VMI_TYPE_ARRAY);
	assert_int_equal(info.size, 16);
}

static void test_find(void **state)
{
	struct sample *s = *state;
	struct vmi_os *os = s->guest.os;
	struct vmi_field field;
	struct vmi_error err;
	vmi_type type;

	check_structure(os, "ext9_inode", "ext9_inode", "ext9");
	check_structure(os, "struct net_queue", "net_queue", "net");
	check_structure(os, "net:struct net_queue", "net_queue", "net");
	CHECK_OK(vmi_type_field(os, "net:net_queue", "page.flags", &field, &type, &err));
	assert_int_equal(field.offset, 0);
	assert_int_equal(field.size, 8);
	CHECK_OK(vmi_type_field(os, "net:net_queue", "words", &field, NULL, &err));
	assert_int_equal(field.offset, 24);
	CHECK_FAIL(vmi_type_find(os, "ext9:net_queue", &type, &err), VMI_ERR_NOT_FOUND,
		   "the kernel has no type 'ext9:net_queue'");
	CHECK_FAIL(vmi_type_find(os, "net:page", &type, &err), VMI_ERR_NOT_FOUND, "no type");
	CHECK_FAIL(vmi_type_info(os, UINT32_MAX, &(struct vmi_type_info){0}, &err), VMI_ERR_ARG,
		   "there is no type 4294967295");
	assert_int_equal(s->guest.problems, 0);
}

/* How often a type of that name comes up among all, and in the module. */
static unsigned listed(struct vmi_os *os, const char *name, const char *module)
{
	struct vmi_type_info info;
	struct vmi_error err;
	size_t cursor = 0;
	unsigned count = 0;
	vmi_type type;

	while (!vmi_type_next(os, &cursor, &type)) {
		CHECK_OK(vmi_type_info(os, type, &info, &err));
		if (!strcmp(info.name, name) &&
		    (module ? info.module && !strcmp(info.module, module) : !info.module))
			count++;
	}
	return count;
}

static void test_list(void **state)
{
	struct sample *s = *state;

	assert_int_equal(listed(s->guest.os, "page", NULL), 1);
	assert_int_equal(listed(s->guest.os, "page", "net"), 0);
	assert_int_equal(listed(s->guest.os, "ext9_inode", "ext9"), 1);
	assert_int_equal(listed(s->guest.os, "net_queue", "net"), 1);
	assert_int_equal(s->guest.problems, 0);
}

/* What is wrong with one module is told, and the others go on. */
static void test_damage(void **state)
{
	struct sample *s = *state;

	os_guest_put(&s->guest, s->first + FIRST_TYPE, 4, 7);
	check_structure(s->guest.os, "net_queue", "net_queue", "net");
	assert_int_equal(listed(s->guest.os, "ext9_inode", "ext9"), 0);
	assert_int_equal(s->guest.problems, 1);
	assert_non_null(strstr(s->guest.problem, "module ext9: they continue other types"));
}

static void test_length(void **state)
{
	struct sample *s = *state;

	os_guest_put(&s->guest, s->first + LEN, 4, UINT32_MAX);
	os_guest_put(&s->guest, s->second + DATA, 8, 0x1000);
	assert_int_equal(listed(s->guest.os, "net_queue", "net"), 0);
	assert_int_equal(s->guest.problems, 2);
	assert_non_null(strstr(s->guest.problem, "module net: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_length, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
