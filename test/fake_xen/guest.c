/* SPDX-License-Identifier: MIT */
/* The guests: programs of single operations, run against views and monitors. */

#include <string.h>

#include "inside.h"

/* A bound, so that a program without events ends a call at last. */
enum { RUN_MAX = 100000 };

/** What became of an operation. */
enum outcome {
	OUT_DONE,  /* go on to the next */
	OUT_EVENT, /* an event was raised: the vcpu may be paused now */
	OUT_WAIT,  /* no room in the ring */
};

static vm_event_request_t request_new(const struct fake_domain *d, const struct fake_vcpu *v,
				      uint32_t reason, bool sync)
{
	vm_event_request_t r = {
		.version = VM_EVENT_INTERFACE_VERSION,
		.reason = reason,
		.vcpu_id = (uint32_t)(v - d->vcpus),
		.flags = sync ? VM_EVENT_FLAG_VCPU_PAUSED : 0,
	};

	if (d->altp2m) {
		r.flags |= VM_EVENT_FLAG_ALTERNATE_P2M;
		r.altp2m_idx = v->view;
	}
	registers_to_event(v, &r.data.regs.x86);
	return r;
}

/* Raise it, and remember how to go on. */
static enum outcome raise(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			  const vm_event_request_t *r, enum fake_phase phase)
{
	if (!ring_put(m, d, v, r))
		return OUT_WAIT;
	v->phase = phase;
	return OUT_EVENT;
}

/* ---- memory --------------------------------------------------------------------------------- */

static enum outcome memory_event(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
				 uint64_t gpa, unsigned needed)
{
	vm_event_request_t r = request_new(d, v, VM_EVENT_REASON_MEM_ACCESS, true);

	/* EPT reports a write as a read as well. */
	if (needed & MEM_ACCESS_W)
		needed |= MEM_ACCESS_R;
	r.u.mem_access = (struct vm_event_mem_access){
		.gfn = gpa >> XC_PAGE_SHIFT,
		.offset = gpa & ~XC_PAGE_MASK,
		.gla = gpa,
		.flags = needed | MEM_ACCESS_GLA_VALID | MEM_ACCESS_FAULT_WITH_GLA,
	};
	return raise(m, d, v, &r, FAKE_RETRY);
}

/* The bytes at gpa as the vcpu sees them, or an event. *data NULL: a hole, which reads as ones. */
static enum outcome memory_reach(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
				 uint64_t gpa, unsigned needed, uint8_t **data)
{
	struct fake_entry *entry = view_entry(m, d, v->view, gpa >> XC_PAGE_SHIFT);

	*data = NULL;
	if (!entry)
		return OUT_DONE;
	if (needed & ~(unsigned)entry->access && !v->emulate) {
		if (d->ring.on)
			return memory_event(m, d, v, gpa, needed);
		/* Nobody listens: Xen lifts the restriction. */
		entry->access = XENMEM_access_rwx;
	}
	*data = frame_data(m, entry->frame) + (gpa & ~XC_PAGE_MASK);
	return OUT_DONE;
}

static enum outcome op_read(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			    const struct fake_op *op)
{
	uint8_t *data;
	enum outcome out = memory_reach(m, d, v, op->gpa, MEM_ACCESS_R, &data);

	if (out)
		return out;
	v->result = ~0ull;
	if (v->emulate & VM_EVENT_FLAG_SET_EMUL_READ_DATA)
		memcpy(&v->result, v->read_data.data, sizeof(v->result));
	else if (data)
		memcpy(&v->result, data, sizeof(v->result));
	return OUT_DONE;
}

static enum outcome op_write(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			     const struct fake_op *op)
{
	uint8_t *data;
	enum outcome out = memory_reach(m, d, v, op->gpa, MEM_ACCESS_W, &data);

	if (!out && data && !(v->emulate & VM_EVENT_FLAG_EMULATE_NOWRITE))
		memcpy(data, &op->value, sizeof(op->value));
	return out;
}

/* ---- exceptions ----------------------------------------------------------------------------- */

