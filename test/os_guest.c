/* SPDX-License-Identifier: MIT */
/* A guest with a kernel of our own, put together in memory. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "mk_kallsyms.h"
#include "os_guest.h"

/*
 *   gpa  0x100000  page tables
 *        0x200000  the kernel's image, at image_gva: banner, root page table, BTF, kallsyms
 *        0x400000  what the kernel allocates; all memory is mapped from direct_gva on, too
 */
enum {
	TRAMPOLINE = 0x9000,
	TABLES = 1 << 20,
	IMAGE = 2 << 20,
	HEAP = 4 << 20,
	LARGE = 2 << 20,
	ROOT_AT = 0x1000,
	BTF_AT = 0x2000,
	KALLSYMS_AT = 0x100000,
	SYMBOLS_MAX = 1024,
	SYMBOLS_LEAST = 600, /* fewer would not be taken for a kernel's */
};

static const vmi_gva image_gva = 0xffffffff81000000, direct_gva = 0xffff888000000000;
static const uint64_t table_bits = 0x67, page_bits = 0x67, large_bits = 0xe3;
static const char banner[] = "Linux version 6.1.0-guest (test) #1 SMP\n";

static void put(uint8_t *at, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* ---- page tables ---------------------------------------------------------------------------- */

/* The entry for gva at `level`, 1 being the last, with the tables on the way. */
static uint8_t *entry_of(struct os_guest *guest, vmi_gpa root, vmi_gva gva, unsigned level)
{
	vmi_gpa table = root;

	for (unsigned at = 4;; at--) {
		uint8_t *entry = guest->memory + table + (gva >> (3 + 9 * at) & 511) * 8;

		if (at == level)
			return entry;
		if (!get(entry)) {
			assert_in_range(guest->next_table, TABLES, IMAGE - VMI_PAGE_SIZE);
			put(entry, 8, guest->next_table | table_bits);
			guest->next_table += VMI_PAGE_SIZE;
		}
		table = get(entry) & 0xffffffffff000;
	}
}

vmi_gpa os_guest_space(struct os_guest *guest)
{
	vmi_gpa root =
		(guest->next_table + 2 * VMI_PAGE_SIZE - 1) & ~(2 * (vmi_gpa)VMI_PAGE_SIZE - 1);

	guest->next_table = root + 2 * VMI_PAGE_SIZE;
	assert_in_range(guest->next_table, TABLES, IMAGE);
	memcpy(guest->memory + root + VMI_PAGE_SIZE / 2,
	       guest->memory + guest->root + VMI_PAGE_SIZE / 2, VMI_PAGE_SIZE / 2);
	return root;
}

uint8_t *os_guest_page(struct os_guest *guest, vmi_gpa root, vmi_gva gva)
{
	guest->next_heap = (guest->next_heap + VMI_PAGE_SIZE - 1) & ~(vmi_gpa)(VMI_PAGE_SIZE - 1);
	put(entry_of(guest, root, gva, 1), 8, guest->next_heap | page_bits);
	return os_guest_at(guest, os_guest_alloc(guest, VMI_PAGE_SIZE));
}

/* ---- memory --------------------------------------------------------------------------------- */

vmi_gva os_guest_direct(vmi_gpa gpa)
{
	return direct_gva + gpa;
}

uint8_t *os_guest_at(struct os_guest *guest, vmi_gva gva)
{
	vmi_gpa gpa = gva >= image_gva ? gva - image_gva + IMAGE : gva - direct_gva;

	assert_in_range(gpa, 0, GUEST_SIZE - 1);
	return guest->memory + gpa;
}

void os_guest_put(struct os_guest *guest, vmi_gva gva, unsigned size, uint64_t value)
{
	put(os_guest_at(guest, gva), size, value);
}

vmi_gva os_guest_alloc(struct os_guest *guest, size_t len)
{
	vmi_gpa gpa = (guest->next_heap + 63) & ~(vmi_gpa)63;

	guest->next_heap = gpa + len;
	assert_in_range(guest->next_heap, HEAP, GUEST_SIZE);
	return os_guest_direct(gpa);
}

vmi_gva os_guest_variable(struct os_guest *guest, const char *name, size_t len)
{
	/* Seen through the image's own mapping, as variables of a kernel are. */
	vmi_gva gva = os_guest_alloc(guest, len) - direct_gva - IMAGE + image_gva;

	os_guest_symbol(guest, name, gva);
	return gva;
}

void os_guest_list_init(struct os_guest *guest, vmi_gva head)
{
	os_guest_put(guest, head, 8, head);
	os_guest_put(guest, head + 8, 8, head);
}

void os_guest_list_add(struct os_guest *guest, vmi_gva head, vmi_gva node)
{
	vmi_gva last = get(os_guest_at(guest, head + 8));

	os_guest_put(guest, node, 8, head);
	os_guest_put(guest, node + 8, 8, last);
	os_guest_put(guest, last, 8, node);
	os_guest_put(guest, head + 8, 8, node);
}

/* ---- types ---------------------------------------------------------------------------------- */

static int add_int(struct os_guest *guest, const char *name, size_t size)
{
	int id = btf__find_by_name(guest->btf, name);

	return id > 0 ? id : btf__add_int(guest->btf, name, size, 0);
}

static int type_of(struct os_guest *guest, const char *text)
{
	static const struct {
		const char *name;
		size_t size;
	} ints[] = {{"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8}, {"char", 1}};
	char name[64];
	unsigned count = 0;
	int id = 0;

	assert_true(sscanf(text, "%63[^[][%u]", name, &count) >= 1);
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]) && !id; i++)
		if (!strcmp(ints[i].name, name))
			id = add_int(guest, name, ints[i].size);
	if (!id)
		id = strcmp(name, "ptr") ? btf__find_by_name(guest->btf, name)
					 : btf__add_ptr(guest->btf, 0);
	if (id > 0 && count)
		id = btf__add_array(guest->btf, add_int(guest, "u32", 4), id, count);
	assert_true(id > 0);
	return id;
}

