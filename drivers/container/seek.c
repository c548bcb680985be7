/* SPDX-License-Identifier: MIT */
/* Packed content, read at random in pieces from checkpoints. */

#include <inttypes.h>

#include "seek.h"

enum { FAR = 64 << 20 /* bytes: more than this on the way to a page is worth a word */ };

/* The kept decoder that is nearest before `at`, if it is nearer than `point`. */
static void *decoder_find(struct seek *seek, uint64_t at, const struct checkpoint *point,
			  uint64_t *where)
{
	struct parked *best = NULL;

	pthread_mutex_lock(&seek->lock);
	for (unsigned i = 0; i < seek->park; i++) {
		struct parked *one = &seek->parked[i];
		if (one->decoder && one->at <= at && one->at >= point->out &&
		    (!best || one->at > best->at))
			best = one;
	}
	void *decoder = best ? best->decoder : NULL;
	if (best) {
		*where = best->at;
		best->decoder = NULL;
	}
	pthread_mutex_unlock(&seek->lock);
	return decoder;
}

/* Keep a decoder in place of the one that was kept the longest. */
static void decoder_keep(struct seek *seek, void *decoder, uint64_t at)
{
	void *old = decoder;

	pthread_mutex_lock(&seek->lock);
	if (seek->park && at < seek->size) {
		struct parked *slot = &seek->parked[0];
		for (unsigned i = 1; i < seek->park; i++) {
			struct parked *one = &seek->parked[i];
			if (slot->decoder && (!one->decoder || one->since < slot->since))
				slot = one;
		}
		old = slot->decoder;
		*slot = (struct parked){decoder, at, ++seek->clock};
	}
	pthread_mutex_unlock(&seek->lock);
	seek->ops->stop(old);
}

static void count(struct seek *seek, uint64_t bytes)
{
	pthread_mutex_lock(&seek->lock);
	seek->unpacked += bytes;
	pthread_mutex_unlock(&seek->lock);
}

/* Unpack what is before the piece into its place, then the piece. */
static enum vmi_status unpack(void *context, uint64_t index, uint8_t *to, size_t len,
			      struct vmi_error *err)
{
	struct seek *seek = context;
	uint64_t begin = index * seek->piece, at = 0;
	const struct checkpoint *point = checkpoints_find(&seek->points, begin);
	void *decoder = decoder_find(seek, begin, point, &at);
	enum vmi_status st = VMI_OK;

	if (!decoder) {
		at = point->out;
		st = seek->ops->start(seek->self, point, &decoder, err);
	}
	uint64_t first = at;
	while (!st && at < begin + len) {
		uint64_t end = at < begin ? begin : begin + len;
		size_t n = end - at < len ? (size_t)(end - at) : len;
		st = seek->ops->next(decoder, to, n, err);
		at += n;
	}
	count(seek, at - first);
	if (st) {
		seek->ops->stop(decoder);
		return vmi_wrap(err, st, "unpacking content offset 0x%" PRIx64, begin);
	}
	decoder_keep(seek, decoder, at);
	return VMI_OK;
}

enum vmi_status seek_init(struct seek *seek, const struct seek_ops *ops, void *self, size_t piece,
			  unsigned park, size_t limit, struct vmi_error *err)
{
	seek->ops = ops;
	seek->self = self;
	seek->piece = piece;
	seek->park = park < SEEK_PARKED ? park : SEEK_PARKED;
	pthread_mutex_init(&seek->lock, NULL);
	seek->locking = true;
	seek->blocks = blocks_create(limit, unpack, seek);
	return seek->blocks ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
}

enum vmi_status seek_read(struct seek *seek, uint64_t offset, void *buf, size_t len,
			  struct vmi_error *err)
{
	uint8_t *out = buf;
	enum vmi_status st = VMI_OK;

	while (len && !st) {
		uint64_t index = offset / seek->piece, begin = index * seek->piece;
		size_t whole = seek->size - begin < seek->piece ? (size_t)(seek->size - begin)
								: seek->piece;
		size_t skip = (size_t)(offset - begin);
		size_t n = whole - skip < len ? whole - skip : len;
		st = blocks_read(seek->blocks, index, whole, skip, out, n, err);
		out += n;
		offset += n;
		len -= n;
	}
	return st;
}

void seek_deinit(struct seek *seek)
{
	for (unsigned i = 0; i < SEEK_PARKED; i++)
		if (seek->parked[i].decoder)
			seek->ops->stop(seek->parked[i].decoder);
	blocks_destroy(seek->blocks);
	checkpoints_deinit(&seek->points);
	if (seek->locking)
		pthread_mutex_destroy(&seek->lock);
}

uint64_t seek_unpacked(struct seek *seek)
{
	pthread_mutex_lock(&seek->lock);
	uint64_t unpacked = seek->unpacked;
	pthread_mutex_unlock(&seek->lock);
	return unpacked;
}

void seek_warn(const struct seek *seek, const struct vmi_target *target, const char *what)
{
	uint64_t gap = checkpoints_gap(&seek->points, seek->size);

	if (gap > FAR)
		target->warn(
			target,
			"a read at random from this %s unpacks up to %" PRIu64
			" MiB; converting it (vmi-dump convert --compress lz4) makes that fast",
			what, gap >> 20);
}
