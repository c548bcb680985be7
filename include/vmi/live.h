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

/* ---- targets: what a driver could open ------------------------------------------------------- */

/** A running guest, before it is opened. */
struct vmi_target_entry {
	uint32_t id;
	unsigned vcpus;
	char name[128];   /**< empty when it has none */
	char type[8];     /**< "hvm", "pvh", "pv" */
	char state[16];   /**< "running", "blocked", "paused", "shutdown", "crashed", "dying" */
	uint32_t watcher; /**< the process that watches it, by this library; 0: none is known */
};

/**
 * The guests that the named driver could open, by id. *list is owned: free().
 *
 * VMI_ERR_ARG          there is no such driver
 * VMI_ERR_UNSUPPORTED  its targets cannot be listed
 */
VMI_API VMI_CHECKED enum vmi_status vmi_target_list(const char *driver,
						    struct vmi_target_entry **list, size_t *count,
						    struct vmi_error *err);
/**
 * Free a guest that another tool left monitored: its monitors, views and pauses end, its vcpus run.
 * Never while that tool still serves it. Frames that the tool added to the guest and a memory limit
 * that it raised stay: they look like the guest's own.
 *
 * VMI_ERR_BUSY                     a tool that uses this library serves it; says which process
 * VMI_ERR_ARG, VMI_ERR_UNSUPPORTED as for vmi_target_list()
 */
VMI_API VMI_CHECKED enum vmi_status vmi_target_rescue(const char *driver, const char *target,
						      struct vmi_error *err);

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
	VMI_MONITOR_REGISTER,   /**< writes to `reg`: VMI_CR0, VMI_CR3, VMI_CR4 or VMI_XCR0 */
	VMI_MONITOR_MSR,        /**< writes to the MSR with number `msr` */
	VMI_MONITOR_INTERRUPT,  /**< exception `vector`: 1 #DB, 3 #BP */
	VMI_MONITOR_SINGLESTEP, /**< asked for by responses; see VMI_ACTION_SINGLESTEP */
	VMI_MONITOR_HYPERCALL,  /**< the guest-request hypercall; `userspace`: also from there */
	VMI_MONITOR_CPUID,
	VMI_MONITOR_IO,
	VMI_MONITOR_DESCRIPTOR,        /**< loads and stores of GDTR, IDTR, LDTR, TR */
	VMI_MONITOR_VMEXIT,            /**< every exit from the guest */
	VMI_MONITOR_PRIVILEGED_CALL,   /**< SMC and its like */
	VMI_MONITOR_EMULATION_FAILURE, /**< an instruction that the hypervisor cannot emulate */
};

/** What to watch. Zeroed members are the usual choice. */
struct vmi_monitor {
	enum vmi_monitor_kind kind;
	enum vmi_register reg;
	uint32_t msr;
	uint8_t vector;
	uint8_t userspace;
	uint8_t every_write; /**< MSR: also writes that change nothing; Xen has no such events of
				registers */
	uint64_t ignore;     /**< REGISTER: changes of only these bits raise no event */
};

/** A short name, "write-cr3", "msr", "cpuid" …: for messages. Static. */
VMI_API const char *vmi_monitor_name(const struct vmi_monitor *monitor);

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
	VMI_REASON_DESCRIPTOR,
	VMI_REASON_VMEXIT,
	VMI_REASON_PRIVILEGED_CALL,
	VMI_REASON_EMULATION_FAILURE,
	VMI_REASON_NEXT_INTERRUPT, /**< asked for by a response's `next_interrupt` */
	VMI_REASON_UNKNOWN,        /**< newer than this library; `u.unknown` has the number */

	VMI_REASON_COUNT
};

/** "memory-access", "write-cr", "singlestep" …. Static. */
VMI_API const char *vmi_reason_name(enum vmi_reason reason);

/** An interrupt or exception as the CPU delivers it (SDM vol. 3C 24.8.3). */
struct vmi_interrupt {
	uint8_t vector;
	uint8_t type; /**< 0 external, 2 NMI, 3 hardware exception, 4 software … */
	uint8_t has_error_code;
	uint8_t instruction_length; /**< of a software interrupt */
	uint32_t error_code;
	uint64_t extra; /**< #PF: CR2; #DB: pending debug bits */
};

