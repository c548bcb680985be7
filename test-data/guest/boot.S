/* SPDX-License-Identifier: MIT */
/* The way in from Multiboot, the second CPU, faults, and the last instructions. */

#if LEVELS >= 4
#define LONG 1
#define EFER_BITS 0x900		/* LME, NXE */
#elif LEVELS == 3
#define EFER_BITS 0x800		/* NXE */
#else
#define EFER_BITS 0
#endif

#if LEVELS == 2
#define CR4_BITS 0x10		/* PSE */
#elif LEVELS == 5
#define CR4_BITS 0x10b0		/* LA57, PGE, PAE, PSE */
#else
#define CR4_BITS 0xb0		/* PGE, PAE, PSE */
#endif

/* Everything that decides how addresses are translated, but for CR3 and CR0. */
	.macro mode cr4_bits
	mov \cr4_bits, %eax
	mov %eax, %cr4
#if EFER_BITS
	mov $0xc0000080, %ecx
	rdmsr
	or $EFER_BITS, %eax
	wrmsr
#endif
	.endm

/* The root is in esi. */
	.macro paging
	mov %esi, %cr3
	mov %cr0, %eax
	or $0x80010001, %eax	/* PG, WP, PE */
	mov %eax, %cr0
	.endm

/* Multiboot 1 with an address header, so that a flat file of any width will do. */
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
1:	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
#ifdef LONG
	/* A map of the first 4 GiB to work in: four 1 GiB pages below as many tables as it takes. */
	movl $0x00000083, boot_pdpt
	movl $0x40000083, boot_pdpt + 8
	movl $0x80000083, boot_pdpt + 16
	movl $0xc0000083, boot_pdpt + 24
	movl $boot_pdpt + 3, boot_pml4
	mov $boot_pml4, %esi
#if LEVELS == 5
	movl $boot_pml4 + 3, boot_pml5
	mov $boot_pml5, %esi
#endif
	mode $CR4_BITS
	paging
	ljmp $0x18, $2f
	.code64
2:
#else
	mode $CR4_BITS		/* paging comes with the first space */
#endif
	call guest_main

/* The second CPU begins here, in real mode, in a copy at the address its start-up signal names. */
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

/* The third goes no further. */
	.code16
	.global third, third_end
third:
	cli
	movb $1, %cs:(third_alive - third_at)
1:	hlt
	jmp 1b
	.set third_at, third
third_alive:
	.byte 0
third_end:

	.code32
second:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	movl $1, second_alive
1:	pause
	mov second_root, %esi
	test %esi, %esi
	jz 1b
	mode second_cr4
	paging
	movl $1, second_done
#if LEVELS == 5
	mov $second_names, %esi
	ljmp $0x18, $finish_with
#else
	/* With four levels it stays in compatibility mode: long mode, but a 32-bit code segment. */
	mov second_names32, %eax
	mov second_names32 + 4, %ebx
	mov second_names32 + 8, %ecx
	mov second_names32 + 12, %edx
	mov second_names32 + 16, %esi
	mov second_names32 + 20, %edi
	mov second_names32 + 24, %ebp
	mov second_names32 + 28, %esp
2:	hlt
	jmp 2b
#endif

/*
 * An attempt returns 0 when the CPU lets it through. A fault on the way drops its frame and returns
 * from the attempt instead.
 */
	.global attempt_read, attempt_write, attempt_run, faulted_gp, faulted_pf
#ifdef LONG
	.code64
#define A rax
#define SP rsp
#define ARGUMENT mov %rdi, %rcx
#else
#define A eax
#define SP esp
#define ARGUMENT mov 4(%esp), %ecx
#endif
#define REG2(r) %##r
#define REG(r) REG2(r)
#ifdef LONG
#define TARGET (%rcx)
#define JUMP *%rcx
#else
#define TARGET (%ecx)
#define JUMP *%ecx
#endif
attempt_read:
	ARGUMENT
	mov REG(SP), attempt_stack
	movb TARGET, %al
	xor %eax, %eax
	ret
attempt_write:
	ARGUMENT
	mov REG(SP), attempt_stack
	movb TARGET, %al
	movb %al, TARGET
	xor %eax, %eax
	ret