static vm_event_request_t trap_request(const struct fake_domain *d, const struct fake_vcpu *v,
				       uint32_t reason, uint64_t gpa, uint8_t type, bool sync)
{
	vm_event_request_t r = request_new(d, v, reason, sync);

	r.u.software_breakpoint = (struct vm_event_debug){
		.gfn = gpa >> XC_PAGE_SHIFT,
		.insn_length = 1,
		.type = type,
	};
	return r;
}

static enum outcome op_execute(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			       const struct fake_op *op)
{
	uint8_t *data;
	enum outcome out = memory_reach(m, d, v, op->gpa, MEM_ACCESS_X, &data);

	if (out || !data || *data != 0xcc || v->emulate & VM_EVENT_FLAG_SET_EMUL_INSN_DATA)
		return out;
	if (!d->ring.on || !d->monitors.breakpoint) {
		uint8_t *own = fake_page(m, d, op->gpa >> XC_PAGE_SHIFT);

		/* Is it in the guest's own memory, or one that somebody left in a view? */
		if (own[op->gpa & ~XC_PAGE_MASK] != 0xcc)
			d->harm.int3++;
		v->delivered[3]++;
		return OUT_DONE;
	}
	vm_event_request_t r =
		trap_request(d, v, VM_EVENT_REASON_SOFTWARE_BREAKPOINT, op->gpa, 6, true);
	return raise(m, d, v, &r, FAKE_RETRY);
}

static enum outcome op_icebp(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			     const struct fake_op *op)
{
	if (!d->ring.on || !d->monitors.debug) {
		v->delivered[1]++;
		return OUT_DONE;
	}
	vm_event_request_t r = trap_request(d, v, VM_EVENT_REASON_DEBUG_EXCEPTION, op->gpa, 5,
					    d->monitors.debug_sync);
	return raise(m, d, v, &r, d->monitors.debug_sync ? FAKE_RETRY : FAKE_FINISH);
}

/* ---- registers ------------------------------------------------------------------------------ */

static uint64_t *cr_place(struct fake_vcpu *v, uint32_t index)
{
	switch (index) {
	case VM_EVENT_X86_CR0:
		return &v->cpu.cr0;
	case VM_EVENT_X86_CR3:
		return &v->cpu.cr3;
	case VM_EVENT_X86_CR4:
		return &v->cpu.cr4;
	default:
		return &v->xcr0;
	}
}

static uint64_t *msr_place(struct fake_vcpu *v, uint32_t number)
{
	for (unsigned i = 0; i < FAKE_MSRS; i++) {
		if (!v->msrs[i].number)
			v->msrs[i].number = number;
		if (v->msrs[i].number == number)
			return &v->msrs[i].value;
	}
	return &v->msrs[0].value;
}

/* The write happens at once, or after the answer where DENY is to be honoured. */
static enum outcome write_register(struct fake_machine *m, struct fake_domain *d,
				   struct fake_vcpu *v, uint64_t *place, uint64_t value,
				   const vm_event_request_t *r)
{
	enum outcome out = raise(m, d, v, r, FAKE_FINISH);

	if (out == OUT_WAIT)
		return out;
	v->deferred = d->control_registers && r->flags & VM_EVENT_FLAG_VCPU_PAUSED;
	if (!v->deferred)
		*place = value;
	return out;
}

static enum outcome op_write_cr(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
				const struct fake_op *op)
{
	const struct fake_cr_monitor *c = &d->monitors.cr[op->index];
	uint64_t *place = cr_place(v, op->index);

	/* Whatever was asked for, some bit that is not ignored has to change. */
	if (!d->ring.on || !c->on || !((*place ^ op->value) & ~c->mask)) {
		*place = op->value;
		return OUT_DONE;
	}
	vm_event_request_t r = request_new(d, v, VM_EVENT_REASON_WRITE_CTRLREG, c->sync);
	r.u.write_ctrlreg = (struct vm_event_write_ctrlreg){
		.index = op->index, .new_value = op->value, .old_value = *place};
	return write_register(m, d, v, place, op->value, &r);
}

