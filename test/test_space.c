/* SPDX-License-Identifier: MIT */
/* Finding the address space: from registers, a root, the tables, what the kernel says. */

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tables.h"

#define PG   (VMI_CR0_PG | VMI_CR0_PE)
#define PAE  VMI_CR4_PAE
#define PSE  VMI_CR4_PSE
#define LA57 VMI_CR4_LA57
#define LMA  VMI_EFER_LMA
#define NXE  VMI_EFER_NXE
#define NONE UINT64_MAX /* the register is absent */

/* ---- from registers --------------------------------------------------------------------- */

/* SDM vol. 3A 4.1.1, table 4-1; then what is concluded when not all of it is known. */
static const struct {
	const char *name;
	uint64_t cr0, cr4, efer;
	enum vmi_register hint; /* another register that is known, to be... */
	uint64_t value;         /* ...this */
	enum vmi_mode mode;
	uint32_t flags;
} modes[] = {
	{"real mode", 0, 0, 0, VMI_RAX, 0, VMI_MODE_NONE, 0},
	{"paging off", VMI_CR0_PE, PAE | PSE, NXE, VMI_RAX, 0, VMI_MODE_NONE,
	 VMI_SPACE_PSE | VMI_SPACE_NX},
	{"paging off in spite of LME", VMI_CR0_PE, PAE, VMI_EFER_LME, VMI_RAX, 0, VMI_MODE_NONE, 0},
	{"32-bit", PG, 0, 0, VMI_RAX, 0, VMI_MODE_LEGACY, 0},
	{"32-bit, PSE", PG, PSE, 0, VMI_RAX, 0, VMI_MODE_LEGACY, VMI_SPACE_PSE},
	{"32-bit, LA57 means nothing", PG, LA57, 0, VMI_RAX, 0, VMI_MODE_LEGACY, 0},
	{"PAE", PG, PAE, 0, VMI_RAX, 0, VMI_MODE_PAE, 0},
	{"PAE, NX", PG, PAE | PSE, NXE, VMI_RAX, 0, VMI_MODE_PAE, VMI_SPACE_PSE | VMI_SPACE_NX},
	{"PAE, LME but not active", PG, PAE, VMI_EFER_LME, VMI_RAX, 0, VMI_MODE_PAE, 0},
	{"4-level", PG, PAE, LMA, VMI_RAX, 0, VMI_MODE_4LEVEL, 0},
	{"4-level, all", PG, PAE | PSE, LMA | NXE | 1, VMI_RAX, 0, VMI_MODE_4LEVEL,
	 VMI_SPACE_PSE | VMI_SPACE_NX},
	{"5-level", PG, PAE | LA57, LMA | NXE, VMI_RAX, 0, VMI_MODE_5LEVEL, VMI_SPACE_NX},

	{"no EFER, CS.L", PG, PAE, NONE, VMI_CS_ATTRIBUTES, 0xa09b, VMI_MODE_4LEVEL, VMI_SPACE_NX},
	{"no EFER, CS.L off", PG, PAE, NONE, VMI_CS_ATTRIBUTES, 0xc09b, VMI_MODE_PAE, VMI_SPACE_NX},
	{"no EFER, high RIP", PG, PAE, NONE, VMI_RIP, 0xffffffff81000000, VMI_MODE_4LEVEL,
	 VMI_SPACE_NX},
	{"no EFER, high LSTAR", PG, PAE | LA57, NONE, VMI_LSTAR, 0xffffffff81000000,
	 VMI_MODE_5LEVEL, VMI_SPACE_NX},
	{"no EFER, nothing high", PG, PAE, NONE, VMI_RIP, 0xc1000000, VMI_MODE_PAE, VMI_SPACE_NX},
	{"EFER beats hints", PG, PAE, 0, VMI_RIP, 0xffffffff81000000, VMI_MODE_PAE, 0},
	{"no CR4, high RIP", PG, NONE, NONE, VMI_RIP, 0xffffffff81000000, VMI_MODE_4LEVEL,
	 VMI_SPACE_PSE | VMI_SPACE_NX},
	{"no CR4, LMA", PG, NONE, LMA, VMI_RAX, 0, VMI_MODE_4LEVEL, VMI_SPACE_PSE},
	{"no CR0", NONE, PAE, LMA, VMI_RAX, 0, VMI_MODE_4LEVEL, 0},
};

