/* SPDX-License-Identifier: MIT */
/* The pages at fixed addresses that operations touch, and the truth; see mailbox.h. */

#include "mailbox.h"

	.section .stage, "awx"
	.org LAB_DATA - LAB_MAILBOX
	.fill 4096, 1, 0xd0
	.fill 4096, 1, 0xd1
	.fill 4096, 1, 0xd2
	.fill 4096, 1, 0xd3
	.org LAB_CODE - LAB_MAILBOX
	movl $0x1111, %eax
	ret
	.org LAB_CODE_2 - LAB_MAILBOX
	movl $0x2222, %eax
	ret
	.org LAB_NOPS - LAB_MAILBOX
	.fill LAB_NOP_COUNT, 1, 0x90
	ret
	.org LAB_INT3 - LAB_MAILBOX
	int3
	ret
	.org LAB_USER_VMCALL - LAB_MAILBOX
	vmcall
	int $0x80
	.org LAB_USER_WRITE - LAB_MAILBOX
	movq %rax, (%rdi)
	int $0x80
	.org LAB_USER_CPUID - LAB_MAILBOX
	cpuid
	int $0x80
	.org LAB_USER_READ - LAB_MAILBOX
	movq (%rsi), %rax
	int $0x80
	.org LAB_USER_INT3 - LAB_MAILBOX
	int3
	int $0x80
	.org LAB_USER_VMMCALL - LAB_MAILBOX
	vmmcall
	int $0x80
	.org LAB_USER_DATA - LAB_MAILBOX
	.fill 4096, 1, 0xdd
	.org LAB_STAGE_END - LAB_MAILBOX

	/* The text begins 16 bytes before the end of the third frame and goes on in the first. */
	.org LAB_TRUTH_FRAMES - LAB_MAILBOX
	.asciz "he laboratory crosses a page"
	.org LAB_TRUTH_FRAMES + LAB_TRUTH_GPA_AT - LAB_MAILBOX
	.quad LAB_TRUTH_FRAMES
	.org LAB_TRUTH_FRAMES + 0x1000 + LAB_TRUTH_GPA_AT - LAB_MAILBOX
	.quad LAB_TRUTH_FRAMES + 0x1000
	.org LAB_TRUTH_FRAMES + 0x2000 + LAB_TRUTH_GPA_AT - LAB_MAILBOX
	.quad LAB_TRUTH_FRAMES + 0x2000
	.org LAB_TRUTH_FRAMES + 0x2000 + LAB_TRUTH_UTF16_AT - LAB_MAILBOX
	.string16 LAB_TRUTH_TEXT
	.org LAB_TRUTH_FRAMES + 0x2000 + LAB_TRUTH_TEXT_AT - LAB_MAILBOX
	.ascii "this string of t"
	.section .note.GNU-stack, "", @progbits
