/* SPDX-License-Identifier: MIT */
/* Deflated content (RFC 1950, 1951, 1952). */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifdef VMI_WITH_LIBDEFLATE
#include <libdeflate.h>
#endif

#include "bytes.h"
#include "inflater.h"
#include "pack.h"

uint64_t inflater_position(const struct inflater *in)
{
	return in->at - in->z.avail_in;
}

/* Forget what zlib was given and has not taken. */
static void go(struct inflater *in, uint64_t offset)
{
	in->at = offset;
	in->z.avail_in = 0;
}

enum vmi_status inflater_init(struct inflater *in, const struct vmi_source *source,
			      enum wrapping wrapping, struct vmi_error *err)
{
	*in = (struct inflater){.feed = {.source = source}, .wrapping = wrapping};
	/* Raw: what is around a member is read here, so that there can be several. */
	if (inflateInit2(&in->z, -MAX_WBITS) != Z_OK)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for zlib");
	in->live = true;
	return VMI_OK;
}

void inflater_deinit(struct inflater *in)
{
	if (in->live)
		inflateEnd(&in->z);
	in->live = false;
	feed_deinit(&in->feed);
}

/* ---- around a member -------------------------------------------------------------------- */

/* Behind the zero that ends a name or comment at *at. */
static enum vmi_status skip_text(struct inflater *in, uint64_t *at, struct vmi_error *err)
{
	const uint8_t *bytes;
	size_t len;
	enum vmi_status st = feed_some(&in->feed, *at, &bytes, &len, err);

	if (st)
		return st;
	const uint8_t *zero = memchr(bytes, 0, len);
	if (!zero)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the gzip header at file offset 0x%" PRIx64 " does not end",
				in->member_in);
	*at += (uint64_t)(zero - bytes) + 1;
	return VMI_OK;
}

/* RFC 1952 2.3 */
static enum vmi_status gzip_header(struct inflater *in, struct vmi_error *err)
{
	enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };
	const uint8_t *bytes;
	uint64_t at = in->at;
	enum vmi_status st = feed_get(&in->feed, at, 10, &bytes, err);

	if (st)
		return st;
	unsigned flags = bytes[3];
	if (bytes[0] != 0x1f || bytes[1] != 0x8b || bytes[2] != 8 || flags & RESERVED)
		return vmi_fail(err, VMI_ERR_CORRUPT, "no gzip header at file offset 0x%" PRIx64,
				at);
	at += 10;
	if (flags & FEXTRA) {
		st = feed_get(&in->feed, at, 2, &bytes, err);
		if (st)
			return st;
		at += 2 + (uint64_t)le16(bytes);
	}
	if (!st && flags & FNAME)
		st = skip_text(in, &at, err);
	if (!st && flags & FCOMMENT)
		st = skip_text(in, &at, err);
	if (!st)
		go(in, at + (flags & FHCRC ? 2 : 0));
	return st;
}

/* RFC 1950 2.2 */
static enum vmi_status zlib_header(struct inflater *in, struct vmi_error *err)
{
	const uint8_t *bytes;
	enum vmi_status st = feed_get(&in->feed, in->at, 2, &bytes, err);

	if (st)
		return st;
	if ((bytes[0] & 15) != 8 || (bytes[0] << 8 | bytes[1]) % 31)
		return vmi_fail(err, VMI_ERR_CORRUPT, "no zlib header at file offset 0x%" PRIx64,
				in->at);
	if (bytes[1] & 0x20)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "this zlib stream needs a dictionary");
	go(in, in->at + 2);
	return VMI_OK;
}

static bool all_zero(const uint8_t *bytes, size_t len)
{
	return !len || (!bytes[0] && !memcmp(bytes, bytes + 1, len - 1));
}

/* Is there another member? What follows the last and is not zero, as on a tape, gets counted. */
static enum vmi_status member_find(struct inflater *in, struct vmi_error *err)
{
	uint64_t size = vmi_source_size(in->feed.source);
	const uint8_t *bytes;
	size_t len;

	if (in->at >= size)
		return VMI_END;
	enum vmi_status st = feed_some(&in->feed, in->at, &bytes, &len, err);
	if (st)
		return st;
	if (in->wrapping == WRAPPING_GZIP && len >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
		return VMI_OK;
	if (!all_zero(bytes, len))
		in->garbage = size - in->at;
	return VMI_END;
}

static enum vmi_status member_begin(struct inflater *in, struct vmi_error *err)
{
	enum vmi_status st = in->members ? member_find(in, err) : VMI_OK;

