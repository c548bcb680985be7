/* SPDX-License-Identifier: MIT */
/* Strings: any alignment, any number of pages, no page too many, and as UTF-8. */

#include <stdlib.h>
#include <string.h>

#include "backwards.h"

enum { PAGES = 8 };

/* No byte of them is 0. */
static int setting_make(void **state)
{
	struct setting *s = setting_begin(PAGES);

	memset(fake_at(s->fake, MEMORY), 'x', PAGES * VMI_PAGE_SIZE);
	s->vm = fake_open(s->fake, VMI_CAP_READ, NULL);
	*state = s;
	return 0;
}

static vmi_gpa gpa_of(vmi_gva gva)
{
	return MEMORY + (PAGES - 1 - (gva - BASE) / 0x1000) * 0x1000 + gva % 0x1000;
}

/* Put bytes at a gva, over page borders. */
static void put(struct setting *s, vmi_gva gva, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fake_put(s->fake, gpa_of(gva + i), (const uint8_t *)bytes + i, 1);
	vmi_page_cache_flush(s->vm);
}

static enum vmi_status get(struct setting *s, vmi_gva gva, enum vmi_encoding encoding, size_t limit,
			   struct vmi_string *string, struct vmi_error *err)
{
	memset(string, 0x5a, sizeof(*string));
	return vmi_string_read(s->vm, &s->tables.space, gva, encoding, limit, string, err);
}

/* ---- where it ends ---------------------------------------------------------------------- */

/* Every alignment around a border, lengths over 1, 2 and 3 pages; the page behind is not asked. */
static void every_alignment(void **state)
{
	static const size_t lengths[] = {0, 1, 5, 4094, 4095, 4096, 4097, 8191, 8192, 8193, 12287};
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;
	char *text = malloc(13000);

	for (size_t i = 0; i < 13000; i++)
		text[i] = (char)('a' + i % 26);
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		size_t len = lengths[l];
		/* All of the offsets for a short one, those near the ends for the others. */
		for (unsigned offset = 0; offset < VMI_PAGE_SIZE; offset++) {
			if (len > 5 && offset > 8 && offset < VMI_PAGE_SIZE - 8)
				continue;
			vmi_gva gva = BASE + offset, nul = gva + len;
			put(s, gva, text, len);
			put(s, nul, "", 1);
			unsigned behind = fake_gets(s->fake, gpa_of((nul | 0xfff) + 1) >> 12);
			CHECK_OK(get(s, gva, VMI_UTF8, 0, &string, &err));
			assert_int_equal(string.length, len);
			assert_memory_equal(string.bytes ? string.bytes : (void *)"", text, len);
			assert_int_equal(string.text_length, len);
			assert_memory_equal(string.text, text, len);
			assert_int_equal(string.text[len], 0);
			assert_int_equal(string.end, VMI_STRING_NUL);
			assert_int_equal(string.end_addr, nul);
			assert_int_equal(fake_gets(s->fake, gpa_of((nul | 0xfff) + 1) >> 12),
					 behind);
			vmi_string_free(&string);
			assert_null(string.text);
			put(s, nul, "x", 1);
		}
	}
	free(text);
}

/* The terminator is the last byte before a hole: the hole does not matter. */
static void nul_before_a_hole(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;

	put(s, BASE + 0x7ffd, "ab", 3);
	CHECK_OK(get(s, BASE + 0x7ffd, VMI_UTF8, 0, &string, &err));
	assert_string_equal(string.text, "ab");
	vmi_string_free(&string);
	put(s, BASE + 0x7ffa, "a\0b\0\0", 6);
	CHECK_OK(get(s, BASE + 0x7ffa, VMI_UTF16LE, 0, &string, &err));
	assert_string_equal(string.text, "ab");
	vmi_string_free(&string);
}

