/* SPDX-License-Identifier: MIT */
/*
 * Names of files: from an entry to its parent, and where a mount's root is reached, on from where
 * that is mounted (fs/d_path.c of the kernel). Since 4.x the structures have kept their names.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "path.h"

#define WANT(structure, path, member)                                                              \
	{                                                                                          \
		structure, path, offsetof(struct paths, member), false                             \
	}
#define WANT_SINCE(structure, path, member)                                                        \
	{                                                                                          \
		structure, path, offsetof(struct paths, member), true                              \
	}

static const struct field_want wants[] = {
	WANT("path", "mnt", path_mnt),
	WANT("path", "dentry", path_dentry),
	WANT("dentry", "", dentry),
	WANT("dentry", "d_parent", d_parent),
	WANT("dentry", "d_name.name", d_name),
	WANT("dentry", "d_name.len", d_len),
	WANT("dentry", "d_inode", d_inode),
	WANT("dentry", "d_op", d_op),
	WANT("dentry", "d_sb", d_sb),
	WANT("dentry", "d_hash.pprev", d_unhashed),
	WANT("dentry_operations", "d_dname", d_dname),
	WANT("mount", "", mount),
	WANT("mount", "mnt", mnt),
	WANT("mount", "mnt_parent", mnt_parent),
	WANT("mount", "mnt_mountpoint", mnt_mountpoint),
	WANT("mount", "mnt.mnt_root", mnt_root),
	WANT("inode", "i_ino", i_ino),
	WANT("inode", "i_mode", i_mode),
	WANT("inode", "i_sb", i_sb),
	WANT("inode", "i_private", i_private),
	WANT("super_block", "s_dev", s_dev),
	WANT("ns_common", "ops", ns_ops),
	WANT("proc_ns_operations", "name", ns_name),
	WANT("file", "f_path", f_path),
	WANT("file", "f_inode", f_inode),
	WANT("file", "f_mode", f_mode),
	WANT_SINCE("backing_file", "file", backing_file), /* 6.7; before, f_path is the user's */
	WANT_SINCE("backing_file", "user_path", backing_path),
	WANT("vfsmount", "mnt_sb", mnt_sb),
	WANT("task_struct", "fs", fs),
	WANT("fs_struct", "root", fs_root),
};

static const char *const made_symbols[MADE_COUNT] = {
	[MADE_PIPE] = "pipefs_dname",
	[MADE_SOCKET] = "sockfs_dname",
	[MADE_ANON_INODE] = "anon_inodefs_dname",
	[MADE_PIDFD] = "pidfs_dname",
	[MADE_SIMPLE] = "simple_dname",
	[MADE_NAMESPACE] = "ns_dname",
};

enum vmi_status structure_read(struct vmi_os *os, vmi_gva gva, const struct field *size,
			       uint8_t *bytes, struct vmi_error *err)
{
	if (size->size > STRUCTURE_MAX)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"a structure of %" PRIu64 " bytes is more than can be", size->size);
	return os_read(os, gva, bytes, (size_t)size->size, err);
}

enum vmi_status name_read(struct vmi_os *os, vmi_gva gva, char *name, size_t max,
			  struct vmi_error *err)
{
	size_t done = 0;
	enum vmi_status st =
		vmi_read_bytes(os->vm, &os->kernel.space, gva, name, max - 1, &done, err);

	name[done] = '\0';
	return memchr(name, '\0', done) ? VMI_OK : st;
}

enum vmi_status path_read(const struct paths *paths, vmi_gva gva, struct path *path,
			  struct vmi_error *err)
{
	struct path read;
	enum vmi_status st = field_read(paths->os, gva, &paths->path_mnt, &read.mnt, err);

	if (!st)
		st = field_read(paths->os, gva, &paths->path_dentry, &read.dentry, err);
	if (!st)
		*path = read;
	return st;
}

enum vmi_status paths_task_root(struct paths *paths, const struct vmi_task *task, struct path *root,
				struct vmi_error *err)
{
	vmi_gva fs;
	enum vmi_status st = field_read(paths->os, task->task, &paths->fs, &fs, err);

	if (!st && !fs)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "process %d has ended", task->pid);
	return st ? st : path_read(paths, fs + paths->fs_root.offset, root, err);
}

enum vmi_status paths_init(struct paths *paths, struct vmi_os *os, struct vmi_error *err)
{
	struct vmi_task first;

