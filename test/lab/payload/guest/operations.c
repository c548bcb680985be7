/* SPDX-License-Identifier: MIT */
/* operations DOMID VCPUS: every operation of the test guest, unobserved: does it do what mailbox.h
 * says, and change no other register? Then, with several vcpus, all of them at once. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

enum { RAX = 1, RCX = 2, RDX = 4, RBX = 8, RSI = 0x40, RDI = 0x80, SAME = 0, OTHER = 0x100 };

enum {
	MSR_LSTAR = 0xc0000082,
	HVM_OP = 34,
	GUEST_REQUEST = 24,
	XEN_VERSION = 17,
	DEBUG_PORT = 0xe9
};

/* Registers to be given, those that may change, the fault (vector + 1), rax afterwards. */
struct operation {
	const char *name;
	uint32_t op;
	uint64_t rax, rcx, rdx, rsi, rdi, r11;
	unsigned changes;
	uint32_t fault;
	uint64_t result; /* what rax ends as, where RAX may change and OTHER is not set */
};

static const struct operation operations[] = {
	{"nop", LAB_OP_NOP, .changes = SAME},
	{"read", LAB_OP_READ, .rsi = LAB_DATA, .changes = RAX, .result = 0xd0d0d0d0d0d0d0d0},
	{"read-alias", LAB_OP_READ, .rsi = LAB_ALIAS + LAB_DATA + 0x1000, .changes = RAX,
	 .result = 0xd1d1d1d1d1d1d1d1},
	{"read-truth", LAB_OP_READ, .rsi = LAB_TRUTH + LAB_TRUTH_GPA_AT, .changes = RAX,
	 .result = LAB_TRUTH_FRAMES + 0x2000},
	{"read-large", LAB_OP_READ, .rsi = LAB_TRUTH + 0x40000000 + LAB_DATA, .changes = RAX,
	 .result = 0xd0d0d0d0d0d0d0d0},
	{"read-hole", LAB_OP_READ, .rsi = LAB_TRUTH + 0x2000, .fault = 14 + 1},
	{"write-protected", LAB_OP_WRITE, .rdi = LAB_TRUTH + 0x1000, .fault = 14 + 1},
	{"write", LAB_OP_WRITE, .rax = 0x77, .rdi = LAB_SCRATCH},
	{"read-back", LAB_OP_READ, .rsi = LAB_SCRATCH, .changes = RAX, .result = 0x77},
	{"call", LAB_OP_CALL, .rax = LAB_CODE, .changes = RAX, .result = 0x1111},
	{"call-2", LAB_OP_CALL, .rax = LAB_CODE_2, .changes = RAX, .result = 0x2222},
	{"call-nops", LAB_OP_CALL, .rax = LAB_NOPS},
	{"call-int3", LAB_OP_CALL, .rax = LAB_INT3, .fault = 3 + 1},
	{"call-nx", LAB_OP_CALL, .rax = LAB_TRUTH, .fault = 14 + 1},
	{"stos", LAB_OP_STOS, .rax = 0x5a, .rcx = 16, .rdi = LAB_SCRATCH + 0xff8,
	 .changes = RCX | RDI},
	{"stos-back", LAB_OP_READ, .rsi = LAB_SCRATCH + 0x1000, .changes = RAX,
	 .result = 0x5a5a5a5a5a5a5a5a},
	{"movs", LAB_OP_MOVS, .rcx = 8, .rsi = LAB_DATA + 0x3000, .rdi = LAB_SCRATCH,
	 .changes = RCX | RSI | RDI},
	{"movs-back", LAB_OP_READ, .rsi = LAB_SCRATCH, .changes = RAX,
	 .result = 0xd3d3d3d3d3d3d3d3},
	{"count", LAB_OP_COUNT, .rcx = 1000, .changes = RCX},
	{"writes", LAB_OP_WRITES, .rcx = 100, .rdi = LAB_SCRATCH, .changes = RCX},
	{"int3", LAB_OP_INT3, .fault = 3 + 1},
	{"int1", LAB_OP_INT1, .fault = 1 + 1},
	{"step", LAB_OP_STEP, .fault = 1 + 1},
	{"ud", LAB_OP_UD, .fault = 6 + 1},
	{"cpuid", LAB_OP_CPUID, .rax = 0x40000000, .changes = RAX | RCX | RDX | RBX | OTHER},
	{"wrmsr", LAB_OP_WRMSR, .rax = 0x1000, .rcx = MSR_LSTAR, .rdx = 0xffff8000},
	{"rdmsr", LAB_OP_RDMSR, .rcx = MSR_LSTAR, .changes = RAX | RDX, .result = 0x1000},
	{"rdmsr-none", LAB_OP_RDMSR, .rcx = 0x12345, .fault = 13 + 1},
	{"in", LAB_OP_IN, .rdx = 0x80, .changes = RAX | OTHER},
	{"out", LAB_OP_OUT, .rax = '\n', .rdx = DEBUG_PORT},
	{"outs", LAB_OP_OUTS, .rcx = 2, .rdx = DEBUG_PORT, .rsi = LAB_SCRATCH + 0x800,
	 .changes = RCX | RSI},
	{"sgdt", LAB_OP_SGDT, .rdi = LAB_SCRATCH + 0x100},
	{"lgdt", LAB_OP_LGDT, .rdi = LAB_SCRATCH + 0x100},
	{"sidt", LAB_OP_SIDT, .rdi = LAB_SCRATCH + 0x110},
	{"lidt", LAB_OP_LIDT, .rdi = LAB_SCRATCH + 0x110},
	{"sldt", LAB_OP_SLDT, .changes = RAX, .result = 0},
	{"lldt", LAB_OP_LLDT, .rax = 0},
	{"str", LAB_OP_STR, .changes = RAX | OTHER},
	{"vmcall", LAB_OP_VMCALL, .rax = XEN_VERSION, .rdi = 0, .changes = RAX,
	 .result = 4 << 16 | 17},
	{"vmmcall", LAB_OP_VMMCALL, .fault = 6 + 1},
	{"vmfunc", LAB_OP_VMFUNC, .rax = 0, .rcx = 0, .fault = 6 + 1},
	{"rdtsc", LAB_OP_RDTSC, .changes = RAX | RDX | OTHER},
	{"invlpg", LAB_OP_INVLPG, .rdi = LAB_DATA},
	{"user-read", LAB_OP_USER, .r11 = LAB_USER_READ, .rsi = LAB_USER_DATA, .changes = RAX,
	 .result = 0xdddddddddddddddd},
	{"user-write", LAB_OP_USER, .r11 = LAB_USER_WRITE, .rdi = LAB_USER_DATA + 8},
	{"user-denied", LAB_OP_USER, .r11 = LAB_USER_READ, .rsi = LAB_DATA, .fault = 14 + 1},
	{"user-int3", LAB_OP_USER, .r11 = LAB_USER_INT3, .fault = 3 + 1},
	{"user-vmcall", LAB_OP_USER, .r11 = LAB_USER_VMCALL, .changes = RAX,
	 .result = (uint64_t)-38},
	{"print", LAB_OP_PRINT, .rsi = LAB_SCRATCH + 0xf00},
	{"unknown", 1000, .fault = ~0u},
};

