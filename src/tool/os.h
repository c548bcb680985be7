/* SPDX-License-Identifier: MIT */
#ifndef TOOL_OS_H
#define TOOL_OS_H

#include <vmi/os.h>

#include "cli.h"

/* What a command that asks the operating system takes besides its own. */
#define OPTIONS_OS (OPTION(OPT_ROOT) | OPTION(OPT_MODE) | OPTIONS_KERNEL)

/* The operating system in the target, found at the first call; it closes with the command. */
enum cli_status cli_os(struct cli *cli, struct vmi_os **os);
/* What a list that was delivered means: PARTIAL when something in it could not be read. */
enum cli_status cli_os_end(const struct cli *cli);

#endif
