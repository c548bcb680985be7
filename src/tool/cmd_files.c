/* SPDX-License-Identifier: MIT */
/* files: what processes have open. */

#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "task.h"
#include "text.h"

/* The guest's open(2): include/uapi/asm-generic/fcntl.h of the kernel. */
enum { GUEST_O_ACCMODE = 3, GUEST_O_WRONLY = 1, GUEST_O_RDWR = 2, GUEST_O_PATH = 010000000 };

static void print_json(struct out *out, const struct vmi_task *task, const struct vmi_file *file)
{
	json_begin(out);
	json_key(out, "pid");
	json_size(out, (uint64_t)task->pid);
	json_key(out, "fd");
	json_size(out, (uint64_t)file->fd);
	json_key(out, "path");
	json_guest_text(out, file->path);
	if (file->path) {
		json_key(out, "flags");
		json_size(out, file->flags);
		json_key(out, "offset");
		json_size(out, file->offset);
		json_key(out, "inode");
		json_size(out, file->inode);
		json_key(out, "mode");
		json_size(out, file->mode);
		json_key(out, "deleted");
		json_bool(out, file->is_deleted);
	}
	json_key(out, "file");
	json_hex(out, file->file);
	json_end(out);
}

static const char *link_access(uint32_t flags)
{
	if (flags & GUEST_O_PATH)
		return "l---------";
	switch (flags & GUEST_O_ACCMODE) {
	case GUEST_O_WRONLY:
		return "l-wx------";
	case GUEST_O_RDWR:
		return "lrwx------";
	default:
		return "lr-x------";
	}
}

/* As ls -l /proc/PID/fd has it, with the place in the file for the link's length. */
static void print_text(struct out *out, const struct vmi_file *file)
{
	out_format(out, "%s %10" PRIu64 " %3" PRId32 " -> ",
		   file->path ? link_access(file->flags) : "?---------", file->offset, file->fd);
	if (file->path)
		text_put(out, file->path, strlen(file->path));
	else
		out_char(out, '?');
	out_line_end(out);
}

static enum vmi_status print_process(struct cli *cli, struct vmi_os *os,
				     const struct vmi_task *task, struct vmi_error *err)
{
	struct vmi_file_list list;
	enum vmi_status status = vmi_files(os, task, &list, err);

	if (status)
		return status;
	if (list.count)
		print_process_line(cli, task);
	for (size_t i = 0; i < list.count && !cli->out.error; i++) {
		if (cli->out.json)
			print_json(&cli->out, task, &list.file[i]);
		else
			print_text(&cli->out, &list.file[i]);
	}
	vmi_file_list_free(&list);
	return VMI_OK;
}

static enum cli_status run(struct cli *cli)
{
	return for_each_process(cli, NULL, print_process);
}

const struct command command_files = {
	.name = "files",
	.args = "",
	.summary = "open files of processes",
	.help = "List the open files of a process as ls -l /proc/PID/fd has them: how they were\n"
		"opened, the place in the file, number and name. Without --pid, those of all\n"
		"processes.",
	.options = OPTIONS_OS | OPTION(OPT_PID) | OPTION(OPT_PROCESS),
	.run = run,
};