static void set(struct vmi_registers *regs, enum vmi_register reg, uint64_t value)
{
	if (value != NONE)
		vmi_register_know(regs, reg, value);
}

static void mode_of_registers(void **state)
{
	struct vmi_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct vmi_registers regs = {.source = "test"};
		struct vmi_space space;
		print_message("%s\n", modes[i].name);
		set(&regs, VMI_CR0, modes[i].cr0);
		set(&regs, VMI_CR4, modes[i].cr4);
		set(&regs, VMI_EFER, modes[i].efer);
		set(&regs, modes[i].hint, modes[i].value);
		set(&regs, VMI_CR3, 0x12345000);
		memset(&space, 0x5a, sizeof(space));
		CHECK_OK(vmi_space_of_registers(&regs, VMI_MODE_AUTO, &space, &err));
		assert_int_equal(space.mode, modes[i].mode);
		assert_int_equal(space.flags, modes[i].flags);
		assert_int_equal(space.root, modes[i].mode == VMI_MODE_NONE ? 0 : 0x12345000);
		assert_int_equal(space.view, 0);
		assert_int_equal(space.ignored, 0);
		assert_int_equal(space.gpa_bits, 0);
		/* What is asked for wins. */
		CHECK_OK(vmi_space_of_registers(&regs, VMI_MODE_5LEVEL, &space, &err));
		assert_int_equal(space.mode, VMI_MODE_5LEVEL);
		assert_int_equal(space.root, 0x12345000);
	}
}

/* PCID, flags, no-flush and LAM bits are no address; PAE's root is finer than a page. */
static void root_of_cr3(void **state)
{
	static const struct {
		enum vmi_mode mode;
		uint64_t cr3, root;
	} roots[] = {
		{VMI_MODE_LEGACY, 0x12345018, 0x12345000},
		{VMI_MODE_LEGACY, 0xabc12345000, 0x12345000},
		{VMI_MODE_PAE, 0x123451e7, 0x123451e0},
		{VMI_MODE_4LEVEL, 0x8000000012345fff, 0x12345000},
		{VMI_MODE_4LEVEL, 0x6000000012345018, 0x12345000},
		{VMI_MODE_4LEVEL, 0x000ffffffffff000, 0x000ffffffffff000},
		{VMI_MODE_5LEVEL, 0xfff0000012345001, 0x12345000},
	};
	struct fake *fake = fake_create();
	struct vmi_error err;

	(void)state;
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		struct vmi_registers regs = {.source = "test"};
		struct vmi_space space;
		vmi_register_know(&regs, VMI_CR3, roots[i].cr3);
		CHECK_OK(vmi_space_of_registers(&regs, roots[i].mode, &space, &err));
		assert_int_equal(space.root, roots[i].root);
		CHECK_OK(vmi_space_of_root(vm, roots[i].cr3, roots[i].mode, &space, NULL, &err));
		assert_int_equal(space.root, roots[i].root);
		assert_int_equal(space.mode, roots[i].mode);
	}
	vmi_close(vm);
	fake_destroy(fake);
}

static void mode_names(void **state)
{
	static const char *const names[] = {"auto", "none", "legacy", "pae", "4level", "5level"};

	(void)state;
	for (unsigned mode = VMI_MODE_AUTO; mode <= VMI_MODE_5LEVEL; mode++)
		assert_string_equal(vmi_mode_name((enum vmi_mode)mode), names[mode]);
	assert_string_equal(vmi_mode_name((enum vmi_mode)77), "unknown");
}

