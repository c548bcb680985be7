/* SPDX-License-Identifier: MIT */
/* reset: free a guest that another tool left monitored. */

#include <vmi/live.h>

#include "cli.h"

static enum cli_status run(struct cli *cli)
{
	struct vmi_error err;

	enum vmi_status status = vmi_target_rescue(cli_driver(cli), cli->target, &err);
	if (!status)
		return CLI_DELIVERED;
	enum cli_status failed = cli_failure(cli, status, &err);
	return failed == CLI_PARTIAL ? CLI_TARGET : failed;
}

const struct command command_reset = {
	.name = "reset",
	.args = "",
	.summary = "free a guest that another tool left monitored",
	.help = "Turn off monitors and views, answer what waits for an answer, and let the guest\n"
		"run. For guests whose tool is dead or hangs: a tool that still works loses them,\n"
		"unless it uses this library; then this is refused, and says which process it is.\n"
		"Memory that the tool added and a memory limit that it raised stay.",
	.target = TARGET_NAMED,
	.run = run,
};
