/* SPDX-License-Identifier: MIT */
/* Registers out of vcpu_guest_context, as getting a vcpu's context from Xen fills it in. */

#include "xen_vcpu.h"

#include "place.h"

enum {
	FLAGS64 = 512,
	FLAG_IN_KERNEL = 1 << 2,
	USER_REGS64 = 520,
	USER_REGS64_END = 720,
	CR0_64 = 4984,
	CR3_64 = 5008,
	FS_BASE = 5144,
	GS_BASE_KERNEL = 5152,
	GS_BASE_USER = 5160,
	USER_REGS32 = 516,
	USER_REGS32_END = 584,
	CR0_32 = 2716,
	CR3_32 = 2728,
};

/* ---- either layout -------------------------------------------------------------------------- */

static bool is_blank(const uint8_t *from, const uint8_t *to)
{
	while (from < to)
		if (*from++)
			return false;
	return true;
}

static bool take_wide(const uint8_t *context, struct vmi_registers *regs)
{
	static const struct place words[] = {
		{VMI_R15, 520},  {VMI_R14, 528},    {VMI_R13, 536},    {VMI_R12, 544},
		{VMI_RBP, 552},  {VMI_RBX, 560},    {VMI_R11, 568},    {VMI_R10, 576},
		{VMI_R9, 584},   {VMI_R8, 592},     {VMI_RAX, 600},    {VMI_RCX, 608},
		{VMI_RDX, 616},  {VMI_RSI, 624},    {VMI_RDI, 632},    {VMI_RIP, 648},
		{VMI_RSP, 672},  {VMI_RFLAGS, 664}, {VMI_CR0, CR0_64}, {VMI_CR2, 5000},
		{VMI_CR4, 5016}, {VMI_CR3, CR3_64}, {VMI_DR0, 5048},   {VMI_DR1, 5056},
		{VMI_DR2, 5064}, {VMI_DR3, 5072},   {VMI_DR6, 5096},   {VMI_DR7, 5104},
	};
	static const struct place selectors[] = {{VMI_CS, 656}, {VMI_SS, 680}, {VMI_ES, 688},
						 {VMI_DS, 696}, {VMI_FS, 704}, {VMI_GS, 712}};

	if (is_blank(context + USER_REGS64, context + USER_REGS64_END))
		return false;
	take_u64(regs, context, words, COUNT(words));
	take_u16(regs, context, selectors, COUNT(selectors));
	return true;
}

static bool take_narrow(const uint8_t *context, struct vmi_registers *regs)
{
	static const struct place words[] = {
		{VMI_RBX, 516},    {VMI_RCX, 520},  {VMI_RDX, 524},  {VMI_RSI, 528},
		{VMI_RDI, 532},    {VMI_RBP, 536},  {VMI_RAX, 540},  {VMI_RIP, 548},
		{VMI_RFLAGS, 556}, {VMI_RSP, 560},  {VMI_CR0, 2716}, {VMI_CR2, 2724},
		{VMI_CR3, CR3_32}, {VMI_CR4, 2732}, {VMI_DR0, 2748}, {VMI_DR1, 2752},
		{VMI_DR2, 2756},   {VMI_DR3, 2760}, {VMI_DR6, 2772}, {VMI_DR7, 2776},
	};
	static const struct place selectors[] = {{VMI_CS, 552}, {VMI_SS, 564}, {VMI_ES, 568},
						 {VMI_DS, 572}, {VMI_FS, 576}, {VMI_GS, 580}};

	if (is_blank(context + USER_REGS32, context + USER_REGS32_END))
		return false;
	take_u32(regs, context, words, COUNT(words));
	take_u16(regs, context, selectors, COUNT(selectors));
	return true;
}

static void forget(struct vmi_registers *regs, enum vmi_register reg)
{
	regs->value[reg] = 0;
	regs->provenance[reg] = VMI_ABSENT;
}

/*
 * Of the two bases of GS one is in use and SWAPGS brings the other. A Xen that does not tell bases
 * leaves them all zero, while no 64-bit system runs with all of them zero for long.
 */
static void take_bases(const uint8_t *context, bool kernel, struct vmi_registers *regs)
{
	uint64_t fs = le64(context + FS_BASE);
	uint64_t gs_kernel = le64(context + GS_BASE_KERNEL);
	uint64_t gs_user = le64(context + GS_BASE_USER);

	if (!fs && !gs_kernel && !gs_user)
		return;
	vmi_register_know(regs, VMI_FS_BASE, fs);
	vmi_register_know(regs, VMI_GS_BASE, kernel ? gs_kernel : gs_user);
	vmi_register_know(regs, VMI_KERNEL_GS_BASE, kernel ? gs_user : gs_kernel);
}

