/* SPDX-License-Identifier: MIT */
#ifndef FAKE_XEN_H
#define FAKE_XEN_H

/**
 * @file
 * A machine that runs Xen, small enough for a test: what libxenctrl, libxenforeignmemory,
 * libxenevtchn, libxendevicemodel and libxenstore answer, without them and without Xen.
 *
 * The machine lives in one shared file: forked and started processes (they find it by the
 * environment) see the same domains, as real ones do. Guests are short programs of single
 * operations; they run whenever the hypervisor lets them, checked against the access of their view
 * and the monitors, so that answers are seen by what the guest then does. Calls are atomic:
 * fake_kill() never strikes inside one, as a signal never strikes inside a hypercall.
 *
 * Tests may look at and change everything between calls.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenctrl.h>

#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/vm_event.h>

enum {
	FAKE_DOMAINS = 4,
	FAKE_VCPUS = 16,
	FAKE_VIEWS = 10,        /**< with view 0, as before Xen 4.21 */
	FAKE_RAM = 256,         /**< gfns 0..255 of each domain are RAM */
	FAKE_ENTRIES = 640,     /**< p2m: RAM, the special pages, and what is populated elsewhere */
	FAKE_SPECIAL = 0xfeff8, /**< first of eight special gfns */
	FAKE_FRAMES = 1 << 15,
	FAKE_PORTS = 32,
	FAKE_HANDLES = 24, /**< event channel handles open at once */
	FAKE_FAULTS = 16,
	FAKE_CALLS = 96,
	FAKE_OPS = 32,
	FAKE_MSRS = 8,
	FAKE_RING_SLOTS = 8,
};

/* ---- guests --------------------------------------------------------------------------------- */

enum fake_op_kind {
	FAKE_NOP,
	FAKE_READ,      /**< 8 bytes at gpa, into `result` */
	FAKE_WRITE,     /**< `value` to gpa */
	FAKE_EXECUTE,   /**< the instruction at gpa; 0xcc is INT3, anything else a NOP */
	FAKE_ICEBP,     /**< raises #DB */
	FAKE_WRITE_CR,  /**< `value` to VM_EVENT_X86_* `index` */
	FAKE_WRITE_MSR, /**< `value` to MSR `index` */
	FAKE_CPUID,     /**< leaf `index` */
	FAKE_REQUEST,   /**< HVMOP_guest_request_vm_event */
	FAKE_LGDT,
};

struct fake_op {
	enum fake_op_kind kind;
	uint32_t index;
	uint64_t gpa;
	uint64_t value;
};

struct fake_injection {
	bool pending;
	uint8_t vector, type, length;
	uint32_t error_code;
	uint64_t extra;
};

struct fake_msr {
	uint32_t number;
	uint64_t value;
};

/** Where an operation stands that raised an event. */
enum fake_phase {
	FAKE_FRESH,
	FAKE_RETRY,  /**< begin again after the answer */
	FAKE_FINISH, /**< the answer ends it */
};

struct fake_vcpu {
	bool online;
	unsigned event_pauses; /**< vm_event_pause_count */
	bool waiting;          /**< on the wait queue: the ring was full */
	uint16_t view;
	bool singlestep;
	bool fast;
	uint16_t fast_view;
	bool next_interrupt;
	struct fake_injection injection;
	struct hvm_hw_cpu cpu;
	uint64_t xcr0;
	struct fake_msr msrs[FAKE_MSRS];

	/* the program, and what became of it */
	struct fake_op program[FAKE_OPS];
	unsigned ops;
	uint64_t repeat; /**< how often to run it; counts down */
	unsigned pc;
	enum fake_phase phase;
	uint64_t event_rip; /**< rip when the event was raised */
	uint32_t emulate;   /**< VM_EVENT_FLAG_* of an answer that asks for emulation */
	struct vm_event_emul_read_data read_data;
	bool deferred, denied; /**< a CR or MSR write that waits for its answer */
	uint64_t result;       /**< of the last read */
	uint64_t executed;     /**< operations that came to an end */
	uint64_t emulated;
	uint64_t delivered[32]; /**< exceptions the guest took, by vector */
	uint64_t posted, answered;
	uint64_t time;                  /**< that it ran, in ns */
	unsigned open_sync, open_async; /**< requests without answer */
	vm_event_response_t last_answer;
};

