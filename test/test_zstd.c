/* SPDX-License-Identifier: MIT */
/* zstd files of one frame and of many, with a seek table, as the tools write them, and broken. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "check.h"
#include "packed.h"
#include "zstd_state.h"

extern const struct vmi_container_ops container_zstd;

static const struct seek *seek_in(const struct packed *p)
{
	return p->self;
}

/* ---- what the tools write --------------------------------------------------------------- */

static void of_zstd(void **state)
{
	static const char *const commands[] = {
		"zstd -q -f image -o packed",
		"zstd -q -1 <image >packed", /* without the size of its content */
		"zstd -q -9 --no-check -f image -o packed",
		"zstd -q -19 -f image -o packed",
		"zstd -q --fast=5 -f image -o packed",
		"zstd -q -3 -T2 -f image -o packed",
		"zstd -q -3 --zstd=wlog=17 <image >packed", /* many windows */
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fixture_check_tool(*state, &container_zstd, "zstd", commands[i]);
}

static void of_pzstd(void **state)
{
	fixture_check_tool(*state, &container_zstd, "pzstd", "pzstd -q -1 -p 2 -f image -o packed");
}

/* Small and large ones, with some to be skipped before, between and behind them. */
static void of_frames(void **state)
{
	fixture_check_tool(*state, &container_zstd, "zstd",
			   "skip() { printf '\\132\\052\\115\\030\\003\\000\\000\\000abc'; };"
			   "cut() { tail -c +$(($1 + 1)) image | head -c $2 >piece; };"
			   "{ skip; cut 0 100000; zstd -qc piece; skip; printf '' | zstd -qc;"
			   "cut 100000 5000000; zstd -qc --no-check <piece;"
			   "cut 5100000 10; zstd -qc piece; skip; zstd -qc </dev/null;"
			   "cut 5100010 20000000; zstd -qc piece; skip; } >packed");
}

/* Within the frame there are places to begin at, for a small window many. */
static void places_inside(void **state)
{
	struct fixture *f = *state;
	struct packed p;

	assert_true(run_in(f->folder, "zstd -q -5 --zstd=wlog=18 <image >packed"));
	PACKED_OK(&p, packed_open(&p, &container_zstd, f->folder, "packed", NULL));
	assert_true(seek_in(&p)->points.count >= 12);
	assert_true(checkpoints_gap(&seek_in(&p)->points, p.size) < 3 << 20);
	packed_close(&p);
}

/* ---- the seek table --------------------------------------------------------------------- */

enum { FRAME = 300000 };

static void put32(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* Frames of FRAME bytes each and the table of them; `sums` of any value in the table. */
static size_t seekable_make(const struct fixture *f, bool sums, uint8_t *to, size_t room)
{
	uint8_t table[64 * 12 + 17];
	size_t len = 0, count = 0, entry = sums ? 12 : 8;

	for (size_t at = 0; at < f->size; at += FRAME, count++) {
		size_t n = f->size - at < FRAME ? f->size - at : FRAME;
		size_t packed = ZSTD_compress(to + len, room - len, f->content + at, n, 1);
		assert_false(ZSTD_isError(packed));
		put32(table + 8 + count * entry, (uint32_t)packed);
		put32(table + 8 + count * entry + 4, (uint32_t)n);
		if (sums)
			put32(table + 8 + count * entry + 8, 0x12345678);
		len += packed;
	}
	size_t bytes = 8 + count * entry + 9;
	put32(table, 0x184d2a5e);
	put32(table + 4, (uint32_t)bytes - 8);
	put32(table + bytes - 9, (uint32_t)count);
	table[bytes - 5] = sums ? 0x80 : 0;
	put32(table + bytes - 4, 0x8f92eab1);
	memcpy(to + len, table, bytes);
	return len + bytes;
}

static void of_table(void **state)
{
	struct fixture *f = *state;
	size_t room = f->size * 2;
	uint8_t *packed = malloc(room);

	for (unsigned sums = 0; sums < 2; sums++) {
		struct packed p;
		size_t len = seekable_make(f, sums, packed, room);
		file_write(f->folder, "packed", packed, len);
		fixture_check(f, &container_zstd, "");
		PACKED_OK(&p, packed_open_memory(&p, &container_zstd, packed, len));
		assert_int_equal(seek_in(&p)->points.count, (f->size + FRAME - 1) / FRAME);
		packed_close(&p);
		/* tables that say what is not so are passed over */
		for (unsigned i = 0; i < 4; i++) {
			static const size_t where[] = {9 + 8, 9 + 7, 9 + 12, 9};
			uint8_t *byte = packed + len - where[i];
			*byte ^= 1;
			file_write(f->folder, "packed", packed, len);
			fixture_check(f, &container_zstd, "");
			*byte ^= 1;
		}
	}
	free(packed);
}

/* ---- what is broken --------------------------------------------------------------------- */

static void cut_off(void **state)
{
	static const char *const commands[] = {"zstd -q -1 --zstd=wlog=19 <image >packed",
					       "pzstd -q -1 -p 2 -f image -o packed"};
	struct fixture *f = *state;
	struct packed p;
	size_t len;

	for (size_t i = 0; i < 2; i++) {
		assert_true(run_in(f->folder, commands[i]));
		uint8_t *packed = file_read(f->folder, "packed", &len);
		for (size_t keep = len - 9; keep > len / 2; keep -= len / 5) {
			PACKED_OK(&p, packed_open_memory(&p, &container_zstd, packed, keep));
			assert_non_null(strstr(p.warnings, "zstd: cut off: the file ends at 0x"));
			assert_true(p.size > 0 && p.size < f->size);
			packed_check(&p, f->content, p.size);
			packed_close(&p);
		}
		PACKED_FAIL(&p, packed_open_memory(&p, &container_zstd, packed, 30),
			    VMI_ERR_CORRUPT, "cut off");
		packed_close(&p);
		free(packed);
	}
}

static void damaged(void **state)
{
	struct fixture *f = *state;
	struct packed p;
	size_t len;
	uint8_t byte;

	assert_true(run_in(f->folder, "zstd -q -f image -o packed"));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	memset(packed + len / 5, 0xff, 3000);
	PACKED_OK(&p, packed_open_memory(&p, &container_zstd, packed, len));
	assert_non_null(strstr(p.warnings, "zstd: damaged"));
	assert_non_null(strstr(p.warnings, "what lies behind content offset 0x"));
	assert_true(p.size > 1000000 && p.size < f->size);
	PACKED_OK(&p, p.ops->read(p.self, 0, &byte, 1, &p.err));
	packed_close(&p);
	free(packed);
}

static void wrong_checksum(void **state)
{
	struct fixture *f = *state;
	size_t len;
	struct packed p;

	assert_true(run_in(f->folder, "zstd -q -f image -o packed"));
	uint8_t *packed = file_read(f->folder, "packed", &len);
	packed[len - 1] ^= 1;
	PACKED_OK(&p, packed_open_memory(&p, &container_zstd, packed, len));
	assert_int_equal(p.size, f->size);
	assert_non_null(strstr(p.warnings, "zstd: 1 frame with a wrong checksum"));
	packed_close(&p);
	free(packed);
}

/* Small frames are not looked at before they are read: the others are unharmed. */
static void damaged_frame(void **state)
{
	struct fixture *f = *state;
	size_t room = f->size * 2;
	uint8_t *packed = malloc(room), page[4096];
	size_t len = seekable_make(f, false, packed, room);
	struct packed p;

	memset(packed + 12, 0xff, 300);
	PACKED_OK(&p, packed_open_memory(&p, &container_zstd, packed, len));
	PACKED_FAIL(&p, p.ops->read(p.self, 10000, page, 4096, &p.err), VMI_ERR_CORRUPT,
		    "unpacking content offset 0x0: the zstd data is damaged at or shortly before");
	PACKED_OK(&p, p.ops->read(p.self, 3 * FRAME, page, 4096, &p.err));
	assert_memory_equal(page, f->content + 3 * FRAME, 4096);
	packed_close(&p);
	free(packed);
}

static void refused(void **state)
{
	struct fixture *f = *state;
	struct packed p;

	assert_true(run_in(f->folder, "zstd -q --ultra --long=31 <image >packed"));
	PACKED_FAIL(&p, packed_open(&p, &container_zstd, f->folder, "packed", NULL),
		    VMI_ERR_UNSUPPORTED,
		    "needs a window of 2048 MiB: unpack it with zstd --long=31");
	packed_close(&p);
	assert_true(run_in(f->folder, "head -c 200000 image >d; zstd -q -D d <image >packed"));
	/* a raw dictionary has no number, so that only decoding shows */
	enum vmi_status st = packed_open(&p, &container_zstd, f->folder, "packed", NULL);
	assert_true(st == VMI_ERR_CORRUPT || (!st && strstr(p.warnings, "damaged")));
	packed_close(&p);
}

/* A large window: no places inside, which is said when the way is long. */
static void large_window(void **state)
{
	struct fixture *f = *state;
	struct packed p;

	assert_true(run_in(f->folder,
			   "{ cat image image image image image; head -c 20000000 /dev/zero; } "
			   ">large; zstd -q -1 --long=27 -f large -o packed"));
	PACKED_OK(&p, packed_open(&p, &container_zstd, f->folder, "packed", NULL));
	assert_int_equal(p.size, 5 * f->size + 20000000);
	assert_int_equal(seek_in(&p)->points.count, 1);
	assert_non_null(strstr(p.warnings, "a read at random from this zstd file unpacks up to 84 "
					   "MiB; converting it"));
	uint8_t page[4096];
	PACKED_OK(&p, p.ops->read(p.self, 4 * f->size + 70000, page, 4096, &p.err));
	assert_memory_equal(page, f->content + 70000, 4096);
	packed_close(&p);
}

static void index_kept(void **state)
{
	const struct vmi_open_options keep = {.flags = VMI_OPEN_KEEP_INDEX | VMI_OPEN_NO_MAP};
	struct fixture *f = *state;
	struct packed p;

	assert_true(run_in(f->folder, "zstd -q -1 --zstd=wlog=18 <image >packed;"
				      "rm -f packed.vmi-index"));
	for (unsigned i = 0; i < 2; i++) {
		PACKED_OK(&p, packed_open(&p, &container_zstd, f->folder, "packed", &keep));
		packed_check(&p, f->content, f->size);
		packed_check_cost(&p);
		packed_close(&p);
		assert_true(run_in(f->folder, "test -e packed.vmi-index"));
	}
}

/* ---- what is followed from block to block ----------------------------------------------- */

/* A dictionary of the state at the beginning is one for zstd, too. */
static void dictionary(void **state)
{
	const struct fixture *f = *state;
	uint8_t bytes[ZSTD_DICTIONARY_MAX + 100];
	struct zstd_state *s = calloc(1, sizeof(*s));

	zstd_state_init(s);
	size_t len = zstd_state_dictionary(s, bytes);
	assert_true(len <= ZSTD_DICTIONARY_MAX);
	memcpy(bytes + len, f->content, 100);
	ZSTD_DCtx *d = ZSTD_createDCtx();
	assert_int_equal(ZSTD_DCtx_loadDictionary(d, bytes, len + 100), 0);
	uint8_t nothing[1];
	ZSTD_outBuffer out = {nothing, 0, 0};
	ZSTD_inBuffer in = {"\x28\xb5\x2f\xfd\0\0", 6, 0};
	assert_false(ZSTD_isError(ZSTD_decompressStream(d, &out, &in)));
	ZSTD_freeDCtx(d);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dictionary),     cmocka_unit_test(of_zstd),
		cmocka_unit_test(of_pzstd),       cmocka_unit_test(of_frames),
		cmocka_unit_test(places_inside),  cmocka_unit_test(of_table),
		cmocka_unit_test(cut_off),        cmocka_unit_test(damaged),
		cmocka_unit_test(wrong_checksum), cmocka_unit_test(damaged_frame),
		cmocka_unit_test(refused),        cmocka_unit_test(large_window),
		cmocka_unit_test(index_kept),
	};

	if (!has_tool("zstd"))
		return 77;
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
