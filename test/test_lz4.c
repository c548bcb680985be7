/* SPDX-License-Identifier: MIT */
/* lz4 frames of all kinds, as the tool writes them, as they may be, with an index, and broken. */

#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lz4_index.h"
#include "packed.h"
#include "xxh32.h"

extern const struct vmi_container_ops container_lz4;

/* ---- what the tool writes --------------------------------------------------------------- */

static void of_independent(void **state)
{
	static const char *const commands[] = {
		"lz4 -q -1 image -c >packed",                    /* 4 MiB blocks */
		"lz4 -q -1 -B4 --content-size image -c >packed", /* 64 KiB */
		"lz4 -q -9 -B5 -BX image -c >packed",            /* with checksums of blocks */
		"lz4 -q -1 -B6 --no-frame-crc <image >packed",
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fixture_check_tool(*state, &container_lz4, "lz4", commands[i]);
}

static void of_linked(void **state)
{
	static const char *const commands[] = {
		"lz4 -q -1 -BD image -c >packed",
		"lz4 -q -1 -B4 -BD image -c >packed",
		"lz4 -q -12 -B5 -BD -BX --content-size image -c >packed",
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fixture_check_tool(*state, &container_lz4, "lz4", commands[i]);
}

static void of_legacy(void **state)
{
	fixture_check_tool(*state, &container_lz4, "lz4", "lz4 -q -l image -c >packed");
	fixture_check_tool(*state, &container_lz4, "lz4",
			   "head -c 9000001 image | lz4 -q -l -c >packed;"
			   "tail -c +9000002 image | lz4 -q -l -c >>packed");
}

/* Frames of different kinds, with one to be skipped before, between and behind them. */
static void of_frames(void **state)
{
	fixture_check_tool(*state, &container_lz4, "lz4",
			   "skip() { printf '\\132\\052\\115\\030\\003\\000\\000\\000abc'; };"
			   "{ skip; head -c 100000 image | lz4 -q -B4; skip; printf '' | lz4 -q;"
			   "tail -c +100001 image | head -c 5000000 | lz4 -q -B5 -BD;"
			   "tail -c +5100001 image | head -c 10 | lz4 -q -l;"
			   "tail -c +5100011 image | lz4 -q -B7; skip; } >packed");
}

/* ---- what there may be: blocks that are not full ---------------------------------------- */

static size_t frame_make(const uint8_t *content, size_t size, const LZ4F_preferences_t *how,
			 uint8_t *to, size_t room)
{
	LZ4F_cctx *context;
	uint64_t random = 11;

	assert_false(LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)));
	size_t len = LZ4F_compressBegin(context, to, room, how);
	for (size_t at = 0; at < size;) {
		size_t n = 1 + (size_t)(next_random(&random) % 90000);
		n = n < size - at ? n : size - at;
		len += LZ4F_compressUpdate(context, to + len, room - len, content + at, n, NULL);
		len += LZ4F_flush(context, to + len, room - len, NULL);
		at += n;
	}
	size_t end = LZ4F_compressEnd(context, to + len, room - len, NULL);
	assert_false(LZ4F_isError(end));
	LZ4F_freeCompressionContext(context);
	return len + end;
}

static void of_short_blocks(void **state)
{
	struct fixture *f = *state;
	size_t room = f->size * 2;
	uint8_t *packed = malloc(room);

	for (unsigned i = 0; i < 4; i++) {
		LZ4F_preferences_t how = {0};
		how.frameInfo.blockSizeID = LZ4F_max64KB;
		how.frameInfo.blockMode = i & 1 ? LZ4F_blockLinked : LZ4F_blockIndependent;
		how.frameInfo.contentSize = i & 2 ? f->size : 0;
		size_t len = frame_make(f->content, f->size, &how, packed, room);
		file_write(f->folder, "packed", packed, len);
		fixture_check(f, &container_lz4, "");
	}
	free(packed);
}

/* ---- an index behind it ----------------------------------------------------------------- */

enum { BLOCK = 256 << 10 };

/* A frame of full blocks and its index, in `to`. */
static size_t indexed_make(const struct fixture *f, uint8_t *to, size_t room)
{
	LZ4F_preferences_t how = {0};
	struct lz4_index index = {.block_content = BLOCK, .content = f->size};
	uint8_t words[4 * 64];

	how.frameInfo.blockSizeID = LZ4F_max256KB;
	how.frameInfo.blockMode = LZ4F_blockIndependent;
	how.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
	size_t len = LZ4F_compressFrame(to, room, f->content, f->size, &how);
	assert_false(LZ4F_isError(len));
	index.first_block = 7;
	size_t at = index.first_block;
	for (uint32_t word; (word = lz4_index_u32(to + at)); at += 8 + (word & 0x7fffffff))
		lz4_index_put(words + 4 * index.count++, word);
	assert_int_equal(at + 4, len);
	memcpy(to + len + LZ4_INDEX_HEAD, words, 4 * index.count);
	lz4_index_write(&index, to + len, xxh32);
	return len + (size_t)lz4_index_bytes(index.count);
}

