/* SPDX-License-Identifier: MIT */
/* Pages in swap that is in memory: zram and the objects of zsmalloc, zeros, the swap cache. */

#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "os_guest.h"

enum {
	FRAMES = GUEST_SIZE / VMI_PAGE_SIZE,
	SLOTS = 32,
	AREA_PAGES = 40, /* more than the disk has slots */
	AREA = 1,
	SLOT = 7,
	AT = 0x400000,
	/* Members. */
	PAGE_SIZE = 32,
	PAGE_PRIVATE = 8,
	PAGE_INDEX = 16,
	ZSPAGE_HUGE = 4,
	POOL_CLASSES = 8,
	ZRAM_POOL = 8,
	ZRAM_SIZE = 16,
	ZRAM_NAMES = 24,
	ZRAM_PARAMS = 56,
	ENTRY_SIZE = 16,
	ENTRY_FLAGS = 8,
	INFO_MAX = 8,
	INFO_BDEV = 16,
	INFO_ZEROMAP = 24,
	DISK_PRIVATE = 32,
	SWP_BLKDEV = 1 << 6,
	/* Flags of a slot, as numbered below. */
	SAME = 1 << 13,
	AWAY = 1 << 14,
	PRIORITY = 1 << 15,
	CLASS = 3,
	CLASS_BYTES = 96,
};

static const struct made_member types[] = {
	{"page", NULL, NULL, PAGE_SIZE},
	{"", "flags", "u64", 0},
	{"", "private", "u64", PAGE_PRIVATE},
	{"", "index", "u64", PAGE_INDEX},
	{"xarray", NULL, NULL, 8},
	{"", "xa_head", "ptr", 0},
	{"address_space", NULL, NULL, 16},
	{"", "i_pages", "xarray", 8},
	{"xa_node", NULL, NULL, 8 + 64 * 8},
	{"", "shift", "u8", 0},
	{"", "slots", "ptr[64]", 8},
	{"zspage", NULL, NULL, 8},
	{"", "class", "u32", 0},
	{"", "huge", "u32", ZSPAGE_HUGE},
	{"size_class", NULL, NULL, 4},
	{"", "size", "u32", 0},
	{"zs_pool", NULL, NULL, 8 + 255 * 8},
	{"", "size_class", "ptr[255]", POOL_CLASSES},
	{"zcomp_params", NULL, NULL, 16},
	{"", "dict_sz", "u64", 8},
	{"zram", NULL, NULL, ZRAM_PARAMS + 4 * 16},
	{"", "table", "ptr", 0},
	{"", "mem_pool", "ptr", ZRAM_POOL},
	{"", "disksize", "u64", ZRAM_SIZE},
	{"", "comp_algs", "ptr[4]", ZRAM_NAMES},
	{"", "params", "zcomp_params[4]", ZRAM_PARAMS},
	{"zram_table_entry", NULL, NULL, ENTRY_SIZE},
	{"", "handle", "u64", 0},
	{"", "flags", "u64", ENTRY_FLAGS},
};

static const struct made_member types_of_swap[] = {
	{"swap_info_struct", NULL, NULL, 32},
	{"", "flags", "u64", 0},
	{"", "max", "u32", INFO_MAX},
	{"", "bdev", "ptr", INFO_BDEV},
	{"", "zeromap", "ptr", INFO_ZEROMAP},
	{"block_device", NULL, NULL, 8},
	{"", "bd_disk", "ptr", 0},
	{"gendisk", NULL, NULL, 40},
	{"", "disk_name", "char[32]", 0},
	{"", "private_data", "ptr", DISK_PRIVATE},
};

/* "process 136 page 4\n" over and over, as Linux 6.1 packed it. */
static const uint8_t packed[] = {
	0x11, 0x01, 0x00, 0x01, 0x70, 0x72, 0x6f, 0x63, 0x65, 0x73, 0x73, 0x20, 0x31,
	0x33, 0x36, 0x20, 0x70, 0x61, 0x67, 0x65, 0x20, 0x34, 0x0a, 0x20, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0xca, 0x48, 0x00, 0x0e, 0x61, 0x67, 0x65, 0x20, 0x34, 0x0a, 0x70, 0x72, 0x6f,
	0x63, 0x65, 0x73, 0x73, 0x20, 0x31, 0x33, 0x36, 0x11, 0x00, 0x00,
};

