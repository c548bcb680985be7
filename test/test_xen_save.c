/* SPDX-License-Identifier: MIT */
/* The driver of Xen's save images. */

#include "image.h"
#include "mk_xen.h"

enum {
	PAGE = VMI_PAGE_SIZE,
	PV = 1,
	HVM = 2,
	END = 0,
	PV_INFO = 2,
	VCPU_BASIC = 4,
	VCPU_XSAVE = 6,
	HVM_CONTEXT = 9,
	VERIFY = 0xd,
	CHECKPOINT = 0xe,
	STATIC_DATA_END = 0x10,
	CPUID_POLICY = 0x11,
	OPTIONAL = INT32_MIN,
};

static const uint64_t three[] = {0, 1, 0x100};

/* Takes the stream over. */
static struct image open_stream(struct mk_stream *s)
{
	struct image image = image_of(s->bytes, s->size);

	assert_string_equal(vmi_info(image.vm)->format, "xen-save");
	return image;
}

static void refuse_stream(struct mk_stream *s, enum vmi_status status, const char *words)
{
	assert_bytes_refused(s->bytes, s->size, status, words);
	*s = (struct mk_stream){0};
}

/* A context of one vcpu, of which the cpu's record is `size` bytes, and a third that is offline. */
static struct mk_stream context_of(uint32_t size)
{
	static const uint64_t lapic[3] = {0xfee00900}, mtrr[30] = {0x70406}, xsave[75] = {1, 7, 7};
	uint8_t cpu[MK_HVM_CPU], tpr[1024] = {0};
	struct mk_stream context = {0};
	const uint8_t header[24] = {0x86, 0x12, 0x38, 0x54, 1};

	mk_hvm_cpu(cpu, 0xa9b, 0x80050033, 0x3000, 0x6a0, 0xd01);
	tpr[0x80] = 0xc3;
	mk_hvm_record(&context, 1, 0, header, sizeof(header));
	mk_hvm_record(&context, 2, 0, cpu, size);
	mk_hvm_record(&context, 2, 2, cpu, size);
	mk_hvm_record(&context, 5, 0, lapic, sizeof(lapic));
	mk_hvm_record(&context, 6, 0, tpr, sizeof(tpr));
	mk_hvm_record(&context, 14, 0, mtrr, sizeof(mtrr));
	mk_hvm_record(&context, 16, 0, xsave, sizeof(xsave));
	mk_hvm_record(&context, 2, 0xffff, cpu, size);
	mk_hvm_record(&context, 0, 0, NULL, 0);
	return context;
}

static void add_context(struct mk_stream *s, uint32_t size)
{
	struct mk_stream context = context_of(size);

	mk_record(s, HVM_CONTEXT, context.bytes, (uint32_t)context.size);
	free(context.bytes);
}

/* ---- layers --------------------------------------------------------------------------------- */

/* All ways to wrap the same guest, at every alignment. */
static void layers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct mk_stream s = {0};
		bool xl = i % 4 < 2, libxl = i % 4 < 3;
		uint32_t version = i & 4 ? 2 : 3;

		if (xl)
			mk_xl(&s, 2 + (i & 1), 100 + i);
		if (libxl) {
			mk_libxl(&s, 2);
			mk_record(&s, 2, "anything", 5);
			mk_record(&s, 1, NULL, 0);
		}
		mk_libxc(&s, version, HVM, 12);
		if (version == 3)
			mk_record(&s, STATIC_DATA_END, NULL, 0);
		mk_pages(&s, three, 3, 0);
		add_context(&s, MK_HVM_CPU);
		mk_record(&s, END, NULL, 0);
		if (libxl)
			mk_record(&s, END, NULL, 0);
		struct image image = open_stream(&s);
		assert_string_equal(vmi_info(image.vm)->driver, "xen-save");
		assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_X86_64);
		assert_int_equal(vmi_info(image.vm)->vcpus, 3);
		assert_runs(image.vm, "0+2000 100000+1000");
		assert_memory(image.vm, 0, 2 * PAGE, 0);
		assert_memory(image.vm, 0x100000, PAGE, 0);
		assert_no_warning(image.vm);
		image_close(&image);
	}
}

