/* SPDX-License-Identifier: MIT */
#ifndef TOOL_ABSENT_H
#define TOOL_ABSENT_H

#include "cli.h"

/** Why a page of a process is not there, where --pid or --process names one; nothing elsewhere. */

/* The keys `absent`, `swap_area` and `swap_offset`, `absent_pa`. */
void absent_json(struct cli *cli, const struct vmi_translation *to);
/* " (swap, area 0 offset 0x12)" */
void absent_text(struct cli *cli, const struct vmi_translation *to);
/* A sentence of its own about a byte of a space that could not be read. */
void absent_say(struct cli *cli, const struct vmi_space *space, uint64_t address);

#endif