struct sample {
	struct os_guest guest;
	struct vmi_space space;
	vmi_gpa entry; /* the page table's, of the page at AT */
	vmi_gva pages, info, zeromap, disk, zram, table, pool, class;
	vmi_gva zspage, handle;
	vmi_gpa frame[2]; /* of the zspage */
	uint8_t page[VMI_PAGE_SIZE];
};

/* ---- the guest ------------------------------------------------------------------------------ */

static void enums_add(struct btf *btf)
{
	assert_true(btf__add_enum(btf, "zram_pageflags", 4) > 0);
	assert_int_equal(btf__add_enum_value(btf, "ZRAM_SAME", 13), 0);
	assert_int_equal(btf__add_enum_value(btf, "ZRAM_WB", 14), 0);
	assert_int_equal(btf__add_enum_value(btf, "ZRAM_COMP_PRIORITY_BIT1", 15), 0);
	assert_true(btf__add_enum(btf, "pageflags", 4) > 0);
	assert_int_equal(btf__add_enum_value(btf, "PG_locked", 0), 0);
	assert_int_equal(btf__add_enum_value(btf, "PG_uptodate", 2), 0);
}

static vmi_gva page_of(const struct sample *s, vmi_gpa gpa)
{
	return s->pages + gpa / VMI_PAGE_SIZE * PAGE_SIZE;
}

static vmi_gva text_add(struct os_guest *guest, const char *text)
{
	vmi_gva at = os_guest_alloc(guest, 64);

	memcpy(os_guest_at(guest, at), text, strlen(text));
	return at;
}

static void area_make(struct sample *s)
{
	struct os_guest *guest = &s->guest;
	vmi_gva device = os_guest_alloc(guest, 8);
	vmi_gva areas = os_guest_variable(guest, "swap_info", 32 * 8);

	os_guest_variable(guest, "behind_swap_info", 8);
	s->info = os_guest_alloc(guest, 32);
	s->zeromap = os_guest_alloc(guest, 64);
	s->disk = text_add(guest, "zram0");
	os_guest_put(guest, areas + AREA * 8, 8, s->info);
	os_guest_put(guest, s->info, 8, SWP_BLKDEV);
	os_guest_put(guest, s->info + INFO_MAX, 4, AREA_PAGES);
	os_guest_put(guest, s->info + INFO_BDEV, 8, device);
	os_guest_put(guest, s->info + INFO_ZEROMAP, 8, s->zeromap);
	os_guest_put(guest, device, 8, s->disk);
}

static void zram_make(struct sample *s)
{
	struct os_guest *guest = &s->guest;

	s->zram = os_guest_alloc(guest, ZRAM_PARAMS + 4 * 16);
	s->table = os_guest_alloc(guest, SLOTS * ENTRY_SIZE);
	s->pool = os_guest_alloc(guest, 8 + 255 * 8);
	s->class = os_guest_alloc(guest, 4);
	s->zspage = os_guest_alloc(guest, 8);
	s->handle = os_guest_alloc(guest, 8);
	os_guest_put(guest, s->disk + DISK_PRIVATE, 8, s->zram);
	os_guest_put(guest, s->zram, 8, s->table);
	os_guest_put(guest, s->zram + ZRAM_POOL, 8, s->pool);
	os_guest_put(guest, s->zram + ZRAM_SIZE, 8, SLOTS * VMI_PAGE_SIZE);
	os_guest_put(guest, s->zram + ZRAM_NAMES, 8, text_add(guest, "lzo-rle"));
	os_guest_put(guest, s->zram + ZRAM_NAMES + 8, 8, text_add(guest, "842"));
	os_guest_put(guest, s->zram + ZRAM_NAMES + 16, 8, text_add(guest, "\033[31m"));
	os_guest_put(guest, s->pool + POOL_CLASSES + CLASS * 8, 8, s->class);
	os_guest_put(guest, s->class, 4, CLASS_BYTES);
	os_guest_put(guest, s->zspage, 4, CLASS);
	/* Two frames that are not side by side. */
	s->frame[0] = 0x790000;
	s->frame[1] = 0x770000;
	os_guest_put(guest, page_of(s, s->frame[0]) + PAGE_PRIVATE, 8, s->zspage);
	os_guest_put(guest, page_of(s, s->frame[0]) + PAGE_INDEX, 8, page_of(s, s->frame[1]));
}

