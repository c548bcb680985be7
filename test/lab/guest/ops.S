/* SPDX-License-Identifier: MIT */
/* The operations, and what surrounds each of them: all registers as the mailbox says, then the
 * operation, then all registers into the mailbox. */

#include "mailbox.h"

	/* run(mailbox, operation). A fault within the operation goes on at run_over, with the stack
	 * as it was when the operation was called: the word at the low end of the stack tells. */
	.text
	.globl run, run_over
run:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	pushq %rsi
	movq %rsp, %rax
	andq $-0x4000, %rax
	movq %rsp, (%rax)
	movq LAB_IN_AT + 0 * 8(%rdi), %rax
	movq LAB_IN_AT + 1 * 8(%rdi), %rcx
	movq LAB_IN_AT + 2 * 8(%rdi), %rdx
	movq LAB_IN_AT + 3 * 8(%rdi), %rbx
	movq LAB_IN_AT + 5 * 8(%rdi), %rbp
	movq LAB_IN_AT + 6 * 8(%rdi), %rsi
	movq LAB_IN_AT + 8 * 8(%rdi), %r8
	movq LAB_IN_AT + 9 * 8(%rdi), %r9
	movq LAB_IN_AT + 10 * 8(%rdi), %r10
	movq LAB_IN_AT + 11 * 8(%rdi), %r11
	movq LAB_IN_AT + 12 * 8(%rdi), %r12
	movq LAB_IN_AT + 13 * 8(%rdi), %r13
	movq LAB_IN_AT + 14 * 8(%rdi), %r14
	movq LAB_IN_AT + 15 * 8(%rdi), %r15
	movq LAB_IN_AT + 7 * 8(%rdi), %rdi
	call *(%rsp)
run_over:
	pushfq
	pushq %rdi
	movq 24(%rsp), %rdi
	movq %rax, LAB_OUT_AT + 0 * 8(%rdi)
	movq %rcx, LAB_OUT_AT + 1 * 8(%rdi)
	movq %rdx, LAB_OUT_AT + 2 * 8(%rdi)
	movq %rbx, LAB_OUT_AT + 3 * 8(%rdi)
	movq %rbp, LAB_OUT_AT + 5 * 8(%rdi)
	movq %rsi, LAB_OUT_AT + 6 * 8(%rdi)
	movq %r8, LAB_OUT_AT + 8 * 8(%rdi)
	movq %r9, LAB_OUT_AT + 9 * 8(%rdi)
	movq %r10, LAB_OUT_AT + 10 * 8(%rdi)
	movq %r11, LAB_OUT_AT + 11 * 8(%rdi)
	movq %r12, LAB_OUT_AT + 12 * 8(%rdi)
	movq %r13, LAB_OUT_AT + 13 * 8(%rdi)
	movq %r14, LAB_OUT_AT + 14 * 8(%rdi)
	movq %r15, LAB_OUT_AT + 15 * 8(%rdi)
	popq LAB_OUT_AT + 7 * 8(%rdi)
	popq LAB_OUT_AT + 16 * 8(%rdi)
	movq %rsp, LAB_OUT_AT + 4 * 8(%rdi)
	cld
	addq $16, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.macro op number, code
	.pushsection .rodata.operations, "a"
	.org operations + \number * 8
	.quad operation_\@
	.popsection
operation_\@:
	\code
	ret
	.endm

	.section .rodata.operations, "a"
	.balign 8
	.globl operations
operations:
	.text
	op LAB_OP_NOP, "nop"
	op LAB_OP_READ, "movq (%rsi), %rax"
	op LAB_OP_WRITE, "movq %rax, (%rdi)"
	op LAB_OP_CALL, "call *%rax"
	op LAB_OP_STOS, "rep stosb"
	op LAB_OP_MOVS, "rep movsb"
	op LAB_OP_SPIN, "1: incq (%rdi); cmpl $0, (%rsi); je 1b"
	op LAB_OP_COUNT, "1: decq %rcx; jnz 1b"
	op LAB_OP_WRITES, "1: movq %rcx, (%rdi); decq %rcx; jnz 1b"
	op LAB_OP_INT3, "int3"
	op LAB_OP_INT1, ".byte 0xf1"
	op LAB_OP_STEP, "pushfq; orq $0x100, (%rsp); popfq; nop"
	op LAB_OP_UD, "ud2"
	op LAB_OP_CPUID, "cpuid"
	op LAB_OP_CR0, "movq %rax, %cr0; movq %cr0, %rbx"
	op LAB_OP_CR3, "movq %rax, %cr3; movq %cr3, %rbx"
	op LAB_OP_CR4, "movq %rax, %cr4; movq %cr4, %rbx"
	op LAB_OP_XSETBV, "xsetbv"
	op LAB_OP_WRMSR, "wrmsr"
	op LAB_OP_RDMSR, "rdmsr"
	op LAB_OP_IN, "inb %dx, %al"
	op LAB_OP_OUT, "outb %al, %dx"
	op LAB_OP_OUTS, "rep outsb"
	op LAB_OP_SGDT, "sgdt (%rdi)"
	op LAB_OP_LGDT, "lgdt (%rdi)"
	op LAB_OP_SIDT, "sidt (%rdi)"
	op LAB_OP_LIDT, "lidt (%rdi)"
	op LAB_OP_SLDT, "sldt %rax"
	op LAB_OP_LLDT, "lldt %ax"
	op LAB_OP_STR, "str %rax"
	op LAB_OP_VMCALL, "vmcall"
	op LAB_OP_VMMCALL, "vmmcall"
	op LAB_OP_VMFUNC, "vmfunc"
	op LAB_OP_RDTSC, "rdtsc"
	op LAB_OP_INVLPG, "invlpg (%rdi)"
	op LAB_OP_USER, "jmp to_user"

	/* User mode's data segment is 0x18, its code segment 0x20; it comes back by int $0x80. */
to_user:
	pushq $0x1b
	pushq $LAB_USER_DATA + 0x1000
	pushq $2
	pushq $0x23
	pushq %r11
	iretq
	.section .note.GNU-stack, "", @progbits
