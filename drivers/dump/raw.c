/* SPDX-License-Identifier: MIT */
/*
 * Flat memory: byte 0 of the file is gpa 0, unless the user says what lies where. The smallest
 * driver; the one to copy.
 */

#include <inttypes.h>

#include "extents.h"

struct raw {
	struct extents extents; /* first: extents_self_get() */
};

/*
 * The last driver in the array takes what the others left over, and the one before it turned away
 * what is no flat memory. Named by the user, this one takes anything.
 */
static bool raw_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	(void)len;
	return head;
}

/* A stretch of the user's: it must be in the file, and not where another one is. */
static enum vmi_status layout_check(const struct vmi_target *target, size_t index,
				    struct vmi_error *err)
{
	const struct vmi_layout *all = target->options->layout, *one = &all[index];
	uint64_t size = vmi_source_size(target->source);

	if (!one->size || one->gpa > UINT64_MAX - one->size)
		return vmi_fail(err, VMI_ERR_ARG,
				"the layout has 0x%" PRIx64 " bytes at gpa 0x%" PRIx64
				": that is no stretch of memory",
				one->size, one->gpa);
	if (one->size > size || one->offset > size - one->size)
		return vmi_fail(err, VMI_ERR_ARG,
				"the layout has 0x%" PRIx64 " bytes at offset 0x%" PRIx64
				", which end past the end of %s (0x%" PRIx64 ")",
				one->size, one->offset, target->name, size);
	for (size_t i = 0; i < index; i++)
		if (one->gpa < all[i].gpa + all[i].size && all[i].gpa < one->gpa + one->size)
			return vmi_fail(err, VMI_ERR_ARG, "the layout has gpa 0x%" PRIx64 " twice",
					one->gpa > all[i].gpa ? one->gpa : all[i].gpa);
	return VMI_OK;
}

static enum vmi_status place(struct segments *segments, const struct vmi_target *target,
			     struct vmi_error *err)
{
	const struct vmi_open_options *options = target->options;
	uint64_t size = vmi_source_size(target->source);
	enum vmi_status st = VMI_OK;

	if (!options->layout_count)
		return segments_add(segments, target->source, 0, size, size, 0, err);
	for (size_t i = 0; i < options->layout_count && !st; i++) {
		const struct vmi_layout *one = &options->layout[i];
		st = layout_check(target, i, err);
		if (!st)
			st = segments_add(segments, target->source, one->gpa, one->size, one->size,
					  one->offset, err);
	}
	return st;
}

static enum vmi_status raw_open(void *self, const struct vmi_target *target, unsigned *caps,
				struct vmi_error *err)
{
	struct raw *raw = self;
	struct segments segments = {0};

	(void)caps;
	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);

	enum vmi_status st = place(&segments, target, err);
	if (!st && !segments.count)
		st = vmi_fail(err, VMI_ERR_ARG, "the layout is beyond the 52 address bits of x86");
	if (!st)
		st = extents_build(&raw->extents, &segments, target->source, err);
	if (segments.beyond)
		target->warn(target, "what lies beyond the 52 address bits of x86 is left out");
	segments_deinit(&segments);
	return st;
}

/* Flat memory does not say whose it is; what reads x86 tables in it knows better. */
static void raw_info(void *self, struct vmi_info *info)
{
	const struct raw *raw = self;

	info->format = "raw";
	info->machine = VMI_MACHINE_UNKNOWN;
	info->max_gfn = (raw->extents.end - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = raw->extents.bytes;
	info->vcpus = 0;
}

const struct vmi_driver_ops driver_raw = {
	.name = "raw",
	.state_size = sizeof(struct raw),
	.concurrent = true,
	.flat = true,
	.probe = raw_probe,
	.open = raw_open,
	.close = extents_self_close,
	.info = raw_info,
	.page = {.get = extents_self_get,
		 .put = extents_self_put,
		 .run_next = extents_self_run_next,
		 .absent_next = extents_self_absent_next},
};
