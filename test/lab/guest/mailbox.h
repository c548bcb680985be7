/* SPDX-License-Identifier: MIT */
#ifndef LAB_MAILBOX_H
#define LAB_MAILBOX_H

/*
 * What the test guest and the program that watches it agree on: a guest of one or more vcpus,
 * each of which waits at a mailbox of its own for one operation at a time, carries it out with
 * the registers it was given, and tells the registers it was left with.
 *
 * To have vcpu n do something: fill `in` and `op`, then increment `request`; it is done when
 * `done` equals it. Everything is at fixed guest-physical addresses. The first 4 GiB are mapped
 * where they are (gva = gpa) and once more from LAB_ALIAS on, writable and executable; the truth
 * at LAB_TRUTH has mappings of every other kind.
 */

#ifndef __ASSEMBLER__
#include <stdint.h>
#endif

#define LAB_VCPUS 4 /* at most */

/* The image: code and constants, which nothing changes once the guest is ready. */
#define LAB_IMAGE     0x100000
#define LAB_IMAGE_END 0x110000

/* Pages for operations to touch, 4 KiB pages each. */
#define LAB_MAILBOX   0x200000 /* of vcpu 0; vcpu n's is n pages further */
#define LAB_DATA      0x204000 /* four pages, filled with 0xd0, 0xd1, 0xd2, 0xd3 */
#define LAB_CODE      0x208000 /* a function: mov $0x1111, %eax; ret */
#define LAB_CODE_2    0x209000 /* one like it for 0x2222 */
#define LAB_NOPS      0x20a000 /* LAB_NOP_COUNT times nop; ret */
#define LAB_INT3      0x20b000 /* int3; ret */
#define LAB_USER      0x20c000 /* a page of user mode: LAB_USER_..., below */
#define LAB_USER_DATA 0x20d000 /* the same, of data, filled with 0xdd */
#define LAB_HYPERCALL 0x20e000 /* the hypercall page */
#define LAB_ROOT_2    0x20f000 /* a second root, the same mappings as the first */
#define LAB_SCRATCH   0x210000 /* two pages of zeros, for what an operation stores */
#define LAB_STAGE_END 0x212000

#define LAB_NOP_COUNT 16
#define LAB_ALIAS     0xffff800000000000

/* Code in the page LAB_USER. Each ends in int $0x80, which is how LAB_OP_USER returns. */
#define LAB_USER_VMCALL  (LAB_USER + 0x00)
#define LAB_USER_WRITE   (LAB_USER + 0x40) /* mov %rax, (%rdi) */
#define LAB_USER_CPUID   (LAB_USER + 0x80)
#define LAB_USER_READ    (LAB_USER + 0xc0) /* mov (%rsi), %rax */
#define LAB_USER_INT3    (LAB_USER + 0x100)
#define LAB_USER_VMMCALL (LAB_USER + 0x140)

/*
 * The truth: mappings to be translated and strings to be read, in a region of which the guest
 * itself uses nothing. gva = LAB_TRUTH + what stands here.
 *
 *   0x0000  -> LAB_TRUTH_FRAMES + 0x2000, rw-         0x200000  -> 0x800000, 2 MiB, r--
 *   0x1000  -> LAB_TRUTH_FRAMES + 0x0000, r-x         0x400000     not present
 *   0x2000     not present, its entry is LAB_TRUTH_HOLE
 *   0x3000  -> LAB_TRUTH_FRAMES + 0x1000, rwx, user   0x40000000 -> 0, 1 GiB, rwx
 *
 * (the 1 GiB page where the CPU has such). LAB_TRUTH_TEXT begins LAB_TRUTH_TEXT_AT, in the first
 * page, and ends in the second, whose frame lies two frames lower; its UTF-16 twin is at
 * LAB_TRUTH_UTF16_AT. Each frame holds its own gpa, a u64, at LAB_TRUTH_GPA_AT.
 */
#define LAB_TRUTH          0xffffc90000000000
#define LAB_TRUTH_FRAMES   0x220000
#define LAB_TRUTH_END      0x223000
#define LAB_TRUTH_HOLE     0xdead000
#define LAB_TRUTH_LARGE    0x800000
#define LAB_TRUTH_TEXT     "this string of the laboratory crosses a page"
#define LAB_TRUTH_TEXT_AT  0xff0
#define LAB_TRUTH_UTF16_AT 0x100
#define LAB_TRUTH_GPA_AT   0x40

