/* SPDX-License-Identifier: MIT */
/*
 * What is mounted, as /proc/PID/mounts shows it (fs/proc_namespace.c of the kernel): a namespace
 * keeps its mounts in a list, and since 6.8 in a tree by their numbers.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "map.h"
#include "path.h"
#include "text.h"

enum {
	MOUNTS_MAX = 1 << 20,
	TREE_DEPTH_MAX = 64,
	NAME_BYTES = 4096,
	/* include/linux/mount.h: a reader's place in the list, no mount; 5.8 to 6.7 */
	MNT_CURSOR = 0x10000000,
	MNT_READONLY = 0x40,
	SB_RDONLY = 1, /* include/linux/fs.h */
};

struct option {
	uint32_t flag;
	const char *name;
};

/* In the order of show_sb_opts() and show_mnt_opts(). */
static const struct option super_options[] = {
	{16, "sync"}, {128, "dirsync"}, {64, "mand"}, {1 << 25, "lazytime"}, {0, NULL},
};
static const struct option mount_options[] = {
	{0x01, "nosuid"},     {0x02, "nodev"},    {0x04, "noexec"},      {0x08, "noatime"},
	{0x10, "nodiratime"}, {0x20, "relatime"}, {0x80, "nosymfollow"}, {0, NULL},
};

struct mount_fields {
	struct field nsproxy, mnt_ns, list, tree, mount, link, node, left, right;
	struct field id, parent, devname, root, super, flags;
	struct field s_flags, s_type, s_subtype, s_dev, type_name;
};

#define WANT(structure, path, member, optional)                                                    \
	{                                                                                          \
		structure, path, offsetof(struct mount_fields, member), optional                   \
	}

static const struct field_want wants[] = {
	WANT("task_struct", "nsproxy", nsproxy, false),
	WANT("nsproxy", "mnt_ns", mnt_ns, false),
	WANT("mnt_namespace", "list", list, true),
	WANT("mnt_namespace", "mounts.rb_node", tree, true),
	WANT("mount", "", mount, false),
	WANT("mount", "mnt_list", link, true),
	WANT("mount", "mnt_node", node, true),
	WANT("rb_node", "rb_left", left, false),
	WANT("rb_node", "rb_right", right, false),
	WANT("mount", "mnt_id", id, false),
	WANT("mount", "mnt_parent", parent, false),
	WANT("mount", "mnt_devname", devname, false),
	WANT("mount", "mnt.mnt_root", root, false),
	WANT("mount", "mnt.mnt_sb", super, false),
	WANT("mount", "mnt.mnt_flags", flags, false),
	WANT("super_block", "s_flags", s_flags, false),
	WANT("super_block", "s_type", s_type, false),
	WANT("super_block", "s_subtype", s_subtype, true),
	WANT("super_block", "s_dev", s_dev, false),
	WANT("file_system_type", "name", type_name, false),
};

struct walk {
	struct vmi_os *os;
	struct mount_fields fields;
	struct paths paths;
	struct path_text text;
	char name[NAME_BYTES];
	struct vmi_mount *mount;
	size_t count, room;
	struct map seen;        /* nodes of the tree, inverted */
	enum vmi_status status; /* of a visit to a list */
	struct text *pool;
};

/* ---- one mount ------------------------------------------------------------------------------ */

static struct vmi_mount *mount_add(struct walk *walk)
{
	if (walk->count == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 64;
		struct vmi_mount *mount = realloc(walk->mount, room * sizeof(*mount));

		if (!mount)
			return NULL;
		walk->mount = mount;
		walk->room = room;
	}
	return &walk->mount[walk->count++];
}

static enum vmi_status keep(struct walk *walk, const char **text, const char *bytes, size_t len,
			    struct vmi_error *err)
{
	*text = text_keep(&walk->pool, bytes, len);
	return *text ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for mounts");
}

static enum vmi_status keep_path(struct walk *walk, const char **text, struct vmi_error *err)
{
	return keep(walk, text, path_text(&walk->text), path_text_len(&walk->text), err);
}

static void options_append(char *text, const struct option *option, uint64_t flags)
{
	for (; option->name; option++) {
		if (!(flags & option->flag))
			continue;
		strcat(text, ",");
		strcat(text, option->name);
	}
}

