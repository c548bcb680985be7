/* SPDX-License-Identifier: MIT */
/* QEMU's migration streams: every kind of record, which of them counts, where blocks go; vcpus. */

#include "check.h"
#include "image.h"
#include "mk_stream.h"

enum { PAGE = VMI_PAGE_SIZE };
enum {
	ZERO = 2,
	MEM_SIZE = 4,
	FULL = 8,
	EOS = 16,
	CONTINUE = 32,
	XBZRLE = 64,
	HOOK = 128,
	FLUSH = 512
};

/* ---- a writer ------------------------------------------------------------------------------- */

struct block {
	const char *name;
	uint64_t size;
};

static void section(struct mk_stream *s, uint8_t kind, uint32_t number)
{
	mk_u8(s, kind);
	mk_be(s, number, 4);
}

static void footer(struct mk_stream *s, uint32_t number)
{
	section(s, 0x7e, number);
}

static void device(struct mk_stream *s, uint8_t kind, uint32_t number, const char *name,
		   uint32_t instance, uint32_t version)
{
	section(s, kind, number);
	mk_name(s, name);
	mk_be(s, instance, 4);
	mk_be(s, version, 4);
}

/* Up to where records of pages go. A NULL machine: no configuration, as old ones. */
static void begin(struct mk_stream *s, const char *machine, const struct block *blocks)
{
	uint64_t total = 0;

	mk_put(s, "QEVM\0\0\0\3", 8);
	if (machine) {
		mk_u8(s, 7);
		mk_be(s, strlen(machine), 4);
		mk_put(s, machine, strlen(machine));
	}
	device(s, 1, 2, "ram", 0, 4);
	for (const struct block *b = blocks; b->name; b++)
		total += b->size;
	mk_be(s, total | MEM_SIZE, 8);
	for (const struct block *b = blocks; b->name; b++) {
		mk_name(s, b->name);
		mk_be(s, b->size, 8);
	}
	mk_be(s, EOS, 8);
	footer(s, 2);
	section(s, 2, 2);
}

static void record(struct mk_stream *s, const char *block, uint64_t offset, unsigned flags)
{
	mk_be(s, offset | flags | (block ? 0 : CONTINUE), 8);
	if (block)
		mk_name(s, block);
}

static void zero(struct mk_stream *s, const char *block, uint64_t offset, uint8_t fill)
{
	record(s, block, offset, ZERO);
	mk_u8(s, fill);
}

/* A page that describes itself as if it were at `gpa`. */
static void full(struct mk_stream *s, const char *block, uint64_t offset, uint64_t gpa,
		 uint64_t salt)
{
	record(s, block, offset, FULL);
	for (uint64_t i = 0; i < PAGE; i++)
		mk_u8(s, mk_byte(gpa + i, salt));
}

/* The end of memory, then a device, which is not looked at. */
static void end_ram(struct mk_stream *s)
{
	mk_be(s, EOS, 8);
	footer(s, 2);
	section(s, 3, 2);
	mk_be(s, EOS, 8);
	footer(s, 2);
	device(s, 4, 0, "timer", 0, 2);
	mk_fill(s, 0, 24);
	footer(s, 0);
}

static void finish(struct mk_stream *s)
{
	end_ram(s);
	mk_u8(s, 0);
}

static struct vmi *open_stream(const struct mk_stream *s)
{
	return open_bytes(s->bytes, s->size, "qemu-migration");
}

static void assert_refuses(const struct mk_stream *s, enum vmi_status status, const char *words)
{
	struct vmi_error err = {0};
	struct vmi *vm = NULL;

	assert_says(vmi_open_memory(&vm, s->bytes, s->size, NULL, &err), status, words, &err);
}

static const struct block four_pages[] = {{"pc.ram", 4 * PAGE}, {NULL, 0}};

/* ---- records -------------------------------------------------------------------------------- */

