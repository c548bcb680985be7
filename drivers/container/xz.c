/* SPDX-License-Identifier: MIT */
/*
 * xz files. Their index, at the end, says where blocks are, so each block is a place to begin at;
 * what xz makes without -T or --block-size is one block, in which there is none but its beginning.
 * Where the end is lost, the blocks are unpacked once to find them.
 */

#include <inttypes.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "seek.h"

struct xz {
	struct seek seek;
	const struct vmi_source *outer;
	lzma_index *index;
	uint64_t cut_at; /* where the block begins that the file does not hold all of, or 0 */
};

enum {
	MEMORY_MAX = 256 << 20, /* of a decoder: a dictionary of xz -9 has 64 MiB */
	INDEX_MAX = 64 << 20,   /* of the index */
};

static enum vmi_status failed(lzma_ret code, uint64_t at, struct vmi_error *err)
{
	if (code == LZMA_MEM_ERROR)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for xz");
	if (code == LZMA_MEMLIMIT_ERROR || code == LZMA_OPTIONS_ERROR)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the xz data at file offset 0x%" PRIx64
				" needs more memory, or another filter, than is allowed: unpack it "
				"first",
				at);
	return vmi_fail(err, VMI_ERR_CORRUPT,
			"the xz data is damaged or cut off at or before file offset 0x%" PRIx64,
			at);
}

/* ---- decoders --------------------------------------------------------------------------- */

struct decoder {
	const struct xz *xz;
	struct feed feed;
	lzma_index_iter iter; /* at the block */
	lzma_stream lzma;
	lzma_block block;
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	bool inside;
	uint64_t at;
};

static void xz_stop(void *context)
{
	struct decoder *d = context;

	if (!d)
		return;
	lzma_end(&d->lzma);
	feed_deinit(&d->feed);
	free(d);
}

static void filters_free(lzma_filter *filters)
{
	for (unsigned i = 0; i <= LZMA_FILTERS_MAX && filters[i].id != LZMA_VLI_UNKNOWN; i++)
		free(filters[i].options);
}

/* The header of a block, of which the index says `unpadded`; 0: there is no index. */
static enum vmi_status block_enter(struct decoder *d, uint64_t at, lzma_check check,
				   uint64_t unpadded, struct vmi_error *err)
{
	const uint8_t *bytes;
	enum vmi_status st = feed_get(&d->feed, at, 1, &bytes, err);

	if (st)
		return st;
	d->block = (lzma_block){.filters = d->filters, .check = check};
	d->block.header_size = lzma_block_header_size_decode(bytes[0]);
	st = feed_get(&d->feed, at, d->block.header_size, &bytes, err);
	if (st)
		return st;
	lzma_ret code =
		bytes[0] ? lzma_block_header_decode(&d->block, NULL, bytes) : LZMA_DATA_ERROR;
	if (code != LZMA_OK)
		return failed(code, at, err);
	uint64_t memory = lzma_raw_decoder_memusage(d->filters);
	if (memory > MEMORY_MAX)
		code = LZMA_MEMLIMIT_ERROR;
	else if (unpadded)
		code = lzma_block_compressed_size(&d->block, unpadded);
	if (code == LZMA_OK)
		code = lzma_block_decoder(&d->lzma, &d->block);
	filters_free(d->filters);
	d->at = at + d->block.header_size;
	d->lzma.avail_in = 0;
	d->inside = code == LZMA_OK;
	return d->inside ? VMI_OK : failed(code, at, err);
}

/* The block that the iterator is at. */
static enum vmi_status block_enter_indexed(struct decoder *d, struct vmi_error *err)
{
	uint64_t at = d->iter.block.compressed_file_offset;

	return block_enter(d, at, d->iter.stream.flags->check,
			   at == d->xz->cut_at ? 0 : d->iter.block.unpadded_size, err);
}

/* Some of the block: more packed bytes when they are used up, and as much as there is room for. */
static enum vmi_status block_run(struct decoder *d, lzma_ret *code, struct vmi_error *err)
{
	if (!d->lzma.avail_in) {
		enum vmi_status st =
			feed_some(&d->feed, d->at, &d->lzma.next_in, &d->lzma.avail_in, err);
		if (st)
			return st;
		d->at += d->lzma.avail_in;
	}
	*code = lzma_code(&d->lzma, LZMA_RUN);
	d->inside = *code != LZMA_STREAM_END;
	return VMI_OK;
}

/* One call of liblzma; at the end of a block on to the next. */
static enum vmi_status step(struct decoder *d, struct vmi_error *err)
{
	lzma_ret code = LZMA_OK;

