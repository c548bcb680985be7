/* SPDX-License-Identifier: MIT */
/* The monitor ring from Xen's side: requests go in, answers come out and take effect. */

#include <errno.h>
#include <string.h>

#include "inside.h"

static struct vm_event_sring *sring_of(struct fake_machine *m, const struct fake_domain *d)
{
	return (struct vm_event_sring *)(void *)frame_data(m, d->ring.frame);
}

struct vm_event_sring *fake_sring(struct fake_machine *m, struct fake_domain *d)
{
	return d->ring.on ? sring_of(m, d) : NULL;
}

int ring_enable(struct fake_machine *m, struct fake_domain *d, uint32_t *port)
{
	struct fake_entry *entry = entry_find(d, d->params[HVM_PARAM_MONITOR_RING_PFN]);
	uint32_t free = 0;

	if (d->type == FAKE_PV || d->no_hap)
		return ENODEV;
	if (d->ring.on)
		return EBUSY;
	if (d->dying)
		return EINVAL;
	if (!entry)
		return EINVAL;
	while (free < FAKE_PORTS && m->ports[free].used)
		free++;
	if (free == FAKE_PORTS)
		return ENOSPC;
	m->ports[free] = (struct fake_port){
		.used = true, .masked = false, .domain = (int)(d - m->domains), .handle = -1};
	d->ring = (struct fake_ring){.on = true, .frame = entry->frame, .port = free};

	struct vm_event_sring *s = sring_of(m, d);
	SHARED_RING_INIT(s);
	/* The guest's end of the channel has a number of its own. */
	*port = free + 100;
	return 0;
}