static void kinds(void **state)
{
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	struct vmi_page page;
	uint8_t byte;

	(void)state;
	begin(&s, "pc-i440fx-7.2", four_pages);
	full(&s, "pc.ram", 0, 0, 0);
	size_t second = s.size + 8;
	full(&s, NULL, PAGE, PAGE, 0);
	zero(&s, NULL, 2 * PAGE, 0);
	zero(&s, NULL, 3 * PAGE, 0xa5);
	finish(&s);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "there is no state of a vcpu in it");
	assert_runs(vm, "0+2000 2000+1000z 3000+1000");
	assert_memory(vm, 0, 2 * PAGE, 0);
	assert_int_equal(state_of(vm, 2), VMI_PAGE_ZERO);
	assert_int_equal(vmi_read_bytes(vm, NULL, 0x2fff, &byte, 1, NULL, &err), VMI_OK);
	assert_int_equal(byte, 0);
	assert_int_equal(vmi_read_bytes(vm, NULL, 0x3fff, &byte, 1, NULL, &err), VMI_OK);
	assert_int_equal(byte, 0xa5);
	assert_unreadable(vm, 0x4000, "no memory at gfn 0x4 in this image");
	/* no copy */
	assert_int_equal(vmi_page_get(vm, 1, &page, &err), VMI_OK);
	assert_ptr_equal(page.data, s.bytes + second);
	vmi_page_put(vm, &page);
	vmi_close(vm);
	mk_free(&s);
}

enum { MODEL_PAGES = 48, MODEL_RECORDS = 4000 };

/* A difference of up to three pieces to what the model holds of the page; the model takes it over.
 */