/* ---- domains -------------------------------------------------------------------------------- */

enum fake_type { FAKE_HVM, FAKE_PVH, FAKE_PV };

/** gfn -> frame of the shared file; frame 0 is none. */
struct fake_entry {
	uint64_t gfn;
	uint32_t frame;
	uint8_t access; /**< xenmem_access_t */
};

struct fake_view {
	bool used, hidden;
	uint8_t default_access;
	uint64_t min_remapped, max_remapped;
	struct fake_entry entries[FAKE_ENTRIES]; /**< those that were materialised */
};

struct fake_cr_monitor {
	bool on, sync;
	uint64_t mask;
};

struct fake_monitors {
	struct fake_cr_monitor cr[4];
	struct fake_msr msrs[FAKE_MSRS]; /**< number, and onchangeonly as value */
	unsigned msr_count;
	bool singlestep, breakpoint, request, request_sync, request_userspace, debug, debug_sync;
	bool cpuid, privileged_call, descriptor, unimplemented, vmexit, vmexit_sync;
	bool no_pagefault; /**< inguest_pagefault disabled */
	bool each_rep;
};

/** Xen's side of the monitor ring. */
struct fake_ring {
	bool on;
	uint32_t frame;
	uint32_t port;
	RING_IDX req_prod, rsp_cons;
};

/** What must not happen. */
struct fake_harm {
	unsigned underflow;   /**< an answer for a vcpu that does not wait for one */
	unsigned unpaused;    /**< an answer that leaves its vcpu paused, or was not asked for */
	unsigned stray;       /**< an answer for a vcpu that does not exist */
	unsigned overflow;    /**< more answers than requests */
	unsigned version;     /**< answers that Xen skips */
	unsigned overwritten; /**< memory populated where there was some */
	unsigned reset_views; /**< views that lost everything because a gfn was freed */
	unsigned bad_view;    /**< a vcpu told to go on in a view that does not exist */
	unsigned int3;        /**< guest took a #BP that was not in its own memory */
};

struct fake_domain {
	bool used;
	uint32_t id;
	char name[32];
	enum fake_type type;
	bool dying, shutdown, no_hap, nested;
	bool other; /**< not the same guest as before: another handle (UUID) */
	unsigned shutdown_reason;
	unsigned pauses; /**< controller_pause_count */
	unsigned vcpu_count;
	uint64_t max_pages, tot_pages;
	uint64_t max_gfn; /* that ever had memory, as Xen tells it */
	uint64_t params[HVM_NR_PARAMS];
	uint8_t default_access;
	struct fake_entry p2m[FAKE_ENTRIES];
	bool altp2m;
	struct fake_view views[FAKE_VIEWS];
	struct fake_monitors monitors;
	bool control_registers; /**< DENY is honoured; lasts for the domain's life */
	struct fake_ring ring;
	struct fake_vcpu vcpus[FAKE_VCPUS];
	struct fake_harm harm;
};

/* ---- the machine ---------------------------------------------------------------------------- */

struct fake_host {
	unsigned major, minor;
	bool no_xen;          /**< nothing opens: no /dev/xen, no hypervisor */
	bool no_privilege;    /**< every operation on a domain is refused */
	bool no_store;        /**< no xenstore */
	bool no_ept;          /**< AMD, or an old CPU */
	bool no_altp2m;       /**< AMD, or compiled out */
	bool no_mtf;          /**< no monitor trap flag: AMD, or an old CPU */
	bool no_r_pw;         /**< reserved for headers that have XENMEM_access_r_pw */
	int vm_event_version; /**< what the running Xen says it speaks */
	uint32_t monitors;    /**< 1 << XEN_DOMCTL_MONITOR_EVENT_* */
};

/** The calls of `name` after the first `skip` fail with `error`, `count` times. */
struct fake_fault {
	char name[48];
	unsigned skip, count;
	int error;
};

struct fake_call {
	char name[48];
	uint64_t count;
};

/** An event channel port of the control domain. */
struct fake_port {
	bool used, pending, masked;
	bool virq;
	int domain; /**< index, or -1 */
	int handle;
};

