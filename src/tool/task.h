/* SPDX-License-Identifier: MIT */
#ifndef TOOL_TASK_H
#define TOOL_TASK_H

#include "os.h"

/*
 * Call each() for the process that the options name, or for all of them, below a head for people
 * (NULL: none). What a process lacks is said and the next one follows; the status is that of all.
 */
enum cli_status for_each_process(struct cli *cli, const char *head,
				 enum vmi_status (*each)(struct cli *cli, struct vmi_os *os,
							 const struct vmi_task *task,
							 struct vmi_error *err));
/* Does --pid or --process name one? */
bool cli_process_is_named(const struct cli *cli);
/* That process, or the thread with that number; what is not there or not unique is wrong usage. */
enum cli_status cli_process(struct cli *cli, struct vmi_os *os, struct vmi_task *task);

/* For people, when more than one is listed: whose lines follow. */
void print_process_line(struct cli *cli, const struct vmi_task *task);

/* Text of the guest as a value, or null where it could not be read. */
void json_guest_text(struct out *out, const char *text);
/* "08:01" */
void json_device(struct out *out, uint32_t major, uint32_t minor);

#endif
