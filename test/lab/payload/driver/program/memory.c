/* SPDX-License-Identifier: MIT */
/* Accesses that are forbidden in the guest's own view: what is reported, and every answer. */

#include <inttypes.h>
#include <string.h>

#include "bench.h"

enum { R = VMI_ACCESS_R, W = VMI_ACCESS_W, X = VMI_ACCESS_X, ALL = R | W | X };

static enum vmi_status restrict_to(struct bench *b, vmi_gpa gpa, unsigned access)
{
	return vmi_access_set(b->vm, 0, gpa >> VMI_PAGE_SHIFT, access, 0, &b->err);
}

/* Let it happen, for ever. */
static struct vmi_response lift(struct watch *watch, const struct vmi_event *event)
{
	struct bench *b = watch->bench;

	if (event->reason == VMI_REASON_MEMORY_ACCESS)
		watch->refused += restrict_to(b, event->u.memory.gpa, ALL) != VMI_OK;
	return vmi_response_default();
}

static struct vmi_response act(struct watch *watch, const struct vmi_event *event)
{
	(void)event;
	return vmi_response_action((enum vmi_action)watch->value);
}

static uint64_t word_at(struct bench *b, vmi_gpa gpa)
{
	uint64_t value = 0;

	vmi_page_cache_flush(b->vm);
	return vmi_read_u64(b->vm, NULL, gpa, &value, &b->err) ? 0 : value;
}

static bool do_write(struct watch *w, uint64_t gva, uint64_t value)
{
	mailbox(w->bench, 0)->in.rax = value;
	mailbox(w->bench, 0)->in.rdi = gva;
	return perform(w, 0, LAB_OP_WRITE);
}

static bool do_read(struct watch *w, uint64_t gva)
{
	mailbox(w->bench, 0)->in.rsi = gva;
	return perform(w, 0, LAB_OP_READ);
}

static bool do_call(struct watch *w, uint64_t gva)
{
	mailbox(w->bench, 0)->in.rax = gva;
	return perform(w, 0, LAB_OP_CALL);
}

/* ---- what is reported ------------------------------------------------------------------------ */

static bool write_lifted(struct bench *b)
{
	struct watch *w = watch_new(b, lift);
	const struct vmi_event *e = &w->event[0];

	WORKS(restrict_to(b, LAB_SCRATCH, R | X));
	if (!do_write(w, LAB_SCRATCH + 0x18, 0x51))
		return false;
	HOLDS(w->count == 1 && !w->refused && e->reason == VMI_REASON_MEMORY_ACCESS);
	HOLDS(e->u.memory.gpa == LAB_SCRATCH + 0x18 && (e->u.memory.access & W));
	HOLDS(e->u.memory.gva_valid && e->u.memory.gva == LAB_SCRATCH + 0x18);
	HOLDS(e->u.memory.on_gva && !e->u.memory.in_tables);
	HOLDS(e->registers.value[VMI_RDI] == LAB_SCRATCH + 0x18);
	HOLDS(e->registers.value[VMI_CR3] == mailbox(b, 0)->root);
	HOLDS(!vmi_register_has(&e->registers, VMI_CSTAR) &&
	      !strcmp(e->registers.source, "xen-event"));
	HOLDS(word_at(b, LAB_SCRATCH + 0x18) == 0x51);
	HOLDS(do_write(w, LAB_SCRATCH + 0x18, 0) && w->count == 1);
	return true;
}

static bool read_lifted(struct bench *b)
{
	struct watch *w = watch_new(b, lift);

	WORKS(restrict_to(b, LAB_DATA, X));
	HOLDS(do_read(w, LAB_ALIAS + LAB_DATA + 8));
	HOLDS(w->count == 1 && !w->refused && (w->event[0].u.memory.access & R));
	HOLDS(w->event[0].u.memory.gva == LAB_ALIAS + LAB_DATA + 8);
	HOLDS(mailbox(b, 0)->out.rax == 0xd0d0d0d0d0d0d0d0);
	return true;
}

static bool execute_lifted(struct bench *b)
{
	struct watch *w = watch_new(b, lift);

	WORKS(restrict_to(b, LAB_CODE, R | W));
	HOLDS(do_call(w, LAB_CODE));
	HOLDS(w->count == 1 && w->event[0].u.memory.access == X);
	HOLDS(w->event[0].registers.value[VMI_RIP] == LAB_CODE);
	HOLDS(mailbox(b, 0)->out.rax == 0x1111);
	return true;
}

