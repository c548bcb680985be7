/* SPDX-License-Identifier: MIT */
/*
 * An ELF core of a machine: the form that QEMU's dump-guest-memory writes, which crash, drgn,
 * makedumpfile and others read, with a note more.
 *
 *	ELF header | program headers, with room | section header 0 | notes | memory ...
 *
 * Notes: for each vcpu NT_PRSTATUS ("CORE", struct elf_prstatus of Linux' include/linux/elfcore.h)
 * and QEMU's ("QEMU", struct QEMUCPUState of its target/i386/arch_dump.c). Neither has EFER or the
 * other MSRs, or can say that something is not known. Hence for each vcpu one of our own:
 *
 *	name "VMICORE", type 1, all numbers little-endian
 *	u32 version = 1, u32 count, u32 strings size, u32 zero
 *	count times: u64 value, u32 provenance (1 known, 2 assumed), u32 why, char name[24]
 *	strings
 *
 * A register that is unknown has no entry; `why` is where in the strings the reason of an assumed
 * one begins; names are those of vmi_register_name(); all text ends with a NUL.
 */

#include <elf.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

enum {
	PRSTATUS_SIZE = 336,
	QEMU_SIZE = 440,
	VMICORE_HEAD = 16,
	VMICORE_ENTRY = 40,
	VMICORE_NAME = 24,
	VMICORE_TYPE = 1,
	STRINGS_MAX = 16384,
	SPARE_HEADERS = 1024,
	PAGE = VMI_PAGE_SIZE,
};

static void put32(uint8_t *at, uint64_t value)
{
	uint32_t little = htole32((uint32_t)value);

	memcpy(at, &little, sizeof(little));
}

static void put64(uint8_t *at, uint64_t value)
{
	uint64_t little = htole64(value);

	memcpy(at, &little, sizeof(little));
}

/* ---- notes ---------------------------------------------------------------------------------- */

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

static void add_note(struct snapshot_elf *elf, const char *name, uint32_t type, const void *desc,
		     size_t size)
{
	size_t name_size = strlen(name) + 1;
	size_t all = sizeof(Elf64_Nhdr) + padded(name_size) + padded(size);

	uint8_t *grown = elf->failed ? NULL : realloc(elf->notes, elf->notes_size + all);
	if (!grown) {
		elf->failed = true;
		return;
	}
	elf->notes = grown;
	uint8_t *at = grown + elf->notes_size;
	elf->notes_size += all;
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

static void add_prstatus(struct snapshot_elf *elf, const struct vmi_registers *regs, unsigned vcpu)
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
	add_note(elf, "CORE", NT_PRSTATUS, desc, sizeof(desc));
}

static void qemu_segment(uint8_t *at, const struct vmi_registers *regs, int seg)
{
	put32(at, value_of(regs, seg));
	put32(at + 4, value_of(regs, seg + VMI_SEGMENT_LIMIT));
	put32(at + 8, (value_of(regs, seg + VMI_SEGMENT_ATTRIBUTES) & 0xf0ff) << 8);
	put64(at + 16, value_of(regs, seg + VMI_SEGMENT_BASE));
}

static void add_qemu(struct snapshot_elf *elf, const struct vmi_registers *regs)
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
	add_note(elf, "QEMU", 0, desc, sizeof(desc));
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

static void add_vmicore(struct snapshot_elf *elf, const struct vmi_registers *regs)
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
	add_note(elf, "VMICORE", VMICORE_TYPE, desc, size + used);
}

bool snapshot_elf_notes(struct snapshot_elf *elf, struct vmi *vm, const struct vmi_registers *regs,
			unsigned vcpus)
{
	size_t len;
	const char *vmcoreinfo = vmi_vmcoreinfo(vm, &len);

	*elf = (struct snapshot_elf){.machine = vmi_info(vm)->machine};
	for (unsigned i = 0; i < vcpus; i++)
		add_prstatus(elf, &regs[i], i);
	for (unsigned i = 0; i < vcpus; i++)
		add_qemu(elf, &regs[i]);
	for (unsigned i = 0; i < vcpus; i++)
		add_vmicore(elf, &regs[i]);
	if (vmcoreinfo)
		add_note(elf, "VMCOREINFO", 0, vmcoreinfo, len);
	return !elf->failed;
}

