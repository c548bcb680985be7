/* SPDX-License-Identifier: MIT */
/* The driver of Xen's dump-core. */

#include "image.h"
#include "mk_xen.h"

enum { PAGE = VMI_PAGE_SIZE };

/* What a guest with hardware's help has of long mode. */
static const struct mk_xen_control plain = {
	.cs = 0x10,
	.cr0 = 0x80050033,
	.cr3 = 0x3000,
	.cr4 = 0x206a0,
	.fs_base = 0x7f0000001000,
	.gs_kernel = 0xffff888007a00000,
	.gs_user = 0x7f0000002000,
};

static const struct mk_xen_page four[] = {{.pfn = 0},     {.pfn = 1},           {.pfn = 2},
					  {.pfn = 0x100}, {.pfn = MK_XEN_NONE}, {.last = true}};

static struct image open_core(const struct mk_xen_core *core)
{
	size_t size;
	uint8_t *bytes = mk_xen_core(core, &size);

	return image_of(bytes, size);
}

static void refuse_core(const struct mk_xen_core *core, enum vmi_status status, const char *words)
{
	size_t size;
	uint8_t *bytes = mk_xen_core(core, &size);

	assert_bytes_refused(bytes, size, status, words);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void plain_core(void **state)
{
	const struct mk_xen_core core = {.pages = four};
	struct image image = open_core(&core);
	const struct vmi_info *info = vmi_info(image.vm);

	(void)state;
	assert_string_equal(info->driver, "xen-core");
	assert_string_equal(info->format, "xen-core");
	assert_int_equal(info->max_gfn, 0x100);
	assert_int_equal(info->memory_bytes, 4 * PAGE);
	assert_int_equal(info->vcpus, 0);
	assert_int_equal(info->capabilities, VMI_CAP_READ);
	assert_runs(image.vm, "0+3000 100000+1000");
	assert_memory(image.vm, 0, 3 * PAGE, 0);
	assert_memory(image.vm, 0x100000, PAGE, 0);
	assert_unreadable(image.vm, 0x3000, "no memory at gfn 0x3 in this image");
	assert_no_warning(image.vm);
	image_close(&image);
}

static void any_order(void **state)
{
	static const struct mk_xen_page pages[] = {
		{.pfn = 7},
		{.pfn = 0},
		{.pfn = 6},
		{.pfn = 7, .salt = 5},
		{.pfn = 1},
		{.pfn = INT64_C(1) << 45, .salt = 1},
		{.pfn = INT64_C(1) << 52 | 3}, /* which as an address would wrap */
		{.pfn = 8},
		{.last = true}};
	const struct mk_xen_core core = {.pages = pages};
	struct image image = open_core(&core);

	(void)state;
	assert_runs(image.vm, "0+2000 6000+3000");
	assert_memory(image.vm, 0, 2 * PAGE, 0);
	assert_memory(image.vm, 0x6000, 3 * PAGE, 0); /* the first of two is taken */
	assert_warns(image.vm, "more than once, the first at or behind gpa 0x6000");
	assert_warns(image.vm, "beyond the 52 address bits");
	image_close(&image);
}

/* A file of which the end is lost: without names; without a part of the table; without it. */
static void cut(void **state)
{
	struct mk_xen_core core = {.pages = four};
	size_t size;
	uint8_t *whole = mk_xen_core(&core, &size);
	uint64_t names, table;

	(void)state;
	memcpy(&names, whole + 64 + 64 + 24, 8);
	memcpy(&table, whole + 64 + 6 * 64 + 24, 8);
	free(whole);
	for (core.cut = 1; core.cut <= size - names; core.cut++) {
		struct image image = open_core(&core);
		assert_runs(image.vm, "0+3000 100000+1000");
		assert_memory(image.vm, 0x100000, PAGE, 0);
		assert_no_warning(image.vm);
		image_close(&image);
	}
	core.cut = size - table - 20;
	struct image image = open_core(&core);
	assert_runs(image.vm, "0+2000");
	assert_warns(image.vm, "3 pages are lost");
	image_close(&image);
	core.cut = size - table;
	refuse_core(&core, VMI_ERR_CORRUPT, "that says which page is which: copy it again, whole");
	core.cut = size - 100;
	refuse_core(&core, VMI_ERR_CORRUPT, "no program headers");
}

static void lies(void **state)
{
	static const struct mk_xen_page none[] = {{.pfn = MK_XEN_NONE}, {.last = true}};
	const struct mk_xen_core pages = {.pages = four, .page_size = 8192};
	const struct mk_xen_core untold = {.pages = four, .no_table = true};
	const struct mk_xen_core empty = {.pages = none};
	const struct mk_xen_core odd = {.pages = four,
					.format = 1 | UINT64_C(2) << 32,
					.more_pages = 5,
					.vcpus = (const uint8_t *)"",
					.vcpu_count = 1,
					.vcpu_size = 1};

	(void)state;
	refuse_core(&pages, VMI_ERR_UNSUPPORTED, "its pages are of 8192 bytes");
	refuse_core(&untold, VMI_ERR_CORRUPT, "no section .xen_pfn or .xen_p2m");
	refuse_core(&empty, VMI_ERR_CORRUPT, "no page of memory");
	struct image image = open_core(&odd);
	assert_warns(image.vm, "it is of format 2.1, not 0.1");
	assert_warns(image.vm, "it has 10 pages, but says of 5 which they are");
	assert_warns(image.vm, "registers are of no known layout: 0x1 bytes");
	assert_memory(image.vm, 0, 3 * PAGE, 0);
	image_close(&image);
}

/* However short the file is, it is refused in words, or gives no byte that it does not hold. */
static void cut_anywhere(void **state)
{
	uint8_t vcpu[MK_XEN_VCPU64];
	struct mk_xen_core core = {
		.pages = four, .vcpus = vcpu, .vcpu_count = 1, .vcpu_size = MK_XEN_VCPU64};
	size_t size;

	(void)state;
	mk_xen_vcpu64(vcpu, &plain);
	uint8_t *whole = mk_xen_core(&core, &size);
	for (size_t len = 4; len < size; len += len < 700 ? 1 : 97) {
		struct vmi_error err = {0};
		struct vmi *vm = NULL;
		uint8_t *bytes = malloc(len); /* of its own, so that a sanitizer sees its end */
		assert_non_null(bytes);
		memcpy(bytes, whole, len);
		if (!vmi_open_memory(&vm, bytes, len, NULL, &err)) {
			assert_memory(vm, 0, 2 * PAGE, 0);
			(void)registers_of(vm, 0);
		} else {
			assert_non_null(strstr(err.text, "(memory)"));
		}
		vmi_close(vm);
		free(bytes);
	}
	free(whole);
}

/* ---- registers of guests with hardware's help ----------------------------------------------- */

static const struct {
	enum vmi_register reg;
	const char *name;
} general[] = {
	{VMI_RAX, "rax"}, {VMI_RBX, "rbx"}, {VMI_RCX, "rcx"}, {VMI_RDX, "rdx"},    {VMI_RSI, "rsi"},
	{VMI_RDI, "rdi"}, {VMI_RBP, "rbp"}, {VMI_RSP, "rsp"}, {VMI_R8, "r8"},      {VMI_R9, "r9"},
	{VMI_R10, "r10"}, {VMI_R11, "r11"}, {VMI_R12, "r12"}, {VMI_R13, "r13"},    {VMI_R14, "r14"},
	{VMI_R15, "r15"}, {VMI_RIP, "rip"}, {VMI_CR2, "cr2"}, {VMI_RFLAGS, "rfl"}, {VMI_DR0, "dr0"},
	{VMI_DR1, "dr1"}, {VMI_DR2, "dr2"}, {VMI_DR3, "dr3"}, {VMI_DR6, "dr6"},    {VMI_DR7, "dr7"},
	{VMI_DS, "ds"},   {VMI_ES, "es"},   {VMI_FS, "fs"},   {VMI_GS, "gs"},      {VMI_SS, "ss"},
};

static void hvm_registers(void **state)
{
	uint8_t vcpus[3][MK_XEN_VCPU64] = {0};
	struct mk_xen_control user = plain;
	const struct mk_xen_core core = {
		.pages = four, .vcpus = vcpus[0], .vcpu_count = 3, .vcpu_size = MK_XEN_VCPU64};
	struct vmi_registers regs;

	(void)state;
	user.cs = 0x33;
	mk_xen_vcpu64(vcpus[0], &plain);
	mk_xen_vcpu64(vcpus[1], &user);
	struct image image = open_core(&core);
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_X86_64);
	for (unsigned vcpu = 0; vcpu < 2; vcpu++) {
		regs = registers_of(image.vm, vcpu);
		assert_string_equal(regs.source, "xen-prstatus");
		for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
			assert_known(&regs, general[i].reg, mk_value(general[i].name));
		assert_known(&regs, VMI_CR0, plain.cr0);
		assert_known(&regs, VMI_CR3, plain.cr3);
		assert_known(&regs, VMI_CR4, plain.cr4);
		assert_known(&regs, VMI_FS_BASE, plain.fs_base);
		assert_known(&regs, VMI_CS, vcpu ? 0x33 : 0x10);
		assert_known(&regs, VMI_GS_BASE, vcpu ? plain.gs_user : plain.gs_kernel);
		assert_known(&regs, VMI_KERNEL_GS_BASE, vcpu ? plain.gs_kernel : plain.gs_user);
		assert_int_equal(regs.provenance[VMI_EFER], VMI_ASSUMED);
		assert_int_equal(regs.value[VMI_EFER], 0xd00);
		assert_int_equal(regs.provenance[VMI_LSTAR], VMI_ABSENT);
		assert_int_equal(regs.provenance[VMI_IDTR_BASE], VMI_ABSENT);
		assert_int_equal(regs.provenance[VMI_CS_BASE], VMI_ABSENT);
		assert_int_equal(regs.provenance[VMI_TR], VMI_ABSENT);
	}
	regs = registers_of(image.vm, 2); /* never online: nothing but zeros */
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++)
		assert_int_equal(regs.provenance[reg], VMI_ABSENT);
	assert_no_warning(image.vm);
	image_close(&image);
}

