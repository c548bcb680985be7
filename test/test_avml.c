/* SPDX-License-Identifier: MIT */
/* AVML images: snappy's chunks of every kind, their checksums, what is left out or cut off. */

#include "image.h"
#include "mk_stream.h"

enum { PAGE = VMI_PAGE_SIZE, CHUNK = 65536 };

/* ---- a writer of its own -------------------------------------------------------------------- */

/* CRC-32C bit by bit, then masked as snappy's framing format has it. */
static uint32_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	crc = ~crc;
	return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void chunk(struct mk_stream *s, uint8_t kind, const struct mk_stream *body)
{
	mk_u8(s, kind);
	mk_le(s, body->size, 3);
	mk_put(s, body->bytes, body->size);
}

static void begin(struct mk_stream *s)
{
	mk_put(s, "\xff\x06\0\0sNaPpY", 10);
}

static void plain(struct mk_stream *s, const uint8_t *bytes, size_t len)
{
	struct mk_stream body = {0};

	mk_le(&body, checksum(bytes, len), 4);
	mk_put(&body, bytes, len);
	chunk(s, 0x01, &body);
	mk_free(&body);
}

static void length(struct mk_stream *s, size_t value)
{
	for (; value > 0x7f; value >>= 7)
		mk_u8(s, (uint8_t)(value | 0x80));
	mk_u8(s, (uint8_t)value);
}

/* A literal, and where the 64 bytes before come again copies of them. */
static void packed(struct mk_stream *s, const uint8_t *bytes, size_t len)
{
	struct mk_stream body = {0};
	size_t literal = 0, at = 0;

	mk_le(&body, checksum(bytes, len), 4);
	length(&body, len);
	while (at < len) {
		bool again = at >= 64 && len - at >= 64 && !memcmp(bytes + at, bytes + at - 64, 64);
		if (again || at + 1 == len || at - literal == 1000) {
			size_t n = at - literal + (at + 1 == len && !again);
			if (n) {
				mk_u8(&body, 61 << 2); /* two bytes of length */
				mk_le(&body, n - 1, 2);
				mk_put(&body, bytes + literal, n);
			}
			literal = at + (at + 1 == len && !again);
		}
		if (again) {
			mk_u8(&body, 63 << 2 | 2); /* 64 bytes from a distance of two bytes */
			mk_le(&body, 64, 2);
			at += 64;
			literal = at;
		} else {
			at++;
		}
	}
	chunk(s, 0x00, &body);
	mk_free(&body);
}

static size_t header(struct mk_stream *s, uint64_t first, uint64_t size)
{
	mk_put(s, "AVML", 4);
	mk_le(s, 2, 4);
	mk_le(s, first, 8);
	mk_le(s, first + size - 1, 8);
	mk_le(s, 0, 8);
	return s->size;
}

static void trailer(struct mk_stream *s, size_t start)
{
	mk_le(s, s->size - start, 8);
}

/* `size` bytes that describe themselves; chunks in turn packed and plain. */
static void range(struct mk_stream *s, uint64_t first, size_t size)
{
	size_t start = header(s, first, size);
	uint8_t bytes[CHUNK];
	bool pack = true;

	begin(s);
	for (size_t at = 0; at < size; at += CHUNK, pack = !pack) {
		size_t n = size - at < CHUNK ? size - at : CHUNK;
		for (size_t i = 0; i < n; i++)
			bytes[i] = mk_byte(first + at + i, 0);
		(pack ? packed : plain)(s, bytes, n);
	}
	trailer(s, start);
}

/* --------------------------------------------------------------------------------------------- */

static struct vmi *open_stream(const struct mk_stream *s)
{
	return open_bytes(s->bytes, s->size, "avml");
}

/* The header that AVML's own tests expect of its writer for addresses 0x1000 to 0x20000. */
static void known_header(void **state)
{
	static const uint8_t expected[] =
		"AVML\2\0\0\0\0\x10\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0";
	struct mk_stream s = {0};

	(void)state;
	header(&s, 0x1000, 0x1f001);
	assert_int_equal(s.size, sizeof(expected));
	assert_memory_equal(s.bytes, expected, sizeof(expected));
	mk_free(&s);
}

static void known_checksum(void **state)
{
	static const uint8_t zeros[32];

	(void)state;
	/* RFC 3720, B.4: 32 bytes of zeros give 0x8a9136aa. */
	assert_int_equal(checksum(zeros, sizeof(zeros)),
			 (0x8a9136aau >> 15 | 0x8a9136aau << 17) + 0xa282ead8);
}

static void ranges(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	range(&s, 0x1000, 0x9f000);
	range(&s, 0x100000, 0x23abd);
	struct vmi *vm = open_stream(&s);
	assert_no_warning(vm);
	assert_runs(vm, "1000+9f000 100000+23abd");
	assert_memory(vm, 0x1000, 0x9f000, 0);
	assert_memory(vm, 0x100000, 0x23abd, 0);
	assert_memory(vm, 0x10ffe, 4, 0); /* over the border of two chunks */
	assert_unreadable(vm, 0xa0000, "no memory at gfn 0xa0");
	vmi_close(vm);
	mk_free(&s);
}