static void xbzrle(struct mk_stream *s, uint64_t offset, uint8_t page[PAGE], uint64_t *seed)
{
	struct mk_stream body = {0};
	size_t at = 0;

	for (uint64_t pieces = 1 + next_random(seed) % 3; pieces; pieces--) {
		size_t same = next_random(seed) % 300, changed = 1 + next_random(seed) % 200;
		for (size_t n = same, first = 1; first || n; n >>= 7, first = 0)
			mk_u8(&body, (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
		for (size_t n = changed, first = 1; first || n; n >>= 7, first = 0)
			mk_u8(&body, (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0)));
		at += same;
		for (size_t i = 0; i < changed; i++, at++) {
			page[at] = (uint8_t)next_random(seed);
			mk_u8(&body, page[at]);
		}
	}
	record(s, NULL, offset, XBZRLE);
	mk_u8(s, 1);
	mk_be(s, body.size, 2);
	mk_put(s, body.bytes, body.size);
	mk_free(&body);
}

/* Add a random record, and do with the model of memory what it says. */
static void random_record(struct mk_stream *s, uint64_t number, uint8_t model[][PAGE],
			  uint64_t *seed)
{
	uint8_t *page = model[number];

	switch (next_random(seed) % 4) {
	case 0:
		memset(page, (int)(next_random(seed) % 3), PAGE);
		zero(s, NULL, number * PAGE, page[0]);
		break;
	case 1:
		xbzrle(s, number * PAGE, page, seed);
		break;
	default:
		for (size_t i = 0; i < PAGE; i += 8) {
			uint64_t word = next_random(seed);
			memcpy(page + i, &word, sizeof(word));
		}
		record(s, NULL, number * PAGE, FULL);
		mk_put(s, page, PAGE);
	}
}

static void assert_model(struct vmi *vm, uint8_t model[][PAGE])
{
	uint8_t got[PAGE];
	struct vmi_error err = {0};

	for (uint64_t i = 0; i < MODEL_PAGES; i++) {
		if (vmi_read_bytes(vm, NULL, i * PAGE, got, PAGE, NULL, &err))
			fail_with("reading", &err);
		if (memcmp(got, model[i], PAGE) != 0)
			fail_msg("page %u is another", (unsigned)i);
	}
}

/* Streams that go over memory again and again, in order and out of it: the last copy counts. */
static void last_copy_counts(void **state)
{
	static uint8_t model[MODEL_PAGES][PAGE];
	const struct block blocks[] = {{"pc.ram", sizeof(model)}, {NULL, 0}};
	uint64_t seed = 77;

	(void)state;
	for (unsigned round = 0; round < 24; round++) {
		struct mk_stream s = {0};
		begin(&s, "pc-i440fx-7.2", blocks);
		memset(model, 0, sizeof(model));
		zero(&s, "pc.ram", 0, 0);
		for (uint64_t i = 1; i < MODEL_PAGES; i++)
			zero(&s, NULL, i * PAGE, 0);
		uint64_t at = 0;
		for (unsigned i = 0; i < MODEL_RECORDS / (round + 1); i++) {
			/* now and then somewhere else, at last always */
			at = next_random(&seed) % 24 < round ? next_random(&seed) % MODEL_PAGES
							     : (at + 1) % MODEL_PAGES;
			random_record(&s, at, model, &seed);
		}
		finish(&s);
		struct vmi *vm = open_stream(&s);
		assert_model(vm, model);
		vmi_close(vm);
		mk_free(&s);
	}
}

static void never_sent(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	begin(&s, "pc-i440fx-7.2", four_pages);
	full(&s, "pc.ram", PAGE, PAGE, 0);
	size_t whole = s.size;
	finish(&s);
	struct vmi *vm = open_stream(&s);
	assert_runs(vm, "1000+1000");
	assert_unreadable(vm, 0, "gfn 0x0 was left out of the stream");
	assert_int_equal(state_of(vm, 0), VMI_PAGE_EXCLUDED);
	assert_int_equal(state_of(vm, 4), VMI_PAGE_HOLE);
	vmi_close(vm);

	s.size = whole;
	vm = open_stream(&s);
	assert_warns(vm, "the stream is not finished: it ends at");
	assert_unreadable(vm, 0, "gfn 0x0 was cut off");
	assert_int_equal(state_of(vm, 0), VMI_PAGE_CUT);
	assert_memory(vm, PAGE, PAGE, 0);
	vmi_close(vm);
	mk_free(&s);
}

static void no_base(void **state)
{
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	struct vmi_page page;

	(void)state;
	begin(&s, "pc-i440fx-7.2", four_pages);
	full(&s, "pc.ram", 0, 0, 0);
	record(&s, NULL, PAGE, XBZRLE);
	mk_put(&s, "\1\0\3\0\1x", 6);
	finish(&s);
	struct vmi *vm = open_stream(&s);
	assert_says(vmi_page_get(vm, 1, &page, &err), VMI_ERR_CORRUPT,
		    "gfn 0x1: the stream has only differences to the page", &err);
	assert_int_equal(state_of(vm, 1), VMI_PAGE_CORRUPT);
	vmi_close(vm);
	mk_free(&s);
}

/* ---- blocks --------------------------------------------------------------------------------- */

static const uint64_t GiB = UINT64_C(1) << 30;

/* On that machine, the page of pc.ram at `offset` is at `gpa`. */
static void assert_placed(const char *machine, uint64_t size, uint64_t offset, uint64_t gpa)
{
	const struct block blocks[] = {{"pc.ram", size}, {"pc.bios", 64 * PAGE}, {NULL, 0}};
	struct mk_stream s = {0};
	char runs[64];

	begin(&s, machine, blocks);
	full(&s, "pc.ram", offset, gpa, 0);
	full(&s, "pc.bios", 63 * PAGE, 4 * GiB - PAGE, 0);
	finish(&s);
	struct vmi *vm = open_stream(&s);
	const char *expected = gpa < 4 * GiB    ? "%llx+1000 fffff000+1000"
			       : gpa == 4 * GiB ? "fffff000+2000"
						: "fffff000+1000 %llx+1000";
	snprintf(runs, sizeof(runs), expected, (unsigned long long)gpa);
	assert_runs(vm, runs);
	assert_memory(vm, gpa, PAGE, 0);
	assert_memory(vm, 4 * GiB - PAGE, PAGE, 0);
	vmi_close(vm);
	mk_free(&s);
}

static void placed(void **state)
{
	(void)state;
	/* below the size from which on there is a hole, and from it on, both sides of the hole */
	assert_placed("pc-i440fx-7.2", 0xdffff000, 0xdfffe000, 0xdfffe000);
	assert_placed("pc-i440fx-7.2", 0xe0000000, 0xbffff000, 0xbffff000);
	assert_placed("pc-i440fx-7.2", 0xe0000000, 0xc0000000, 4 * GiB);
	assert_placed("pc-i440fx-1.7", 0xe0001000, 0xdffff000, 0xdffff000);
	assert_placed("pc-i440fx-1.7", 0xe0001000, 0xe0000000, 4 * GiB);
	assert_placed("pc-q35-8.1", 0xaffff000, 0xafffe000, 0xafffe000);
	assert_placed("pc-q35-8.1", 5 * GiB, 0x7ffff000, 0x7ffff000);
	assert_placed("pc-q35-8.1", 5 * GiB, 5 * GiB - PAGE, 7 * GiB - PAGE);
	assert_placed("pc-q35-rhel9.2.0", 5 * GiB, 0x80000000, 4 * GiB);
	assert_placed("isapc", 4 * GiB, 4 * GiB - PAGE, 5 * GiB - PAGE);
}

static void other_blocks(void **state)
{
	const struct block blocks[] = {{"/objects/ram-node1", 2 * GiB},
				       {"ram-node0", 3 * GiB},
				       {"0000:00:02.0/vga.vram", 16 << 20},
				       {"/rom@etc/acpi/tables", 0x20000},
				       {"pc.rom", 0x20000},
				       {"system.flash0", 0x1000},
				       {"system.flash1", 0x2000},
				       {NULL, 0}};
	struct mk_stream s = {0};

	(void)state;
	begin(&s, "pc-q35-9.0", blocks);
	full(&s, "ram-node0", 0, 0, 0);
	full(&s, NULL, 2 * GiB, 4 * GiB, 0);
	full(&s, "/objects/ram-node1", 0, 5 * GiB, 0);
	full(&s, "0000:00:02.0/vga.vram", 0, 0, 1);
	full(&s, "pc.rom", 0, 0, 2);
	full(&s, "system.flash0", 0, 4 * GiB - 0x1000, 0);
	full(&s, "system.flash1", 0, 4 * GiB - 0x3000, 0);
	finish(&s);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "left out are 1 blocks of RAM of which the stream does not tell where the "
			 "guest has them: 0000:00:02.0/vga.vram");
	assert_runs(vm, "0+1000 ffffd000+1000 fffff000+2000 140000000+1000");
	assert_memory(vm, 4 * GiB, PAGE, 0);
	assert_memory(vm, 5 * GiB, PAGE, 0);
	assert_memory(vm, 4 * GiB - 0x3000, PAGE, 0);
	vmi_close(vm);
	mk_free(&s);
}