/* Which mode a guest is in that does not tell its EFER, and how that is known. */
static void hvm_modes(void **state)
{
	static const uint64_t pae[] = {0, 0x5001, 3, 0x6001, 0, 0};
	static const uint64_t wide[] = {0, 0x5067, 0, 0};
	static const struct {
		struct mk_xen_control control;
		const uint64_t *table;
		uint64_t efer;
		const char *why;
		enum vmi_machine machine;
	} cases[] = {
		{{.cr0 = 0x10}, pae, 0, "CR0.PG is clear", VMI_MACHINE_X86},
		{{.cr0 = 0x80000011, .cr3 = 0x1000}, pae, 0, "PAE is clear", VMI_MACHINE_X86},
		{{.cr0 = 0x80000011, .cr4 = 0x20020, .cr3 = 0x1000},
		 pae,
		 0xd00,
		 "CR4.PCIDE",
		 VMI_MACHINE_X86_64},
		{{.cr0 = 0x80000011, .cr4 = 0x20, .cr3 = 0x1000},
		 pae,
		 0x800,
		 "leads to a table of PAE",
		 VMI_MACHINE_X86},
		{{.cr0 = 0x80000011, .cr4 = 0x20, .cr3 = 0x1000},
		 wide,
		 0xd00,
		 "no table of PAE",
		 VMI_MACHINE_X86_64},
		{{.cr0 = 0x80000011, .cr4 = 0x20, .cr3 = 0x1000, .gs_kernel = 1ull << 40},
		 pae,
		 0xd00,
		 "64 bits",
		 VMI_MACHINE_X86_64},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t vcpu[MK_XEN_VCPU64];
		const struct mk_xen_page pages[] = {
			{.pfn = 0}, {.pfn = 1, .words = cases[i].table}, {.last = true}};
		const struct mk_xen_core core = {
			.pages = pages, .vcpus = vcpu, .vcpu_count = 1, .vcpu_size = MK_XEN_VCPU64};
		struct vmi_registers regs;

		mk_xen_vcpu64(vcpu, &cases[i].control);
		struct image image = open_core(&core);
		regs = registers_of(image.vm, 0);
		assert_int_equal(regs.provenance[VMI_EFER], VMI_ASSUMED);
		assert_int_equal(regs.value[VMI_EFER], cases[i].efer);
		assert_non_null(strstr(regs.why[VMI_EFER], cases[i].why));
		assert_int_equal(vmi_info(image.vm)->machine, cases[i].machine);
		image_close(&image);
	}
}