	*paths = (struct paths){.os = os};
	enum vmi_status st = fields_resolve(os, wants, sizeof(wants) / sizeof(*wants), paths, err);
	if (st)
		return st;
	for (unsigned i = 0; i < MADE_COUNT; i++)
		if (os_symbol(os, made_symbols[i], &paths->made[i], NULL))
			paths->made[i] = 0;
	/* Without it names begin at the top, which is the same but in a root of its own. */
	if (vmi_task_find(os, 1, &first, NULL) ||
	    paths_task_root(paths, &first, &paths->root, NULL))
		paths->root = (struct path){0};
	return VMI_OK;
}

/* ---- writing, from the end ------------------------------------------------------------------ */

static void text_begin(struct path_text *text)
{
	text->start = PATH_TEXT_MAX;
	text->is_deleted = false;
	text->is_outside = false;
}

static enum vmi_status text_prepend(struct path_text *text, const char *bytes, size_t len,
				    struct vmi_error *err)
{
	if (len > text->start)
		return vmi_fail(err, VMI_ERR_CORRUPT, "a name of more than %d bytes",
				PATH_TEXT_MAX);
	text->start -= len;
	memcpy(text->bytes + text->start, bytes, len);
	return VMI_OK;
}

static enum vmi_status text_whole(struct path_text *text, const char *prefix, const char *suffix,
				  const char *middle, struct vmi_error *err)
{
	enum vmi_status st = text_prepend(text, suffix, strlen(suffix), err);

	if (!st)
		st = text_prepend(text, middle, strlen(middle), err);
	return st ? st : text_prepend(text, prefix, strlen(prefix), err);
}

/* ---- entries -------------------------------------------------------------------------------- */

struct dentry {
	vmi_gva gva, parent, inode, op, name;
	uint64_t len;
	bool is_unhashed;
};

static enum vmi_status dentry_read(const struct paths *paths, vmi_gva gva, struct dentry *dentry,
				   struct vmi_error *err)
{
	uint8_t bytes[STRUCTURE_MAX];
	size_t size = (size_t)paths->dentry.size;
	enum vmi_status st = structure_read(paths->os, gva, &paths->dentry, bytes, err);

	if (st)
		return vmi_wrap(err, st, "entry 0x%" PRIx64, gva);
	dentry->gva = gva;
	dentry->parent = field_get(&paths->d_parent, bytes, size);
	dentry->inode = field_get(&paths->d_inode, bytes, size);
	dentry->op = field_get(&paths->d_op, bytes, size);
	dentry->name = field_get(&paths->d_name, bytes, size);
	dentry->len = field_get(&paths->d_len, bytes, size);
	dentry->is_unhashed = !field_get(&paths->d_unhashed, bytes, size);
	return VMI_OK;
}

static enum vmi_status prepend_name(const struct paths *paths, const struct dentry *dentry,
				    struct path_text *text, struct vmi_error *err)
{
	if (dentry->len > text->start)
		return vmi_fail(err, VMI_ERR_CORRUPT, "entry 0x%" PRIx64 " has too long a name",
				dentry->gva);
	size_t len = (size_t)dentry->len;
	enum vmi_status st =
		os_read(paths->os, dentry->name, text->bytes + text->start - len, len, err);
	if (st)
		return vmi_wrap(err, st, "the name of entry 0x%" PRIx64, dentry->gva);
	text->start -= len;
	return VMI_OK;
}

static enum vmi_status prepend_part(const struct paths *paths, const struct dentry *dentry,
				    struct path_text *text, struct vmi_error *err)
{
	enum vmi_status st = prepend_name(paths, dentry, text, err);

	return st ? st : text_prepend(text, "/", 1, err);
}

/* ---- names that are made up ----------------------------------------------------------------- */

static enum vmi_status numbered(const struct paths *paths, const struct dentry *dentry,
				const char *kind, struct path_text *text, struct vmi_error *err)
{
	uint64_t inode;
	char number[32];
	enum vmi_status st = field_read(paths->os, dentry->inode, &paths->i_ino, &inode, err);

	if (st)
		return st;
	snprintf(number, sizeof(number), ":[%" PRIu64, inode);
	return text_whole(text, kind, "]", number, err);
}