static enum outcome op_write_msr(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
				 const struct fake_op *op)
{
	uint64_t *place = msr_place(v, op->index);
	const struct fake_msr *on = NULL;

	for (unsigned i = 0; i < d->monitors.msr_count; i++)
		if (d->monitors.msrs[i].number == op->index)
			on = &d->monitors.msrs[i];
	if (!d->ring.on || !on || (on->value && *place == op->value)) {
		*place = op->value;
		return OUT_DONE;
	}
	vm_event_request_t r = request_new(d, v, VM_EVENT_REASON_MOV_TO_MSR, true);
	r.u.mov_to_msr = (struct vm_event_mov_to_msr){
		.msr = op->index, .new_value = op->value, .old_value = *place};
	return write_register(m, d, v, place, op->value, &r);
}

/* ---- the rest ------------------------------------------------------------------------------- */

static enum outcome op_other(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			     const struct fake_op *op)
{
	const struct fake_monitors *on = &d->monitors;
	vm_event_request_t r;

	if (op->kind == FAKE_CPUID && d->ring.on && on->cpuid) {
		r = request_new(d, v, VM_EVENT_REASON_CPUID, true);
		r.u.cpuid = (struct vm_event_cpuid){.insn_length = 2, .leaf = op->index};
		return raise(m, d, v, &r, FAKE_RETRY);
	}
	if (op->kind == FAKE_REQUEST && d->ring.on && on->request) {
		r = request_new(d, v, VM_EVENT_REASON_GUEST_REQUEST, on->request_sync);
		return raise(m, d, v, &r, FAKE_FINISH);
	}
	if (op->kind == FAKE_LGDT && d->ring.on && on->descriptor && !v->emulate) {
		r = request_new(d, v, VM_EVENT_REASON_DESCRIPTOR_ACCESS, true);
		r.u.desc_access.descriptor = VM_EVENT_DESC_GDTR;
		r.u.desc_access.is_write = 1;
		r.u.desc_access.arch.vmx.instr_info = 0x1f;
		return raise(m, d, v, &r, FAKE_RETRY);
	}
	return OUT_DONE;
}

static enum outcome op_run(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			   const struct fake_op *op)
{
	switch (op->kind) {
	case FAKE_READ:
		return op_read(m, d, v, op);
	case FAKE_WRITE:
		return op_write(m, d, v, op);
	case FAKE_EXECUTE:
		return op_execute(m, d, v, op);
	case FAKE_ICEBP:
		return op_icebp(m, d, v, op);
	case FAKE_WRITE_CR:
		return op_write_cr(m, d, v, op);
	case FAKE_WRITE_MSR:
		return op_write_msr(m, d, v, op);
	case FAKE_NOP:
	case FAKE_CPUID:
	case FAKE_REQUEST:
	case FAKE_LGDT:
		break;
	}
	return op_other(m, d, v, op);
}

/* ---- one step of a vcpu --------------------------------------------------------------------- */

bool vcpu_can_run(const struct fake_domain *d, const struct fake_vcpu *v)
{
	return v->online && !d->pauses && !d->shutdown && !v->event_pauses && !v->waiting;
}

/* The monitor trap flag fires behind every instruction. */
static void trap_step(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v)
{
	if (v->fast) {
		/* Before 4.19 it goes unnoticed without the singlestep monitor. */
		if (!d->monitors.singlestep && m->host.minor < 19)
			return;
		v->singlestep = v->fast = false;
		if (view_valid(d, v->fast_view))
			v->view = v->fast_view;
		else
			d->harm.bad_view++;
		return;
	}
	if (!d->ring.on || !d->monitors.singlestep)
		return;
	vm_event_request_t r = request_new(d, v, VM_EVENT_REASON_SINGLESTEP, true);
	r.u.singlestep.gfn = v->cpu.rip >> XC_PAGE_SHIFT;
	raise(m, d, v, &r, FAKE_FRESH);
}