/* A toolstack of 32 bits; and a Xen that tells no bases. */
static void other_contexts(void **state)
{
	uint8_t narrow[MK_XEN_VCPU32], blank[MK_XEN_VCPU64];
	struct mk_xen_control bare = plain;
	const struct mk_xen_core small = {
		.pages = four, .vcpus = narrow, .vcpu_count = 1, .vcpu_size = MK_XEN_VCPU32};
	const struct mk_xen_core old = {
		.pages = four, .vcpus = blank, .vcpu_count = 1, .vcpu_size = MK_XEN_VCPU64};
	struct vmi_registers regs;

	(void)state;
	mk_xen_vcpu32(narrow, &plain);
	struct image image = open_core(&small);
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_RAX, mk_value("eax"));
	assert_known(&regs, VMI_RIP, mk_value("eip"));
	assert_known(&regs, VMI_RSP, mk_value("esp"));
	assert_known(&regs, VMI_GS, mk_value("gs"));
	assert_known(&regs, VMI_DR7, mk_value("dr7"));
	assert_known(&regs, VMI_CR3, plain.cr3);
	assert_int_equal(regs.provenance[VMI_R8], VMI_ABSENT);
	assert_int_equal(regs.provenance[VMI_FS_BASE], VMI_ABSENT);
	image_close(&image);

	bare.fs_base = bare.gs_kernel = bare.gs_user = 0;
	mk_xen_vcpu64(blank, &bare);
	image = open_core(&old);
	regs = registers_of(image.vm, 0);
	assert_int_equal(regs.provenance[VMI_GS_BASE], VMI_ABSENT);
	assert_int_equal(regs.provenance[VMI_KERNEL_GS_BASE], VMI_ABSENT);
	assert_int_equal(regs.provenance[VMI_FS_BASE], VMI_ABSENT);
	image_close(&image);
}

