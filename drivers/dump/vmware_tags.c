/* SPDX-License-Identifier: MIT */
/*
 * The container of VMware's checkpoint files:
 *
 *	u32 magic, version, groups; groups {char name[64]; u64 position, size}
 *	a tag: u8 indices << 6 | size; u8 length of the name; name; u32 indices[]; value
 *
 * A size of 62 or 63 stands for a block, compressed or not: u64 bytes in the file, u64 bytes of
 * memory, u16 padding, padding, bytes. A tag of two zero bytes ends a group.
 */

#include <inttypes.h>

#include "bytes.h"
#include "vmware_tags.h"

enum {
	HEADER = 12,
	GROUP = 80,
	GROUP_NAME = 64,
	GROUPS_MAX = 4096,
	TAG_BLOCK = 63,
	TAG_COMPRESSED = 62,
};

static const uint32_t magic_narrow = 0xbed0bed0;

bool vmware_is_state(const uint8_t *head, size_t len)
{
	if (len < HEADER || le32(head + 8) >= GROUPS_MAX)
		return false;
	switch (le32(head)) {
	case 0xbed0bed0: /* old */
	case 0xbed2bed2:
	case 0xbed3bed3: /* partial */
	case 0xbad1bad1: /* restored */
	case 0xbad2bad2: /* not to be restored */
		return true;
	default:
		return false;
	}
}

enum vmi_status vmware_group_find(struct vmware_tags *tags, const struct vmi_source *source,
				  const char *name, struct vmi_error *err)
{
	uint8_t header[HEADER], group[GROUP];
	uint64_t size = vmi_source_size(source);
	enum vmi_status st = vmi_source_read(source, 0, header, sizeof(header), err);

	for (uint32_t i = 0; !st && i < le32(header + 8); i++) {
		st = vmi_source_read(source, HEADER + (uint64_t)i * GROUP, group, sizeof(group),
				     err);
		if (st || strncmp((const char *)group, name, GROUP_NAME) != 0)
			continue;
		uint64_t at = le64(group + GROUP_NAME), len = le64(group + GROUP_NAME + 8);
		if (at > size)
			return vmi_fail(err, VMI_ERR_CORRUPT,
					"its group '%s' is at 0x%" PRIx64
					", past the end of the file (0x%" PRIx64 ")",
					name, at, size);
		/* Not every writer fills in the size; the last tag tells the end anyway. */
		*tags = (struct vmware_tags){
			.source = source,
			.at = at,
			.end = len && len < size - at ? at + len : size,
			.narrow = le32(header) == magic_narrow,
		};
		return VMI_OK;
	}
	if (st)
		return vmi_wrap(err, st, "the groups of a VMware state");
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "it has no group '%s'", name);
}

/* The next `len` bytes of the group. */
static enum vmi_status take(struct vmware_tags *tags, void *buf, size_t len, struct vmi_error *err)
{
	if (len > tags->end - tags->at)
		return vmi_fail(err, VMI_ERR_CORRUPT, "the tag at 0x%" PRIx64 " is cut off",
				tags->at);
	enum vmi_status st = vmi_source_read(tags->source, tags->at, buf, len, err);
	if (!st)
		tags->at += len;
	return st;
}

/* The sizes in front of a block. */
static enum vmi_status take_block(struct vmware_tags *tags, struct vmware_tag *tag,
				  struct vmi_error *err)
{
	uint8_t head[18];
	size_t width = tags->narrow ? 4 : 8;
	enum vmi_status st = take(tags, head, 2 * width + 2, err);

	if (st)
		return st;
	tag->size = tags->narrow ? le32(head) : le64(head);
	uint16_t pad = le16(head + 2 * width);
	if (pad > tags->end - tags->at)
		return vmi_fail(err, VMI_ERR_CORRUPT, "the padding of tag '%s' is cut off",
				tag->name);
	tags->at += pad;
	return VMI_OK;
}

/* A block that is longer than the file is cut: who needs all of it finds out. */
static void pass_value(struct vmware_tags *tags, struct vmware_tag *tag)
{
	tag->offset = tags->at;
	tags->at += tag->size < tags->end - tags->at ? tag->size : tags->end - tags->at;
}

enum vmi_status vmware_tag_next(struct vmware_tags *tags, struct vmware_tag *tag,
				struct vmi_error *err)
{
	uint8_t head[2], index[4 * VMWARE_INDICES];

	if (tags->at == tags->end)
		return VMI_END; /* the file ends without saying so */
	enum vmi_status st = take(tags, head, sizeof(head), err);
	if (!st && !head[0] && !head[1])
		return VMI_END;
	*tag = (struct vmware_tag){.indices = head[0] >> 6, .size = head[0] & 63};
	tag->is_compressed = tag->size == TAG_COMPRESSED;
	tag->is_block = tag->is_compressed || tag->size == TAG_BLOCK;
	if (!st)
		st = take(tags, tag->name, head[1], err);
	if (!st)
		st = take(tags, index, 4 * (size_t)tag->indices, err);
	for (unsigned i = 0; !st && i < tag->indices; i++)
		tag->index[i] = le32(index + 4 * (size_t)i);
	if (!st && tag->is_block)
		st = take_block(tags, tag, err);
	if (!st)
		pass_value(tags, tag);
	return st;
}

enum vmi_status vmware_tag_number(const struct vmware_tags *tags, const struct vmware_tag *tag,
				  uint64_t *value, struct vmi_error *err)
{
	uint8_t bytes[8] = {0};
	size_t len = tag->size < sizeof(bytes) ? (size_t)tag->size : sizeof(bytes);
	enum vmi_status st = vmi_source_read(tags->source, tag->offset, bytes, len, err);

	if (!st)
		*value = le64(bytes);
	return st;
}