/* Operations; the registers are those of `in`, the results those of `out`. */
#define LAB_OP_NOP      0
#define LAB_OP_READ     1  /* mov (%rsi), %rax */
#define LAB_OP_WRITE    2  /* mov %rax, (%rdi) */
#define LAB_OP_CALL     3  /* call *%rax */
#define LAB_OP_STOS     4  /* rep stosb */
#define LAB_OP_MOVS     5  /* rep movsb */
#define LAB_OP_SPIN     6  /* incq (%rdi) until (%rsi), 32 bits of it, is not 0 */
#define LAB_OP_COUNT    7  /* dec %rcx until it is 0 */
#define LAB_OP_WRITES   8  /* mov %rcx, (%rdi), rcx times, downwards to 1 */
#define LAB_OP_INT3     9  /* int3 */
#define LAB_OP_INT1     10 /* the opcode 0xf1: #DB */
#define LAB_OP_STEP     11 /* a nop with RFLAGS.TF: #DB */
#define LAB_OP_UD       12 /* ud2 */
#define LAB_OP_CPUID    13
#define LAB_OP_CR0      14 /* mov %rax, %cr0; mov %cr0, %rbx */
#define LAB_OP_CR3      15 /* the same with cr3 */
#define LAB_OP_CR4      16 /* the same with cr4 */
#define LAB_OP_XSETBV   17 /* with CR4.OSXSAVE set before */
#define LAB_OP_WRMSR    18
#define LAB_OP_RDMSR    19
#define LAB_OP_IN       20 /* in %dx, %al */
#define LAB_OP_OUT      21 /* out %al, %dx */
#define LAB_OP_OUTS     22 /* rep outsb */
#define LAB_OP_SGDT     23 /* sgdt (%rdi) */
#define LAB_OP_LGDT     24 /* lgdt (%rdi) */
#define LAB_OP_SIDT     25 /* sidt (%rdi) */
#define LAB_OP_LIDT     26 /* lidt (%rdi) */
#define LAB_OP_SLDT     27 /* sldt %rax */
#define LAB_OP_LLDT     28 /* lldt %ax */
#define LAB_OP_STR      29 /* str %rax */
#define LAB_OP_VMCALL   30 /* vmcall */
#define LAB_OP_VMMCALL  31 /* vmmcall */
#define LAB_OP_VMFUNC   32 /* vmfunc */
#define LAB_OP_RDTSC    33
#define LAB_OP_INVLPG   34 /* invlpg (%rdi) */
#define LAB_OP_USER     35 /* go on at %r11 in user mode, with a stack of its own */
#define LAB_OP_ASM      36 /* as many of these are there; those that follow are in C */
#define LAB_OP_CHECKSUM 36 /* rax = lab_checksum(rsi, rcx), as the guest sees those bytes */
#define LAB_OP_STATE    37 /* fill in `state` */
#define LAB_OP_PRINT    38 /* the byte at rsi and those up to a NUL to Xen's console */
#define LAB_OP_SHUTDOWN 39 /* SCHEDOP_shutdown for the reason in rax */
#define LAB_OPS         40

/* Offsets that the assembler needs; main.c of the guest asserts them. */
#define LAB_IN_AT  0x40
#define LAB_OUT_AT 0x100

#define LAB_READY 0x79646165726c6162 /* "balready" */

#ifndef __ASSEMBLER__

/* In the order of the architecture's numbers. In `in`, rsp and rflags do not count. */
struct lab_registers {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rflags;
};

/* What only the guest knows of a vcpu, as LAB_OP_STATE found it. */
struct lab_state {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t star, lstar, cstar, syscall_mask, fs_base, gs_base, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, pat;
	uint64_t gdt_base, idt_base;
	uint16_t gdt_limit, idt_limit, cs, ds, es, fs, gs, ss, tr, ldtr;
	uint32_t reserved;
};

struct lab_mailbox {
	uint64_t ready;   /* LAB_READY once the vcpu waits */
	uint32_t request; /* one more than `done`: a new operation */
	uint32_t done;    /* the guest's answer */
	uint32_t op;      /* LAB_OP_... */
	uint32_t vcpu;    /* whose mailbox this is */
	uint32_t vcpus;   /* how many run */
	uint32_t stop;    /* for LAB_OP_SPIN */
	uint64_t counter; /* the same */
	uint64_t polls;   /* how often it looked for a request */
	uint64_t root;    /* the first root, gpa */
	uint64_t reserved;
	struct lab_registers in;
	uint64_t gap[7];
	struct lab_registers out;
	uint64_t faults[33];    /* exceptions by vector; 32: every other interrupt */
	uint32_t fault;         /* of this operation: the last one's vector + 1, or 0 */
	uint32_t fault_code;    /* its error code */
	uint64_t fault_rip;     /* where, as the CPU pushed it */
	uint64_t fault_address; /* CR2 */
	struct lab_state state;
};

/* FNV-1a over bytes: the same on both sides. */
static inline uint64_t lab_checksum(const volatile void *bytes, uint64_t length)
{
	const volatile uint8_t *byte = bytes;
	uint64_t hash = 0xcbf29ce484222325;

	for (uint64_t i = 0; i < length; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3;
	return hash;
}

#endif
#endif