static void into_a_hole(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;

	CHECK_FAIL(get(s, BASE + 0x6ffe, VMI_UTF8, 0, &string, &err), VMI_ERR_NOT_PRESENT,
		   "string at gva 0xdffe: gva 0xf000 is not mapped");
	assert_int_equal(string.length, 0x1002); /* but that much was readable */
	assert_int_equal(string.text_length, 0x1002);
	assert_int_equal(string.text[0x1001], 'x');
	assert_int_equal(string.end, VMI_STRING_HOLE);
	assert_int_equal(string.end_addr, BASE + 0x8000);
	vmi_string_free(&string);

	CHECK_FAIL(get(s, BASE + 0x8000, VMI_UTF8, 0, &string, &err), VMI_ERR_NOT_PRESENT,
		   "string at gva 0xf000");
	assert_int_equal(string.length, 0);
	assert_string_equal(string.text, "");
	assert_int_equal(string.end, VMI_STRING_HOLE);
	vmi_string_free(&string);
	assert_int_equal(get(s, BASE + 0x8000, VMI_UTF8, 0, &string, NULL), VMI_ERR_NOT_PRESENT);
	vmi_string_free(&string);

	/* Half a unit before the hole is no character: it is not taken. */
	CHECK_FAIL(get(s, BASE + 0x7ffb, VMI_UTF16LE, 0, &string, &err), VMI_ERR_NOT_PRESENT,
		   "gva 0xf000");
	assert_int_equal(string.length, 4);
	assert_int_equal(string.end_addr, BASE + 0x7fff);
	vmi_string_free(&string);
}

static void into_a_partial_page(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;

	fake_forget(s->fake, gpa_of(BASE + 0x1100), 16);
	CHECK_FAIL(get(s, BASE + 0xff0, VMI_UTF8, 0, &string, &err), VMI_ERR_NOT_SAVED,
		   "holds only a part of its page");
	assert_int_equal(string.length, 0x110);
	assert_int_equal(string.end, VMI_STRING_HOLE);
	vmi_string_free(&string);
	put(s, BASE + 0x10ff, "", 1);
	CHECK_OK(get(s, BASE + 0xff0, VMI_UTF8, 0, &string, &err));
	assert_int_equal(string.length, 0x10f);
	vmi_string_free(&string);
}

/* The end of memory, of a half, of the space. */
static void at_the_ends(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;

	fake_memory(s->fake, 0x7000000, 1);
	memset(fake_at(s->fake, 0x7000000), 'y', VMI_PAGE_SIZE);
	CHECK_FAIL(vmi_string_read(s->vm, NULL, 0x7000ff0, VMI_UTF8, 0, &string, &err),
		   VMI_ERR_NOT_SAVED, "string at gpa 0x7000ff0");
	assert_int_equal(string.end, VMI_STRING_IMAGE_END);
	assert_int_equal(string.length, 16);
	vmi_string_free(&string);
	CHECK_FAIL(vmi_string_read(s->vm, NULL, MEMORY + 0x7ff0, VMI_UTF8, 0, &string, &err),
		   VMI_ERR_NOT_SAVED, "string at gpa 0x17ff0");
	assert_int_equal(string.end, VMI_STRING_HOLE); /* memory goes on behind it */
	vmi_string_free(&string);
	CHECK_FAIL(vmi_string_read(s->vm, NULL, BIT(52), VMI_UTF8, 0, &string, &err),
		   VMI_ERR_NOT_CANONICAL, "gpa 0x10000000000000 is above all physical memory");
	assert_int_equal(string.end, VMI_STRING_IMAGE_END);
	vmi_string_free(&string);

	CHECK_FAIL(get(s, -UINT64_C(16), VMI_UTF8, 0, &string, &err), VMI_ERR_NOT_CANONICAL,
		   "the address space ends at 2^64");
	assert_int_equal(string.length, 16);
	assert_int_equal(string.end, VMI_STRING_IMAGE_END);
	vmi_string_free(&string);
	CHECK_FAIL(get(s, BIT(47) - 16, VMI_UTF8, 0, &string, &err), VMI_ERR_NOT_CANONICAL,
		   "gva 0x800000000000 does not exist");
	assert_int_equal(string.length, 16);
	assert_int_equal(string.end, VMI_STRING_HOLE); /* the upper half is behind it */
	vmi_string_free(&string);

	struct vmi_space off = {.mode = VMI_MODE_NONE};
	fake_memory(s->fake, 0xfffff000, 2);
	memset(fake_at(s->fake, 0xfffff000), 'z', 0x2000);
	CHECK_FAIL(vmi_string_read(s->vm, &off, 0xfffffff0, VMI_UTF8, 0, &string, &err),
		   VMI_ERR_NOT_CANONICAL, "gva 0x100000000 does not exist");
	assert_int_equal(string.length, 16);
	assert_int_equal(string.end, VMI_STRING_IMAGE_END);
	vmi_string_free(&string);
}