static void refused(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	mk_xl(&s, 1, 0);
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "convert-legacy-stream of Xen converts it");
	mk_xl(&s, 7, 0);
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "mandatory flags that this version does not know");
	mk_xl(&s, 3, 50);
	s.size -= 20;
	refuse_stream(&s, VMI_ERR_CORRUPT, "inside the guest's configuration");
	mk_xl(&s, 3, 0);
	mk_append(&s, "nothing of libxl", 16);
	refuse_stream(&s, VMI_ERR_CORRUPT, "there is no stream of libxl");
	mk_libxl(&s, 3);
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "libxl stream is of version 3");
	mk_libxl(&s, 2);
	refuse_stream(&s, VMI_ERR_CORRUPT, "no page of memory");
	mk_libxl(&s, 2);
	mk_record(&s, 1, NULL, 0);
	mk_append(&s, NULL, 4096);
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "the format of Xen 4.5 and before");
	mk_libxc(&s, 4, HVM, 12);
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "libxc stream is of version 4");
	mk_libxc(&s, 3, 3, 12);
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "guest is of type 3");
	mk_libxc(&s, 3, HVM, 13);
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "pages are of 2^13 bytes");
	mk_libxc(&s, 3, HVM, 12);
	s.bytes[17] = 1;
	refuse_stream(&s, VMI_ERR_UNSUPPORTED, "big-endian");
	mk_libxc(&s, 3, HVM, 12);
	mk_record(&s, END, NULL, 0);
	refuse_stream(&s, VMI_ERR_CORRUPT, "no page of memory");
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* A guest that ran while it was saved: what is said last of a page counts. */
static void last_word(void **state)
{
	const uint64_t first[] = {0, 1, 2, 3, 4, 5, 6}, again[] = {2, MK_ENTRY(MK_PAGE_NONE, 3), 4};
	const uint64_t more[] = {MK_ENTRY(MK_PAGE_BROKEN, 5), 3, MK_ENTRY(MK_PAGE_NONE, 4),
				 MK_ENTRY(MK_PAGE_ALLOC, 1), MK_ENTRY(MK_PAGE_NONE, 0x5000)};
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	enum vmi_page_state page;

	(void)state;
	mk_libxc(&s, 3, HVM, 12);
	mk_pages(&s, first, 7, 0);
	mk_pages(&s, again, 3, 1);
	mk_pages(&s, more, 5, 2);
	mk_record(&s, VERIFY, NULL, 0);
	mk_pages(&s, first, 7, 3);
	mk_record(&s, END, NULL, 0);
	struct image image = open_stream(&s);
	assert_runs(image.vm, "0+4000 6000+1000");
	assert_memory(image.vm, 0, 2 * PAGE, 0);
	assert_memory(image.vm, 0x2000, PAGE, 1);
	assert_memory(image.vm, 0x3000, PAGE, 2);
	assert_memory(image.vm, 0x6000, PAGE, 0);
	assert_unreadable(image.vm, 0x4000, "no memory at gfn 0x4");
	assert_unreadable(image.vm, 0x5000, "left out");
	assert_int_equal(vmi_page_state(image.vm, 4, &page, &err), VMI_OK);
	assert_int_equal(page, VMI_PAGE_HOLE);
	assert_int_equal(vmi_page_state(image.vm, 5, &page, &err), VMI_OK);
	assert_int_equal(page, VMI_PAGE_EXCLUDED);
	assert_int_equal(vmi_info(image.vm)->max_gfn, 6);
	assert_warns(image.vm, "no registers of any vcpu");
	image_close(&image);
}

