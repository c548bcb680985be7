/* SPDX-License-Identifier: MIT */
/* Registers, translation, strings and processes of a Linux, against what it says itself. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"

/* Linux, Documentation/x86/x86_64/mm.rst: the kernel's own mapping, and the tables of each cpu. */
static const uint64_t kernel_map = 0xffffffff80000000, text_offset = 0x1000000,
		      cpu_entry_area = 0xfffffe0000000000;

static bool registers(struct bench *b)
{
	for (unsigned vcpu = 0; vcpu < VCPUS; vcpu++) {
		struct vmi_registers regs = {0};

		WORKS(vmi_registers_get(b->vm, vcpu, &regs, &b->err));
		HOLDS(regs.value[VMI_LSTAR] == truth(b, "entry_SYSCALL_64"));
		HOLDS(regs.value[VMI_IDTR_BASE] == cpu_entry_area &&
		      regs.value[VMI_IDTR_LIMIT] == 0xfff);
		HOLDS(regs.value[VMI_CR0] & VMI_CR0_PG && regs.value[VMI_EFER] & VMI_EFER_LMA);
		HOLDS((regs.value[VMI_CS] & ~3ull) == ((regs.value[VMI_CS] & 3) ? 0x30 : 0x10));
	}
	HOLDS(vmi_info(b->vm)->vcpus == VCPUS);
	return true;
}

/* Every process that the guest counts is in its list of tasks. */
static bool processes(struct bench *b)
{
	unsigned count = 0, pid, parent;
	char comm[COMM_MAX + 1];

	if (!ask(b, "ps") || !tasks_read(b))
		return false;
	for (const char *at = b->said; (at = strstr(at, "GUEST ps ")); at++) {
		if (sscanf(at, "GUEST ps %u %u %16s", &pid, &parent, comm) != 3 ||
		    !strcmp(comm, "ps") || !strcmp(comm, "sed"))
			continue;
		const struct task *task = b->task;
		while (task < b->task + b->tasks && task->pid != pid)
			task++;
		if (task == b->task + b->tasks)
			continue; /* it lived for `ps` only */
		/* Of kernel threads ps shows more than the task's name holds. */
		if (strncmp(task->comm, comm, strlen(task->comm)))
			return fails(b, "pid %u is %s, not %s", pid, task->comm, comm);
		count++;
	}
	printf("%u tasks, %u of them by ps\n", b->tasks, count);
	HOLDS(count > 20 && count + 3 >= b->tasks);
	HOLDS(task_of_name(b, "lab-alpha") && task_of_name(b, "lab-alpha")->root);
	HOLDS(task_of_name(b, "lab-beta") && task_of_name(b, "lab-beta")->root);
	HOLDS(!task_of_name(b, "kthreadd")->root);
	return true;
}

/* What runs on a vcpu: its own pointer to the current task, in its own data. */
static bool current(struct bench *b)
{
	for (unsigned vcpu = 0; vcpu < VCPUS; vcpu++) {
		struct vmi_registers regs = {0};
		struct vmi_string comm = {0};
		uint64_t task;

		WORKS(vmi_registers_get(b->vm, vcpu, &regs, &b->err));
		bool user = regs.value[VMI_CS] & 3;
		uint64_t own = regs.value[user ? VMI_KERNEL_GS_BASE : VMI_GS_BASE];
		WORKS(vmi_read_pointer(b->vm, &b->kernel, own + truth(b, "current_task"), 0, &task,
				       &b->err));
		WORKS(vmi_string_read(b->vm, &b->kernel, task + truth(b, "task_struct.comm"),
				      VMI_UTF8, COMM_MAX, &comm, &b->err));
		char name[COMM_MAX + 1];
		snprintf(name, sizeof(name), "%s", comm.text);
		vmi_string_free(&comm);
		printf("vcpu %u runs %s\n", vcpu, name);
		HOLDS(!strncmp(name, "swapper/", 8) || task_of_name(b, name));
		HOLDS(strncmp(name, "swapper/", 8) || name[8] == (char)('0' + vcpu));
	}
	return true;
}

