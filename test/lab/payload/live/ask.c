/* SPDX-License-Identifier: MIT */
/*
 * ask DOMID REQUEST [, REQUEST].. : have the test guest do something, and tell what it says of it,
 * a JSON object per line. A request is one of
 *
 *   VCPU OP [REGISTER=VALUE].. [times=N]   do it, N times, and wait; OP is a name of mailbox.h, in
 *                                          lower case; other registers hold patterns
 *   VCPU begin OP [REGISTER=VALUE]..       do not wait
 *   VCPU end                               wait for what was begun
 *   VCPU spin                              begin to count, until
 *   VCPU stop                              which also waits
 *
 * Exit status: 1 when something was not done within 10 s.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

enum { WAIT_MS = 10000 };

static const char *const operations[LAB_OPS] = {
	"nop",    "read",   "write",  "call",  "stos",     "movs",  "spin",   "count",
	"writes", "int3",   "int1",   "step",  "ud",       "cpuid", "cr0",    "cr3",
	"cr4",    "xsetbv", "wrmsr",  "rdmsr", "in",       "out",   "outs",   "sgdt",
	"lgdt",   "sidt",   "lidt",   "sldt",  "lldt",     "str",   "vmcall", "vmmcall",
	"vmfunc", "rdtsc",  "invlpg", "user",  "checksum", "state", "print",  "shutdown",
};
static const char *const registers[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",    "r8",
	"r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rflags",
};
static const char *const state_words[] = {
	"cr0",         "cr2",          "cr3",          "cr4",     "efer",      "star",
	"lstar",       "cstar",        "syscall_mask", "fs_base", "gs_base",   "kernel_gs_base",
	"sysenter_cs", "sysenter_esp", "sysenter_eip", "pat",     "gdtr.base", "idtr.base",
};
static const char *const state_halves[] = {
	"gdtr.limit", "idtr.limit", "cs", "ds", "es", "fs", "gs", "ss", "tr", "ldtr",
};

enum {
	REGISTERS = sizeof(registers) / sizeof(registers[0]),
	WORDS = sizeof(state_words) / sizeof(state_words[0]),
	HALVES = sizeof(state_halves) / sizeof(state_halves[0]),
};

/* The words of one request, and where we are in them. */
struct request {
	struct lab_guest *guest;
	char **word;
	int count;
	unsigned vcpu, times;
	uint32_t op;
	long waited_ms;
};

static struct lab_mailbox *mailbox(const struct request *r)
{
	return r->guest->mailbox[r->vcpu];
}

static void print_words(const char *key, const char *const *names, unsigned count,
			const uint64_t *words)
{
	printf(",\"%s\":{", key);
	for (unsigned i = 0; i < count; i++)
		printf("%s\"%s\":\"0x%" PRIx64 "\"", i ? "," : "", names[i], words[i]);
	putchar('}');
}

static void print_state(const struct lab_state *state)
{
	uint64_t halves[HALVES];

	for (unsigned i = 0; i < HALVES; i++)
		halves[i] = (&state->gdt_limit)[i];
	print_words("state", state_words, WORDS, &state->cr0);
	print_words("selectors", state_halves, HALVES, halves);
}

static bool tell(const struct request *r, bool done)
{
	const struct lab_mailbox *m = mailbox(r);

	printf("{\"vcpu\":%u,\"op\":\"%s\",\"done\":%s,\"waited_ms\":%ld", r->vcpu,
	       operations[r->op], done ? "true" : "false", r->waited_ms);
	if (m->fault)
		printf(",\"vector\":%u", m->fault - 1);
	printf(",\"fault_rip\":\"0x%" PRIx64 "\",\"counter\":%" PRIu64 ",\"root\":\"0x%" PRIx64
	       "\"",
	       m->fault_rip, m->counter, m->root);
	printf(",\"int1s\":%" PRIu64 ",\"int3s\":%" PRIu64, m->faults[1], m->faults[3]);
	print_words("in", registers, REGISTERS, &m->in.rax);
	print_words("out", registers, REGISTERS, &m->out.rax);
	if (r->op == LAB_OP_STATE)
		print_state(&m->state);
	printf("}\n");
	return done;
}