/* A stream of checkpoints that was never ended: only whole ones count. */
static void checkpoints(void **state)
{
	static const uint64_t pages[] = {0, 1};

	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		struct mk_stream s = {0};
		bool libxl = way & 1, whole = way & 2;

		if (libxl) {
			mk_libxl(&s, 2);
			mk_record(&s, 1, NULL, 0);
		}
		mk_libxc(&s, 3, HVM, 12);
		for (unsigned i = 0; i < 3; i++) {
			mk_pages(&s, pages + (i == 2), 1, i);
			add_context(&s, MK_HVM_CPU);
			if (i == 2 && !whole)
				break;
			mk_record(&s, CHECKPOINT, NULL, 0);
			if (libxl) {
				mk_record(&s, 2, "a record", 8);
				mk_record(&s, 4, NULL, 0);
			}
		}
		struct image image = open_stream(&s);
		assert_warns(image.vm, "taken as of its last checkpoint");
		assert_runs(image.vm, whole ? "0+2000" : "0+1000");
		assert_memory(image.vm, 0, PAGE, 1);
		assert_int_equal(vmi_info(image.vm)->vcpus, 3);
		image_close(&image);
	}
}

static void unknown_records(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	mk_libxc(&s, 3, HVM, 12);
	mk_record(&s, (uint32_t)OPTIONAL | 0x123, "body", 3);
	mk_pages(&s, three, 3, 0);
	mk_record(&s, 0x77, "body", 4);
	mk_record(&s, 0x78, NULL, 0);
	mk_record(&s, END, NULL, 0);
	struct image image = open_stream(&s);
	assert_runs(image.vm, "0+2000 100000+1000");
	assert_warns(image.vm, "unknown mandatory types were skipped: 2, the first of type 0x77");
	image_close(&image);
}

static void lies(void **state)
{
	struct mk_stream s = {0};
	const uint32_t many = 1000000;

	(void)state;
	for (unsigned lie = 0; lie < 3; lie++) {
		mk_libxc(&s, 3, HVM, 12);
		mk_pages(&s, three, 3, 0);
		size_t at = s.size;
		mk_pages(&s, three, 3, 1);
		/* more pages than there is room for; than data; a record without end */
		if (lie == 0)
			memcpy(s.bytes + at + 8, &many, 4);
		if (lie == 1)
			s.bytes[at + 8] = 5;
		if (lie == 2)
			memset(s.bytes + at + 4, 0xff, 4);
		mk_record(&s, END, NULL, 0);
		struct image image = open_stream(&s);
		assert_warns(image.vm, "what follows is ignored");
		assert_memory(image.vm, 0x100000, PAGE, 0);
		image_close(&image);
		s = (struct mk_stream){0};
	}
}

/* However short the file is, it is refused in words, or gives no byte that it does not hold. */
static void cut_anywhere(void **state)
{
	static const uint64_t pages[] = {0, 1, 2, 3};
	struct mk_stream s = {0};

	(void)state;
	mk_xl(&s, 3, 10);
	mk_libxl(&s, 2);
	mk_record(&s, 1, NULL, 0);
	mk_libxc(&s, 3, HVM, 12);
	size_t front = s.size;
	mk_pages(&s, pages, 4, 0);
	add_context(&s, MK_HVM_CPU);
	mk_record(&s, END, NULL, 0);
	for (size_t len = 32; len < s.size; len += len < 300 ? 1 : 61) {
		struct vmi_error err = {0};
		struct vmi *vm = NULL;
		uint8_t *bytes = malloc(len);
		uint64_t held = len > front + 48 ? len - front - 48 : 0;

		assert_non_null(bytes);
		memcpy(bytes, s.bytes, len);
		enum vmi_status st = vmi_open_memory(&vm, bytes, len, NULL, &err);
		if (!held) {
			assert_int_equal(st, VMI_ERR_CORRUPT);
		} else {
			assert_int_equal(st, VMI_OK);
			assert_memory(vm, 0, held < 4 * PAGE ? held : 4 * PAGE, 0);
			assert_warns(vm, "without an end");
			if (held < 4 * PAGE)
				assert_unreadable(vm, 3 * PAGE + 4095, "");
		}
		vmi_close(vm);
		free(bytes);
	}
	free(s.bytes);
}