	if (st)
		return st;
	in->member_in = in->at;
	st = in->wrapping == WRAPPING_GZIP ? gzip_header(in, err) : zlib_header(in, err);
	if (st)
		return st;
	uint8_t *next_out = in->z.next_out;
	uInt avail_out = in->z.avail_out;
	inflateReset(&in->z);
	in->z.next_out = next_out;
	in->z.avail_out = avail_out;
	in->members++;
	in->member_out = 0;
	in->sum = in->wrapping == WRAPPING_GZIP ? 0 : 1;
	in->block_bit = in->at * 8;
	in->inside = true;
	return VMI_OK;
}

static uint32_t sum_add(enum wrapping wrapping, uint32_t sum, const uint8_t *bytes, size_t len)
{
#ifdef VMI_WITH_LIBDEFLATE
	return wrapping == WRAPPING_GZIP ? libdeflate_crc32(sum, bytes, len)
					 : libdeflate_adler32(sum, bytes, len);
#else
	return (uint32_t)(wrapping == WRAPPING_GZIP ? crc32_z(sum, bytes, len)
						    : adler32_z(sum, bytes, len));
#endif
}

/* Behind the last block: the checksum, and for gzip the length, which says nothing more. */
static enum vmi_status member_end(struct inflater *in, struct vmi_error *err)
{
	size_t len = in->wrapping == WRAPPING_GZIP ? 8 : 4;
	uint64_t at = inflater_position(in) - ((unsigned)in->z.data_type & 63) / 8;
	const uint8_t *bytes;

	in->inside = false;
	go(in, at);
	enum vmi_status st = feed_get(&in->feed, at, len, &bytes, err);
	if (st)
		return vmi_wrap(err, st, "the checksum is missing");
	uint32_t sum = le32(bytes);
	if (in->wrapping == WRAPPING_ZLIB)
		sum = htobe32(htole32(sum));
	if (in->checking && sum != in->sum) {
		in->wrong++;
		in->wrong_in = in->member_in;
	}
	go(in, at + len);
	return VMI_OK;
}

/* ---- inside a member -------------------------------------------------------------------- */

static enum vmi_status refill(struct inflater *in, struct vmi_error *err)
{
	const uint8_t *bytes;
	size_t len;
	enum vmi_status st = feed_some(&in->feed, in->at, &bytes, &len, err);

	if (st)
		return st;
	if (!len)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"cut off: the file ends at 0x%" PRIx64
				" inside of what began at file offset 0x%" PRIx64,
				vmi_source_size(in->feed.source), in->member_in);
	in->z.next_in = (Bytef *)(uintptr_t)bytes;
	in->z.avail_in = (uInt)len;
	in->at += len;
	return VMI_OK;
}

static enum vmi_status damaged(const struct inflater *in, struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_CORRUPT,
			"damaged at or shortly before file offset 0x%" PRIx64 " (%s)",
			inflater_position(in), in->z.msg ? in->z.msg : "zlib does not say how");
}

/* One call of zlib, which returns at the end of a block. */
static enum vmi_status step(struct inflater *in, struct vmi_error *err)
{
	enum vmi_status st = in->z.avail_in ? VMI_OK : refill(in, err);

	if (st)
		return st;
	const uint8_t *from = in->z.next_out;
	int code = inflate(&in->z, Z_BLOCK);
	size_t n = (size_t)(in->z.next_out - from);
	in->member_out += n;
	if (in->checking && n)
		in->sum = sum_add(in->wrapping, in->sum, from, n);
	if (code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END)
		return code == Z_MEM_ERROR ? vmi_fail(err, VMI_ERR_NOMEM, "out of memory for zlib")
					   : damaged(in, err);
	unsigned type = (unsigned)in->z.data_type;
	if (type & 128)
		in->block_bit = inflater_position(in) * 8 - (type & 63);
	return (type & 128 && type & 64) || code == Z_STREAM_END ? member_end(in, err) : VMI_OK;
}

enum vmi_status inflater_next(struct inflater *in, uint8_t *to, size_t len, size_t *got,
			      struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	in->z.next_out = to;
	in->z.avail_out = (uInt)len;
	while (!st && in->z.avail_out)
		st = in->inside ? step(in, err) : member_begin(in, err);
	*got = len - in->z.avail_out;
	return st;
}

/* ---- places to begin at ----------------------------------------------------------------- */

enum place {
	PLACE_BLOCK, /* between two blocks */
	PLACE_CODE,  /* inside a block, before a code; `skip` bytes of what it means are out */
	PLACE_STORED /* inside a block of plain bytes, of which `left` are to come */
};

struct saved {
	uint8_t place, last;
	uint16_t skip, left;
	uint64_t bit, block_bit;
};

enum { SAVED_BYTES = 24 };

static void saved_write(const struct saved *saved, uint8_t *to)
{
	uint64_t bits[2] = {htole64(saved->bit), htole64(saved->block_bit)};

	memset(to, 0, SAVED_BYTES);
	to[0] = saved->place;
	to[1] = saved->last;
	to[2] = (uint8_t)saved->skip;
	to[3] = (uint8_t)(saved->skip >> 8);
	to[4] = (uint8_t)saved->left;
	to[5] = (uint8_t)(saved->left >> 8);
	memcpy(to + 8, bits, sizeof(bits));
}

static struct saved saved_read(const uint8_t *from)
{
	return (struct saved){from[0],        from[1],        le16(from + 2),
			      le16(from + 4), le64(from + 8), le64(from + 16)};
}

