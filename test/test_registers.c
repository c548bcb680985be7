/* SPDX-License-Identifier: MIT */
/* Registers: names, provenance, getting and setting them. */

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fake_driver.h"

static void names(void **state)
{
	(void)state;
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++) {
		const char *name = vmi_register_name((enum vmi_register)reg);
		assert_non_null(name);
		assert_int_equal(vmi_register_find(name), reg); /* so all are unique */
		for (const char *c = name; *c; c++)
			assert_non_null(strchr("abcdefghijklmnopqrstuvwxyz0123456789._", *c));
	}
	assert_string_equal(vmi_register_name(VMI_REGISTER_COUNT), "unknown");
	assert_string_equal(vmi_register_name((enum vmi_register) - 1), "unknown");
	assert_int_equal(vmi_register_find("unknown"), VMI_REGISTER_COUNT);
	assert_int_equal(vmi_register_find(""), VMI_REGISTER_COUNT);
	assert_int_equal(vmi_register_find("RAX"), VMI_REGISTER_COUNT);
}

/* The names that scripts are promised, and where the parts of a segment are. */
static void names_that_scripts_know(void **state)
{
	static const struct {
		const char *name;
		enum vmi_register reg;
	} known[] = {
		{"rax", VMI_RAX},
		{"r15", VMI_R15},
		{"rip", VMI_RIP},
		{"rflags", VMI_RFLAGS},
		{"cr0", VMI_CR0},
		{"cr3", VMI_CR3},
		{"efer", VMI_EFER},
		{"lstar", VMI_LSTAR},
		{"star", VMI_STAR},
		{"cstar", VMI_CSTAR},
		{"syscall_mask", VMI_SYSCALL_MASK},
		{"kernel_gs_base", VMI_KERNEL_GS_BASE},
		{"sysenter_cs", VMI_SYSENTER_CS},
	};
	static const enum vmi_register segments[] = {VMI_CS, VMI_DS, VMI_ES, VMI_FS,
						     VMI_GS, VMI_SS, VMI_TR, VMI_LDTR};
	static const char *const parts[] = {"", ".base", ".limit", ".attributes"};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(vmi_register_find(known[i].name), known[i].reg);
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
		for (unsigned part = 0; part < 4; part++) {
			char name[32];
			strcpy(name, vmi_register_name(segments[i]));
			strcat(name, parts[part]);
			assert_int_equal(vmi_register_find(name), segments[i] + part);
		}
	assert_int_equal(vmi_register_find("gdtr.base"), VMI_GDTR_BASE);
	assert_int_equal(vmi_register_find("idtr.limit"), VMI_IDTR_LIMIT);
}

static void provenance(void **state)
{
	static const char why[] = "because";
	struct vmi_registers regs;

	(void)state;
	memset(&regs, 0, sizeof(regs)); /* a valid set, of nothing */
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++)
		assert_false(vmi_register_has(&regs, (enum vmi_register)reg));
	vmi_register_assume(&regs, VMI_EFER, 0xd00, why);
	assert_true(vmi_register_has(&regs, VMI_EFER));
	assert_int_equal(regs.provenance[VMI_EFER], VMI_ASSUMED);
	assert_ptr_equal(regs.why[VMI_EFER], why);
	vmi_register_know(&regs, VMI_EFER, 0);
	assert_true(vmi_register_has(&regs, VMI_EFER)); /* known to be zero is not absent */
	assert_int_equal(regs.provenance[VMI_EFER], VMI_KNOWN);
	assert_null(regs.why[VMI_EFER]);
}

