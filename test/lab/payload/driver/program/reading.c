/* SPDX-License-Identifier: MIT */
/* Opening, memory, translation, registers: what the library says against what the guest planted and
 * tells of itself. Nothing here takes anything from the guest. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static bool list(struct bench *b)
{
	struct vmi_target_entry *entries = NULL;
	size_t count = 0;
	bool ours = false;

	WORKS(vmi_target_list("xen", &entries, &count, &b->err));
	for (size_t i = 0; i < count; i++) {
		const struct vmi_target_entry *e = &entries[i];
		ours |= e->id == b->guest.domid && !strcmp(e->name, "test") &&
			e->vcpus == b->guest.vcpus && !strcmp(e->type, "pvh");
	}
	free(entries);
	HOLDS(ours);
	return true;
}

static bool names(struct bench *b)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	struct vmi *vm;
	uint64_t gpa;

	WORKS(vmi_open(&vm, "test", &options, &b->err));
	enum vmi_status st =
		vmi_read_u64(vm, NULL, LAB_TRUTH_FRAMES + LAB_TRUTH_GPA_AT, &gpa, &b->err);
	vmi_close(vm);
	WORKS(st);
	HOLDS(gpa == LAB_TRUTH_FRAMES);
	return true;
}

static bool refusals(struct bench *b)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	struct vmi *vm;

	REFUSED(vmi_open(&vm, "nobody", &options, &b->err), VMI_ERR_NOT_FOUND, "nobody");
	REFUSED(vmi_open(&vm, "29999", &options, &b->err), VMI_ERR_NOT_FOUND, "29999");
	REFUSED(vmi_open(&vm, "0", &options, &b->err), VMI_ERR_UNSUPPORTED, "control domain");
	return true;
}

static bool info(struct bench *b)
{
	const struct vmi_info *i = vmi_info(b->vm);

	HOLDS(!strcmp(i->driver, "xen"));
	HOLDS(i->machine == VMI_MACHINE_X86_64);
	HOLDS(i->vcpus == b->guest.vcpus);
	HOLDS(i->page_size == 4096);
	HOLDS(i->memory_bytes >= 15 << 20 && i->memory_bytes <= 17 << 20);
	unsigned missing = b->amd ? VMI_CAP_PROTECTION | VMI_CAP_VIEW_CONTROL : 0;
	HOLDS(i->capabilities == (VMI_CAP_FULL & ~missing));
	return true;
}

static bool state_registers(struct bench *b)
{
	for (unsigned vcpu = 0; vcpu < b->guest.vcpus; vcpu++) {
		struct vmi_registers regs = {0};
		const struct lab_state *s = &mailbox(b, vcpu)->state;
		HOLDS(obey(b, vcpu, LAB_OP_STATE));
		WORKS(vmi_registers_get(b->vm, vcpu, &regs, &b->err));
		const struct {
			enum vmi_register reg;
			uint64_t value;
		} truth[] = {
			{VMI_CR0, s->cr0},
			{VMI_CR2, s->cr2},
			{VMI_CR3, s->cr3},
			{VMI_CR4, s->cr4},
			{VMI_EFER, s->efer},
			{VMI_STAR, s->star},
			{VMI_LSTAR, s->lstar},
			{VMI_CSTAR, s->cstar},
			{VMI_SYSCALL_MASK, s->syscall_mask},
			{VMI_FS_BASE, s->fs_base},
			{VMI_GS_BASE, s->gs_base},
			{VMI_KERNEL_GS_BASE, s->kernel_gs_base},
			{VMI_SYSENTER_CS, s->sysenter_cs},
			{VMI_SYSENTER_ESP, s->sysenter_esp},
			{VMI_SYSENTER_EIP, s->sysenter_eip},
			{VMI_PAT, s->pat},
			{VMI_GDTR_BASE, s->gdt_base},
			{VMI_GDTR_LIMIT, s->gdt_limit},
			{VMI_IDTR_BASE, s->idt_base},
			{VMI_IDTR_LIMIT, s->idt_limit},
			{VMI_CS, s->cs},
			{VMI_DS, s->ds},
			{VMI_ES, s->es},
			{VMI_FS, s->fs},
			{VMI_GS, s->gs},
			{VMI_SS, s->ss},
			{VMI_TR, s->tr},
			{VMI_LDTR, s->ldtr},
		};
		for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
			enum vmi_register reg = truth[i].reg;
			/* QEMU's SVM has no PAT of the guest's own: it reads Xen's. */
			if (reg == VMI_PAT && b->amd)
				continue;
			if (regs.provenance[reg] != VMI_KNOWN || regs.value[reg] != truth[i].value)
				return fails(b, "vcpu %u %s is 0x%" PRIx64 ", not 0x%" PRIx64, vcpu,
					     vmi_register_name(reg), regs.value[reg],
					     truth[i].value);
		}
		HOLDS(!strcmp(regs.source, "xen-hvm-context"));
		HOLDS((regs.value[VMI_CS_ATTRIBUTES] & VMI_ATTRIBUTES_L) != 0);
	}
	return true;
}