static void of_vcpu(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_space space;
	struct vmi_error err;

	(void)state;
	fake->vcpus = 3;
	vmi_register_know(&fake->registers[0], VMI_CR3, 0x1000);
	vmi_register_know(&fake->registers[0], VMI_EFER, LMA | NXE);
	vmi_register_know(&fake->registers[0], VMI_CR4, PAE);
	vmi_register_know(&fake->registers[1], VMI_CR3, 0x2000);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ_ACCESS, NULL);
	CHECK_OK(vmi_space_of_vcpu(vm, 0, VMI_MODE_AUTO, &space, &err));
	assert_int_equal(space.root, 0x1000);
	assert_int_equal(space.mode, VMI_MODE_4LEVEL);
	CHECK_OK(vmi_space_of_vcpu(vm, 1, VMI_MODE_PAE, &space, &err));
	assert_int_equal(space.root, 0x2000);
	assert_int_equal(space.mode, VMI_MODE_PAE);
	CHECK_FAIL(vmi_space_of_vcpu(vm, 2, VMI_MODE_AUTO, &space, &err), VMI_ERR_UNSUPPORTED,
		   "vcpu 2: the registers (fake) do not hold CR3");
	CHECK_FAIL(vmi_space_of_vcpu(vm, 3, VMI_MODE_AUTO, &space, &err), VMI_ERR_NOT_FOUND,
		   "there is no vcpu 3");
	fake_fail(fake, FAKE_REGISTERS_GET, 1, VMI_ERR_IO);
	CHECK_FAIL(vmi_space_of_vcpu(vm, 0, VMI_MODE_AUTO, &space, &err), VMI_ERR_IO,
		   "vcpu 0: injected failure");
	assert_int_equal(space.root, 0x2000); /* left alone */
	vmi_close(vm);
	fake_destroy(fake);
}

/* A machine that is no x86 has no spaces; one that is not named is taken for an x86. */
static void other_machines(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_space space;
	struct vmi_error err;
	uint8_t byte;

	(void)state;
	fake->machine = VMI_MACHINE_OTHER;
	fake_memory(fake, 0x1000, 1);
	struct vmi *vm = fake_open(fake, VMI_CAP_FULL, NULL);
	CHECK_FAIL(vmi_space_of_vcpu(vm, 0, VMI_MODE_AUTO, &space, &err), VMI_ERR_UNSUPPORTED,
		   "no x86");
	CHECK_FAIL(vmi_space_of_root(vm, 0x1000, VMI_MODE_PAE, &space, NULL, &err),
		   VMI_ERR_UNSUPPORTED, "no x86");
	CHECK_FAIL(vmi_space_default(vm, VMI_MODE_AUTO, &space, NULL, &err), VMI_ERR_UNSUPPORTED,
		   "no x86");
	CHECK_OK(vmi_read_u8(vm, NULL, 0x1000, &byte, &err));
	vmi_close(vm);
	fake->machine = VMI_MACHINE_UNKNOWN;
	vm = fake_open(fake, VMI_CAP_FULL, NULL);
	CHECK_OK(vmi_space_of_root(vm, 0x1000, VMI_MODE_PAE, &space, NULL, &err));
	vmi_close(vm);
	fake_destroy(fake);
}

/* ---- by the tables ---------------------------------------------------------------------- */

/* A small kernel's tables: code, data, a direct map of all memory; user pages below. */
static void like_a_kernel(struct tables *tables)
{
	enum vmi_mode mode = (enum vmi_mode)tables->space.mode;
	bool wide = mode == VMI_MODE_4LEVEL || mode == VMI_MODE_5LEVEL;
	uint64_t region = UINT64_C(1) << level_shift(mode, 2);
	uint64_t noexec = mode == VMI_MODE_LEGACY ? 0 : NX;
	vmi_gva code = wide ? 0xffffffff81000000 : 0xc0000000;
	vmi_gva direct = mode == VMI_MODE_5LEVEL ? 0xff11000000000000
			 : wide                  ? 0xffff888000000000
						 : 0xd0000000;

	for (unsigned i = 0; i < 64; i++) {
		tables_set(tables, code + i * 0x1000, 1, (0x400000 + i * 0x1000) | P | A | G);
		tables_set(tables, 0x400000 + i * 0x3000, 1,
			   (0x500000 + i * 0x1000) | P | U | A | (i % 2 ? W | D | noexec : 0));
	}
	for (unsigned i = 0; i < 2; i++)
		tables_set(tables, direct + i * region, 2,
			   i * region | P | W | A | D | PS | noexec);
	for (unsigned i = 0; i < 400; i++)
		tables_set(tables, direct + 4 * region + i * 0x1000, 1,
			   (0x100000 + i * 0x1000) | P | W | A | D | noexec);
}

