/* SPDX-License-Identifier: MIT */
/* vmas: what is mapped in a process. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "access.h"
#include "json.h"
#include "task.h"
#include "text.h"

static void print_json(struct out *out, const struct vmi_task *task,
		       const struct vmi_region *region)
{
	json_begin(out);
	json_key(out, "pid");
	json_size(out, (uint64_t)task->pid);
	json_key(out, "start");
	json_hex(out, region->start);
	json_key(out, "end");
	json_hex(out, region->start + region->size);
	json_key(out, "access");
	json_name(out, access_name(region->access));
	json_key(out, "shared");
	json_bool(out, region->flags & VMI_REGION_SHARED);
	json_key(out, "offset");
	json_size(out, region->offset);
	if (region->path) {
		json_key(out, "device");
		json_device(out, region->major, region->minor);
		json_key(out, "inode");
		json_size(out, region->inode);
	}
	json_key(out, "path");
	json_guest_text(out, region->path);
	json_key(out, "deleted");
	json_bool(out, region->flags & VMI_REGION_DELETED);
	json_end(out);
}

/* As /proc/PID/maps has it: what is mapped begins at a column that depends on the kernel's width.
 */
static void print_text(struct out *out, const struct vmi_region *region, unsigned pointer_size)
{
	char line[128];
	int column = 25 + (int)pointer_size * 6;

	int len = snprintf(line, sizeof(line),
			   "%08" PRIx64 "-%08" PRIx64 " %s%c %08" PRIx64 " %02x:%02x %" PRIu64 " ",
			   region->start, region->start + region->size, access_name(region->access),
			   region->flags & VMI_REGION_SHARED ? 's' : 'p', region->offset,
			   region->major, region->minor, region->inode);
	out_string(out, line);
	if (!region->path || *region->path)
		out_format(out, "%*s", len < column ? column - len : 0, "");
	if (region->path)
		text_put(out, region->path, strlen(region->path));
	else
		out_char(out, '?');
	out_line_end(out);
}

static enum vmi_status print_process(struct cli *cli, struct vmi_os *os,
				     const struct vmi_task *task, struct vmi_error *err)
{
	struct vmi_region_list list;
	enum vmi_status status = vmi_regions(os, task, &list, err);

	if (status)
		return status;
	if (list.count)
		print_process_line(cli, task);
	for (size_t i = 0; i < list.count && !cli->out.error; i++) {
		if (cli->out.json)
			print_json(&cli->out, task, &list.region[i]);
		else
			print_text(&cli->out, &list.region[i], vmi_os_info(os)->pointer_size);
	}
	vmi_region_list_free(&list);
	return VMI_OK;
}

static enum cli_status run(struct cli *cli)
{
	return for_each_process(cli, NULL, print_process);
}

const struct command command_vmas = {
	.name = "vmas",
	.args = "",
	.summary = "memory regions of processes",
	.help = "List the regions of the memory of a process as /proc/PID/maps has them: addresses,\n"
		"access, offset, device and inode of a file, and its name or what else it is for.\n"
		"Without --pid, those of all processes.",
	.options = OPTIONS_OS | OPTION(OPT_PID) | OPTION(OPT_PROCESS),
	.run = run,
};
