/* SPDX-License-Identifier: MIT */
/*
 * Registers of a 64-bit Windows dump. The header has one CONTEXT. Each processor's own, and what
 *the kernel saves of its control registers (KSPECIAL_REGISTERS), are in memory:
 *
 *	header KdDebuggerDataBlock -> "KDBG" block: KiProcessorBlock, offsets in a processor's block
 *	KiProcessorBlock[i] -> KPRCB: its CONTEXT *, its KSPECIAL_REGISTERS
 *
 * Layouts: wdbgexts.h (KDDEBUGGER_DATA64) and winnt.h (CONTEXT) of the Windows SDK.
 */

#include <stdlib.h>

#include "bytes.h"
#include "windows_cpu.h"
#include "windows_walk.h"

enum {
	KDBG_TAG = 0x10,
	KDBG_PROCESSOR_BLOCK = 0x218,
	KDBG_SPECIAL_OFFSET = 0x2f2, /* of KSPECIAL_REGISTERS in a KPRCB, u16 */
	KDBG_CONTEXT_OFFSET = 0x338, /* of the CONTEXT * in a KPRCB, u16; since Windows 7 */
	KDBG_SIZE = 0x33a,

	CPUS_MAX = 2048, /* more than any Windows takes */

	CONTEXT_FLAGS = 0x30,
	CONTEXT_AMD64 = 0x100000,
	CONTEXT_CONTROL = 1,
	CONTEXT_INTEGER = 2,
	CONTEXT_SEGMENTS = 4,
	CONTEXT_DEBUG = 16,
	CONTEXT_EFLAGS = 0x44,

	SPECIAL_CR0 = 0,
	SPECIAL_CR3 = 0x10,
	SPECIAL_CR4 = 0x18,
	SPECIAL_LSTAR = 0xc0,
	EFLAGS_ONE = 2, /* bit 1 of RFLAGS is always set */
};

/* Where a register is; the tables below are read like the structs. */
struct place {
	uint16_t reg;
	uint16_t at;
};

#define COUNT(places) (sizeof(places) / sizeof((places)[0]))

static const char stale[] = "the kernel saved it when this processor last stopped, and the dump is "
			    "of a running system";

/* ---- finding ----------------------------------------------------------------------------------
 */

static bool context_check(const uint8_t *context)
{
	return (le32(context + CONTEXT_FLAGS) & CONTEXT_AMD64) &&
	       (le32(context + CONTEXT_EFLAGS) & EFLAGS_ONE);
}

/* Of a processor that runs Windows: paging in long mode, with tables. */
static bool special_check(const uint8_t *special)
{
	uint64_t on = VMI_CR0_PG | VMI_CR0_PE;

	return (le64(special + SPECIAL_CR0) & on) == on &&
	       (le64(special + SPECIAL_CR4) & VMI_CR4_PAE) &&
	       le64(special + SPECIAL_CR3) >> VMI_PAGE_SHIFT;
}

/* What differs between any two contexts of a machine: where it was, and on which stack. */
static bool context_same(const uint8_t *a, const uint8_t *b)
{
	return !memcmp(a + 0x98, b + 0x98, 8) && !memcmp(a + 0xf8, b + 0xf8, 8) &&
	       !memcmp(a + 0x78, b + 0x78, 0x20);
}

/* The block that KdDebuggerDataBlock leads to, by tables of four levels or five. */
static bool kdbg_read(struct windows_walk *walk, vmi_gva gva, uint8_t kdbg[KDBG_SIZE])
{
	for (walk->levels = 4; walk->levels <= 5; walk->levels++)
		if (windows_read(walk, gva, kdbg, KDBG_SIZE) && !memcmp(kdbg + KDBG_TAG, "KDBG", 4))
			return true;
	return false;
}

static void cpu_read(const struct windows_walk *walk, const uint8_t *kdbg, unsigned index,
		     struct windows_cpu *cpu)
{
	uint8_t pointer[8];

	if (!windows_read(walk, le64(kdbg + KDBG_PROCESSOR_BLOCK) + 8 * index, pointer, 8))
		return;
	vmi_gva prcb = le64(pointer);
	uint16_t context = le16(kdbg + KDBG_CONTEXT_OFFSET);
	uint16_t special = le16(kdbg + KDBG_SPECIAL_OFFSET);
	if (context && windows_read(walk, prcb + context, pointer, 8))
		cpu->has_context =
			windows_read(walk, le64(pointer), cpu->context, WINDOWS_CONTEXT_SIZE) &&
			context_check(cpu->context);
	cpu->from_memory = cpu->has_context;
	if (special)
		cpu->has_special =
			windows_read(walk, prcb + special, cpu->special, WINDOWS_SPECIAL_SIZE) &&
			special_check(cpu->special);
}