/* Copies, padding, a second stream header: what one writer or another puts there. */
static void repeated(void **state)
{
	struct mk_stream s = {0};
	uint8_t bytes[3 * PAGE], got[3 * PAGE];
	struct vmi_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i % 1500 < 1000 ? (uint8_t)(i % 64) : (uint8_t)(i / 7);
	size_t start = header(&s, 0x4000, sizeof(bytes));
	begin(&s);
	packed(&s, bytes, PAGE);
	mk_put(&s, "\xfe\3\0\0abc", 7);
	begin(&s);
	packed(&s, bytes + PAGE, 100);
	plain(&s, bytes + PAGE + 100, 2 * PAGE - 100);
	trailer(&s, start);
	struct vmi *vm = open_stream(&s);
	if (vmi_read_bytes(vm, NULL, 0x4000, got, sizeof(got), NULL, &err))
		fail_with("reading", &err);
	assert_memory_equal(got, bytes, sizeof(bytes));
	vmi_close(vm);
	mk_free(&s);
}

static void damaged(void **state)
{
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	struct vmi_page page;

	(void)state;
	range(&s, 0, 3 * CHUNK);
	s.bytes[32 + 10 + 4] ^= 1; /* the first chunk's checksum */
	struct vmi *vm = open_stream(&s);
	assert_says(vmi_page_get(vm, 2, &page, &err), VMI_ERR_CORRUPT,
		    "gfn 0x2: the chunk at file offset 0x2a: its checksum is wrong", &err);
	assert_int_equal(state_of(vm, 2), VMI_PAGE_CORRUPT);
	assert_int_equal(state_of(vm, 16), VMI_PAGE_SAVED);
	assert_memory(vm, CHUNK, 2 * CHUNK, 0);
	vmi_close(vm);
	mk_free(&s);
}

static void cut(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	range(&s, 0, 4 * CHUNK);
	s.size -= CHUNK / 2;
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "0x10000 bytes from gpa 0x30000 on are cut off");
	assert_memory(vm, 0, 3 * CHUNK, 0);
	assert_int_equal(state_of(vm, 0x30), VMI_PAGE_CUT);
	assert_int_equal(state_of(vm, 0x40), VMI_PAGE_HOLE);
	vmi_close(vm);
	mk_free(&s);
}

/* A range that ends early, without its length: the next one's header stands there. */
static void early_end(void **state)
{
	struct mk_stream s = {0};
	struct mk_stream other = {0};

	(void)state;
	range(&s, 0, 2 * CHUNK);
	s.size -= 8;
	memcpy(s.bytes + 16, "\xff\xff\3", 3); /* as if there were four chunks */
	range(&other, 0x100000, CHUNK);
	mk_put(&s, other.bytes, other.size);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "1 ranges hold less than they say");
	assert_runs(vm, "0+20000 100000+10000");
	assert_memory(vm, 0, 2 * CHUNK, 0);
	assert_memory(vm, 0x100000, CHUNK, 0);
	assert_int_equal(state_of(vm, 0x21), VMI_PAGE_CUT);
	vmi_close(vm);
	mk_free(&s);
	mk_free(&other);
}

/* All of a range's chunks, but not their length behind them. */
static void no_trailer(void **state)
{
	struct mk_stream s = {0};
	struct mk_stream other = {0};

	(void)state;
	range(&s, 0, CHUNK);
	s.size -= 8;
	range(&other, 0x100000, CHUNK);
	mk_put(&s, other.bytes, other.size);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "1 ranges lack the length behind them");
	assert_runs(vm, "0+10000 100000+10000");
	assert_memory(vm, 0x100000, CHUNK, 0);
	vmi_close(vm);
	mk_free(&s);
	mk_free(&other);
}

/* Zero blocks of 16 MiB are left out: not invented, but said. */
static void left_out(void **state)
{
	static const uint8_t zeros[CHUNK];
	struct mk_stream s = {0};

	(void)state;
	size_t start = header(&s, 0x100000, 16 << 20);
	begin(&s);
	for (unsigned i = 0; i < (16 << 20) / CHUNK; i++)
		packed(&s, zeros, CHUNK);
	trailer(&s, start);
	range(&s, 0x3100000, CHUNK);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "1 gaps between ranges are whole blocks of 16 MiB");
	assert_runs(vm, "100000+1000000 3100000+10000");
	assert_unreadable(vm, 0x1100000, "no memory at gfn 0x1100");
	vmi_close(vm);
	mk_free(&s);
}

/* Where the codec was left out of the build, that is what the image is refused by. */
static void without_codec(void **state)
{
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	struct vmi *vm = NULL;

	(void)state;
	range(&s, 0x1000, PAGE);
	assert_says(vmi_open_memory(&vm, s.bytes, s.size, NULL, &err), VMI_ERR_UNSUPPORTED,
		    "-DVMI_WITH_SNAPPY=ON", &err);
	mk_free(&s);
}

static bool has_codec(void)
{
	for (unsigned i = 0; vmi_feature(i); i++)
		if (strstr(vmi_feature(i), "codec snappy"))
			return true;
	return false;
}

int main(void)
{
	const struct CMUnitTest without[] = {cmocka_unit_test(without_codec)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_header), cmocka_unit_test(known_checksum),
		cmocka_unit_test(ranges),       cmocka_unit_test(repeated),
		cmocka_unit_test(damaged),      cmocka_unit_test(cut),
		cmocka_unit_test(early_end),    cmocka_unit_test(no_trailer),
		cmocka_unit_test(left_out),
	};

	if (!has_codec())
		return cmocka_run_group_tests(without, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