static void limits(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;
	static const size_t some[] = {1, 2, 15, 16, 17, 4096, 5000};

	assert_int_equal(vmi_string_limit(s->vm), 16 << 20);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		CHECK_OK(get(s, BASE + 0xff8, VMI_UTF8, some[i], &string, &err));
		assert_int_equal(string.length, some[i]);
		assert_int_equal(string.end, VMI_STRING_LIMIT);
		assert_int_equal(string.end_addr, BASE + 0xff8 + some[i]);
		vmi_string_free(&string);
		CHECK_OK(get(s, BASE + 0xff7, VMI_UTF16LE, some[i], &string, &err));
		assert_int_equal(string.length, some[i] & ~(size_t)1); /* whole units */
		assert_int_equal(string.end, VMI_STRING_LIMIT);
		assert_int_equal(string.end_addr, BASE + 0xff7 + string.length);
		vmi_string_free(&string);
	}
	vmi_string_limit_set(s->vm, 10);
	assert_int_equal(vmi_string_limit(s->vm), 10);
	vmi_string_limit_set(s->vm, 0);
	assert_int_equal(vmi_string_limit(s->vm), 16 << 20);
	vmi_string_limit_set(s->vm, 10);
	CHECK_OK(get(s, BASE, VMI_UTF8, 0, &string, &err));
	assert_int_equal(string.length, 10);
	vmi_string_free(&string);
	CHECK_OK(get(s, BASE, VMI_UTF8, 20, &string,
		     &err)); /* asked for: the handle's does not count */
	assert_int_equal(string.length, 20);
	vmi_string_free(&string);

	/* The terminator right at the limit is not seen; one before is. A limit spares a page. */
	put(s, BASE + 8, "", 1);
	CHECK_OK(get(s, BASE, VMI_UTF8, 8, &string, &err));
	assert_int_equal(string.end, VMI_STRING_LIMIT);
	vmi_string_free(&string);
	CHECK_OK(get(s, BASE, VMI_UTF8, 9, &string, &err));
	assert_int_equal(string.end, VMI_STRING_NUL);
	assert_int_equal(string.length, 8);
	vmi_string_free(&string);
	CHECK_OK(get(s, BASE + 0x7ff8, VMI_UTF8, 8, &string, &err)); /* the hole is not reached */
	assert_int_equal(string.end, VMI_STRING_LIMIT);
	vmi_string_free(&string);
}

/* ---- text ------------------------------------------------------------------------------- */

struct text_row {
	const char *name, *bytes;
	size_t len;
	const char *text;
};

#define R              "\xef\xbf\xbd" /* U+FFFD */
#define BYTES(literal) literal, sizeof(literal) - 1

static void text_rows(struct setting *s, enum vmi_encoding encoding, const struct text_row *rows,
		      size_t count)
{
	struct vmi_error err;
	struct vmi_string string;

	for (size_t i = 0; i < count; i++)
		for (unsigned offset = 0; offset < 8; offset++) { /* over a border, anywhere */
			vmi_gva gva = BASE + 0xffc - offset;
			print_message("%s\n", rows[i].name);
			put(s, gva, rows[i].bytes, rows[i].len);
			put(s, gva + rows[i].len, "\0", 2);
			CHECK_OK(get(s, gva, encoding, 0, &string, &err));
			assert_int_equal(string.length, rows[i].len);
			assert_memory_equal(string.bytes ? string.bytes : (void *)"", rows[i].bytes,
					    rows[i].len);
			assert_string_equal(string.text, rows[i].text);
			assert_int_equal(string.text_length, strlen(rows[i].text));
			vmi_string_free(&string);
			memset(fake_at(s->fake, MEMORY), 'x', PAGES * VMI_PAGE_SIZE);
		}
}

/* The Unicode Standard, 3.9: table 3-7 and the practice of maximal subparts, its tables 3-8 to
 * 3-11. */