/* All processors that the header counts, from memory. False: there are only the header's words. */
static bool cpus_read(struct windows_cpus *cpus, const struct windows_memory *memory,
		      const struct vmi_target *target, const uint8_t *header, unsigned count)
{
	struct windows_walk walk = {.memory = memory, .root = cpus->root};
	uint8_t kdbg[KDBG_SIZE];
	unsigned known = 0;

	/*
	 * Since Windows 8 the block may be encoded by two secrets of the kernel. Drivers that write
	 * dumps for a hypervisor leave the address of a copy that is not in the first parameter.
	 */
	if (!kdbg_read(&walk, le64(header + WINDOWS_DEBUGGER_DATA), kdbg) &&
	    !kdbg_read(&walk, le64(header + WINDOWS_PARAMETER), kdbg)) {
		target->warn(target,
			     "where the header says that the kernel's debugger data are there are "
			     "none, or they are encoded: registers are those of the header alone");
		return false;
	}
	for (unsigned i = 0; i < count; i++) {
		cpu_read(&walk, kdbg, i, &cpus->cpu[i]);
		known += cpus->cpu[i].has_context || cpus->cpu[i].has_special;
	}
	if (known < count)
		target->warn(target,
			     "%u of the %u processors have no registers in the memory that the "
			     "dump holds",
			     count - known, count);
	return known;
}

/* The header's context is that of the processor that crashed: which one? */
static void header_match(struct windows_cpus *cpus, const uint8_t *context)
{
	for (unsigned i = 0; i < cpus->count; i++) {
		struct windows_cpu *cpu = &cpus->cpu[i];
		if (cpu->has_context && context_same(cpu->context, context)) {
			cpu->crashed = true;
			return;
		}
	}
	for (unsigned i = 0; i < cpus->count; i++)
		if (cpus->cpu[i].has_context)
			return;
	memcpy(cpus->cpu[0].context, context, WINDOWS_CONTEXT_SIZE);
	cpus->cpu[0].has_context = cpus->cpu[0].crashed = true;
}

static unsigned count_check(const struct vmi_target *target, const uint8_t *header)
{
	uint32_t count = le32(header + WINDOWS_PROCESSORS);

	if (count && count <= CPUS_MAX)
		return count;
	target->warn(target, "the header counts %u processors, which no Windows has: taken for 1",
		     count);
	return 1;
}

enum vmi_status windows_cpus_open(struct windows_cpus *cpus, const struct windows_memory *memory,
				  const struct vmi_target *target, const uint8_t *header,
				  struct vmi_error *err)
{
	const uint64_t filler = (uint64_t)WINDOWS_FILLER << 32 | WINDOWS_FILLER;
	const uint8_t *context = header + WINDOWS_CONTEXT;
	unsigned count = count_check(target, header);

	cpus->root = le64(header + WINDOWS_ROOT);
	if (cpus->root == filler)
		cpus->root = 0;
	cpus->live = le32(header + WINDOWS_BUGCHECK) == WINDOWS_LIVE;
	cpus->cpu = calloc(count, sizeof(*cpus->cpu));
	if (!cpus->cpu)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for %u processors", count);
	bool read = cpus_read(cpus, memory, target, header, count);
	cpus->count = read ? count : 1;
	if (context_check(context))
		header_match(cpus, context);
	else if (!read && !cpus->root)
		cpus->count = 0;
	return VMI_OK;
}

void windows_cpus_close(struct windows_cpus *cpus)
{
	free(cpus->cpu);
	*cpus = (struct windows_cpus){0};
}

/* ---- showing ----------------------------------------------------------------------------------
 */

static void take_u64(struct vmi_registers *regs, const uint8_t *from, const struct place *places,
		     size_t count)
{
	for (size_t i = 0; i < count; i++)
		vmi_register_know(regs, places[i].reg, le64(from + places[i].at));
}

static void take_u16(struct vmi_registers *regs, const uint8_t *from, const struct place *places,
		     size_t count)
{
	for (size_t i = 0; i < count; i++)
		vmi_register_know(regs, places[i].reg, le16(from + places[i].at));
}

