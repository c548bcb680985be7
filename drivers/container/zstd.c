/* SPDX-License-Identifier: MIT */
/*
 * zstd files. A frame whose header tells a small content is a place to begin at, and so is each
 * that a seek table names. A large frame, which is what the tool makes of a file, is decoded once;
 * before some of its blocks the window and the decoder's state are kept, in bounded memory.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "index_file.h"
#include "seek.h"
#include "skippable.h"
#include "zstd_decoder.h"

struct zstd {
	struct seek seek;
	const struct vmi_source *outer;
	uint64_t window; /* the largest */
	bool decoded;    /* the index took decoding: worth keeping */
	bool damaged;
};

enum {
	SMALL = 4 << 20,        /* content of a frame that needs no places inside */
	WINDOW_KEPT = 16 << 20, /* larger ones are no use: few would fit */
	WINDOW_MAX = 128 << 20, /* as the zstd tool has it */
	BLOCK_CONTENT = 128 << 10,
	SPAN_MIN = 1 << 20,
	SPAN_WINDOWS = 4, /* a checkpoint costs as much as packing a window: seldom enough */
	PARKED_BYTES = 64 << 20,
};

/* ---- decoders --------------------------------------------------------------------------- */

static void zstd_stop(void *decoder)
{
	if (decoder)
		zstd_decoder_deinit(decoder);
	free(decoder);
}

static enum vmi_status zstd_start(void *self, const struct checkpoint *from, void **decoder,
				  struct vmi_error *err)
{
	const struct zstd *zstd = self;
	struct zstd_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = zstd_decoder_init(d, zstd->outer, err);
	if (!st)
		st = zstd_decoder_resume(d, from, err);
	if (st) {
		zstd_stop(d);
		return st;
	}
	*decoder = d;
	return VMI_OK;
}

static enum vmi_status zstd_next(void *decoder, uint8_t *to, size_t len, struct vmi_error *err)
{
	return zstd_decoder_next(decoder, to, len, err);
}

static const struct seek_ops zstd_seek = {zstd_start, zstd_next, zstd_stop};

/* ---- a frame that is decoded ------------------------------------------------------------ */

struct pass {
	struct zstd *zstd;
	const struct vmi_target *target;
	struct feed feed;
	ZSTD_DCtx *decoder;
	struct zstd_frame frame;
	uint64_t begin; /* content offset of the frame */
	uint64_t at;

	struct zstd_state state;
	bool known; /* the state is */
	/* Since when each table is of one symbol, which cannot be said in a dictionary. */
	uint64_t single_since[ZSTD_TABLES];
	uint8_t *history; /* the content before, up to a window of it */
	size_t room, have;
	unsigned bad_sums;
};

static bool keeps_windows(const struct zstd_frame *frame)
{
	return frame->window <= WINDOW_KEPT;
}

/* Room for a block behind the window. */
static void history_slide(struct pass *pass)
{
	size_t keep = keeps_windows(&pass->frame) ? (size_t)pass->frame.window : 0;

	if (pass->room - pass->have >= BLOCK_CONTENT)
		return;
	keep = keep < pass->have ? keep : pass->have;
	memmove(pass->history, pass->history + pass->have - keep, keep);
	pass->have = keep;
}

static enum vmi_status history_make(struct pass *pass, struct vmi_error *err)
{
	size_t window = keeps_windows(&pass->frame) ? (size_t)pass->frame.window : 0;
	size_t room = 2 * window + 8 * BLOCK_CONTENT;

	pass->have = 0;
	if (room <= pass->room)
		return VMI_OK;
	free(pass->history);
	pass->history = malloc(room);
	pass->room = pass->history ? room : 0;
	return pass->history ? VMI_OK
			     : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a zstd window");
}

static enum vmi_status remember(struct pass *pass, struct vmi_error *err)
{
	struct checkpoints *points = &pass->zstd->seek.points;
	uint64_t out = pass->zstd->seek.size;
	size_t window = pass->frame.window < pass->have ? (size_t)pass->frame.window : pass->have;
	size_t len;

	/* A dictionary has at least eight bytes of content. */
	if (!pass->known || !keeps_windows(&pass->frame) || window < 8 ||
	    !checkpoints_due(points, out))
		return VMI_OK;
	uint8_t *state = zstd_decoder_save(&pass->frame, &pass->state,
					   pass->history + pass->have - window, window, &len);
	if (!state)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the seek index");
	return checkpoints_add(points, out, pass->at, state, len, err);
}