static void unknown_machine(void **state)
{
	const struct block blocks[] = {{"memory", 3 * PAGE}, {"rom", PAGE}, {NULL, 0}};
	struct mk_stream s = {0};

	(void)state;
	begin(&s, NULL, blocks);
	full(&s, "memory", PAGE, PAGE, 0);
	finish(&s);
	struct vmi *vm = open_stream(&s);
	assert_warns(vm, "the machine is called ''");
	assert_warns(vm, "it is taken to be the largest, memory");
	assert_memory(vm, PAGE, PAGE, 0);
	vmi_close(vm);
	mk_free(&s);
}

/* A block whose pages lie in the file as in memory. `shift`: what the file had before the stream.
 */
static void mapped_stream(struct mk_stream *s, uint64_t shift)
{
	const uint64_t size = 200 * PAGE;

	mk_put(s, "QEVM\0\0\0\3\7\0\0\0\2q5\5", 16);
	mk_name(s, "configuration/capabilities");
	mk_be(s, 1, 4);
	mk_be(s, 1, 4);
	mk_name(s, "mapped-ram");
	device(s, 1, 2, "ram", 0, 4);
	mk_be(s, size | MEM_SIZE, 8);
	mk_name(s, "pc.ram");
	mk_be(s, size, 8);
	uint64_t bitmap = s->size + 28, pages = 0x10000;
	mk_be(s, 1, 4);
	mk_be(s, PAGE, 8);
	mk_be(s, bitmap + shift, 8);
	mk_be(s, pages + shift, 8);
	/* pages 0, 1, 63, 64, 199 */
	mk_le(s, UINT64_C(0x8000000000000003), 8);
	mk_le(s, 1, 8);
	mk_le(s, 0, 8);
	mk_le(s, 0x80, 8);
	mk_fill(s, 0xee, pages - s->size);
	for (uint64_t i = 0; i < size; i++)
		mk_u8(s, mk_byte(i, 0));
	mk_be(s, FLUSH, 8);
	mk_be(s, EOS, 8);
	footer(s, 2);
	section(s, 2, 2);
}

