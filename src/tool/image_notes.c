/* SPDX-License-Identifier: MIT */
/*
 * Registers as notes, in the forms that crash, drgn, makedumpfile and others read, with one more.
 *
 * For each vcpu NT_PRSTATUS ("CORE", struct elf_prstatus of Linux' include/linux/elfcore.h) and
 * QEMU's ("QEMU", struct QEMUCPUState of its target/i386/arch_dump.c). Neither has EFER or the
 * other MSRs, or can say that something is not known. Hence for each vcpu one of our own:
 *
 *	name "VMICORE", type 0x564d4943 (some readers look at types only), numbers little-endian
 *	u32 version = 1, u32 count, u32 strings size, u32 zero
 *	count times: u64 value, u32 provenance (1 known, 2 assumed), u32 why, char name[24]
 *	strings
 *
 * A register that is unknown has no entry; `why` is where in the strings the reason of an assumed
 * one begins; names are those of vmi_register_name(); all text ends with a NUL.
 */

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "image_notes.h"
#include "put.h"

enum {
	PRSTATUS_SIZE = 336,
	QEMU_SIZE = 440,
	VMICORE_HEAD = 16,
	VMICORE_ENTRY = 40,
	VMICORE_NAME = 24,
	VMICORE_TYPE = 0x564d4943,
	STRINGS_MAX = 16384,
};

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

static void add_note(struct image_notes *notes, const char *name, uint32_t type, const void *desc,
		     size_t size)
{
	size_t name_size = strlen(name) + 1;
	size_t all = sizeof(Elf64_Nhdr) + padded(name_size) + padded(size);

	uint8_t *grown = notes->failed ? NULL : realloc(notes->bytes, notes->size + all);
	if (!grown) {
		notes->failed = true;
		return;
	}
	notes->bytes = grown;
	uint8_t *at = grown + notes->size;
	notes->size += all;
	memset(at, 0, all);
	put32(at, name_size);
	put32(at + 4, size);
	put32(at + 8, type);
	memcpy(at + sizeof(Elf64_Nhdr), name, name_size);
	memcpy(at + sizeof(Elf64_Nhdr) + padded(name_size), desc, size);
}

/* What is unknown is zero in the notes of others; they have no other word for it. */
static uint64_t value_of(const struct vmi_registers *regs, int reg)
{
	return vmi_register_has(regs, (enum vmi_register)reg) ? regs->value[reg] : 0;
}

static void add_prstatus(struct image_notes *notes, const struct vmi_registers *regs, unsigned vcpu)
{
	/* struct user_regs_struct; its orig_rax, at 120 bytes, has no counterpart. */
	static const int order[] = {
		VMI_R15,     VMI_R14,     VMI_R13, VMI_R12, VMI_RBP,    VMI_RBX, VMI_R11,
		VMI_R10,     VMI_R9,      VMI_R8,  VMI_RAX, VMI_RCX,    VMI_RDX, VMI_RSI,
		VMI_RDI,     -1,          VMI_RIP, VMI_CS,  VMI_RFLAGS, VMI_RSP, VMI_SS,
		VMI_FS_BASE, VMI_GS_BASE, VMI_DS,  VMI_ES,  VMI_FS,     VMI_GS,
	};
	uint8_t desc[PRSTATUS_SIZE] = {0};

	put32(desc + 32, vcpu + 1); /* pr_pid, as QEMU numbers them */
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] >= 0)
			put64(desc + 112 + 8 * i, value_of(regs, order[i]));
	add_note(notes, "CORE", NT_PRSTATUS, desc, sizeof(desc));
}

static void qemu_segment(uint8_t *at, const struct vmi_registers *regs, int seg)
{
	put32(at, value_of(regs, seg));
	put32(at + 4, value_of(regs, seg + VMI_SEGMENT_LIMIT));
	put32(at + 8, (value_of(regs, seg + VMI_SEGMENT_ATTRIBUTES) & 0xf0ff) << 8);
	put64(at + 16, value_of(regs, seg + VMI_SEGMENT_BASE));
}

