/* SPDX-License-Identifier: MIT */
/*
 * The section "cpu" of a migration stream (QEMU's target/i386/machine.c, vmstate_x86_cpu), version
 * 12. Sections of devices do not tell their length, so it is looked for.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cursor.h"
#include "qemu_cpu.h"

enum {
	VERSION = 12,
	STATE_MAX = 1553, /* up to the last that is taken, in the wider form */
	STATE_MIN = 1200, /* up to where the narrower one ends, about */
	VCPU_MAX = 4096
};

/* ---- the layout ----------------------------------------------------------------------------- */

/* Big-endian fields, one behind the other. A long is 4 bytes in qemu-system-i386. */
enum width { SKIP, WORD, QUAD, LONG, SEGMENT };

struct field {
	uint16_t reg;  /* SKIP: bytes */
	uint8_t width; /* enum width */
	bool only_wide;
};

#define REG(name, width)                                                                           \
	{                                                                                          \
		VMI_##name, width, false                                                           \
	}
#define SKIPPED(bytes)                                                                             \
	{                                                                                          \
		bytes, SKIP, false                                                                 \
	}
#define WIDE(name, width)                                                                          \
	{                                                                                          \
		VMI_##name, width, true                                                            \
	}
#define WIDE_SKIPPED(bytes)                                                                        \
	{                                                                                          \
		bytes, SKIP, true                                                                  \
	}

static const struct field fields[] = {
	REG(RAX, LONG),
	REG(RCX, LONG),
	REG(RDX, LONG),
	REG(RBX, LONG),
	REG(RSP, LONG),
	REG(RBP, LONG),
	REG(RSI, LONG),
	REG(RDI, LONG),
	WIDE(R8, LONG),
	WIDE(R9, LONG),
	WIDE(R10, LONG),
	WIDE(R11, LONG),
	WIDE(R12, LONG),
	WIDE(R13, LONG),
	WIDE(R14, LONG),
	WIDE(R15, LONG),
	REG(RIP, LONG),
	REG(RFLAGS, LONG),
	SKIPPED(4 + 4 * 2 + 8 * 10), /* hidden flags, FPU */
	REG(ES, SEGMENT),
	REG(CS, SEGMENT),
	REG(SS, SEGMENT),
	REG(DS, SEGMENT),
	REG(FS, SEGMENT),
	REG(GS, SEGMENT),
	REG(LDTR, SEGMENT),
	REG(TR, SEGMENT),
	/* Of a table only base and limit mean something. */
	SKIPPED(4),
	REG(GDTR_BASE, LONG),
	REG(GDTR_LIMIT, WORD),
	SKIPPED(4),
	SKIPPED(4),
	REG(IDTR_BASE, LONG),
	REG(IDTR_LIMIT, WORD),
	SKIPPED(4),
	REG(SYSENTER_CS, WORD),
	REG(SYSENTER_ESP, LONG),
	REG(SYSENTER_EIP, LONG),
	REG(CR0, LONG),
	REG(CR2, LONG),
	REG(CR3, LONG),
	REG(CR4, LONG),
	REG(DR0, LONG),
	REG(DR1, LONG),
	REG(DR2, LONG),
	REG(DR3, LONG),
	SKIPPED(2 * 4),
	WIDE_SKIPPED(2 * 4), /* DR4 and DR5 are other names for the next two */
	REG(DR6, LONG),
	REG(DR7, LONG),
	SKIPPED(4 + 4 + 8 * 16),
	WIDE_SKIPPED(8 * 16), /* A20, MXCSR, XMM */
	WIDE(EFER, QUAD),
	WIDE(STAR, QUAD),
	WIDE(LSTAR, QUAD),
	WIDE(CSTAR, QUAD),
	WIDE(SYSCALL_MASK, QUAD),
	WIDE(KERNEL_GS_BASE, QUAD),
	SKIPPED(4), /* SMBASE */
	REG(PAT, QUAD),
	SKIPPED(4 + 4 * 8 + 4 * 2 + 4 + 1),    /* SVM */
	SKIPPED((11 + 1 + 8 * 2) * 8 + 4 + 4), /* MTRRs, pending interrupt, MP state */
	REG(TSC, QUAD),
	SKIPPED(4 + 4 * 1 + 4 + 3 * 8 + 40 * 8), /* pending exceptions, MCA */
	REG(TSC_AUX, QUAD),
	SKIPPED(2 * 8), /* KVM's clock */
	REG(XCR0, QUAD),
};

