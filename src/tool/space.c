/* SPDX-License-Identifier: MIT */
/* The address space that a command works in: by the options, by a process, by a symbol. */

#include "cli.h"
#include "task.h"

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
	uint64_t takes = cli->command->options;
	return cli_usage(
		cli, "%s tells no page-table root: name one with --root GPA%s%s", cli->target,
		takes & OPTION(OPT_VCPU) ? ", a vcpu with --vcpu N or a Linux process with --pid N"
					 : "",
		takes & OPTION(OPT_PHYS) ? ", or take guest-physical addresses with --phys" : "");
}

static enum cli_status process_space(struct cli *cli, struct vmi_space *space)
{
	struct vmi_task task;
	struct vmi_error err;
	struct vmi_os *os;
	enum cli_status failed = cli_os(cli, &os);

	if (!failed)
		failed = cli_process(cli, os, &task);
	if (failed)
		return failed;
	enum vmi_status status = vmi_task_space(os, &task, space, &err);
	return status ? cli_failure(cli, status, &err) : CLI_DELIVERED;
}

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
	bool phys = cli_option(cli, OPT_PHYS), process = cli_process_is_named(cli);

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
	if (cli_space_is_named(cli) || cli_process_is_named(cli) || cli_option(cli, OPT_PHYS))
		return cli_space(cli, space);
	*space = NULL;
	return CLI_DELIVERED;
}
