/* SPDX-License-Identifier: MIT */
#ifndef XEN_SHARED_H
#define XEN_SHARED_H

/**
 * @file
 * The memory that the driver and the guardian share: who may act, what was changed in the guest,
 * and which requests of the guest have no answer yet.
 *
 * Two processes, because nothing that one process does about its own end works when it is killed.
 * The driver serves the guest's events itself, at full speed; the guardian (vmi-xen-guard) only
 * watches. When the driver's process ends without a goodbye, or lets a request lie for longer than
 * the deadline while the guest is not paused, the guardian takes the lock for ever and undoes what
 * is written here. A hang and a long thought look the same from outside: who thinks for longer says
 * so.
 *
 * So that no moment of death is a bad one:
 * - a change is written down before it is made; to undo what was not made after all is harmless;
 * - a request is copied here before the ring's slot may be used for a response, and what counts as
 *   answered is decided by one word alone, the ring's own rsp_prod.
 *
 * Xen's ring page cannot be mapped by a process that comes later (it leaves the guest's memory when
 * the ring is on), and a mapping does not survive fork(): the guardian maps it beforehand.
 */

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xenctrl.h>
#include <xen/vm_event.h>

enum {
	XEN_RING_SLOTS = 8,
	XEN_MSR_MAX = 64,
	XEN_VIEW_MAX = 512,
	XEN_VCPU_MAX = 128,
};

/* The layout of interface version 7 (Xen 4.15 and later). */
static_assert(sizeof(vm_event_request_t) == 400 && VM_EVENT_INTERFACE_VERSION == 7,
	      "the ring's layout is that of version 7");

enum xen_lock { XEN_LOCK_FREE, XEN_LOCK_DRIVER, XEN_LOCK_GUARDIAN };

enum xen_taken_state { XEN_TAKEN_FREE, XEN_TAKEN_OPEN, XEN_TAKEN_ANSWERING };

/* A request that was taken out of the ring. */
struct xen_taken {
	_Atomic uint32_t state; /* enum xen_taken_state */
	uint32_t index;         /* of the request */
	uint32_t response;      /* of its response, while ANSWERING */
	vm_event_request_t request;
};

struct xen_exchange {
	_Atomic uint32_t next; /* index of the first request that was not taken */
	struct xen_taken taken[XEN_RING_SLOTS];
};

/* Monitors that are a switch; the MSRs are a list. */
enum xen_switch {
	XEN_SWITCH_CR0,
	XEN_SWITCH_CR3,
	XEN_SWITCH_CR4,
	XEN_SWITCH_XCR0,
	XEN_SWITCH_BREAKPOINT,
	XEN_SWITCH_DEBUG,
	XEN_SWITCH_SINGLESTEP,
	XEN_SWITCH_HYPERCALL,
	XEN_SWITCH_CPUID,
	XEN_SWITCH_IO,
	XEN_SWITCH_DESCRIPTOR,
	XEN_SWITCH_VMEXIT,
	XEN_SWITCH_PRIVILEGED_CALL,
	XEN_SWITCH_EMULATION_FAILURE,
	XEN_SWITCH_COUNT,
};

/* What was changed, and how it was before. */
struct xen_undo {
	uint32_t pauses;
	uint32_t ring; /* events are delivered, or about to be */
	uint64_t ring_gfn;
	uint32_t ring_gfn_made;   /* we put memory there, and it is not hidden yet */
	uint32_t ring_gfn_hidden; /* there was memory, which is to be there again */
	uint32_t switches;        /* bit per enum xen_switch */
	uint32_t stepped;         /* some vcpu was told to step */
	uint32_t msr_count;
	uint32_t msr[XEN_MSR_MAX];
	uint32_t altp2m; /* we turned it on */
	uint32_t view_switched;
	uint64_t views[XEN_VIEW_MAX / 64];
	uint32_t access_changed; /* the set of gfns is not empty */
	uint32_t allocated;      /* gfns are in that set */
	uint32_t doomed;         /* and in that */
	uint32_t maxmem_raised;
	uint64_t maxmem_kb;
};

/* Sets of gfns, one bit each, behind the struct; untouched parts cost no memory. */
enum xen_gfn_set {
	XEN_GFNS_ACCESS,    /* restricted in the guest's own view */
	XEN_GFNS_ALLOCATED, /* added by us */
	XEN_GFNS_DOOMED,    /* of those: to be taken away with the last view */
	XEN_GFN_SETS
};

struct xen_shared {
	uint32_t size; /* of this struct: both programs are of one build */
	uint32_t domid;
	uint8_t uuid[16];
	uint32_t vcpus;
	_Atomic uint32_t deadline_ms;   /* of an answer, see vmi_event_deadline(); 0: none */
	uint64_t gfn_limit;             /* of the sets behind this struct; a multiple of 64 */
	uint64_t gfn_end[XEN_GFN_SETS]; /* behind the highest that each ever had */
	_Atomic uint32_t lock;          /* enum xen_lock */
	struct xen_undo undo;
	struct xen_exchange exchange;
};

static inline size_t xen_shared_size(uint64_t gfn_limit)
{
	return sizeof(struct xen_shared) + XEN_GFN_SETS * (size_t)(gfn_limit / 8);
}

static inline uint64_t *xen_gfn_set(struct xen_shared *shared, enum xen_gfn_set which)
{
	return (uint64_t *)(shared + 1) + (size_t)which * (size_t)(shared->gfn_limit / 64);
}

static inline bool xen_gfn_set_has(struct xen_shared *shared, enum xen_gfn_set which, uint64_t gfn)
{
	return gfn < shared->gfn_limit && xen_gfn_set(shared, which)[gfn / 64] >> gfn % 64 & 1;
}

static inline void xen_gfn_set_add(struct xen_shared *shared, enum xen_gfn_set which, uint64_t gfn)
{
	if (gfn >= shared->gfn_end[which])
		shared->gfn_end[which] = gfn + 1;
	xen_gfn_set(shared, which)[gfn / 64] |= UINT64_C(1) << gfn % 64;
}

static inline void xen_gfn_set_remove(struct xen_shared *shared, enum xen_gfn_set which,
				      uint64_t gfn)
{
	xen_gfn_set(shared, which)[gfn / 64] &= ~(UINT64_C(1) << gfn % 64);
}

/* What is said over the socket between the two; each is one byte, answered by an int: errno. */
enum xen_word {
	XEN_WORD_HELLO = 'h',
	XEN_WORD_RING = 'r',     /* the ring is on: map it */
	XEN_WORD_DEADLINE = 'd', /* there is another one */
	XEN_WORD_BYE = 'b',
};

#endif
