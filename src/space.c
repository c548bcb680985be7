/* SPDX-License-Identifier: MIT */
/* Address spaces: from registers, from a root, from what the image tells of its kernel. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "translate.h"

const char *vmi_mode_name(enum vmi_mode mode)
{
	switch (mode) {
	case VMI_MODE_AUTO:
		return "auto";
	case VMI_MODE_NONE:
		return "none";
	case VMI_MODE_LEGACY:
		return "legacy";
	case VMI_MODE_PAE:
		return "pae";
	case VMI_MODE_4LEVEL:
		return "4level";
	case VMI_MODE_5LEVEL:
		return "5level";
	}
	return "unknown";
}

/* Some machines can be read but not understood. */
static enum vmi_status machine_check(const struct vmi *vm, struct vmi_error *err)
{
	const struct vmi_info *info = vmi_info(vm);

	if (info->machine != VMI_MACHINE_OTHER)
		return VMI_OK;
	return vmi_fail(
		err, VMI_ERR_UNSUPPORTED,
		"this image is of a machine that is no x86: only physical addresses can be read");
}

/* ---- from registers ------------------------------------------------------------------------- */

/* Long mode, by EFER.LMA, else by what only long mode shows (SDM vol. 3A 2.2.1, 4.1.1). */
static bool is_long(const struct vmi_registers *regs)
{
	if (vmi_register_has(regs, VMI_EFER))
		return regs->value[VMI_EFER] & VMI_EFER_LMA;
	if (vmi_register_has(regs, VMI_CS_ATTRIBUTES) &&
	    (regs->value[VMI_CS_ATTRIBUTES] & VMI_ATTRIBUTES_L))
		return true;
	static const enum vmi_register wide[] = {VMI_RIP,     VMI_RSP,   VMI_CR3,
						 VMI_GS_BASE, VMI_LSTAR, VMI_IDTR_BASE};
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (vmi_register_has(regs, wide[i]) && regs->value[wide[i]] >> 32)
			return true;
	return false;
}

/* SDM vol. 3A 4.1.1: which paging mode CR0, CR4 and EFER select. */
static enum vmi_mode mode_of(const struct vmi_registers *regs)
{
	uint64_t cr4 = regs->value[VMI_CR4];

	if (vmi_register_has(regs, VMI_CR0) && !(regs->value[VMI_CR0] & VMI_CR0_PG))
		return VMI_MODE_NONE;
	if (!vmi_register_has(regs, VMI_CR4))
		return is_long(regs) ? VMI_MODE_4LEVEL : VMI_MODE_LEGACY;
	if (!(cr4 & VMI_CR4_PAE))
		return VMI_MODE_LEGACY;
	if (!is_long(regs))
		return VMI_MODE_PAE;
	return cr4 & VMI_CR4_LA57 ? VMI_MODE_5LEVEL : VMI_MODE_4LEVEL;
}

static uint32_t flags_of(const struct vmi_registers *regs)
{
	uint32_t flags = 0;

	/* Unknown switches are on: they were on every system that boots today. */
	if (!vmi_register_has(regs, VMI_CR4) || (regs->value[VMI_CR4] & VMI_CR4_PSE))
		flags |= VMI_SPACE_PSE;
	if (!vmi_register_has(regs, VMI_EFER) || (regs->value[VMI_EFER] & VMI_EFER_NXE))
		flags |= VMI_SPACE_NX;
	return flags;
}

enum vmi_status vmi_space_of_registers(const struct vmi_registers *regs, enum vmi_mode mode,
				       struct vmi_space *space, struct vmi_error *err)
{
	if (!vmi_register_has(regs, VMI_CR3))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"the registers (%s) do not hold CR3, so they name no page table",
				regs->source ? regs->source : "of unknown origin");
	if (mode == VMI_MODE_AUTO)
		mode = mode_of(regs);
	*space = (struct vmi_space){
		.root = x86_root(mode, regs->value[VMI_CR3]),
		.mode = (uint8_t)mode,
		.flags = flags_of(regs),
	};
	return VMI_OK;
}

static uint8_t gpa_bits(const struct vmi *vm)
{
	return (uint8_t)vmi_info(vm)->gpa_bits;
}