/* Follow what the decoder has to know behind a packed block that gave `content` bytes. */
static void follow(struct pass *pass, const uint8_t *block, size_t len, size_t content)
{
	struct checkpoints *points = &pass->zstd->seek.points;
	size_t counted;

	if (!pass->known || !keeps_windows(&pass->frame))
		return;
	pass->known = zstd_state_block(&pass->state, block, len, &counted) && counted == content;
	/* What no encoder is known to do: the places where the default stood in are none. */
	uint64_t since = UINT64_MAX;
	for (unsigned i = 0; i < ZSTD_TABLES; i++) {
		if (pass->state.tables[i].log)
			pass->single_since[i] = UINT64_MAX;
		else if (pass->single_since[i] == UINT64_MAX)
			pass->single_since[i] = pass->zstd->seek.size;
		since = pass->single_since[i] < since ? pass->single_since[i] : since;
	}
	if (pass->known && pass->state.repeats_single)
		checkpoints_drop(points, since > pass->begin ? since : pass->begin + 1);
}

/* Give bytes to zstd; what comes out goes behind the history. */
static enum vmi_status decode(struct pass *pass, const uint8_t *bytes, size_t len, size_t *content,
			      size_t *code, struct vmi_error *err)
{
	ZSTD_inBuffer in = {bytes, len, 0};
	ZSTD_outBuffer out = {pass->history + pass->have, pass->room - pass->have, 0};

	*code = 0;
	for (size_t before = SIZE_MAX; in.pos < len && in.pos + out.pos != before;) {
		before = in.pos + out.pos;
		*code = ZSTD_decompressStream(pass->decoder, &out, &in);
		if (ZSTD_isError(*code))
			break;
	}
	*content = out.pos;
	if (!ZSTD_isError(*code) && in.pos == len)
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_CORRUPT, "damaged at file offset 0x%" PRIx64 " (%s)", pass->at,
			ZSTD_isError(*code) ? ZSTD_getErrorName(*code) : "it does not fit");
}

static enum vmi_status block_decode(struct pass *pass, const struct zstd_block *block,
				    struct vmi_error *err)
{
	const uint8_t *bytes;
	size_t content, code;

	history_slide(pass);
	enum vmi_status st = remember(pass, err);
	if (!st)
		st = feed_get(&pass->feed, pass->at, block->len, &bytes, err);
	if (!st)
		st = decode(pass, bytes, block->len, &content, &code, err);
	if (st)
		return st;
	if (block->packed)
		follow(pass, bytes + ZSTD_BLOCK_HEAD, block->len - ZSTD_BLOCK_HEAD, content);
	pass->have += content;
	pass->zstd->seek.size += content;
	pass->at = block->next;
	return VMI_OK;
}

static enum vmi_status sum_verify(struct pass *pass, struct vmi_error *err)
{
	const uint8_t *bytes;
	size_t content, code;
	enum vmi_status st = feed_get(&pass->feed, pass->at, 4, &bytes, err);

	if (st)
		return vmi_wrap(err, st, "the checksum is missing");
	if (decode(pass, bytes, 4, &content, &code, NULL))
		pass->bad_sums++;
	pass->at += 4;
	return VMI_OK;
}

/* Its blocks, one after the other. */
static enum vmi_status frame_decode(struct pass *pass, struct vmi_error *err)
{
	const struct zstd_frame *frame = &pass->frame;
	struct zstd_block block = {0};
	const uint8_t *bytes;
	size_t content, code;

	ZSTD_DCtx_reset(pass->decoder, ZSTD_reset_session_and_parameters);
	zstd_state_init(&pass->state);
	memset(pass->single_since, 0xff, sizeof(pass->single_since));
	pass->known = true;
	pass->zstd->decoded = true;
	pass->at = frame->begin;
	size_t len = (size_t)(frame->first_block - frame->begin);
	enum vmi_status st = history_make(pass, err);
	if (!st)
		st = feed_get(&pass->feed, pass->at, len, &bytes, err);
	if (!st)
		st = decode(pass, bytes, len, &content, &code, err);
	pass->at = frame->first_block;
	while (!st && !block.last) {
		st = zstd_block_find(&pass->feed, pass->at, &block, err);
		if (!st)
			st = block_decode(pass, &block, err);
		vmi_progress(pass->target->options, pass->at, vmi_source_size(pass->feed.source));
	}
	return st || !frame->has_sum ? st : sum_verify(pass, err);
}

