/* SPDX-License-Identifier: MIT */
/* The content of lz4 frames. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "lz4_decoder.h"
#include "pack.h"

void lz4_decoder_deinit(struct lz4_decoder *d)
{
	feed_deinit(&d->feed);
	free(d->block);
	free(d->window);
}

static void window_add(struct lz4_decoder *d, const uint8_t *bytes, size_t len)
{
	if (len >= LZ4_WINDOW) {
		memcpy(d->window, bytes + len - LZ4_WINDOW, LZ4_WINDOW);
		d->window_len = LZ4_WINDOW;
		return;
	}
	size_t keep = d->window_len < LZ4_WINDOW - len ? d->window_len : LZ4_WINDOW - len;
	memmove(d->window, d->window + d->window_len - keep, keep);
	memcpy(d->window + keep, bytes, len);
	d->window_len = keep + len;
}

enum vmi_status lz4_decoder_enter(struct lz4_decoder *d, const struct lz4_frame *frame,
				  struct vmi_error *err)
{
	d->frame = *frame;
	d->inside = true;
	d->full = false;
	d->at = frame->first_block;
	d->window_len = 0;
	if (frame->linked && !d->window)
		d->window = malloc(LZ4_WINDOW);
	if (frame->linked && !d->window)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	return VMI_OK;
}

enum vmi_status lz4_decoder_room(struct lz4_decoder *d, struct vmi_error *err)
{
	if (d->room >= d->frame.block_max)
		return VMI_OK;
	free(d->block);
	d->room = 0;
	d->block = malloc(d->frame.block_max);
	if (!d->block)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for an lz4 block");
	d->room = d->frame.block_max;
	return VMI_OK;
}

enum vmi_status lz4_decoder_block(struct lz4_decoder *d, const struct lz4_block *block, uint8_t *to,
				  size_t *len, struct vmi_error *err)
{
	enum vmi_status st = lz4_block_unpack(&d->feed, &d->frame, block, d->window, d->window_len,
					      to, d->frame.block_max, len, err);

	if (st)
		return st;
	if (d->frame.linked)
		window_add(d, to, *len);
	d->at = block->next;
	if (!d->full || *len == d->frame.block_max)
		return VMI_OK;
	struct lz4_block behind;
	st = lz4_block_find(&d->feed, &d->frame, d->at, &behind, err);
	if (!st && !behind.end)
		st = vmi_fail(err, VMI_ERR_CORRUPT,
			      "the lz4 block at file offset 0x%" PRIx64
			      " has 0x%zx bytes of content, where the index has more",
			      block->word, *len);
	return st;
}

/* Some content, to `to` if it has room for `len` bytes of a whole block, else to d->block. */
static enum vmi_status more(struct lz4_decoder *d, uint8_t *to, size_t len, size_t *got,
			    struct vmi_error *err)
{
	struct lz4_frame frame;
	struct lz4_block block;
	uint64_t garbage;

	*got = 0;
	if (!d->inside) {
		enum vmi_status st = lz4_frame_find(&d->feed, d->at, &frame, &garbage, err);
		if (st == VMI_END)
			return vmi_fail(err, VMI_ERR_CORRUPT, "the content ends before its size");
		return st ? st : lz4_decoder_enter(d, &frame, err);
	}
	enum vmi_status st = lz4_block_find(&d->feed, &d->frame, d->at, &block, err);
	if (st)
		return st;
	if (block.end) {
		d->inside = false;
		d->at = block.next;
		return VMI_OK;
	}
	if (len >= d->frame.block_max)
		return lz4_decoder_block(d, &block, to, got, err);
	st = lz4_decoder_room(d, err);
	d->have = d->used = 0;
	return st ? st : lz4_decoder_block(d, &block, d->block, &d->have, err);
}

enum vmi_status lz4_decoder_next(struct lz4_decoder *d, uint8_t *to, size_t len,
				 struct vmi_error *err)
{
	while (len) {
		size_t n = d->have - d->used;
		if (n) {
			n = n < len ? n : len;
			memcpy(to, d->block + d->used, n);
			d->used += n;
		} else {
			enum vmi_status st = more(d, to, len, &n, err);
			if (st)
				return st;
		}
		to += n;
		len -= n;
	}
	return VMI_OK;
}

/* ---- places to begin at ----------------------------------------------------------------- */

enum { STATE = 9 /* file offset of the frame, and are all blocks full? */ };

uint8_t *lz4_decoder_save(const struct lz4_decoder *d, size_t *len)
{
	uint64_t begin = htole64(d->frame.begin);
	uint8_t head[STATE];

	memcpy(head, &begin, sizeof(begin));
	head[8] = d->full;
	if (d->frame.linked)
		return state_pack(head, STATE, d->window, d->window_len, len);
	uint8_t *state = malloc(STATE);
	if (state)
		memcpy(state, head, STATE);
	*len = STATE;
	return state;
}

/* To the block at `from`, of the frame that its state names. */
static enum vmi_status resume_frame(struct lz4_decoder *d, const struct checkpoint *from,
				    struct vmi_error *err)
{
	struct lz4_frame frame;
	uint64_t garbage;

	if (from->state_len < STATE)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"a checkpoint of the seek index is too short");
	enum vmi_status st = lz4_frame_find(&d->feed, le64(from->state), &frame, &garbage, err);
	if (st)
		return st == VMI_END ? vmi_fail(err, VMI_ERR_CORRUPT,
						"a checkpoint of the seek index is in no frame")
				     : st;
	st = lz4_decoder_enter(d, &frame, err);
	d->full = from->state[8];
	d->at = from->in;
	if (st || !frame.linked || from->state_len == STATE)
		return st;
	uint8_t *window;
	st = state_unpack(from->state, from->state_len, STATE, LZ4_WINDOW, &window, &d->window_len,
			  err);
	if (st)
		return st;
	memcpy(d->window, window, d->window_len);
	free(window);
	return VMI_OK;
}

enum vmi_status lz4_decoder_resume(struct lz4_decoder *d, const struct checkpoint *from,
				   struct vmi_error *err)
{
	d->at = from->in;
	return from->state ? resume_frame(d, from, err) : VMI_OK;
}
