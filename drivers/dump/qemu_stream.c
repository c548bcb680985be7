/* SPDX-License-Identifier: MIT */
/*
 * The sections of a migration stream (QEMU's docs/devel/migration.rst, migration/savevm.c), up to
 * the state of devices. Big-endian.
 */

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "cursor.h"
#include "qemu_stream.h"

enum section {
	SECTION_EOF = 0x00,
	SECTION_START = 0x01,
	SECTION_PART = 0x02,
	SECTION_END = 0x03,
	SECTION_FULL = 0x04,
	SECTION_SUBSECTION = 0x05,
	SECTION_CONFIGURATION = 0x07,
	SECTION_COMMAND = 0x08,
	SECTION_FOOTER = 0x7e,
};

enum { RAM_VERSION = 4 };

struct loading {
	const struct vmi_target *target;
	struct qemu_stream *stream;
	struct qemu_ram *ram;
	struct cursor cursor;
	uint32_t ram_section;
	bool has_ram;
	struct vmi_error *err;
};

/* ---- the configuration ---------------------------------------------------------------------- */

/* u32 count; u8 length, name of each: which capabilities change what is in the stream. */
static bool read_capabilities(struct loading *l)
{
	struct ram_features *features = &l->ram->features;
	uint32_t count;
	char name[256];

	if (!cursor_be32(&l->cursor, &count))
		return false;
	while (count--) {
		if (!cursor_name(&l->cursor, name))
			return false;
		features->mapped |= !strcmp(name, "mapped-ram");
		features->ignore_shared |= !strcmp(name, "x-ignore-shared");
	}
	return true;
}

/* u8 SUBSECTION; u8 length, name; u32 version; then what the name says. */
static enum vmi_status read_subsection(struct loading *l)
{
	char name[256];
	uint32_t bits, version;

	if (!cursor_skip(&l->cursor, 1) || !cursor_name(&l->cursor, name) ||
	    !cursor_be32(&l->cursor, &version))
		return l->cursor.status;
	if (!strcmp(name, "configuration/capabilities"))
		return read_capabilities(l) ? VMI_OK : l->cursor.status;
	if (!strcmp(name, "configuration/uuid"))
		return cursor_skip(&l->cursor, 16) ? VMI_OK : l->cursor.status;
	if (strcmp(name, "configuration/target-page-bits") != 0)
		return vmi_fail(
			l->err, VMI_ERR_UNSUPPORTED,
			"the configuration has a part '%s', which this version does not know",
			name);
	if (!cursor_be32(&l->cursor, &bits))
		return l->cursor.status;
	if (bits != VMI_PAGE_SHIFT)
		return vmi_fail(l->err, VMI_ERR_UNSUPPORTED,
				"pages of 2^%" PRIu32 " bytes: this is no x86", bits);
	return VMI_OK;
}

/* u32 length, name of the machine. Old ones have no configuration. */
static enum vmi_status read_configuration(struct loading *l)
{
	struct cursor *c = &l->cursor;
	const uint8_t *bytes;
	uint32_t len;

	if (!cursor_skip(c, QEMU_MAGIC_SIZE) || !(bytes = cursor_peek(c, 1)))
		return c->status;
	if (*bytes != SECTION_CONFIGURATION)
		return VMI_OK;
	if (!cursor_skip(c, 1) || !cursor_be32(c, &len))
		return c->status;
	if (len >= sizeof(l->stream->machine))
		return vmi_fail(l->err, VMI_ERR_CORRUPT,
				"the name of the machine has %" PRIu32 " bytes", len);
	if (!(bytes = cursor_take(c, len)))
		return c->status;
	memcpy(l->stream->machine, bytes, len);
	while ((bytes = cursor_peek(c, 1)) && *bytes == SECTION_SUBSECTION) {
		enum vmi_status st = read_subsection(l);
		if (st)
			return st;
	}
	return c->status;
}

/* ---- sections ------------------------------------------------------------------------------- */

/*
 * A section of something else, whose length nobody knows. Behind it is a footer with its number,
 * and then a section begins.
 */
static enum vmi_status skip_section(struct loading *l, uint32_t id)
{
	const uint8_t *bytes;

	while ((bytes = cursor_peek(&l->cursor, 6))) {
		if (bytes[0] == SECTION_FOOTER && be32(bytes + 1) == id && bytes[5] &&
		    (bytes[5] <= SECTION_FULL || bytes[5] == SECTION_COMMAND))
			return VMI_OK;
		cursor_skip(&l->cursor, 1);
	}
	return l->cursor.status;
}

/* u32 number; u8 length, name; u32 instance, version. */
static enum vmi_status read_start(struct loading *l)
{
	uint32_t id, instance, version;
	char name[256];