void xen_vcpu_assume_long(struct vmi_registers *regs, const char *why)
{
	vmi_register_assume(regs, VMI_EFER, VMI_EFER_LME | VMI_EFER_LMA | VMI_EFER_NXE, why);
}

void xen_vcpu_assume_pae(struct vmi_registers *regs, const char *why)
{
	vmi_register_assume(regs, VMI_EFER, VMI_EFER_NXE, why);
}

/* ---- guests with hardware's help ------------------------------------------------------------ */

/*
 * There is no EFER in it. What is needed of it follows from what long mode alone allows (SDM vol.
 * 3A 4.1.1): CR4.PCIDE, registers of more than 32 bits; and no paging or no PAE rules it out. What
 * is left is for who can look at the tables.
 */
static void assume_efer(struct vmi_registers *regs)
{
	static const enum vmi_register wide[] = {VMI_RIP, VMI_RSP, VMI_CR3, VMI_GS_BASE};
	uint64_t cr4 = regs->value[VMI_CR4];

	if (!(regs->value[VMI_CR0] & VMI_CR0_PG)) {
		vmi_register_assume(regs, VMI_EFER, 0, "CR0.PG is clear: no paging, no long mode");
		return;
	}
	if (!(cr4 & VMI_CR4_PAE)) {
		vmi_register_assume(regs, VMI_EFER, 0,
				    "CR4.PAE is clear: no long mode, and NX would have no place");
		return;
	}
	if (cr4 & VMI_CR4_PCIDE)
		xen_vcpu_assume_long(regs, "CR4.PCIDE is set: long mode; NX is taken to be on");
	for (size_t i = 0; i < COUNT(wide); i++)
		if (regs->value[wide[i]] >> 32)
			xen_vcpu_assume_long(
				regs, "addresses have 64 bits: long mode; NX is taken to be on");
}

void xen_vcpu_hvm(const uint8_t *context, bool wide, struct vmi_registers *regs)
{
	if (!(wide ? take_wide(context, regs) : take_narrow(context, regs)))
		return;
	if (wide)
		take_bases(context, (regs->value[VMI_CS] & 3) == 0, regs);
	assume_efer(regs);
}

/* ---- paravirtualised guests ----------------------------------------------------------------- */

/* Xen itself runs with PE, PG and PAE set, and these guests in its modes, whatever they were told.
 */
static void set_bits(struct vmi_registers *regs, enum vmi_register reg, uint64_t set)
{
	if ((regs->value[reg] & set) != set)
		vmi_register_assume(regs, reg, regs->value[reg] | set,
				    "a paravirtualised guest runs in the paging mode of Xen");
}

static bool is_plausible(uint64_t cr0, uint64_t cr3)
{
	return (cr0 & VMI_CR0_PE) && !(cr0 >> 32) && cr3;
}

bool xen_vcpu_is_wide(const uint8_t *context, size_t size)
{
	if (size < XEN_VCPU64_SIZE)
		return false;
	return is_plausible(le64(context + CR0_64), le64(context + CR3_64)) ||
	       !is_plausible(le32(context + CR0_32), le32(context + CR3_32));
}

/*
 * A 32-bit guest's CR3 has the high bits of the frame below the low ones (xen_pfn_to_cr3() of
 * xen/arch-x86/xen-x86_32.h). A root above 4 GiB has no place in a CR3 of that width: it is absent.
 */
static void unrotate(struct vmi_registers *regs)
{
	uint32_t cr3 = (uint32_t)regs->value[VMI_CR3];
	uint32_t frame = cr3 >> 12 | cr3 << 20;

	if (frame >> 20)
		forget(regs, VMI_CR3);
	else
		vmi_register_know(regs, VMI_CR3, (uint64_t)frame << 12);
}

void xen_vcpu_pv(const uint8_t *context, bool wide, struct vmi_registers *regs)
{
	if (!(wide ? take_wide(context, regs) : take_narrow(context, regs)))
		return;
	set_bits(regs, VMI_CR0, VMI_CR0_PE | VMI_CR0_PG);
	set_bits(regs, VMI_CR4, VMI_CR4_PAE);
	if (wide) {
		/* Both halves of such a guest run in ring 3; a flag says which one. */
		take_bases(context, le64(context + FLAGS64) & FLAG_IN_KERNEL, regs);
		xen_vcpu_assume_long(regs, "a 64-bit paravirtualised guest: long mode with NX on");
	} else {
		unrotate(regs);
		xen_vcpu_assume_pae(regs, "a 32-bit paravirtualised guest: PAE paging with NX on");
	}
}