static uint64_t op_rip(const struct fake_vcpu *v)
{
	const struct fake_op *op = &v->program[v->pc];

	return op->kind == FAKE_EXECUTE ? op->gpa : 0x100000u + v->pc * 16u;
}

static void op_end(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v)
{
	if (v->emulate)
		v->emulated++;
	v->emulate = 0;
	v->phase = FAKE_FRESH;
	v->executed++;
	if (++v->pc == v->ops) {
		v->pc = 0;
		v->repeat--;
	}
	v->cpu.rip = op_rip(v);
	if (v->singlestep)
		trap_step(m, d, v);
}

/* What waited for the answer: a deferred write, an injected exception, a new rip. */
static bool op_resumed(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v)
{
	const struct fake_op *op = &v->program[v->pc];

	if (v->deferred && !v->denied)
		*(op->kind == FAKE_WRITE_CR ? cr_place(v, op->index) : msr_place(v, op->index)) =
			op->value;
	v->deferred = v->denied = false;
	if (v->phase != FAKE_FINISH && v->cpu.rip == v->event_rip) {
		v->phase = FAKE_FRESH;
		return false;
	}
	op_end(m, d, v);
	return true;
}

/* An exception or interrupt is taken; it ends an operation that raised the same. */
static bool inject(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v)
{
	uint8_t vector = v->injection.vector;

	if (v->next_interrupt && d->ring.on) {
		vm_event_request_t r = request_new(d, v, VM_EVENT_REASON_INTERRUPT, true);

		r.u.interrupt.x86 = (struct vm_event_interrupt_x86){
			.vector = vector,
			.type = v->injection.type,
			.error_code = v->injection.error_code,
			.cr2 = v->injection.extra,
		};
		if (!ring_put(m, d, v, &r))
			return false;
		v->next_interrupt = false;
	}
	v->injection.pending = false;
	v->delivered[vector % 32]++;
	if (v->phase == FAKE_RETRY && (vector == 3 || vector == 1)) {
		/* after it the guest goes on behind the instruction */
		v->event_rip = ~0ull;
	}
	return true;
}

static bool vcpu_step(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v)
{
	if (!vcpu_can_run(d, v))
		return false;
	v->time += 1000;
	if (v->injection.pending)
		return inject(m, d, v);
	if (!v->repeat || !v->ops)
		return false;
	if (v->phase != FAKE_FRESH)
		return op_resumed(m, d, v) || vcpu_can_run(d, v);
	enum outcome out = op_run(m, d, v, &v->program[v->pc]);
	if (out == OUT_DONE)
		op_end(m, d, v);
	return out != OUT_WAIT;
}

uint64_t guests_run(struct fake_machine *m)
{
	uint64_t steps = 0;
	bool moved = true;

	while (moved && steps < RUN_MAX) {
		moved = false;
		for (unsigned i = 0; i < FAKE_DOMAINS; i++) {
			struct fake_domain *d = &m->domains[i];

			for (unsigned j = 0; d->used && j < d->vcpu_count; j++) {
				bool went = vcpu_step(m, d, &d->vcpus[j]);

				moved |= went;
				steps += went;
			}
		}
	}
	return steps;
}

void guests_autorun(struct fake_machine *m)
{
	if (!m->no_autorun)
		guests_run(m);
}

uint64_t fake_run(struct fake_machine *m)
{
	fake_lock(m);
	uint64_t steps = guests_run(m);
	fake_unlock(m);
	return steps;
}

void fake_program(struct fake_domain *d, unsigned vcpu, const struct fake_op *ops, unsigned count,
		  uint64_t repeat)
{
	struct fake_vcpu *v = &d->vcpus[vcpu];

	memcpy(v->program, ops, count * sizeof(*ops));
	v->ops = count;
	v->repeat = repeat;
	v->pc = 0;
	v->phase = FAKE_FRESH;
	v->cpu.rip = op_rip(v);
}

bool fake_done(const struct fake_domain *d, unsigned vcpu)
{
	const struct fake_vcpu *v = &d->vcpus[vcpu];

	return !v->repeat && !v->event_pauses && !v->waiting && !v->injection.pending;
}