void os_guest_types(struct os_guest *guest, const struct made_member rows[], size_t count)
{
	int type[256];

	assert_in_range(count, 1, sizeof(type) / sizeof(type[0]));
	for (size_t i = 0; i < count; i++) {
		/* A structure's members follow it at once, so their types come before. */
		if (!rows[i].member)
			for (size_t j = i + 1; j < count && rows[j].member; j++)
				type[j] = type_of(guest, rows[j].type);
		int got = rows[i].member
				  ? btf__add_field(guest->btf, rows[i].member, type[i],
						   8 * rows[i].offset, 0)
				  : btf__add_struct(guest->btf, rows[i].structure, rows[i].offset);
		assert_true(got >= 0);
	}
}

void os_guest_types_of_task(struct os_guest *guest)
{
	static const struct made_member rows[] = {
		{"mm_struct", NULL, NULL, 40},     {"", "pgd", "ptr", 0},
		{"", "arg_start", "u64", 8},       {"", "arg_end", "u64", 16},
		{"", "env_start", "u64", 24},      {"", "env_end", "u64", 32},
		{"signal_struct", NULL, NULL, 16}, {"", "thread_head", "u64[2]", 0},
		{"kuid_t", NULL, NULL, 4},         {"", "val", "u32", 0},
		{"cred", NULL, NULL, 16},          {"", "uid", "kuid_t", 0},
		{"", "gid", "kuid_t", 4},          {"", "euid", "kuid_t", 8},
		{"", "egid", "kuid_t", 12},
	};

	os_guest_types(guest, rows, sizeof(rows) / sizeof(rows[0]));
}

/* ---- symbols -------------------------------------------------------------------------------- */

void os_guest_symbol(struct os_guest *guest, const char *name, vmi_gva gva)
{
	assert_in_range(guest->symbol_count, 0, SYMBOLS_MAX - 1);
	guest->symbol[guest->symbol_count++] = (struct made_symbol){gva, 'D', name};
}