/* ---- the index -------------------------------------------------------------------------- */

static enum vmi_status frame_index(struct pass *pass, struct vmi_error *err)
{
	const struct zstd_frame *frame = &pass->frame;
	struct seek *seek = &pass->zstd->seek;
	uint64_t span = frame->window * SPAN_WINDOWS, end;

	if (frame->dictionary)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the zstd frame at file offset 0x%" PRIx64
				" needs the dictionary 0x%x: unpack it with the zstd tool",
				frame->begin, frame->dictionary);
	if (frame->window > WINDOW_MAX && !(frame->has_content && frame->content <= SMALL))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the zstd frame at file offset 0x%" PRIx64
				" needs a window of %" PRIu64 " MiB: unpack it with zstd --long=31",
				frame->begin, frame->window >> 20);
	pass->zstd->window =
		frame->window > pass->zstd->window ? frame->window : pass->zstd->window;
	pass->begin = seek->size;
	enum vmi_status st = checkpoints_add(&seek->points, seek->size, frame->begin, NULL, 0, err);
	if (st)
		return st;
	if (frame->has_content && frame->content <= SMALL &&
	    !zstd_frame_end(&pass->feed, frame, &end, NULL)) {
		seek->size += frame->content;
		pass->at = end;
		return VMI_OK;
	}
	span = span > SPAN_MIN ? span : SPAN_MIN;
	seek->points.span = span > seek->points.span ? span : seek->points.span;
	return frame_decode(pass, err);
}

static void warn_of(struct pass *pass, enum vmi_status st, uint64_t garbage,
		    const struct vmi_error *err)
{
	const struct vmi_target *target = pass->target;

	if (st == VMI_ERR_CORRUPT)
		target->warn(target,
			     "zstd: %s; what lies behind content offset 0x%" PRIx64 " is lost",
			     err->text, pass->zstd->seek.size);
	if (pass->bad_sums)
		target->warn(target,
			     "zstd: %u frame%s with a wrong checksum: some bytes are damaged",
			     pass->bad_sums, pass->bad_sums == 1 ? "" : "s");
	if (garbage)
		target->warn(target,
			     "zstd: the last 0x%" PRIx64 " bytes of the file do not belong to it",
			     garbage);
	pass->zstd->damaged = st == VMI_ERR_CORRUPT || pass->bad_sums || garbage;
}

static enum vmi_status index_all(struct pass *pass, struct vmi_error *err)
{
	uint64_t garbage = 0;
	enum vmi_status st = VMI_OK;

	while (!st) {
		st = zstd_frame_find(&pass->feed, pass->at, &pass->frame, &garbage, err);
		if (!st)
			st = frame_index(pass, err);
	}
	if (st == VMI_END || (st == VMI_ERR_CORRUPT && pass->zstd->seek.size)) {
		warn_of(pass, st, garbage, err);
		return VMI_OK;
	}
	return st;
}

/* ---- the seek table --------------------------------------------------------------------- */

enum { TABLE_FOOTER = 9 };

/* One entry: a frame of that length and content must be there. */
static enum vmi_status entry_take(struct pass *pass, const uint8_t *entry, uint64_t *at, bool *good,
				  struct vmi_error *err)
{
	struct seek *seek = &pass->zstd->seek;
	uint32_t len = le32(entry), content = le32(entry + 4);
	uint64_t garbage;
	enum vmi_status st = VMI_OK;

	*good = false;
	if (content) {
		st = zstd_frame_find(&pass->feed, *at, &pass->frame, &garbage, err);
		if (st)
			return st == VMI_END || st == VMI_ERR_CORRUPT ? VMI_OK : st;
		const struct zstd_frame *frame = &pass->frame;
		if (frame->begin != *at || frame->dictionary || content > SMALL ||
		    (frame->has_content && frame->content != content))
			return VMI_OK;
		st = checkpoints_add(&seek->points, seek->size, *at, NULL, 0, err);
		if (frame->window > pass->zstd->window)
			pass->zstd->window = frame->window;
	}
	seek->size += content;
	*at += len;
	*good = true;
	return st;
}

