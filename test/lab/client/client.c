/* SPDX-License-Identifier: MIT */
/* The test guest as programs in dom0 see it. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

enum { POLL_US = 500 };

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The guest writes a word behind the compiler's back. */
static uint32_t load_32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

void *lab_map(const struct lab_guest *guest, uint64_t gpa)
{
	xen_pfn_t frame = gpa >> 12;
	int error = 0;
	void *page = xenforeignmemory_map(guest->memory, guest->domid, PROT_READ | PROT_WRITE, 1,
					  &frame, &error);

	return error ? NULL : page;
}

void lab_unmap(const struct lab_guest *guest, void *page)
{
	if (page)
		xenforeignmemory_unmap(guest->memory, page, 1);
}

static bool wait_ready(struct lab_guest *guest, unsigned vcpu)
{
	uint64_t end = milliseconds() + 10000;

	guest->mailbox[vcpu] = lab_map(guest, LAB_MAILBOX + vcpu * 4096ul);
	if (!guest->mailbox[vcpu]) {
		fprintf(stderr, "mapping the mailbox of vcpu %u: %s\n", vcpu, strerror(errno));
		return false;
	}
	while (__atomic_load_n(&guest->mailbox[vcpu]->ready, __ATOMIC_ACQUIRE) != LAB_READY) {
		if (milliseconds() > end) {
			fprintf(stderr, "vcpu %u is not ready after 10 s\n", vcpu);
			return false;
		}
		usleep(POLL_US);
	}
	return true;
}

bool lab_open(struct lab_guest *guest, uint32_t domid)
{
	*guest = (struct lab_guest){.domid = domid};
	guest->memory = xenforeignmemory_open(NULL, 0);
	if (!guest->memory) {
		fprintf(stderr, "opening xenforeignmemory: %s\n", strerror(errno));
		return false;
	}
	if (!wait_ready(guest, 0))
		return false;
	guest->vcpus = guest->mailbox[0]->vcpus;
	if (guest->vcpus < 1 || guest->vcpus > LAB_VCPUS) {
		fprintf(stderr, "a guest of %u vcpus\n", guest->vcpus);
		return false;
	}
	for (unsigned i = 1; i < guest->vcpus; i++) {
		if (!wait_ready(guest, i))
			return false;
	}
	return true;
}

void lab_close(struct lab_guest *guest)
{
	for (unsigned i = 0; i < LAB_VCPUS; i++)
		lab_unmap(guest, guest->mailbox[i]);
	if (guest->memory)
		xenforeignmemory_close(guest->memory);
}

void lab_patterns(struct lab_registers *in)
{
	uint64_t *word = &in->rax;

	for (unsigned i = 0; i < 16; i++)
		word[i] = 0x1000100010001000ull * (i + 1) ^ 0x5a5a;
}

void lab_begin(const struct lab_guest *guest, unsigned vcpu, uint32_t op)
{
	struct lab_mailbox *m = guest->mailbox[vcpu];

	m->op = op;
	__atomic_store_n(&m->request, m->request + 1, __ATOMIC_RELEASE);
}

bool lab_is_over(const struct lab_guest *guest, unsigned vcpu)
{
	const struct lab_mailbox *m = guest->mailbox[vcpu];

	return load_32(&m->done) == load_32(&m->request);
}

bool lab_end(const struct lab_guest *guest, unsigned vcpu, unsigned ms)
{
	uint64_t end = milliseconds() + ms;

	while (!lab_is_over(guest, vcpu)) {
		if (milliseconds() > end)
			return false;
		usleep(POLL_US);
	}
	return true;
}

bool lab_do(const struct lab_guest *guest, unsigned vcpu, uint32_t op)
{
	lab_begin(guest, vcpu, op);
	return lab_end(guest, vcpu, 10000);
}

unsigned lab_changed(const struct lab_mailbox *mailbox)
{
	const uint64_t *in = &mailbox->in.rax, *out = &mailbox->out.rax;
	unsigned changed = 0;

	for (unsigned i = 0; i < 16; i++)
		changed |= i != 4 && in[i] != out[i] ? 1u << i : 0;
	return changed;
}

/* The counts of a program of one thread, in one place. */
static unsigned *counts(void)
{
	static unsigned results[2];

	return results;
}

bool lab_result(bool holds, const char *name, const char *why, ...)
{
	char reason[80] = "";

	counts()[holds]++;
	if (!holds) {
		va_list list;

		va_start(list, why);
		vsnprintf(reason, sizeof(reason), why, list);
		va_end(list);
	}
	/* One write, less than Xen's console takes at once: nothing comes between. */
	printf("LAB %s %s%s%s\n", holds ? "ok" : "not-ok", name, holds ? "" : " ", reason);
	fflush(stdout);
	return holds;
}

int lab_status(void)
{
	printf("LAB plan %u\n", counts()[0] + counts()[1]);
	return counts()[0] != 0 || counts()[1] == 0;
}
