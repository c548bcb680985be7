/* SPDX-License-Identifier: MIT */
/*
 * The parts of a split dump (makedumpfile --split), named by the user or found beside the one that
 * was. They bear any names, but their main headers are the same to the byte, time stamp included.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kdump_set.h"

enum { LOOK_AT = 4096 /* files of a folder */, PARTS_MAX = 1024 };

/* Before `part`, when it has a place between the others; false when it overlaps one. */
static bool place_of(const struct kdump_set *set, const struct kdump_part *part, size_t *place)
{
	size_t i = 0;

	while (i < set->count && set->parts[i]->header.first < part->header.first)
		i++;
	*place = i;
	return (!i || set->parts[i - 1]->header.end <= part->header.first) &&
	       (i == set->count || part->header.end <= set->parts[i]->header.first);
}

/* Takes over `part`. */
static enum vmi_status insert(struct kdump_set *set, struct kdump_part *part,
			      const struct vmi_target *target, struct vmi_error *err)
{
	enum vmi_status st = VMI_OK;
	size_t place;

	if (set->count == set->room) {
		size_t room = set->room ? 2 * set->room : 4;
		struct kdump_part **parts = realloc(set->parts, room * sizeof(*parts));
		if (!parts) {
			st = vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		} else {
			set->parts = parts;
			set->room = room;
		}
	}
	if (!st && place_of(set, part, &place)) {
		memmove(set->parts + place + 1, set->parts + place,
			(set->count - place) * sizeof(struct kdump_part *));
		set->parts[place] = part;
		set->count++;
		return VMI_OK;
	}
	if (!st)
		target->warn(target,
			     "%s is left out: another part has the same gfns, 0x%" PRIx64
			     " to 0x%" PRIx64,
			     vmi_source_name(part->source), part->header.first, part->header.end);
	kdump_part_close(part);
	free(part);
	return st;
}

static enum vmi_status add(struct kdump_set *set, const struct vmi_source *source,
			   const struct vmi_target *target, struct vmi_error *err)
{
	struct kdump_part *part = calloc(1, sizeof(*part));

	if (!part)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = kdump_part_open(part, source, target, err);
	if (!st && set->count && !part->header.split)
		st = vmi_fail(err, VMI_ERR_ARG, "it is a whole dump, not a part of one");
	if (!st && set->count && !kdump_header_is_same(&set->parts[0]->header, part->header.main))
		st = vmi_fail(err, VMI_ERR_ARG, "it is a part of another dump than %s",
			      vmi_source_name(set->parts[0]->source));
	if (st) {
		kdump_part_close(part);
		free(part);
		return vmi_wrap(err, st, "%s", vmi_source_name(source));
	}
	return insert(set, part, target, err);
}

/* ---- what lies beside ----------------------------------------------------------------------- */

/* Is the file of that name, which `part` stands for, another part of its dump? */
static bool is_sibling(const struct kdump_part *part, int folder, const char *name)
{
	uint8_t head[KDUMP_HEAD];
	struct stat st;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return false;
	bool is = !fstat(fd, &st) && S_ISREG(st.st_mode) &&
		  pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
		  kdump_header_is_sibling(&part->header, head);
	close(fd);
	return is;
}

/* Take in `name` of the folder whose path is the first `folder_len` bytes of the target's. */
static void add_sibling(struct kdump_set *set, const struct vmi_target *target, size_t folder_len,
			const char *name)
{
	const struct vmi_source *source;
	struct vmi_error why;
	char path[4096];

	if (folder_len + strlen(name) >= sizeof(path))
		return;
	memcpy(path, target->name, folder_len);
	strcpy(path + folder_len, name);
	size_t before = set->count;
	if (target->part(target, path, &source, &why) || add(set, source, target, &why))
		target->warn(target, "a part beside it cannot be used: %s", why.text);
	else if (set->count > before)
		target->warn(target, "a part of the same dump was found beside it: %s", path);
}

