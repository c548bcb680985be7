/* SPDX-License-Identifier: MIT */
#ifndef CONTAINER_SEEK_H
#define CONTAINER_SEEK_H

#include <pthread.h>

#include "blocks.h"
#include "checkpoints.h"

/**
 * Reading packed content at random: it is cut into pieces, which are unpacked from the checkpoint
 * before them and kept in a cache. A decoder that has done its piece is kept for a while, so that
 * reading on costs no way from a checkpoint.
 */
struct seek_ops {
	/* A decoder at `from`. Called by several threads at once. */
	enum vmi_status (*start)(void *self, const struct checkpoint *from, void **decoder,
				 struct vmi_error *err);
	/* The next `len` bytes, all of them. */
	enum vmi_status (*next)(void *decoder, uint8_t *to, size_t len, struct vmi_error *err);
	void (*stop)(void *decoder); /* NULL is allowed */
};

enum { SEEK_PARKED = 4, SEEK_PIECE = 256 << 10 };

struct seek {
	const struct seek_ops *ops;
	void *self;
	uint64_t size; /* of the content */
	size_t piece;
	struct checkpoints points;
	struct blocks *blocks;

	pthread_mutex_t lock; /* what follows */
	bool locking;
	struct parked {
		void *decoder;
		uint64_t at, since;
	} parked[SEEK_PARKED];
	unsigned park; /* so many */
	uint64_t clock;
	uint64_t unpacked; /* bytes, ever */
};

/*
 * When the checkpoints, the first at 0, and the size are there. `piece`: bytes; `park`: how many
 * decoders may be kept, at most SEEK_PARKED; `limit`: of the cache, 0: the default.
 */
VMI_CHECKED enum vmi_status seek_init(struct seek *seek, const struct seek_ops *ops, void *self,
				      size_t piece, unsigned park, size_t limit,
				      struct vmi_error *err);
VMI_CHECKED enum vmi_status seek_read(struct seek *seek, uint64_t offset, void *buf, size_t len,
				      struct vmi_error *err);
/* Zeroed or half-initialised is allowed. */
void seek_deinit(struct seek *seek);

/* How many bytes have been unpacked since seek_init(), those on the way to a piece included. */
uint64_t seek_unpacked(struct seek *seek);
/* Warn when a random page is far from a checkpoint. */
void seek_warn(const struct seek *seek, const struct vmi_target *target, const char *what);

#endif