static bool translate_kernel(struct bench *b)
{
	static const char *const names[] = {"init_task", "version_proc_show", "entry_SYSCALL_64"};
	const uint64_t loaded = truth(b, ":text");
	struct vmi_translation t;

	HOLDS(loaded);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t at = truth(b, names[i]);
		HOLDS(at > kernel_map);
		WORKS(vmi_translate(b->vm, &b->kernel, at, &t, &b->err));
		if (t.gpa != at - kernel_map - text_offset + loaded || t.user)
			return fails(b, "%s is at gpa 0x%" PRIx64, names[i], t.gpa);
	}
	/* Text is mapped by large pages. */
	HOLDS(t.page_shift == 21 && t.access & VMI_ACCESS_X);
	return true;
}

/* A process's arguments: where the guest says they are, in which frame, and what they are. */
static bool arguments(struct bench *b, const char *name, const char *secret)
{
	const struct task *task = task_of_name(b, name);
	const char *const expected[] = {"/bin/sh", NULL, secret};
	struct vmi_space space;
	struct vmi_translation t;
	uint64_t address, frame, start, at;
	char words[32];

	HOLDS(task);
	snprintf(words, sizeof(words), "args %u", task->pid);
	if (!ask(b, words))
		return false;
	const char *answer = strstr(b->said, "GUEST args");
	HOLDS(answer &&
	      sscanf(answer, "GUEST args %*u %" SCNx64 " %" SCNx64, &address, &frame) == 2);
	WORKS(vmi_read_pointer(b->vm, &b->kernel, task->mm + truth(b, "mm_struct.arg_start"), 0,
			       &start, &b->err));
	HOLDS(start == address);
	WORKS(vmi_space_of_root(b->vm, task->root, VMI_MODE_AUTO, &space, NULL, &b->err));
	WORKS(vmi_translate(b->vm, &space, address, &t, &b->err));
	HOLDS(t.gpa >> 12 == frame && (t.gpa & 0xfff) == (address & 0xfff));
	HOLDS(t.user && t.page_shift == 12);
	/* After a fork, until the next write, a stack is not writable. */
	HOLDS((t.access & ~VMI_ACCESS_W) == VMI_ACCESS_R);
	at = address;
	for (unsigned i = 0; i < 3; i++) {
		struct vmi_string text = {0};
		WORKS(vmi_string_read(b->vm, &space, at, VMI_UTF8, 0, &text, &b->err));
		const char *last = strrchr(text.text, '/');
		bool same = expected[i] ? !strcmp(text.text, expected[i])
					: !strcmp(last ? last + 1 : text.text, name);
		at += text.length + 1;
		vmi_string_free(&text);
		HOLDS(same);
	}
	return true;
}

static bool user_alpha(struct bench *b)
{
	return arguments(b, "lab-alpha", "alpha-secret-1");
}

static bool user_beta(struct bench *b)
{
	return arguments(b, "lab-beta", "beta-secret-2");
}

/* The same address leads elsewhere in another process, and nowhere in none. */
static bool spaces_apart(struct bench *b)
{
	const struct task *alpha = task_of_name(b, "lab-alpha");
	struct vmi_translation t;
	uint64_t start;

	HOLDS(alpha && alpha->root);
	WORKS(vmi_read_pointer(b->vm, &b->kernel, alpha->mm + truth(b, "mm_struct.arg_start"), 0,
			       &start, &b->err));
	REFUSED(vmi_translate(b->vm, &b->kernel, start, &t, &b->err), VMI_ERR_NOT_PRESENT, "0x");
	return true;
}

static bool takes_nothing(struct bench *b)
{
	return is_free(b);
}

void part_reading(struct bench *b)
{
	static const struct test tests[] = {
		{"registers", registers},        {"processes", processes},
		{"current-tasks", current},      {"translate-kernel", translate_kernel},
		{"arguments-alpha", user_alpha}, {"arguments-beta", user_beta},
		{"spaces-apart", spaces_apart},  {"reading-takes-nothing", takes_nothing},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
