/* SPDX-License-Identifier: MIT */
/* What a vcpu of the test guest needs of the CPU: descriptor tables, exceptions; and all that can
 * be said of its state. */

#include "guest.h"

enum {
	KERNEL_CS = 0x08,
	KERNEL_DS = 0x10,
	FIRST_TSS = 0x28,
	TSS_SIZE = 104,
	VECTORS = 33, /* the last of which is int $0x80 */
	USER_RETURN = 32,
	DEBUG = 1,
	BREAKPOINT = 3,
	RFLAGS_TF = 0x100,
};

/* As the entries in boot.S leave it on the stack. */
struct frame {
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax, vector, code, rip, cs, rflags, rsp, ss;
};

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static uint64_t idt[0x81][2];
static uint32_t tss[LAB_VCPUS][TSS_SIZE / 4] __attribute__((aligned(16)));

/* An interrupt gate (SDM vol. 3A, figure 6-8), for user mode's int instructions, too, if `user`. */
static void gate(unsigned vector, uint64_t entry, uint64_t user)
{
	uint64_t type = user ? 0xee00 : 0x8e00;

	idt[vector][0] = (entry & 0xffff) | (uint64_t)KERNEL_CS << 16 | type << 32 |
			 (entry >> 16 & 0xffff) << 48;
	idt[vector][1] = entry >> 32;
}

void make_idt(void)
{
	for (unsigned i = 0; i < USER_RETURN; i++)
		gate(i, (uint64_t)vectors + 16 * i, i == BREAKPOINT);
	gate(0x80, (uint64_t)vectors + 16 * USER_RETURN, 1);
}

void load_tables(uint32_t vcpu)
{
	struct table table = {sizeof(idt) - 1, (uint64_t)idt};
	uint64_t base = (uint64_t)tss[vcpu];
	uint16_t selector = (uint16_t)(FIRST_TSS + 16 * vcpu);
	uint64_t rsp0 = (uint64_t)stacks[vcpu] + TRAP_STACK;

	/* Its words 1 and 2 are RSP0 (SDM vol. 3A, figure 8-11). */
	tss[vcpu][1] = (uint32_t)rsp0;
	tss[vcpu][2] = (uint32_t)(rsp0 >> 32);
	gdt[selector / 8] = (TSS_SIZE - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			    (base >> 24 & 0xff) << 56;
	gdt[selector / 8 + 1] = base >> 32;
	asm volatile("lidt %0" : : "m"(table));
	asm volatile("ltr %0" : : "r"(selector));
}

/* The vcpu whose stack this is. */
static uint32_t current(const struct frame *frame)
{
	return (uint32_t)(((uint64_t)frame - (uint64_t)stacks) / STACK);
}

void trap(struct frame *frame)
{
	uint32_t vcpu = current(frame);
	struct lab_mailbox *m = mailbox(vcpu);
	uint64_t resume = *(uint64_t *)stacks[vcpu];

	if (frame->vector != USER_RETURN) {
		m->fault = (uint32_t)frame->vector + 1;
		m->fault_code = (uint32_t)frame->code;
		m->fault_rip = frame->rip;
		asm volatile("mov %%cr2, %0" : "=r"(m->fault_address));
	}
	m->faults[frame->vector]++;
	frame->rflags &= ~(uint64_t)RFLAGS_TF;
	if (frame->vector == DEBUG || frame->vector == BREAKPOINT)
		return;
	if (!resume) {
		print("test guest: an exception of its own\n");
		shutdown(3); /* SHUTDOWN_crash */
	}
	/* The way to user mode has cleared these. */
	asm volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(KERNEL_DS));
	frame->rip = (uint64_t)run_over;
	frame->cs = KERNEL_CS;
	frame->rsp = resume;
	frame->ss = KERNEL_DS;
}

#define SELECTOR(name)                                                                             \
	({                                                                                         \
		uint16_t value;                                                                    \
		asm volatile("mov %%" #name ", %0" : "=r"(value));                                 \
		value;                                                                             \
	})

void read_state(struct lab_state *state)
{
	struct table gdtr, idtr;

	asm volatile("sgdt %0" : "=m"(gdtr));
	asm volatile("sidt %0" : "=m"(idtr));
	*state = (struct lab_state){
		.cr0 = control_register_0(),
		.cr4 = control_register_4(),
		.efer = read_msr(MSR_EFER),
		.star = read_msr(0xc0000081),
		.lstar = read_msr(0xc0000082),
		.cstar = read_msr(0xc0000083),
		.syscall_mask = read_msr(0xc0000084),
		.fs_base = read_msr(0xc0000100),
		.gs_base = read_msr(0xc0000101),
		.kernel_gs_base = read_msr(0xc0000102),
		.sysenter_cs = read_msr(0x174),
		.sysenter_esp = read_msr(0x175),
		.sysenter_eip = read_msr(0x176),
		.pat = read_msr(0x277),
		.gdt_base = gdtr.base,
		.gdt_limit = gdtr.limit,
		.idt_base = idtr.base,
		.idt_limit = idtr.limit,
		.cs = SELECTOR(cs),
		.ds = SELECTOR(ds),
		.es = SELECTOR(es),
		.fs = SELECTOR(fs),
		.gs = SELECTOR(gs),
		.ss = SELECTOR(ss),
	};
	asm volatile("mov %%cr2, %0" : "=r"(state->cr2));
	asm volatile("mov %%cr3, %0" : "=r"(state->cr3));
	asm volatile("str %0" : "=r"(state->tr));
	asm volatile("sldt %0" : "=r"(state->ldtr));
}
