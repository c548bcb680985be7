/* SPDX-License-Identifier: MIT */
/* The test guest: waits for requests in a mailbox per vcpu and does nothing else, so that whatever
 * a watcher sees was asked for; see mailbox.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without it the headers number hypercalls as Xen 3.0 did, and Xen then knows no SCHEDOP_shutdown
 * of a PVH guest. */
#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/hvm/hvm_vcpu.h>

#include "guest.h"

static_assert(offsetof(struct lab_mailbox, in) == LAB_IN_AT);
static_assert(offsetof(struct lab_mailbox, out) == LAB_OUT_AT);
static_assert(sizeof(struct lab_mailbox) <= PAGE);

/* Through the page that Xen has filled in: right for every make of CPU. */
static int64_t hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t result;

	asm volatile("call *%[entry]"
		     : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
		     : [entry] "r"(LAB_HYPERCALL + number * 32)
		     : "rcx", "r8", "r9", "r10", "r11", "memory");
	return result;
}

/* Xen puts what is written to this port on its own console, line by line. */
void print(const char *text)
{
	for (; *text; text++)
		asm volatile("outb %0, $0xe9" : : "a"(*text));
}

void shutdown(uint64_t reason)
{
	struct sched_shutdown why = {.reason = (unsigned)reason};

	hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uint64_t)&why, 0);
}

/* Leaf 0x40000002 of Xen's tells the MSR that has it fill the page in (xen/arch-x86/cpuid.h). */
static void fill_hypercall_page(void)
{
	uint32_t a = 0x40000002, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	asm volatile("wrmsr" : : "c"(b), "a"(LAB_HYPERCALL), "d"(0) : "memory");
}

/* Have vcpu n begin at vcpu_entry, if the domain has one. */
static bool start(unsigned n)
{
	struct vcpu_hvm_context context = {
		.mode = VCPU_HVM_MODE_64B,
		.cpu_regs.x86_64 =
			{
				.rsp = (uint64_t)stacks[n + 1],
				.rdi = n,
				.rip = (uint64_t)vcpu_entry,
				.rflags = 2,
				.cr0 = control_register_0(),
				.cr3 = (uint64_t)root,
				.cr4 = control_register_4(),
				.efer = read_msr(MSR_EFER),
			},
	};

	if (hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, n, (uint64_t)&context))
		return false;
	return hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, n, 0) == 0;
}

static void perform(struct lab_mailbox *m)
{
	if (m->op < LAB_OP_ASM) {
		run(m, operations[m->op]);
		return;
	}
	m->out = m->in;
	switch (m->op) {
	case LAB_OP_CHECKSUM:
		m->out.rax = lab_checksum((const void *)m->in.rsi, m->in.rcx);
		break;
	case LAB_OP_STATE:
		read_state(&m->state);
		break;
	case LAB_OP_PRINT:
		print((const char *)m->in.rsi);
		break;
	case LAB_OP_SHUTDOWN:
		shutdown(m->in.rax);
		break;
	default:
		m->fault = ~0u;
	}
}

/* The first vcpu makes ready what all share, and starts the others. */
static void first(void)
{
	uint64_t *second_root = (uint64_t *)LAB_ROOT_2;
	uint32_t n = 1;

	fill_hypercall_page();
	for (unsigned i = 0; i < PAGE / sizeof(root[0]); i++)
		second_root[i] = root[i];
	make_idt();
	while (n < LAB_VCPUS && start(n))
		n++;
	for (uint32_t i = 0; i < n; i++)
		mailbox(i)->vcpus = n;
}

void vcpu_main(uint32_t vcpu)
{
	struct lab_mailbox *m = mailbox(vcpu);

	if (vcpu == 0)
		first();
	load_tables(vcpu);
	m->vcpu = vcpu;
	m->root = (uint64_t)root;
	if (vcpu == 0)
		print("test guest: ready\n");
	*(volatile uint64_t *)&m->ready = LAB_READY;
	for (;;) {
		while (*(volatile uint32_t *)&m->request == m->done) {
			m->polls++;
			hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
		}
		m->fault = 0;
		perform(m);
		asm volatile("" : : : "memory");
		*(volatile uint32_t *)&m->done = m->done + 1;
	}
}
