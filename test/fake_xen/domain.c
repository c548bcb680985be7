/* SPDX-License-Identifier: MIT */
/* Domains: making and looking at them, and what libxenctrl says of them. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

struct fake_domain *fake_domain(struct fake_machine *m, uint32_t id)
{
	for (unsigned i = 0; i < FAKE_DOMAINS; i++)
		if (m->domains[i].used && m->domains[i].id == id)
			return &m->domains[i];
	return NULL;
}

/* ---- p2m ------------------------------------------------------------------------------------ */

struct fake_entry *entry_find(struct fake_domain *d, uint64_t gfn)
{
	if (gfn < FAKE_RAM)
		return d->p2m[gfn].frame ? &d->p2m[gfn] : NULL;
	for (unsigned i = FAKE_RAM; i < FAKE_ENTRIES; i++)
		if (d->p2m[i].frame && d->p2m[i].gfn == gfn)
			return &d->p2m[i];
	return NULL;
}

struct fake_entry *entry_new(struct fake_domain *d, uint64_t gfn)
{
	struct fake_entry *entry = gfn < FAKE_RAM ? &d->p2m[gfn] : entry_find(d, gfn);

	for (unsigned i = FAKE_RAM; !entry && i < FAKE_ENTRIES; i++)
		if (!d->p2m[i].frame)
			entry = &d->p2m[i];
	if (entry)
		*entry = (struct fake_entry){.gfn = gfn, .access = d->default_access};
	d->max_gfn = gfn > d->max_gfn ? gfn : d->max_gfn;
	return entry;
}

uint8_t *fake_page(struct fake_machine *m, struct fake_domain *d, uint64_t gfn)
{
	struct fake_entry *entry = entry_find(d, gfn);

	return entry ? frame_data(m, entry->frame) : NULL;
}

/* Self-describing values, so that a register taken for another shows. */
static void vcpu_init(struct fake_vcpu *v, unsigned index)
{
	uint64_t *first = &v->cpu.rax;

	v->online = true;
	for (unsigned i = 0; i < 16; i++)
		first[i] = 0x1111111111111111u * (i % 8) + 0x100 * index + i;
	v->cpu.rip = 0x100000;
	v->cpu.rflags = 0x202;
	v->cpu.cr0 = 0x80050033;
	v->cpu.cr2 = 0xc2c2;
	v->cpu.cr3 = 0x1000;
	v->cpu.cr4 = 0x3606f0;
	v->cpu.dr0 = 0xd0d0;
	v->cpu.dr7 = 0x400;
	v->cpu.cs_sel = 0x10;
	v->cpu.cs_limit = 0xffffffff;
	v->cpu.cs_arbytes = 0xa9b; /* 64-bit code; the G bit is 0x800 */
	v->cpu.ss_sel = 0x18;
	v->cpu.ss_limit = 0xffffffff;
	v->cpu.ss_arbytes = 0xc93;
	v->cpu.tr_sel = 0x40;
	v->cpu.tr_limit = 0x206f;
	v->cpu.tr_arbytes = 0x8b;
	v->cpu.gs_base = 0xffff888000000000u + index;
	v->cpu.idtr_base = 0xfffffe0000000000u;
	v->cpu.idtr_limit = 0xfff;
	v->cpu.gdtr_base = 0xfffffe0000001000u;
	v->cpu.gdtr_limit = 0x7f;
	v->cpu.msr_efer = 0xd01;
	v->cpu.msr_lstar = 0xffffffff81e00000u;
	v->cpu.msr_cstar = 0xcccc;
	v->cpu.msr_tsc_aux = index;
	v->cpu.flags = XEN_X86_FPU_INITIALISED;
	v->xcr0 = 7;
}

struct fake_domain *fake_domain_add(struct fake_machine *m, uint32_t id, const char *name,
				    enum fake_type type, unsigned vcpus)
{
	struct fake_domain *d = NULL;

	for (unsigned i = 0; i < FAKE_DOMAINS && !d; i++)
		if (!m->domains[i].used)
			d = &m->domains[i];
	if (!d)
		abort();
	memset(d, 0, sizeof(*d));
	d->used = true;
	d->id = id;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->type = type;
	d->vcpu_count = vcpus;
	d->default_access = XENMEM_access_rwx;
	d->params[HVM_PARAM_MONITOR_RING_PFN] = FAKE_SPECIAL + 2;
	d->params[HVM_PARAM_ALTP2M] = XEN_ALTP2M_external;
	for (unsigned i = 0; i < FAKE_RAM; i++) {
		struct fake_entry *entry = entry_new(d, i);

		entry->frame = frame_new(m);
		/* gfn and byte offset in every eighth byte */
		for (unsigned at = 0; at < XC_PAGE_SIZE; at += 8) {
			uint64_t mark = (uint64_t)i << 32 | at;
			memcpy(frame_data(m, entry->frame) + at, &mark, sizeof(mark));
		}
	}
	/* xenstore's page, and that of the ring, which whoever makes a domain puts there */
	entry_new(d, FAKE_SPECIAL + 1)->frame = frame_new(m);
	entry_new(d, FAKE_SPECIAL + 2)->frame = frame_new(m);
	d->tot_pages = FAKE_RAM + 2;
	d->max_pages = d->tot_pages + 16; /* the toolstack leaves some room */
	for (unsigned i = 0; i < vcpus; i++)
		vcpu_init(&d->vcpus[i], i);
	return d;
}

/* ---- what libxenctrl says ------------------------------------------------------------------- */

