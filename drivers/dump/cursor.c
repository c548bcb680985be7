/* SPDX-License-Identifier: MIT */
/* Reading a source in sequence, never past its end. */

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cursor.h"

void cursor_init(struct cursor *cursor, const struct vmi_source *source, struct vmi_error *err)
{
	*cursor = (struct cursor){.source = source, .err = err};
}

void cursor_deinit(struct cursor *cursor)
{
	free(cursor->buffer);
	cursor->buffer = NULL;
}

/* Fill the buffer from where we are on; there are `rest` bytes, and `len` of them are needed. */
static const uint8_t *refill(struct cursor *cursor, uint64_t rest)
{
	size_t want = rest < CURSOR_MAX ? (size_t)rest : CURSOR_MAX;

	if (!cursor->buffer && !(cursor->buffer = malloc(CURSOR_MAX))) {
		cursor->status = vmi_fail(cursor->err, VMI_ERR_NOMEM, "out of memory");
		return NULL;
	}
	cursor->len = 0;
	cursor->status =
		vmi_source_read(cursor->source, cursor->at, cursor->buffer, want, cursor->err);
	if (cursor->status)
		return NULL;
	cursor->start = cursor->at;
	cursor->len = want;
	return cursor->buffer;
}

const uint8_t *cursor_peek(struct cursor *cursor, size_t len)
{
	uint64_t rest = vmi_source_size(cursor->source) - cursor->at;

	if (cursor->status)
		return NULL;
	if (len > rest) {
		cursor->status = VMI_END;
		return NULL;
	}
	const uint8_t *bytes = vmi_source_at(cursor->source, cursor->at, len);
	if (bytes)
		return bytes;
	if (cursor->at >= cursor->start && cursor->at - cursor->start <= cursor->len &&
	    len <= cursor->len - (size_t)(cursor->at - cursor->start))
		return cursor->buffer + (cursor->at - cursor->start);
	return refill(cursor, rest);
}

const uint8_t *cursor_take(struct cursor *cursor, size_t len)
{
	const uint8_t *bytes = cursor_peek(cursor, len);

	if (bytes)
		cursor->at += len;
	return bytes;
}

bool cursor_skip(struct cursor *cursor, uint64_t len)
{
	if (!cursor->status && len > vmi_source_size(cursor->source) - cursor->at)
		cursor->status = VMI_END;
	if (cursor->status)
		return false;
	cursor->at += len;
	return true;
}

bool cursor_u8(struct cursor *cursor, uint8_t *value)
{
	const uint8_t *bytes = cursor_take(cursor, sizeof(*value));

	if (bytes)
		*value = *bytes;
	return bytes;
}

bool cursor_be32(struct cursor *cursor, uint32_t *value)
{
	const uint8_t *bytes = cursor_take(cursor, sizeof(*value));

	if (bytes)
		*value = be32(bytes);
	return bytes;
}

bool cursor_be64(struct cursor *cursor, uint64_t *value)
{
	const uint8_t *bytes = cursor_take(cursor, sizeof(*value));

	if (bytes)
		*value = be64(bytes);
	return bytes;
}

bool cursor_name(struct cursor *cursor, char text[256])
{
	uint8_t len;
	const uint8_t *bytes;

	if (!cursor_u8(cursor, &len) || !(bytes = cursor_take(cursor, len)))
		return false;
	memcpy(text, bytes, len);
	text[len] = '\0';
	return true;
}
