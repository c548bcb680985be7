/* SPDX-License-Identifier: MIT */
/*
 * Registers in the group "cpu" of a VMware state. The first index of a tag is the CPU. Older
 * products write a tag for each register, newer ones blocks of all: "gpregs", "CR64", "IDTR".
 */

#include <stdlib.h>

#include "bytes.h"
#include "vmware_cpu.h"

enum { CPUS_MAX = 4096 };

static enum vmi_status cpus_grow(struct vmware_cpus *cpus, unsigned count, struct vmi_error *err)
{
	if (count <= cpus->room)
		return VMI_OK;
	unsigned room = count > 2 * cpus->room ? count : 2 * cpus->room;
	struct vmi_registers *cpu = realloc(cpus->cpu, room * sizeof(*cpu));
	if (!cpu)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for %u vcpus", count);
	memset(cpu + cpus->room, 0, (room - cpus->room) * sizeof(*cpu));
	cpus->cpu = cpu;
	cpus->room = room;
	return VMI_OK;
}

/* ---- blocks -----------------------------------------------------------------------------------
 */

/* The order is that of the products, as public readers have it. */
static const uint16_t gpregs[] = {VMI_RAX, VMI_RCX, VMI_RDX, VMI_RBX, VMI_RBP, VMI_RSP,
				  VMI_RSI, VMI_RDI, VMI_R8,  VMI_R9,  VMI_R10, VMI_R11,
				  VMI_R12, VMI_R13, VMI_R14, VMI_R15};
static const uint16_t controls[] = {VMI_CR0, VMI_REGISTER_COUNT, VMI_CR2, VMI_CR3, VMI_CR4};

enum { GPREGS_SIZE = 128, CR64_SIZE = 72, CR64_CR8 = 64, IDTR_SIZE = 10 };

static void take_list(struct vmi_registers *regs, const uint8_t *bytes, const uint16_t *list,
		      size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] != VMI_REGISTER_COUNT)
			vmi_register_know(regs, list[i], le64(bytes + 8 * i));
}

static enum vmi_status take_block(struct vmi_registers *regs, const struct vmware_tags *tags,
				  const struct vmware_tag *tag, struct vmi_error *err)
{
	uint8_t bytes[GPREGS_SIZE];
	enum vmi_status st = VMI_OK;

	if (tag->size > sizeof(bytes) || tag->is_compressed)
		return VMI_OK;
	st = vmi_source_read(tags->source, tag->offset, bytes, (size_t)tag->size, err);
	if (st)
		return st;
	if (!strcmp(tag->name, "gpregs") && tag->size == GPREGS_SIZE) {
		take_list(regs, bytes, gpregs, sizeof(gpregs) / sizeof(gpregs[0]));
	} else if (!strcmp(tag->name, "CR64") && tag->size == CR64_SIZE) {
		take_list(regs, bytes, controls, sizeof(controls) / sizeof(controls[0]));
		vmi_register_know(regs, VMI_CR8, le64(bytes + CR64_CR8));
	} else if (!strcmp(tag->name, "IDTR") && tag->size == IDTR_SIZE) {
		vmi_register_know(regs, VMI_IDTR_LIMIT, le16(bytes));
		vmi_register_know(regs, VMI_IDTR_BASE, le64(bytes + 2));
	}
	return VMI_OK;
}

/* ---- single values ----------------------------------------------------------------------------
 */

static enum vmi_register by_name(const char *name)
{
	static const struct {
		const char *name;
		enum vmi_register reg;
	} other[] = {
		{"eflags", VMI_RFLAGS}, {"EFLAGS", VMI_RFLAGS}, {"eip", VMI_RIP}, {"eax", VMI_RAX},
		{"ecx", VMI_RCX},       {"edx", VMI_RDX},       {"ebx", VMI_RBX}, {"ebp", VMI_RBP},
		{"esp", VMI_RSP},       {"esi", VMI_RSI},       {"edi", VMI_RDI},
	};

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (!strcmp(name, other[i].name))
			return other[i].reg;
	enum vmi_register reg = vmi_register_find(name);
	return reg <= VMI_RFLAGS ? reg : VMI_REGISTER_COUNT;
}

static void take_segment(struct vmi_registers *regs, const struct vmware_tag *tag, uint64_t value)
{
	static const uint16_t segments[] = {VMI_ES, VMI_CS, VMI_SS,   VMI_DS,
					    VMI_FS, VMI_GS, VMI_LDTR, VMI_TR};
	uint32_t index = tag->index[1];

	if (index >= sizeof(segments) / sizeof(segments[0]))
		return;
	if (!strcmp(tag->name, "S"))
		vmi_register_know(regs, segments[index], value & 0xffff);
	else
		vmi_register_know(regs, segments[index] + VMI_SEGMENT_BASE, value);
}

