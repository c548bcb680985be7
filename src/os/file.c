/* SPDX-License-Identifier: MIT */
/* The open files of a process: fs/file.c of the kernel keeps them in a table and a bitmap. */

#include <inttypes.h>
#include <stdlib.h>

#include "path.h"
#include "text.h"

enum {
	FDS_MAX = 1 << 26,
	CHUNK = 512, /* numbers that are looked at at once */
	O_CLOEXEC_X86 = 02000000,
};

struct file_fields {
	struct field files, fdt, max_fds, fd, open_fds, close_on_exec;
	struct field f_flags, f_pos;
};

#define WANT(structure, path, member)                                                              \
	{                                                                                          \
		structure, path, offsetof(struct file_fields, member), false                       \
	}

static const struct field_want wants[] = {
	WANT("task_struct", "files", files),   WANT("files_struct", "fdt", fdt),
	WANT("fdtable", "max_fds", max_fds),   WANT("fdtable", "fd", fd),
	WANT("fdtable", "open_fds", open_fds), WANT("fdtable", "close_on_exec", close_on_exec),
	WANT("file", "f_flags", f_flags),      WANT("file", "f_pos", f_pos),
};

struct walk {
	struct vmi_os *os;
	const struct vmi_task *task;
	struct file_fields fields;
	struct paths paths;
	struct path_text text;
	uint64_t max_fds;
	vmi_gva fd, open_fds, close_on_exec;
	struct vmi_file *file;
	size_t count, room;
	struct text *pool;
};

static struct vmi_file *file_add(struct walk *walk)
{
	if (walk->count == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 64;
		struct vmi_file *file = realloc(walk->file, room * sizeof(*file));

		if (!file)
			return NULL;
		walk->file = file;
		walk->room = room;
	}
	walk->file[walk->count] = (struct vmi_file){0};
	return &walk->file[walk->count++];
}

static enum vmi_status file_fill(struct walk *walk, struct vmi_file *file, struct vmi_error *err)
{
	struct file_place place;
	uint64_t flags, offset;
	enum vmi_status st = field_read(walk->os, file->file, &walk->fields.f_flags, &flags, err);

	if (!st)
		st = field_read(walk->os, file->file, &walk->fields.f_pos, &offset, err);
	if (!st)
		st = file_place(&walk->paths, file->file, &place, err);
	if (!st)
		st = path_name(&walk->paths, &place.path, &walk->text, err);
	if (st)
		return st;
	file->offset = offset;
	file->flags = ((uint32_t)flags & ~(uint32_t)O_CLOEXEC_X86) | file->flags;
	file->inode = place.inode;
	file->mode = place.mode;
	file->is_deleted = walk->text.is_deleted;
	file->path = text_keep(&walk->pool, path_text(&walk->text), path_text_len(&walk->text));
	return file->path ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for files");
}

static enum vmi_status file_take(struct walk *walk, uint64_t fd, bool closes, struct vmi_error *err)
{
	unsigned pointer_size = walk->os->kernel.pointer_size;
	vmi_gva at;

	if (os_pointer(walk->os, walk->fd + fd * pointer_size, &at, err)) {
		os_problem(walk->os, "process %d: file %" PRIu64 " cannot be read: %s",
			   walk->task->pid, fd, err->text);
		return VMI_OK;
	}
	if (!at)
		return VMI_OK; /* a number that is taken, and the file is being opened */
	struct vmi_file *file = file_add(walk);
	if (!file)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for files");
	file->fd = (int32_t)fd;
	file->file = at;
	file->flags = closes ? O_CLOEXEC_X86 : 0;
	enum vmi_status st = file_fill(walk, file, err);
	if (st == VMI_ERR_NOMEM)
		return st;
	if (st)
		os_problem(walk->os, "process %d: file %" PRIu64 " cannot be read: %s",
			   walk->task->pid, fd, err->text);
	return VMI_OK;
}

/* The numbers from `first` on, up to CHUNK of them. */
static enum vmi_status chunk_walk(struct walk *walk, uint64_t first, struct vmi_error *err)
{
	uint64_t count = walk->max_fds - first < CHUNK ? walk->max_fds - first : CHUNK;
	uint8_t open[CHUNK / 8] = {0}, close[CHUNK / 8] = {0};
	size_t len = (size_t)(count + 7) / 8;
	enum vmi_status st = os_read(walk->os, walk->open_fds + first / 8, open, len, err);

	if (!st)
		st = os_read(walk->os, walk->close_on_exec + first / 8, close, len, err);
	if (st) {
		os_problem(walk->os,
			   "process %d: which files from %" PRIu64
			   " on are open cannot be read: %s",
			   walk->task->pid, first, err->text);
		return st == VMI_ERR_NOMEM ? st : VMI_OK;
	}
	for (uint64_t i = 0; i < count; i++) {
		unsigned bit = 1u << i % 8;

		if (!(open[i / 8] & bit))
			continue;
		st = file_take(walk, first + i, close[i / 8] & bit, err);
		if (st)
			return st;
	}
	return VMI_OK;
}

static enum vmi_status table_read(struct walk *walk, vmi_gva files, struct vmi_error *err)
{
	const struct file_fields *f = &walk->fields;
	vmi_gva table;
	enum vmi_status st = field_read(walk->os, files, &f->fdt, &table, err);

	if (!st)
		st = field_read(walk->os, table, &f->max_fds, &walk->max_fds, err);
	if (!st)
		st = field_read(walk->os, table, &f->fd, &walk->fd, err);
	if (!st)
		st = field_read(walk->os, table, &f->open_fds, &walk->open_fds, err);
	if (!st)
		st = field_read(walk->os, table, &f->close_on_exec, &walk->close_on_exec, err);
	if (!st && walk->max_fds > FDS_MAX)
		st = vmi_fail(err, VMI_ERR_CORRUPT, "a table of %" PRIu64 " files is none",
			      walk->max_fds);
	return st ? vmi_wrap(err, st, "the files of process %d", walk->task->pid) : VMI_OK;
}

static enum vmi_status files_walk(struct walk *walk, struct vmi_error *err)
{
	vmi_gva files;
	enum vmi_status st =
		fields_resolve(walk->os, wants, sizeof(wants) / sizeof(*wants), &walk->fields, err);

	if (!st)
		st = paths_init(&walk->paths, walk->os, err);
	if (!st)
		st = field_read(walk->os, walk->task->task, &walk->fields.files, &files, err);
	if (st || !files)
		return st; /* without, it has ended */
	st = table_read(walk, files, err);
	for (uint64_t first = 0; !st && first < walk->max_fds; first += CHUNK)
		st = chunk_walk(walk, first, err);
	return st;
}

enum vmi_status vmi_files(struct vmi_os *os, const struct vmi_task *task,
			  struct vmi_file_list *list, struct vmi_error *err)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	walk->os = os;
	walk->task = task;
	enum vmi_status st = files_walk(walk, err);
	struct vmi_file_list found = {walk->file, walk->count, walk->pool};
	if (st)
		vmi_file_list_free(&found);
	else
		*list = found;
	free(walk);
	return st;
}

void vmi_file_list_free(struct vmi_file_list *list)
{
	free(list->file);
	text_free(list->text);
	*list = (struct vmi_file_list){0};
}
