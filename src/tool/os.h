/* SPDX-License-Identifier: MIT */
#ifndef TOOL_OS_H
#define TOOL_OS_H

#include <vmi/os.h>

#include "cli.h"

/* What a command that asks the operating system takes besides its own. */
#define OPTIONS_OS (OPTION(OPT_ROOT) | OPTION(OPT_MODE) | OPTIONS_KERNEL)

/* The operating system in the target, found at the first call; it closes with the command. */
enum cli_status cli_os(struct cli *cli, struct vmi_os **os);
/* Does --pid or --process name one? */
bool cli_task_is_named(const struct cli *cli);
/* That process, or the thread with that number; what is not there or not unique is wrong usage. */
enum cli_status cli_task(struct cli *cli, struct vmi_task *task);
/* What a list that was delivered means: PARTIAL when something in it could not be read. */
enum cli_status cli_os_end(const struct cli *cli);

#endif
