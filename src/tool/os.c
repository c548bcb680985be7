/* SPDX-License-Identifier: MIT */
/* The operating system that a command asks: found once, and what it cannot read is said. */

#include "os.h"

static void on_problem(void *context, const char *sentence)
{
	struct cli *cli = context;

	cli->problems++;
	cli_say(cli, "%s", sentence);
}

enum cli_status cli_os(struct cli *cli, struct vmi_os **os)
{
	struct vmi_os_options options = {
		.size = sizeof(options),
		.system_map = cli_option(cli, OPT_SYSTEM_MAP),
		.btf = cli_option(cli, OPT_BTF),
		.vmlinux = cli_option(cli, OPT_VMLINUX),
		.problem = on_problem,
		.problem_context = cli,
	};
	struct vmi_error err;

	if (!cli->os) {
		/* A space that is named is the one to look in. */
		if (cli_option(cli, OPT_ROOT) || cli_option(cli, OPT_MODE)) {
			enum cli_status failed = cli_space(cli, &options.space);

			if (failed)
				return failed;
		}
		enum vmi_status status = vmi_os_open(&cli->os, cli->vm, &options, &err);
		if (status)
			return cli_failure(cli, status, &err);
	}
	*os = cli->os;
	return CLI_DELIVERED;
}

enum cli_status cli_os_end(const struct cli *cli)
{
	return cli->problems ? CLI_PARTIAL : CLI_DELIVERED;
}