static void add_qemu(struct image_notes *notes, const struct vmi_registers *regs)
{
	static const int general[] = {VMI_RAX, VMI_RBX, VMI_RCX, VMI_RDX, VMI_RSI, VMI_RDI,
				      VMI_RSP, VMI_RBP, VMI_R8,  VMI_R9,  VMI_R10, VMI_R11,
				      VMI_R12, VMI_R13, VMI_R14, VMI_R15, VMI_RIP, VMI_RFLAGS};
	static const int segments[] = {VMI_CS, VMI_DS, VMI_ES,   VMI_FS,
				       VMI_GS, VMI_SS, VMI_LDTR, VMI_TR};
	uint8_t desc[QEMU_SIZE] = {0};

	put32(desc, 1);
	put32(desc + 4, QEMU_SIZE);
	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
		put64(desc + 8 + 8 * i, value_of(regs, general[i]));
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
		qemu_segment(desc + 152 + 24 * i, regs, segments[i]);
	put32(desc + 344 + 4, value_of(regs, VMI_GDTR_LIMIT));
	put64(desc + 344 + 16, value_of(regs, VMI_GDTR_BASE));
	put32(desc + 368 + 4, value_of(regs, VMI_IDTR_LIMIT));
	put64(desc + 368 + 16, value_of(regs, VMI_IDTR_BASE));
	put64(desc + 392, value_of(regs, VMI_CR0));
	put64(desc + 408, value_of(regs, VMI_CR2));
	put64(desc + 416, value_of(regs, VMI_CR3));
	put64(desc + 424, value_of(regs, VMI_CR4));
	put64(desc + 432, value_of(regs, VMI_KERNEL_GS_BASE));
	add_note(notes, "QEMU", 0, desc, sizeof(desc));
}

/* The reason's place among the strings; without room for it the empty one, which is at 0. */
static uint32_t add_string(char strings[STRINGS_MAX], size_t *used, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	if (!size || size > STRINGS_MAX - *used)
		return 0;
	memcpy(strings + *used, text, size);
	*used += size;
	return (uint32_t)(*used - size);
}

static void add_vmicore(struct image_notes *notes, const struct vmi_registers *regs)
{
	uint8_t desc[VMICORE_HEAD + VMI_REGISTER_COUNT * VMICORE_ENTRY + STRINGS_MAX] = {0};
	char strings[STRINGS_MAX] = "";
	size_t used = 1;
	uint32_t count = 0;

	for (int i = 0; i < VMI_REGISTER_COUNT; i++) {
		uint8_t *at = desc + VMICORE_HEAD + count * VMICORE_ENTRY;

		if (!vmi_register_has(regs, (enum vmi_register)i))
			continue;
		count++;
		put64(at, regs->value[i]);
		put32(at + 8, regs->provenance[i] == VMI_KNOWN ? 1 : 2);
		put32(at + 12, add_string(strings, &used, regs->why[i]));
		strncpy((char *)at + 16, vmi_register_name((enum vmi_register)i), VMICORE_NAME - 1);
	}
	put32(desc, 1);
	put32(desc + 4, count);
	put32(desc + 8, used);
	size_t size = VMICORE_HEAD + count * VMICORE_ENTRY;
	memcpy(desc + size, strings, used);
	add_note(notes, "VMICORE", VMICORE_TYPE, desc, size + used);
}

/*
 * Zeros in a note of others would be taken for registers: what they are for must be there. That of
 * QEMU is about control registers, the kernel's is about the others.
 */
bool image_notes_make(struct image_notes *notes, struct vmi *vm, const struct vmi_registers *regs,
		      unsigned vcpus)
{
	size_t len;
	const char *vmcoreinfo = vmi_vmcoreinfo(vm, &len);
	bool has_rip = vcpus, has_cr3 = vcpus;

	*notes = (struct image_notes){0};
	for (unsigned i = 0; i < vcpus; i++) {
		has_rip = has_rip && vmi_register_has(&regs[i], VMI_RIP);
		has_cr3 = has_cr3 && vmi_register_has(&regs[i], VMI_CR3);
	}
	for (unsigned i = 0; has_rip && i < vcpus; i++)
		add_prstatus(notes, &regs[i], i);
	for (unsigned i = 0; has_cr3 && i < vcpus; i++)
		add_qemu(notes, &regs[i]);
	for (unsigned i = 0; i < vcpus; i++)
		add_vmicore(notes, &regs[i]);
	if (vmcoreinfo) {
		notes->vmcoreinfo_at =
			notes->size + sizeof(Elf64_Nhdr) + padded(sizeof("VMCOREINFO"));
		notes->vmcoreinfo_size = len;
		add_note(notes, "VMCOREINFO", 0, vmcoreinfo, len);
	}
	return !notes->failed;
}

void image_notes_deinit(struct image_notes *notes)
{
	free(notes->bytes);
	*notes = (struct image_notes){0};
}
