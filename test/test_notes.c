/* SPDX-License-Identifier: MIT */
/* The notes of ELF cores: registers by their layouts, VMCOREINFO, broken ones. */

#include <elf.h>

#include "image.h"

static const uint64_t paging = VMI_CR0_PE | VMI_CR0_PG;
enum { CS_LONG = 0x00af9b00, CS_FLAT = 0x00cf9b00 };

static struct image open_notes(struct mk_elf elf)
{
	elf.loads[0] = (struct mk_load){.gpa = 0, .size = 0x4000};
	return image_open(&elf);
}

static struct mk_note note(const char *name, uint32_t type, const void *desc, uint32_t size)
{
	return (struct mk_note){name, type, desc, size, false, 0};
}

static void assert_register(const struct vmi_registers *regs, const char *name, uint64_t value)
{
	enum vmi_register reg = vmi_register_find(name);

	assert_int_not_equal(reg, VMI_REGISTER_COUNT);
	assert_known(regs, reg, value);
}

static void assert_absent(const struct vmi_registers *regs, const char *name)
{
	enum vmi_register reg = vmi_register_find(name);

	assert_int_not_equal(reg, VMI_REGISTER_COUNT);
	assert_int_equal(regs->provenance[reg], VMI_ABSENT);
}

/* Registers of these names hold their names. */
static void assert_named(const struct vmi_registers *regs, const char *const *names)
{
	for (; *names; names++)
		assert_register(regs, *names, mk_value(*names));
}

static unsigned count_present(const struct vmi_registers *regs)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VMI_REGISTER_COUNT; i++)
		n += regs->provenance[i] != VMI_ABSENT;
	return n;
}

/* ---- NT_PRSTATUS ---------------------------------------------------------------------------- */

static void prstatus64(void **state)
{
	static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
					    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
					    "rip", "ss",  "ds",  "es",  "fs",  "gs",  NULL};
	uint8_t desc[MK_PRSTATUS64];

	(void)state;
	mk_prstatus64(desc, 0x33, 0x7f1234);
	struct image image = open_notes(
		(struct mk_elf){.notes = {note("CORE", NT_PRSTATUS, desc, sizeof(desc))}});
	assert_string_equal(vmi_info(image.vm)->format, "elf-vmcore");
	assert_int_equal(vmi_info(image.vm)->vcpus, 1);
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_string_equal(regs.source, "prstatus");
	assert_named(&regs, names);
	assert_register(&regs, "rflags", mk_value("rfl"));
	assert_register(&regs, "cs", 0x33);
	assert_register(&regs, "fs.base", mk_value("fsb"));
	assert_register(&regs, "gs.base", 0x7f1234);
	assert_int_equal(count_present(&regs), 26);
	image_close(&image);
}