/* False: zlib is between two things of which neither is a place to begin at. */
static bool place_find(struct inflater *in, struct saved *saved)
{
	unsigned type = (unsigned)in->z.data_type;
	uint64_t bit = inflater_position(in) * 8 - (type & 63);
	long mark = inflateMark(&in->z);

	*saved = (struct saved){.last = type & 64 ? 1 : 0, .bit = bit, .block_bit = in->block_bit};
	if (type & 128) {
		saved->place = PLACE_BLOCK;
		return true;
	}
	if (mark >= 0) { /* bits of the code so far, and bytes of what it means */
		saved->place = PLACE_CODE;
		saved->bit = bit - (unsigned long)(mark >> 16);
		saved->skip = (uint16_t)mark;
		return true;
	}
	saved->place = PLACE_STORED;
	saved->left = (uint16_t)mark;
	return saved->left && bit % 8 == 0;
}

enum vmi_status inflater_save(struct inflater *in, const uint8_t *end, uint8_t **state, size_t *len,
			      struct vmi_error *err)
{
	struct saved saved;
	uint8_t head[SAVED_BYTES];

	*state = NULL;
	if (!in->inside || !place_find(in, &saved))
		return VMI_OK;
	uint64_t before = in->member_out - saved.skip;
	size_t window = before < INFLATER_WINDOW ? (size_t)before : INFLATER_WINDOW;
	saved_write(&saved, head);
	*state = state_pack(head, sizeof(head), end - saved.skip - window, window, len);
	return *state ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the seek index");
}

/* Let zlib go on at a bit of the file. */
static enum vmi_status go_to_bit(struct inflater *in, uint64_t bit, struct vmi_error *err)
{
	unsigned odd = bit % 8;
	const uint8_t *byte;

	go(in, bit / 8);
	inflatePrime(&in->z, -1, 0);
	if (!odd)
		return VMI_OK;
	enum vmi_status st = feed_get(&in->feed, bit / 8, 1, &byte, err);
	if (st)
		return st;
	inflatePrime(&in->z, (int)(8 - odd), *byte >> odd);
	in->at++;
	return VMI_OK;
}

/* Read the header of a block, with its codes, and stop behind it. */
static enum vmi_status enter_block(struct inflater *in, struct vmi_error *err)
{
	enum { TRIES = 8 }; /* a header has less than 400 bytes, but may lie across two pieces */
	uint8_t nothing;

	for (unsigned i = 0; i < TRIES; i++) {
		enum vmi_status st = in->z.avail_in ? VMI_OK : refill(in, err);
		if (st)
			return st;
		in->z.next_out = &nothing;
		in->z.avail_out = 0;
		int code = inflate(&in->z, Z_TREES);
		if (code != Z_OK && code != Z_BUF_ERROR)
			break;
		if (in->z.data_type & 256)
			return VMI_OK;
	}
	return damaged(in, err);
}

/* To the middle of plain bytes: as if a block with the rest of them began there. */
static enum vmi_status enter_stored(struct inflater *in, const struct saved *saved,
				    struct vmi_error *err)
{
	uint8_t header[5] = {saved->last & 1, (uint8_t)saved->left, (uint8_t)(saved->left >> 8),
			     (uint8_t)~saved->left, (uint8_t)(~saved->left >> 8)};

	in->z.next_in = header;
	in->z.avail_in = sizeof(header);
	enum vmi_status st = enter_block(in, err);
	go(in, saved->bit / 8);
	return st;
}

static enum vmi_status resume_at(struct inflater *in, const struct saved *saved,
				 struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;

	switch (saved->place) {
	case PLACE_BLOCK:
		return go_to_bit(in, saved->bit, err);
	case PLACE_CODE:
		st = go_to_bit(in, saved->block_bit, err);
		if (!st)
			st = enter_block(in, err);
		return st ? st : go_to_bit(in, saved->bit, err);
	case PLACE_STORED:
		return enter_stored(in, saved, err);
	default:
		return vmi_fail(err, VMI_ERR_CORRUPT, "a checkpoint of the seek index is damaged");
	}
}

enum vmi_status inflater_resume(struct inflater *in, const struct checkpoint *point,
				struct vmi_error *err)
{
	uint8_t *window, skipped[INFLATER_BACK];
	size_t len, got;

	in->member_in = point->in;
	go(in, point->in);
	if (!point->state)
		return VMI_OK; /* a member begins here */
	enum vmi_status st = state_unpack(point->state, point->state_len, SAVED_BYTES,
					  INFLATER_WINDOW, &window, &len, err);
	if (st)
		return st;
	struct saved saved = saved_read(point->state);
	inflateReset(&in->z);
	in->members = 1;
	in->inside = true;
	st = resume_at(in, &saved, err);
	if (!st && len && inflateSetDictionary(&in->z, window, (uInt)len) != Z_OK)
		st = damaged(in, err);
	free(window);
	if (!st && saved.skip > sizeof(skipped))
		st = vmi_fail(err, VMI_ERR_CORRUPT, "a checkpoint of the seek index is damaged");
	if (!st && saved.skip)
		st = inflater_next(in, skipped, saved.skip, &got, err);
	return st;
}