static int by_address(const void *a, const void *b)
{
	const struct made_symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void symbols_write(struct os_guest *guest)
{
	static const struct kallsyms_shape shape = {
		.pointer_size = 8, .percpu = true, .offsets_last = true};
	size_t tokens, len;

	for (unsigned i = 0; guest->symbol_count < SYMBOLS_LEAST; i++)
		os_guest_symbol(guest, "function", image_gva + 0x800 + i);
	qsort(guest->symbol, guest->symbol_count, sizeof(*guest->symbol), by_address);
	uint8_t *bytes = mk_kallsyms(&shape, guest->symbol, guest->symbol_count, 64,
				     image_gva + KALLSYMS_AT, &tokens, &len);
	assert_in_range(len, 1, LARGE - KALLSYMS_AT);
	memcpy(guest->memory + IMAGE + KALLSYMS_AT, bytes, len);
	free(bytes);
}

/* ---- all together --------------------------------------------------------------------------- */

void os_guest_init(struct os_guest *guest)
{
	*guest = (struct os_guest){
		.memory = calloc(1, GUEST_SIZE),
		.root = IMAGE + ROOT_AT,
		.next_table = TABLES,
		.next_heap = HEAP,
		.btf = btf__new_empty(),
		.symbol = calloc(SYMBOLS_MAX, sizeof(*guest->symbol)),
	};
	assert_non_null(guest->memory);
	assert_non_null(guest->btf);
	assert_non_null(guest->symbol);
	for (vmi_gpa gpa = 0; gpa < GUEST_SIZE; gpa += LARGE) {
		put(entry_of(guest, guest->root, direct_gva + gpa, 2), 8, gpa | large_bits);
		if (gpa >= IMAGE)
			put(entry_of(guest, guest->root, image_gva + gpa - IMAGE, 2), 8,
			    gpa | large_bits);
	}
	/* What the processors start with: the direct map low down, and the kernel. */
	put(guest->memory + TRAMPOLINE, 8, get(guest->memory + guest->root + 273 * 8));
	put(guest->memory + TRAMPOLINE + 511 * 8, 8, get(guest->memory + guest->root + 511 * 8));
	memcpy(guest->memory + IMAGE + 0x100, banner, sizeof(banner));
	os_guest_symbol(guest, "_text", image_gva);
	os_guest_symbol(guest, "linux_banner", image_gva + 0x100);
	os_guest_symbol(guest, "init_top_pgt", image_gva + ROOT_AT);
}

static void on_problem(void *context, const char *sentence)
{
	struct os_guest *guest = context;

	guest->problems++;
	snprintf(guest->problem, sizeof(guest->problem), "%s", sentence);
}

void os_guest_open(struct os_guest *guest)
{
	struct vmi_os_options options = {
		.size = sizeof(options), .problem = on_problem, .problem_context = guest};
	struct vmi_open_options raw = {.size = sizeof(raw), .driver = "raw"};
	struct vmi_error err;
	uint32_t len;
	const void *btf = btf__raw_data(guest->btf, &len);

	assert_non_null(btf);
	assert_in_range(len, 1, KALLSYMS_AT - BTF_AT);
	memcpy(guest->memory + IMAGE + BTF_AT, btf, len);
	os_guest_symbol(guest, "__start_BTF", image_gva + BTF_AT);
	os_guest_symbol(guest, "__stop_BTF", image_gva + BTF_AT + len);
	symbols_write(guest);
	CHECK_OK(vmi_open_memory(&guest->vm, guest->memory, GUEST_SIZE, &raw, &err));
	CHECK_OK(vmi_os_open(&guest->os, guest->vm, &options, &err));
}

void os_guest_close(struct os_guest *guest)
{
	vmi_os_close(guest->os);
	vmi_close(guest->vm);
	btf__free(guest->btf);
	free(guest->symbol);
	free(guest->memory);
}
