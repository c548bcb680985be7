/* SPDX-License-Identifier: MIT */
#ifndef VMI_LIVE_H
#define VMI_LIVE_H

/**
 * @file
 * A running guest: page access, views, events, control. Every function answers
 * VMI_ERR_UNSUPPORTED, in words, on a target that cannot do it.
 */

#include <vmi/vmi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- access: VMI_CAP_QUERY_PROTECTION, VMI_CAP_SET_PROTECTION ------------------------------- */

enum vmi_access_options {
	/** The CPU's own accessed/dirty updates of page tables raise no event; access must be R. */
	VMI_ACCESS_IGNORE_PAGE_WALK_UPDATES = 1 << 0,
};

/** The access (enum vmi_access bits) of a gfn in a view; `options` may be NULL. */
VMI_API VMI_CHECKED enum vmi_status vmi_access_get(struct vmi *vm, uint16_t view, vmi_gfn gfn,
						   unsigned *access, unsigned *options,
						   struct vmi_error *err);
/** Set it. VMI_ERR_ARG: bits that do not exist, or an option that the access forbids. */
VMI_API VMI_CHECKED enum vmi_status vmi_access_set(struct vmi *vm, uint16_t view, vmi_gfn gfn,
						   unsigned access, unsigned options,
						   struct vmi_error *err);

/* ---- views: VMI_CAP_VIEW_CONTROL ------------------------------------------------------------ */

/** The guest's own view, 0 where nothing else is said. */
VMI_API VMI_CHECKED enum vmi_status vmi_view_default(struct vmi *vm, uint16_t *view,
						     struct vmi_error *err);