enum vmi_status vmi_space_of_vcpu(struct vmi *vm, unsigned vcpu, enum vmi_mode mode,
				  struct vmi_space *space, struct vmi_error *err)
{
	struct vmi_registers regs;
	enum vmi_status st = machine_check(vm, err);

	if (!st)
		st = vmi_registers_get(vm, vcpu, &regs, err);
	if (!st)
		st = vmi_space_of_registers(&regs, mode, space, err);
	if (st)
		return vmi_wrap(err, st, "vcpu %u", vcpu);
	space->gpa_bits = gpa_bits(vm);
	return VMI_OK;
}

/* ---- by the evidence of the tables ---------------------------------------------------------- */

enum { JUDGE_TABLES = 4096, JUDGE_SAMPLE = 64 };

struct evidence {
	unsigned good, bad, tables;
};

/* Nonsense outweighs sense by so much that looking on is a waste. */
static bool is_hopeless(const struct evidence *evidence)
{
	return evidence->bad > 4 * JUDGE_SAMPLE && evidence->bad > evidence->good;
}

static bool is_held(struct vmi *vm, vmi_gpa gpa)
{
	struct vmi_page page;

	if (cache_get(vm->cache, gpa >> VMI_PAGE_SHIFT, &page, NULL))
		return false;
	cache_put(vm->cache, &page);
	return true;
}

/* Sample a table and what hangs below it: how much of it makes sense in this mode? */
static void judge_table(struct vmi *vm, const struct x86_paging *paging, vmi_gpa table,
			unsigned level, struct evidence *evidence)
{
	struct vmi_page page;
	unsigned entries = paging->index_mask[level] + 1u;
	unsigned looked = 0;

	if (evidence->tables++ >= JUDGE_TABLES || is_hopeless(evidence))
		return;
	if (table_get(vm, table, &page, NULL)) {
		evidence->bad++;
		return;
	}
	for (unsigned i = 0; i < entries && looked < JUDGE_SAMPLE; i++) {
		uint64_t entry;
		if (entry_read(paging, &page, table, i, &entry) || !(entry & X86_P))
			continue;
		looked++;
		if (x86_judge(paging, level, entry))
			evidence->bad++;
		else if (!x86_is_leaf(paging, level, entry))
			judge_table(vm, paging, x86_target(paging, level, entry), level - 1,
				    evidence);
		else if (is_held(vm, x86_target(paging, level, entry)))
			evidence->good++;
		else
			evidence->bad++; /* a device's memory, or nonsense */
	}
	cache_put(vm->cache, &page);
}

/*
 * The deepest mode in which the tables make sense. Deepest first, because tables read one level
 * short make sense too (their last level would be taken for pages), while read one level too deep
 * they end in data.
 */
static enum vmi_mode judge_mode(struct vmi *vm, uint64_t root)
{
	static const enum vmi_mode modes[] = {VMI_MODE_5LEVEL, VMI_MODE_4LEVEL, VMI_MODE_PAE,
					      VMI_MODE_LEGACY};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct vmi_space space = {
			.root = root,
			.mode = (uint8_t)modes[i],
			.flags = VMI_SPACE_PSE | VMI_SPACE_NX,
		};
		struct x86_paging paging;
		struct evidence evidence = {0};
		if (!x86_paging_init(&paging, &space))
			continue;
		judge_table(vm, &paging, paging.root, paging.levels, &evidence);
		if (evidence.good && evidence.bad * 4 <= evidence.good)
			return modes[i];
	}
	return VMI_MODE_AUTO;
}

enum vmi_status vmi_space_of_root(struct vmi *vm, uint64_t root, enum vmi_mode mode,
				  struct vmi_space *space, const char **evidence,
				  struct vmi_error *err)
{
	struct vmi_registers regs;
	const char *how = "asked for";
	uint32_t flags = VMI_SPACE_PSE | VMI_SPACE_NX;
	enum vmi_status st = machine_check(vm, err);

	if (st)
		return st;
	bool have = !vmi_registers_get(vm, 0, &regs, NULL) && vmi_register_has(&regs, VMI_CR3);
	if (have && mode_of(&regs) != VMI_MODE_NONE) {
		flags = flags_of(&regs);
		if (mode == VMI_MODE_AUTO) {
			mode = mode_of(&regs);
			how = "registers of vcpu 0";
		}
	}
	if (mode == VMI_MODE_AUTO) {
		mode = judge_mode(vm, root);
		how = "the tables themselves";
	}
	if (mode == VMI_MODE_AUTO) {
		mode = VMI_MODE_4LEVEL;
		how = "nothing: assumed";
	}
	*space = (struct vmi_space){
		.root = x86_root(mode, root),
		.mode = (uint8_t)mode,
		.gpa_bits = gpa_bits(vm),
		.flags = flags,
	};
	if (evidence)
		*evidence = how;
	return VMI_OK;
}

