/* SPDX-License-Identifier: MIT */
/*
 * The registers of one vcpu, from the note that holds them. Layouts: Linux' struct elf_prstatus
 * (include/linux/elfcore.h), QEMU's QEMUCPUState (target/i386/arch_dump.c), VirtualBox' DBGFCORECPU
 * (include/VBox/vmm/dbgfcorefmt.h); and that of vmi-live's snapshots (src/tool/snapshot_elf.c).
 */

#include "place.h"
#include "vcpu.h"

enum {
	PRSTATUS64_SIZE = 336,
	QEMU_VERSION = 1,
	QEMU_SIZE = 432,
	QEMU_SIZE_WITH_KERNEL_GS = 440,
	VIRTUALBOX_SIZE = 552, /* up to what the formats have in common */
	VIRTUALBOX_SIZE_5 = 568,
	VIRTUALBOX_SIZE_6 = 576,
	VMICORE_VERSION = 1,
	VMICORE_HEAD = 16,
	VMICORE_ENTRY = 40,
	VMICORE_NAME = 24,
};

/* {u32 version, count, strings, zero}; count entries; strings, the last of which ends. */
static bool vmicore_check(const struct vcpu_note *note)
{
	if (note->size < VMICORE_HEAD || le32(note->at) != VMICORE_VERSION)
		return false;
	size_t room = note->size - VMICORE_HEAD;
	uint32_t count = le32(note->at + 4), strings = le32(note->at + 8);
	if (count > room / VMICORE_ENTRY)
		return false;
	room -= (size_t)count * VMICORE_ENTRY;
	return strings && strings <= room && !note->at[note->size - room + strings - 1];
}

bool vcpu_note_check(struct vcpu_note *note)
{
	bool known = false;

	switch (note->kind) {
	case VCPU_PRSTATUS:
		known = note->size == PRSTATUS32_SIZE || note->size == PRSTATUS64_SIZE;
		break;
	case VCPU_QEMU:
		known = note->size >= QEMU_SIZE && le32(note->at) == QEMU_VERSION &&
			le32(note->at + 4) >= QEMU_SIZE;
		break;
	case VCPU_VIRTUALBOX:
		/* 4 and 5 are the same layout; before them came the hypervisor's own, changing one
		 */
		known = (note->format == 0x10004 && note->size >= VIRTUALBOX_SIZE_5) ||
			(note->format == 0x10005 && note->size >= VIRTUALBOX_SIZE_5) ||
			(note->format == 0x10006 && note->size >= VIRTUALBOX_SIZE_6);
		break;
	case VCPU_VMICORE:
		known = vmicore_check(note);
		break;
	case VCPU_NONE:
	case VCPU_NOTE_KINDS:
		break;
	}
	if (!known)
		note->kind = VCPU_NONE;
	return known;
}

/* ---- NT_PRSTATUS ---------------------------------------------------------------------------- */

enum { PRSTATUS64_CS = 248, PRSTATUS64_GS_BASE = 288, PRSTATUS64_END = 328 };
enum { PRSTATUS64_REGS = 112, PRSTATUS32_REGS = 72, PRSTATUS32_END = 140 };

/* A CPU that was offline leaves zeros, which no running one has: bit 1 of RFLAGS is always set. */
static bool is_blank(const uint8_t *from, const uint8_t *to)
{
	while (from < to)
		if (*from++)
			return false;
	return true;
}

