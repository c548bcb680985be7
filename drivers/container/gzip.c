/* SPDX-License-Identifier: MIT */
/*
 * gzip files and zlib streams. Where one can begin in them is found by inflating all of it once;
 * the size is counted by that, for the one at the end of a gzip file is cut to 32 bits and of the
 * last member only.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "index_file.h"
#include "inflater.h"
#include "seek.h"

struct gzip {
	struct seek seek;
	const struct vmi_source *outer;
	enum wrapping wrapping;
	bool damaged;
};

enum {
	SPAN = 512 << 10, /* bytes between checkpoints, until they become too many */
	HISTORY = INFLATER_WINDOW + INFLATER_BACK,
};

/* ---- decoders --------------------------------------------------------------------------- */

static void gzip_stop(void *decoder)
{
	if (decoder)
		inflater_deinit(decoder);
	free(decoder);
}

static enum vmi_status gzip_start(void *self, const struct checkpoint *from, void **decoder,
				  struct vmi_error *err)
{
	const struct gzip *gzip = self;
	struct inflater *in = calloc(1, sizeof(*in));

	if (!in)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = inflater_init(in, gzip->outer, gzip->wrapping, err);
	if (!st)
		st = inflater_resume(in, from, err);
	if (st) {
		gzip_stop(in);
		return st;
	}
	*decoder = in;
	return VMI_OK;
}

static enum vmi_status gzip_next(void *decoder, uint8_t *to, size_t len, struct vmi_error *err)
{
	size_t got;
	enum vmi_status st = inflater_next(decoder, to, len, &got, err);

	/* What is wrong behind the content, as with its checksum, was said when it was opened. */
	if (got == len)
		return VMI_OK;
	return st == VMI_END ? vmi_fail(err, VMI_ERR_CORRUPT, "the content ends before its size")
			     : st;
}

static const struct seek_ops gzip_seek = {gzip_start, gzip_next, gzip_stop};

/* ---- the index -------------------------------------------------------------------------- */

/* What is lost when a place is damaged is all behind it: nothing says where to go on. */
static void warn_of(struct gzip *gzip, const struct inflater *in, enum vmi_status st,
		    const struct vmi_target *target, const struct vmi_error *err)
{
	const char *what = gzip->wrapping == WRAPPING_GZIP ? "gzip" : "zlib";

	if (st == VMI_ERR_CORRUPT)
		target->warn(target,
			     "%s: %s; what lies behind content offset 0x%" PRIx64 " is lost", what,
			     err->text, gzip->seek.size);
	if (in->wrong)
		target->warn(target,
			     "%s: %u wrong checksum%s, the last of what begins at file offset "
			     "0x%" PRIx64 ": some of its bytes are damaged",
			     what, in->wrong, in->wrong == 1 ? "" : "s", in->wrong_in);
	if (in->garbage)
		target->warn(target,
			     "%s: the last 0x%" PRIx64 " bytes of the file do not belong to it",
			     what, in->garbage);
	gzip->damaged = st == VMI_ERR_CORRUPT || in->wrong || in->garbage;
}

static enum vmi_status remember(struct gzip *gzip, struct inflater *in, const uint8_t *end,
				struct vmi_error *err)
{
	uint8_t *state;
	size_t len;

	if (!checkpoints_due(&gzip->seek.points, gzip->seek.size))
		return VMI_OK;
	enum vmi_status st = inflater_save(in, end, &state, &len, err);
	return st || !state ? st
			    : checkpoints_add(&gzip->seek.points, gzip->seek.size,
					      inflater_position(in), state, len, err);
}

static enum vmi_status inflate_all(struct gzip *gzip, struct inflater *in, uint8_t *buffer,
				   const struct vmi_target *target, struct vmi_error *err)
{
	struct seek *seek = &gzip->seek;
	enum vmi_status st = checkpoints_add(&seek->points, 0, 0, NULL, 0, err);

	while (!st) {
		uint8_t *piece = buffer + HISTORY;
		size_t got;
		st = inflater_next(in, piece, SEEK_PIECE, &got, err);
		seek->size += got;
		if (st)
			break;
		vmi_progress(target->options, inflater_position(in), vmi_source_size(gzip->outer));
		st = remember(gzip, in, piece + got, err);
		memmove(buffer, buffer + SEEK_PIECE, HISTORY);
	}
	if (st == VMI_END || (st == VMI_ERR_CORRUPT && seek->size)) {
		warn_of(gzip, in, st, target, err);
		return VMI_OK;
	}
	return st;
}