/* ---- registers ------------------------------------------------------------------------------ */

static const struct {
	enum vmi_register reg;
	const char *name;
} words[] = {
	{VMI_RAX, "rax"},
	{VMI_RBX, "rbx"},
	{VMI_RCX, "rcx"},
	{VMI_RDX, "rdx"},
	{VMI_RSI, "rsi"},
	{VMI_RDI, "rdi"},
	{VMI_RBP, "rbp"},
	{VMI_RSP, "rsp"},
	{VMI_R8, "r8"},
	{VMI_R9, "r9"},
	{VMI_R10, "r10"},
	{VMI_R11, "r11"},
	{VMI_R12, "r12"},
	{VMI_R13, "r13"},
	{VMI_R14, "r14"},
	{VMI_R15, "r15"},
	{VMI_RIP, "rip"},
	{VMI_RFLAGS, "rfl"},
	{VMI_CR2, "cr2"},
	{VMI_DR0, "dr0"},
	{VMI_DR1, "dr1"},
	{VMI_DR2, "dr2"},
	{VMI_DR3, "dr3"},
	{VMI_DR6, "dr6"},
	{VMI_DR7, "dr7"},
	{VMI_IDTR_BASE, "idtb"},
	{VMI_GDTR_BASE, "gdtb"},
	{VMI_IDTR_LIMIT, "il"},
	{VMI_GDTR_LIMIT, "gl"},
	{VMI_SYSENTER_CS, "scs"},
	{VMI_SYSENTER_ESP, "sesp"},
	{VMI_SYSENTER_EIP, "seip"},
	{VMI_KERNEL_GS_BASE, "sgs"},
	{VMI_MSR_FLAGS, "mfl"},
	{VMI_LSTAR, "lst"},
	{VMI_STAR, "star"},
	{VMI_CSTAR, "cst"},
	{VMI_SYSCALL_MASK, "sfm"},
};

static void assert_segments(const struct vmi_registers *regs)
{
	static const struct {
		enum vmi_register reg;
		const char *name;
	} segments[] = {{VMI_CS, "cs"}, {VMI_DS, "ds"}, {VMI_ES, "es"}, {VMI_FS, "fs"},
			{VMI_GS, "gs"}, {VMI_SS, "ss"}, {VMI_TR, "tr"}, {VMI_LDTR, "ld"}};

	for (unsigned i = 0; i < 8; i++) {
		enum vmi_register reg = segments[i].reg;
		assert_known(regs, reg, mk_value(segments[i].name));
		assert_known(regs, reg + VMI_SEGMENT_BASE, mk_value(segments[i].name) << 32);
		assert_known(regs, reg + VMI_SEGMENT_LIMIT, 0x10000 + i);
		assert_known(regs, reg + VMI_SEGMENT_ATTRIBUTES, i ? 0xc093 : 0xa09b);
	}
}

static void hvm_registers(void **state)
{
	static const uint32_t sizes[] = {MK_HVM_CPU, 1024, 1016, 1000, 999};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct mk_stream s = {0};
		struct vmi_registers regs;

		mk_libxc(&s, 2, HVM, 12);
		mk_pages(&s, three, 3, 0);
		add_context(&s, sizes[i]);
		mk_record(&s, END, NULL, 0);
		struct image image = open_stream(&s);
		assert_int_equal(vmi_info(image.vm)->vcpus, sizes[i] < 1000 ? 0 : 3);
		if (sizes[i] < 1000) {
			assert_int_equal(vmi_info(image.vm)->capabilities, VMI_CAP_READ);
			assert_warns(image.vm, "no registers of any vcpu");
			image_close(&image);
			continue;
		}
		regs = registers_of(image.vm, 0);
		assert_string_equal(regs.source, "xen-hvm-context");
		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
			assert_known(&regs, words[k].reg, mk_value(words[k].name));
		assert_segments(&regs);
		assert_known(&regs, VMI_CR0, 0x80050033);
		assert_known(&regs, VMI_CR3, 0x3000);
		assert_known(&regs, VMI_CR4, 0x6a0);
		assert_known(&regs, VMI_EFER, 0xd01);
		assert_known(&regs, VMI_APIC_BASE, 0xfee00900);
		assert_known(&regs, VMI_PAT, 0x70406);
		assert_known(&regs, VMI_XCR0, 7);
		assert_known(&regs, VMI_CR8, 0xc);
		if (sizes[i] >= 1024) {
			assert_known(&regs, VMI_TSC_AUX, mk_value("aux"));
			assert_known(&regs, VMI_TSC, mk_value("tsc"));
		} else {
			assert_int_equal(regs.provenance[VMI_TSC_AUX], VMI_ABSENT);
			assert_int_equal(regs.provenance[VMI_TSC],
					 sizes[i] >= 1016 ? VMI_KNOWN : VMI_ABSENT);
		}
		regs = registers_of(image.vm, 1); /* offline */
		for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++)
			assert_int_equal(regs.provenance[reg], VMI_ABSENT);
		image_close(&image);
	}
}

