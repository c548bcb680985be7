/* SPDX-License-Identifier: MIT */
/* Commands about one process, or about each. */

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "task.h"
#include "text.h"

enum cli_status cli_process(struct cli *cli, struct vmi_os *os, struct vmi_task *task)
{
	struct vmi_error err;
	uint64_t pid = 0;

	if (!cli_option_number(cli, OPT_PID, 0, INT32_MAX, &pid))
		return CLI_USAGE;
	enum vmi_status status = vmi_task_find(os, (int32_t)pid, task, &err);
	if (!status)
		return CLI_DELIVERED;
	enum cli_status failed = cli_failure(cli, status, &err);
	return status == VMI_ERR_NOT_FOUND ? CLI_USAGE : failed;
}

enum cli_status for_each_process(struct cli *cli,
				 enum vmi_status (*each)(struct cli *cli, struct vmi_os *os,
							 const struct vmi_task *task,
							 struct vmi_error *err))
{
	struct vmi_task_list list;
	struct vmi_error err;
	struct vmi_os *os;
	enum cli_status failed = cli_os(cli, &os);

	if (failed)
		return failed;
	if (cli_option(cli, OPT_PID)) {
		struct vmi_task task;

		failed = cli_process(cli, os, &task);
		if (failed)
			return failed;
		enum vmi_status status = each(cli, os, &task, &err);
		return status ? cli_failure(cli, status, &err) : cli_os_end(cli);
	}
	enum vmi_status status = vmi_processes(os, &list, &err);
	if (status)
		return cli_failure(cli, status, &err);
	failed = CLI_DELIVERED;
	for (size_t i = 0; i < list.count && !cli->out.error; i++) {
		status = each(cli, os, &list.task[i], &err);
		if (status)
			failed = cli_failure(cli, status, &err);
		if (failed == CLI_UNABLE)
			break;
	}
	vmi_task_list_free(&list);
	return failed ? failed : cli_os_end(cli);
}

void print_process_line(struct cli *cli, const struct vmi_task *task)
{
	if (cli->out.json || cli_option(cli, OPT_PID))
		return;
	out_format(&cli->out, "process %d ", task->pid);
	text_put(&cli->out, task->comm, strlen(task->comm));
	out_line_end(&cli->out);
}

void json_guest_text(struct out *out, const char *text)
{
	if (text)
		json_text(out, text, strlen(text));
	else
		json_null(out);
}

void json_device(struct out *out, uint32_t major, uint32_t minor)
{
	char text[24];

	snprintf(text, sizeof(text), "%02x:%02x", major, minor);
	json_name(out, text);
}
