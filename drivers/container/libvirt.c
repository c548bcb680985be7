/* SPDX-License-Identifier: MIT */
/*
 * What libvirt writes for `virsh save` and `managedsave` (src/qemu/qemu_saveimage.h): a header and
 * the domain's XML before QEMU's migration stream, which may be compressed. Numbers are in the byte
 * order of who wrote it.
 *
 *	char magic[16], u32 version, length of the XML, was running, compression, cookie, unused[14]
 */

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include <vmi/driver.h>

enum { HEADER = 92, HEADER_VERSION = 16, HEADER_LENGTH = 20, HEADER_FORMAT = 28, VERSION_MAX = 2 };
static const char magic[] = "LibvirtQemudSave", unfinished[] = "LibvirtQemudPart";

struct libvirt {
	const struct vmi_source *outer;
	uint64_t start; /* of the content */
};

/* What was the domain's is what follows. A NULL tool: it is no stranger here. */
static const struct format {
	const char *name, *tool;
} formats[] = {
	{"raw", NULL},        {"gzip", NULL}, {"bzip2", "bzip2 -dc"}, {"xz", NULL},
	{"lzop", "lzop -dc"}, {"zstd", NULL}, {"sparse", NULL},
};

static bool libvirt_probe(const uint8_t *head, size_t len)
{
	return len >= sizeof(magic) - 1 && (!memcmp(head, magic, sizeof(magic) - 1) ||
					    !memcmp(head, unfinished, sizeof(unfinished) - 1));
}

static enum vmi_status check_format(uint32_t format, uint64_t start, struct vmi_error *err)
{
	if (format >= sizeof(formats) / sizeof(formats[0]))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is compressed in way %" PRIu32
				" of libvirt, which this version does not know",
				format);
	if (!formats[format].tool)
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_UNSUPPORTED,
			"it is compressed by %s, which this version cannot read: unpack it first "
			"(tail -c +%" PRIu64 " FILE | %s)",
			formats[format].name, start + 1, formats[format].tool);
}

static enum vmi_status libvirt_open(void *self, const struct vmi_source *outer,
				    const struct vmi_target *target, uint64_t *size,
				    const uint8_t **map, struct vmi_error *err)
{
	struct libvirt *libvirt = self;
	uint8_t header[HEADER];

	(void)target;
	enum vmi_status st = vmi_source_read(outer, 0, header, sizeof(header), err);
	if (st)
		return vmi_wrap(err, st, "its header");
	if (!memcmp(header, unfinished, sizeof(unfinished) - 1))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"libvirt did not finish saving, so the file is not whole; save the "
				"domain again");
	uint32_t version = le32(header + HEADER_VERSION);
	/* Written by a big-endian host, whose guest was no x86. */
	if (version > VERSION_MAX || !version)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is of version 0x%" PRIx32 ", and only 1 and 2 are known",
				version);
	libvirt->outer = outer;
	libvirt->start = HEADER + (uint64_t)le32(header + HEADER_LENGTH);
	if (libvirt->start >= vmi_source_size(outer))
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it ends at 0x%" PRIx64 ", before QEMU's stream, which begins at "
				"0x%" PRIx64,
				vmi_source_size(outer), libvirt->start);
	st = check_format(le32(header + HEADER_FORMAT), libvirt->start, err);
	if (st)
		return st;
	*size = vmi_source_size(outer) - libvirt->start;
	*map = vmi_source_map(outer);
	if (*map)
		*map += libvirt->start;
	return VMI_OK;
}

static void libvirt_close(void *self)
{
	(void)self;
}

static enum vmi_status libvirt_read(void *self, uint64_t offset, void *buf, size_t len,
				    struct vmi_error *err)
{
	const struct libvirt *libvirt = self;

	return vmi_source_read(libvirt->outer, libvirt->start + offset, buf, len, err);
}

static const uint8_t *libvirt_at(void *self, uint64_t offset, size_t len)
{
	const struct libvirt *libvirt = self;

	return vmi_source_at(libvirt->outer, libvirt->start + offset, len);
}

static uint64_t libvirt_stretch(void *self, uint64_t offset, uint64_t end, bool *hole)
{
	const struct libvirt *libvirt = self;
	uint64_t start = libvirt->start;

	return vmi_source_stretch(libvirt->outer, start + offset, start + end, hole) - start;
}

const struct vmi_container_ops container_libvirt = {
	.name = "libvirt",
	.state_size = sizeof(struct libvirt),
	.probe = libvirt_probe,
	.open = libvirt_open,
	.close = libvirt_close,
	.read = libvirt_read,
	.at = libvirt_at,
	.stretch = libvirt_stretch,
};