static enum vmi_status gzip_index(struct gzip *gzip, const struct vmi_target *target,
				  struct vmi_error *err)
{
	struct inflater in;
	struct vmi_error own;

	err = err ? err : &own; /* its words are needed for a warning */
	gzip->seek.points.span = SPAN;
	enum vmi_status st = inflater_init(&in, gzip->outer, gzip->wrapping, err);
	if (st)
		return st;
	in.checking = true;
	uint8_t *buffer = calloc(1, HISTORY + SEEK_PIECE);
	st = buffer ? inflate_all(gzip, &in, buffer, target, err)
		    : vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	free(buffer);
	inflater_deinit(&in);
	return st;
}

/* ---- the container ---------------------------------------------------------------------- */

static enum vmi_status gzip_open_as(struct gzip *gzip, enum wrapping wrapping,
				    const struct vmi_source *outer, const struct vmi_target *target,
				    uint64_t *size, struct vmi_error *err)
{
	const struct index_file file = {outer, target, wrapping == WRAPPING_GZIP ? "gzip" : "zlib"};
	struct seek *seek = &gzip->seek;
	enum vmi_status st = VMI_OK;

	gzip->outer = outer;
	gzip->wrapping = wrapping;
	if (!index_file_load(&file, &seek->points, &seek->size)) {
		st = gzip_index(gzip, target, err);
		if (!st && !gzip->damaged)
			index_file_save(&file, &seek->points, seek->size);
	}
	if (st)
		return st;
	seek_warn(seek, target, file.what);
	*size = seek->size;
	return seek_init(seek, &gzip_seek, gzip, SEEK_PIECE, SEEK_PARKED,
			 target->options->unpack_bytes, err);
}

static enum vmi_status gzip_open(void *self, const struct vmi_source *outer,
				 const struct vmi_target *target, uint64_t *size,
				 const uint8_t **map, struct vmi_error *err)
{
	(void)map;
	return gzip_open_as(self, WRAPPING_GZIP, outer, target, size, err);
}

static enum vmi_status zlib_open(void *self, const struct vmi_source *outer,
				 const struct vmi_target *target, uint64_t *size,
				 const uint8_t **map, struct vmi_error *err)
{
	(void)map;
	return gzip_open_as(self, WRAPPING_ZLIB, outer, target, size, err);
}

static void gzip_close(void *self)
{
	struct gzip *gzip = self;

	seek_deinit(&gzip->seek);
}

static enum vmi_status gzip_read(void *self, uint64_t offset, void *buf, size_t len,
				 struct vmi_error *err)
{
	struct gzip *gzip = self;

	return seek_read(&gzip->seek, offset, buf, len, err);
}

static bool gzip_probe(const uint8_t *head, size_t len)
{
	return len >= 4 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && head[3] < 0x20;
}

/*
 * Two bytes, of which few values are none: too little to tell a zlib stream from memory. So it is
 * one only if what comes out of it begins as images do.
 */
static bool zlib_probe(const uint8_t *head, size_t len)
{
	static const char *const images[] = {
		"\177ELF",
		"KDUMP   ",
		"DISKDUMP",
		"makedumpfile",
		"EMiL\1",
		"AVML\2",
		"PAGEDU",
		"QEVM",
		"LibvirtQemud",
		"\x1f\x8b\x08",
		"\x04\x22\x4d\x18",
		("\xfd" /* which 7 would continue */
		 "7zXZ"),
		"\x28\xb5\x2f\xfd",
		"Xen saved domain",
	};
	uint8_t begin[16] = {0};
	z_stream z = {.next_in = (Bytef *)(uintptr_t)head,
		      .avail_in = (uInt)len,
		      .next_out = begin,
		      .avail_out = sizeof(begin)};

	if (len < 2 || (head[0] & 15) != 8 || head[0] >> 4 > 7 || head[1] & 0x20 ||
	    (head[0] << 8 | head[1]) % 31 || inflateInit(&z) != Z_OK)
		return false;
	inflate(&z, Z_SYNC_FLUSH);
	inflateEnd(&z);
	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
		if (!memcmp(begin, images[i], strlen(images[i])))
			return true;
	return false;
}

const struct vmi_container_ops container_gzip = {
	.name = "gzip",
	.state_size = sizeof(struct gzip),
	.probe = gzip_probe,
	.open = gzip_open,
	.close = gzip_close,
	.read = gzip_read,
};

const struct vmi_container_ops container_zlib = {
	.name = "zlib",
	.state_size = sizeof(struct gzip),
	.probe = zlib_probe,
	.open = zlib_open,
	.close = gzip_close,
	.read = gzip_read,
};