static enum vmi_status namespace_name(const struct paths *paths, const struct dentry *dentry,
				      struct path_text *text, struct vmi_error *err)
{
	char kind[32];
	vmi_gva at = dentry->inode;
	enum vmi_status st = field_read(paths->os, at, &paths->i_private, &at, err);

	if (!st)
		st = field_read(paths->os, at, &paths->ns_ops, &at, err);
	if (!st)
		st = field_read(paths->os, at, &paths->ns_name, &at, err);
	if (!st)
		st = name_read(paths->os, at, kind, sizeof(kind), err);
	return st ? st : numbered(paths, dentry, kind, text, err);
}

static enum vmi_status made_name(const struct paths *paths, const struct dentry *dentry,
				 vmi_gva function, struct path_text *text, struct vmi_error *err)
{
	static const char deleted[] = " (deleted)", anon[] = "anon_inode:";
	enum vmi_status st;
	unsigned made = 0;

	while (made < MADE_COUNT && paths->made[made] != function)
		made++;
	switch (made) {
	case MADE_PIPE:
		return numbered(paths, dentry, "pipe", text, err);
	case MADE_SOCKET:
		return numbered(paths, dentry, "socket", text, err);
	case MADE_ANON_INODE:
		st = prepend_name(paths, dentry, text, err);
		return st ? st : text_prepend(text, anon, sizeof(anon) - 1, err);
	case MADE_PIDFD:
		return text_whole(text, anon, "", "[pidfd]", err);
	case MADE_SIMPLE:
		text->is_deleted = true;
		st = text_prepend(text, deleted, sizeof(deleted) - 1, err);
		return st ? st : prepend_part(paths, dentry, text, err);
	case MADE_NAMESPACE:
		return namespace_name(paths, dentry, text, err);
	default: /* a driver's own way, such as that of DMA buffers */
		return prepend_part(paths, dentry, text, err);
	}
}

/* ---- names of paths ------------------------------------------------------------------------- */

struct place {
	struct dentry dentry;
	vmi_gva mount, mount_parent, mountpoint, mount_root;
};

static enum vmi_status mount_read(const struct paths *paths, vmi_gva mount, struct place *place,
				  struct vmi_error *err)
{
	uint8_t bytes[STRUCTURE_MAX];
	size_t size = (size_t)paths->mount.size;
	enum vmi_status st = structure_read(paths->os, mount, &paths->mount, bytes, err);

	if (st)
		return vmi_wrap(err, st, "mount 0x%" PRIx64, mount);
	place->mount = mount;
	place->mount_parent = field_get(&paths->mnt_parent, bytes, size);
	place->mountpoint = field_get(&paths->mnt_mountpoint, bytes, size);
	place->mount_root = field_get(&paths->mnt_root, bytes, size);
	return VMI_OK;
}

/* One step up; VMI_END at the root, or where it goes no further. */
static enum vmi_status step_up(const struct paths *paths, struct place *place,
			       struct path_text *text, struct vmi_error *err)
{
	enum vmi_status st;

	if (place->dentry.gva == paths->root.dentry &&
	    place->mount + paths->mnt.offset == paths->root.mnt)
		return VMI_END;
	if (place->dentry.gva == place->mount_root) {
		vmi_gva from = place->mountpoint;

		if (place->mount_parent == place->mount) {
			text->is_outside = paths->root.dentry != 0;
			return VMI_END;
		}
		st = mount_read(paths, place->mount_parent, place, err);
		return st ? st : dentry_read(paths, from, &place->dentry, err);
	}
	if (place->dentry.parent == place->dentry.gva) {
		text->is_outside = true;
		return VMI_END;
	}
	st = prepend_part(paths, &place->dentry, text, err);
	return st ? st : dentry_read(paths, place->dentry.parent, &place->dentry, err);
}

static enum vmi_status climb(const struct paths *paths, struct place *place, struct path_text *text,
			     struct vmi_error *err)
{
	size_t end = text->start;

	for (unsigned i = 0; i < PATH_DEPTH_MAX; i++) {
		enum vmi_status st = step_up(paths, place, text, err);

		if (st == VMI_END)
			return text->start == end ? text_prepend(text, "/", 1, err) : VMI_OK;
		if (st)
			return st;
	}
	return vmi_fail(err, VMI_ERR_CORRUPT, "a name of more than %d parts", PATH_DEPTH_MAX);
}

