/* SPDX-License-Identifier: MIT */
/*
 * lz4 frames. Where blocks are independent, each is a place to begin at, and only their length
 * words are read at first, and as much of them as tells how long their content is: frames seldom
 * say. Linked blocks are unpacked once, and the content before some of them is kept.
 *
 * The checksum over all content is verified where all of it is unpacked at first; those of blocks
 * always.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "index_file.h"
#include "lz4_decoder.h"
#include "lz4_index.h"
#include "seek.h"
#include "skippable.h"
#include "xxh32.h"

struct lz4 {
	struct seek seek;
	const struct vmi_source *outer;
	size_t piece;
	bool unpacked; /* the index took unpacking: worth keeping */
	bool damaged;
};

enum {
	SPAN_LINKED = 1 << 20,
};

/* ---- decoders --------------------------------------------------------------------------- */

static void lz4_stop(void *decoder)
{
	if (decoder)
		lz4_decoder_deinit(decoder);
	free(decoder);
}

static enum vmi_status lz4_start(void *self, const struct checkpoint *from, void **decoder,
				 struct vmi_error *err)
{
	const struct lz4 *lz4 = self;
	struct lz4_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	d->feed.source = lz4->outer;
	enum vmi_status st = lz4_decoder_resume(d, from, err);
	if (st) {
		lz4_stop(d);
		return st;
	}
	*decoder = d;
	return VMI_OK;
}

static enum vmi_status lz4_next(void *decoder, uint8_t *to, size_t len, struct vmi_error *err)
{
	return lz4_decoder_next(decoder, to, len, err);
}

static const struct seek_ops lz4_seek = {lz4_start, lz4_next, lz4_stop};

/* ---- the index -------------------------------------------------------------------------- */

struct pass {
	struct lz4 *lz4;
	const struct vmi_target *target;
	struct lz4_decoder *d;
	struct xxh32 hash; /* of a linked frame's content */
	unsigned bad;      /* blocks */
	uint64_t bad_at;
};

static enum vmi_status remember(struct pass *pass, uint64_t word, struct vmi_error *err)
{
	struct checkpoints *points = &pass->lz4->seek.points;
	const struct lz4_decoder *d = pass->d;
	size_t len;

	points->span = d->frame.linked && points->span < SPAN_LINKED ? SPAN_LINKED : points->span;
	if (!checkpoints_due(points, pass->lz4->seek.size))
		return VMI_OK;
	uint8_t *state = lz4_decoder_save(d, &len);
	if (!state)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the seek index");
	return checkpoints_add(points, pass->lz4->seek.size, word, state, len, err);
}

/*
 * Are all blocks of the frame full but the last? That can be told without a look at all of them if
 * the frame says its content: it must be just what full blocks and the last one add up to.
 */
static bool all_full(struct lz4_decoder *d, const struct lz4_frame *frame)
{
	struct lz4_block block = {.next = frame->first_block}, last;
	uint64_t count = 0;
	size_t len;

	if (frame->linked || !frame->has_size)
		return false;
	for (;; count++) {
		last = block;
		if (lz4_block_find(&d->feed, frame, block.next, &block, NULL))
			return false;
		if (block.end)
			break;
	}
	return count && !lz4_block_measure(&d->feed, frame, &last, &len, NULL) &&
	       frame->content == (count - 1) * frame->block_max + len;
}

/* How long the block's content is. A damaged one in the middle is taken for full, and left out. */
static enum vmi_status block_index(struct pass *pass, const struct lz4_block *block, size_t *len,
				   struct vmi_error *err)
{
	struct lz4_decoder *d = pass->d;

	if (d->frame.linked) {
		enum vmi_status st = lz4_decoder_room(d, err);
		if (!st)
			st = lz4_decoder_block(d, block, d->block, len, err);
		if (!st && d->frame.content_sum)
			xxh32_add(&pass->hash, d->block, *len);
		pass->lz4->unpacked = true;
		return st;
	}
	d->at = block->next;
	*len = d->frame.block_max;
	struct lz4_block behind;
	enum vmi_status st = lz4_block_find(&d->feed, &d->frame, d->at, &behind, NULL);
	bool is_last = st || behind.end;
	if (d->full && !is_last)
		return VMI_OK;
	st = lz4_block_measure(&d->feed, &d->frame, block, len, err);
	if (st != VMI_ERR_CORRUPT)
		return st;
	pass->bad++;
	pass->bad_at = block->word;
	*len = is_last ? 0 : d->frame.block_max;
	return VMI_OK;
}