static enum vmi_status keep_options(struct walk *walk, struct vmi_mount *mount, uint64_t flags,
				    uint64_t super_flags, struct vmi_error *err)
{
	char text[128]; /* all of them together are shorter */

	strcpy(text, flags & MNT_READONLY || super_flags & SB_RDONLY ? "ro" : "rw");
	options_append(text, super_options, super_flags);
	options_append(text, mount_options, flags);
	return keep(walk, &mount->options, text, strlen(text), err);
}

static enum vmi_status keep_source(struct walk *walk, struct vmi_mount *mount, vmi_gva name,
				   struct vmi_error *err)
{
	if (!name)
		return keep(walk, &mount->source, "none", 4, err);
	enum vmi_status st = name_read(walk->os, name, walk->name, sizeof(walk->name), err);
	return st ? st : keep(walk, &mount->source, walk->name, strlen(walk->name), err);
}

/* "fuse", and behind a dot which of those that are built upon it. */
static enum vmi_status keep_type(struct walk *walk, struct vmi_mount *mount, vmi_gva super,
				 struct vmi_error *err)
{
	const struct mount_fields *f = &walk->fields;
	vmi_gva type, name, subtype = 0;
	enum vmi_status st = field_read(walk->os, super, &f->s_type, &type, err);

	if (!st)
		st = field_read(walk->os, type, &f->type_name, &name, err);
	if (!st)
		st = name_read(walk->os, name, walk->name, sizeof(walk->name) / 2, err);
	if (!st && f->s_subtype.is_there)
		st = field_read(walk->os, super, &f->s_subtype, &subtype, err);
	if (!st && subtype) {
		strcat(walk->name, ".");
		st = name_read(walk->os, subtype, walk->name + strlen(walk->name),
			       sizeof(walk->name) / 4, err);
		/* An empty one is none. */
		if (!st && walk->name[strlen(walk->name) - 1] == '.')
			walk->name[strlen(walk->name) - 1] = '\0';
	}
	return st ? st : keep(walk, &mount->type, walk->name, strlen(walk->name), err);
}

static enum vmi_status super_fill(struct walk *walk, struct vmi_mount *mount, vmi_gva super,
				  uint64_t flags, struct vmi_error *err)
{
	uint64_t super_flags, dev;
	enum vmi_status st = field_read(walk->os, super, &walk->fields.s_flags, &super_flags, err);

	if (!st)
		st = field_read(walk->os, super, &walk->fields.s_dev, &dev, err);
	if (st)
		return st;
	mount->major = (uint32_t)dev >> MAJOR_SHIFT;
	mount->minor = (uint32_t)dev & ((1u << MAJOR_SHIFT) - 1);
	st = keep_options(walk, mount, flags, super_flags, err);
	return st ? st : keep_type(walk, mount, super, err);
}

/* VMI_END: it is not to be seen. */
static enum vmi_status mount_fill(struct walk *walk, struct vmi_mount *mount, vmi_gva gva,
				  struct vmi_error *err)
{
	const struct mount_fields *f = &walk->fields;
	uint8_t bytes[STRUCTURE_MAX] = {0};
	uint64_t parent_id;
	enum vmi_status st = structure_read(walk->os, gva, &f->mount, bytes, err);

	if (st)
		return st;
	uint64_t flags = field_get(&f->flags, bytes, sizeof(bytes));
	if (f->list.is_there && flags & MNT_CURSOR)
		return VMI_END;
	st = mount_name(&walk->paths, gva, &walk->text, err);
	if (!st && walk->text.is_outside)
		return VMI_END;
	if (!st)
		st = keep_path(walk, &mount->target, err);
	if (!st)
		st = dentry_name(&walk->paths, field_get(&f->root, bytes, sizeof(bytes)),
				 &walk->text, err);
	if (!st)
		st = keep_path(walk, &mount->root, err);
	if (!st)
		st = field_read(walk->os, field_get(&f->parent, bytes, sizeof(bytes)), &f->id,
				&parent_id, err);
	if (!st)
		st = keep_source(walk, mount, field_get(&f->devname, bytes, sizeof(bytes)), err);
	if (!st)
		st = super_fill(walk, mount, field_get(&f->super, bytes, sizeof(bytes)), flags,
				err);
	if (st)
		return st;
	mount->id = (uint32_t)field_get(&f->id, bytes, sizeof(bytes));
	mount->parent = (uint32_t)parent_id;
	return VMI_OK;
}

static enum vmi_status mount_take(struct walk *walk, vmi_gva gva, struct vmi_error *err)
{
	struct vmi_mount mount = {0};
	enum vmi_status st = mount_fill(walk, &mount, gva, err);