struct fake_machine {
	pthread_mutex_t lock;
	pid_t owner;
	int fd;
	int pipes[FAKE_HANDLES][2];
	bool handles[FAKE_HANDLES];
	struct fake_host host;
	struct fake_fault faults[FAKE_FAULTS];
	struct fake_call calls[FAKE_CALLS];
	uint64_t call_count;
	uint64_t fail_at; /**< the call with this number fails, counted from 1; 0 none */
	int fail_error;
	char failed[48];  /**< the name of that call */
	bool no_autorun;  /**< guests run only in fake_run() */
	bool hold_notify; /**< notifications to the control domain are kept … */
	bool lose_notify; /**< … or lost */
	unsigned held[FAKE_PORTS];
	uint32_t next_frame;
	struct fake_port ports[FAKE_PORTS];
	struct fake_domain domains[FAKE_DOMAINS];
};

/** A machine with one HVM domain, 1 "guest", of two vcpus and 256 pages; altp2m allowed. */
struct fake_machine *fake_machine_create(void);
void fake_machine_destroy(struct fake_machine *machine);
/** Another domain; it must not exist. */
struct fake_domain *fake_domain_add(struct fake_machine *machine, uint32_t id, const char *name,
				    enum fake_type type, unsigned vcpus);
struct fake_domain *fake_domain(struct fake_machine *machine, uint32_t id);
/** The page of the guest at `gfn`, NULL for a hole. */
uint8_t *fake_page(struct fake_machine *machine, struct fake_domain *domain, uint64_t gfn);
/** Xen's view of the ring page, NULL when there is no ring. */
struct vm_event_sring *fake_sring(struct fake_machine *machine, struct fake_domain *domain);

/** Give a vcpu something to do, `repeat` times. */
void fake_program(struct fake_domain *domain, unsigned vcpu, const struct fake_op *ops,
		  unsigned count, uint64_t repeat);
/** Let guests run until all of them wait or are done; how many operations ended. */
uint64_t fake_run(struct fake_machine *machine);
/** Is the program at its end? */
bool fake_done(const struct fake_domain *domain, unsigned vcpu);
/**
 * Raise an event by hand. Version, vcpu and registers are filled in where the request has zeros;
 * `request->flags` decides whether the vcpu pauses. false: the ring is full, the vcpu waits.
 */
bool fake_post(struct fake_machine *machine, struct fake_domain *domain, unsigned vcpu,
	       const vm_event_request_t *request);
/** Put a request into the ring as it is, and tell the control domain. */
void fake_post_raw(struct fake_machine *machine, struct fake_domain *domain,
		   const vm_event_request_t *request);
/** Tell the control domain without a reason, or at last. */
void fake_notify(struct fake_machine *machine, struct fake_domain *domain);
/** The guest shuts down (SHUTDOWN_*), or is destroyed: VIRQ_DOM_EXC. */
void fake_shutdown(struct fake_machine *machine, struct fake_domain *domain, unsigned reason);
void fake_domain_destroy(struct fake_machine *machine, struct fake_domain *domain);

void fake_call_fail(struct fake_machine *machine, const char *call, int error, unsigned skip,
		    unsigned count);
/** The `number`th call from now on fails, whatever it is; 0: none. */
void fake_call_fail_at(struct fake_machine *machine, uint64_t number, int error);
void fake_call_clear(struct fake_machine *machine);
/** How often was it called? */
uint64_t fake_call_count(const struct fake_machine *machine, const char *call);

/** SIGKILL between two calls, and the end of the process. */
void fake_kill(struct fake_machine *machine, pid_t pid);
/** Hold the machine still from outside. */
void fake_lock(struct fake_machine *machine);
void fake_unlock(struct fake_machine *machine);

/** Handles and mapped pages of this process that were not closed or unmapped. */
long fake_open_handles(void);
long fake_mapped_pages(void);

/**
 * Is the domain as it was when fake_baseline() was called: nobody paused, view 0, nothing
 * monitored, no ring, no views, the same memory with the same access? NULL, or what is not.
 */
struct fake_baseline {
	uint64_t max_pages, tot_pages;
	struct fake_entry p2m[FAKE_ENTRIES];
};
void fake_baseline(const struct fake_domain *domain, struct fake_baseline *baseline);
const char *fake_changed(struct fake_machine *machine, struct fake_domain *domain,
			 const struct fake_baseline *baseline, char *text, size_t size);

#endif