/* What the frame says of its content, against what it is. */
static void frame_check(struct pass *pass, uint64_t content)
{
	const struct lz4_frame *frame = &pass->d->frame;
	const uint8_t *sum;

	if (frame->has_size && frame->content != content)
		pass->target->warn(pass->target,
				   "lz4: the frame at file offset 0x%" PRIx64 " says 0x%" PRIx64
				   " bytes of content and has 0x%" PRIx64,
				   frame->begin, frame->content, content);
	if (!frame->linked || !frame->content_sum)
		return;
	if (feed_get(&pass->d->feed, pass->d->at - 4, 4, &sum, NULL) ||
	    le32(sum) == xxh32_end(&pass->hash))
		return;
	pass->target->warn(pass->target,
			   "lz4: the frame at file offset 0x%" PRIx64
			   " has a wrong checksum: some of its bytes are damaged",
			   frame->begin);
	pass->lz4->damaged = true;
}

static enum vmi_status frame_index(struct pass *pass, const struct lz4_frame *frame,
				   struct vmi_error *err)
{
	struct lz4_decoder *d = pass->d;
	struct seek *seek = &pass->lz4->seek;
	uint64_t begin = seek->size;
	enum vmi_status st = lz4_decoder_enter(d, frame, err);

	d->full = all_full(d, frame);
	pass->hash = (struct xxh32){0};
	while (!st) {
		struct lz4_block block;
		size_t len;
		st = lz4_block_find(&d->feed, frame, d->at, &block, err);
		if (!st && block.end) {
			d->at = block.next;
			frame_check(pass, seek->size - begin);
			return VMI_OK;
		}
		if (!st)
			st = remember(pass, block.word, err);
		if (!st)
			st = block_index(pass, &block, &len, err);
		if (!st)
			seek->size += len;
		vmi_progress(pass->target->options, d->at, vmi_source_size(pass->lz4->outer));
	}
	return st;
}

static void warn_of(struct pass *pass, enum vmi_status st, uint64_t garbage,
		    const struct vmi_error *err)
{
	const struct vmi_target *target = pass->target;

	if (st == VMI_ERR_CORRUPT)
		target->warn(target,
			     "lz4: %s; what lies behind content offset 0x%" PRIx64 " is lost",
			     err->text, pass->lz4->seek.size);
	if (pass->bad)
		target->warn(target, "lz4: %u damaged block%s, the last at file offset 0x%" PRIx64,
			     pass->bad, pass->bad == 1 ? "" : "s", pass->bad_at);
	if (garbage)
		target->warn(target,
			     "lz4: the last 0x%" PRIx64 " bytes of the file do not belong to it",
			     garbage);
	pass->lz4->damaged |= st == VMI_ERR_CORRUPT || pass->bad || garbage;
}

static enum vmi_status index_all(struct pass *pass, struct vmi_error *err)
{
	struct lz4 *lz4 = pass->lz4;
	struct lz4_frame frame;
	uint64_t garbage = 0;
	enum vmi_status st = VMI_OK;

	while (!st) {
		st = lz4_frame_find(&pass->d->feed, pass->d->at, &frame, &garbage, err);
		if (st)
			break;
		if (!lz4->piece)
			lz4->piece = frame.block_max;
		st = frame_index(pass, &frame, err);
	}
	if (st == VMI_END || (st == VMI_ERR_CORRUPT && lz4->seek.size)) {
		warn_of(pass, st, garbage, err);
		return VMI_OK;
	}
	return st;
}

/* ---- an index behind the frame ---------------------------------------------------------- */

/* Take over the index, if it is of this very frame and leads just to its end. */
static enum vmi_status index_take(struct pass *pass, const struct lz4_index *index, uint64_t end,
				  bool *good, struct vmi_error *err)
{
	struct seek *seek = &pass->lz4->seek;
	struct lz4_frame *frame = &pass->d->frame;
	uint64_t garbage, at = index->first_block;
	enum vmi_status st = lz4_frame_find(&pass->d->feed, 0, frame, &garbage, err);

	if (st)
		return st == VMI_END ? VMI_OK : st;
	if (frame->begin || frame->linked || frame->legacy || frame->first_block != at ||
	    frame->block_max != index->block_content)
		return VMI_OK;
	pass->d->full = true;
	for (uint32_t i = 0; i < index->count && !st; i++) {
		seek->size = (uint64_t)i * index->block_content;
		st = remember(pass, at, err);
		at += 4 + (uint64_t)(le32(index->words + 4 * (size_t)i) & 0x7fffffff) +
		      (frame->block_sums ? 4u : 0);
	}
	seek->size = index->content;
	pass->lz4->piece = frame->block_max;
	*good = at + 4 + (frame->content_sum ? 4u : 0) == end;
	return st;
}