/** The interrupts that handlers inject most. */
VMI_API struct vmi_interrupt vmi_interrupt_breakpoint(uint8_t instruction_length);
VMI_API struct vmi_interrupt vmi_interrupt_page_fault(vmi_gva gva, uint32_t error_code);

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
		} interrupt; /**< INTERRUPT; NEXT_INTERRUPT without gfn */
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
		struct {
			enum vmi_register
				table;        /**< VMI_GDTR_BASE, VMI_IDTR_BASE, VMI_LDTR, VMI_TR */
			uint8_t write;        /**< a load into it */
			uint32_t information; /**< Intel: VM-exit instruction information */
			uint64_t qualification; /**< Intel: exit qualification */
		} descriptor;
		struct {
			uint64_t reason, qualification;
		} vmexit;
		struct {
			uint32_t number;
		} unknown;
	} u;
	struct vmi_registers registers;
};

/** What the vcpu does next; these exclude one another. */
enum vmi_action {
	VMI_ACTION_CONTINUE,
	VMI_ACTION_DENY,                /**< WRITE_CR, WRITE_MSR: the write does not happen */
	VMI_ACTION_REINJECT_INTERRUPT,  /**< INTERRUPT: the guest gets it */
	VMI_ACTION_SINGLESTEP,          /**< one instruction, then an event; asked for each time */
	VMI_ACTION_FAST_SINGLESTEP,     /**< one instruction in `view`, then back, no event */
	VMI_ACTION_EMULATE,             /**< MEMORY_ACCESS and others: the hypervisor executes it */
	VMI_ACTION_EMULATE_NO_WRITE,    /**< … and drops what it writes */
	VMI_ACTION_EMULATE_READ_DATA,   /**< … and it reads `data` instead of memory */
	VMI_ACTION_EMULATE_INSTRUCTION, /**< … `data` instead of the instruction that is there */
};

enum { VMI_RESPONSE_DATA_MAX = 248, VMI_RESPONSE_INSTRUCTION_MAX = 16 };