static bool set_register(struct request *r, const char *word)
{
	size_t length = strcspn(word, "=");

	if (!word[length])
		return false;
	uint64_t value = strtoull(word + length + 1, NULL, 0);
	if (!strncmp(word, "times", length)) {
		r->times = (unsigned)value;
		return true;
	}
	for (unsigned i = 0; i < REGISTERS; i++) {
		if (strlen(registers[i]) == length && !strncmp(registers[i], word, length)) {
			(&mailbox(r)->in.rax)[i] = value;
			return true;
		}
	}
	return false;
}

static bool find_operation(struct request *r, const char *name)
{
	for (r->op = 0; r->op < LAB_OPS; r->op++) {
		if (!strcmp(operations[r->op], name))
			return true;
	}
	return false;
}

static bool parse(struct request *r, int from)
{
	r->times = 1;
	if (from >= r->count || !find_operation(r, r->word[from]))
		return false;
	lab_patterns(&mailbox(r)->in);
	for (int i = from + 1; i < r->count; i++) {
		if (!set_register(r, r->word[i]))
			return false;
	}
	return true;
}

static void begin_spin(struct request *r)
{
	struct lab_mailbox *m = mailbox(r);
	uint64_t gpa = LAB_MAILBOX + r->vcpu * 4096ul;

	lab_patterns(&m->in);
	m->stop = 0;
	m->in.rdi = gpa + offsetof(struct lab_mailbox, counter);
	m->in.rsi = gpa + offsetof(struct lab_mailbox, stop);
	lab_begin(r->guest, r->vcpu, LAB_OP_SPIN);
}

static bool finish(struct request *r)
{
	struct timespec from, to;

	r->op = mailbox(r)->op;
	clock_gettime(CLOCK_MONOTONIC, &from);
	bool done = lab_end(r->guest, r->vcpu, WAIT_MS);
	clock_gettime(CLOCK_MONOTONIC, &to);
	r->waited_ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	return tell(r, done);
}

static bool serve(struct request *r)
{
	const char *first = r->count > 1 ? r->word[1] : "";

	r->vcpu = (unsigned)strtoul(r->word[0], NULL, 0);
	if (r->vcpu >= r->guest->vcpus)
		return false;
	if (!strcmp(first, "spin")) {
		begin_spin(r);
		return true;
	}
	if (!strcmp(first, "stop"))
		__atomic_store_n(&mailbox(r)->stop, 1, __ATOMIC_RELEASE);
	if (!strcmp(first, "stop") || !strcmp(first, "end"))
		return finish(r);
	bool only_begin = !strcmp(first, "begin");
	if (!parse(r, 1 + only_begin)) {
		fprintf(stderr, "ask: what is '%s'?\n", first);
		return false;
	}
	for (; r->times > 1; r->times--) {
		lab_begin(r->guest, r->vcpu, r->op);
		if (!lab_end(r->guest, r->vcpu, WAIT_MS))
			return tell(r, false);
	}
	lab_begin(r->guest, r->vcpu, r->op);
	return only_begin || finish(r);
}

int main(int argc, char **argv)
{
	struct lab_guest guest;
	bool done = argc > 2 && lab_open(&guest, (uint32_t)strtoul(argv[1], NULL, 0));

	for (int from = 2; done && from < argc;) {
		int to = from;

		while (to < argc && strcmp(argv[to], ",") != 0)
			to++;
		struct request r = {.guest = &guest, .word = argv + from, .count = to - from};
		done = r.count > 0 && serve(&r);
		from = to + 1;
	}
	if (argc > 2)
		lab_close(&guest);
	return !done;
}