static void pages_make(struct sample *s)
{
	vmi_gva base = os_guest_variable(&s->guest, "vmemmap_base", 8);

	s->pages = os_guest_alloc(&s->guest, FRAMES * PAGE_SIZE);
	os_guest_put(&s->guest, base, 8, s->pages);
}

/* A page of the process, and where its entry is. */
static vmi_gpa page_make(struct sample *s, vmi_gva gva)
{
	struct vmi_walk walk;
	struct vmi_error err;

	os_guest_page(&s->guest, s->space.root, gva);
	CHECK_OK(vmi_walk(s->guest.vm, &s->space, gva, &walk, &err));
	vmi_translation_cache_flush(s->guest.vm);
	return walk.step[walk.count - 1].entry_gpa;
}

static void process_make(struct sample *s)
{
	s->space = (struct vmi_space){.root = os_guest_space(&s->guest), .mode = VMI_MODE_4LEVEL};
	s->entry = page_make(s, AT);
}

/* __swp_entry() of pgtable_64.h. */
static void entry_set(struct sample *s, uint64_t area, uint64_t offset)
{
	uint64_t entry = ~offset << 14 >> 5 | area << 59;

	memcpy(s->guest.memory + s->entry, &entry, sizeof(entry));
}

static void slot_set(struct sample *s, uint64_t handle, uint64_t flags)
{
	os_guest_put(&s->guest, s->table + SLOT * ENTRY_SIZE, 8, handle);
	os_guest_put(&s->guest, s->table + SLOT * ENTRY_SIZE + ENTRY_FLAGS, 8, flags);
}

/* The packed page as object `index` of the zspage, wherever that is. */
static void object_put(struct sample *s, unsigned index, unsigned shift, unsigned tags)
{
	uint8_t bytes[8 + sizeof(packed)];
	uint64_t head = s->handle | 1, at = index * CLASS_BYTES % VMI_PAGE_SIZE;

	/* Of an object that was freed the kernel clears the tag. */
	memset(s->guest.memory + s->frame[0], 0, VMI_PAGE_SIZE);
	memset(s->guest.memory + s->frame[1], 0, VMI_PAGE_SIZE);
	memcpy(bytes, &head, 8);
	memcpy(bytes + 8, packed, sizeof(packed));
	for (size_t i = 0; i < sizeof(bytes); i++, at++)
		s->guest.memory[s->frame[at / VMI_PAGE_SIZE] + at % VMI_PAGE_SIZE] = bytes[i];
	os_guest_put(&s->guest, s->handle, 8,
		     s->frame[0] / VMI_PAGE_SIZE << shift | (uint64_t)index << tags |
			     (tags ? 1 : 0));
	slot_set(s, s->handle, sizeof(packed));
}

static int make(void **state, bool with_zram)
{
	struct sample *s = calloc(1, sizeof(*s));
	struct os_guest *guest;

	assert_non_null(s);
	guest = &s->guest;
	os_guest_init(guest);
	if (with_zram)
		os_guest_types(guest, types, sizeof(types) / sizeof(types[0]));
	os_guest_types(guest, types_of_swap, sizeof(types_of_swap) / sizeof(types_of_swap[0]));
	if (with_zram)
		enums_add(guest->btf);
	os_guest_variable(guest, "swapper_spaces", 32 * 8);
	area_make(s);
	pages_make(s);
	zram_make(s);
	os_guest_open(guest);
	process_make(s);
	entry_set(s, AREA, SLOT);
	object_put(s, 3, 24, 1);
	*state = s;
	return 0;
}

