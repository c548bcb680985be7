/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_CONTAINER_H
#define FUZZ_CONTAINER_H

#include "fuzz_image.h"
#include "source.h"

/*
 * Open a container over the input and read what it says to hold: from the end, the middle and the
 * beginning, so that each of its places to begin at is used. What was read twice must be the same.
 */

static inline void fuzz_quiet(const struct vmi_target *target, const char *fmt, ...)
	VMI_PRINTF(2, 3);

static inline void fuzz_quiet(const struct vmi_target *target, const char *fmt, ...)
{
	(void)target;
	(void)fmt;
}

static inline void fuzz_reads(const struct vmi_container_ops *ops, void *self, uint64_t size)
{
	enum { LEN = 3000, STEPS = 8 };
	uint8_t there[LEN], back[LEN];

	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t offset = size / STEPS * ((i * 5 + 7) % STEPS);
		size_t len = size - offset < LEN ? (size_t)(size - offset) : LEN;
		struct vmi_error err = {0};
		enum vmi_status st = ops->read(self, offset, there, len, &err);
		fuzz_expect(!st || err.text[0]);
		if (st)
			continue;
		fuzz_expect(!ops->read(self, offset, back, len, &err));
		fuzz_expect(!memcmp(there, back, len));
	}
}

static inline void fuzz_container(const struct vmi_container_ops *ops, const uint8_t *data,
				  size_t size)
{
	const struct vmi_open_options options = {.unpack_bytes = 4096};
	const struct vmi_target target = {.name = "", .warn = fuzz_quiet, .options = &options};
	struct vmi_source *source;
	struct vmi_error err = {0};
	const uint8_t *map = NULL;
	uint64_t content = 0;

	if (!ops->probe(data, size < 4096 ? size : 4096) ||
	    source_open_memory(&source, data, size, NULL))
		return;
	void *self = calloc(1, ops->state_size);
	fuzz_expect(self != NULL);
	if (ops->open(self, source, &target, &content, &map, &err))
		fuzz_expect(err.status && err.text[0]);
	else if (content)
		fuzz_reads(ops, self, content);
	ops->close(self);
	free(self);
	source_close(source);
}

#endif
