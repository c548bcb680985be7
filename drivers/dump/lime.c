/* SPDX-License-Identifier: MIT */
/*
 * LiME (https://github.com/jtsylve/LiME, doc/README.md): ranges of memory, each behind a header of
 * its own. AVML writes the same when it is not asked to compress.
 *
 *	u32 "EMiL", u32 version (1), u64 first address, u64 last address, u64 reserved
 */

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "extents.h"

enum { HEADER_SIZE = 32, HEADER_FIRST = 8, HEADER_LAST = 16 };
static const char magic[8] = "EMiL\1\0\0";

struct lime {
	struct extents extents; /* first: extents_self_get() */
};

/* What is only needed while opening. */
struct loading {
	const struct vmi_target *target;
	struct segments segments;
	uint64_t at;      /* of the next header, in the file */
	size_t exclusive; /* ranges whose "last address" is the one behind */
};

static bool is_header(const uint8_t *bytes)
{
	return !memcmp(bytes, magic, sizeof(magic));
}

static bool lime_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	return head && len >= sizeof(magic) && is_header(head);
}

/* Does a range end well at `offset`: with the file, or where the next one begins? */
static bool ends_well(const struct vmi_source *source, uint64_t offset)
{
	uint8_t next[sizeof(magic)];

	if (offset == vmi_source_size(source))
		return true;
	return !vmi_source_read(source, offset, next, sizeof(next), NULL) && is_header(next);
}

/*
 * The last address belongs to the range; but there are writers who mean the one behind, so that all
 * that follows is one byte off. Whichever of the two leads to the next header is right, and the
 * format's own meaning where neither does.
 */
static uint64_t range_size(struct loading *l, uint64_t first, uint64_t last)
{
	uint64_t data = l->at + HEADER_SIZE, rest = vmi_source_size(l->target->source) - data;
	uint64_t size = last - first;

	if (size < rest && ends_well(l->target->source, data + size + 1))
		return size + 1;
	if (size && size <= rest && ends_well(l->target->source, data + size)) {
		l->exclusive++;
		return size;
	}
	return size == UINT64_MAX ? size : size + 1;
}

/* What is wrong at l->at: an error when there was no memory before it, else a warning. */
static enum vmi_status broken(const struct loading *l, const char *what, struct vmi_error *err)
{
	if (!l->segments.count)
		return vmi_fail(err, VMI_ERR_CORRUPT, "%s at file offset 0x%" PRIx64, what, l->at);
	l->target->warn(l->target,
			"%s at file offset 0x%" PRIx64 ": what is there and behind is left out",
			what, l->at);
	return VMI_END;
}

/* Take one range in. VMI_END: nothing that can be read follows. */
static enum vmi_status load_range(struct loading *l, struct vmi_error *err)
{
	const struct vmi_source *source = l->target->source;
	uint8_t header[HEADER_SIZE];

	if (l->at == vmi_source_size(source))
		return VMI_END;
	if (vmi_source_size(source) - l->at < HEADER_SIZE)
		return broken(l, "a header is cut off", err);
	enum vmi_status st = vmi_source_read(source, l->at, header, sizeof(header), err);
	if (st)
		return st;
	if (!is_header(header))
		return broken(l, "no header of a LiME range", err);
	uint64_t first = le64(header + HEADER_FIRST), last = le64(header + HEADER_LAST);
	if (last < first)
		return broken(l, "a range that ends before it begins", err);

	uint64_t size = range_size(l, first, last), data = l->at + HEADER_SIZE;
	st = segments_add(&l->segments, source, first, size, size, data, err);
	if (st)
		return st;
	if (size > vmi_source_size(source) - data)
		return VMI_END; /* the segments know that it is cut */
	l->at = data + size;
	return VMI_OK;
}

static void warn(const struct loading *l, const struct extents *extents)
{
	const struct vmi_target *target = l->target;

	segments_warn_cut(&l->segments, target, target->source,
			  ", and any ranges behind them are lost");
	segments_warn_beyond(&l->segments, target, "ranges");
	extents_warn_conflicts(extents, target, "ranges");
	if (l->exclusive)
		target->warn(target,
			     "%zu of the ranges give the address behind their last byte as the "
			     "last: taken so, as the file has no byte more",
			     l->exclusive);
}

static enum vmi_status load(struct loading *l, struct extents *extents, struct vmi_error *err)
{
	enum vmi_status st;

	while (!(st = load_range(l, err)))
		vmi_progress(l->target->options, l->at, vmi_source_size(l->target->source));
	if (st != VMI_END)
		return st;
	st = extents_build(extents, &l->segments, l->target->source, err);
	if (!st && !extents->count)
		st = vmi_fail(err, VMI_ERR_CORRUPT,
			      "it ends at 0x%" PRIx64 ", before any of its memory",
			      vmi_source_size(l->target->source));
	if (!st)
		warn(l, extents);
	return st;
}

static enum vmi_status lime_open(void *self, const struct vmi_target *target, unsigned *caps,
				 struct vmi_error *err)
{
	struct lime *lime = self;
	struct loading l = {.target = target};

	(void)caps;
	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	enum vmi_status st = load(&l, &lime->extents, err);
	segments_deinit(&l.segments);
	return st ? vmi_wrap(err, st, "%s", target->name) : VMI_OK;
}

static void lime_info(void *self, struct vmi_info *info)
{
	const struct lime *lime = self;

	info->format = "lime";
	info->machine = VMI_MACHINE_UNKNOWN;
	info->max_gfn = (lime->extents.end - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = lime->extents.bytes;
}

const struct vmi_driver_ops driver_lime = {
	.name = "lime",
	.state_size = sizeof(struct lime),
	.concurrent = true,
	.probe = lime_probe,
	.open = lime_open,
	.close = extents_self_close,
	.info = lime_info,
	.page = {.get = extents_self_get,
		 .put = extents_self_put,
		 .run_next = extents_self_run_next,
		 .absent_next = extents_self_absent_next},
};
