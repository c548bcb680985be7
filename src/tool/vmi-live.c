/* SPDX-License-Identifier: MIT */
/* vmi-live: questions about a running guest, and what it does. */

#include "cli.h"

static enum cli_status domain_open(struct cli *cli)
{
	struct vmi_open_options options = {.size = sizeof(options), .driver = cli_driver(cli)};
	struct vmi_error err;

	enum vmi_status status = vmi_open(&cli->vm, cli->target, &options, &err);
	if (!status)
		return CLI_DELIVERED;
	cli_say(cli, "%s", err.text);
	if (status == VMI_ERR_ARG)
		return cli_option(cli, OPT_DRIVER) ? CLI_USAGE : CLI_UNABLE;
	return status == VMI_ERR_UNSUPPORTED ? CLI_UNABLE : CLI_TARGET;
}

static const struct command *const commands[] = {
	&command_list, &command_monitor, &command_snapshot, &command_reset, NULL,
};

static const struct program vmi_live = {
	.name = "vmi-live",
	.summary = "Look into a running Xen guest, and watch what it does.",
	.target = "DOMAIN",
	.driver = "xen",
	.commands = commands,
	.options = OPTIONS_GLOBAL & ~(OPTION(OPT_NO_MMAP) | OPTION(OPT_KEEP_INDEX)),
	.open = domain_open,
};

int main(int argc, char **argv)
{
	return cli_main(&vmi_live, argc, argv);
}
