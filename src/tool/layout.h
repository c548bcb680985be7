/* SPDX-License-Identifier: MIT */
#ifndef TOOL_LAYOUT_H
#define TOOL_LAYOUT_H

#include "cli.h"

/* What --layout says, owned: free(); NULL and 0 where it is not given. False: it was said why. */
bool layout_parse(struct cli *cli, struct vmi_layout **layout, size_t *count);

enum { LAYOUT_TEXT = 160 };
/* The same back, for VMI_LAYOUT_MAX stretches. */
void layout_print(const struct vmi_layout layout[VMI_LAYOUT_MAX], char text[LAYOUT_TEXT]);

#endif