attempt_run:
	ARGUMENT
	mov REG(SP), attempt_stack
	call JUMP
	xor %eax, %eax
	ret
faulted_gp:
	pop REG(A)
	or $(1 << 31 | 13 << 16), %eax
	jmp 1f
faulted_pf:
	pop REG(A)
	or $(1 << 31 | 14 << 16), %eax
1:	mov attempt_stack, REG(SP)
	ret

/* Segments and registers that can be recognised, then nothing more. */
	.global finish
finish:
	mov $0x30, %eax
	ltr %ax
	mov $0x40, %eax
	lldt %ax
	mov $0x23, %eax
	mov %eax, %fs
	mov $0x2b, %eax
	mov %eax, %gs
#ifdef LONG
	mov $0xc0000100, %ecx		/* FS.base */
	mov $0x11112222, %eax
	mov $0x00007fff, %edx
	wrmsr
	inc %ecx			/* GS.base */
	mov $0x33334444, %eax
	mov $0xffff9000, %edx
	wrmsr
	mov $first_names, %esi
finish_with:
	mov (%rsi), %rax
	mov 8(%rsi), %rbx
	mov 16(%rsi), %rcx
	mov 24(%rsi), %rdx
	mov 40(%rsi), %rdi
	mov 48(%rsi), %rbp
	mov 56(%rsi), %rsp
	mov 64(%rsi), %r8
	mov 72(%rsi), %r9
	mov 80(%rsi), %r10
	mov 88(%rsi), %r11
	mov 96(%rsi), %r12
	mov 104(%rsi), %r13
	mov 112(%rsi), %r14
	mov 120(%rsi), %r15
	mov 32(%rsi), %rsi
#else
	mov first_names32, %eax
	mov first_names32 + 4, %ebx
	mov first_names32 + 8, %ecx
	mov first_names32 + 12, %edx
	mov first_names32 + 16, %esi
	mov first_names32 + 20, %edi
	mov first_names32 + 24, %ebp
	mov first_names32 + 28, %esp
#endif
1:	hlt
	jmp 1b

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08 code, 32-bit */
	.quad 0x00cf93000000ffff	/* 0x10 data */
	.quad 0x00af9b000000ffff	/* 0x18 code, 64-bit */
	.quad 0x1241f3345678fffe	/* 0x20 user data at 0x12345678, 0x1ffff bytes */
	.quad 0x87d6f36543210fff	/* 0x28 user data at 0x87654321, 0x60fff pages */
	.quad 0x21008965abcd0067	/* 0x30 TSS at 0x2165abcd and, in long mode, above */
	.quad 0x00000000ffff8765
	.quad 0x430082210fed001f	/* 0x40 LDT at 0x43210fed and, in long mode, above */
	.quad 0x00000000ffffabcd
gdt_end:
first_names:
	.ascii "vcpu0raxvcpu0rbxvcpu0rcxvcpu0rdxvcpu0rsivcpu0rdivcpu0rbpvcpu0rsp"
	.ascii "vcpu0r8-vcpu0r9-vcpu0r10vcpu0r11vcpu0r12vcpu0r13vcpu0r14vcpu0r15"
second_names:
	.ascii "vcpu1raxvcpu1rbxvcpu1rcxvcpu1rdxvcpu1rsivcpu1rdivcpu1rbpvcpu1rsp"
	.ascii "vcpu1r8-vcpu1r9-vcpu1r10vcpu1r11vcpu1r12vcpu1r13vcpu1r14vcpu1r15"
first_names32:
	.ascii "0eax0ebx0ecx0edx0esi0edi0ebp0esp"
second_names32:
	.ascii "1eax1ebx1ecx1edx1esi1edi1ebp1esp"

	.bss
	.balign 4096
#ifdef LONG
boot_pdpt:
	.skip 4096
boot_pml4:
	.skip 4096
#if LEVELS == 5
boot_pml5:
	.skip 4096
#endif
#endif
stack:
	.skip 4096
stack_end:
attempt_stack:
	.skip 8
	.global second_alive, second_done, second_root, second_cr4
second_alive:
	.skip 4
second_done:
	.skip 4
second_root:
	.skip 4
second_cr4:
	.skip 4
	.section .note.GNU-stack, "", @progbits