/* The GS base in a note of a CPU that was in the kernel: its own, or the user's left behind. */
static void prstatus_gs_base(void **state)
{
	static const struct {
		uint64_t cs, gs_base;
		bool known;
	} cases[] = {
		{0x10, 0xffff888012345000, true},
		{0x10, 0x7f1234, false},
		{0x10, 0, false},
		{0x33, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t desc[MK_PRSTATUS64];
		mk_prstatus64(desc, cases[i].cs, cases[i].gs_base);
		struct image image = open_notes(
			(struct mk_elf){.notes = {note("CORE", NT_PRSTATUS, desc, sizeof(desc))}});
		struct vmi_registers regs = registers_of(image.vm, 0);
		if (cases[i].known)
			assert_register(&regs, "gs.base", cases[i].gs_base);
		else
			assert_absent(&regs, "gs.base");
		image_close(&image);
	}
}

static void prstatus32(void **state)
{
	uint8_t desc[MK_PRSTATUS32];

	(void)state;
	mk_prstatus32(desc);
	struct image image = open_notes((struct mk_elf){
		.machine = EM_386, .notes = {note("CORE", NT_PRSTATUS, desc, sizeof(desc))}});
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_register(&regs, "rax", mk_value("eax"));
	assert_register(&regs, "rip", mk_value("eip"));
	assert_register(&regs, "rsp", mk_value("esp"));
	assert_register(&regs, "rbp", mk_value("ebp"));
	assert_register(&regs, "rflags", mk_value("efl"));
	assert_register(&regs, "cs", mk_value("cs"));
	assert_register(&regs, "gs", mk_value("gs"));
	assert_absent(&regs, "r8");
	assert_absent(&regs, "fs.base");
	assert_int_equal(count_present(&regs), 16);
	image_close(&image);
}

static void offline_cpu(void **state)
{
	static const uint8_t zeros[MK_PRSTATUS64];
	uint8_t desc[MK_PRSTATUS64];

	(void)state;
	mk_prstatus64(desc, 0x33, 0);
	struct image image = open_notes(
		(struct mk_elf){.notes = {note("CORE", NT_PRSTATUS, zeros, sizeof(zeros)),
					  note("CORE", NT_PRSTATUS, zeros, MK_PRSTATUS32),
					  note("CORE", NT_PRSTATUS, desc, sizeof(desc))}});
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_int_equal(count_present(&regs), 0);
	regs = registers_of(image.vm, 1);
	assert_int_equal(count_present(&regs), 0);
	regs = registers_of(image.vm, 2);
	assert_register(&regs, "rip", mk_value("rip"));
	image_close(&image);
}

/* ---- QEMU ----------------------------------------------------------------------------------- */

/* A crashed Xen tells of each CPU what Linux' note lacks, behind that note. */
static void crashed_xen(void **state)
{
	uint8_t desc[MK_PRSTATUS64];
	const uint64_t first[] = {0x8005003b, 2, 0x3000, 0x6a0},
		       second[] = {0x8005003b, 4, 0x5000, 0};
	struct vmi_registers regs;
	struct vmi_error err = {0};

	(void)state;
	mk_prstatus64(desc, 0xe008, 0);
	struct image image = image_open(&(struct mk_elf){
		.notes = {note("Xen", 0x1000002, first, sizeof(first)), /* of no CPU */
			  note("CORE", NT_PRSTATUS, desc, sizeof(desc)),
			  note("Xen", 0x1000002, first, sizeof(first)),
			  note("CORE", NT_PRSTATUS, desc, sizeof(desc)),
			  note("Xen", 0x1000002, second, sizeof(second)),
			  note("CORE", NT_PRSTATUS, desc, sizeof(desc)),
			  note("Xen", 0x1000002, second, 31)}, /* too short */
		.loads = {{.size = 4096}}});
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	assert_int_equal(vmi_registers_get(image.vm, 0, &regs, &err), VMI_OK);
	assert_register(&regs, "cr0", first[0]);
	assert_register(&regs, "cr2", first[1]);
	assert_register(&regs, "cr3", first[2]);
	assert_register(&regs, "cr4", first[3]);
	assert_register(&regs, "rax", mk_value("rax"));
	assert_int_equal(vmi_registers_get(image.vm, 1, &regs, &err), VMI_OK);
	assert_register(&regs, "cr3", second[2]);
	assert_int_equal(vmi_registers_get(image.vm, 2, &regs, &err), VMI_OK);
	assert_absent(&regs, "cr3");
	image_close(&image);
}

static void qemu(void **state)
{
	static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
					    "rsp", "r8",  "r9",  "r10", "r11", "r12", "r13",
					    "r14", "r15", "rip", "cs",  "ds",  "es",  "fs",
					    "gs",  "ss",  "tr",  "cr2", "cr3", NULL};
	uint8_t prstatus[MK_PRSTATUS64], desc[MK_QEMU];

	(void)state;
	mk_prstatus64(prstatus, 0x33, 0);
	mk_qemu(desc, CS_LONG, paging, VMI_CR4_PAE);
	struct image image = open_notes(
		(struct mk_elf){.notes = {note("CORE", NT_PRSTATUS, prstatus, sizeof(prstatus)),
					  note("QEMU", 0, desc, sizeof(desc))}});
	assert_string_equal(vmi_info(image.vm)->format, "elf-qemu");
	assert_int_equal(vmi_info(image.vm)->vcpus, 1);
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_string_equal(regs.source, "qemu-note");
	assert_named(&regs, names);
	assert_register(&regs, "rflags", mk_value("rfl"));
	assert_register(&regs, "cr0", paging);
	assert_register(&regs, "cr4", VMI_CR4_PAE);
	assert_register(&regs, "kernel_gs_base", mk_value("kgs"));
	assert_register(&regs, "cs.attributes", 0xa09b);
	assert_register(&regs, "ds.attributes", 0xc093);
	assert_register(&regs, "ldtr", mk_value("ld"));
	assert_register(&regs, "gs.base", mk_value("gs") << 32);
	assert_register(&regs, "tr.limit", 0x10007);
	assert_register(&regs, "gdtr.base", mk_value("gdt") << 32);
	assert_register(&regs, "gdtr.limit", 0x10008);
	assert_register(&regs, "idtr.limit", 0x10009);
	assert_absent(&regs, "lstar");
	assert_absent(&regs, "dr7");
	image_close(&image);
}