/* Of the whole frame, by its last bytes; 0: they are of no seek table. */
static uint64_t table_length(const uint8_t *footer, uint64_t *count, uint64_t *entry)
{
	if (le32(footer + 5) != 0x8f92eab1 || footer[4] & 0x7c)
		return 0;
	*count = le32(footer);
	*entry = footer[4] & 0x80 ? 12 : 8;
	return 8 + *count * *entry + TABLE_FOOTER;
}

/* *good: there is one, and all that it says of the frames is so. */
static enum vmi_status table_read(struct pass *pass, bool *good, struct vmi_error *err)
{
	uint64_t size = vmi_source_size(pass->feed.source), at = 0, count, entry;
	struct feed own = {.source = pass->feed.source};
	const uint8_t *bytes;

	*good = false;
	if (size < 8 + TABLE_FOOTER)
		return VMI_OK;
	enum vmi_status st = feed_get(&own, size - TABLE_FOOTER, TABLE_FOOTER, &bytes, err);
	uint64_t len = st ? 0 : table_length(bytes, &count, &entry);
	if (!len || len > size) {
		feed_deinit(&own);
		return st;
	}
	st = feed_get(&own, size - len, (size_t)len, &bytes, err);
	if (!st && le32(bytes) == 0x184d2a5e && le32(bytes + 4) == len - 8) {
		*good = true;
		for (uint64_t i = 0; i < count && *good && !st; i++)
			st = entry_take(pass, bytes + 8 + i * entry, &at, good, err);
		*good = *good && at == size - len && pass->zstd->seek.size;
	}
	feed_deinit(&own);
	return st;
}

/* ---- the container ---------------------------------------------------------------------- */

static enum vmi_status zstd_index(struct zstd *zstd, const struct vmi_target *target,
				  struct vmi_error *err)
{
	struct pass pass = {.zstd = zstd, .target = target, .feed = {.source = zstd->outer}};
	struct vmi_error own;
	bool found;
	enum vmi_status st = table_read(&pass, &found, err);

	if (st || found) {
		feed_deinit(&pass.feed);
		return st;
	}
	checkpoints_deinit(&zstd->seek.points);
	zstd->seek.size = 0;
	pass.decoder = ZSTD_createDCtx();
	st = pass.decoder ? index_all(&pass, err ? err : &own)
			  : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for zstd");
	ZSTD_freeDCtx(pass.decoder);
	free(pass.history);
	feed_deinit(&pass.feed);
	return st;
}

/* A kept decoder has a window, and perhaps another one as its dictionary. */
static unsigned parked(const struct zstd *zstd)
{
	uint64_t each = 2 * zstd->window + (1 << 20);

	return each > PARKED_BYTES / 2 ? 1 : (unsigned)(PARKED_BYTES / each);
}

static enum vmi_status zstd_open(void *self, const struct vmi_source *outer,
				 const struct vmi_target *target, uint64_t *size,
				 const uint8_t **map, struct vmi_error *err)
{
	struct zstd *zstd = self;
	const struct index_file file = {outer, target, "zstd"};
	struct seek *seek = &zstd->seek;
	enum vmi_status st = VMI_OK;

	(void)map;
	zstd->outer = outer;
	zstd->window = WINDOW_KEPT; /* a kept index does not tell */
	if (!index_file_load(&file, &seek->points, &seek->size)) {
		zstd->window = 0;
		st = zstd_index(zstd, target, err);
		if (!st && zstd->decoded && !zstd->damaged)
			index_file_save(&file, &seek->points, seek->size);
	}
	if (st)
		return st;
	seek_warn(seek, target, "zstd file");
	*size = seek->size;
	return seek_init(seek, &zstd_seek, zstd, SEEK_PIECE, parked(zstd),
			 target->options->unpack_bytes, err);
}

static void zstd_close(void *self)
{
	struct zstd *zstd = self;

	seek_deinit(&zstd->seek);
}

static enum vmi_status zstd_read(void *self, uint64_t offset, void *buf, size_t len,
				 struct vmi_error *err)
{
	struct zstd *zstd = self;

	return seek_read(&zstd->seek, offset, buf, len, err);
}

static bool zstd_probe(const uint8_t *head, size_t len)
{
	size_t at = skippable(head, len);

	return len - at >= 4 && le32(head + at) == 0xfd2fb528;
}

const struct vmi_container_ops container_zstd = {
	.name = "zstd",
	.state_size = sizeof(struct zstd),
	.probe = zstd_probe,
	.open = zstd_open,
	.close = zstd_close,
	.read = zstd_read,
};