static void vcpus_cut(void **state)
{
	uint8_t vcpu[MK_XEN_VCPU64];
	const struct mk_xen_core core = {.pages = four,
					 .vcpus = vcpu,
					 .vcpu_count = 1,
					 .vcpu_size = MK_XEN_VCPU64,
					 .vcpu_claim = UINT64_C(100000) * MK_XEN_VCPU64};

	(void)state;
	mk_xen_vcpu64(vcpu, &plain);
	struct image image = open_core(&core);
	assert_warns(image.vm, "the registers are cut off");
	image_close(&image);
}

/* ---- paravirtualised guests ----------------------------------------------------------------- */

/* Tables as the processor walks them: of machine frames, which lie in any order. */
static void pv_translation(void **state)
{
	static const uint64_t l4[] = {0x110, 0x52067, 0, 0}, l3[] = {0, 0x31067, 0, 0},
			      l2[] = {0, 0x77067, 0, 0}, l1[] = {5, 0x1234067, 0, 0};
	static const struct mk_xen_page pages[] = {{.pfn = 0, .gmfn = 0x1234},
						   {.pfn = 1, .gmfn = 0x40, .words = l4},
						   {.pfn = 2, .gmfn = 0x31, .words = l2},
						   {.pfn = 3, .gmfn = 0x52, .words = l3},
						   {.pfn = 4, .gmfn = 0x77, .words = l1},
						   {.pfn = 5, .gmfn = MK_XEN_NONE},
						   {.last = true}};
	uint8_t vcpu[MK_XEN_VCPU64];
	const struct mk_xen_control control = {.cs = 0xe033,
					       .cr0 = 0x8005003b,
					       .cr3 = 0x40000,
					       .cr4 = 0x660,
					       .gs_kernel = 7,
					       .gs_user = 8,
					       .flags = 4};
	const struct mk_xen_core core = {.pv = true,
					 .pages = pages,
					 .vcpus = vcpu,
					 .vcpu_count = 1,
					 .vcpu_size = MK_XEN_VCPU64};
	const uint64_t gva = 0xffff880000005000;
	struct vmi_error err = {0};
	struct vmi_registers regs;
	struct vmi_space space;
	uint64_t word = 0;

	(void)state;
	mk_xen_vcpu64(vcpu, &control);
	struct image image = open_core(&core);
	assert_runs(image.vm, "31000+1000 40000+1000 52000+1000 77000+1000 1234000+1000");
	assert_memory(image.vm, 0x1234000, PAGE, 0);
	assert_warns(image.vm, "physical addresses are machine addresses");
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_CR3, 0x40000);
	assert_known(&regs, VMI_CR4, 0x660);
	assert_known(&regs, VMI_GS_BASE, 7);
	assert_known(&regs, VMI_KERNEL_GS_BASE, 8);
	assert_int_equal(regs.value[VMI_EFER], 0xd00);
	if (vmi_space_default(image.vm, VMI_MODE_AUTO, &space, NULL, &err) ||
	    vmi_read_u64(image.vm, &space, gva + 0x18, &word, &err))
		fail_with("reading", &err);
	assert_int_equal(word, 0x1234018);
	image_close(&image);
}