static void info_fill(const struct fake_machine *m, const struct fake_domain *d,
		      xc_domaininfo_t *info)
{
	bool paused = d->pauses;

	memset(info, 0, sizeof(*info));
	info->domain = (domid_t)d->id;
	info->flags = (d->dying ? XEN_DOMINF_dying : 0) |
		      (d->type != FAKE_PV ? XEN_DOMINF_hvm_guest : 0) |
		      (d->shutdown ? XEN_DOMINF_shutdown : 0) | (paused ? XEN_DOMINF_paused : 0) |
		      (d->type != FAKE_PV && !d->no_hap ? XEN_DOMINF_hap : 0) |
		      (d->shutdown_reason & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
	info->tot_pages = d->tot_pages;
	info->max_pages = d->max_pages;
	for (unsigned i = 0; i < d->vcpu_count; i++)
		info->nr_online_vcpus += d->vcpus[i].online;
	info->max_vcpu_id = d->vcpu_count ? d->vcpu_count - 1 : XEN_INVALID_MAX_VCPU_ID;
	info->handle[15] = (uint8_t)d->id;
	info->handle[0] = d->other;
	/* Domains of two machines differ: tests may run at the same time. */
	memcpy(&info->handle[4], &m->owner, sizeof(m->owner) < 8 ? sizeof(m->owner) : 8);
	info->gpaddr_bits = 39;
	if (d->type == FAKE_HVM)
		info->arch_config.emulation_flags = XEN_X86_EMU_ALL;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned max, xc_domaininfo_t *info)
{
	struct fake_machine *m = call_begin("xc_domain_getinfolist");
	unsigned n = 0;

	(void)xch;
	if (!m)
		return -1;
	if (m->host.no_privilege)
		return call_end(m, EPERM);
	/* as Xen does: the first that are there, from an id on, by id */
	for (uint64_t id = first; id < DOMID_FIRST_RESERVED && n < max; id++) {
		struct fake_domain *d = fake_domain(m, (uint32_t)id);

		if (d)
			info_fill(m, d, &info[n++]);
	}
	call_end(m, 0);
	return (int)n;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned max, xc_dominfo_t *info)
{
	unsigned n = 0;

	while (n < max) {
		xc_domaininfo_t one;
		int got = xc_domain_getinfolist(xch, first, 1, &one);

		if (got < 0)
			return -1;
		if (!got)
			break;
		info[n] = (xc_dominfo_t){
			.domid = one.domain,
			.dying = !!(one.flags & XEN_DOMINF_dying),
			.shutdown = !!(one.flags & XEN_DOMINF_shutdown),
			.paused = !!(one.flags & XEN_DOMINF_paused),
			.hvm = !!(one.flags & XEN_DOMINF_hvm_guest),
			.hap = !!(one.flags & XEN_DOMINF_hap),
			.shutdown_reason = one.flags >> XEN_DOMINF_shutdownshift & 0xff,
			.nr_pages = one.tot_pages,
			.max_memkb = one.max_pages << (XC_PAGE_SHIFT - 10),
			.nr_online_vcpus = one.nr_online_vcpus,
			.max_vcpu_id = one.max_vcpu_id,
		};
		info[n].crashed = info[n].shutdown && info[n].shutdown_reason == SHUTDOWN_crash;
		first = one.domain + 1u;
		n++;
	}
	return (int)n;
}

int xc_domain_pause(xc_interface *xch, uint32_t id)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_pause", id, &d);

	(void)xch;
	if (!m)
		return -1;
	d->pauses++;
	return call_end(m, 0);
}

int xc_domain_unpause(xc_interface *xch, uint32_t id)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_unpause", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (!d->pauses)
		return call_end(m, EINVAL);
	d->pauses--;
	guests_autorun(m);
	return call_end(m, 0);
}

int xc_vcpu_getinfo(xc_interface *xch, uint32_t id, uint32_t vcpu, xc_vcpuinfo_t *info)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_vcpu_getinfo", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (vcpu >= d->vcpu_count)
		return call_end(m, EINVAL);
	struct fake_vcpu *v = &d->vcpus[vcpu];
	guests_autorun(m);
	if (!m->no_autorun && vcpu_can_run(d, v))
		v->time += 1000; /* idle, but it runs */
	*info = (xc_vcpuinfo_t){.vcpu = vcpu, .online = v->online, .cpu_time = v->time};
	return call_end(m, 0);
}

int xc_hvm_param_get(xc_interface *xch, uint32_t id, uint32_t param, uint64_t *value)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_hvm_param_get", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (param >= HVM_NR_PARAMS || d->type == FAKE_PV)
		return call_end(m, EINVAL);
	*value = d->params[param];
	return call_end(m, 0);
}

int xc_hvm_param_set(xc_interface *xch, uint32_t id, uint32_t param, uint64_t value)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_hvm_param_set", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (param >= HVM_NR_PARAMS || d->type == FAKE_PV)
		return call_end(m, EINVAL);
	d->params[param] = value;
	return call_end(m, 0);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void raise_virq(struct fake_machine *m)
{
	for (uint32_t i = 0; i < FAKE_PORTS; i++)
		if (m->ports[i].used && m->ports[i].virq)
			port_raise(m, i);
}

void fake_shutdown(struct fake_machine *m, struct fake_domain *d, unsigned reason)
{
	fake_lock(m);
	d->shutdown = true;
	d->shutdown_reason = reason;
	raise_virq(m);
	fake_unlock(m);
}

void fake_domain_destroy(struct fake_machine *m, struct fake_domain *d)
{
	fake_lock(m);
	d->used = false;
	raise_virq(m);
	fake_unlock(m);
}
