/* SPDX-License-Identifier: MIT */
/* A program that does what analysers watch for: CPUID, INT3. It ends with 7, unless the signal that
 * Linux makes of the INT3 ends it. */

	.globl _start
_start:
	mov	$0x4c4142, %eax
	mov	$5, %ecx
	cpuid
	int3
	mov	$60, %eax		/* exit(7) */
	mov	$7, %edi
	syscall
