/* SPDX-License-Identifier: MIT */
/* The address space that a command works in: by the options, by a process, by a symbol. */

#include <stdlib.h>

#include "cli.h"
#include "os.h"

bool cli_mode(struct cli *cli, enum vmi_mode *mode)
{
	static const char *const names[] = {"auto", "legacy", "pae", "4level", "5level", NULL};
	static const enum vmi_mode modes[] = {VMI_MODE_AUTO, VMI_MODE_LEGACY, VMI_MODE_PAE,
					      VMI_MODE_4LEVEL, VMI_MODE_5LEVEL};

	*mode = VMI_MODE_AUTO;
	if (!cli_option(cli, OPT_MODE))
		return true;
	int choice = cli_choice(cli, OPT_MODE, names);
	if (choice < 0)
		return false;
	*mode = modes[choice];
	return true;
}

static enum cli_status default_space(struct cli *cli, enum vmi_mode mode, struct vmi_space *space)
{
	struct vmi_error err;
	enum vmi_status status = vmi_space_default(cli->vm, mode, space, NULL, &err);

	if (status != VMI_ERR_NOT_FOUND && status != VMI_ERR_UNSUPPORTED)
		return status ? cli_failure(cli, status, &err) : CLI_DELIVERED;
	const char *phys = cli->command->options & OPTION(OPT_PHYS)
				   ? ", or take guest-physical addresses with --phys"
				   : "";
	return cli_usage(cli,
			 "%s tells no page-table root: name one with --root GPA or a vcpu with "
			 "--vcpu N%s",
			 cli->target, phys);
}

/* ---- by process ----------------------------------------------------------------------------- */

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

/* The kernel keeps 15 characters of a name. */
static bool is_called(const struct vmi_task *task, const char *name)
{
	return !strncmp(task->comm, name, sizeof(task->comm) - 1);
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

bool cli_task_is_named(const struct cli *cli)
{
	return cli_option(cli, OPT_PID) || cli_option(cli, OPT_PROCESS);
}

enum cli_status cli_task(struct cli *cli, struct vmi_task *task)
{
	struct vmi_os *os;

	if (cli_option(cli, OPT_PID) && cli_option(cli, OPT_PROCESS))
		return cli_usage(cli, "--pid and --process both name a process: give one of them");
	enum cli_status failed = cli_os(cli, &os);
	if (failed)
		return failed;
	return cli_option(cli, OPT_PID) ? task_by_pid(cli, os, task) : task_by_name(cli, os, task);
}

static enum cli_status process_space(struct cli *cli, struct vmi_space *space)
{
	struct vmi_task task;
	struct vmi_error err;
	enum cli_status failed = cli_task(cli, &task);

	if (failed)
		return failed;
	enum vmi_status status = vmi_task_space(cli->os, &task, space, &err);
	return status ? cli_failure(cli, status, &err) : CLI_DELIVERED;
}

/* ---- by options ----------------------------------------------------------------------------- */

bool cli_space_is_named(const struct cli *cli)
{
	return cli_option(cli, OPT_ROOT) || cli_option(cli, OPT_VCPU) || cli_option(cli, OPT_MODE);
}

enum cli_status cli_space_named(struct cli *cli, struct vmi_space *space)
{
	const char *root = cli_option(cli, OPT_ROOT);
	bool vcpu = cli_option(cli, OPT_VCPU);
	uint64_t number = 0;
	enum vmi_mode mode;
	struct vmi_error err;
	enum vmi_status status;

	if (root && vcpu)
		return cli_usage(cli, "--root and --vcpu both name a space: give one of them");
	if (!cli_mode(cli, &mode) || !cli_option_number(cli, OPT_VCPU, 0, UINT32_MAX, &number) ||
	    !cli_option_number(cli, OPT_ROOT, 0, UINT64_MAX, &number))
		return CLI_USAGE;
	if (!root && !vcpu)
		return default_space(cli, mode, space);
	if (root)
		status = vmi_space_of_root(cli->vm, number, mode, space, NULL, &err);
	else
		status = vmi_space_of_vcpu(cli->vm, (unsigned)number, mode, space, &err);
	if (!status)
		return CLI_DELIVERED;
	enum cli_status failed = cli_failure(cli, status, &err);
	return status == VMI_ERR_NOT_FOUND ? CLI_USAGE : failed;
}

/* A symbol is an address of the kernel. */
static enum cli_status kernel_space(struct cli *cli, struct vmi_space *space)
{
	struct vmi_os *os;
	enum cli_status failed = cli_os(cli, &os);

	if (!failed)
		*space = vmi_os_info(os)->space;
	return failed;
}

enum cli_status cli_space(struct cli *cli, const struct vmi_space **space)
{
	bool phys = cli_option(cli, OPT_PHYS), process = cli_task_is_named(cli);

	if (phys && (cli_space_is_named(cli) || process))
		return cli_usage(cli, "--phys goes with none of --root, --vcpu, --mode, --pid and "
				      "--process");
	if (process && cli_space_is_named(cli))
		return cli_usage(cli, "a process has its own space: --pid and --process go with "
				      "none of --root, --vcpu and --mode");
	if (phys && (cli->by_symbol || cli_option(cli, OPT_SYMBOLS)))
		return cli_usage(cli, "symbols are virtual addresses: they do not go with --phys");
	*space = phys ? NULL : &cli->space;
	if (phys)
		return CLI_DELIVERED;
	if (process)
		return process_space(cli, &cli->space);
	if (!cli_space_is_named(cli) && cli->by_symbol)
		return kernel_space(cli, &cli->space);
	return cli_space_named(cli, &cli->space);
}

enum cli_status cli_scan_space(struct cli *cli, const struct vmi_space **space)
{
	if (cli_space_is_named(cli) || cli_task_is_named(cli) || cli_option(cli, OPT_PHYS))
		return cli_space(cli, space);
	*space = NULL;
	return CLI_DELIVERED;
}