int ring_disable(struct fake_machine *m, struct fake_domain *d)
{
	if (!d->ring.on)
		return EINVAL;
	for (unsigned i = 0; i < d->vcpu_count; i++)
		if (d->vcpus[i].waiting)
			return EBUSY;
	/* A vcpu that waits for an answer goes on waiting: Xen does not look at those. */
	m->ports[d->ring.port].used = false;
	d->ring.on = false;
	memset(&d->monitors, 0, sizeof(d->monitors));
	/* With the monitors goes what a vcpu has still to write. */
	for (unsigned i = 0; i < d->vcpu_count; i++)
		d->vcpus[i].denied |= d->vcpus[i].deferred;
	guests_autorun(m);
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* A limit in pages is sent in pages: twenty bits hold it. */
static struct vm_event_x86_selector_reg selector(uint32_t limit, uint32_t access)
{
	struct vm_event_x86_selector_reg reg = {0};

	limit = access & 0x800 ? limit >> 12 : limit;
	reg.limit = limit & 0xfffffu;
	reg.ar = access & 0xfffu;
	return reg;
}

void registers_to_event(const struct fake_vcpu *v, struct vm_event_regs_x86 *r)
{
	const struct hvm_hw_cpu *c = &v->cpu;

	*r = (struct vm_event_regs_x86){
		.rax = c->rax,
		.rcx = c->rcx,
		.rdx = c->rdx,
		.rbx = c->rbx,
		.rsp = c->rsp,
		.rbp = c->rbp,
		.rsi = c->rsi,
		.rdi = c->rdi,
		.r8 = c->r8,
		.r9 = c->r9,
		.r10 = c->r10,
		.r11 = c->r11,
		.r12 = c->r12,
		.r13 = c->r13,
		.r14 = c->r14,
		.r15 = c->r15,
		.rflags = c->rflags,
		.dr6 = c->dr6,
		.dr7 = c->dr7,
		.rip = c->rip,
		.cr0 = c->cr0,
		.cr2 = c->cr2,
		.cr3 = c->cr3,
		.cr4 = c->cr4,
		.sysenter_cs = c->sysenter_cs,
		.sysenter_esp = c->sysenter_esp,
		.sysenter_eip = c->sysenter_eip,
		.msr_efer = c->msr_efer,
		.msr_star = c->msr_star,
		.msr_lstar = c->msr_lstar,
		.gdtr_base = c->gdtr_base,
		.gdtr_limit = (uint16_t)c->gdtr_limit,
		.vmtrace_pos = ~0ull,
		.shadow_gs = c->shadow_gs,
		.cs_base = (uint32_t)c->cs_base,
		.ss_base = (uint32_t)c->ss_base,
		.ds_base = (uint32_t)c->ds_base,
		.es_base = (uint32_t)c->es_base,
		.fs_base = c->fs_base,
		.gs_base = c->gs_base,
		.cs_sel = (uint16_t)c->cs_sel,
		.ss_sel = (uint16_t)c->ss_sel,
		.ds_sel = (uint16_t)c->ds_sel,
		.es_sel = (uint16_t)c->es_sel,
		.fs_sel = (uint16_t)c->fs_sel,
		.gs_sel = (uint16_t)c->gs_sel,
	};
	r->cs = selector(c->cs_limit, c->cs_arbytes);
	r->ss = selector(c->ss_limit, c->ss_arbytes);
}

bool ring_put(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
	      const vm_event_request_t *request)
{
	struct vm_event_sring *s = sring_of(m, d);
	struct fake_ring *ring = &d->ring;

	if ((int32_t)(ring->req_prod - ring->rsp_cons) >= FAKE_RING_SLOTS) {
		v->waiting = true;
		return false;
	}
	unsigned slot = ring->req_prod % FAKE_RING_SLOTS;
	memcpy(&s->ring[slot].req, request, sizeof(*request));
	ring->req_prod++;
	__atomic_store_n(&s->req_prod, ring->req_prod, __ATOMIC_RELEASE);
	if (request->flags & VM_EVENT_FLAG_VCPU_PAUSED) {
		v->event_pauses++;
		v->open_sync++;
	} else {
		v->open_async++;
	}
	v->posted++;
	v->event_rip = v->cpu.rip;
	port_raise(m, ring->port);
	return true;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void take_registers(struct fake_vcpu *v, const struct vm_event_regs_x86 *r)
{
	v->cpu.rax = r->rax;
	v->cpu.rbx = r->rbx;
	v->cpu.rcx = r->rcx;
	v->cpu.rdx = r->rdx;
	v->cpu.rsp = r->rsp;
	v->cpu.rbp = r->rbp;
	v->cpu.rsi = r->rsi;
	v->cpu.rdi = r->rdi;
	v->cpu.r8 = r->r8;
	v->cpu.r9 = r->r9;
	v->cpu.r10 = r->r10;
	v->cpu.r11 = r->r11;
	v->cpu.r12 = r->r12;
	v->cpu.r13 = r->r13;
	v->cpu.r14 = r->r14;
	v->cpu.r15 = r->r15;
	v->cpu.rflags = r->rflags;
	v->cpu.rip = r->rip;
}

/* Is there still something to emulate? Xen looks at the access details that come back. */
static bool violates(struct fake_machine *m, struct fake_domain *d, const struct fake_vcpu *v,
		     const struct vm_event_mem_access *a)
{
	struct fake_entry *entry = view_entry(m, d, v->view, a->gfn);

	return entry && a->flags & MEM_ACCESS_RWX & ~(unsigned)entry->access;
}

static void emulate_check(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			  const vm_event_response_t *r)
{
	if (!(r->flags & VM_EVENT_FLAG_EMULATE))
		return;
	if (r->reason == VM_EVENT_REASON_MEM_ACCESS && violates(m, d, v, &r->u.mem_access)) {
		v->emulate = r->flags;
		v->read_data = r->data.emul.read;
	} else if (r->reason == VM_EVENT_REASON_SOFTWARE_BREAKPOINT &&
		   r->flags & VM_EVENT_FLAG_SET_EMUL_INSN_DATA) {
		v->emulate = r->flags;
	} else if (r->reason == VM_EVENT_REASON_DESCRIPTOR_ACCESS) {
		v->emulate = r->flags;
	}
}

static void step_check(struct fake_machine *m, struct fake_vcpu *v, const vm_event_response_t *r)
{
	if (r->flags & VM_EVENT_FLAG_TOGGLE_SINGLESTEP) {
		v->singlestep = !v->singlestep;
		v->fast = false;
	} else if (r->flags & VM_EVENT_FLAG_FAST_SINGLESTEP) {
		/* Out of range, or without the hardware: nothing, and nobody is told. */
		if (m->host.no_mtf || r->u.fast_singlestep.p2midx >= FAKE_VIEWS)
			return;
		v->singlestep = v->fast = true;
		v->fast_view = r->u.fast_singlestep.p2midx;
	}
}

/* What an answer does to a vcpu that waits for it. */
static void answer_paused(struct fake_machine *m, struct fake_domain *d, struct fake_vcpu *v,
			  const vm_event_response_t *r)
{
	emulate_check(m, d, v, r);
	if (r->flags & VM_EVENT_FLAG_DENY && (r->reason == VM_EVENT_REASON_MOV_TO_MSR ||
					      (r->reason == VM_EVENT_REASON_WRITE_CTRLREG &&
					       r->u.write_ctrlreg.index <= VM_EVENT_X86_CR4)))
		v->denied = true;
	step_check(m, v, r);
	if (r->flags & VM_EVENT_FLAG_ALTERNATE_P2M) {
		if (view_valid(d, r->altp2m_idx))
			v->view = r->altp2m_idx;
		else
			d->harm.bad_view++;
	}
	if (r->flags & VM_EVENT_FLAG_SET_REGISTERS)
		take_registers(v, &r->data.regs.x86);
	if (r->flags & VM_EVENT_FLAG_GET_NEXT_INTERRUPT)
		v->next_interrupt = true;
	if (r->flags & VM_EVENT_FLAG_VCPU_PAUSED)
		v->event_pauses--;
}

/* Xen does not care which slot an answer comes in, and so does not tell one too many or too few. */
static void answer_count(struct fake_domain *d, struct fake_vcpu *v, bool sync)
{
	unsigned *open = sync ? &v->open_sync : &v->open_async;

	v->answered++;
	if (*open)
		(*open)--;
	else if (sync)
		d->harm.underflow++;
	else
		d->harm.unpaused++;
}

static void answer_take(struct fake_machine *m, struct fake_domain *d, const vm_event_response_t *r)
{
	if (r->version != VM_EVENT_INTERFACE_VERSION) {
		d->harm.version++;
		return;
	}
	if (r->vcpu_id >= d->vcpu_count) {
		d->harm.stray++;
		return;
	}
	struct fake_vcpu *v = &d->vcpus[r->vcpu_id];
	answer_count(d, v, r->flags & VM_EVENT_FLAG_VCPU_PAUSED);
	v->last_answer = *r;
	if (v->event_pauses)
		answer_paused(m, d, v, r);
}

int ring_resume(struct fake_machine *m, struct fake_domain *d)
{
	struct fake_ring *ring = &d->ring;

	if (!ring->on)
		return ENODEV;
	struct vm_event_sring *s = sring_of(m, d);
	RING_IDX prod = __atomic_load_n(&s->rsp_prod, __ATOMIC_ACQUIRE);
	/* Xen takes answers that nobody asked for, as many as the index says; here a ringful of
	 * them. */
	if ((int32_t)(prod - ring->req_prod) > 0) {
		d->harm.overflow++;
		if (prod - ring->rsp_cons > FAKE_RING_SLOTS)
			ring->rsp_cons = prod - FAKE_RING_SLOTS;
	}
	while (ring->rsp_cons != prod) {
		unsigned slot = ring->rsp_cons % FAKE_RING_SLOTS;
		vm_event_response_t response;

		memcpy(&response, &s->ring[slot].rsp, sizeof(response));
		ring->rsp_cons++;
		__atomic_store_n(&s->rsp_event, ring->rsp_cons + 1, __ATOMIC_RELAXED);
		answer_take(m, d, &response);
		for (unsigned i = 0; i < d->vcpu_count; i++)
			d->vcpus[i].waiting = false;
	}
	guests_autorun(m);
	return 0;
}

/* ---- for tests ------------------------------------------------------------------------------ */

bool fake_post(struct fake_machine *m, struct fake_domain *d, unsigned vcpu,
	       const vm_event_request_t *request)
{
	vm_event_request_t full = *request;

	fake_lock(m);
	full.vcpu_id = vcpu;
	if (!full.version)
		full.version = VM_EVENT_INTERFACE_VERSION;
	if (!full.data.regs.x86.rip)
		registers_to_event(&d->vcpus[vcpu], &full.data.regs.x86);
	bool put = ring_put(m, d, &d->vcpus[vcpu], &full);
	fake_unlock(m);
	return put;
}

void fake_post_raw(struct fake_machine *m, struct fake_domain *d, const vm_event_request_t *request)
{
	unsigned vcpu = request->vcpu_id < d->vcpu_count ? request->vcpu_id : 0;

	fake_lock(m);
	ring_put(m, d, &d->vcpus[vcpu], request);
	fake_unlock(m);
}

void fake_notify(struct fake_machine *m, struct fake_domain *d)
{
	fake_lock(m);
	m->hold_notify = m->lose_notify = false;
	port_raise(m, d->ring.port);
	fake_unlock(m);
}
