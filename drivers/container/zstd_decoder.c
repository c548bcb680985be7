/* SPDX-License-Identifier: MIT */
/*
 * The content of zstd frames. In the middle of a frame decoding begins like this: what was before
 * is made into a dictionary, and a header without a checksum goes before the first block.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "pack.h"
#include "zstd_decoder.h"

enum {
	/* Of a checkpoint: size of the window, has the frame a checksum, length of what follows. */
	HEAD = 16,
	WINDOW_MAX = 128 << 20 /* more than this the zstd tool does not take unasked either */
};

enum vmi_status zstd_decoder_init(struct zstd_decoder *d, const struct vmi_source *source,
				  struct vmi_error *err)
{
	*d = (struct zstd_decoder){.feed = {.source = source}, .zstd = ZSTD_createDCtx()};
	return d->zstd ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for zstd");
}

void zstd_decoder_deinit(struct zstd_decoder *d)
{
	ZSTD_freeDCtx(d->zstd);
	d->zstd = NULL;
	feed_deinit(&d->feed);
}

/* Behind a frame that was entered in its middle: what follows is whole. */
static void leave(struct zstd_decoder *d)
{
	ZSTD_DCtx_reset(d->zstd, ZSTD_reset_session_and_parameters);
	d->at += d->skip_sum ? 4u : 0;
	d->inside = false;
}

enum vmi_status zstd_decoder_next(struct zstd_decoder *d, uint8_t *to, size_t len,
				  struct vmi_error *err)
{
	ZSTD_outBuffer out = {to, len, 0};

	while (out.pos < len) {
		const uint8_t *bytes;
		size_t n, before = out.pos;
		enum vmi_status st = feed_some(&d->feed, d->at, &bytes, &n, err);
		if (st)
			return st;
		ZSTD_inBuffer in = {bytes, n, 0};
		size_t code = ZSTD_decompressStream(d->zstd, &out, &in);
		if (ZSTD_isError(code))
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"the zstd data is damaged at or shortly before file offset "
					"0x%" PRIx64 " (%s)",
					d->at, ZSTD_getErrorName(code));
		d->at += in.pos;
		if (!code && d->inside)
			leave(d);
		else if (!in.pos && out.pos == before)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"the zstd data ends at file offset 0x%" PRIx64
					", before its content",
					d->at);
	}
	return VMI_OK;
}

/* ---- places to begin at ----------------------------------------------------------------- */

uint8_t *zstd_decoder_save(const struct zstd_frame *frame, const struct zstd_state *state,
			   const uint8_t *window, size_t window_len, size_t *len)
{
	uint8_t head[HEAD + ZSTD_DICTIONARY_MAX] = {0};
	uint64_t size = htole64(frame->window);
	uint32_t known = (uint32_t)zstd_state_dictionary(state, head + HEAD);

	memcpy(head, &size, sizeof(size));
	head[8] = frame->has_sum;
	head[12] = (uint8_t)known;
	head[13] = (uint8_t)(known >> 8);
	return state_pack(head, HEAD + known, window, window_len, len);
}

/* 3.1.1.1.2: an exponent and eighths, rounded up. */
static uint8_t window_byte(uint64_t window)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		uint64_t base = UINT64_C(1) << (10 + (byte >> 3));
		if (base + base / 8 * (byte & 7) >= window)
			return (uint8_t)byte;
	}
	return 255;
}

static enum vmi_status begin(struct zstd_decoder *d, const uint8_t *dictionary, size_t len,
			     uint64_t window, struct vmi_error *err)
{
	const uint8_t header[6] = {0x28, 0xb5, 0x2f, 0xfd, 0, window_byte(window)};
	ZSTD_inBuffer in = {header, sizeof(header), 0};
	uint8_t nothing;
	ZSTD_outBuffer out = {&nothing, 0, 0};
	size_t code = ZSTD_DCtx_loadDictionary(d->zstd, dictionary, len);

	while (!ZSTD_isError(code) && in.pos < in.size) {
		size_t before = in.pos;
		code = ZSTD_decompressStream(d->zstd, &out, &in);
		if (in.pos == before)
			break;
	}
	if (!ZSTD_isError(code) && in.pos == in.size)
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_CORRUPT, "a checkpoint of the seek index is damaged (%s)",
			ZSTD_getErrorName(code));
}

enum vmi_status zstd_decoder_resume(struct zstd_decoder *d, const struct checkpoint *from,
				    struct vmi_error *err)
{
	const uint8_t *state = from->state;
	uint8_t *window;
	size_t len;

	d->at = from->in;
	if (!state)
		return VMI_OK; /* a frame begins here */
	size_t known = from->state_len < HEAD ? SIZE_MAX : le16(state + 12);
	if (known > ZSTD_DICTIONARY_MAX || from->state_len - HEAD < known)
		return vmi_fail(err, VMI_ERR_CORRUPT, "a checkpoint of the seek index is damaged");
	enum vmi_status st =
		state_unpack(state, from->state_len, HEAD + known, WINDOW_MAX, &window, &len, err);
	if (st)
		return st;
	uint8_t *dictionary = malloc(known + len + 1);
	if (dictionary) {
		memcpy(dictionary, state + HEAD, known);
		memcpy(dictionary + known, window, len);
		d->inside = true;
		d->skip_sum = state[8];
		st = begin(d, dictionary, known + len, le64(state), err);
	} else {
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a checkpoint");
	}
	free(dictionary);
	free(window);
	return st;
}