static void mapped(void **state)
{
	struct mk_stream s = {0};
	struct vmi_error err = {0};
	uint8_t byte = 1;

	(void)state;
	for (unsigned shift = 0; shift <= 4096; shift += 4096) {
		mapped_stream(&s, shift);
		size_t unfinished = s.size;
		finish(&s);
		struct vmi *vm = open_stream(&s);
		assert_runs(vm, "0+2000 2000+3d000z 3f000+2000 41000+86000z c7000+1000");
		assert_memory(vm, 0, 2 * PAGE, 0);
		assert_memory(vm, 63 * PAGE, 2 * PAGE, 0);
		assert_memory(vm, 199 * PAGE, PAGE, 0);
		assert_int_equal(vmi_read_bytes(vm, NULL, 2 * PAGE, &byte, 1, NULL, &err), VMI_OK);
		assert_int_equal(byte, 0);
		vmi_close(vm);
		/* The bitmap is written last: without an end, a clear bit is no zero page. */
		s.size = unfinished;
		vm = open_stream(&s);
		assert_int_equal(state_of(vm, 2), VMI_PAGE_CUT);
		vmi_close(vm);
		s.size = 0;
	}
	mk_free(&s);
}

static void refused(void **state)
{
	struct mk_stream s = {0};

	(void)state;
	begin(&s, "pc-i440fx-7.2", four_pages);
	mk_be(&s, FLUSH, 8);
	size_t start = s.size;
	finish(&s);
	assert_refuses(&s, VMI_ERR_UNSUPPORTED, "with multifd it goes over other channels");
	s.size = start - 8;
	record(&s, NULL, 0, HOOK);
	assert_refuses(&s, VMI_ERR_UNSUPPORTED, "its memory went over RDMA");
	s.size = start - 8;
	assert_refuses(&s, VMI_ERR_CORRUPT, "before any of the guest's memory");
	s.size = 0;
	mk_put(&s, "QEVM\0\0\0\3", 8);
	device(&s, 1, 2, "ram", 0, 3);
	assert_refuses(&s, VMI_ERR_UNSUPPORTED, "version 3 of that section");
	mk_free(&s);
}

/* ---- vcpus ---------------------------------------------------------------------------------- */

/* Big-endian fields; a long is 8 bytes or 4. Registers are told apart by their number. */
static void cpu_longs(struct mk_stream *s, size_t size, unsigned first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		mk_be(s, first + i, size);
}