/* The better note wins, whichever comes first. */
static void qemu_before_prstatus(void **state)
{
	uint8_t prstatus[MK_PRSTATUS64], desc[MK_QEMU];

	(void)state;
	mk_prstatus64(prstatus, 0x33, 0);
	mk_qemu(desc, CS_LONG, paging, VMI_CR4_PAE);
	struct image image = open_notes(
		(struct mk_elf){.notes = {note("QEMU", 0, desc, sizeof(desc)),
					  note("CORE", NT_PRSTATUS, prstatus, sizeof(prstatus))}});
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_string_equal(regs.source, "qemu-note");
	image_close(&image);
}

static void qemu_efer(void **state)
{
	static const struct {
		uint16_t machine;
		uint32_t cs;
		uint64_t cr0, cr4, efer;
		const char *why;
	} cases[] = {
		{EM_X86_64, CS_LONG, paging, VMI_CR4_PAE, 0xd00, "CS.L is set"},
		{EM_386, CS_LONG, paging, VMI_CR4_PAE, 0xd00, "CS.L is set"},
		{EM_X86_64, CS_FLAT, paging, VMI_CR4_PAE, 0xd00, "the image is of x86-64"},
		{EM_386, CS_FLAT, paging, VMI_CR4_PAE, 0x800, "32-bit x86: PAE paging"},
		{EM_386, CS_FLAT, paging, 0, 0, "CR4.PAE is clear"},
		{EM_X86_64, CS_FLAT, VMI_CR0_PE, VMI_CR4_PAE, 0, "CR0.PG is clear"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t desc[MK_QEMU];
		mk_qemu(desc, cases[i].cs, cases[i].cr0, cases[i].cr4);
		struct image image =
			open_notes((struct mk_elf){.machine = cases[i].machine,
						   .notes = {note("QEMU", 0, desc, sizeof(desc))}});
		struct vmi_registers regs = registers_of(image.vm, 0);
		assert_int_equal(regs.provenance[VMI_EFER], VMI_ASSUMED);
		assert_int_equal(regs.value[VMI_EFER], cases[i].efer);
		assert_non_null(strstr(regs.why[VMI_EFER], cases[i].why));
		image_close(&image);
	}
}

static void qemu_of_32_bits(void **state)
{
	uint8_t desc[MK_QEMU];

	(void)state;
	mk_qemu(desc, CS_FLAT, paging, 0);
	struct image image = open_notes(
		(struct mk_elf){.machine = EM_386, .notes = {note("QEMU", 0, desc, sizeof(desc))}});
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_register(&regs, "rax", mk_value("rax"));
	assert_absent(&regs, "r8");
	assert_absent(&regs, "r15");
	assert_absent(&regs, "kernel_gs_base");
	image_close(&image);
}

static void qemu_old_and_new(void **state)
{
	uint8_t desc[MK_QEMU + 64] = {0};

	(void)state;
	mk_qemu(desc, CS_LONG, paging, VMI_CR4_PAE);
	struct image image =
		open_notes((struct mk_elf){.notes = {note("QEMU", 0, desc, MK_QEMU - 8)}});
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_register(&regs, "cr3", mk_value("cr3"));
	assert_absent(&regs, "kernel_gs_base");
	image_close(&image);

	image = open_notes((struct mk_elf){.notes = {note("QEMU", 0, desc, sizeof(desc))}});
	regs = registers_of(image.vm, 0);
	assert_register(&regs, "kernel_gs_base", mk_value("kgs"));
	image_close(&image);
}

/* A note of another version says nothing; NT_PRSTATUS of the same vcpu still does. */
static void qemu_unknown(void **state)
{
	uint8_t prstatus[MK_PRSTATUS64], bad[MK_QEMU], good[MK_QEMU];

	(void)state;
	mk_prstatus64(prstatus, 0x33, 0);
	mk_qemu(bad, CS_LONG, paging, VMI_CR4_PAE);
	bad[0] = 2;
	mk_qemu(good, CS_LONG, paging, VMI_CR4_PAE);
	struct image image = open_notes((struct mk_elf){
		.notes = {note("CORE", NT_PRSTATUS, prstatus, sizeof(prstatus)),
			  note("QEMU", 0, bad, sizeof(bad)), note("QEMU", 0, good, sizeof(good)),
			  note("QEMU", 0, good, 8)}});
	assert_int_equal(vmi_info(image.vm)->vcpus, 3);
	assert_warns(image.vm, "of no known layout, and ignored: 2");
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_string_equal(regs.source, "prstatus");
	regs = registers_of(image.vm, 1);
	assert_string_equal(regs.source, "qemu-note");
	regs = registers_of(image.vm, 2);
	assert_int_equal(count_present(&regs), 0);
	image_close(&image);
}

/* ---- VirtualBox ----------------------------------------------------------------------------- */

static void virtualbox(void **state)
{
	static const uint32_t formats[] = {0x10004, 0x10005, 0x10006};
	static const char *const names[] = {
		"rax", "rbx", "rcx", "rdx", "rsi",  "rdi", "rbp",  "rsp",   "r8",    "r9",
		"r10", "r11", "r12", "r13", "r14",  "r15", "rip",  "cr0",   "cr2",   "cr3",
		"cr4", "dr0", "dr1", "dr2", "dr3",  "dr6", "dr7",  "cs",    "ds",    "es",
		"fs",  "gs",  "ss",  "tr",  "efer", "pat", "star", "lstar", "cstar", NULL};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t core[MK_VBCORE], cpu[MK_VBCPU];
		mk_vbcore(core, formats[i]);
		mk_vbcpu(cpu, formats[i]);
		struct image image = open_notes(
			(struct mk_elf){.ei_version_0 = true,
					.notes = {{"VBCORE", 0xb00, core, sizeof(core), true, 0},
						  {"VBCPU", 0xb01, cpu, sizeof(cpu), true, 0}}});
		assert_string_equal(vmi_info(image.vm)->format, "elf-virtualbox");
		struct vmi_registers regs = registers_of(image.vm, 0);
		assert_string_equal(regs.source, "virtualbox-note");
		assert_named(&regs, names);
		assert_register(&regs, "rflags", mk_value("rfl"));
		assert_register(&regs, "kernel_gs_base", mk_value("kgs"));
		assert_register(&regs, "syscall_mask", mk_value("mask"));
		assert_register(&regs, "sysenter_cs", mk_value("sycs"));
		assert_register(&regs, "sysenter_eip", mk_value("syeip"));
		assert_register(&regs, "sysenter_esp", mk_value("syesp"));
		assert_register(&regs, "gdtr.base", mk_value("gdtb"));
		assert_register(&regs, "idtr.limit", mk_value("idtl"));
		assert_register(&regs, "cs.attributes", 0xa09b);
		assert_register(&regs, "fs.base", mk_value("fs") << 32);
		assert_register(&regs, "ldtr.limit", 0x10006);
		assert_register(&regs, "xcr0", mk_value("xcr0"));
		if (formats[i] == 0x10006)
			assert_register(&regs, "tsc_aux", mk_value("tscaux"));
		else
			assert_absent(&regs, "tsc_aux");
		image_close(&image);
	}
}