static void broken_context(void **state)
{
	struct mk_stream context = context_of(MK_HVM_CPU), s = {0};
	const uint32_t huge = UINT32_MAX - 3;
	struct vmi_registers regs;

	(void)state;
	memcpy(context.bytes + 32 + 2 * (8 + MK_HVM_CPU) + 4, &huge, 4);
	mk_libxc(&s, 3, HVM, 12);
	mk_pages(&s, three, 3, 0);
	mk_record(&s, HVM_CONTEXT, context.bytes, (uint32_t)context.size);
	mk_record(&s, END, NULL, 0);
	free(context.bytes);
	struct image image = open_stream(&s);
	assert_warns(image.vm, "the registers are broken at byte 0x840");
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_RAX, mk_value("rax"));
	assert_int_equal(regs.provenance[VMI_APIC_BASE], VMI_ABSENT);
	image_close(&image);
}

/* The stream tells how wide an address is, so an entry with more bits is a fault. */
static void address_width(void **state)
{
	const uint32_t leaves[][6] = {{0, 0, 0x16}, {0x80000008, UINT32_MAX, 0x3028}};
	const uint64_t gfns[] = {3, 4, 5, 6, 7}, entries[] = {0x4067, 0x5067, 0x6067, 0x7067};
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	struct vmi_space space;
	struct vmi_translation to;

	(void)state;
	mk_libxc(&s, 3, HVM, 12);
	mk_record(&s, CPUID_POLICY, leaves, sizeof(leaves));
	mk_pages(&s, gfns, 5, 0);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *page = s.bytes + s.size - (5 - i) * PAGE;
		memset(page, 0, PAGE);
		memcpy(page, &entries[i], 8);
		uint64_t far = entries[i] | UINT64_C(1) << 40;
		memcpy(page + 8, &far, 8);
	}
	add_context(&s, MK_HVM_CPU);
	mk_record(&s, END, NULL, 0);
	struct image image = open_stream(&s);
	assert_int_equal(vmi_info(image.vm)->gpa_bits, 40);
	for (unsigned way = 0; way < 3; way++) {
		enum vmi_status st =
			way == 0   ? vmi_space_of_vcpu(image.vm, 0, VMI_MODE_AUTO, &space, &err)
			: way == 1 ? vmi_space_default(image.vm, VMI_MODE_AUTO, &space, NULL, &err)
				   : vmi_space_of_root(image.vm, 0x3000, VMI_MODE_AUTO, &space,
						       NULL, &err);
		if (st)
			fail_with("space", &err);
		assert_int_equal(vmi_translate(image.vm, &space, 8, &to, &err), VMI_OK);
		assert_int_equal(to.gpa, 0x7008);
		assert_int_equal(vmi_translate(image.vm, &space, 0x1000, &to, &err),
				 VMI_ERR_RESERVED_BITS);
	}
	image_close(&image);
}

