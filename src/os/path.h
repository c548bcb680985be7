/* SPDX-License-Identifier: MIT */
#ifndef OS_PATH_H
#define OS_PATH_H

#include "fields.h"

/** A struct path of the kernel: a mount and an entry in it. */
struct path {
	vmi_gva mnt, dentry;
};

/** How file systems that have no names make some up: d_op->d_dname of their entries. */
enum made_name {
	MADE_PIPE,
	MADE_SOCKET,
	MADE_ANON_INODE,
	MADE_PIDFD,
	MADE_SIMPLE,
	MADE_NAMESPACE,
	MADE_COUNT,
};

/** What it takes to name files: where things are in the structures, and where names begin. */
struct paths {
	struct vmi_os *os;
	struct path root; /* of the names; all zero: the top of the mounts */
	struct field path_mnt, path_dentry;
	struct field dentry, d_parent, d_name, d_len, d_inode, d_op, d_sb, d_unhashed, d_dname;
	struct field mount, mnt, mnt_parent, mnt_mountpoint, mnt_root;
	struct field i_ino, i_mode, i_sb, i_private, s_dev;
	struct field ns_ops, ns_name;
	struct field f_path, f_inode, f_mode, backing_file, backing_path, mnt_sb;
	struct field fs, fs_root;
	vmi_gva made[MADE_COUNT]; /* the functions; 0: this kernel lacks it */
};

enum {
	PATH_TEXT_MAX = 16384, /* a name that the kernel takes has 4096 at most, but trees nest */
	PATH_DEPTH_MAX = 8192, /* entries and mounts of a name */
	STRUCTURE_MAX = 2048,  /* bytes of a structure that is read as a whole */
	MAJOR_SHIFT = 20,      /* MINORBITS of include/linux/kdev_t.h */
};

/** A name, written from its end. Big: one for many. */
struct path_text {
	char bytes[PATH_TEXT_MAX];
	size_t start;
	bool is_deleted;
	bool is_outside; /* it does not lead to the root of the names */
};

static inline const char *path_text(const struct path_text *text)
{
	return text->bytes + text->start;
}

static inline size_t path_text_len(const struct path_text *text)
{
	return PATH_TEXT_MAX - text->start;
}

/** What a struct file is of. */
struct file_place {
	struct path path;
	vmi_gva inode_at;
	uint64_t inode;
	uint32_t dev; /* of the file system, as dev_t of the kernel */
	uint32_t mode;
};

/* Names begin at the root of the first process, as people who use it see them. */
VMI_CHECKED enum vmi_status paths_init(struct paths *paths, struct vmi_os *os,
				       struct vmi_error *err);
/* The root of a task's names. */
VMI_CHECKED enum vmi_status paths_task_root(struct paths *paths, const struct vmi_task *task,
					    struct path *root, struct vmi_error *err);
/* The struct path at `gva`. */
VMI_CHECKED enum vmi_status path_read(const struct paths *paths, vmi_gva gva, struct path *path,
				      struct vmi_error *err);
/* Its name, as the kernel's d_path() has it: " (deleted)" behind those that have none now. */
VMI_CHECKED enum vmi_status path_name(const struct paths *paths, const struct path *path,
				      struct path_text *text, struct vmi_error *err);
/* Where a mount is mounted: its place has a name, whether what is mounted there still has one or
 * not. */
VMI_CHECKED enum vmi_status mount_name(const struct paths *paths, vmi_gva mount,
				       struct path_text *text, struct vmi_error *err);
/*
 * What the struct file at `gva` is of, as users see it: where a file system mapped a file of
 * another one in the place of its own, its own.
 */
VMI_CHECKED enum vmi_status file_place(const struct paths *paths, vmi_gva gva,
				       struct file_place *place, struct vmi_error *err);
/* Where an entry is in its file system. */
VMI_CHECKED enum vmi_status dentry_name(const struct paths *paths, vmi_gva dentry,
					struct path_text *text, struct vmi_error *err);

/* A structure as a whole, `size` bytes of it, at most STRUCTURE_MAX. */
VMI_CHECKED enum vmi_status structure_read(struct vmi_os *os, vmi_gva gva, const struct field *size,
					   uint8_t *bytes, struct vmi_error *err);
/* A string of the kernel's, such as a device's name; `max` bytes with the terminator. */
VMI_CHECKED enum vmi_status name_read(struct vmi_os *os, vmi_gva gva, char *name, size_t max,
				      struct vmi_error *err);

#endif