static int setup(void **state)
{
	return make(state, true);
}

static int setup_untold(void **state)
{
	return make(state, false);
}

static int teardown(void **state)
{
	struct sample *s = *state;

	os_guest_close(&s->guest);
	free(s);
	return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

static enum vmi_status ask(struct sample *s, struct vmi_error *err)
{
	struct vmi_translation to;

	assert_int_equal(vmi_translate(s->guest.vm, &s->space, AT, &to, NULL), VMI_ERR_NOT_PRESENT);
	return vmi_absent_read(s->guest.os, AT, &to, s->page, err);
}

static void expect_text(struct sample *s)
{
	static const char line[] = "process 136 page 4\n";
	struct vmi_error err;

	memset(s->page, 0, sizeof(s->page));
	CHECK_OK(ask(s, &err));
	for (size_t i = 0; i < sizeof(s->page); i++)
		assert_int_equal(s->page[i], line[i % (sizeof(line) - 1)]);
}

static void expect_byte(struct sample *s, uint8_t byte)
{
	struct vmi_error err;

	memset(s->page, 0x55, sizeof(s->page));
	CHECK_OK(ask(s, &err));
	for (size_t i = 0; i < sizeof(s->page); i++)
		assert_int_equal(s->page[i], byte);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_object(void **state)
{
	struct sample *s = *state;
	struct vmi_string string;
	struct vmi_error err;

	expect_text(s);
	CHECK_OK(vmi_string_read(s->guest.vm, &s->space, AT + 8, VMI_UTF8, 10, &string, &err));
	assert_string_equal(string.text, "136 page 4");
	vmi_string_free(&string);
	object_put(s, 42, 24, 1); /* across both frames: its head in one, its bytes in two */
	expect_text(s);
}

/* Frame and index as each kernel packs them. */
static void test_encodings(void **state)
{
	struct sample *s = *state;

	for (unsigned tags = 0; tags <= 2; tags++)
		for (unsigned shift = 24; shift <= 30; shift += 6)
			for (unsigned index = 0; index < 80; index += 3) {
				object_put(s, index, shift, tags);
				expect_text(s);
			}
}

static void test_whole(void **state)
{
	struct sample *s = *state;

	os_guest_put(&s->guest, s->class, 4, VMI_PAGE_SIZE);
	os_guest_put(&s->guest, s->zspage + ZSPAGE_HUGE, 4, 1);
	os_guest_put(&s->guest, page_of(s, s->frame[0]) + PAGE_INDEX, 8, s->handle | 1);
	os_guest_put(&s->guest, s->handle, 8, s->frame[0] / VMI_PAGE_SIZE << 24 | 1);
	memset(s->guest.memory + s->frame[0], 'w', VMI_PAGE_SIZE);
	slot_set(s, s->handle, VMI_PAGE_SIZE);
	expect_byte(s, 'w');
}

static void test_same(void **state)
{
	struct sample *s = *state;
	struct vmi_error err;

	slot_set(s, 0x8877665544332211, SAME);
	CHECK_OK(ask(s, &err));
	for (unsigned i = 0; i < VMI_PAGE_SIZE; i++)
		assert_int_equal(s->page[i], 0x11 * (i % 8 + 1));
	slot_set(s, 0x8877665544332211, SAME | 5);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "both packed and one word");
}

static void test_not_there(void **state)
{
	struct sample *s = *state;
	struct vmi_error err;

	slot_set(s, 0, 0);
	CHECK_FAIL(ask(s, &err), VMI_ERR_NOT_PRESENT, "slot 0x7 of zram is free");
	slot_set(s, 0x1234, AWAY);
	CHECK_FAIL(ask(s, &err), VMI_ERR_NOT_PRESENT, "to the disk behind it");
	entry_set(s, AREA, SLOTS);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "zram has no slot 0x20");
	entry_set(s, AREA, AREA_PAGES);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "swap area 1 has no page 0x28, only 0x28");
	entry_set(s, 2, SLOT);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "there is no swap area 2");
	entry_set(s, AREA, SLOT);
	os_guest_put(&s->guest, s->info, 8, 0);
	CHECK_FAIL(ask(s, &err), VMI_ERR_UNSUPPORTED, "a file of a file system that zram holds");
	memcpy(os_guest_at(&s->guest, s->disk), "sdb", 4);
	assert_int_equal(ask(s, NULL), VMI_ERR_NOT_FOUND);
}

