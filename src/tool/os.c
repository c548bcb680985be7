/* SPDX-License-Identifier: MIT */
/* The operating system that a command asks: found once, and what it cannot read is said. */

#include "os.h"

static void on_problem(void *context, const char *sentence)
{
	struct cli *cli = context;

	cli->problems++;
	cli_say(cli, "%s", sentence);
}

static enum cli_status os_open(struct cli *cli)
{
	struct vmi_os_options options = {
		.size = sizeof(options),
		.system_map = cli_option(cli, OPT_SYSTEM_MAP),
		.btf = cli_option(cli, OPT_BTF),
		.vmlinux = cli_option(cli, OPT_VMLINUX),
		.problem = on_problem,
		.problem_context = cli,
	};
	struct vmi_space space;
	struct vmi_error err;

	if (cli_space_is_named(cli)) {
		enum cli_status failed = cli_space_named(cli, &space);

		if (failed)
			return failed;
		options.space = &space;
	}
	enum vmi_status status = vmi_os_open(&cli->os, cli->vm, &options, &err);
	/* The space of a question need not be one that maps the kernel; that of a list must be. */
	if (status == VMI_ERR_NOT_FOUND && cli->command->options & OPTION(OPT_VCPU)) {
		options.space = NULL;
		status = vmi_os_open(&cli->os, cli->vm, &options, &err);
	}
	return status ? cli_failure(cli, status, &err) : CLI_DELIVERED;
}

enum cli_status cli_os(struct cli *cli, struct vmi_os **os)
{
	if (!cli->os && !cli->no_os)
		cli->no_os = os_open(cli);
	*os = cli->os;
	return cli->no_os;
}

enum cli_status cli_os_end(const struct cli *cli)
{
	return cli->problems ? CLI_PARTIAL : CLI_DELIVERED;
}