/* While a vcpu counts, the others of its registers are those that it was given. */
static bool general_registers(struct bench *b)
{
	static const enum vmi_register order[] = {
		VMI_RAX, VMI_RCX, VMI_RDX, VMI_RBX, VMI_RSP, VMI_RBP, VMI_RSI, VMI_RDI,
		VMI_R8,  VMI_R9,  VMI_R10, VMI_R11, VMI_R12, VMI_R13, VMI_R14, VMI_R15,
	};
	unsigned vcpu = b->guest.vcpus - 1;
	struct lab_mailbox *m = mailbox(b, vcpu);
	const uint64_t gpa = LAB_MAILBOX + vcpu * 4096ul;
	struct vmi_registers regs = {0}, general = {0};

	lab_patterns(&m->in);
	m->stop = 0;
	m->in.rdi = gpa + offsetof(struct lab_mailbox, counter);
	m->in.rsi = gpa + offsetof(struct lab_mailbox, stop);
	lab_begin(&b->guest, vcpu, LAB_OP_SPIN);
	lab_end(&b->guest, vcpu, 20);
	enum vmi_status st = vmi_registers_get(b->vm, vcpu, &regs, &b->err);
	m->stop = 1;
	HOLDS(lab_end(&b->guest, vcpu, 1000));
	WORKS(st);
	vmi_registers_copy_gp(&general, &regs);
	for (unsigned i = 0; i < 16; i++)
		HOLDS(i == 4 || general.value[order[i]] == (&m->in.rax)[i]);
	HOLDS(general.value[VMI_RIP] >= LAB_IMAGE && general.value[VMI_RIP] < LAB_IMAGE_END);
	HOLDS(general.value[VMI_RSP] == m->out.rsp - 8); /* the operation is called */
	HOLDS(!vmi_register_has(&general, VMI_CR3));
	return true;
}

static bool no_vcpu(struct bench *b)
{
	struct vmi_registers regs = {0};

	REFUSED(vmi_registers_get(b->vm, 7, &regs, &b->err), VMI_ERR_NOT_FOUND, "7");
	return true;
}

static bool physical(struct bench *b)
{
	uint8_t data[4096];
	uint64_t gpa;

	for (unsigned i = 0; i < 4; i++) {
		WORKS(vmi_read_bytes(b->vm, NULL, LAB_DATA + i * 4096u, data, 4096, NULL, &b->err));
		for (unsigned at = 0; at < 4096; at++)
			HOLDS(data[at] == 0xd0 + i);
	}
	for (unsigned i = 0; i < 3; i++) {
		WORKS(vmi_read_u64(b->vm, NULL, LAB_TRUTH_FRAMES + i * 4096u + LAB_TRUTH_GPA_AT,
				   &gpa, &b->err));
		HOLDS(gpa == LAB_TRUTH_FRAMES + i * 4096u);
	}
	return true;
}

static bool checksum(struct bench *b)
{
	static uint8_t image[LAB_IMAGE_END - LAB_IMAGE];
	struct lab_mailbox *m = mailbox(b, 0);

	WORKS(vmi_read_bytes(b->vm, NULL, LAB_IMAGE, image, 0x1000, NULL, &b->err));
	m->in.rsi = LAB_IMAGE;
	m->in.rcx = 0x1000;
	HOLDS(lab_do(&b->guest, 0, LAB_OP_CHECKSUM));
	HOLDS(m->out.rax == lab_checksum(image, 0x1000));
	return true;
}

static bool virtual(struct bench *b)
{
	const struct vmi_field field = {.offset = 8, .size = 4};
	struct vmi_string text = {0}, wide = {0};
	struct vmi_space space;
	uint64_t value;

	WORKS(vmi_space_of_vcpu(b->vm, 0, VMI_MODE_AUTO, &space, &b->err));
	HOLDS(space.root == mailbox(b, 0)->root && space.mode == VMI_MODE_4LEVEL);
	WORKS(vmi_string_read(b->vm, &space, LAB_TRUTH + LAB_TRUTH_TEXT_AT, VMI_UTF8, 0, &text,
			      &b->err));
	bool same = !strcmp(text.text, LAB_TRUTH_TEXT);
	vmi_string_free(&text);
	HOLDS(same);
	WORKS(vmi_string_read(b->vm, &space, LAB_TRUTH + LAB_TRUTH_UTF16_AT, VMI_UTF16LE, 0, &wide,
			      &b->err));
	same = !strcmp(wide.text, LAB_TRUTH_TEXT);
	vmi_string_free(&wide);
	HOLDS(same);
	WORKS(vmi_read_u64(b->vm, &space, LAB_ALIAS + LAB_DATA + 0x1000, &value, &b->err));
	HOLDS(value == 0xd1d1d1d1d1d1d1d1);
	WORKS(vmi_read_field(b->vm, &space, LAB_DATA, &field, &value, &b->err));
	HOLDS(value == 0xd0d0d0d0);
	return true;
}