/* ---- what the kernel says of itself ---------------------------------------------------------- */

/* The number behind `key` ("NUMBER(phys_base)=") in VMCOREINFO text; base 0 takes "0x" or decimal.
 */
static bool vmcoreinfo_number(struct vmi *vm, const char *key, int base, uint64_t *value)
{
	size_t len, key_len = strlen(key);
	const char *text = vmi_vmcoreinfo(vm, &len);
	char digits[32];

	while (text && len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;
		if (line > key_len && line - key_len < sizeof(digits) &&
		    !memcmp(text, key, key_len)) {
			char *stop;
			memcpy(digits, text + key_len, line - key_len);
			digits[line - key_len] = '\0';
			*value = strtoull(digits, &stop, base); /* which takes a minus, too */
			return stop != digits && !*stop;
		}
		text += line;
		len -= line;
		if (len) {
			text++;
			len--;
		}
	}
	return false;
}

static bool vmcoreinfo_has(struct vmi *vm, const char *line)
{
	size_t len;
	const char *text = vmi_vmcoreinfo(vm, &len);

	return text && memmem(text, len, line, strlen(line));
}

/*
 * Linux's own tables: the symbol's virtual address, minus where the kernel image is mapped, plus
 * where it was loaded (arch/x86 of the kernel: __START_KERNEL_map and phys_base; PAGE_OFFSET).
 */
static bool kernel_root(struct vmi *vm, uint64_t *root, enum vmi_mode *mode)
{
	static const char *const symbols[] = {
		"SYMBOL(init_top_pgt)=", "SYMBOL(init_level4_pgt)=", "SYMBOL(swapper_pg_dir)="};
	const uint64_t map64 = UINT64_C(0xffffffff80000000), map32 = 0xc0000000;
	uint64_t symbol = 0, phys_base = 0, five = 0;
	bool found = false;

	for (size_t i = 0; !found && i < sizeof(symbols) / sizeof(symbols[0]); i++)
		found = vmcoreinfo_number(vm, symbols[i], 16, &symbol);
	if (!found)
		return false;
	if (symbol >= map64) {
		if (!vmcoreinfo_number(vm, "NUMBER(phys_base)=", 10, &phys_base))
			return false;
		*mode = vmcoreinfo_number(vm, "NUMBER(pgtable_l5_enabled)=", 10, &five) && five
				? VMI_MODE_5LEVEL
				: VMI_MODE_4LEVEL;
		*root = x86_root(*mode, symbol - map64 + phys_base);
		return true;
	}
	if (symbol < map32 || symbol >> 32)
		return false;
	*mode = vmcoreinfo_has(vm, "CONFIG_X86_PAE=y") ? VMI_MODE_PAE : VMI_MODE_LEGACY;
	*root = symbol - map32;
	return true;
}

enum vmi_status vmi_space_default(struct vmi *vm, enum vmi_mode mode, struct vmi_space *space,
				  const char **source, struct vmi_error *err)
{
	enum vmi_mode kernel_mode;
	uint64_t root;
	enum vmi_status st = machine_check(vm, err);

	if (st)
		return st;
	if (!vmi_space_of_vcpu(vm, 0, mode, space, NULL)) {
		if (source)
			*source = "vcpu 0";
		return VMI_OK;
	}
	if (!kernel_root(vm, &root, &kernel_mode))
		return vmi_fail(err, VMI_ERR_NOT_FOUND,
				"%s tells no page-table root: it holds no CR3 and no VMCOREINFO",
				vm->target->name);
	*space = (struct vmi_space){
		.root = root,
		.mode = (uint8_t)(mode == VMI_MODE_AUTO ? kernel_mode : mode),
		.gpa_bits = gpa_bits(vm),
		.flags = VMI_SPACE_PSE | VMI_SPACE_NX,
	};
	if (source)
		*source = "vmcoreinfo";
	return VMI_OK;
}