static bool is_whole(const struct kdump_set *set)
{
	vmi_gfn at = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->parts[i]->header.first > at)
			return false;
		at = set->parts[i]->header.end;
	}
	return at >= set->parts[0]->header.pages;
}

static void look_beside(struct kdump_set *set, const struct vmi_target *target)
{
	const struct kdump_part *first = set->parts[0];
	const char *slash = strrchr(target->name, '/');
	size_t folder_len = slash ? (size_t)(slash - target->name) + 1 : 0;
	const char *own = target->name + folder_len;

	/* An image in memory or in a container has nothing beside it. */
	if (!is_sibling(first, AT_FDCWD, target->name))
		return;
	char *path = folder_len ? strndup(target->name, folder_len) : strdup(".");
	DIR *folder = path ? opendir(path) : NULL;
	const struct dirent *entry;

	for (unsigned i = 0; folder && i < LOOK_AT && set->count < PARTS_MAX && !is_whole(set) &&
			     (entry = readdir(folder));
	     i++)
		if (strcmp(entry->d_name, own) && is_sibling(first, dirfd(folder), entry->d_name))
			add_sibling(set, target, folder_len, entry->d_name);
	if (folder)
		closedir(folder);
	free(path);
}

/* ---- the set -------------------------------------------------------------------------------- */

/* Which gfns are in parts that are not here. */
static void warn_missing(const struct kdump_set *set, const struct vmi_target *target)
{
	vmi_gfn at = 0, pages = set->parts[0]->header.pages;

	for (size_t i = 0; at < pages; i++) {
		vmi_gfn first = i < set->count ? set->parts[i]->header.first : pages;
		if (first > at)
			target->warn(
				target,
				"a part of the split dump is missing: that of the gfns 0x%" PRIx64
				" to 0x%" PRIx64 "; name all parts, with commas between",
				at, first - 1);
		if (i == set->count)
			break;
		at = set->parts[i]->header.end;
	}
}

enum vmi_status kdump_set_open(struct kdump_set *set, const struct vmi_target *target,
			       struct vmi_error *err)
{
	enum vmi_status st = add(set, target->source, target, err);

	for (size_t i = 0; i < target->part_count && !st; i++) {
		if (!set->parts[0]->header.split)
			return vmi_fail(err, VMI_ERR_ARG,
					"%s: it is a whole dump, not a part of one",
					vmi_source_name(target->source));
		st = add(set, target->parts[i], target, err);
	}
	if (st)
		return st;
	/* Parts that were named are all that are wanted. */
	const struct kdump_header *header = &set->parts[0]->header;
	if (header->split && !target->part_count && !is_whole(set))
		look_beside(set, target);
	warn_missing(set, target);
	header = &set->parts[0]->header;
	if (header->dumped_at == header->bitmap_at)
		return VMI_OK;
	st = pagemap_open(&set->had, set->parts[0]->source, header->bitmap_at, header->pages, err);
	return st ? vmi_wrap(err, st, "%s", vmi_source_name(set->parts[0]->source)) : VMI_OK;
}

void kdump_set_close(struct kdump_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		kdump_part_close(set->parts[i]);
		free(set->parts[i]);
	}
	free(set->parts);
	pagemap_close(&set->had);
	*set = (struct kdump_set){0};
}

const struct kdump_part *kdump_set_find(const struct kdump_set *set, vmi_gfn gfn)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t i = low + (high - low) / 2;
		if (gfn >= set->parts[i]->header.end)
			low = i + 1;
		else
			high = i;
	}
	if (low == set->count || gfn < set->parts[low]->header.first)
		return NULL;
	return set->parts[low];
}

vmi_gfn kdump_set_gap_end(const struct kdump_set *set, vmi_gfn gfn)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->parts[i]->header.first > gfn)
			return set->parts[i]->header.first;
	return set->parts[0]->header.pages;
}