static uint64_t checkpoints_in(const struct packed *p)
{
	return ((const struct seek *)p->self)->points.count;
}

static void of_index(void **state)
{
	struct fixture *f = *state;
	size_t room = f->size * 2;
	uint8_t *packed = malloc(room);
	size_t len = indexed_make(f, packed, room);
	struct packed p;

	file_write(f->folder, "packed", packed, len);
	fixture_check(f, &container_lz4, "");
	if (has_tool("lz4"))
		assert_true(run_in(f->folder, "lz4 -dc packed | cmp - image"));

	/* It is believed, so blocks need not be looked at: */
	memset(packed + 100, 0xee, 1000);
	PACKED_OK(&p, packed_open_memory(&p, &container_lz4, packed, len));
	assert_int_equal(p.size, f->size);
	assert_string_equal(p.warnings, "");
	assert_int_equal(checkpoints_in(&p), (f->size + BLOCK - 1) / BLOCK);
	uint8_t byte;
	PACKED_FAIL(&p, p.ops->read(p.self, 5, &byte, 1, &p.err), VMI_ERR_CORRUPT,
		    "unpacking content offset 0x0: the lz4 block at file offset 0x7 has a wrong "
		    "checksum");
	packed_close(&p);
	free(packed);
}

/* An index that is damaged, or of another file, is passed over. */
static void of_wrong_index(void **state)
{
	struct fixture *f = *state;
	size_t room = f->size * 2, len;
	uint8_t *packed = malloc(room);

	len = indexed_make(f, packed, room);
	uint32_t bytes = lz4_index_length(packed + len - LZ4_INDEX_TAIL);
	uint8_t *index = packed + len - bytes;
	for (unsigned i = 0; i < 3; i++) {
		index[i == 0 ? 21 : i == 1 ? 33 : LZ4_INDEX_HEAD + 5] ^= 1;
		file_write(f->folder, "packed", packed, len);
		fixture_check(f, &container_lz4, "");
		index[i == 0 ? 21 : i == 1 ? 33 : LZ4_INDEX_HEAD + 5] ^= 1;
	}
	/* whole, and wrong */
	for (unsigned i = 0; i < 4; i++) {
		len = indexed_make(f, packed, room);
		index[i == 0 ? 21 : i == 1 ? 24 : i == 2 ? 35 : LZ4_INDEX_HEAD] ^= 1;
		lz4_index_put(packed + len - LZ4_INDEX_TAIL,
			      xxh32(index + 8, bytes - 8 - LZ4_INDEX_TAIL));
		file_write(f->folder, "packed", packed, len);
		fixture_check(f, &container_lz4, "");
	}
	free(packed);
}

/* ---- what is broken --------------------------------------------------------------------- */

static uint8_t *packed_by(struct fixture *f, const char *command, size_t *len)
{
	assert_true(run_in(f->folder, command));
	return file_read(f->folder, "packed", len);
}

static void cut_off(void **state)
{
	static const char *const commands[] = {
		"lz4 -q -1 -B4 image -c >packed",
		"lz4 -q -1 -B4 -BD image -c >packed",
		"lz4 -q -l image -c >packed",
	};
	struct packed p;
	size_t len;

	for (size_t i = 0; i < 3; i++) {
		uint8_t *packed = packed_by(*state, commands[i], &len);
		const struct fixture *f = *state;
		for (size_t keep = len - 9; keep > len / 2; keep -= len / 5) {
			PACKED_OK(&p, packed_open_memory(&p, &container_lz4, packed, keep));
			assert_non_null(strstr(p.warnings, "lz4: cut off: the file ends at 0x"));
			assert_true(p.size > 0 && p.size < f->size);
			packed_check(&p, f->content, p.size);
			packed_close(&p);
		}
		PACKED_FAIL(&p, packed_open_memory(&p, &container_lz4, packed, 30), VMI_ERR_CORRUPT,
			    "cut off");
		packed_close(&p);
		free(packed);
	}
}

