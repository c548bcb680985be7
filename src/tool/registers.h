/* SPDX-License-Identifier: MIT */
#ifndef TOOL_REGISTERS_H
#define TOOL_REGISTERS_H

#include <vmi/vmi.h>

#include "out.h"

/** The registers of a set that are known; not those that are assumed. */

/* An object by name; a segment is an object in it. */
void registers_json(struct out *out, const struct vmi_registers *regs);
/* In columns. */
void registers_text(struct out *out, const struct vmi_registers *regs);

#endif
