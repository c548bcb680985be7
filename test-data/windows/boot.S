/* SPDX-License-Identifier: MIT */
/* From Multiboot to long mode, the second CPU after it, and the last instructions of both. */

	.macro long_mode		/* by the tables whose address is in esi */
	mov $0xa0, %eax			/* PGE, PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x901, %eax			/* SCE, LME, NXE */
	wrmsr
	mov %esi, %cr3
	mov %cr0, %eax
	or $0x80010021, %eax		/* PG, WP, NE, PE */
	mov %eax, %cr0
	.endm

	.macro data_segments
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	.endm

	.section .header, "a"
	.balign 4
header:
	.long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
	.long header, 0x100000, load_end, bss_end, start

	.text
	.code32
	.global start
start:
	cli
	cld
	mov $bss_start, %edi
	mov $bss_end, %ecx
	sub %edi, %ecx
	xor %eax, %eax
	rep stosb
	mov $stack_end, %esp
	lgdt gdtr
	ljmp $0x08, $1f
1:	data_segments
	/* A map of the first 4 GiB to work in. */
	movl $0x00000083, boot_pdpt
	movl $0xc0000083, boot_pdpt + 24
	movl $boot_pdpt + 3, boot_pml4
	mov $boot_pml4, %esi
	long_mode
	ljmp $0x18, $2f
	.code64
2:	call guest_main

/* void finish(uint64_t root, const uint64_t *names): the registers take the values, and halt. */
	.global finish
finish:
	mov %rdi, %cr3
second_finish:
	mov %rsi, %rsp
	pop %rax
	pop %rcx
	pop %rdx
	pop %rbx
	pop %rbp
	pop %rsi
	pop %rdi
	pop %r8
	pop %r9
	pop %r10
	pop %r11
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	pop %rsp
1:	hlt
	jmp 1b

/* The second CPU begins in a copy of this, in real mode. */
	.code16
	.global trampoline, trampoline_end
trampoline:
	cli
	lgdtl %cs:(gdtr - trampoline_at)
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $0x08, $second
	.balign 4
	.set trampoline_at, trampoline
gdtr:
	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:

	.code32
second:
	data_segments
	mov second_root, %esi
	long_mode
	ljmp $0x18, $1f
	.code64
1:	mov $second_names, %rsi
	movl $1, second_alive
	jmp second_finish

	.balign 8
gdt:
	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_end:

	.bss
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
	.skip 4096
stack_end:
