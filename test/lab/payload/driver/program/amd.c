/* SPDX-License-Identifier: MIT */
/* What Xen lacks on an AMD processor, in words; what it has there and not on Intel's; and a watcher
 * that is killed. */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { HVM_OP = 34, GUEST_REQUEST = 24, SETTLED_MS = 3000 };

const char *not_on_amd(const char *test)
{
	/* QEMU's SVM, up to 7.2, intercepts neither INT3 nor XSETBV, and has no ICEBP. */
	static const char qemu[] = "QEMU does not report it to Xen", ept[] = "Xen needs EPT",
			  vmcall[] = "the guest executes VMCALL";
	static const struct {
		const char *test, *why;
	} not [] = {
		{"xcr0", qemu},
		{"xcr0-deny-refused", qemu},
		{"breakpoint-reinject", qemu},
		{"breakpoint-skip", qemu},
		{"breakpoint-instruction", qemu},
		{"next-interrupt", qemu},
		{"debug-int1", qemu},
		{"hypercall", vmcall},
		{"hypercall-user", vmcall},
		{"vmexit", ept},
		{"reset-state", ept},
	};

	for (unsigned i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
		if (!strcmp(not [i].test, test))
			return not [i].why;
	}
	return NULL;
}

static bool refusals(struct bench *b)
{
	const struct vmi_monitor step = {.kind = VMI_MONITOR_SINGLESTEP};
	const struct vmi_monitor vmexit = {.kind = VMI_MONITOR_VMEXIT};
	unsigned access, options;
	uint16_t view;

	REFUSED(vmi_access_get(b->vm, 0, 0x10, &access, &options, &b->err), VMI_ERR_UNSUPPORTED,
		"on this target");
	REFUSED(vmi_access_set(b->vm, 0, 0x10, VMI_ACCESS_R, 0, &b->err), VMI_ERR_UNSUPPORTED,
		"on this target");
	REFUSED(vmi_view_create(b->vm, VMI_ACCESS_R, &view, &b->err), VMI_ERR_UNSUPPORTED,
		"on this target");
	REFUSED(monitor_on(b, &step), VMI_ERR_UNSUPPORTED, "cannot report singlestep");
	REFUSED(monitor_on(b, &vmexit), VMI_ERR_UNSUPPORTED, "cannot report VM exits");
	HOLDS(vmi_warning(b->vm, 0) && strstr(vmi_warning(b->vm, 0), "EPT"));
	return true;
}

static struct vmi_response step(struct watch *watch, const struct vmi_event *event)
{
	(void)watch, (void)event;
	return vmi_response_action(VMI_ACTION_SINGLESTEP);
}

static bool answer_refused(struct bench *b)
{
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	struct watch *w = watch_new(b, step);

	WORKS(monitor_on(b, &cpuid));
	HOLDS(perform(w, 0, LAB_OP_CPUID));
	HOLDS(w->count == 1 && w->refused == 1);
	HOLDS(strstr(w->refusal.text, "singlestep"));
	return true;
}

/* mov $HVM_OP, %eax; vmmcall; ret */
static bool hypercall(struct bench *b)
{
	static const uint8_t code[] = {0xb8, HVM_OP, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_HYPERCALL};
	struct watch *w = watch_new(b, NULL);
	uint8_t *scratch = lab_map(&b->guest, LAB_SCRATCH);

	HOLDS(scratch);
	memcpy(scratch, code, sizeof(code));
	mailbox(b, 0)->in.rax = LAB_SCRATCH;
	mailbox(b, 0)->in.rdi = GUEST_REQUEST;
	mailbox(b, 0)->in.rsi = 0;
	enum vmi_status st = monitor_on(b, &monitor);
	bool done = !st && perform(w, 0, LAB_OP_CALL);
	memset(scratch, 0, sizeof(code));
	lab_unmap(&b->guest, scratch);
	WORKS(st);
	HOLDS(done && w->count == 1 && w->event[0].reason == VMI_REASON_HYPERCALL);
	HOLDS(mailbox(b, 0)->out.rax == 0 && !mailbox(b, 0)->fault);
	return true;
}

static struct vmi_response slow(void *context, const struct vmi_event *event)
{
	(void)context, (void)event;
	usleep(5000);
	return vmi_response_default();
}

static _Noreturn void watcher_run(struct bench *b, int ready)
{
	const struct vmi_open_options options = {.size = sizeof(options), .driver = "xen"};
	const struct vmi_monitor cpuid = {.kind = VMI_MONITOR_CPUID};
	struct vmi *vm;
	enum vmi_status st = vmi_open(&vm, b->target, &options, &b->err);

	if (!st)
		st = vmi_monitor_enable(vm, &cpuid, &b->err);
	if (st || write(ready, "", 1) != 1)
		_exit(4);
	while (!st || st == VMI_ERR_TIMEOUT)
		st = vmi_event_wait(vm, 1000, slow, NULL, &b->err);
	_exit(3);
}

/* In the middle of a handler, with both vcpus waiting. The last test: our own ring has to go. */
static bool killed(struct bench *b)
{
	int pipes[2];
	char byte;

	vmi_close(b->vm);
	b->vm = NULL;
	HOLDS(!pipe(pipes));
	pid_t pid = fork();
	if (!pid)
		watcher_run(b, pipes[1]);
	close(pipes[1]);
	bool up = pid > 0 && read(pipes[0], &byte, 1) == 1;
	close(pipes[0]);
	HOLDS(up);
	watch_new(b, NULL);
	lab_begin(&b->guest, 0, LAB_OP_CPUID);
	lab_begin(&b->guest, 1, LAB_OP_CPUID);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	HOLDS(lab_end(&b->guest, 0, SETTLED_MS) && lab_end(&b->guest, 1, SETTLED_MS));
	usleep(SETTLED_MS * 100);
	return true;
}

void part_amd(struct bench *b)
{
	static const struct test tests[] = {
		{"amd-refusals", refusals},
		{"amd-answer-refused", answer_refused},
		{"amd-hypercall", hypercall},
		{"amd-SIGKILL", killed},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