static void cpu(struct mk_stream *s, uint32_t instance, size_t size, uint64_t efer)
{
	device(s, 4, 20 + instance, "cpu", instance, 12);
	cpu_longs(s, size, 0x100 + instance, size == 8 ? 16 : 8);
	cpu_longs(s, size, 0x200, 1);
	mk_be(s, 0x246, size);
	mk_fill(s, 0xff, 92);
	for (unsigned i = 0; i < 10; i++) {
		mk_be(s, 0x300 + i, 4);
		mk_be(s, 0x400 + i, size);
		mk_be(s, 0x500 + i, 4);
		mk_be(s, 0x00a09b00, 4);
	}
	mk_be(s, 0x600, 4);
	cpu_longs(s, size, 0x601, 2);
	mk_be(s, 0x80000011, size);
	cpu_longs(s, size, 0x702, 1);
	mk_be(s, 0x1000, size);
	mk_be(s, 0x20, size);
	cpu_longs(s, size, 0x800, 8);
	mk_fill(s, 0xff, size == 8 ? 264 : 136);
	if (size == 8) {
		mk_be(s, efer, 8);
		cpu_longs(s, 8, 0x901, 5);
	}
	mk_fill(s, 0xff, 4);
	mk_be(s, 0xa00, 8);
	mk_fill(s, 0xff, 281);
	mk_be(s, instance ? 0xb00 : 0, 8);
	mk_fill(s, 0xff, 356);
	mk_be(s, 0xc00, 8);
	mk_fill(s, 0xff, 16);
	mk_be(s, 7, 8);
	mk_fill(s, 0, 264);
	footer(s, 20 + instance);
}

static struct vmi *open_with_cpus(struct mk_stream *s, size_t size, uint64_t efer)
{
	begin(s, "pc-i440fx-7.2", four_pages);
	full(s, "pc.ram", 0, 0, 0);
	end_ram(s);
	cpu(s, 1, size, efer);
	cpu(s, 0, size, efer);
	mk_u8(s, 0);
	return open_stream(s);
}

static void wide_cpus(void **state)
{
	static const enum vmi_register order[] = {
		VMI_RAX, VMI_RCX, VMI_RDX, VMI_RBX, VMI_RSP, VMI_RBP, VMI_RSI, VMI_RDI,
		VMI_R8,  VMI_R9,  VMI_R10, VMI_R11, VMI_R12, VMI_R13, VMI_R14, VMI_R15};
	struct mk_stream s = {0};
	struct vmi_registers regs;
	struct vmi_error err = {0};

	(void)state;
	struct vmi *vm = open_with_cpus(&s, 8, 0xd01);
	assert_no_warning(vm);
	assert_int_equal(vmi_info(vm)->vcpus, 2);
	assert_int_equal(vmi_info(vm)->machine, VMI_MACHINE_X86_64);
	if (vmi_registers_get(vm, 1, &regs, &err))
		fail_with("registers", &err);
	assert_string_equal(regs.source, "qemu-cpu-state");
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		assert_known(&regs, order[i], 0x101 + i);
	assert_known(&regs, VMI_ES, 0x300);
	assert_known(&regs, VMI_CS_BASE, 0x401);
	assert_known(&regs, VMI_GS_LIMIT, 0x505);
	assert_known(&regs, VMI_LDTR, 0x306);
	assert_known(&regs, VMI_TR_ATTRIBUTES, 0xa09b);
	assert_known(&regs, VMI_IDTR_BASE, 0x409);
	assert_known(&regs, VMI_SYSENTER_CS, 0x600);
	assert_known(&regs, VMI_SYSENTER_EIP, 0x602);
	assert_known(&regs, VMI_CR2, 0x702);
	assert_known(&regs, VMI_DR3, 0x803);
	assert_known(&regs, VMI_DR6, 0x806);
	assert_known(&regs, VMI_DR7, 0x807);
	assert_known(&regs, VMI_EFER, 0xd01);
	assert_known(&regs, VMI_STAR, 0x901);
	assert_known(&regs, VMI_LSTAR, 0x902);
	assert_known(&regs, VMI_CSTAR, 0x903);
	assert_known(&regs, VMI_SYSCALL_MASK, 0x904);
	assert_known(&regs, VMI_KERNEL_GS_BASE, 0x905);
	assert_known(&regs, VMI_PAT, 0xa00);
	assert_known(&regs, VMI_TSC, 0xb00);
	assert_known(&regs, VMI_TSC_AUX, 0xc00);
	assert_known(&regs, VMI_XCR0, 7);
	assert_int_equal(regs.provenance[VMI_CR8], VMI_ABSENT);
	if (vmi_registers_get(vm, 0, &regs, &err))
		fail_with("registers", &err);
	assert_known(&regs, VMI_RAX, 0x100);
	assert_int_equal(regs.provenance[VMI_TSC], VMI_ABSENT);
	vmi_close(vm);
	mk_free(&s);
}