static void perform(const struct lab_guest *guest, unsigned vcpu, const struct operation *o)
{
	struct lab_mailbox *m = guest->mailbox[vcpu];
	char name[40];

	lab_patterns(&m->in);
	m->in.rax = o->rax;
	m->in.rcx = o->rcx;
	m->in.rdx = o->rdx;
	m->in.rsi = o->rsi;
	m->in.rdi = o->rdi;
	m->in.r11 = o->r11;
	snprintf(name, sizeof(name), "%s/%u", o->name, vcpu);
	if (!lab_do(guest, vcpu, o->op)) {
		lab_result(false, name, "not done after 10 s");
		return;
	}
	unsigned changed = lab_changed(m) & ~o->changes;
	bool right = !(o->changes & RAX) || o->changes & OTHER || m->out.rax == o->result;

	lab_result(!changed && m->fault == o->fault && right, name,
		   "changed 0x%x fault %d rax 0x%" PRIx64, changed, (int)m->fault - 1, m->out.rax);
}

/* Control registers end as they began: values from the guest's own account. */
static void control_registers(const struct lab_guest *guest, unsigned vcpu)
{
	struct lab_mailbox *m = guest->mailbox[vcpu];
	const uint32_t op[] = {LAB_OP_CR0, LAB_OP_CR3, LAB_OP_CR4};
	char name[40];

	snprintf(name, sizeof(name), "state/%u", vcpu);
	lab_result(lab_do(guest, vcpu, LAB_OP_STATE) && m->state.cr3 == m->root &&
			   m->state.lstar == 0xffff800000001000 && m->state.cs == 8,
		   name, "cr3 0x%" PRIx64 " lstar 0x%" PRIx64, m->state.cr3, m->state.lstar);
	const uint64_t other[] = {m->state.cr0 ^ 0x10000, LAB_ROOT_2, m->state.cr4 ^ 0x80};
	const uint64_t own[] = {m->state.cr0, m->state.cr3, m->state.cr4};

	for (unsigned i = 0; i < 3; i++) {
		bool right = true;

		for (unsigned back = 0; back < 2; back++) {
			lab_patterns(&m->in);
			m->in.rax = back ? own[i] : other[i];
			right &= lab_do(guest, vcpu, op[i]) && m->out.rbx == m->in.rax &&
				 lab_changed(m) == RBX && !m->fault;
		}
		snprintf(name, sizeof(name), "cr%u/%u", i ? i + 2 : 0, vcpu);
		lab_result(right, name, "rbx 0x%" PRIx64 ", own 0x%" PRIx64, m->out.rbx, own[i]);
	}
}

