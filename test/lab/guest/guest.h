/* SPDX-License-Identifier: MIT */
#ifndef LAB_GUEST_H
#define LAB_GUEST_H

#include <assert.h>

#include "mailbox.h"

enum {
	PAGE = 4096,
	STACK = 0x4000,
	TRAP_STACK = 0x2000, /* the place in it where a trap from user mode begins */
	MSR_EFER = 0xc0000080,
};

/* boot.S */
extern uint64_t root[], gdt[];
extern char vectors[], stacks[LAB_VCPUS][STACK];
void vcpu_entry(void);

/* ops.S */
extern void *const operations[LAB_OP_ASM];
void run(struct lab_mailbox *m, void *operation);
void run_over(void);

/* main.c */
void vcpu_main(uint32_t vcpu);
void print(const char *text);
void shutdown(uint64_t reason);

/* cpu.c: descriptor tables, exceptions, state. */
struct frame;
void make_idt(void);
void load_tables(uint32_t vcpu);
void trap(struct frame *frame);
void read_state(struct lab_state *state);

static inline struct lab_mailbox *mailbox(uint32_t vcpu)
{
	return (struct lab_mailbox *)(uint64_t)(LAB_MAILBOX + vcpu * PAGE);
}

static inline uint64_t read_msr(uint32_t number)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t control_register_0(void)
{
	uint64_t value;

	asm volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static inline uint64_t control_register_4(void)
{
	uint64_t value;

	asm volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

#endif
