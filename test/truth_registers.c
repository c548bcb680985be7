/* SPDX-License-Identifier: MIT */
/* Registers of every vcpu, against the machine's own monitor. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "truth_check.h"

/* What QEMU's note and Linux's NT_PRSTATUS hold. */
static const char *const in_both[] = {"rax", "rbx", "rcx", "rdx", "rsi",
				      "rdi", "rbp", "rsp", "rip"};
static const char *const in_long[] = {"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const in_qemu[] = {"cr0", "cr2", "cr3", "cr4"};

/* The value of one register. `mask` is what of it the truth knows. */
static void judge(struct check *check, unsigned vcpu, const struct vmi_registers *regs,
		  enum vmi_register reg, uint64_t want, uint64_t mask, bool must_hold)
{
	uint64_t got = regs->value[reg];

	check->checked++;
	switch ((enum vmi_provenance)regs->provenance[reg]) {
	case VMI_ABSENT:
		check->not_saved++;
		if (must_hold)
			check_wrong(check, "vcpu %u: %s is absent, though the image holds it", vcpu,
				    vmi_register_name(reg));
		return;
	case VMI_ASSUMED:
		printf("vcpu %u: %s is assumed 0x%" PRIx64 " (%s); it was 0x%" PRIx64 "\n", vcpu,
		       vmi_register_name(reg), got, regs->why[reg], want);
		if (reg == VMI_EFER)
			mask = VMI_EFER_LME | VMI_EFER_LMA;
		break;
	case VMI_KNOWN:
		break;
	}
	if ((got & mask) != (want & mask))
		check_wrong(check, "vcpu %u: %s is 0x%" PRIx64 ", not 0x%" PRIx64, vcpu,
			    vmi_register_name(reg), got, want);
}

static void judge_segment(struct check *check, unsigned vcpu, const struct vmi_registers *regs,
			  yajl_val segment, enum vmi_register reg, bool must_hold)
{
	uint64_t value;

	if (item_u64(segment, "selector", &value))
		judge(check, vcpu, regs, reg, value, UINT64_MAX, must_hold);
	if (item_u64(segment, "base", &value))
		judge(check, vcpu, regs, reg + VMI_SEGMENT_BASE, value, UINT64_MAX, must_hold);
	if (item_u64(segment, "limit", &value))
		judge(check, vcpu, regs, reg + VMI_SEGMENT_LIMIT, value, UINT64_MAX, must_hold);
	/* The monitor shows the second word of the descriptor. */
	if (item_u64(segment, "flags", &value))
		judge(check, vcpu, regs, reg + VMI_SEGMENT_ATTRIBUTES, value >> 8 & 0xf0ff,
		      UINT64_MAX, must_hold);
}

static void judge_segments(struct check *check, unsigned vcpu, const struct vmi_registers *regs,
			   yajl_val truth, bool must_hold)
{
	static const struct {
		const char *name;
		enum vmi_register reg;
	} all[] = {
		{"cs", VMI_CS}, {"ds", VMI_DS}, {"es", VMI_ES}, {"fs", VMI_FS},
		{"gs", VMI_GS}, {"ss", VMI_SS}, {"tr", VMI_TR}, {"ldt", VMI_LDTR},
	};
	uint64_t value;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		judge_segment(check, vcpu, regs, item_member(truth, all[i].name), all[i].reg,
			      must_hold);
	if (item_u64(item_member(truth, "gdt"), "base", &value))
		judge(check, vcpu, regs, VMI_GDTR_BASE, value, UINT64_MAX, must_hold);
	if (item_u64(item_member(truth, "gdt"), "limit", &value))
		judge(check, vcpu, regs, VMI_GDTR_LIMIT, value, UINT64_MAX, must_hold);
	if (item_u64(item_member(truth, "idt"), "base", &value))
		judge(check, vcpu, regs, VMI_IDTR_BASE, value, UINT64_MAX, must_hold);
	if (item_u64(item_member(truth, "idt"), "limit", &value))
		judge(check, vcpu, regs, VMI_IDTR_LIMIT, value, UINT64_MAX, must_hold);
}

/* `name` may be "rax" where the monitor shows "eax": all of a 32-bit CPU's, half of another's. */
static void judge_named(struct check *check, unsigned vcpu, const struct vmi_registers *regs,
			yajl_val truth, const char *name, bool must_hold)
{
	enum vmi_register reg = vmi_register_find(name);
	uint64_t value, mask = UINT64_MAX;
	char half[8];
	bool low = false;

	if (reg == VMI_REGISTER_COUNT) {
		check_wrong(check, "no register has the name %s", name);
		return;
	}
	snprintf(half, sizeof(half), "e%s", name + 1);
	if (!item_u64(truth, name, &value)) {
		if (name[0] != 'r' || !item_u64(truth, half, &value))
			return;
		if (item_bool(truth, "monitor_shows_low_halves", &low) && low)
			mask = UINT32_MAX;
	}
	judge(check, vcpu, regs, reg, value, mask, must_hold);
}

static void check_vcpu(struct check *check, unsigned vcpu, yajl_val truth, bool qemu)
{
	static const char *const elsewhere[] = {"dr0", "dr1", "dr2", "dr3", "dr6", "dr7", "efer"};
	struct vmi_registers regs;
	struct vmi_error err;
	uint64_t value;

	if (vmi_registers_get(check->vm, vcpu, &regs, &err)) {
		check_wrong(check, "vcpu %u: %s", vcpu, err.text);
		return;
	}
	for (size_t i = 0; i < sizeof(in_both) / sizeof(in_both[0]); i++)
		judge_named(check, vcpu, &regs, truth, in_both[i], true);
	/* A 32-bit image has none of these, nor has the truth then. */
	for (size_t i = 0; i < sizeof(in_long) / sizeof(in_long[0]); i++)
		judge_named(check, vcpu, &regs, truth, in_long[i], true);
	for (size_t i = 0; i < sizeof(in_qemu) / sizeof(in_qemu[0]); i++)
		judge_named(check, vcpu, &regs, truth, in_qemu[i], qemu);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		judge_named(check, vcpu, &regs, truth, elsewhere[i], false);
	judge_named(check, vcpu, &regs, truth, "kernel_gs_base", qemu);
	if (item_u64(truth, "flags", &value))
		judge(check, vcpu, &regs, VMI_RFLAGS, value, UINT64_MAX, true);
	judge_segments(check, vcpu, &regs, truth, qemu);
}

/* With paging off, virtual is physical. */
static void check_paging_off(struct check *check, unsigned vcpu, yajl_val truth)
{
	struct vmi_translation t;
	struct vmi_space space;
	struct vmi_error err;
	uint64_t cr0;

	if (!item_u64(truth, "cr0", &cr0) || cr0 & VMI_CR0_PG)
		return;
	check->checked++;
	if (vmi_space_of_vcpu(check->vm, vcpu, VMI_MODE_AUTO, &space, &err))
		check_wrong(check, "vcpu %u has paging off: %s", vcpu, err.text);
	else if (space.mode != VMI_MODE_NONE ||
		 vmi_translate(check->vm, &space, 0x123456, &t, &err) || t.gpa != 0x123456)
		check_wrong(check, "vcpu %u has paging off, but its space is %s", vcpu,
			    vmi_mode_name(space.mode));
}

void check_registers(struct check *check)
{
	const struct vmi_info *info = vmi_info(check->vm);
	const char *where = item_text(check->image, "registers");
	size_t vcpus = truth_count(check->truth, "vcpus");

	check_begin(check, "registers");
	if (!(info->capabilities & VMI_CAP_QUERY_REGISTERS)) {
		struct vmi_registers regs;
		struct vmi_error err;

		/* Of a container the truth says "as inside": that may be none. */
		if (where && strcmp(where, "none") != 0 && strcmp(where, "as inside") != 0)
			check_wrong(check, "the image holds registers (%s)", where);
		if (vmi_registers_get(check->vm, 0, &regs, &err) != VMI_ERR_UNSUPPORTED)
			check_wrong(check, "registers without the capability");
		check_end(check);
		return;
	}
	if (info->vcpus != vcpus)
		check_wrong(check, "%u vcpus, not %zu", info->vcpus, vcpus);
	for (unsigned i = 0; i < vcpus && i < info->vcpus; i++) {
		yajl_val truth = truth_item(check->truth, "vcpus", i);

		check_vcpu(check, i, truth, where && strstr(where, "QEMU"));
		check_paging_off(check, i, truth);
	}
	check_end(check);
}