/* The guest's checksum of its image, its own and ours of the same pages. */
static void checksum(const struct lab_guest *guest, unsigned vcpu)
{
	struct lab_mailbox *m = guest->mailbox[vcpu];
	static uint8_t image[LAB_IMAGE_END - LAB_IMAGE];
	char name[40];

	for (uint64_t at = 0; at < sizeof(image); at += 4096) {
		void *page = lab_map(guest, LAB_IMAGE + at);

		if (page)
			memcpy(image + at, page, 4096);
		lab_unmap(guest, page);
	}
	m->in.rsi = LAB_IMAGE;
	m->in.rcx = sizeof(image);
	snprintf(name, sizeof(name), "checksum/%u", vcpu);
	lab_result(lab_do(guest, vcpu, LAB_OP_CHECKSUM) &&
			   m->out.rax == lab_checksum(image, sizeof(image)),
		   name, "the guest's 0x%" PRIx64, m->out.rax);
}

/* All vcpus spin until told; each counts, none stands in another's way. */
static void spin(const struct lab_guest *guest)
{
	bool right = true;

	for (unsigned i = 0; i < guest->vcpus; i++) {
		struct lab_mailbox *m = guest->mailbox[i];

		m->stop = 0;
		m->counter = 0;
		m->in.rdi = LAB_MAILBOX + i * 4096 + offsetof(struct lab_mailbox, counter);
		m->in.rsi = LAB_MAILBOX + i * 4096 + offsetof(struct lab_mailbox, stop);
		lab_begin(guest, i, LAB_OP_SPIN);
	}
	for (unsigned i = 0; i < guest->vcpus; i++) {
		uint64_t before = __atomic_load_n(&guest->mailbox[i]->counter, __ATOMIC_RELAXED);

		right &= !lab_end(guest, i, 300);
		right &= __atomic_load_n(&guest->mailbox[i]->counter, __ATOMIC_RELAXED) > before;
	}
	for (unsigned i = 0; i < guest->vcpus; i++)
		__atomic_store_n(&guest->mailbox[i]->stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < guest->vcpus; i++)
		right &= lab_end(guest, i, 10000);
	lab_result(right, "spin", "a vcpu did not count, or did not stop");
}

int main(int argc, char **argv)
{
	struct lab_guest guest;

	if (argc != 3)
		return 2;
	bool open = lab_open(&guest, (uint32_t)atoi(argv[1]));

	if (lab_result(open && guest.vcpus == (unsigned)atoi(argv[2]), "ready", "%u vcpus",
		       guest.vcpus)) {
		for (unsigned vcpu = 0; vcpu < guest.vcpus; vcpu++) {
			for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
				perform(&guest, vcpu, &operations[i]);
			control_registers(&guest, vcpu);
			checksum(&guest, vcpu);
		}
		spin(&guest);
	}
	lab_close(&guest);
	return lab_status();
}
