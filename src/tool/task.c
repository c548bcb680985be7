/* SPDX-License-Identifier: MIT */
/* Commands about one process, or about each. */

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "task.h"
#include "text.h"

static enum cli_status task_by_pid(struct cli *cli, struct vmi_os *os, struct vmi_task *task)
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

/* The kernel keeps 15 characters of a name, but of some of its own threads all. */
static bool is_called(const struct vmi_task *task, const char *name)
{
	enum { KEPT = 15 };

	if (strlen(name) > KEPT && strlen(task->comm) == KEPT && !(task->flags & VMI_TASK_KERNEL))
		return !strncmp(task->comm, name, KEPT);
	return !strcmp(task->comm, name);
}

static void say_candidates(struct cli *cli, const struct vmi_task_list *list, const char *name)
{
	enum { SHOWN = 20 };
	unsigned shown = 0;

	for (size_t i = 0; i < list->count && shown < SHOWN; i++) {
		if (!is_called(&list->task[i], name))
			continue;
		cli_say(cli, "  --pid %d  %s", list->task[i].pid, list->task[i].comm);
		shown++;
	}
}

static enum cli_status task_by_name(struct cli *cli, struct vmi_os *os, struct vmi_task *task)
{
	const char *name = cli_option(cli, OPT_PROCESS);
	struct vmi_task_list list = {0};
	struct vmi_error err;
	size_t found = 0;
	enum vmi_status status = vmi_processes(os, &list, &err);

	if (status)
		return cli_failure(cli, status, &err);
	for (size_t i = 0; i < list.count; i++)
		if (is_called(&list.task[i], name) && !found++)
			*task = list.task[i];
	if (found > 1) {
		cli_say(cli, "%zu processes are called %s:", found, name);
		say_candidates(cli, &list, name);
	}
	vmi_task_list_free(&list);
	if (!found)
		return cli_usage(cli, "no process is called %s: '%s ps' lists them", name,
				 cli->program->name);
	return found == 1 ? CLI_DELIVERED : CLI_USAGE;
}

bool cli_process_is_named(const struct cli *cli)
{
	return cli_option(cli, OPT_PID) || cli_option(cli, OPT_PROCESS);
}

enum cli_status cli_process(struct cli *cli, struct vmi_os *os, struct vmi_task *task)
{
	if (cli_option(cli, OPT_PID) && cli_option(cli, OPT_PROCESS))
		return cli_usage(cli, "--pid and --process both name a process: give one of them");
	return cli_option(cli, OPT_PID) ? task_by_pid(cli, os, task) : task_by_name(cli, os, task);
}

static void print_head(struct cli *cli, const char *head)
{
	if (!head || cli->out.json)
		return;
	out_string(&cli->out, head);
	out_line_end(&cli->out);
}

enum cli_status for_each_process(struct cli *cli, const char *head,
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
	if (cli_process_is_named(cli)) {
		struct vmi_task task;

		failed = cli_process(cli, os, &task);
		if (failed)
			return failed;
		print_head(cli, head);
		enum vmi_status status = each(cli, os, &task, &err);
		return status ? cli_failure(cli, status, &err) : cli_os_end(cli);
	}
	enum vmi_status status = vmi_processes(os, &list, &err);
	if (status)
		return cli_failure(cli, status, &err);
	failed = CLI_DELIVERED;
	print_head(cli, head);
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
	if (cli->out.json || cli_process_is_named(cli))
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