/* The walk of the guest's tables: at the second root, the entry for what is read. */
static bool table_walk(struct bench *b)
{
	struct watch *w = watch_new(b, lift);
	struct vmi_space space;
	struct vmi_walk walk;
	uint64_t root = mailbox(b, 0)->root;

	WORKS(vmi_space_of_root(b->vm, root, VMI_MODE_4LEVEL, &space, NULL, &b->err));
	WORKS(vmi_walk(b->vm, &space, LAB_TRUTH + 0x1000, &walk, &b->err));
	vmi_gpa table = walk.step[walk.count - 1].entry_gpa;
	WORKS(restrict_to(b, table, X));
	mailbox(b, 0)->in.rax = root;
	HOLDS(perform(w, 0, LAB_OP_CR3));
	HOLDS(do_read(w, LAB_TRUTH + 0x1040));
	HOLDS(w->count >= 1 && !w->refused && w->event[0].u.memory.in_tables);
	HOLDS(w->event[0].u.memory.gpa >> 12 == table >> 12);
	HOLDS(mailbox(b, 0)->out.rax == LAB_TRUTH_FRAMES);
	return true;
}

/* The other vcpu is reported as itself. */
static bool second_vcpu(struct bench *b)
{
	struct watch *w = watch_new(b, lift);

	WORKS(restrict_to(b, LAB_CODE_2, R));
	mailbox(b, 1)->in.rax = LAB_CODE_2;
	HOLDS(perform(w, 1, LAB_OP_CALL));
	HOLDS(w->count == 1 && w->event[0].vcpu == 1);
	HOLDS(mailbox(b, 1)->out.rax == 0x2222);
	return true;
}

/* ---- answers -------------------------------------------------------------------------------- */

static bool emulate(struct bench *b)
{
	struct watch *w = watch_new(b, act);

	w->value = VMI_ACTION_EMULATE;
	WORKS(restrict_to(b, LAB_SCRATCH, R | X));
	HOLDS(do_write(w, LAB_SCRATCH, 0xabc) && w->count == 1);
	HOLDS(word_at(b, LAB_SCRATCH) == 0xabc);
	HOLDS(do_write(w, LAB_SCRATCH, 0) && w->count == 2 && !w->refused);
	HOLDS(word_at(b, LAB_SCRATCH) == 0);
	return true;
}

static bool emulate_no_write(struct bench *b)
{
	struct watch *w = watch_new(b, act);

	w->value = VMI_ACTION_EMULATE_NO_WRITE;
	WORKS(restrict_to(b, LAB_SCRATCH, R | X));
	HOLDS(do_write(w, LAB_SCRATCH, 0x20) && w->count == 1 && !w->refused);
	HOLDS(word_at(b, LAB_SCRATCH) == 0 && !lab_changed(mailbox(b, 0)));
	return true;
}

static struct vmi_response read_other(struct watch *watch, const struct vmi_event *event)
{
	(void)event;
	return vmi_response_with_data(VMI_ACTION_EMULATE_READ_DATA, &watch->value, 8);
}

static bool emulate_read_data(struct bench *b)
{
	struct watch *w = watch_new(b, read_other);

	w->value = 0x1122334455667788;
	WORKS(restrict_to(b, LAB_DATA, 0));
	HOLDS(do_read(w, LAB_DATA) && w->count == 1 && !w->refused);
	HOLDS(mailbox(b, 0)->out.rax == 0x1122334455667788);
	return true;
}

static struct vmi_response go_to_other(struct watch *watch, const struct vmi_event *event)
{
	struct vmi_registers regs = event->registers;

	regs.value[VMI_RIP] = LAB_CODE_2;
	lift(watch, event);
	return vmi_response_with_registers(vmi_response_default(), &regs);
}

static bool set_registers(struct bench *b)
{
	struct watch *w = watch_new(b, go_to_other);

	WORKS(restrict_to(b, LAB_CODE, R | W));
	HOLDS(do_call(w, LAB_CODE) && w->count == 1);
	HOLDS(mailbox(b, 0)->out.rax == 0x2222 && lab_changed(mailbox(b, 0)) == 1);
	return true;
}

/* Step while in the page of nops. */
static struct vmi_response step_through(struct watch *watch, const struct vmi_event *event)
{
	lift(watch, event);
	if (event->reason == VMI_REASON_SINGLESTEP &&
	    event->registers.value[VMI_RIP] >> 12 != LAB_NOPS >> 12)
		return vmi_response_default();
	return vmi_response_action(VMI_ACTION_SINGLESTEP);
}

static bool singlestep(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_SINGLESTEP};
	struct watch *w = watch_new(b, step_through);

	WORKS(monitor_on(b, &monitor));
	WORKS(restrict_to(b, LAB_NOPS, R | W));
	HOLDS(do_call(w, LAB_NOPS));
	WORKS(monitor_off(b, &monitor));
	if (w->count != 1 + LAB_NOP_COUNT + 1)
		return fails(b, "%u events: %s", w->count, w->refusal.text);
	for (unsigned i = 1; i <= LAB_NOP_COUNT; i++) {
		HOLDS(w->event[i].reason == VMI_REASON_SINGLESTEP);
		HOLDS(w->event[i].registers.value[VMI_RIP] == LAB_NOPS + i);
		HOLDS(w->event[i].u.singlestep.gfn == LAB_NOPS >> 12);
	}
	HOLDS(!lab_changed(mailbox(b, 0)));
	return true;
}

