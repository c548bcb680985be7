/* SPDX-License-Identifier: MIT */
#ifndef FAKE_XEN_INSIDE_H
#define FAKE_XEN_INSIDE_H

/** @file What the parts of the fake share. */

#include "fake_xen.h"

/** The machine of this process: the one it made, or the one that the environment names. */
struct fake_machine *machine_get(void);
/** Has this process the descriptors of the maker, at the same numbers, as after fork()? */
bool machine_inherited(void);

/**
 * Begin and end a call. NULL: it fails, errno says why, and nothing is to be ended. The lock is
 * held in between.
 */
struct fake_machine *call_begin(const char *name);
int call_end(struct fake_machine *machine, int error); /**< 0, or -1 with errno */
/** A call on a domain: also fails without privilege, or when there is no such domain. */
struct fake_machine *call_begin_domain(const char *name, uint32_t id, struct fake_domain **domain);

/** Count handles and mappings of this process. */
void handles_add(long change);
void pages_add(long change);

uint8_t *frame_data(struct fake_machine *machine, uint32_t frame);
uint32_t frame_new(struct fake_machine *machine);

/** The p2m entry of a gfn; NULL when there is none. entry_new() makes an empty one. */
struct fake_entry *entry_find(struct fake_domain *domain, uint64_t gfn);
struct fake_entry *entry_new(struct fake_domain *domain, uint64_t gfn);
/** The same in a view; the host's where the view is 0. Materialises; NULL for a hole. */
struct fake_entry *view_entry(const struct fake_machine *machine, struct fake_domain *domain,
			      uint16_t view, uint64_t gfn);
bool view_valid(const struct fake_domain *domain, uint16_t view);
/** The host's entry changed: Xen carries that into the views. */
void views_propagate(struct fake_domain *domain, const struct fake_entry *entry, bool dropped);

/** 0 or an errno value. */
int ring_enable(struct fake_machine *machine, struct fake_domain *domain, uint32_t *port);
int ring_disable(struct fake_machine *machine, struct fake_domain *domain);
int ring_resume(struct fake_machine *machine, struct fake_domain *domain);
bool ring_put(struct fake_machine *machine, struct fake_domain *domain, struct fake_vcpu *vcpu,
	      const vm_event_request_t *request);
void registers_to_event(const struct fake_vcpu *vcpu, struct vm_event_regs_x86 *regs);
int monitor_op(struct fake_machine *machine, struct fake_domain *domain,
	       struct xen_domctl_monitor_op *op);

void port_raise(struct fake_machine *machine, uint32_t port);
bool vcpu_can_run(const struct fake_domain *domain, const struct fake_vcpu *vcpu);
uint64_t guests_run(struct fake_machine *machine);
/** After anything that may let a guest go on. */
void guests_autorun(struct fake_machine *machine);

#endif
