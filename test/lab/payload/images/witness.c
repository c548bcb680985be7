/* SPDX-License-Identifier: MIT */
/*
 * witness freeze DOMID        give each vcpu but the last known registers and a loop to spin in
 * witness suspend DOMID       have the last one tell Xen that the guest is ready to be saved
 * witness tell DOMID          what the guest says of each vcpu: lines VCPU REGISTER VALUE
 * witness memory DOMID FILE   every page that Xen can map, {u64 gfn; u8 bytes[4096]} each
 *
 * What images of the test guest are held against, by other means than those that write them.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>
/* After that: it takes types of C for granted. */
#include <xen/sched.h>

#include "client.h"

enum { PAGE = 4096 };

static uint64_t count_of(const struct lab_guest *guest, unsigned vcpu)
{
	return __atomic_load_n(&guest->mailbox[vcpu]->counter, __ATOMIC_RELAXED);
}

static void spin(const struct lab_guest *guest, unsigned vcpu)
{
	struct lab_mailbox *m = guest->mailbox[vcpu];
	uint64_t *word = &m->in.rax, gpa = LAB_MAILBOX + (uint64_t)vcpu * PAGE;

	lab_patterns(&m->in);
	for (unsigned i = 0; i < 16; i++)
		word[i] += vcpu;
	m->in.rsi = gpa + offsetof(struct lab_mailbox, stop);
	m->in.rdi = gpa + offsetof(struct lab_mailbox, counter);
	m->stop = 0;
	lab_begin(guest, vcpu, LAB_OP_SPIN);
}

static int freeze(const struct lab_guest *guest)
{
	unsigned last = guest->vcpus - 1;
	bool right = last > 0;

	for (unsigned i = 0; i < guest->vcpus; i++)
		right &= lab_do(guest, i, LAB_OP_STATE);
	for (unsigned i = 0; i < last; i++)
		spin(guest, i);
	for (unsigned i = 0; i < last; i++) {
		for (unsigned wait = 0; wait < 100 && !count_of(guest, i); wait++)
			usleep(20000);
		right &= count_of(guest, i) != 0;
	}
	return right ? 0 : 1;
}

static int suspend(const struct lab_guest *guest)
{
	unsigned last = guest->vcpus - 1;

	guest->mailbox[last]->in.rax = SHUTDOWN_suspend;
	lab_begin(guest, last, LAB_OP_SHUTDOWN);
	return 0;
}

static void tell_general(unsigned vcpu, const struct lab_registers *in)
{
	static const char *const names[] = {"rax", "rcx", "rdx", "rbx", NULL,  "rbp", "rsi", "rdi",
					    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	const uint64_t *word = &in->rax;

	for (unsigned i = 0; i < 16; i++)
		if (names[i])
			printf("%u %s 0x%llx\n", vcpu, names[i], (unsigned long long)word[i]);
}

static void tell_state(unsigned vcpu, const struct lab_state *s)
{
	const struct {
		const char *name;
		uint64_t value;
	} words[] = {
		{"cr0", s->cr0},
		{"cr2", s->cr2},
		{"cr3", s->cr3},
		{"cr4", s->cr4},
		{"efer", s->efer},
		{"star", s->star},
		{"lstar", s->lstar},
		{"cstar", s->cstar},
		{"syscall_mask", s->syscall_mask},
		{"fs.base", s->fs_base},
		{"gs.base", s->gs_base},
		{"kernel_gs_base", s->kernel_gs_base},
		{"sysenter_cs", s->sysenter_cs},
		{"sysenter_esp", s->sysenter_esp},
		{"sysenter_eip", s->sysenter_eip},
		{"pat", s->pat},
		{"gdtr.base", s->gdt_base},
		{"gdtr.limit", s->gdt_limit},
		{"idtr.base", s->idt_base},
		{"idtr.limit", s->idt_limit},
		{"cs", s->cs},
		{"ds", s->ds},
		{"es", s->es},
		{"fs", s->fs},
		{"gs", s->gs},
		{"ss", s->ss},
		{"tr", s->tr},
		{"ldtr", s->ldtr},
	};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		printf("%u %s 0x%llx\n", vcpu, words[i].name, (unsigned long long)words[i].value);
}

static int tell(const struct lab_guest *guest)
{
	for (unsigned i = 0; i + 1 < guest->vcpus; i++) {
		tell_general(i, &guest->mailbox[i]->in);
		tell_state(i, &guest->mailbox[i]->state);
	}
	return 0;
}

/* The frames of a PVH guest: its memory from 0 on, and a few of Xen's below 4 GiB. */
static int memory(const struct lab_guest *guest, const char *path)
{
	static const struct {
		uint64_t first, end;
	} ranges[] = {{0, 0x4000}, {0xfe000, 0x100000}};
	FILE *file = fopen(path, "wb");
	bool right = file;

	for (unsigned i = 0; right && i < 2; i++) {
		for (uint64_t gfn = ranges[i].first; right && gfn < ranges[i].end; gfn++) {
			void *page = lab_map(guest, gfn * PAGE);

			if (!page)
				continue;
			right = fwrite(&gfn, sizeof(gfn), 1, file) == 1 &&
				fwrite(page, PAGE, 1, file) == 1;
			lab_unmap(guest, page);
		}
	}
	if (file && fclose(file))
		right = false;
	return right ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct lab_guest guest;
	int status = 2;

	if (argc < 3)
		return 2;
	if (!lab_open(&guest, (uint32_t)atoi(argv[2])))
		return 1;
	if (!strcmp(argv[1], "freeze"))
		status = freeze(&guest);
	else if (!strcmp(argv[1], "suspend"))
		status = suspend(&guest);
	else if (!strcmp(argv[1], "tell"))
		status = tell(&guest);
	else if (!strcmp(argv[1], "memory") && argc == 4)
		status = memory(&guest, argv[3]);
	lab_close(&guest);
	return status;
}