/* One step is one event: what is not asked for again does not come. */
static struct vmi_response step_once(struct watch *watch, const struct vmi_event *event)
{
	if (event->reason == VMI_REASON_SINGLESTEP) {
		restrict_to(watch->bench, LAB_SCRATCH, R | X);
		return vmi_response_default();
	}
	lift(watch, event);
	return vmi_response_action(VMI_ACTION_SINGLESTEP);
}

static bool singlestep_once(struct bench *b)
{
	const struct vmi_monitor monitor = {.kind = VMI_MONITOR_SINGLESTEP};
	struct watch *w = watch_new(b, step_once);

	WORKS(monitor_on(b, &monitor));
	WORKS(restrict_to(b, LAB_SCRATCH, R | X));
	mailbox(b, 0)->in.rcx = 5;
	mailbox(b, 0)->in.rdi = LAB_SCRATCH;
	HOLDS(perform(w, 0, LAB_OP_WRITES));
	HOLDS(w->count == 10 && !w->refused);
	HOLDS(word_at(b, LAB_SCRATCH) == 1);
	w->answer = lift;
	HOLDS(do_write(w, LAB_SCRATCH, 0));
	return true;
}

/* ---- access and refusals --------------------------------------------------------------------- */

static bool access_known(struct bench *b)
{
	static const unsigned each[] = {0, R, R | W, R | X, X, ALL};
	unsigned access = 99, options = 99;

	for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		WORKS(restrict_to(b, LAB_DATA, each[i]));
		WORKS(vmi_access_get(b->vm, 0, LAB_DATA >> 12, &access, &options, &b->err));
		HOLDS(access == each[i] && options == 0);
	}
	return true;
}

static bool access_refused(struct bench *b)
{
	unsigned access;

	REFUSED(restrict_to(b, LAB_DATA, W), VMI_ERR_ARG, "written but not read");
	REFUSED(restrict_to(b, 0x12345678000, R), VMI_ERR_NOT_FOUND, "no memory");
	REFUSED(vmi_access_set(b->vm, 77, LAB_DATA >> 12, R, 0, &b->err), VMI_ERR_ARG,
		"no view 77");
	REFUSED(vmi_access_get(b->vm, 77, LAB_DATA >> 12, &access, NULL, &b->err), VMI_ERR_ARG,
		"no view 77");
	REFUSED(vmi_access_set(b->vm, 0, LAB_DATA >> 12, R, VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES,
			       &b->err),
		VMI_ERR_UNSUPPORTED, "4.20");
	return true;
}

static struct vmi_response deny_once(struct watch *watch, const struct vmi_event *event)
{
	lift(watch, event);
	return vmi_response_action(VMI_ACTION_DENY);
}

static bool deny_refused(struct bench *b)
{
	struct watch *w = watch_new(b, deny_once);

	WORKS(restrict_to(b, LAB_SCRATCH, R | X));
	HOLDS(do_write(w, LAB_SCRATCH, 0) && w->count == 1);
	HOLDS(w->refused == 1 && strstr(w->refusal.text, "can be denied"));
	return true;
}

/* The simple vocabulary, on the same guest. */
static bool intercepts(struct bench *b)
{
	const struct vmi_intercept cr3 = {.kind = VMI_INTERCEPT_CR3};
	struct vmi_intercepted e;

	watch_new(b, NULL);
	WORKS(vmi_intercept_enable(b->vm, 1, &cr3, &b->err));
	mailbox(b, 1)->in.rax = LAB_ROOT_2;
	lab_begin(&b->guest, 1, LAB_OP_CR3);
	WORKS(vmi_intercept_listen(b->vm, 2000, &e, &b->err));
	HOLDS(e.vcpu == 1 && e.kind == VMI_INTERCEPT_CR3 && e.new_value == LAB_ROOT_2);
	HOLDS(e.old_value == mailbox(b, 1)->root);
	WORKS(vmi_intercept_continue(b->vm, &e, &b->err));
	HOLDS(lab_end(&b->guest, 1, 1000));
	WORKS(vmi_intercept_disable(b->vm, 1, &cr3, &b->err));
	mailbox(b, 1)->in.rax = mailbox(b, 1)->root;
	HOLDS(lab_do(&b->guest, 1, LAB_OP_CR3));
	return true;
}

void part_memory(struct bench *b)
{
	static const struct test tests[] = {
		{"write-lifted", write_lifted},
		{"read-lifted", read_lifted},
		{"execute-lifted", execute_lifted},
		{"table-walk", table_walk},
		{"second-vcpu", second_vcpu},
		{"emulate", emulate},
		{"emulate-no-write", emulate_no_write},
		{"emulate-read-data", emulate_read_data},
		{"set-registers", set_registers},
		{"singlestep", singlestep},
		{"singlestep-once", singlestep_once},
		{"access-known", access_known},
		{"access-refused", access_refused},
		{"memory-deny-refused", deny_refused},
		{"intercepts", intercepts},
	};

	run_tests(b, tests, sizeof(tests) / sizeof(tests[0]));
}