static void judged_by_the_tables(void **state)
{
	(void)state;
	for (unsigned mode = VMI_MODE_LEGACY; mode <= VMI_MODE_5LEVEL; mode++) {
		struct fake *fake = fake_create();
		struct tables tables;
		struct vmi_space space;
		struct vmi_error err;
		const char *evidence = NULL;
		uint64_t seed = mode;

		/* What is mapped is memory, full of this and that. */
		tables_init(&tables, fake, (enum vmi_mode)mode, 0x200000, 32);
		fake_memory(fake, 0x400000, 0x200);
		for (unsigned i = 0; i < 0x200 * 512; i += 3)
			fake_put64(fake, 0x400000 + i * 8, next_random(&seed) >> (i % 64));
		fake_memory(fake, 0, 0x200);
		like_a_kernel(&tables);
		struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
		CHECK_OK(vmi_space_of_root(vm,
					   tables.space.root | (mode >= VMI_MODE_4LEVEL ? 7 : 0),
					   VMI_MODE_AUTO, &space, &evidence, &err));
		assert_string_equal(vmi_mode_name((enum vmi_mode)space.mode),
				    vmi_mode_name((enum vmi_mode)mode));
		assert_string_equal(evidence, "the tables themselves");
		assert_int_equal(space.root, tables.space.root);
		assert_int_equal(space.flags, VMI_SPACE_PSE | VMI_SPACE_NX);
		vmi_close(vm);
		fake_destroy(fake);
	}
}

/* PAE's root need not begin its page. */
static void judged_pae_root_on_32_bytes(void **state)
{
	struct fake *fake = fake_create();
	struct tables tables;
	struct vmi_space space;
	struct vmi_error err;

	(void)state;
	tables_init(&tables, fake, VMI_MODE_PAE, 0x200000, 32);
	fake_memory(fake, 0, 0x200);
	fake_memory(fake, 0x400000, 0x200);
	like_a_kernel(&tables);
	memcpy(fake_at(fake, 0x200fe0), fake_at(fake, 0x200000), 32);
	memset(fake_at(fake, 0x200000), 0, 32);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	CHECK_OK(vmi_space_of_root(vm, 0x200fe0, VMI_MODE_AUTO, &space, NULL, &err));
	assert_int_equal(space.mode, VMI_MODE_PAE);
	assert_int_equal(space.root, 0x200fe0);
	vmi_close(vm);
	fake_destroy(fake);
}

static void nothing_to_judge_by(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_space space;
	struct vmi_error err;
	const char *evidence = NULL;

	(void)state;
	fake_memory(fake, 0x1000, 1); /* zeros */
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	CHECK_OK(vmi_space_of_root(vm, 0x1000, VMI_MODE_AUTO, &space, &evidence, &err));
	assert_int_equal(space.mode, VMI_MODE_4LEVEL);
	assert_string_equal(evidence, "nothing: assumed");
	CHECK_OK(vmi_space_of_root(vm, 0x7f000000, VMI_MODE_AUTO, &space, &evidence, &err));
	assert_string_equal(evidence, "nothing: assumed");
	CHECK_OK(vmi_space_of_root(vm, 0x1000, VMI_MODE_PAE, &space, &evidence, &err));
	assert_string_equal(evidence, "asked for");
	CHECK_OK(vmi_space_of_root(vm, 0x1000, VMI_MODE_AUTO, &space, NULL, &err));
	vmi_close(vm);
	fake_destroy(fake);
}

/* A root that names itself everywhere: judged in bounded time. */
static void judging_a_loop(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_space space;
	struct vmi_error err;

	(void)state;
	fake_memory(fake, 0x1000, 1);
	for (unsigned i = 0; i < 512; i++)
		fake_put64(fake, 0x1000 + i * 8, 0x1000 | P | W);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
	CHECK_OK(vmi_space_of_root(vm, 0x1000, VMI_MODE_AUTO, &space, NULL, &err));
	assert_true(fake_calls(fake, FAKE_PAGE_GET) < 2000000);
	vmi_close(vm);
	fake_destroy(fake);
}