static void take_segment(const uint8_t **at, bool wide, enum vmi_register seg,
			 struct vmi_registers *regs)
{
	size_t size = wide ? 8 : 4;
	const uint8_t *base = *at + 4, *limit = base + size;

	vmi_register_know(regs, seg, be32(*at) & 0xffff);
	vmi_register_know(regs, seg + VMI_SEGMENT_BASE, wide ? be64(base) : be32(base));
	vmi_register_know(regs, seg + VMI_SEGMENT_LIMIT, be32(limit));
	/* As in the upper half of a descriptor. */
	vmi_register_know(regs, seg + VMI_SEGMENT_ATTRIBUTES, be32(limit + 4) >> 8 & 0xf0ff);
	*at = limit + 8;
}

static void take_field(const uint8_t **at, bool wide, const struct field *field,
		       struct vmi_registers *regs)
{
	enum vmi_register reg = (enum vmi_register)field->reg;
	enum width width = (enum width)field->width;

	if (width == LONG)
		width = wide ? QUAD : WORD;
	switch (width) {
	case SKIP:
		*at += field->reg;
		break;
	case SEGMENT:
		take_segment(at, wide, reg, regs);
		break;
	case WORD:
		vmi_register_know(regs, reg, be32(*at));
		*at += 4;
		break;
	case QUAD:
	case LONG:
		vmi_register_know(regs, reg, be64(*at));
		*at += 8;
		break;
	}
}

static size_t take_fields(const uint8_t *state, bool wide, struct vmi_registers *regs)
{
	const uint8_t *at = state;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (wide || !fields[i].only_wide)
			take_field(&at, wide, &fields[i], regs);
	/* An emulator's counter is not in the stream, and a running one is never 0. */
	if (!regs->value[VMI_TSC])
		regs->provenance[VMI_TSC] = VMI_ABSENT;
	if (!wide)
		vmi_register_assume(regs, VMI_EFER,
				    regs->value[VMI_CR4] & VMI_CR4_PAE ? VMI_EFER_NXE : 0,
				    "a 32-bit CPU: no long mode; NX is taken to be on with PAE");
	return (size_t)(at - state);
}

/*
 * Nothing in the stream says which of QEMU's two programs wrote it. The flags do: of RFLAGS bit 1
 * is set, and bits 3, 5, 15 and 22 up are clear (SDM vol. 1 3.4.3); at its place in the other form
 * is what cannot look like that.
 */
static bool is_flags(uint64_t value)
{
	return (value & ~UINT64_C(0x3f7fd5)) == 2;
}

static bool state_form(const uint8_t *state, bool *wide)
{
	*wide = is_flags(be64(state + 16 * 8 + 8));
	return *wide || is_flags(be32(state + 8 * 4 + 4));
}

enum vmi_status qemu_cpus_registers(const struct qemu_cpus *cpus, unsigned vcpu,
				    struct vmi_registers *regs, struct vmi_error *err)
{
	const struct qemu_cpu *cpu = &cpus->list[vcpu];
	uint64_t rest = vmi_source_size(cpus->source) - cpu->at;
	uint8_t state[STATE_MAX] = {0};
	size_t len = rest < sizeof(state) ? (size_t)rest : sizeof(state);
	enum vmi_status st = vmi_source_read(cpus->source, cpu->at, state, len, err);

	if (st)
		return vmi_wrap(err, st, "the state of vcpu %u", vcpu);
	regs->source = "qemu-cpu-state";
	take_fields(state, cpu->wide, regs);
	return VMI_OK;
}

/* ---- finding it ----------------------------------------------------------------------------- */

/* u8 FULL, u32 section, u8 length, "cpu", u32 instance, u32 version: then the state. */
enum { HEADER = 17, HEADER_NAME = 5, HEADER_INSTANCE = 9, HEADER_VERSION = 13, SECTION_FULL = 4 };

static bool is_header(const uint8_t *bytes)
{
	return bytes[0] == SECTION_FULL && !memcmp(bytes + HEADER_NAME, "\3cpu", 4) &&
	       be32(bytes + HEADER_INSTANCE) < VCPU_MAX;
}

/* What was found of vcpus that cannot be taken. */
struct doubts {
	unsigned version, form, cut;
	uint32_t other_version;
};

