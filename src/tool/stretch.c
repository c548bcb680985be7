/* SPDX-License-Identifier: MIT */
/* Pieces that can be read, joined to stretches, cut into units. */

#include "stretch.h"

void piece_begin(struct piece_iter *iter, struct vmi *vm, const struct vmi_space *space,
		 uint64_t first, uint64_t last)
{
	*iter = (struct piece_iter){.vm = vm, .space = space, .at = first, .last = last};
	if (space)
		vmi_range_begin(&iter->ranges, vm, space, first, last);
}

/* Of a run, what lies from `first` to `last`; false when the run begins behind. */
static bool clip(const struct vmi_run *run, uint64_t first, uint64_t last, struct piece *piece)
{
	uint64_t run_last = run->gpa + (run->size - 1);
	uint64_t from = run->gpa > first ? run->gpa : first;

	if (from > last)
		return false;
	*piece = (struct piece){
		.addr = from,
		.size = (run_last < last ? run_last : last) - from + 1,
		.zero = run->kind == VMI_RUN_ZERO,
	};
	return true;
}

static enum vmi_status physical_next(struct piece_iter *iter, struct piece *piece,
				     struct vmi_error *err)
{
	struct vmi_run run;

	enum vmi_status status = vmi_run_next(iter->vm, iter->at, &run, err);
	if (status)
		return status;
	if (!clip(&run, iter->at, iter->last, piece))
		return VMI_END;
	iter->at = piece->addr + piece->size;
	iter->ended = !iter->at || iter->at > iter->last;
	return VMI_OK;
}

/* Pages may be known of a hole, and tables that are entries of tables are no pages. */
static bool may_be_read(const struct vmi_range *range)
{
	enum { LEVEL_HUGE = 2 };

	return range->status == VMI_OK || (range->paged && range->level <= LEVEL_HUGE);
}

/* The next range that may be read, as far as it was asked for. */
static enum vmi_status range_next(struct piece_iter *iter, struct vmi_error *err)
{
	enum vmi_status status;

	do {
		status = vmi_range_next(&iter->ranges, &iter->range, err);
	} while (!status && !may_be_read(&iter->range));
	if (status) {
		iter->range.size = 0;
		return status;
	}
	/* The library gives whole ranges; the first and the last may stick out. */
	if (iter->range.gva < iter->at) {
		uint64_t skip = iter->at - iter->range.gva;

		iter->range.gva += skip;
		iter->range.gpa += skip;
		iter->range.size -= skip;
	}
	if (iter->range.size - 1 > iter->last - iter->range.gva)
		iter->range.size = iter->last - iter->range.gva + 1;
	return VMI_OK;
}

/* The next pages of a hole that somebody knows all the same; false: there are none. */
static bool paged_next(struct piece_iter *iter, struct piece *piece)
{
	struct vmi_range *hole = &iter->range;
	uint8_t byte;

	*piece = (struct piece){.addr = hole->gva};
	while (hole->size) {
		uint64_t left = VMI_PAGE_SIZE - hole->gva % VMI_PAGE_SIZE;
		bool known =
			!vmi_read_bytes(iter->vm, iter->space, hole->gva, &byte, 1, NULL, NULL);

		if (!known && piece->size)
			break;
		left = left < hole->size ? left : hole->size;
		hole->gva += left;
		hole->size -= left;
		piece->size += known ? left : 0;
		piece->addr += known ? 0 : left;
	}
	return piece->size != 0;
}

static enum vmi_status virtual_next(struct piece_iter *iter, struct piece *piece,
				    struct vmi_error *err)
{
	struct vmi_range *range = &iter->range;
	struct vmi_run run;

	for (;;) {
		if (!range->size) {
			enum vmi_status status = range_next(iter, err);
			if (status)
				return status;
		}
		if (range->status) {
			if (paged_next(iter, piece))
				return VMI_OK;
			continue;
		}
		enum vmi_status status = vmi_run_next(iter->vm, range->gpa, &run, err);
		if (status && status != VMI_END)
			return status;
		if (status == VMI_END ||
		    !clip(&run, range->gpa, range->gpa + (range->size - 1), piece)) {
			range->size = 0;
			continue;
		}
		uint64_t used = piece->addr + piece->size - range->gpa;

		piece->addr += range->gva - range->gpa;
		range->gva += used;
		range->gpa += used;
		range->size -= used;
		return VMI_OK;
	}
}

enum vmi_status piece_next(struct piece_iter *iter, struct piece *piece, struct vmi_error *err)
{
	if (iter->ended)
		return VMI_END;
	return iter->space ? virtual_next(iter, piece, err) : physical_next(iter, piece, err);
}

void unit_begin(struct unit_iter *iter, struct vmi *vm, const struct vmi_space *space,
		uint64_t margin)
{
	*iter = (struct unit_iter){.margin = margin};
	piece_begin(&iter->pieces, vm, space, 0, UINT64_MAX);
}

/* Have a piece in ahead[0]; long zeros become their two ends, and the gap ends the stretch. */
static enum vmi_status look_ahead(struct unit_iter *iter, struct vmi_error *err)
{
	struct piece *piece = &iter->ahead[0];

	while (!iter->ahead_count) {
		enum vmi_status status = piece_next(&iter->pieces, piece, err);
		if (status)
			return status;
		if (!piece->zero || piece->size <= 2 * iter->margin) {
			iter->ahead_count = 1;
		} else if (iter->margin) {
			iter->ahead[1] = (struct piece){
				.addr = piece->addr + (piece->size - iter->margin),
				.size = iter->margin,
			};
			piece->size = iter->margin;
			iter->ahead_count = 2;
		}
	}
	return VMI_OK;
}

static void take_ahead(struct unit_iter *iter)
{
	iter->ahead[0] = iter->ahead[1];
	iter->ahead_count--;
}

enum vmi_status unit_next(struct unit_iter *iter, struct unit *unit, struct vmi_error *err)
{
	enum vmi_status status;

	while (iter->left < UNIT_SIZE) {
		status = look_ahead(iter, err);
		if (status && (status != VMI_END || !iter->left))
			return status;
		if (status)
			break;
		if (!iter->left && (iter->addr != iter->ahead[0].addr || !iter->before)) {
			iter->addr = iter->ahead[0].addr;
			iter->before = 0;
		} else if (iter->addr + iter->left != iter->ahead[0].addr) {
			break;
		}
		iter->left += iter->ahead[0].size;
		take_ahead(iter);
	}
	/* Cut where addresses are round, so that units are the same whatever came before. */
	uint64_t size = UNIT_SIZE - iter->addr % UNIT_SIZE;
	if (size > iter->left)
		size = iter->left;
	*unit = (struct unit){iter->addr, (size_t)size, iter->before};
	iter->addr += size;
	iter->left -= size;
	iter->before += size;
	return VMI_OK;
}