static void test_compressors(void **state)
{
	struct sample *s = *state;
	struct vmi_error err;

	slot_set(s, s->handle, sizeof(packed) - 1);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "are not what lzo-rle makes of a page");
	slot_set(s, s->handle, sizeof(packed) | PRIORITY);
	CHECK_FAIL(ask(s, &err), VMI_ERR_UNSUPPORTED, "packed by '842'");
	slot_set(s, s->handle, sizeof(packed) | 2 * PRIORITY);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "no name of a compressor");
	slot_set(s, s->handle, sizeof(packed));
	os_guest_put(&s->guest, s->zram + ZRAM_PARAMS + 8, 8, 100);
	CHECK_FAIL(ask(s, &err), VMI_ERR_UNSUPPORTED, "with a dictionary");
}

/* Whatever leads elsewhere, the object there does not know the handle. */
static void test_torn(void **state)
{
	struct sample *s = *state;
	struct os_guest *guest = &s->guest;
	struct vmi_error err;

	slot_set(s, s->handle, CLASS_BYTES);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "96 packed bytes are more than the 0x58");
	slot_set(s, s->handle, 0);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "packed to 0x0 bytes");
	slot_set(s, s->handle, VMI_PAGE_SIZE + 1);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "packed to 0x1001 bytes");
	slot_set(s, UINT64_MAX - 2, sizeof(packed));
	assert_int_not_equal(ask(s, &err), VMI_OK);
	slot_set(s, s->handle, sizeof(packed));
	expect_text(s);
	guest->memory[s->frame[0] + 3 * CLASS_BYTES] &= 0xfe; /* freed */
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "something else is");
	object_put(s, 3, 24, 1);
	os_guest_put(guest, s->class, 4, 0);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "something else is");
	os_guest_put(guest, s->class, 4, CLASS_BYTES);
	os_guest_put(guest, s->zspage, 4, UINT32_MAX);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "something else is");
	os_guest_put(guest, s->zspage, 4, CLASS);
	object_put(s, 42, 24, 1);
	os_guest_put(guest, page_of(s, s->frame[0]) + PAGE_INDEX, 8, s->pages + 3);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "something else is");
	os_guest_put(guest, s->handle, 8, UINT64_MAX);
	CHECK_FAIL(ask(s, &err), VMI_ERR_CORRUPT, "something else is");
}

/* Each bit of what leads to the page, flipped: an answer, and never another page as if it were it.
 */
static void test_flips(void **state)
{
	struct sample *s = *state;
	const vmi_gva at[] = {s->handle,
			      s->table + SLOT * ENTRY_SIZE,
			      s->zspage,
			      s->class,
			      page_of(s, s->frame[0]) + PAGE_PRIVATE,
			      s->pool + POOL_CLASSES + CLASS * 8,
			      s->zram,
			      s->zram + ZRAM_POOL,
			      s->disk + DISK_PRIVATE,
			      s->info + INFO_BDEV};
	uint8_t want[VMI_PAGE_SIZE];
	struct vmi_error err;

	object_put(s, 42, 24, 1);
	expect_text(s);
	memcpy(want, s->page, sizeof(want));
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			uint8_t *byte = os_guest_at(&s->guest, at[i]) + bit / 8;

			*byte ^= (uint8_t)(1u << bit % 8);
			if (!ask(s, &err))
				assert_memory_equal(s->page, want, sizeof(want));
			*byte ^= (uint8_t)(1u << bit % 8);
		}
	expect_text(s);
}