static void virtualbox_too_old(void **state)
{
	uint8_t core[MK_VBCORE], cpu[MK_VBCPU];

	(void)state;
	mk_vbcore(core, 0x10000);
	mk_vbcpu(cpu, 0x10005);
	struct image image =
		open_notes((struct mk_elf){.notes = {{"VBCORE", 0xb00, core, sizeof(core), true, 0},
						     {"VBCPU", 0xb01, cpu, sizeof(cpu), true, 0}}});
	assert_warns(image.vm, "format 0x10000, of which this version cannot read the registers");
	assert_int_equal(vmi_info(image.vm)->vcpus, 0);
	assert_int_equal(vmi_info(image.vm)->capabilities, VMI_CAP_READ);
	struct vmi_registers regs;
	struct vmi_error err = {0};
	assert_says(vmi_registers_get(image.vm, 0, &regs, &err), VMI_ERR_UNSUPPORTED,
		    "the elf driver", &err);
	assert_memory(image.vm, 0, 0x4000, 0);
	image_close(&image);
}

/* ---- our own -------------------------------------------------------------------------------- */

enum {
	VMICORE_TYPE = 0x564d4943,
	VMICORE_ENTRIES = 4,
	VMICORE_DESC = 16 + 40 * VMICORE_ENTRIES + 8
};

static void put_entry(uint8_t *at, uint64_t value, uint32_t provenance, uint32_t why,
		      const char *name)
{
	memcpy(at, &value, sizeof(value));
	memcpy(at + 8, &provenance, sizeof(provenance));
	memcpy(at + 12, &why, sizeof(why));
	memcpy(at + 16, name, strlen(name));
}