/* Self-describing values of several vcpus, some of them absent. */
static void getting(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_registers regs;
	struct vmi_error err;

	(void)state;
	fake->vcpus = 3;
	for (unsigned vcpu = 0; vcpu < 3; vcpu++)
		for (unsigned reg = vcpu; reg < VMI_REGISTER_COUNT; reg += 3)
			vmi_register_know(&fake->registers[vcpu], (enum vmi_register)reg,
					  vcpu << 16 | reg);
	struct vmi *vm = fake_open(fake, VMI_CAP_REGISTERS, NULL);
	for (unsigned vcpu = 0; vcpu < 3; vcpu++) {
		memset(&regs, 0x5a, sizeof(regs));
		CHECK_OK(vmi_registers_get(vm, vcpu, &regs, &err));
		assert_string_equal(regs.source, "fake");
		for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++) {
			assert_int_equal(regs.provenance[reg],
					 reg % 3 == vcpu ? VMI_KNOWN : VMI_ABSENT);
			assert_null(regs.why[reg]);
			if (reg % 3 == vcpu)
				assert_int_equal(regs.value[reg], vcpu << 16 | reg);
		}
	}
	memset(&regs, 0x5a, sizeof(regs));
	CHECK_FAIL(vmi_registers_get(vm, 3, &regs, &err), VMI_ERR_NOT_FOUND,
		   "there is no vcpu 3; the target has 3, from 0 on");
	CHECK_FAIL(vmi_registers_get(vm, UINT32_MAX, &regs, &err), VMI_ERR_NOT_FOUND, "no vcpu");
	fake_fail(fake, FAKE_REGISTERS_GET, 1, VMI_ERR_GONE);
	CHECK_FAIL(vmi_registers_get(vm, 0, &regs, &err), VMI_ERR_GONE, "injected failure");
	assert_int_equal(regs.value[0], UINT64_C(0x5a5a5a5a5a5a5a5a)); /* left alone */
	vmi_close(vm);
	fake_destroy(fake);
}

/* Only what is known in the set is set. */
static void setting(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_registers regs = {.source = NULL}, got;
	struct vmi_error err;

	(void)state;
	vmi_register_know(&fake->registers[0], VMI_RAX, 1);
	vmi_register_know(&fake->registers[0], VMI_RBX, 2);
	struct vmi *vm = fake_open(fake, VMI_CAP_REGISTERS, NULL);
	vmi_register_know(&regs, VMI_RBX, 7);
	vmi_register_assume(&regs, VMI_RAX, 9, "a guess");
	CHECK_OK(vmi_registers_set(vm, 0, &regs, &err));
	CHECK_OK(vmi_registers_get(vm, 0, &got, &err));
	assert_int_equal(got.value[VMI_RAX], 1);
	assert_int_equal(got.value[VMI_RBX], 7);
	assert_false(vmi_register_has(&got, VMI_RCX));
	CHECK_FAIL(vmi_registers_set(vm, 1, &regs, &err), VMI_ERR_NOT_FOUND, "there is no vcpu 1");
	fake_fail(fake, FAKE_REGISTERS_SET, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_registers_set(vm, 0, &regs, &err), VMI_ERR_IO, "injected failure");
	vmi_close(vm);
	fake_destroy(fake);
}

static void general_purpose(void **state)
{
	struct vmi_registers from = {.source = "from"}, to = {.source = "to"};

	(void)state;
	assert_int_equal(VMI_GP_REGISTER_COUNT, 18);
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++) {
		vmi_register_know(&to, (enum vmi_register)reg, 1000 + reg);
		if (reg % 3 == 0)
			vmi_register_know(&from, (enum vmi_register)reg, reg);
		else if (reg % 3 == 1)
			vmi_register_assume(&from, (enum vmi_register)reg, reg, "rule");
	}
	vmi_registers_copy_gp(&to, &from);
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++) {
		if (reg > VMI_RFLAGS) {
			assert_int_equal(to.value[reg], 1000 + reg);
			assert_int_equal(to.provenance[reg], VMI_KNOWN);
			continue;
		}
		assert_int_equal(to.provenance[reg], from.provenance[reg]);
		assert_ptr_equal(to.why[reg], from.why[reg]);
		if (reg % 3 != 2)
			assert_int_equal(to.value[reg], reg);
	}
	assert_string_equal(to.source, "to");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),      cmocka_unit_test(names_that_scripts_know),
		cmocka_unit_test(provenance), cmocka_unit_test(getting),
		cmocka_unit_test(setting),    cmocka_unit_test(general_purpose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