/* What is found behind the frame, or nothing. */
static enum vmi_status index_behind(struct pass *pass, bool *good, struct vmi_error *err)
{
	struct feed *feed = &pass->d->feed;
	uint64_t size = vmi_source_size(feed->source);
	struct lz4_index index;
	const uint8_t *bytes;

	*good = false;
	if (size < LZ4_INDEX_TAIL)
		return VMI_OK;
	enum vmi_status st = feed_get(feed, size - LZ4_INDEX_TAIL, LZ4_INDEX_TAIL, &bytes, err);
	if (st)
		return st;
	uint32_t len = lz4_index_length(bytes);
	if (!len || len > size)
		return VMI_OK;
	st = feed_get(feed, size - len, len, &bytes, err);
	if (st || !lz4_index_read(&index, bytes, len, xxh32))
		return st;
	/* The words are looked at while other places are read. */
	struct feed own = {.source = feed->source};
	st = feed_get(&own, size - len, len, &bytes, err);
	index.words = bytes + LZ4_INDEX_HEAD;
	if (!st)
		st = index_take(pass, &index, size - len, good, err);
	feed_deinit(&own);
	if (st || *good)
		return st;
	checkpoints_deinit(&pass->lz4->seek.points);
	pass->lz4->seek.size = 0;
	pass->lz4->piece = 0;
	return VMI_OK;
}

/* ---- the container ---------------------------------------------------------------------- */

static enum vmi_status lz4_index_make(struct lz4 *lz4, const struct vmi_target *target,
				      struct vmi_error *err)
{
	struct pass pass = {.lz4 = lz4, .target = target, .d = calloc(1, sizeof(*pass.d))};
	struct vmi_error own;
	bool found = false;

	if (!pass.d)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	pass.d->feed.source = lz4->outer;
	enum vmi_status st = index_behind(&pass, &found, err);
	if (!st && !found)
		st = index_all(&pass, err ? err : &own);
	lz4_stop(pass.d);
	return st;
}

/* The first checkpoint is where content begins; the size of pieces is that of its blocks. */
static enum vmi_status piece_find(struct lz4 *lz4, struct vmi_error *err)
{
	struct feed feed = {.source = lz4->outer};
	struct lz4_frame frame;
	uint64_t garbage;
	enum vmi_status st = lz4_frame_find(&feed, 0, &frame, &garbage, err);

	feed_deinit(&feed);
	lz4->piece = st ? SEEK_PIECE : frame.block_max;
	return st;
}

static enum vmi_status lz4_open(void *self, const struct vmi_source *outer,
				const struct vmi_target *target, uint64_t *size,
				const uint8_t **map, struct vmi_error *err)
{
	struct lz4 *lz4 = self;
	const struct index_file file = {outer, target, "lz4"};
	struct seek *seek = &lz4->seek;
	enum vmi_status st = VMI_OK;

	(void)map;
	lz4->outer = outer;
	if (index_file_load(&file, &seek->points, &seek->size)) {
		st = piece_find(lz4, err);
	} else {
		st = lz4_index_make(lz4, target, err);
		if (!st && lz4->unpacked && !lz4->damaged)
			index_file_save(&file, &seek->points, seek->size);
	}
	if (st)
		return st;
	seek_warn(seek, target, "lz4 file");
	*size = seek->size;
	return seek_init(seek, &lz4_seek, lz4, lz4->piece, SEEK_PARKED,
			 target->options->unpack_bytes, err);
}

static void lz4_close(void *self)
{
	struct lz4 *lz4 = self;

	seek_deinit(&lz4->seek);
}

static enum vmi_status lz4_read(void *self, uint64_t offset, void *buf, size_t len,
				struct vmi_error *err)
{
	struct lz4 *lz4 = self;

	return seek_read(&lz4->seek, offset, buf, len, err);
}

static bool lz4_probe(const uint8_t *head, size_t len)
{
	size_t at = skippable(head, len);

	return len - at >= 4 && (le32(head + at) == 0x184d2204 || le32(head + at) == 0x184c2102);
}

const struct vmi_container_ops container_lz4 = {
	.name = "lz4",
	.state_size = sizeof(struct lz4),
	.probe = lz4_probe,
	.open = lz4_open,
	.close = lz4_close,
	.read = lz4_read,
};