/* Another root of a machine whose registers are there: its mode is theirs. */
static void root_beside_registers(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_space space;
	struct vmi_error err;
	const char *evidence = NULL;

	(void)state;
	vmi_register_know(&fake->registers[0], VMI_CR0, PG);
	vmi_register_know(&fake->registers[0], VMI_CR3, 0x1000);
	vmi_register_know(&fake->registers[0], VMI_CR4, PAE);
	vmi_register_know(&fake->registers[0], VMI_EFER, 0);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ_ACCESS, NULL);
	CHECK_OK(vmi_space_of_root(vm, 0x5020, VMI_MODE_AUTO, &space, &evidence, &err));
	assert_int_equal(space.mode, VMI_MODE_PAE);
	assert_int_equal(space.root, 0x5020);
	assert_int_equal(space.flags, 0);
	assert_string_equal(evidence, "registers of vcpu 0");
	CHECK_OK(vmi_space_of_root(vm, 0x5000, VMI_MODE_4LEVEL, &space, &evidence, &err));
	assert_int_equal(space.mode, VMI_MODE_4LEVEL);
	assert_int_equal(space.flags, 0); /* still theirs */

	/* Paging off says nothing of a root. */
	vmi_register_know(&fake->registers[0], VMI_CR0, 0);
	CHECK_OK(vmi_space_of_root(vm, 0x5000, VMI_MODE_AUTO, &space, &evidence, &err));
	assert_string_equal(evidence, "nothing: assumed");
	assert_int_equal(space.flags, VMI_SPACE_PSE | VMI_SPACE_NX);
	vmi_close(vm);
	fake_destroy(fake);
}

/* ---- the default ------------------------------------------------------------------------ */

static const struct {
	const char *name, *text;
	bool found;
	uint64_t root;
	enum vmi_mode mode;
} kernels[] = {
	{"4-level", "SYMBOL(init_top_pgt)=ffffffff82a0a000\nNUMBER(phys_base)=16777216\n", true,
	 0x3a0a000, VMI_MODE_4LEVEL},
	{"before 4.13", "SYMBOL(init_level4_pgt)=ffffffff81c0a000\nNUMBER(phys_base)=0\n", true,
	 0x1c0a000, VMI_MODE_4LEVEL},
	{"5-level",
	 "SYMBOL(init_top_pgt)=ffffffff82a0a000\nNUMBER(pgtable_l5_enabled)=1\nNUMBER(phys_base)=0\n",
	 true, 0x2a0a000, VMI_MODE_5LEVEL},
	{"5-level not in use",
	 "NUMBER(pgtable_l5_enabled)=0\nNUMBER(phys_base)=0\nSYMBOL(init_top_pgt)=ffffffff82a0a000\n",
	 true, 0x2a0a000, VMI_MODE_4LEVEL},
	{"loaded below", "SYMBOL(init_top_pgt)=ffffffff82a0a000\nNUMBER(phys_base)=-16777216\n",
	 true, 0x1a0a000, VMI_MODE_4LEVEL},
	{"no line end", "NUMBER(phys_base)=0\nSYMBOL(init_top_pgt)=ffffffff82a0a000", true,
	 0x2a0a000, VMI_MODE_4LEVEL},
	{"32-bit PAE", "SYMBOL(swapper_pg_dir)=c1a0a000\nCONFIG_X86_PAE=y\n", true, 0x1a0a000,
	 VMI_MODE_PAE},
	{"32-bit", "SYMBOL(swapper_pg_dir)=c1a0a000\n", true, 0x1a0a000, VMI_MODE_LEGACY},
	{"no phys_base", "SYMBOL(init_top_pgt)=ffffffff82a0a000\n", false, 0, VMI_MODE_AUTO},
	{"no symbol", "NUMBER(phys_base)=0\n", false, 0, VMI_MODE_AUTO},
	{"no number", "SYMBOL(init_top_pgt)=\nNUMBER(phys_base)=0\n", false, 0, VMI_MODE_AUTO},
	{"trailing", "SYMBOL(init_top_pgt)=ffffffff82a0a000z\nNUMBER(phys_base)=0\n", false, 0,
	 VMI_MODE_AUTO},
	{"too long",
	 "SYMBOL(init_top_pgt)=00000000000000000000000000000000000000ffffffff82a0a000\n"
	 "NUMBER(phys_base)=0\n",
	 false, 0, VMI_MODE_AUTO},
	{"in the middle of a line", "xSYMBOL(init_top_pgt)=ffffffff82a0a000\nNUMBER(phys_base)=0\n",
	 false, 0, VMI_MODE_AUTO},
	{"neither here nor there", "SYMBOL(init_top_pgt)=82a0a000\nNUMBER(phys_base)=0\n", false, 0,
	 VMI_MODE_AUTO},
	{"empty lines", "\n\n\nNUMBER(phys_base)=0\n\nSYMBOL(init_top_pgt)=ffffffff82a0a000\n\n",
	 true, 0x2a0a000, VMI_MODE_4LEVEL},
	{"nothing", "\n", false, 0, VMI_MODE_AUTO},
};