/* A 32-bit guest in a room for either; its CR3 is rotated, and that of a high root has no place. */
static void pv_narrow(void **state)
{
	static const struct mk_xen_page pages[] = {{.pfn = 0, .gmfn = 0x12345}, {.last = true}};
	uint8_t vcpus[2][MK_XEN_VCPU64] = {0};
	struct mk_xen_control control = {.cs = 0xe019, .cr0 = 0x8005003b, .cr3 = 0x12345000};
	const struct mk_xen_core core = {.pv = true,
					 .pages = pages,
					 .vcpus = vcpus[0],
					 .vcpu_count = 2,
					 .vcpu_size = MK_XEN_VCPU64};
	struct vmi_registers regs;

	(void)state;
	mk_xen_vcpu32(vcpus[0], &control);
	control.cr3 = 0x12345003;
	mk_xen_vcpu32(vcpus[1], &control);
	struct image image = open_core(&core);
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_X86);
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_CR3, 0x12345000);
	assert_known(&regs, VMI_RIP, mk_value("eip"));
	assert_int_equal(regs.provenance[VMI_CR4], VMI_ASSUMED);
	assert_int_equal(regs.value[VMI_CR4], VMI_CR4_PAE);
	assert_int_equal(regs.value[VMI_EFER], VMI_EFER_NXE);
	regs = registers_of(image.vm, 1);
	assert_int_equal(regs.provenance[VMI_CR3], VMI_ABSENT);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_core),   cmocka_unit_test(any_order),
		cmocka_unit_test(cut),          cmocka_unit_test(lies),
		cmocka_unit_test(cut_anywhere), cmocka_unit_test(hvm_registers),
		cmocka_unit_test(hvm_modes),    cmocka_unit_test(other_contexts),
		cmocka_unit_test(vcpus_cut),    cmocka_unit_test(pv_translation),
		cmocka_unit_test(pv_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
