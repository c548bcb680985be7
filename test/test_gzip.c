/* SPDX-License-Identifier: MIT */
/* gzip files and zlib streams, as the tools write them, as they may be, and broken. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "check.h"
#include "packed.h"

extern const struct vmi_container_ops container_gzip, container_zlib;

/* ---- what tools write ------------------------------------------------------------------- */

static void of_gzip(void **state)
{
	fixture_check_tool(*state, &container_gzip, "gzip", "gzip -1c image >packed");
	fixture_check_tool(*state, &container_gzip, "gzip", "gzip -9c <image >packed");
}

static void of_pigz(void **state)
{
	fixture_check_tool(*state, &container_gzip, "pigz", "pigz -p 2 -c image >packed");
	fixture_check_tool(*state, &container_gzip, "pigz",
			   "pigz -i -b 512 -c image >packed"); /* blocks on their own */
}

static void of_members(void **state)
{
	fixture_check_tool(
		*state, &container_gzip, "gzip",
		"rm -f packed; for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13; do "
		"dd if=image bs=1048576 skip=$i count=1 status=none | gzip -c >>packed; done");
	/* many small ones, and empty ones between them */
	fixture_check_tool(
		*state, &container_gzip, "gzip",
		"head -c 3000 image | split -b 100 --filter 'gzip -c; gzip -c </dev/null' "
		">packed; tail -c +3001 image | gzip -c >>packed");
}

/* ---- what there may be ------------------------------------------------------------------ */

static uint8_t *deflate_all(const uint8_t *content, size_t size, int level, int strategy, int bits,
			    size_t *len)
{
	z_stream z = {0};
	size_t room = size + size / 100 + 4096;
	uint8_t *out = malloc(room);

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, bits, 9, strategy), Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)content;
	z.avail_in = (uInt)size;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*len = z.total_out;
	deflateEnd(&z);
	return out;
}

static void of_blocks(void **state)
{
	static const struct {
		int level, strategy;
	} kinds[] = {
		{0, Z_DEFAULT_STRATEGY}, {1, Z_FIXED}, {1, Z_HUFFMAN_ONLY}, {6, Z_RLE},
		{9, Z_FILTERED},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len;
		uint8_t *packed = deflate_all(f->content, f->size, kinds[i].level,
					      kinds[i].strategy, 31, &len);
		file_write(f->folder, "packed", packed, len);
		free(packed);
		fixture_check(f, &container_gzip, "");
	}
}

/* All in one block, of fixed codes: as some fast encoders write, there is no place between blocks.
 */
struct bits {
	uint8_t *bytes;
	size_t at; /* bits */
};

static void put(struct bits *out, unsigned code, unsigned count)
{
	while (count--) {
		out->bytes[out->at / 8] |= (uint8_t)((code >> count & 1) << out->at % 8);
		out->at++;
	}
}

static void put_literal(struct bits *out, uint8_t byte)
{
	if (byte < 144)
		put(out, 0x30u + byte, 8);
	else
		put(out, 0x190u + byte - 144, 9);
}

static size_t one_block(const uint8_t *content, size_t size, uint8_t *to)
{
	struct bits out = {to, 0};
	size_t i = 0;

	put(&out, 1, 1); /* the last */
	put(&out, 2, 2); /* fixed codes, low bit first */
	while (i < size) {
		size_t run = 0;
		while (i && run < 258 && i + run < size && content[i + run] == content[i - 1])
			run++;
		if (run == 258) {
			put(&out, 0xc5, 8);
			put(&out, 0, 5);
			i += run;
		} else {
			put_literal(&out, content[i++]);
		}
	}
	put(&out, 0, 7);
	return (out.at + 7) / 8;
}

static void of_one_block(void **state)
{
	static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	struct fixture *f = *state;
	uint8_t *file = calloc(2, f->size);
	uint32_t tail[2] = {(uint32_t)crc32_z(0, f->content, f->size), (uint32_t)f->size};

	memcpy(file, header, sizeof(header));
	size_t len = sizeof(header) + one_block(f->content, f->size, file + sizeof(header));
	memcpy(file + len, tail, sizeof(tail));
	file_write(f->folder, "packed", file, len + sizeof(tail));
	free(file);
	fixture_check(f, &container_gzip, "");
}

/* Extra field, name, comment and checksum of the header. */
static void of_header(void **state)
{
	static const uint8_t header[] = {0x1f, 0x8b, 8, 0x1e, 0,   0,   0,   0, 0,   3, 4, 0, 1,
					 2,    3,    4, 'n',  'a', 'm', 'e', 0, 'c', 0, 9, 9};
	struct fixture *f = *state;
	size_t len;
	uint8_t *packed = deflate_all(f->content, f->size, 1, Z_DEFAULT_STRATEGY, 31, &len);
	uint8_t *file = malloc(len + sizeof(header));

	memcpy(file, header, sizeof(header));
	memcpy(file + sizeof(header), packed + 10, len - 10);
	file_write(f->folder, "packed", file, len - 10 + sizeof(header));
	free(file);
	free(packed);
	fixture_check(f, &container_gzip, "");
}