static void narrow_cpus(void **state)
{
	struct mk_stream s = {0};
	struct vmi_registers regs;
	struct vmi_error err = {0};

	(void)state;
	struct vmi *vm = open_with_cpus(&s, 4, 0);
	assert_int_equal(vmi_info(vm)->machine, VMI_MACHINE_X86);
	if (vmi_registers_get(vm, 1, &regs, &err))
		fail_with("registers", &err);
	assert_known(&regs, VMI_RDI, 0x108);
	assert_known(&regs, VMI_TR_BASE, 0x407);
	assert_known(&regs, VMI_CR3, 0x1000);
	assert_known(&regs, VMI_DR7, 0x807);
	assert_known(&regs, VMI_XCR0, 7);
	assert_int_equal(regs.provenance[VMI_R8], VMI_ABSENT);
	assert_int_equal(regs.provenance[VMI_LSTAR], VMI_ABSENT);
	assert_int_equal(regs.provenance[VMI_EFER], VMI_ASSUMED);
	vmi_close(vm);
	mk_free(&s);
}

/* ---- libvirt -------------------------------------------------------------------------------- */

static void libvirt(void **state)
{
	static const char xml[] = "<domain/>";
	struct mk_stream s = {0};

	(void)state;
	mk_put(&s, "LibvirtQemudSave", 16);
	mk_le(&s, 2, 4);
	mk_le(&s, sizeof(xml), 4);
	mk_le(&s, 1, 4);
	mk_le(&s, 0, 4);
	mk_fill(&s, 0, 60);
	mk_put(&s, xml, sizeof(xml));
	begin(&s, "pc-i440fx-7.2", four_pages);
	full(&s, "pc.ram", 0, 0, 0);
	finish(&s);
	struct vmi *vm = open_bytes(s.bytes, s.size, "libvirt+qemu-migration");
	assert_memory(vm, 0, PAGE, 0);
	vmi_close(vm);

	s.bytes[28] = 2;
	assert_refuses(
		&s, VMI_ERR_UNSUPPORTED,
		"(memory): libvirt: it is compressed by bzip2, which this version cannot read: "
		"unpack it first (tail -c +103 FILE | bzip2 -dc)");
	memcpy(s.bytes, "LibvirtQemudPart", 16);
	assert_refuses(&s, VMI_ERR_UNSUPPORTED, "libvirt did not finish saving");
	s.size = 50;
	assert_refuses(&s, VMI_ERR_CORRUPT, "its header");
	mk_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),           cmocka_unit_test(last_copy_counts),
		cmocka_unit_test(never_sent),      cmocka_unit_test(no_base),
		cmocka_unit_test(placed),          cmocka_unit_test(other_blocks),
		cmocka_unit_test(unknown_machine), cmocka_unit_test(mapped),
		cmocka_unit_test(refused),         cmocka_unit_test(wide_cpus),
		cmocka_unit_test(narrow_cpus),     cmocka_unit_test(libvirt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