/* Tables and CR3 hold the guest's own frames. */
static void pv(void **state)
{
	struct {
		uint32_t vcpu, zero;
		uint8_t context[MK_XEN_VCPU64];
	} basic = {1, 0, {0}};
	const uint64_t xsave[] = {1, 3, 3}, gfns[] = {MK_ENTRY(0xc, 3), MK_ENTRY(3, 4),
						      MK_ENTRY(2, 5), MK_ENTRY(9, 6), 7};
	const uint64_t entries[] = {0x4067, 0x5067, 0x6067, 0x7067};
	const struct mk_xen_control control = {
		.cs = 0xe033, .cr0 = 0x8005003b, .cr3 = 0x3000, .cr4 = 0x660};
	const uint8_t info[8] = {8, 4};
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	struct vmi_registers regs;
	struct vmi_space space;
	uint64_t word = 0;

	(void)state;
	mk_xen_vcpu64(basic.context, &control);
	mk_libxc(&s, 3, PV, 12);
	mk_record(&s, PV_INFO, info, sizeof(info));
	mk_pages(&s, gfns, 5, 0);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *page = s.bytes + s.size - (5 - i) * PAGE;
		memset(page, 0, PAGE);
		memcpy(page, &entries[i], 8);
	}
	mk_record(&s, VCPU_BASIC, &basic, sizeof(basic));
	mk_record(&s, VCPU_XSAVE, xsave, sizeof(xsave));
	mk_record(&s, VCPU_BASIC, "short", 5);
	mk_record(&s, END, NULL, 0);
	struct image image = open_stream(&s);
	assert_runs(image.vm, "3000+5000");
	assert_int_equal(vmi_info(image.vm)->vcpus, 2);
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_X86_64);
	regs = registers_of(image.vm, 1);
	assert_string_equal(regs.source, "xen-vcpu-context");
	assert_known(&regs, VMI_R15, mk_value("r15"));
	assert_known(&regs, VMI_CR3, 0x3000);
	assert_int_equal(regs.value[VMI_EFER], 0xd00);
	regs = registers_of(image.vm, 0);
	assert_int_equal(regs.provenance[VMI_RAX], VMI_ABSENT);
	if (vmi_space_of_vcpu(image.vm, 1, VMI_MODE_AUTO, &space, &err) ||
	    vmi_read_u64(image.vm, &space, 0x18, &word, &err))
		fail_with("reading", &err);
	assert_int_equal(word, 0x7018);
	assert_no_warning(image.vm);
	image_close(&image);
}

static void pv_narrow(void **state)
{
	struct {
		uint32_t vcpu, zero;
		uint8_t context[MK_XEN_VCPU32];
	} basic = {0};
	const struct mk_xen_control control = {.cr0 = 0x8005003b, .cr3 = 0x3000};
	const uint8_t info[8] = {4, 3};
	struct mk_stream s = {0};
	struct vmi_registers regs;

	(void)state;
	mk_xen_vcpu32(basic.context, &control);
	mk_libxc(&s, 2, PV, 12);
	mk_record(&s, PV_INFO, info, sizeof(info));
	mk_pages(&s, three, 3, 0);
	mk_record(&s, VCPU_BASIC, &basic, sizeof(basic));
	mk_record(&s, END, NULL, 0);
	struct image image = open_stream(&s);
	assert_int_equal(vmi_info(image.vm)->machine, VMI_MACHINE_X86);
	regs = registers_of(image.vm, 0);
	assert_known(&regs, VMI_CR3, 0x3000);
	assert_known(&regs, VMI_RSP, mk_value("esp"));
	assert_int_equal(regs.value[VMI_EFER], VMI_EFER_NXE);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layers),
		cmocka_unit_test(refused),
		cmocka_unit_test(last_word),
		cmocka_unit_test(checkpoints),
		cmocka_unit_test(lies),
		cmocka_unit_test(unknown_records),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(hvm_registers),
		cmocka_unit_test(broken_context),
		cmocka_unit_test(address_width),
		cmocka_unit_test(pv),
		cmocka_unit_test(pv_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