/* LiME writes small windows; what is known by its first bytes alone is taken for memory. */
static void of_zlib(void **state)
{
	struct fixture *f = *state;
	uint8_t saved[4];
	size_t len;
	uint8_t *packed = deflate_all(f->content, f->size, 1, Z_DEFAULT_STRATEGY, 11, &len);
	struct packed p;

	assert_int_equal(packed[0], 0x38);
	PACKED_FAIL(&p, packed_open_memory(&p, &container_zlib, packed, len), VMI_ERR_UNSUPPORTED,
		    "does not know");
	packed_close(&p);
	free(packed);

	memcpy(saved, f->content, 4);
	memcpy(f->content, "\177ELF", 4);
	packed = deflate_all(f->content, f->size, 1, Z_DEFAULT_STRATEGY, 11, &len);
	file_write(f->folder, "packed", packed, len);
	fixture_check(f, &container_zlib, "");
	packed[len - 1] ^= 1;
	file_write(f->folder, "packed", packed, len);
	fixture_check(f, &container_zlib, "1 wrong checksum");
	free(packed);
	memcpy(f->content, saved, 4);
}

/* ---- what is broken --------------------------------------------------------------------- */

static void garbage_behind(void **state)
{
	struct fixture *f = *state;

	assert_true(run_in(f->folder, "gzip -1c image >packed; head -c 5000 /dev/zero >>packed"));
	fixture_check(f, &container_gzip, "");
	assert_true(run_in(f->folder, "gzip -1c image >packed; echo rubbish >>packed"));
	fixture_check(f, &container_gzip, "the last 0x8 bytes of the file do not belong");
}

static void wrong_checksum(void **state)
{
	struct fixture *f = *state;
	size_t len;

	assert_true(run_in(f->folder, "gzip -1c image >packed"));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	packed[len - 8] ^= 1;
	file_write(f->folder, "packed", packed, len);
	free(packed);
	fixture_check(f, &container_gzip,
		      "gzip: 1 wrong checksum, the last of what begins at file offset 0x0");
}

/* What precedes the end is there, and the warning says where it ends. */
static void cut_off(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	size_t len, last = 0;

	assert_true(run_in(f->folder, "gzip -1c image >packed"));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	for (size_t keep = len / 50; keep < len; keep += len / 7) {
		PACKED_OK(&p, packed_open_memory(&p, &container_gzip, packed, keep));
		assert_true(p.size > last && p.size < f->size);
		last = p.size;
		assert_non_null(strstr(p.warnings, "cut off: the file ends at 0x"));
		packed_check(&p, f->content, last);
		packed_close(&p);
	}
	/* only the checksum is missing */
	PACKED_OK(&p, packed_open_memory(&p, &container_gzip, packed, len - 5));
	assert_int_equal(p.size, f->size);
	assert_non_null(strstr(p.warnings, "the checksum is missing"));
	packed_check(&p, f->content, f->size);
	packed_close(&p);
	for (size_t keep = 4; keep < 10; keep++) {
		PACKED_FAIL(&p, packed_open_memory(&p, &container_gzip, packed, keep),
			    VMI_ERR_CORRUPT, "ends");
		packed_close(&p);
	}
	free(packed);
}

/* Damage that zlib sees: what precedes it is there. */
static void damaged(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	size_t len, first;

	assert_true(run_in(f->folder, "head -c 5000000 image | gzip -1 >first; cat first >packed;"
				      "tail -c +5000001 image | gzip -1 >>packed"));
	free(file_read(f->folder, "first", &first));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	packed[first + 10] |= 6; /* a type of blocks that there is not */
	PACKED_OK(&p, packed_open_memory(&p, &container_gzip, packed, len));
	assert_non_null(strstr(p.warnings, "gzip: damaged at or shortly before file offset 0x"));
	assert_non_null(strstr(p.warnings, "; what lies behind content offset 0x4c4b40 is lost"));
	packed_check(&p, f->content, 5000000);
	packed_close(&p);
	free(packed);
}

/* Damage that zlib does not see, somewhere: the checksum tells. */
static void damaged_silently(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	size_t len;

	assert_true(run_in(f->folder, "gzip -1c image >packed"));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	for (size_t at = len / 4; at + 64 < len; at += len / 4) {
		uint8_t *room = malloc(at);
		packed[at] ^= 0x10;
		PACKED_OK(&p, packed_open_memory(&p, &container_gzip, packed, len));
		assert_non_null(strstr(p.warnings, "gzip: "));
		PACKED_OK(&p, p.ops->read(p.self, 0, room, at / 2, &p.err));
		assert_memory_equal(room, f->content, at / 2);
		packed_close(&p);
		packed[at] ^= 0x10;
		free(room);
	}
	free(packed);
}