static void mk_vmicore(uint8_t out[VMICORE_DESC])
{
	const uint32_t head[] = {1, VMICORE_ENTRIES, 8, 0};

	memset(out, 0, VMICORE_DESC);
	memcpy(out, head, sizeof(head));
	put_entry(out + 16, mk_value("efer"), 1, 0, "efer");
	put_entry(out + 56, 0, 1, 0, "cs.base");
	put_entry(out + 96, 7, 2, 1, "cr4");
	put_entry(out + 136, 9, 1, 0, "a_register_of_tomorrow24"); /* 24 letters, no NUL */
	memcpy(out + 176, "\0reason", 8);
}

/* It alone counts, whatever else is there; what it leaves out is absent. */
static void vmicore(void **state)
{
	uint8_t own[VMICORE_DESC], other[MK_QEMU], status[MK_PRSTATUS64];

	(void)state;
	mk_vmicore(own);
	mk_qemu(other, CS_LONG, paging, VMI_CR4_PAE);
	mk_prstatus64(status, 0x33, 0);
	struct image image = open_notes(
		(struct mk_elf){.notes = {note("CORE", NT_PRSTATUS, status, sizeof(status)),
					  note("QEMU", 0, other, sizeof(other)),
					  note("VMICORE", VMICORE_TYPE, own, sizeof(own))}});
	assert_no_warning(image.vm);
	assert_string_equal(vmi_info(image.vm)->format, "elf-vmicore");
	assert_int_equal(vmi_info(image.vm)->vcpus, 1);
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_string_equal(regs.source, "vmicore-note");
	assert_register(&regs, "efer", mk_value("efer"));
	assert_register(&regs, "cs.base", 0);
	assert_int_equal(regs.provenance[VMI_CR4], VMI_ASSUMED);
	assert_int_equal(regs.value[VMI_CR4], 7);
	assert_string_equal(regs.why[VMI_CR4], "reason");
	assert_int_equal(count_present(&regs), 3);
	image_close(&image);
}