	if (!d->inside) {
		if (lzma_index_iter_next(&d->iter, LZMA_INDEX_ITER_NONEMPTY_BLOCK))
			return failed(LZMA_DATA_ERROR, d->at, err);
		return block_enter_indexed(d, err);
	}
	enum vmi_status st = block_run(d, &code, err);
	if (st)
		return st;
	return code == LZMA_OK || code == LZMA_STREAM_END
		       ? VMI_OK
		       : failed(code, d->at - d->lzma.avail_in, err);
}

static enum vmi_status xz_next(void *context, uint8_t *to, size_t len, struct vmi_error *err)
{
	struct decoder *d = context;
	enum vmi_status st = VMI_OK;

	d->lzma.next_out = to;
	d->lzma.avail_out = len;
	while (!st && d->lzma.avail_out)
		st = step(d, err);
	return st;
}

static enum vmi_status xz_start(void *self, const struct checkpoint *from, void **decoder,
				struct vmi_error *err)
{
	const struct xz *xz = self;
	struct decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	d->xz = xz;
	d->feed.source = xz->outer;
	d->lzma = (lzma_stream)LZMA_STREAM_INIT;
	lzma_index_iter_init(&d->iter, xz->index);
	enum vmi_status st = lzma_index_iter_locate(&d->iter, from->out)
				     ? failed(LZMA_DATA_ERROR, from->in, err)
				     : block_enter_indexed(d, err);
	if (st) {
		xz_stop(d);
		return st;
	}
	*decoder = d;
	return VMI_OK;
}

static const struct seek_ops xz_seek = {xz_start, xz_next, xz_stop};

/* ---- the index -------------------------------------------------------------------------- */

/* liblzma asks for the pieces of the file that it wants to see. */
static lzma_ret index_run(struct xz *xz, lzma_stream *lzma, struct feed *feed, uint64_t *at)
{
	uint64_t size = vmi_source_size(xz->outer);
	lzma_ret code = lzma_file_info_decoder(lzma, &xz->index, INDEX_MAX, size);

	while (code == LZMA_OK) {
		if (!lzma->avail_in) {
			if (feed_some(feed, *at, &lzma->next_in, &lzma->avail_in, NULL))
				return LZMA_DATA_ERROR;
			*at += lzma->avail_in;
		}
		bool ended = !lzma->avail_in;
		code = lzma_code(lzma, LZMA_RUN);
		if (code == LZMA_SEEK_NEEDED) {
			*at = lzma->seek_pos;
			lzma->avail_in = 0;
			code = LZMA_OK;
		} else if (code == LZMA_OK && ended) {
			return LZMA_DATA_ERROR;
		}
	}
	return code;
}

static enum vmi_status index_read(struct xz *xz, struct vmi_error *err)
{
	struct feed feed = {.source = xz->outer};
	lzma_stream lzma = LZMA_STREAM_INIT;
	uint64_t at = 0;
	lzma_ret code = index_run(xz, &lzma, &feed, &at);

	lzma_end(&lzma);
	feed_deinit(&feed);
	if (code == LZMA_STREAM_END)
		return VMI_OK;
	return failed(code, at, err);
}

/* ---- without the index ------------------------------------------------------------------ */

struct walk {
	struct xz *xz;
	const struct vmi_target *target;
	struct decoder d;
	uint64_t at; /* the next block */
	lzma_check check;
	uint8_t scratch[64 << 10];
};

/* The first stream's header. What streams there are behind it is not looked at. */
static enum vmi_status walk_begin(struct walk *walk, struct vmi_error *err)
{
	lzma_stream_flags flags;
	const uint8_t *bytes;
	enum vmi_status st = feed_get(&walk->d.feed, 0, LZMA_STREAM_HEADER_SIZE, &bytes, err);

	if (st)
		return st;
	lzma_ret code = lzma_stream_header_decode(&flags, bytes);
	if (code != LZMA_OK)
		return failed(code, 0, err);
	walk->at = LZMA_STREAM_HEADER_SIZE;
	walk->check = flags.check;
	walk->xz->index = lzma_index_init(NULL);
	return walk->xz->index && lzma_index_stream_flags(walk->xz->index, &flags) == LZMA_OK
		       ? VMI_OK
		       : failed(LZMA_MEM_ERROR, 0, err);
}

/*
 * One block into the index. VMI_END: it is the last. What precedes the end of the file is as good
 * as any; a block that is damaged is left out whole, as it is not known from where on.
 */