	if (!cursor_be32(&l->cursor, &id) || !cursor_name(&l->cursor, name) ||
	    !cursor_be32(&l->cursor, &instance) || !cursor_be32(&l->cursor, &version))
		return l->cursor.status;
	if (strcmp(name, "ram") != 0)
		return skip_section(l, id);
	if (version != RAM_VERSION)
		return vmi_fail(l->err, VMI_ERR_UNSUPPORTED,
				"its memory is in version %" PRIu32
				" of that section, and only %d is known",
				version, RAM_VERSION);
	l->ram_section = id;
	l->has_ram = true;
	return qemu_ram_section(l->ram, &l->cursor, l->target, l->err);
}

static enum vmi_status read_more(struct loading *l, uint8_t type)
{
	uint32_t id;

	if (!cursor_be32(&l->cursor, &id))
		return l->cursor.status;
	if (!l->has_ram || id != l->ram_section)
		return skip_section(l, id);
	enum vmi_status st = qemu_ram_section(l->ram, &l->cursor, l->target, l->err);
	if (!st && type == SECTION_END)
		l->ram->complete = true;
	return st;
}

static enum vmi_status read_command(struct loading *l)
{
	const uint8_t *head = cursor_take(&l->cursor, 4); /* u16 command, u16 length */

	return head && cursor_skip(&l->cursor, be16(head + 2)) ? VMI_OK : l->cursor.status;
}

static enum vmi_status read_section(struct loading *l)
{
	uint64_t at = l->cursor.at;
	uint8_t type;

	if (!cursor_u8(&l->cursor, &type))
		return l->cursor.status;
	switch (type) {
	case SECTION_START:
		return read_start(l);
	case SECTION_PART:
	case SECTION_END:
		return read_more(l, type);
	case SECTION_FOOTER:
		return cursor_skip(&l->cursor, 4) ? VMI_OK : l->cursor.status;
	case SECTION_COMMAND:
		return read_command(l);
	case SECTION_FULL:
		l->stream->devices = at;
		return VMI_OK;
	case SECTION_EOF:
		return vmi_fail(l->err, VMI_ERR_CORRUPT,
				"the stream ends at file offset 0x%" PRIx64
				" without the state of a device",
				at);
	default:
		return vmi_fail(l->err, VMI_ERR_CORRUPT,
				"a section of type 0x%x at file offset 0x%" PRIx64, type, at);
	}
}

/* All sections up to the devices'. What is wrong behind the first memory is a warning. */
static enum vmi_status read_sections(struct loading *l)
{
	enum vmi_status st = VMI_OK;

	while (!st && !l->stream->devices)
		st = read_section(l);
	if (st == VMI_ERR_NOMEM || st == VMI_ERR_IO || st == VMI_ERR_UNSUPPORTED ||
	    (st && !l->ram->blocks.count))
		return st;
	if (st == VMI_END)
		l->target->warn(l->target,
				"the stream is not finished: it ends at 0x%" PRIx64
				" amid its memory",
				vmi_source_size(l->target->source));
	else if (st)
		l->target->warn(l->target, "the stream cannot be read on: %s",
				l->err ? l->err->text : "it is corrupt");
	return VMI_OK;
}

static enum vmi_status check_sent(const struct loading *l)
{
	const struct qemu_ram *ram = l->ram;
	bool mapped = false;

	for (uint32_t i = 0; i < ram->blocks.count; i++)
		mapped |= ram->blocks.list[i].mapped;
	if (mapped || ram->pages.count)
		return VMI_OK;
	if (ram->multifd || ram->complete)
		return vmi_fail(
			l->err, VMI_ERR_UNSUPPORTED,
			"the file has no page of the guest's memory: with multifd it goes over other channels; "
			"migrate to a file without multifd, or with mapped-ram");
	return vmi_fail(l->err, VMI_ERR_CORRUPT,
			"the file ends at 0x%" PRIx64 ", before any of the guest's memory",
			vmi_source_size(l->target->source));
}

enum vmi_status qemu_stream_read(struct qemu_stream *stream, struct qemu_ram *ram,
				 const struct vmi_target *target, struct vmi_error *err)
{
	struct loading l = {.target = target, .stream = stream, .ram = ram, .err = err};

	ram->source = target->source;
	ram->current = UINT32_MAX;
	cursor_init(&l.cursor, target->source, err);
	enum vmi_status st = read_configuration(&l);
	if (!st)
		st = read_sections(&l);
	cursor_deinit(&l.cursor);
	if (st == VMI_END)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it ends at 0x%" PRIx64 ", before any of the guest's memory",
				vmi_source_size(target->source));
	if (!st && !pages_finish(&ram->pages))
		st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the table of pages");
	return st ? st : check_sent(&l);
}