	if (st == VMI_ERR_NOMEM)
		return st;
	if (st) {
		if (st != VMI_END)
			os_problem(walk->os, "mount 0x%" PRIx64 " cannot be read: %s", gva,
				   err->text);
		return VMI_OK;
	}
	struct vmi_mount *place = mount_add(walk);
	if (!place)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for mounts");
	*place = mount;
	return VMI_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static bool list_visit(void *context, vmi_gva node)
{
	struct walk *walk = context;
	struct vmi_error err;

	walk->status = mount_take(walk, node - walk->fields.link.offset, &err);
	return !walk->status;
}

static enum vmi_status list_take(struct walk *walk, vmi_gva head, struct vmi_error *err)
{
	const struct list_circle circle = {
		.what = "the list of mounts",
		.head = head,
		.limit = MOUNTS_MAX,
		.visit = list_visit,
		.context = walk,
	};

	enum vmi_status st = list_walk(walk->os, &circle, err);
	if (!st && walk->status)
		st = vmi_fail(err, walk->status, "out of memory for mounts");
	return st;
}

static enum vmi_status tree_take(struct walk *walk, vmi_gva node, unsigned depth,
				 struct vmi_error *err)
{
	const struct mount_fields *f = &walk->fields;
	vmi_gva left, right;

	if (!node)
		return VMI_OK;
	if (depth >= TREE_DEPTH_MAX || walk->seen.count >= MOUNTS_MAX) {
		os_problem(walk->os, "the tree of mounts does not end at 0x%" PRIx64, node);
		return VMI_OK;
	}
	if (map_find(&walk->seen, ~node)) {
		os_problem(walk->os, "the tree of mounts runs in a circle at 0x%" PRIx64, node);
		return VMI_OK;
	}
	if (!map_add(&walk->seen, ~node, 0))
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for mounts");
	if (field_read(walk->os, node, &f->left, &left, err) ||
	    field_read(walk->os, node, &f->right, &right, err)) {
		os_problem(walk->os, "a part of the tree of mounts is lost: %s", err->text);
		return VMI_OK;
	}
	enum vmi_status st = tree_take(walk, left, depth + 1, err);
	if (!st)
		st = mount_take(walk, node - f->node.offset, err);
	return st ? st : tree_take(walk, right, depth + 1, err);
}

static enum vmi_status namespace_take(struct walk *walk, const struct vmi_task *task,
				      struct vmi_error *err)
{
	const struct mount_fields *f = &walk->fields;
	vmi_gva at;
	enum vmi_status st = field_read(walk->os, task->task, &f->nsproxy, &at, err);

	if (st || !at)
		return st; /* without namespaces, it has ended */
	st = field_read(walk->os, at, &f->mnt_ns, &at, err);
	if (!st)
		st = paths_task_root(&walk->paths, task, &walk->paths.root, err);
	if (st)
		return vmi_wrap(err, st, "the mounts of process %d", task->pid);
	if (f->tree.is_there && f->node.is_there) {
		st = field_read(walk->os, at, &f->tree, &at, err);
		return st ? st : tree_take(walk, at, 0, err);
	}
	if (f->list.is_there && f->link.is_there)
		return list_take(walk, at + f->list.offset, err);
	return vmi_fail(err, VMI_ERR_UNSUPPORTED, "how this kernel keeps its mounts is not known");
}

enum vmi_status vmi_mounts(struct vmi_os *os, const struct vmi_task *task,
			   struct vmi_mount_list *list, struct vmi_error *err)
{
	struct vmi_task first;
	struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	walk->os = os;
	enum vmi_status st =
		fields_resolve(os, wants, sizeof(wants) / sizeof(*wants), &walk->fields, err);
	if (!st)
		st = paths_init(&walk->paths, os, err);
	if (!st && !task)
		st = vmi_task_find(os, 1, &first, err);
	if (!st)
		st = namespace_take(walk, task ? task : &first, err);
	struct vmi_mount_list found = {walk->mount, walk->count, walk->pool};
	if (st)
		vmi_mount_list_free(&found);
	else
		*list = found;
	map_free(&walk->seen);
	free(walk);
	return st;
}

void vmi_mount_list_free(struct vmi_mount_list *list)
{
	free(list->mount);
	text_free(list->text);
	*list = (struct vmi_mount_list){0};
}