static void prstatus64(const uint8_t *note, struct vmi_registers *regs)
{
	static const struct place general[] = {
		{VMI_R15, 112}, {VMI_R14, 120},    {VMI_R13, 128},     {VMI_R12, 136},
		{VMI_RBP, 144}, {VMI_RBX, 152},    {VMI_R11, 160},     {VMI_R10, 168},
		{VMI_R9, 176},  {VMI_R8, 184},     {VMI_RAX, 192},     {VMI_RCX, 200},
		{VMI_RDX, 208}, {VMI_RSI, 216},    {VMI_RDI, 224},     {VMI_RIP, 240},
		{VMI_RSP, 264}, {VMI_RFLAGS, 256}, {VMI_FS_BASE, 280},
	};
	static const struct place selectors[] = {{VMI_CS, PRSTATUS64_CS}, {VMI_SS, 272},
						 {VMI_DS, 296},           {VMI_ES, 304},
						 {VMI_FS, 312},           {VMI_GS, 320}};

	if (is_blank(note + PRSTATUS64_REGS, note + PRSTATUS64_END))
		return;
	take_u64(regs, note, general, COUNT(general));
	take_u16(regs, note, selectors, COUNT(selectors));
	/*
	 * Linux (ELF_CORE_COPY_REGS) stores the inactive GS base, which is the user's when the CPU
	 * was in the kernel; emulators store the active one. The two agree in user mode, and a
	 * kernel's own base is in the upper half; in between nobody knows whose it is.
	 */
	uint64_t gs_base = le64(note + PRSTATUS64_GS_BASE);
	if ((le16(note + PRSTATUS64_CS) & 3) == 3 || gs_base >> 63)
		vmi_register_know(regs, VMI_GS_BASE, gs_base);
}

static void prstatus32(const uint8_t *note, struct vmi_registers *regs)
{
	static const struct place general[] = {
		{VMI_RBX, 72}, {VMI_RCX, 76}, {VMI_RDX, 80},  {VMI_RSI, 84},     {VMI_RDI, 88},
		{VMI_RBP, 92}, {VMI_RAX, 96}, {VMI_RIP, 120}, {VMI_RFLAGS, 128}, {VMI_RSP, 132},
	};
	static const struct place selectors[] = {{VMI_DS, 100}, {VMI_ES, 104}, {VMI_FS, 108},
						 {VMI_GS, 112}, {VMI_CS, 124}, {VMI_SS, 136}};

	if (is_blank(note + PRSTATUS32_REGS, note + PRSTATUS32_END))
		return;
	take_u32(regs, note, general, COUNT(general));
	take_u16(regs, note, selectors, COUNT(selectors));
}

/* ---- QEMU ----------------------------------------------------------------------------------- */

/* {u32 selector, limit, flags, pad; u64 base}; flags as in the upper half of a descriptor. */
static void qemu_segment(const uint8_t *at, enum vmi_register seg, struct vmi_registers *regs)
{
	vmi_register_know(regs, seg, le16(at));
	vmi_register_know(regs, seg + VMI_SEGMENT_BASE, le64(at + 16));
	vmi_register_know(regs, seg + VMI_SEGMENT_LIMIT, le32(at + 4));
	vmi_register_know(regs, seg + VMI_SEGMENT_ATTRIBUTES, le32(at + 8) >> 8 & 0xf0ff);
}

/*
 * The note has no EFER, and without it there is no saying how the tables are walked. What the other
 * registers leave open is whether NX is on, which every system of this century that can does.
 */
static void qemu_efer(struct vmi_registers *regs, enum vmi_machine machine)
{
	static const uint64_t long_mode = VMI_EFER_LME | VMI_EFER_LMA | VMI_EFER_NXE;

	if (!(regs->value[VMI_CR0] & VMI_CR0_PG))
		vmi_register_assume(regs, VMI_EFER, 0, "CR0.PG is clear: no paging, no long mode");
	else if (!(regs->value[VMI_CR4] & VMI_CR4_PAE))
		vmi_register_assume(regs, VMI_EFER, 0,
				    "CR4.PAE is clear: no long mode, and NX would have no place");
	else if (regs->value[VMI_CS_ATTRIBUTES] & VMI_ATTRIBUTES_L)
		vmi_register_assume(regs, VMI_EFER, long_mode,
				    "CS.L is set: long mode; NX is taken to be on");
	else if (machine == VMI_MACHINE_X86_64)
		vmi_register_assume(regs, VMI_EFER, long_mode,
				    "the image is of x86-64: long mode; NX is taken to be on");
	else
		vmi_register_assume(regs, VMI_EFER, VMI_EFER_NXE,
				    "the image is of 32-bit x86: PAE paging; NX is taken to be on");
}