static void utf8(void **state)
{
	static const struct text_row rows[] = {
		{"ascii", BYTES("az\x01\x7f"), "az\x01\x7f"},
		{"two", BYTES("\xc2\x80\xdf\xbf"), "\xc2\x80\xdf\xbf"},
		{"three", BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
		 "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"},
		{"four", BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
		 "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
		{"lone continuation", BYTES("\x80z\xbf"), R "z" R},
		{"never a lead", BYTES("\xc0\xc1\xf5\xff"), R R R R},
		{"overlong two", BYTES("\xc0\xaf"), R R},
		{"overlong three", BYTES("\xe0\x80\xaf"), R R R},
		{"overlong four", BYTES("\xf0\x80\x80\xaf"), R R R R},
		{"surrogate", BYTES("\xed\xa0\x80"), R R R},
		{"above all", BYTES("\xf4\x90\x80\x80"), R R R R},
		{"cut three", BYTES("\xe2\x82z"), R "z"},
		{"cut four", BYTES("\xf0\x9f\x98z\xf0\x9fz\xf0z"), R "z" R "z" R "z"},
		{"cut by the end", BYTES("a\xe2\x82"), "a" R},
		{"one after the other", BYTES("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), R R R R "A"},
		{"table 3-8", BYTES("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"), R R R R R R R R "A"},
		{"table 3-9", BYTES("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"), R R R R R R R R "A"},
		{"table 3-10", BYTES("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"),
		 R R R R R "A" R R "B"},
	};

	text_rows(*state, VMI_UTF8, rows, sizeof(rows) / sizeof(rows[0]));
}

static void latin1(void **state)
{
	static const struct text_row rows[] = {
		{"ascii", BYTES("az"), "az"},
		{"all above", BYTES("\x80\xa9\xbf\xc0\xff"),
		 "\xc2\x80\xc2\xa9\xc2\xbf\xc3\x80\xc3\xbf"},
	};

	text_rows(*state, VMI_LATIN1, rows, sizeof(rows) / sizeof(rows[0]));
}

static void utf16le(void **state)
{
	static const struct text_row rows[] = {
		{"ascii", BYTES("a\0z\0"), "az"},
		{"no terminator in a half", BYTES("\0\x01\x01\0"), "\xc4\x80\x01"},
		{"two and three", BYTES("\xe9\0\xac\x20\xff\xff"),
		 "\xc3\xa9\xe2\x82\xac\xef\xbf\xbf"},
		{"pair", BYTES("\x3d\xd8\x00\xde"), "\xf0\x9f\x98\x80"},
		{"first and last pair", BYTES("\0\xd8\0\xdc\xff\xdb\xff\xdf"),
		 "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
		{"lone high", BYTES("\0\xd8z\0"), R "z"},
		{"lone low", BYTES("\0\xdcz\0"), R "z"},
		{"high at the end", BYTES("a\0\0\xd8"), "a" R},
		{"high before a pair", BYTES("\0\xd8\x3d\xd8\x00\xde"), R "\xf0\x9f\x98\x80"},
		{"wrong order", BYTES("\x00\xde\x3d\xd8"), R R},
	};

	text_rows(*state, VMI_UTF16LE, rows, sizeof(rows) / sizeof(rows[0]));
}

static void utf16be(void **state)
{
	static const struct text_row rows[] = {
		{"ascii", BYTES("\0a\0z"), "az"},
		{"no terminator in a half", BYTES("\x01\0\0\x01"), "\xc4\x80\x01"},
		{"pair", BYTES("\xd8\x3d\xde\x00"), "\xf0\x9f\x98\x80"},
		{"lone high", BYTES("\xd8\0\0z"), R "z"},
		{"lone low", BYTES("\xdc\0\0z"), R "z"},
	};

	text_rows(*state, VMI_UTF16BE, rows, sizeof(rows) / sizeof(rows[0]));
}

/* Two zero bytes that belong to two units do not end it, wherever pages end. */
static void utf16_terminator_is_aligned(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;

	for (unsigned offset = 0; offset < 12; offset++) {
		vmi_gva gva = BASE + 0x1ff8 - offset;
		memset(fake_at(s->fake, MEMORY), 'x', PAGES * VMI_PAGE_SIZE);
		put(s, gva, "\x01\0\0\x01\x02\0\0\x02\x03\0\0", 12);
		CHECK_OK(get(s, gva, VMI_UTF16LE, 0, &string, &err));
		assert_int_equal(string.length, 10);
		assert_int_equal(string.end_addr, gva + 10);
		vmi_string_free(&string);
	}
}

/* ---- counted strings -------------------------------------------------------------------- */

static void counted(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;
	vmi_gva text = BASE + 0x2ffb;
	uint8_t head[16] = {10, 0, 12, 0, 0xaa, 0xaa, 0xaa, 0xaa};

	/* NULs inside are part of it; the pointer is 8 bytes in. */
	put(s, text, "V\0\0\0M\0I\0!\0", 10);
	memcpy(head + 8, &text, 8);
	put(s, BASE + 0xff9, head, 16); /* over a border itself */
	CHECK_OK(vmi_string_read_counted(s->vm, &s->tables.space, BASE + 0xff9, VMI_UTF16LE,
					 &string, &err));
	assert_int_equal(string.length, 10);
	assert_int_equal(string.text_length, 5);
	assert_memory_equal(string.text, "V\0MI!", 6);
	assert_int_equal(string.end, VMI_STRING_NUL);
	assert_int_equal(string.end_addr, text + 10);
	vmi_string_free(&string);

	/* Empty: the pointer may be anything. */
	memset(head, 0, sizeof(head));
	put(s, BASE, head, 16);
	CHECK_OK(
		vmi_string_read_counted(s->vm, &s->tables.space, BASE, VMI_UTF16LE, &string, &err));
	assert_int_equal(string.length, 0);
	assert_string_equal(string.text, "");
	vmi_string_free(&string);

	head[0] = 13;
	head[2] = 12;
	put(s, BASE, head, 16);
	CHECK_FAIL(
		vmi_string_read_counted(s->vm, &s->tables.space, BASE, VMI_UTF16LE, &string, &err),
		VMI_ERR_CORRUPT, "its length 0xd is above its maximum 0xc");
	assert_null(string.text);
	CHECK_FAIL(vmi_string_read_counted(s->vm, &s->tables.space, BASE + 0x7ff8, VMI_UTF16LE,
					   &string, &err),
		   VMI_ERR_NOT_PRESENT, "gva 0xf000");
	vmi_string_free(&string); /* harmless */
}

static void counted_into_a_hole(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;
	vmi_gva text = BASE + 0x7ffd;
	uint8_t head[16] = {8, 0, 8, 0};

	memcpy(head + 8, &text, 8);
	put(s, BASE, head, 16);
	put(s, text, "a\0b", 3);
	CHECK_FAIL(
		vmi_string_read_counted(s->vm, &s->tables.space, BASE, VMI_UTF16LE, &string, &err),
		VMI_ERR_NOT_PRESENT, "reading gva 0xf000");
	assert_int_equal(string.end, VMI_STRING_HOLE);
	assert_int_equal(string.length, 2); /* whole units */
	assert_string_equal(string.text, "a");
	assert_int_equal(string.end_addr, text + 2);
	vmi_string_free(&string);
}

/* In a 32-bit space the pointer is 4 bytes and follows at once. */
static void counted_narrow(void **state)
{
	static const uint8_t head[8] = {4, 0, 4, 0, 0x00, 0x01, 0x01, 0x00};
	struct fake *fake = fake_create();
	struct vmi_space space = {.mode = VMI_MODE_NONE};
	struct vmi_error err;
	struct vmi_string string;

	(void)state;
	fake_memory(fake, MEMORY, 1);
	fake_put(fake, MEMORY + 0xff8, head, 8); /* the last of memory: no byte more is read */
	fake_put(fake, MEMORY + 0x100, "h\0i\0", 4);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	CHECK_OK(vmi_string_read_counted(vm, &space, MEMORY + 0xff8, VMI_UTF16LE, &string, &err));
	assert_string_equal(string.text, "hi");
	vmi_string_free(&string);
	vmi_close(vm);
	fake_destroy(fake);
}

/* What memory runs out of, or the host fails, is no string at all. */
static void failures(void **state)
{
	struct setting *s = *state;
	struct vmi_error err;
	struct vmi_string string;

	vmi_page_cache_flush(s->vm);
	fake_fail(s->fake, FAKE_PAGE_GET, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_string_read(s->vm, NULL, MEMORY, VMI_UTF8, 0, &string, &err), VMI_ERR_GONE,
		   "string at gpa 0x10000: injected failure");
	vmi_string_free(&string);
	memset(&string, 0, sizeof(string));
	vmi_string_free(&string); /* zeroed */
}

#define STRING(test) cmocka_unit_test_setup_teardown(test, setting_make, setting_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STRING(every_alignment),
		STRING(nul_before_a_hole),
		STRING(into_a_hole),
		STRING(into_a_partial_page),
		STRING(at_the_ends),
		STRING(limits),
		STRING(utf8),
		STRING(latin1),
		STRING(utf16le),
		STRING(utf16be),
		STRING(utf16_terminator_is_aligned),
		STRING(counted),
		STRING(counted_into_a_hole),
		cmocka_unit_test(counted_narrow),
		STRING(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