/* Independent blocks: only what is in the damaged one is lost. */
static void damaged_block(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	size_t len;
	uint8_t *packed = packed_by(f, "lz4 -q -1 -B4 -BX image -c >packed", &len), *room;
	unsigned lost = 0;

	packed[len / 2 + 100] ^= 1;
	PACKED_OK(&p, packed_open_memory(&p, &container_lz4, packed, len));
	assert_non_null(strstr(p.warnings, "lz4: 1 damaged block, the last at file offset 0x"));
	assert_int_equal(p.size, f->size);
	room = malloc(65536);
	for (size_t at = 0; at < f->size; at += 65536) {
		size_t n = f->size - at < 65536 ? f->size - at : 65536;
		if (p.ops->read(p.self, at, room, n, &p.err)) {
			assert_non_null(strstr(p.err.text, "has a wrong checksum"));
			lost++;
		} else {
			assert_memory_equal(room, f->content + at, n);
		}
	}
	assert_int_equal(lost, 1);
	packed_close(&p);
	free(room);
	free(packed);
}

static void damaged_linked(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	size_t len;
	uint8_t *packed = packed_by(f, "lz4 -q -1 -B4 -BD -BX image -c >packed", &len);

	packed[len / 2] ^= 1;
	PACKED_OK(&p, packed_open_memory(&p, &container_lz4, packed, len));
	assert_non_null(
		strstr(p.warnings, "has a wrong checksum; what lies behind content offset"));
	packed_check(&p, f->content, p.size);
	packed_close(&p);
	packed[len / 2] ^= 1;
	packed[len - 1] ^= 1;
	file_write(f->folder, "packed", packed, len);
	fixture_check(f, &container_lz4, "lz4: the frame at file offset 0x0 has a wrong checksum");
	free(packed);
}

static void damaged_header(void **state)
{
	struct packed p;
	size_t len;
	uint8_t *packed = packed_by(*state, "lz4 -q -1 -B4 --content-size image -c >packed", &len);

	for (size_t at = 4; at < 15; at++) {
		packed[at] ^= 2;
		enum vmi_status st = packed_open_memory(&p, &container_lz4, packed, len);
		assert_true(st == VMI_ERR_CORRUPT || st == VMI_ERR_UNSUPPORTED);
		packed_close(&p);
		packed[at] ^= 2;
	}
	/* a size that is not true, with a header that is whole */
	packed[6] ^= 1;
	packed[14] = (uint8_t)(xxh32(packed + 4, 10) >> 8);
	PACKED_OK(&p, packed_open_memory(&p, &container_lz4, packed, len));
	assert_int_equal(p.size, ((struct fixture *)*state)->size);
	assert_non_null(strstr(p.warnings, "lz4: the frame at file offset 0x0 says 0x"));
	packed_close(&p);
	free(packed);
}

static void garbage_behind(void **state)
{
	struct fixture *f = *state;

	assert_true(run_in(f->folder, "lz4 -q -1 image -c >packed; echo rubbish!! >>packed"));
	fixture_check(f, &container_lz4, "the last 0xa bytes of the file do not belong to it");
}

static void index_kept(void **state)
{
	const struct vmi_open_options keep = {.flags = VMI_OPEN_KEEP_INDEX | VMI_OPEN_NO_MAP};
	struct fixture *f = *state;
	struct packed p;

	assert_true(
		run_in(f->folder, "lz4 -q -1 -B4 -BD image -c >packed; rm -f packed.vmi-index"));
	for (unsigned i = 0; i < 2; i++) {
		PACKED_OK(&p, packed_open(&p, &container_lz4, f->folder, "packed", &keep));
		packed_check(&p, f->content, f->size);
		packed_close(&p);
		assert_true(run_in(f->folder, "test -e packed.vmi-index"));
	}
}

/* ---- the hash --------------------------------------------------------------------------- */

/* Each length of the last stripe, in pieces of each size; the frames of the tool have the others.
 */
static void hashes(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(xxh32(NULL, 0), 0x02cc5d05); /* the specification's, of nothing */
	for (size_t len = 0; len < 70; len++)
		for (size_t step = 1; step < 40; step++) {
			struct xxh32 hash = {0};
			for (size_t at = 0; at < len; at += step)
				xxh32_add(&hash, f->content + at,
					  len - at < step ? len - at : step);
			assert_int_equal(xxh32_end(&hash), xxh32(f->content, len));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_independent),  cmocka_unit_test(of_linked),
		cmocka_unit_test(of_legacy),       cmocka_unit_test(of_frames),
		cmocka_unit_test(of_short_blocks), cmocka_unit_test(of_index),
		cmocka_unit_test(of_wrong_index),  cmocka_unit_test(cut_off),
		cmocka_unit_test(damaged_block),   cmocka_unit_test(damaged_linked),
		cmocka_unit_test(damaged_header),  cmocka_unit_test(garbage_behind),
		cmocka_unit_test(index_kept),      cmocka_unit_test(hashes),
	};

	if (!has_tool("lz4"))
		return 77;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