static bool is_known(const struct qemu_cpus *cpus, uint32_t instance)
{
	for (unsigned i = 0; i < cpus->count; i++)
		if (cpus->list[i].instance == instance)
			return true;
	return false;
}

static bool keep(struct qemu_cpus *cpus, const struct qemu_cpu *cpu)
{
	if (cpus->count == cpus->room) {
		unsigned room = cpus->room ? cpus->room * 2 : 16;
		struct qemu_cpu *list = realloc(cpus->list, room * sizeof(*list));
		if (!list)
			return false;
		cpus->list = list;
		cpus->room = room;
	}
	cpus->list[cpus->count++] = *cpu;
	return true;
}

/* A header is there: is it a vcpu that can be read? False: out of memory. */
static bool consider(struct qemu_cpus *cpus, const uint8_t *header, uint64_t at,
		     struct doubts *doubts)
{
	struct qemu_cpu cpu = {.instance = be32(header + HEADER_INSTANCE), .at = at + HEADER};
	uint8_t state[STATE_MAX];
	uint64_t size = vmi_source_size(cpus->source);

	if (is_known(cpus, cpu.instance))
		return true;
	if (be32(header + HEADER_VERSION) != VERSION) {
		doubts->version++;
		doubts->other_version = be32(header + HEADER_VERSION);
	} else if (size - cpu.at < STATE_MIN ||
		   vmi_source_read(cpus->source, cpu.at, state, STATE_MIN, NULL)) {
		doubts->cut++;
	} else if (!state_form(state, &cpu.wide)) {
		doubts->form++;
	} else if (cpu.wide && size - cpu.at < STATE_MAX) {
		doubts->cut++;
	} else {
		return keep(cpus, &cpu);
	}
	return true;
}

static void warn(const struct doubts *doubts, const struct vmi_target *target)
{
	if (doubts->version)
		target->warn(target,
			     "the state of %u vcpus is of version %" PRIu32
			     ", and only %d is known: their registers are left out",
			     doubts->version, doubts->other_version, VERSION);
	if (doubts->cut)
		target->warn(target, "the file ends within the state of a vcpu, which is left out");
	if (doubts->form)
		target->warn(
			target,
			"the state of %u vcpus is in a form that is not known: their registers are left out",
			doubts->form);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = ((const struct qemu_cpu *)a)->instance,
		 y = ((const struct qemu_cpu *)b)->instance;

	return (x > y) - (x < y);
}

/* Look at every place of [bytes, bytes + len) where a header may begin. */
static bool search(struct qemu_cpus *cpus, const uint8_t *bytes, size_t len, uint64_t at,
		   struct doubts *doubts)
{
	const uint8_t *from = bytes, *end = bytes + len, *hit;

	while ((size_t)(end - from) >= HEADER &&
	       (hit = memmem(from + HEADER_NAME, (size_t)(end - from) - HEADER_NAME, "\3cpu", 4))) {
		const uint8_t *header = hit - HEADER_NAME;
		if (end - header < HEADER)
			break;
		if (is_header(header) &&
		    !consider(cpus, header, at + (uint64_t)(header - bytes), doubts))
			return false;
		from = header + 1;
	}
	return true;
}

enum vmi_status qemu_cpus_find(struct qemu_cpus *cpus, uint64_t from,
			       const struct vmi_target *target, struct vmi_error *err)
{
	struct doubts doubts = {0};
	struct cursor cursor;
	bool ok = true;

	cpus->source = target->source;
	cursor_init(&cursor, target->source, err);
	cursor.at = from;
	while (ok) {
		uint64_t rest = vmi_source_size(target->source) - cursor.at;
		size_t len = rest < CURSOR_MAX ? (size_t)rest : CURSOR_MAX;
		const uint8_t *bytes = cursor_peek(&cursor, len);
		if (!bytes || len < HEADER)
			break;
		ok = search(cpus, bytes, len, cursor.at, &doubts);
		cursor.at += len - HEADER + 1;
	}
	enum vmi_status st = cursor.status;
	cursor_deinit(&cursor);
	if (!ok)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	if (st)
		return st;
	if (cpus->count)
		qsort(cpus->list, cpus->count, sizeof(*cpus->list), compare);
	warn(&doubts, target);
	return VMI_OK;
}

void qemu_cpus_deinit(struct qemu_cpus *cpus)
{
	free(cpus->list);
	*cpus = (struct qemu_cpus){0};
}