/** A new view in which every gfn has `access` until told otherwise. End it: vmi_view_destroy(). */
VMI_API VMI_CHECKED enum vmi_status vmi_view_create(struct vmi *vm, unsigned access, uint16_t *view,
						    struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_view_destroy(struct vmi *vm, uint16_t view,
						     struct vmi_error *err);
/** All vcpus go on in `view`. */
VMI_API VMI_CHECKED enum vmi_status vmi_view_switch(struct vmi *vm, uint16_t view,
						    struct vmi_error *err);
/** In `view`, show `to` where the guest looks for `from`. Its access is lost: set it afterwards. */
VMI_API VMI_CHECKED enum vmi_status vmi_view_change_gfn(struct vmi *vm, uint16_t view, vmi_gfn from,
							vmi_gfn to, struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_view_reset_gfn(struct vmi *vm, uint16_t view, vmi_gfn gfn,
						       struct vmi_error *err);

/* ---- events: VMI_CAP_EVENT_CONTROL ---------------------------------------------------------- */

enum vmi_monitor_kind {
	VMI_MONITOR_REGISTER,  /**< writes to `reg`: VMI_CR0, VMI_CR3, VMI_CR4 or VMI_XCR0 */
	VMI_MONITOR_MSR,       /**< writes to the MSR with number `msr` */
	VMI_MONITOR_INTERRUPT, /**< exception `vector`: 1 #DB, 3 #BP */
	VMI_MONITOR_SINGLESTEP,
	VMI_MONITOR_HYPERCALL, /**< `userspace`: also from user mode */
	VMI_MONITOR_CPUID,
	VMI_MONITOR_IO,
};

struct vmi_monitor {
	enum vmi_monitor_kind kind;
	enum vmi_register reg;
	uint32_t msr;
	uint8_t vector;
	uint8_t userspace;
};

enum vmi_event_flags { VMI_EVENT_VCPU_PAUSED = 1 << 0 };

enum vmi_reason {
	VMI_REASON_MEMORY_ACCESS,
	VMI_REASON_WRITE_CR,
	VMI_REASON_WRITE_MSR,
	VMI_REASON_INTERRUPT,
	VMI_REASON_SINGLESTEP,
	VMI_REASON_HYPERCALL,
	VMI_REASON_CPUID,
	VMI_REASON_IO,
};

/** An interrupt or exception as the CPU delivers it (SDM vol. 3C 24.8.3). */
struct vmi_interrupt {
	uint8_t vector;
	uint8_t type; /**< 0 external, 2 NMI, 3 hardware exception, 4 software … */
	uint8_t has_error_code;
	uint8_t instruction_length; /**< of a software interrupt */
	uint32_t error_code;
	uint64_t extra; /**< #PF: CR2; #DB: pending debug bits */
};

enum { VMI_VIEW_NONE = 0xffff };

/** What happened. Registers tell which of them the hypervisor sent along. */
struct vmi_event {
	unsigned vcpu;
	unsigned flags; /**< enum vmi_event_flags */
	uint16_t view;  /**< VMI_VIEW_NONE when there is none */
	enum vmi_reason reason;
	union {
		struct {
			vmi_gpa gpa;
			vmi_gva gva;    /**< meaningful with gva_valid */
			uint8_t access; /**< enum vmi_access: what was tried */
			uint8_t gva_valid;
			uint8_t on_gva;    /**< the access itself, not the walk to it */
			uint8_t in_tables; /**< the walk to it */
		} memory;
		struct {
			enum vmi_register reg;
			uint64_t old_value, new_value;
		} cr;
		struct {
			uint32_t msr;
			uint64_t old_value, new_value;
		} msr;
		struct {
			vmi_gfn gfn;
			struct vmi_interrupt interrupt;
		} interrupt;
		struct {
			vmi_gfn gfn;
		} singlestep;
		struct {
			uint8_t instruction_length;
		} hypercall;
		struct {
			uint32_t leaf, subleaf;
			uint8_t instruction_length;
		} cpuid;
		struct {
			uint16_t port;
			uint8_t length; /**< bytes */
			uint8_t in;     /**< the guest reads the port */
			uint8_t string; /**< INS or OUTS */
		} io;
	} u;
	struct vmi_registers registers;
};

/** What the vcpu does next; these exclude one another. */
enum vmi_action {
	VMI_ACTION_CONTINUE,
	VMI_ACTION_DENY,               /**< the write does not happen */
	VMI_ACTION_REINJECT_INTERRUPT, /**< the guest gets its interrupt */
	VMI_ACTION_SINGLESTEP,         /**< one instruction, then an event */
	VMI_ACTION_FAST_SINGLESTEP,    /**< one instruction in `view`, then back, no event */
	VMI_ACTION_EMULATE,
};

struct vmi_response {
	enum vmi_action action;
	uint16_t view; /**< go on in this view; VMI_VIEW_NONE: stay */
	uint8_t set_registers;
	uint64_t registers[VMI_GP_REGISTER_COUNT]; /**< by enum vmi_register, with set_registers */
};

/** Continue, no change of view or registers. */
VMI_API struct vmi_response vmi_response_default(void);
VMI_API struct vmi_response vmi_response_action(enum vmi_action action);
/** The same response, in another view. */
VMI_API struct vmi_response vmi_response_with_view(struct vmi_response response, uint16_t view);
/** The same response, with the general-purpose registers of `regs`, all of which must be known. */
VMI_API struct vmi_response vmi_response_with_registers(struct vmi_response response,
							const struct vmi_registers *regs);

/** Called once per event, which is borrowed for the call. */
typedef struct vmi_response vmi_event_fn(void *context, const struct vmi_event *event);

/** Raise events for what `monitor` describes. VMI_ERR_ARG: nothing that can be monitored. */
VMI_API VMI_CHECKED enum vmi_status
vmi_monitor_enable(struct vmi *vm, const struct vmi_monitor *monitor, struct vmi_error *err);
/** Stop that; events that already wait are still to be answered. */
VMI_API VMI_CHECKED enum vmi_status
vmi_monitor_disable(struct vmi *vm, const struct vmi_monitor *monitor, struct vmi_error *err);
/** How many events wait to be taken. */
VMI_API VMI_CHECKED enum vmi_status vmi_events_pending(struct vmi *vm, size_t *count,
						       struct vmi_error *err);
/** Time spent with events, handlers included, since the target was opened. */
VMI_API VMI_CHECKED enum vmi_status vmi_event_overhead(struct vmi *vm, uint64_t *nanoseconds,
						       struct vmi_error *err);
/**
 * Wait for events and answer each by `handler`. Returns after one batch.
 *
 * VMI_ERR_TIMEOUT  none came for timeout_ms (negative: wait for ever)
 */
VMI_API VMI_CHECKED enum vmi_status vmi_event_wait(struct vmi *vm, int timeout_ms,
						   vmi_event_fn *handler, void *context,
						   struct vmi_error *err);

/* ---- control: VMI_CAP_VM_CONTROL ------------------------------------------------------------ */

/** Pauses nest: the guest runs again when each has been resumed. */
VMI_API VMI_CHECKED enum vmi_status vmi_pause(struct vmi *vm, struct vmi_error *err);
/** VMI_ERR_ARG: it is not paused by this handle. */
VMI_API VMI_CHECKED enum vmi_status vmi_resume(struct vmi *vm, struct vmi_error *err);

/**
 * A pause that ends with a scope: `vmi_pause_end()` may be used with a compiler's cleanup
 * attribute, and does nothing on a guard that never began.
 */
struct vmi_pause_guard {
	struct vmi *vm;
};
VMI_API VMI_CHECKED enum vmi_status vmi_pause_begin(struct vmi_pause_guard *guard, struct vmi *vm,
						    struct vmi_error *err);
VMI_API void vmi_pause_end(struct vmi_pause_guard *guard);

/** A new frame of guest memory, behind all others. Free it with vmi_gfn_free(). */
VMI_API VMI_CHECKED enum vmi_status vmi_gfn_allocate(struct vmi *vm, vmi_gfn *gfn,
						     struct vmi_error *err);
/** VMI_ERR_BUSY: there is memory at that gfn. */
VMI_API VMI_CHECKED enum vmi_status vmi_gfn_allocate_at(struct vmi *vm, vmi_gfn gfn,
							struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_gfn_free(struct vmi *vm, vmi_gfn gfn,
						 struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_interrupt_inject(struct vmi *vm, unsigned vcpu,
							 const struct vmi_interrupt *interrupt,
							 struct vmi_error *err);
/** Undo whatever this handle enabled: monitors, views, singlestep. */
VMI_API VMI_CHECKED enum vmi_status vmi_state_reset(struct vmi *vm, struct vmi_error *err);

#ifdef __cplusplus
}
#endif

#endif
