/* SPDX-License-Identifier: MIT */
#ifndef DUMP_CURSOR_H
#define DUMP_CURSOR_H

#include <vmi/driver.h>

/**
 * A place in a source from which a stream is read record by record, without a mapping through a
 * buffer. What comes first, the end of the source or a failure of the host, stays: ask `status`
 * whenever a function returned no bytes.
 */
struct cursor {
	const struct vmi_source *source;
	uint64_t at;
	enum vmi_status status; /* VMI_END: the source ends within what was asked for */
	/* The rest is private. */
	uint8_t *buffer;
	uint64_t start;
	size_t len;
	struct vmi_error *err;
};

enum { CURSOR_MAX = 64 << 10 };

/* `err` is borrowed for the cursor's life, and may be NULL. */
void cursor_init(struct cursor *cursor, const struct vmi_source *source, struct vmi_error *err);
void cursor_deinit(struct cursor *cursor);

/* The next `len` bytes, at most CURSOR_MAX, good until the next call; NULL when they are not there.
 */
const uint8_t *cursor_peek(struct cursor *cursor, size_t len);
/* The same, and go behind them. */
const uint8_t *cursor_take(struct cursor *cursor, size_t len);
/* Go on by any length. False when that is past the end. */
bool cursor_skip(struct cursor *cursor, uint64_t len);
/* Big-endian integers. False, and *value untouched, when they are not there. */
bool cursor_u8(struct cursor *cursor, uint8_t *value);
bool cursor_be32(struct cursor *cursor, uint32_t *value);
bool cursor_be64(struct cursor *cursor, uint64_t *value);
/* A string behind its length of one byte; `text` becomes terminated. */
bool cursor_name(struct cursor *cursor, char text[256]);

#endif