static void take_control(struct vmi_registers *regs, const struct vmware_tag *tag, uint64_t value)
{
	uint32_t index = tag->index[1];
	enum vmi_register reg = VMI_REGISTER_COUNT;

	if (index == 8)
		reg = VMI_CR8;
	else if (index < sizeof(controls) / sizeof(controls[0]))
		reg = controls[index];
	/* The narrow form stands beside the wide one, and is less. */
	if (reg == VMI_REGISTER_COUNT || (!strcmp(tag->name, "CR") && vmi_register_has(regs, reg)))
		return;
	vmi_register_know(regs, reg, value);
}

/* Three words: limit, low and high half of the base. */
static void take_idtr(struct vmi_registers *regs, uint32_t index, uint64_t value)
{
	uint64_t base = regs->value[VMI_IDTR_BASE];

	if (index == 0)
		vmi_register_know(regs, VMI_IDTR_LIMIT, value & 0xffff);
	else if (index == 1)
		vmi_register_know(regs, VMI_IDTR_BASE,
				  (base & ~UINT64_C(0xffffffff)) | (value & 0xffffffff));
	else if (index == 2)
		vmi_register_know(regs, VMI_IDTR_BASE, (base & 0xffffffff) | value << 32);
}

static void take_number(struct vmi_registers *regs, const struct vmware_tag *tag, uint64_t value)
{
	enum vmi_register reg = tag->indices == 1 ? by_name(tag->name) : VMI_REGISTER_COUNT;

	if (reg != VMI_REGISTER_COUNT) {
		/* "rax" beats "eax", whichever comes first. */
		if (tag->size >= 8 || !vmi_register_has(regs, reg))
			vmi_register_know(regs, reg, value);
	} else if (tag->indices == 2 &&
		   (!strcmp(tag->name, "S") || !strcmp(tag->name, "S.base64"))) {
		take_segment(regs, tag, value);
	} else if (tag->indices == 2 && (!strcmp(tag->name, "CR64") || !strcmp(tag->name, "CR"))) {
		take_control(regs, tag, value);
	} else if (tag->indices == 2 && !strcmp(tag->name, "IDTR")) {
		take_idtr(regs, tag->index[1], value);
	}
}

/* -----------------------------------------------------------------------------------------------
 */

/* Most tags are about a CPU's devices. */
static bool is_register(const struct vmware_tag *tag)
{
	static const char *const names[] = {"gpregs", "CR64", "CR", "IDTR", "S", "S.base64"};

	if (!tag->indices || tag->index[0] >= CPUS_MAX)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(tag->name, names[i]))
			return true;
	return by_name(tag->name) != VMI_REGISTER_COUNT;
}

static enum vmi_status take_tag(struct vmware_cpus *cpus, const struct vmware_tags *tags,
				const struct vmware_tag *tag, struct vmi_error *err)
{
	uint32_t index = tag->index[0];
	uint64_t value;
	enum vmi_status st = cpus_grow(cpus, index + 1, err);

	if (st)
		return st;
	if (index >= cpus->count)
		cpus->count = index + 1;
	if (tag->is_block)
		return take_block(&cpus->cpu[index], tags, tag, err);
	st = vmware_tag_number(tags, tag, &value, err);
	if (!st)
		take_number(&cpus->cpu[index], tag, value);
	return st;
}

static enum vmi_status take_group(struct vmware_cpus *cpus, const struct vmi_source *state,
				  uint64_t *count, struct vmi_error *err)
{
	struct vmware_tags tags;
	struct vmware_tag tag;
	enum vmi_status st = vmware_group_find(&tags, state, "cpu", err);

	while (!st && !(st = vmware_tag_next(&tags, &tag, err))) {
		if (!strcmp(tag.name, "cpu:numVCPUs") && !tag.is_block)
			st = vmware_tag_number(&tags, &tag, count, err);
		else if (is_register(&tag))
			st = take_tag(cpus, &tags, &tag, err);
	}
	return st;
}

enum vmi_status vmware_cpus_open(struct vmware_cpus *cpus, const struct vmi_source *state,
				 const struct vmi_target *target, struct vmi_error *err)
{
	struct vmi_error why = {0};
	uint64_t count = 0;
	enum vmi_status st = take_group(cpus, state, &count, &why);

	if (st == VMI_ERR_NOMEM)
		return vmi_fail(err, st, "%s", why.text);
	/* The memory is good without. */
	if (st != VMI_END)
		target->warn(target, "registers are missing: %s", why.text);
	else if (count != cpus->count)
		target->warn(target, "the state has registers of %u of its %llu vcpus", cpus->count,
			     (unsigned long long)count);
	return VMI_OK;
}

void vmware_cpus_close(struct vmware_cpus *cpus)
{
	free(cpus->cpu);
	*cpus = (struct vmware_cpus){0};
}