static void vmicore_broken(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} breaks[] = {
		{0, 2},          /* a version of tomorrow */
		{4, 5},          /* more entries than fit */
		{4, 0x06666667}, /* whose bytes wrap at 32 bits */
		{4, UINT32_MAX}, {8, 0}, {8, 9},
		{8, UINT32_MAX}, {8, 7}, /* strings that do not end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		uint8_t own[VMICORE_DESC];
		mk_vmicore(own);
		memcpy(own + breaks[i].at, &breaks[i].value, 4);
		struct image image = open_notes((struct mk_elf){
			.notes = {note("VMICORE", VMICORE_TYPE, own, sizeof(own))}});
		assert_warns(image.vm, "of no known layout");
		assert_int_equal(vmi_info(image.vm)->vcpus, 0);
		image_close(&image);
	}
	for (size_t size = 0; size < VMICORE_DESC; size += 7) {
		uint8_t own[VMICORE_DESC];
		mk_vmicore(own);
		struct image image = open_notes((struct mk_elf){
			.notes = {note("VMICORE", VMICORE_TYPE, own, (uint32_t)size)}});
		assert_int_equal(vmi_info(image.vm)->vcpus, 0);
		image_close(&image);
	}
}

/* A reason that lies outside the strings, and a worth that does not exist. */
static void vmicore_odd(void **state)
{
	uint8_t own[VMICORE_DESC];

	(void)state;
	mk_vmicore(own);
	put_entry(own + 96, 7, 2, 8, "cr4");
	put_entry(own + 56, 0, 3, 0, "cs.base");
	struct image image = open_notes(
		(struct mk_elf){.notes = {note("VMICORE", VMICORE_TYPE, own, sizeof(own))}});
	struct vmi_registers regs = registers_of(image.vm, 0);
	assert_string_equal(regs.why[VMI_CR4], "");
	assert_absent(&regs, "cs.base");
	image_close(&image);
}

/* ---- the walk ------------------------------------------------------------------------------- */

static void vmcoreinfo(void **state)
{
	static const char text[] = "OSRELEASE=6.1\nNUMBER(phys_base)=-1\n";
	size_t len;

	(void)state;
	struct image image = open_notes(
		(struct mk_elf){.notes = {note("VMCOREINFO_XEN", 0, "other", 5),
					  note("VMCOREINFO", 0, text, sizeof(text) - 1)}});
	assert_string_equal(vmi_info(image.vm)->format, "elf-vmcore");
	const char *got = vmi_vmcoreinfo(image.vm, &len);
	assert_int_equal(len, sizeof(text) - 1);
	assert_memory_equal(got, text, len);
	image_close(&image);

	/* padded with zeros: the text ends at the first */
	image = open_notes((struct mk_elf){.notes = {note("VMCOREINFO", 0, "A=1\n\0\0\0", 8)}});
	vmi_vmcoreinfo(image.vm, &len);
	assert_int_equal(len, 4);
	image_close(&image);

	image = open_notes((struct mk_elf){.notes = {note("CORE", 9, "desc", 4)}});
	assert_null(vmi_vmcoreinfo(image.vm, &len));
	assert_string_equal(vmi_info(image.vm)->format, "elf");
	image_close(&image);
}

/* In front of a good note each of these must be stepped over, and behind it do no harm. */
static void odd_notes(void **state)
{
	uint8_t desc[MK_QEMU];
	mk_qemu(desc, CS_LONG, paging, VMI_CR4_PAE);
	const struct mk_elf variants[] = {
		{.notes = {note(NULL, 1, "desc", 4), note("QEMU", 0, desc, sizeof(desc))}},
		{.notes = {{"CORE", 1, "x", 1, true, 0}, note("QEMU", 0, desc, sizeof(desc))}},
		{.notes = {{"QEMU", 0, desc, sizeof(desc), true, 0}}},
		{.notes = {note("QEMU", 0, desc, sizeof(desc))}, .note_tail = 1000},
		{.notes = {note("QEMU", 0, desc, sizeof(desc))}, .note_tail = 7},
		{.notes = {note("QEMU", 0, desc, sizeof(desc))}, .note_align = 8},
		{.notes = {note("QEMU", 0, desc, sizeof(desc))}, .note_align = 8, .note_pad = 8},
		{.notes = {note("QEMU", 0, desc, sizeof(desc))}, .class = 32, .note_align = 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct image image = open_notes(variants[i]);
		struct vmi_registers regs = registers_of(image.vm, 0);
		assert_register(&regs, "cr3", mk_value("cr3"));
		image_close(&image);
	}
}

static void broken_notes(void **state)
{
	static const uint32_t claims[] = {UINT32_MAX, UINT32_MAX - 2, 0x80000000, MK_QEMU + 64};
	uint8_t desc[MK_QEMU];

	(void)state;
	mk_qemu(desc, CS_LONG, paging, VMI_CR4_PAE);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct mk_note bad = note("QEMU", 0, desc, sizeof(desc));
		bad.claim = claims[i];
		struct image image = open_notes(
			(struct mk_elf){.notes = {note("QEMU", 0, desc, sizeof(desc)), bad}});
		assert_int_equal(vmi_info(image.vm)->vcpus, 1);
		assert_warns(image.vm, "the notes are broken at byte");
		image_close(&image);
	}
}

static void notes_cut_off(void **state)
{
	uint8_t desc[MK_QEMU] = {0};
	struct mk_elf elf = {
		.notes = {note("QEMU", 0, desc, sizeof(desc)), note("QEMU", 0, desc, sizeof(desc))},
		.loads = {{.gpa = 0, .size = 8, .offset = 64}}};

	(void)state;
	mk_qemu(desc, CS_LONG, paging, VMI_CR4_PAE);
	elf.cut = 100;
	struct image image = image_open(&elf);
	assert_warns(image.vm, "the notes are cut off: the file ends at");
	assert_int_equal(vmi_info(image.vm)->vcpus, 1);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prstatus64),           cmocka_unit_test(prstatus_gs_base),
		cmocka_unit_test(prstatus32),           cmocka_unit_test(crashed_xen),
		cmocka_unit_test(offline_cpu),          cmocka_unit_test(qemu),
		cmocka_unit_test(qemu_before_prstatus), cmocka_unit_test(qemu_efer),
		cmocka_unit_test(qemu_of_32_bits),      cmocka_unit_test(qemu_old_and_new),
		cmocka_unit_test(qemu_unknown),         cmocka_unit_test(virtualbox),
		cmocka_unit_test(virtualbox_too_old),   cmocka_unit_test(vmicore),
		cmocka_unit_test(vmicore_broken),       cmocka_unit_test(vmicore_odd),
		cmocka_unit_test(vmcoreinfo),           cmocka_unit_test(odd_notes),
		cmocka_unit_test(broken_notes),         cmocka_unit_test(notes_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
