/* SPDX-License-Identifier: MIT */
#ifndef DUMP_PLACE_H
#define DUMP_PLACE_H

#include <vmi/x86.h>

#include "bytes.h"

/* Where a register is in a structure of bytes. Two 16-bit numbers; tables of them read like the
 * structure. */
struct place {
	uint16_t reg;
	uint16_t at;
};

#define COUNT(places) (sizeof(places) / sizeof((places)[0]))

static inline void take_u64(struct vmi_registers *regs, const uint8_t *from,
			    const struct place *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		vmi_register_know(regs, places[i].reg, le64(from + places[i].at));
}

static inline void take_u32(struct vmi_registers *regs, const uint8_t *from,
			    const struct place *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		vmi_register_know(regs, places[i].reg, le32(from + places[i].at));
}

/* Selectors are 16 bits in a wider field, whose rest some producers leave undefined. */
static inline void take_u16(struct vmi_registers *regs, const uint8_t *from,
			    const struct place *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		vmi_register_know(regs, places[i].reg, le16(from + places[i].at));
}

#endif