/* Which parts of a CONTEXT are set, it says itself. */
static void take_context(struct vmi_registers *regs, const uint8_t *context)
{
	static const struct place control[] = {{VMI_RSP, 0x98}, {VMI_RIP, 0xf8}};
	static const struct place control16[] = {{VMI_CS, 0x38}, {VMI_SS, 0x42}};
	static const struct place integer[] = {
		{VMI_RAX, 0x78}, {VMI_RCX, 0x80}, {VMI_RDX, 0x88}, {VMI_RBX, 0x90}, {VMI_RBP, 0xa0},
		{VMI_RSI, 0xa8}, {VMI_RDI, 0xb0}, {VMI_R8, 0xb8},  {VMI_R9, 0xc0},  {VMI_R10, 0xc8},
		{VMI_R11, 0xd0}, {VMI_R12, 0xd8}, {VMI_R13, 0xe0}, {VMI_R14, 0xe8}, {VMI_R15, 0xf0},
	};
	static const struct place segments[] = {
		{VMI_DS, 0x3a}, {VMI_ES, 0x3c}, {VMI_FS, 0x3e}, {VMI_GS, 0x40}};
	static const struct place debug[] = {{VMI_DR0, 0x48}, {VMI_DR1, 0x50}, {VMI_DR2, 0x58},
					     {VMI_DR3, 0x60}, {VMI_DR6, 0x68}, {VMI_DR7, 0x70}};
	uint32_t flags = le32(context + CONTEXT_FLAGS);

	if (flags & CONTEXT_CONTROL) {
		take_u64(regs, context, control, COUNT(control));
		take_u16(regs, context, control16, COUNT(control16));
		vmi_register_know(regs, VMI_RFLAGS, le32(context + CONTEXT_EFLAGS));
	}
	if (flags & CONTEXT_INTEGER)
		take_u64(regs, context, integer, COUNT(integer));
	if (flags & CONTEXT_SEGMENTS)
		take_u16(regs, context, segments, COUNT(segments));
	if (flags & CONTEXT_DEBUG)
		take_u64(regs, context, debug, COUNT(debug));
}

static void take_special(struct vmi_registers *regs, const uint8_t *special)
{
	static const struct place words[] = {
		{VMI_CR0, SPECIAL_CR0}, {VMI_CR2, 8},          {VMI_CR3, SPECIAL_CR3},
		{VMI_CR4, SPECIAL_CR4}, {VMI_GDTR_BASE, 0x58}, {VMI_IDTR_BASE, 0x68},
		{VMI_CR8, 0xa0},
	};
	static const struct place halves[] = {
		{VMI_GDTR_LIMIT, 0x56}, {VMI_IDTR_LIMIT, 0x66}, {VMI_TR, 0x70}, {VMI_LDTR, 0x72}};
	static const struct place msrs[] = {
		{VMI_GS_BASE, 0xa8},        {VMI_KERNEL_GS_BASE, 0xb0}, {VMI_STAR, 0xb8},
		{VMI_LSTAR, SPECIAL_LSTAR}, {VMI_CSTAR, 0xc8},          {VMI_SYSCALL_MASK, 0xd0},
	};

	take_u64(regs, special, words, COUNT(words));
	take_u16(regs, special, halves, COUNT(halves));
	/* Without an entry for system calls, they were not saved. */
	if (le64(special + SPECIAL_LSTAR))
		take_u64(regs, special, msrs, COUNT(msrs));
}

/* What is known so far was saved some time before the dump. */
static void doubt(struct vmi_registers *regs)
{
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++)
		if (regs->provenance[reg] == VMI_KNOWN)
			vmi_register_assume(regs, reg, regs->value[reg], stale);
}

void windows_registers(const struct windows_cpus *cpus, unsigned vcpu, struct vmi_registers *regs)
{
	const struct windows_cpu *cpu = &cpus->cpu[vcpu];

	regs->source = cpu->from_memory || cpu->has_special ? "windows-prcb" : "windows-header";
	if (cpu->has_special) {
		take_special(regs, cpu->special);
		if (cpus->live)
			doubt(regs);
	}
	if (cpu->has_context)
		take_context(regs, cpu->context);
	if (cpus->root && (!cpu->has_special || cpus->live)) {
		if (cpu->crashed || cpus->count == 1)
			vmi_register_know(regs, VMI_CR3, cpus->root);
		else
			vmi_register_assume(regs, VMI_CR3, cpus->root,
					    "the header's tables: the kernel is in all of them");
	}
	vmi_register_assume(regs, VMI_EFER, VMI_EFER_LME | VMI_EFER_LMA | VMI_EFER_NXE,
			    "a 64-bit Windows: long mode; NX is taken to be on");
}