struct vmi_response {
	enum vmi_action action;
	uint16_t view;          /**< go on in this view; VMI_VIEW_NONE: stay */
	uint8_t set_registers;  /**< excludes the actions that carry data */
	uint8_t next_interrupt; /**< an event for the next interrupt this vcpu takes */
	uint16_t data_length;
	uint8_t data[VMI_RESPONSE_DATA_MAX];
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
/** EMULATE_READ_DATA or EMULATE_INSTRUCTION with bytes; too many are refused when it is given. */
VMI_API struct vmi_response vmi_response_with_data(enum vmi_action action, const void *data,
						   size_t len);
/**
 * Is this an answer that the event can have? VMI_ERR_ARG says what contradicts what. The loop asks
 * before anything reaches the hypervisor.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_response_check(const struct vmi_event *event,
						       const struct vmi_response *response,
						       struct vmi_error *err);

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
 * How long an event may wait for its answer. A process that takes longer is taken to hang: the
 * guest is given back as if the handle were closed, and what is done with the handle afterwards
 * answers VMI_ERR_GONE. 0: for ever. Where nothing is said a driver has a limit of its own; xen's
 * is 700 ms, so that a hang is over within a second.
 *
 * It runs for handlers and for who answers later (vmi_event_take(), vmi_intercept_listen()) alike,
 * and not while the guest is paused. Who thinks for longer pauses the guest, or says so here.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_event_deadline(struct vmi *vm, uint32_t milliseconds,
						       struct vmi_error *err);
/**
 * Wait for events and answer each by `handler`. Returns after one batch: as many as were there.
 *
 * VMI_ERR_TIMEOUT      none came for timeout_ms (negative: wait for ever)
 * VMI_ERR_INTERRUPTED  vmi_event_interrupt() was called, or a signal came
 * VMI_ERR_ARG          the handler's answer was refused; that vcpu was answered "continue"
 * VMI_ERR_GONE         the guest is no more, or someone else answers its events now
 */
VMI_API VMI_CHECKED enum vmi_status vmi_event_wait(struct vmi *vm, int timeout_ms,
						   vmi_event_fn *handler, void *context,
						   struct vmi_error *err);
/** Make a wait return at once, now or the next time. For signal handlers and other threads. */
VMI_API void vmi_event_interrupt(struct vmi *vm);

/**
 * One event at a time, for those who cannot answer within a call. The vcpu of an event that was
 * taken stays paused until it is answered; closing the handle answers "continue".
 */
VMI_API VMI_CHECKED enum vmi_status vmi_event_take(struct vmi *vm, int timeout_ms,
						   struct vmi_event *event, struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_event_answer(struct vmi *vm, const struct vmi_event *event,
						     const struct vmi_response *response,
						     struct vmi_error *err);

/** The loop of a tool, as callbacks. Any but `event` may be NULL. */
struct vmi_handler {
	vmi_event_fn *event;
	void (*timeout)(void *context);     /**< no event came in time */
	void (*interrupted)(void *context); /**< a signal, or vmi_event_interrupt() */
	void (*cleanup)(void *context);     /**< once, before monitors and views are undone */
	bool (*poll)(void *context);        /**< after each turn: true ends the loop */
};

/**
 * Wait, call, until poll() says it is enough or an error ends it. On every way out: cleanup(), then
 * vmi_state_reset(), which answers what is still in flight.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_event_loop(struct vmi *vm,
						   const struct vmi_handler *handler, void *context,
						   int timeout_ms, struct vmi_error *err);

/* ---- probing: reads that may need a page brought in ------------------------------------------ */

enum { VMI_PROBE_MAX = 16 };

/**
 * A group of reads during an event. Pages that are not present are noted; when the group is done,
 * one page fault is injected for the first of them, and the event is to be tried again when the
 * guest has brought the page in. On your stack; members are private.
 */
struct vmi_probe {
	struct vmi *vm;
	unsigned vcpu;
	unsigned count, suppressed_count;
	vmi_gva missing[VMI_PROBE_MAX], suppressed[VMI_PROBE_MAX];
};

/** No page is missing yet. */
VMI_API void vmi_probe_begin(struct vmi_probe *probe, struct vmi *vm, unsigned vcpu);
/** Never inject for this page (it will not come in, or was tried before). */
VMI_API void vmi_probe_suppress(struct vmi_probe *probe, vmi_gva gva);
/** As vmi_read_bytes(); notes the page when it is not present. */
VMI_API VMI_CHECKED enum vmi_status vmi_probe_read(struct vmi_probe *probe,
						   const struct vmi_space *space, vmi_gva gva,
						   void *buf, size_t len, struct vmi_error *err);
/** VMI_OK: nothing was missing. VMI_ERR_BUSY: a page fault was injected, try again later.
 *  VMI_ERR_NOT_PRESENT: only suppressed pages are missing. */
VMI_API VMI_CHECKED enum vmi_status vmi_probe_end(struct vmi_probe *probe, bool user, bool write,
						  struct vmi_error *err);

/* ---- a smaller vocabulary: intercepts ---------------------------------------------------------
 */

enum vmi_intercept_kind {
	VMI_INTERCEPT_CR0,
	VMI_INTERCEPT_CR3,
	VMI_INTERCEPT_CR4,
	VMI_INTERCEPT_MSR, /**< `msr` */
	VMI_INTERCEPT_BREAKPOINT,
	VMI_INTERCEPT_PAGEFAULT, /**< accesses that vmi_access_set() forbids */
};

struct vmi_intercept {
	enum vmi_intercept_kind kind;
	uint32_t msr;
};

/** What a simple tool needs of an event; `full` has the rest. */
struct vmi_intercepted {
	unsigned vcpu;
	enum vmi_intercept_kind kind;
	uint64_t new_value, old_value; /**< CR, MSR */
	uint32_t msr;
	vmi_gpa gpa;                /**< BREAKPOINT, PAGEFAULT */
	vmi_gva gva;                /**< PAGEFAULT */
	uint8_t access;             /**< PAGEFAULT: enum vmi_access */
	uint8_t instruction_length; /**< BREAKPOINT */
	struct vmi_event full;
};

enum { VMI_ALL_VCPUS = -1 };

/**
 * Turn an intercept on or off for a vcpu. Hypervisors watch whole guests: events of vcpus that did
 * not ask are answered "continue" (a breakpoint: given to the guest) before anyone sees them.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_intercept_enable(struct vmi *vm, int vcpu,
							 const struct vmi_intercept *intercept,
							 struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_intercept_disable(struct vmi *vm, int vcpu,
							  const struct vmi_intercept *intercept,
							  struct vmi_error *err);
/** The next event that was asked for; its vcpu waits for vmi_intercept_continue(). VMI_ERR_TIMEOUT.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_intercept_listen(struct vmi *vm, int timeout_ms,
							 struct vmi_intercepted *event,
							 struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status
vmi_intercept_continue(struct vmi *vm, const struct vmi_intercepted *event, struct vmi_error *err);

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