void snapshot_elf_deinit(struct snapshot_elf *elf)
{
	free(elf->notes);
}

/* ---- headers -------------------------------------------------------------------------------- */

static uint64_t section_at(const struct snapshot_elf *elf)
{
	return sizeof(Elf64_Ehdr) + elf->header_room * sizeof(Elf64_Phdr);
}

static uint64_t notes_at(const struct snapshot_elf *elf)
{
	return section_at(elf) + sizeof(Elf64_Shdr);
}

uint64_t snapshot_elf_start(struct snapshot_elf *elf, size_t stretches)
{
	/* Pages that turn out to be unreadable split what was thought to be one. */
	elf->header_room = 1 + stretches + stretches / 4 + SPARE_HEADERS;
	return (notes_at(elf) + elf->notes_size + PAGE - 1) / PAGE * PAGE;
}

static Elf64_Phdr program_header(uint32_t type, uint64_t offset, vmi_gpa gpa, uint64_t size)
{
	return (Elf64_Phdr){
		.p_type = htole32(type),
		.p_offset = htole64(offset),
		.p_paddr = htole64(gpa),
		.p_filesz = htole64(size),
		.p_memsz = htole64(type == PT_NOTE ? 0 : size),
	};
}

static void write_header(const struct snapshot_elf *elf, struct snapshot_file *file, uint64_t phoff,
			 uint64_t count)
{
	/* More headers than 16 bits can count are counted by section 0 (System V ABI, chapter 4).
	 */
	bool many = count >= PN_XNUM;
	Elf64_Shdr section = {.sh_info = htole32((uint32_t)count)};
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = htole16(ET_CORE),
		.e_machine = htole16(elf->machine == VMI_MACHINE_X86 ? EM_386 : EM_X86_64),
		.e_version = htole32(EV_CURRENT),
		.e_phoff = htole64(phoff),
		.e_shoff = htole64(many ? section_at(elf) : 0),
		.e_ehsize = htole16(sizeof(header)),
		.e_phentsize = htole16(sizeof(Elf64_Phdr)),
		.e_phnum = htole16(many ? PN_XNUM : (uint16_t)count),
		.e_shentsize = htole16(many ? sizeof(section) : 0),
		.e_shnum = htole16(many ? 1 : 0),
	};

	if (many)
		snapshot_file_write(file, section_at(elf), &section, sizeof(section));
	snapshot_file_write(file, 0, &header, sizeof(header));
}

uint64_t snapshot_elf_finish(const struct snapshot_elf *elf, struct snapshot_file *file,
			     const struct snapshot_list *memory, uint64_t end)
{
	/* Readers look behind the header first, so the end is for when there is no other way. */
	bool fits = memory->count < elf->header_room;
	uint64_t phoff = fits ? sizeof(Elf64_Ehdr) : (end + PAGE - 1) / PAGE * PAGE;
	uint64_t at = phoff;
	Elf64_Phdr header = program_header(PT_NOTE, notes_at(elf), 0, elf->notes_size);

	for (size_t i = 0; i < memory->count; i++) {
		snapshot_file_write(file, at, &header, sizeof(header));
		at += sizeof(header);
		header = program_header(PT_LOAD, memory->list[i].offset, memory->list[i].gpa,
					memory->list[i].size);
	}
	snapshot_file_write(file, at, &header, sizeof(header));
	at += sizeof(header);
	write_header(elf, file, phoff, memory->count + 1);
	snapshot_file_write(file, notes_at(elf), elf->notes, elf->notes_size);
	return fits ? end : at;
}
