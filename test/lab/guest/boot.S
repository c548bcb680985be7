/* SPDX-License-Identifier: MIT */
/* How the test guest begins: a PVH entry in 32-bit mode, page tables laid out by the assembler,
 * and the entries of exceptions. */

#include "mailbox.h"

#define PRESENT 0x1
#define WRITE   0x2
#define USER    0x4
#define LARGE   0x80
#define NX      0x8000000000000000
#define TABLE   (PRESENT | WRITE | USER)

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10

	/* How Xen finds the entry (xen/elfnote.h: XEN_ELFNOTE_PHYS32_ENTRY). */
	.section .note.Xen, "a", @note
	.align 4
	.long 4, 4, 18
	.asciz "Xen"
	.long entry

	.section .text.entry, "ax"
	.code32
	.globl entry
entry:
	cld
	movl $stacks + 0x4000, %esp
	movl $0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $root, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx		/* EFER: SCE, LME, NXE */
	rdmsr
	orl $0x901, %eax
	wrmsr
	movl $0x80010033, %eax		/* PG, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $KERNEL_CS, $entry_64
	.code64
entry_64:
	movl $stacks + 0x4000, %esp
	xorl %edi, %edi
	jmp vcpu_entry

	/* vcpu_entry: edi is the vcpu, rsp the end of its stack; other vcpus begin here. */
	.globl vcpu_entry
vcpu_entry:
	lgdt gdt_pointer
	movl $KERNEL_DS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	/* The selector that VCPUOP_initialise leaves in cs is 0, to which no interrupt returns. */
	pushq $KERNEL_CS
	pushq $1f
	lretq
1:	call vcpu_main
1:	hlt
	jmp 1b

	/* Entries of vectors 0 to 32, 16 bytes apart: a frame of one form, on to trap(). The last
	 * one serves int $0x80. */
	.text
	.balign 16
	.globl vectors
vectors:
	.set vector, 0
	.rept 33
	.balign 16
	.if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21))
	pushq $0
	.endif
	pushq $vector
	jmp trapped
	.set vector, vector + 1
	.endr

trapped:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	cld
	movq %rsp, %rdi
	call trap
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	.data
	.balign 16
	.globl gdt
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08: code */
	.quad 0x00cf93000000ffff	/* 0x10: data */
	.quad 0x00cff3000000ffff	/* 0x18: data, user */
	.quad 0x00affb000000ffff	/* 0x20: code, user */
	.fill 2 * LAB_VCPUS, 8, 0	/* 0x28: a task state segment for each vcpu */
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	/* What operations change on purpose, the accessed and dirty bits of all tables: apart from
	 * the image, so that that never changes. */
	.section .tables, "aw"
	.balign 4096
	.globl root
root:	.quad low + TABLE
	.fill 255, 8, 0
	.quad low + TABLE		/* LAB_ALIAS */
	.fill 145, 8, 0
	.quad truth + TABLE		/* LAB_TRUTH */
	.fill 109, 8, 0
low:	.quad low_2m + TABLE
	.quad 0x40000000 + PRESENT + WRITE + LARGE
	.quad 0x80000000 + PRESENT + WRITE + LARGE
	.quad 0xc0000000 + PRESENT + WRITE + LARGE
	.fill 508, 8, 0
low_2m:	.quad 0x0 + PRESENT + WRITE + LARGE
	.quad low_4k + TABLE
	.set at, 0x400000
	.rept 510
	.quad at + PRESENT + WRITE + LARGE
	.set at, at + 0x200000
	.endr
low_4k:	.set at, 0x200000
	.rept 512
	.if (at == LAB_USER) || (at == LAB_USER_DATA)
	.quad at + PRESENT + WRITE + USER
	.else
	.quad at + PRESENT + WRITE
	.endif
	.set at, at + 0x1000
	.endr
truth:	.quad truth_2m + TABLE
	.quad 0x0 + PRESENT + WRITE + LARGE
	.fill 510, 8, 0
truth_2m:
	.quad truth_4k + TABLE
	.quad LAB_TRUTH_LARGE + PRESENT + LARGE + NX
	.fill 510, 8, 0
truth_4k:
	.quad LAB_TRUTH_FRAMES + 0x2000 + PRESENT + WRITE + NX
	.quad LAB_TRUTH_FRAMES + 0x0000 + PRESENT
	.quad LAB_TRUTH_HOLE
	.quad LAB_TRUTH_FRAMES + 0x1000 + PRESENT + WRITE + USER
	.fill 508, 8, 0

	.bss
	.balign 0x4000
	.globl stacks
stacks:	.skip 0x4000 * LAB_VCPUS
	.section .note.GNU-stack, "", @progbits