static void qemu(const struct vcpu_note *note, enum vmi_machine machine, struct vmi_registers *regs)
{
	static const struct place both[] = {
		{VMI_RAX, 8},   {VMI_RBX, 16},  {VMI_RCX, 24},  {VMI_RDX, 32},  {VMI_RSI, 40},
		{VMI_RDI, 48},  {VMI_RSP, 56},  {VMI_RBP, 64},  {VMI_RIP, 136}, {VMI_RFLAGS, 144},
		{VMI_CR0, 392}, {VMI_CR2, 408}, {VMI_CR3, 416}, {VMI_CR4, 424},
	};
	static const struct place wide[] = {{VMI_R8, 72},   {VMI_R9, 80},   {VMI_R10, 88},
					    {VMI_R11, 96},  {VMI_R12, 104}, {VMI_R13, 112},
					    {VMI_R14, 120}, {VMI_R15, 128}};
	static const struct place segments[] = {
		{VMI_CS, 152}, {VMI_DS, 176}, {VMI_ES, 200},   {VMI_FS, 224},
		{VMI_GS, 248}, {VMI_SS, 272}, {VMI_LDTR, 296}, {VMI_TR, 320},
	};
	static const struct place tables[] = {{VMI_GDTR_BASE, 344 + 16}, {VMI_IDTR_BASE, 368 + 16}};
	static const struct place limits[] = {{VMI_GDTR_LIMIT, 344 + 4}, {VMI_IDTR_LIMIT, 368 + 4}};

	take_u64(regs, note->at, both, COUNT(both));
	for (size_t i = 0; i < COUNT(segments); i++)
		qemu_segment(note->at + segments[i].at, segments[i].reg, regs);
	take_u64(regs, note->at, tables, COUNT(tables));
	take_u32(regs, note->at, limits, COUNT(limits));
	qemu_efer(regs, machine);

	/* An emulator of a 32-bit CPU has no such registers, and writes zeros for them. */
	if (machine != VMI_MACHINE_X86_64 && !(regs->value[VMI_CS_ATTRIBUTES] & VMI_ATTRIBUTES_L))
		return;
	take_u64(regs, note->at, wide, COUNT(wide));
	if (note->size >= QEMU_SIZE_WITH_KERNEL_GS &&
	    le32(note->at + 4) >= QEMU_SIZE_WITH_KERNEL_GS)
		vmi_register_know(regs, VMI_KERNEL_GS_BASE, le64(note->at + QEMU_SIZE));
}

/* ---- VirtualBox ----------------------------------------------------------------------------- */

/* {u64 base; u32 limit, attributes; u16 selector}; attributes as in the VMCS. */
static void virtualbox_segment(const uint8_t *at, enum vmi_register seg, struct vmi_registers *regs)
{
	vmi_register_know(regs, seg, le16(at + 16));
	vmi_register_know(regs, seg + VMI_SEGMENT_BASE, le64(at));
	vmi_register_know(regs, seg + VMI_SEGMENT_LIMIT, le32(at + 8));
	vmi_register_know(regs, seg + VMI_SEGMENT_ATTRIBUTES, le32(at + 12) & 0xf0ff);
}

