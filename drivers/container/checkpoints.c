/* SPDX-License-Identifier: MIT */
/* Places from which unpacking can begin, within a limit of memory. */

#include <assert.h>
#include <stdlib.h>

#include "checkpoints.h"

static size_t weight(const struct checkpoint *point)
{
	return sizeof(*point) + point->state_len;
}

bool checkpoints_due(const struct checkpoints *points, uint64_t out)
{
	return !points->count || out - points->list[points->count - 1].out >= points->span;
}

/* Keep those that are a span apart; the first always stays. */
static void thin(struct checkpoints *points)
{
	size_t kept = 1;

	for (size_t i = 1; i < points->count; i++) {
		struct checkpoint *point = &points->list[i];
		if (point->out - points->list[kept - 1].out >= points->span) {
			points->list[kept++] = *point;
			continue;
		}
		points->bytes -= weight(point);
		free(point->state);
	}
	points->count = kept;
}

static bool grow(struct checkpoints *points)
{
	size_t room = points->room ? 2 * points->room : 64;
	struct checkpoint *list = realloc(points->list, room * sizeof(*list));

	if (!list)
		return false;
	points->list = list;
	points->room = room;
	return true;
}

enum vmi_status checkpoints_add(struct checkpoints *points, uint64_t out, uint64_t in,
				uint8_t *state, size_t state_len, struct vmi_error *err)
{
	/* One that takes a good part of the limit would drive out all the others. */
	if (!checkpoints_due(points, out) || state_len > CHECKPOINTS_LIMIT / 4) {
		free(state);
		return VMI_OK;
	}
	if (points->count == points->room && !grow(points)) {
		free(state);
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the seek index");
	}
	struct checkpoint *point = &points->list[points->count++];
	*point = (struct checkpoint){out, in, state, (uint32_t)state_len};
	points->bytes += weight(point);
	while (points->bytes > CHECKPOINTS_LIMIT) {
		points->span = points->span ? 2 * points->span : 1;
		thin(points);
	}
	return VMI_OK;
}

void checkpoints_drop(struct checkpoints *points, uint64_t out)
{
	while (points->count > 1 && points->list[points->count - 1].out >= out) {
		const struct checkpoint *point = &points->list[--points->count];
		points->bytes -= weight(point);
		free(point->state);
	}
}

const struct checkpoint *checkpoints_find(const struct checkpoints *points, uint64_t out)
{
	size_t low = 0, high = points->count;

	assert(high && points->list[0].out <= out);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (points->list[middle].out <= out)
			low = middle;
		else
			high = middle;
	}
	return &points->list[low];
}

uint64_t checkpoints_gap(const struct checkpoints *points, uint64_t size)
{
	uint64_t gap = 0;

	for (size_t i = 0; i < points->count; i++) {
		uint64_t end = i + 1 < points->count ? points->list[i + 1].out : size;
		if (end - points->list[i].out > gap)
			gap = end - points->list[i].out;
	}
	return gap;
}

void checkpoints_deinit(struct checkpoints *points)
{
	for (size_t i = 0; i < points->count; i++)
		free(points->list[i].state);
	free(points->list);
	*points = (struct checkpoints){0};
}