enum vmi_status path_name(const struct paths *paths, const struct path *path,
			  struct path_text *text, struct vmi_error *err)
{
	static const char deleted[] = " (deleted)";
	struct place place;
	vmi_gva made = 0;

	text_begin(text);
	enum vmi_status st = dentry_read(paths, path->dentry, &place.dentry, err);
	if (!st)
		st = mount_read(paths, path->mnt - paths->mnt.offset, &place, err);
	if (!st && place.dentry.op)
		st = field_read(paths->os, place.dentry.op, &paths->d_dname, &made, err);
	if (st)
		return st;
	bool is_root = place.dentry.parent == place.dentry.gva;
	if (made && (!is_root || place.dentry.gva != place.mount_root))
		return made_name(paths, &place.dentry, made, text, err);
	if (place.dentry.is_unhashed && !is_root) {
		text->is_deleted = true;
		st = text_prepend(text, deleted, sizeof(deleted) - 1, err);
	}
	return st ? st : climb(paths, &place, text, err);
}

enum vmi_status mount_name(const struct paths *paths, vmi_gva mount, struct path_text *text,
			   struct vmi_error *err)
{
	struct place place;

	text_begin(text);
	enum vmi_status st = mount_read(paths, mount, &place, err);
	if (!st)
		st = dentry_read(paths, place.mount_root, &place.dentry, err);
	return st ? st : climb(paths, &place, text, err);
}

enum vmi_status dentry_name(const struct paths *paths, vmi_gva gva, struct path_text *text,
			    struct vmi_error *err)
{
	struct dentry dentry;
	enum vmi_status st = dentry_read(paths, gva, &dentry, err);

	text_begin(text);
	for (unsigned i = 0; !st && dentry.parent != dentry.gva && i < PATH_DEPTH_MAX; i++) {
		st = prepend_part(paths, &dentry, text, err);
		if (!st)
			st = dentry_read(paths, dentry.parent, &dentry, err);
	}
	if (!st && text->start == PATH_TEXT_MAX)
		st = text_prepend(text, "/", 1, err);
	return st;
}

/* ---- files ---------------------------------------------------------------------------------- */

/*
 * Is it in a struct backing_file? FMODE_BACKING was bit 25 and became bit 24, each of which means
 * something else in the other's kernels: so what would be its path has to be one.
 */
static bool is_backing(const struct paths *paths, vmi_gva file, struct path *path)
{
	enum { BACKING_BITS = 3 << 24 };
	vmi_gva of_mnt, of_dentry;
	uint64_t mode;

	return paths->backing_path.is_there && paths->backing_file.is_there &&
	       !field_read(paths->os, file, &paths->f_mode, &mode, NULL) && mode & BACKING_BITS &&
	       !path_read(paths, file - paths->backing_file.offset + paths->backing_path.offset,
			  path, NULL) &&
	       path->mnt && path->dentry &&
	       !field_read(paths->os, path->mnt, &paths->mnt_sb, &of_mnt, NULL) &&
	       !field_read(paths->os, path->dentry, &paths->d_sb, &of_dentry, NULL) && of_mnt &&
	       of_mnt == of_dentry;
}

enum vmi_status file_place(const struct paths *paths, vmi_gva gva, struct file_place *place,
			   struct vmi_error *err)
{
	struct file_place found;
	vmi_gva super;
	uint64_t dev, mode;
	enum vmi_status st;

	if (is_backing(paths, gva, &found.path))
		st = field_read(paths->os, found.path.dentry, &paths->d_inode, &found.inode_at,
				err);
	else {
		st = path_read(paths, gva + paths->f_path.offset, &found.path, err);
		if (!st)
			st = field_read(paths->os, gva, &paths->f_inode, &found.inode_at, err);
	}
	if (!st)
		st = field_read(paths->os, found.inode_at, &paths->i_ino, &found.inode, err);
	if (!st)
		st = field_read(paths->os, found.inode_at, &paths->i_mode, &mode, err);
	if (!st)
		st = field_read(paths->os, found.inode_at, &paths->i_sb, &super, err);
	if (!st)
		st = field_read(paths->os, super, &paths->s_dev, &dev, err);
	if (st)
		return vmi_wrap(err, st, "file 0x%" PRIx64, gva);
	found.dev = (uint32_t)dev;
	found.mode = (uint32_t)mode;
	*place = found;
	return VMI_OK;
}