static void virtualbox(const struct vcpu_note *note, struct vmi_registers *regs)
{
	static const struct place words[] = {
		{VMI_RAX, 0},
		{VMI_RBX, 8},
		{VMI_RCX, 16},
		{VMI_RDX, 24},
		{VMI_RSI, 32},
		{VMI_RDI, 40},
		{VMI_R8, 48},
		{VMI_R9, 56},
		{VMI_R10, 64},
		{VMI_R11, 72},
		{VMI_R12, 80},
		{VMI_R13, 88},
		{VMI_R14, 96},
		{VMI_R15, 104},
		{VMI_RIP, 112},
		{VMI_RSP, 120},
		{VMI_RBP, 128},
		{VMI_RFLAGS, 136},
		{VMI_CR0, 288},
		{VMI_CR2, 296},
		{VMI_CR3, 304},
		{VMI_CR4, 312},
		{VMI_DR0, 320},
		{VMI_DR1, 328},
		{VMI_DR2, 336},
		{VMI_DR3, 344},
		{VMI_DR6, 368},
		{VMI_DR7, 376},
		{VMI_GDTR_BASE, 384},
		{VMI_IDTR_BASE, 400},
		{VMI_SYSENTER_CS, 464},
		{VMI_SYSENTER_EIP, 472},
		{VMI_SYSENTER_ESP, 480},
		{VMI_EFER, 488},
		{VMI_STAR, 496},
		{VMI_PAT, 504},
		{VMI_LSTAR, 512},
		{VMI_CSTAR, 520},
		{VMI_SYSCALL_MASK, 528},
		{VMI_KERNEL_GS_BASE, 536},
		{VMI_APIC_BASE, 544},
	};
	static const struct place segments[] = {
		{VMI_CS, 144}, {VMI_DS, 168}, {VMI_ES, 192},   {VMI_FS, 216},
		{VMI_GS, 240}, {VMI_SS, 264}, {VMI_LDTR, 416}, {VMI_TR, 440},
	};
	static const struct place limits[] = {{VMI_GDTR_LIMIT, 392}, {VMI_IDTR_LIMIT, 408}};

	take_u64(regs, note->at, words, COUNT(words));
	for (size_t i = 0; i < COUNT(segments); i++)
		virtualbox_segment(note->at + segments[i].at, segments[i].reg, regs);
	take_u32(regs, note->at, limits, COUNT(limits));
	/* Format 6 put TSC_AUX before the two words of XCR. */
	if (note->format == 0x10006)
		vmi_register_know(regs, VMI_TSC_AUX, le64(note->at + VIRTUALBOX_SIZE));
	vmi_register_know(regs, VMI_XCR0,
			  le64(note->at + VIRTUALBOX_SIZE + (note->format == 0x10006 ? 8 : 0)));
}

/* ---- our own -------------------------------------------------------------------------------- */

/* Entries {u64 value; u32 provenance, why; char name[24]}. Names of a newer version are skipped. */
static void vmicore(const struct vcpu_note *note, struct vmi_registers *regs)
{
	uint32_t count = le32(note->at + 4), size = le32(note->at + 8);
	const uint8_t *at = note->at + VMICORE_HEAD;
	const char *strings = (const char *)at + (size_t)count * VMICORE_ENTRY;

	for (uint32_t i = 0; i < count; i++, at += VMICORE_ENTRY) {
		char name[VMICORE_NAME + 1] = "";
		uint32_t provenance = le32(at + 8), why = le32(at + 12);

		memcpy(name, at + 16, VMICORE_NAME);
		enum vmi_register reg = vmi_register_find(name);
		if (reg == VMI_REGISTER_COUNT)
			continue;
		if (provenance == VMI_KNOWN)
			vmi_register_know(regs, reg, le64(at));
		else if (provenance == VMI_ASSUMED)
			vmi_register_assume(regs, reg, le64(at), why < size ? strings + why : "");
	}
}

/* --------------------------------------------------------------------------------------------- */

static void crashed_xen(const uint8_t *control, struct vmi_registers *regs)
{
	static const struct place places[] = {
		{VMI_CR0, 0}, {VMI_CR2, 8}, {VMI_CR3, 16}, {VMI_CR4, 24}};

	take_u64(regs, control, places, COUNT(places));
}

void vcpu_registers(const struct vcpu_note *note, enum vmi_machine machine,
		    struct vmi_registers *regs)
{
	switch (note->kind) {
	case VCPU_PRSTATUS:
		regs->source = "prstatus";
		if (note->size == PRSTATUS64_SIZE)
			prstatus64(note->at, regs);
		else
			prstatus32(note->at, regs);
		if (note->control)
			crashed_xen(note->control, regs);
		break;
	case VCPU_QEMU:
		regs->source = "qemu-note";
		qemu(note, machine, regs);
		break;
	case VCPU_VIRTUALBOX:
		regs->source = "virtualbox-note";
		virtualbox(note, regs);
		break;
	case VCPU_VMICORE:
		regs->source = "vmicore-note";
		vmicore(note, regs);
		break;
	case VCPU_NONE:
	case VCPU_NOTE_KINDS:
		break;
	}
}