static enum vmi_status walk_block(struct walk *walk, struct vmi_error *err)
{
	struct decoder *d = &walk->d;
	uint64_t size = vmi_source_size(walk->xz->outer), content = 0;
	enum vmi_status st = block_enter(d, walk->at, walk->check, 0, err);
	lzma_ret code = LZMA_OK;

	while (!st && code == LZMA_OK) {
		d->lzma.next_out = walk->scratch;
		d->lzma.avail_out = sizeof(walk->scratch);
		st = block_run(d, &code, err);
		content += sizeof(walk->scratch) - d->lzma.avail_out;
		vmi_progress(walk->target->options, d->at, size);
	}
	if (st)
		return st == VMI_ERR_CORRUPT ? VMI_END : st;
	bool whole = code == LZMA_STREAM_END;
	if (!whole && (code != LZMA_BUF_ERROR || !content))
		return VMI_END;
	uint64_t packed = whole ? lzma_block_unpadded_size(&d->block) : size - walk->at;
	if (lzma_index_memused(walk->xz->index) > INDEX_MAX)
		return failed(LZMA_MEMLIMIT_ERROR, walk->at, err);
	if (lzma_index_append(walk->xz->index, NULL, packed, content) != LZMA_OK)
		return failed(LZMA_MEM_ERROR, walk->at, err);
	if (!whole)
		walk->xz->cut_at = walk->at;
	walk->at += (packed + 3) & ~UINT64_C(3);
	return whole ? VMI_OK : VMI_END;
}

/* An index of what there is. */
static enum vmi_status index_make(struct xz *xz, const struct vmi_target *target,
				  struct vmi_error *err)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	walk->xz = xz;
	walk->target = target;
	walk->d.feed.source = xz->outer;
	walk->d.lzma = (lzma_stream)LZMA_STREAM_INIT;
	enum vmi_status st = walk_begin(walk, err);
	while (!st)
		st = walk_block(walk, err);
	lzma_end(&walk->d.lzma);
	feed_deinit(&walk->d.feed);
	free(walk);
	if (st != VMI_END)
		return st;
	uint64_t content = lzma_index_uncompressed_size(xz->index);
	if (!content)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"the index of its blocks, at its end, cannot be read, and none of "
				"them can: it is damaged or cut off");
	target->warn(target,
		     "xz: the index of its blocks, at its end, cannot be read, so all of it was "
		     "unpacked; what lies behind content offset 0x%" PRIx64 " is lost",
		     content);
	return VMI_OK;
}

/* ---- the container ---------------------------------------------------------------------- */

static enum vmi_status places(struct xz *xz, struct vmi_error *err)
{
	lzma_index_iter iter;
	enum vmi_status st = VMI_OK;

	lzma_index_iter_init(&iter, xz->index);
	while (!st && !lzma_index_iter_next(&iter, LZMA_INDEX_ITER_NONEMPTY_BLOCK))
		st = checkpoints_add(&xz->seek.points, iter.block.uncompressed_file_offset,
				     iter.block.compressed_file_offset, NULL, 0, err);
	return st;
}

static enum vmi_status xz_open(void *self, const struct vmi_source *outer,
			       const struct vmi_target *target, uint64_t *size, const uint8_t **map,
			       struct vmi_error *err)
{
	struct xz *xz = self;

	(void)map;
	xz->outer = outer;
	enum vmi_status st = index_read(xz, err);
	if (st == VMI_ERR_CORRUPT)
		st = index_make(xz, target, err);
	if (!st)
		st = places(xz, err);
	if (st)
		return st;
	xz->seek.size = *size = lzma_index_uncompressed_size(xz->index);
	seek_warn(&xz->seek, target, "xz file");
	return seek_init(&xz->seek, &xz_seek, xz, SEEK_PIECE, 2, target->options->unpack_bytes,
			 err);
}

static void xz_close(void *self)
{
	struct xz *xz = self;

	seek_deinit(&xz->seek);
	lzma_index_end(xz->index, NULL);
}

static enum vmi_status xz_read(void *self, uint64_t offset, void *buf, size_t len,
			       struct vmi_error *err)
{
	struct xz *xz = self;

	return seek_read(&xz->seek, offset, buf, len, err);
}

static bool xz_probe(const uint8_t *head, size_t len)
{
	return len >= LZMA_STREAM_HEADER_SIZE && !memcmp(head, "\xfd\x37zXZ", 6);
}

const struct vmi_container_ops container_xz = {
	.name = "xz",
	.state_size = sizeof(struct xz),
	.probe = xz_probe,
	.open = xz_open,
	.close = xz_close,
	.read = xz_read,
};