static bool translation(struct bench *b)
{
	enum { R = VMI_ACCESS_R, W = VMI_ACCESS_W, X = VMI_ACCESS_X };
	static const struct {
		vmi_gva gva;
		vmi_gpa gpa;
		unsigned shift, access, user;
	} truth[] = {
		{0x0123, LAB_TRUTH_FRAMES + 0x2123, 12, R | W, 0},
		{0x1000, LAB_TRUTH_FRAMES, 12, R | X, 0},
		{0x3fff, LAB_TRUTH_FRAMES + 0x1fff, 12, R | W | X, 1},
		{0x212345, LAB_TRUTH_LARGE + 0x12345, 21, R, 0},
		{0x40000000 + LAB_DATA, LAB_DATA, 30, R | W | X, 0},
	};
	struct vmi_space space;
	struct vmi_translation t;

	WORKS(vmi_space_of_vcpu(b->vm, 1, VMI_MODE_AUTO, &space, &b->err));
	for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
		WORKS(vmi_translate(b->vm, &space, LAB_TRUTH + truth[i].gva, &t, &b->err));
		if (t.gpa != truth[i].gpa || t.page_shift != truth[i].shift ||
		    t.access != truth[i].access || t.user != truth[i].user)
			return fails(b, "%zu: gpa 0x%" PRIx64 " shift %u access %u user %u", i,
				     t.gpa, t.page_shift, t.access, t.user);
	}
	HOLDS(vmi_translate(b->vm, &space, LAB_TRUTH + 0x2000, &t, NULL) == VMI_ERR_NOT_PRESENT);
	HOLDS(t.entry == LAB_TRUTH_HOLE && t.level == 1);
	HOLDS(vmi_translate(b->vm, &space, LAB_TRUTH + 0x400000, &t, NULL) == VMI_ERR_NOT_PRESENT);
	HOLDS(t.level == 2);
	HOLDS(vmi_translate(b->vm, &space, 1ull << 47, &t, NULL) == VMI_ERR_NOT_CANONICAL);
	return true;
}

/* Behind the last page there is nothing: what is before it comes, and how much that was. */
static bool holes(struct bench *b)
{
	uint8_t bytes[8192];
	size_t done = 99;
	struct vmi_run run;
	vmi_gpa from = 0;

	while (!vmi_run_next(b->vm, from, &run, &b->err))
		from = run.gpa + run.size;
	HOLDS(from >= 15 << 20);
	HOLDS(vmi_read_bytes(b->vm, NULL, from - 100, bytes, sizeof(bytes), &done, &b->err) ==
	      VMI_ERR_NOT_SAVED);
	HOLDS(done == 100);
	HOLDS(vmi_read_bytes(b->vm, NULL, 0x12345678000, bytes, 8, &done, &b->err) ==
	      VMI_ERR_NOT_SAVED);
	HOLDS(done == 0);
	return true;
}

static bool writing(struct bench *b)
{
	struct lab_mailbox *m = mailbox(b, 0);
	const uint64_t word = 0x1122334455667788;
	const uint64_t zero = 0;

	WORKS(vmi_write_bytes(b->vm, NULL, LAB_SCRATCH + 0x40, &word, 8, NULL, &b->err));
	lab_patterns(&m->in);
	m->in.rsi = LAB_SCRATCH + 0x40;
	HOLDS(lab_do(&b->guest, 0, LAB_OP_READ));
	HOLDS(m->out.rax == word);
	m->in.rax = 0x99;
	m->in.rdi = LAB_SCRATCH + 0x40;
	HOLDS(lab_do(&b->guest, 0, LAB_OP_WRITE));
	uint64_t back = 0;
	vmi_page_cache_flush(b->vm);
	WORKS(vmi_read_u64(b->vm, NULL, LAB_SCRATCH + 0x40, &back, &b->err));
	HOLDS(back == 0x99);
	WORKS(vmi_write_bytes(b->vm, NULL, LAB_SCRATCH + 0x40, &zero, 8, NULL, &b->err));
	return true;
}

static bool takes_nothing(struct bench *b)
{
	bool altp2m = false;

	/* Where it can never be on, this fails. */
	HOLDS(!xc_altp2m_get_domain_state(b->xc, b->guest.domid, &altp2m) || b->amd);
	HOLDS(!altp2m);
	/* The ring is not in use: turning it off says so. */
	HOLDS(xc_monitor_disable(b->xc, b->guest.domid) != 0);
	return true;
}

void part_reading(struct bench *b)
{
	static const struct test tests[] = {
		{"list", list},
		{"open-by-name", names},
		{"open-refusals", refusals},
		{"info", info},
		{"registers-state", state_registers},
		{"registers-general", general_registers},
		{"registers-no-vcpu", no_vcpu},
		{"read-physical", physical},
		{"read-image", checksum},
		{"read-virtual", virtual},
		{"translate", translation},
		{"read-holes", holes},
		{"write", writing},
		{"reading-takes-nothing", takes_nothing},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