static void what_the_kernel_says(void **state)
{
	struct vmi_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		struct fake *fake = fake_create();
		struct vmi_space space;
		const char *source = NULL;
		print_message("%s\n", kernels[i].name);
		fake->vmcoreinfo = kernels[i].text;
		struct vmi *vm = fake_open(fake, VMI_CAP_READ, NULL);
		if (!kernels[i].found) {
			CHECK_FAIL(vmi_space_default(vm, VMI_MODE_AUTO, &space, &source, &err),
				   VMI_ERR_NOT_FOUND, "tells no page-table root");
			assert_null(source);
		} else {
			CHECK_OK(vmi_space_default(vm, VMI_MODE_AUTO, &space, &source, &err));
			assert_int_equal(space.root, kernels[i].root);
			assert_int_equal(space.mode, kernels[i].mode);
			assert_string_equal(source, "vmcoreinfo");
			CHECK_OK(vmi_space_default(vm, VMI_MODE_5LEVEL, &space, NULL, &err));
			assert_int_equal(space.mode, VMI_MODE_5LEVEL);
		}
		vmi_close(vm);
		fake_destroy(fake);
	}
}

/* vcpu 0 first; if it cannot tell, the kernel; if that cannot either, words. */
static void order_of_defaults(void **state)
{
	struct fake *fake = fake_create();
	struct vmi_space space;
	struct vmi_error err;
	const char *source = NULL;

	(void)state;
	fake->vmcoreinfo = kernels[0].text;
	vmi_register_know(&fake->registers[0], VMI_CR3, 0x7000);
	vmi_register_know(&fake->registers[0], VMI_CR4, PAE);
	vmi_register_know(&fake->registers[0], VMI_EFER, LMA);
	struct vmi *vm = fake_open(fake, VMI_CAP_READ_ACCESS, NULL);
	CHECK_OK(vmi_space_default(vm, VMI_MODE_AUTO, &space, &source, &err));
	assert_string_equal(source, "vcpu 0");
	assert_int_equal(space.root, 0x7000);
	fake->registers[0].provenance[VMI_CR3] = VMI_ABSENT;
	CHECK_OK(vmi_space_default(vm, VMI_MODE_AUTO, &space, &source, &err));
	assert_string_equal(source, "vmcoreinfo");
	fake->vmcoreinfo = NULL;
	CHECK_FAIL(vmi_space_default(vm, VMI_MODE_AUTO, &space, &source, &err), VMI_ERR_NOT_FOUND,
		   "it holds no CR3 and no VMCOREINFO");
	vmi_close(vm);
	fake_destroy(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mode_of_registers),
		cmocka_unit_test(root_of_cr3),
		cmocka_unit_test(mode_names),
		cmocka_unit_test(of_vcpu),
		cmocka_unit_test(other_machines),
		cmocka_unit_test(judged_by_the_tables),
		cmocka_unit_test(judged_pae_root_on_32_bytes),
		cmocka_unit_test(nothing_to_judge_by),
		cmocka_unit_test(judging_a_loop),
		cmocka_unit_test(root_beside_registers),
		cmocka_unit_test(what_the_kernel_says),
		cmocka_unit_test(order_of_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