static void test_zeros(void **state)
{
	struct sample *s = *state;

	os_guest_put(&s->guest, s->zeromap, 1, 1u << SLOT);
	expect_byte(s, 0);
	os_guest_put(&s->guest, s->zeromap, 1, 0xff ^ 1u << SLOT);
	expect_text(s);
}

/* A frame that has the page again, and such as only seem to. */
static void test_cache(void **state)
{
	struct sample *s = *state;
	struct os_guest *guest = &s->guest;
	const vmi_gpa frame = 0x760000;
	vmi_gva spaces = os_guest_alloc(guest, 16), page = page_of(s, frame);
	struct vmi_symbol symbol;
	struct vmi_error err;

	CHECK_OK(vmi_symbol_find(guest->os, "swapper_spaces", &symbol, &err));
	memset(guest->memory + frame, 'c', VMI_PAGE_SIZE);
	os_guest_put(guest, symbol.gva + AREA * 8, 8, spaces);
	vmi_gva node = os_guest_alloc(guest, 8 + 64 * 8);
	os_guest_put(guest, spaces + 8, 8, node | 2);
	os_guest_put(guest, node + 8 + SLOT * 8, 8, page);
	os_guest_put(guest, page + PAGE_PRIVATE, 8, (uint64_t)AREA << 58 | SLOT);
	expect_text(s); /* not up to date */
	os_guest_put(guest, page, 8, 1 << 2);
	expect_byte(s, 'c');
	/* Of a folio, the third page. */
	os_guest_put(guest, page + PAGE_PRIVATE, 8, (uint64_t)AREA << 58 | (SLOT - 2));
	memset(guest->memory + frame + 2 * VMI_PAGE_SIZE, 'd', VMI_PAGE_SIZE);
	expect_byte(s, 'd');
	os_guest_put(guest, page + PAGE_PRIVATE, 8, (uint64_t)AREA << 58 | (SLOT + 1));
	expect_text(s);
	os_guest_put(guest, page + PAGE_PRIVATE, 8, (uint64_t)(AREA + 1) << 58 | SLOT);
	expect_text(s);
	os_guest_put(guest, node + 8 + SLOT * 8, 8, 0x123 << 1 | 1); /* what was there */
	expect_text(s);
}

static void test_protected(void **state)
{
	struct sample *s = *state;
	const uint64_t frame = 0x750000, entry = (~frame & 0xffffffffff000) | 0x100;

	memset(s->guest.memory + frame, 'p', VMI_PAGE_SIZE);
	memcpy(s->guest.memory + s->entry, &entry, sizeof(entry));
	expect_byte(s, 'p');
}

/* The kernel's own half has no pages in swap, whatever an entry looks like. */
static void test_kernel_half(void **state)
{
	const vmi_gva at = 0xffffc90000000000;
	struct sample *s = *state;
	struct vmi_error err;
	uint8_t byte;

	CHECK_OK(vmi_read_bytes(s->guest.vm, &s->space, AT, &byte, 1, NULL, &err));
	s->entry = page_make(s, at);
	entry_set(s, AREA, SLOT);
	CHECK_FAIL(vmi_read_bytes(s->guest.vm, &s->space, at, &byte, 1, NULL, &err),
		   VMI_ERR_NOT_PRESENT, "is not present");
	assert_null(strchr(err.text, ';'));
}

static void test_untold(void **state)
{
	struct sample *s = *state;
	struct vmi_error err;
	uint8_t byte;

	CHECK_FAIL(ask(s, &err), VMI_ERR_UNSUPPORTED,
		   "zram cannot be read without the types of its modules");
	CHECK_FAIL(vmi_read_bytes(s->guest.vm, &s->space, AT, &byte, 1, NULL, &err),
		   VMI_ERR_NOT_PRESENT, "is not present; zram cannot be read");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_object),
		TEST(test_encodings),
		TEST(test_whole),
		TEST(test_same),
		TEST(test_not_there),
		TEST(test_compressors),
		TEST(test_torn),
		TEST(test_flips),
		TEST(test_zeros),
		TEST(test_protected),
		TEST(test_cache),
		TEST(test_kernel_half),
		cmocka_unit_test_setup_teardown(test_untold, setup_untold, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