/* ---- bounds ----------------------------------------------------------------------------- */

/* 1 GiB of zeros in 1 MiB: the memory that is used does not grow with it. */
static void bomb(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	uint8_t page[4096] = {1}, zero[4096] = {0};

	assert_true(run_in(f->folder, "head -c 1073741824 /dev/zero | gzip -1c >packed"));
	PACKED_OK(&p, packed_open(&p, &container_gzip, f->folder, "packed", NULL));
	assert_int_equal(p.size, 1073741824);
	PACKED_OK(&p, p.ops->read(p.self, 1073741824 - 4096, page, sizeof(page), &p.err));
	assert_memory_equal(page, zero, sizeof(page));
	assert_true(((struct seek *)p.self)->points.bytes < 2 << 20);
	packed_check_cost(&p);
	packed_close(&p);
}

static void small_cache(void **state)
{
	const struct vmi_open_options options = {.unpack_bytes = 4096, .flags = VMI_OPEN_NO_MAP};
	struct fixture *f = *state;
	struct packed p;

	assert_true(run_in(f->folder, "gzip -1c image >packed"));
	PACKED_OK(&p, packed_open(&p, &container_gzip, f->folder, "packed", &options));
	packed_check(&p, f->content, f->size);
	packed_close(&p);
}

/* ---- the index in a file ---------------------------------------------------------------- */

static unsigned steps;

static void count_step(void *context, uint64_t done, uint64_t total)
{
	(void)context;
	assert_true(done <= total);
	steps++;
}

static const struct vmi_open_options keep = {.flags = VMI_OPEN_KEEP_INDEX, .progress = count_step};

/* Open and check it; was all of it inflated for that? */
static bool inflates(struct fixture *f)
{
	struct packed p;

	steps = 0;
	PACKED_OK(&p, packed_open(&p, &container_gzip, f->folder, "packed", &keep));
	bool all = steps > 0;
	assert_string_equal(p.warnings, "");
	packed_check(&p, f->content, f->size);
	packed_close(&p);
	return all;
}

static void index_kept(void **state)
{
	struct fixture *f = *state;
	size_t len;

	assert_true(run_in(f->folder, "rm -f packed*; gzip -1c image >packed"));
	assert_true(inflates(f));
	assert_true(run_in(f->folder, "test \"$(stat -c %a packed.vmi-index)\" = 600"));
	assert_false(inflates(f));
	assert_true(run_in(f->folder, "test \"$(ls packed.vmi-index*)\" = packed.vmi-index"));

	/* another time of change, another content, and an index that is not whole */
	assert_true(run_in(f->folder, "touch -d '2001-01-01' packed"));
	assert_true(inflates(f));
	assert_true(run_in(f->folder, "gzip -9c image >packed"));
	assert_true(inflates(f));
	uint8_t *index = file_read(f->folder, "packed.vmi-index", &len);
	for (size_t at = 0; at < len; at += len / 5) {
		index[at] ^= 0x10;
		file_write(f->folder, "packed.vmi-index", index, len);
		assert_true(inflates(f)); /* and writes it anew */
		index[at] ^= 0x10;
	}
	file_write(f->folder, "packed.vmi-index", index, len / 2);
	assert_true(inflates(f));
	assert_false(inflates(f));
	free(index);
}

/* Not asked for: nothing is written. Not possible: a warning. */
static void index_not_kept(void **state)
{
	struct fixture *f = *state;
	struct packed p;

	assert_true(run_in(f->folder, "rm -f packed*; gzip -1c image >packed"));
	PACKED_OK(&p, packed_open(&p, &container_gzip, f->folder, "packed", NULL));
	packed_close(&p);
	assert_true(run_in(f->folder, "test ! -e packed.vmi-index && mkdir packed.vmi-index"));
	PACKED_OK(&p, packed_open(&p, &container_gzip, f->folder, "packed", &keep));
	assert_non_null(strstr(p.warnings, "the seek index cannot be kept in "));
	packed_close(&p);
	assert_true(run_in(f->folder, "rmdir packed.vmi-index && test \"$(ls packed*)\" = packed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_gzip),        cmocka_unit_test(of_pigz),
		cmocka_unit_test(of_members),     cmocka_unit_test(of_blocks),
		cmocka_unit_test(of_one_block),   cmocka_unit_test(of_header),
		cmocka_unit_test(of_zlib),        cmocka_unit_test(garbage_behind),
		cmocka_unit_test(wrong_checksum), cmocka_unit_test(cut_off),
		cmocka_unit_test(damaged),        cmocka_unit_test(damaged_silently),
		cmocka_unit_test(bomb),           cmocka_unit_test(small_cache),
		cmocka_unit_test(index_kept),     cmocka_unit_test(index_not_kept),
	};

	if (!has_tool("gzip"))
		return 77;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
