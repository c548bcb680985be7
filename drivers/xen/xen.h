/* SPDX-License-Identifier: MIT */
#ifndef XEN_XEN_H
#define XEN_XEN_H

/**
 * @file
 * The Xen driver's state, one struct per concern, and what its files call of each other.
 *
 * Reading takes nothing: no ring, no view, no pause. The first change starts the guardian (see
 * shared.h), the first monitor or restricted page the ring, the first view altp2m.
 *
 * Threads: pages, runs and registers may be asked for by several at once; everything else goes
 * through `lock`, which a wait for events does not hold while it sleeps.
 */

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include <vmi/driver.h>

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

#include "exchange.h"
#include "undo.h"

/* Xen's version as it compares. */
#define XEN_VERSION(major, minor) ((unsigned)(major) << 16 | (minor))

struct xen_domain {
	uint32_t id;
	uint8_t uuid[16];
	unsigned version;       /* of the hypervisor, XEN_VERSION() */
	uint32_t event_version; /* of its events; 0 when it would not say */
	uint32_t vcpus;
	uint64_t max_gfn;
	uint64_t pages; /* that the domain had when it was opened */
	bool ept;       /* Intel's second-stage tables: page access, views, VM exits */
};

/* Where there is memory: found when it is first asked for. */
struct xen_runs {
	struct xen_run {
		uint64_t gfn, count;
	} * run;
	size_t count, room;
	bool known;
};

/* The guardian, and what is shared with it. NULL `shared` until the first change. */
struct xen_guard {
	struct xen_shared *shared;
	pid_t pid;
	int socket, memory;
	uint32_t deadline_ms;
	bool released; /* someone has given the guest back for us: nothing may be done any more */
	const char *why;
};

struct xen_ring {
	vm_event_sring_t *page; /* NULL: off */
	xenevtchn_handle *channel;
	int port;
	bool unflushed;
	bool controls_writes; /* DENY is possible */
	unsigned strange;     /* requests that made no sense */
	unsigned looks;       /* for events; see LOOKS_BLIND */
	uint64_t busy_since;  /* 0: no event is being handled */
	uint64_t overhead_ns;
};

struct xen_views {
	uint8_t access[XEN_VIEW_MAX]; /* enum vmi_access bits, of pages not yet in the view */
};

struct xen {
	xc_interface *xc;
	xenforeignmemory_handle *fm;
	xendevicemodel_handle *dm; /* NULL until the first injection */
	pthread_mutex_t lock;
	struct xen_domain domain;
	struct xen_runs runs;
	struct xen_guard guard;
	struct xen_ring ring;
	struct xen_views views;
	bool stepping[XEN_VCPU_MAX]; /* Xen only knows how to toggle it */
	bool stepping_fast;          /* some vcpu may be, since the last switch of views */
};

/* ---- failure (error.c) ---------------------------------------------------------------------- */

/* Say that `what` failed by errno; the status follows from it. Returns the status. */
enum vmi_status xen_fail(struct vmi_error *err, const char *fmt, ...) VMI_PRINTF(2, 3);

/* ---- names (name.c) ------------------------------------------------------------------------- */

/* The id of a domain by its name or number. */
VMI_CHECKED enum vmi_status xen_name_find(const char *name, uint32_t *id, struct vmi_error *err);
/* The names of those that have one; without xenstore, none. */
void xen_names_fill(struct vmi_target_entry *entries, size_t count);

/* ---- the domain (open.c) -------------------------------------------------------------------- */

/* VMI_ERR_GONE when it is no more, was shut down, or is another one under the same id. */
VMI_CHECKED enum vmi_status xen_domain_check(struct xen *xen, struct vmi_error *err);
/* Can a guest of this kind be served? VMI_ERR_UNSUPPORTED or _GONE in words. */
VMI_CHECKED enum vmi_status xen_domain_refuse(const xc_domaininfo_t *info, struct vmi_error *err);
/* Handles on Xen, or VMI_ERR_IO in words. */
VMI_CHECKED enum vmi_status xen_connect(xc_interface **xc, xenforeignmemory_handle **fm,
					struct vmi_error *err);
/* VMI_ERR_NOT_FOUND: there is no such domain. */
VMI_CHECKED enum vmi_status xen_domain_ask(xc_interface *xc, uint32_t id, xc_domaininfo_t *info,
					   struct vmi_error *err);

/* ---- changes (guard.c) ---------------------------------------------------------------------- */

/*
 * Around each change: the guardian runs, and will not act in between. What is about to be changed
 * is written to xen->guard.shared first. VMI_ERR_GONE: the guest was given back meanwhile.
 */
VMI_CHECKED enum vmi_status xen_change_begin(struct xen *xen, struct vmi_error *err);
void xen_change_end(struct xen *xen);

/* The same around each look into the ring; starts nothing. */
VMI_CHECKED enum vmi_status xen_hold(struct xen *xen, struct vmi_error *err);

/* What the environment says, or the usual one. */
uint32_t xen_deadline_usual(void);
/* Tell the guardian something and hear what it has to say. */
VMI_CHECKED enum vmi_status xen_guard_say(struct xen *xen, enum xen_word word,
					  struct vmi_error *err);
/* Has the guardian ended? Asks the kernel. */
bool xen_guard_died(const struct xen *xen);
/* Give everything back, stay open. */
void xen_release(struct xen *xen, const char *why);
/* Everything back, the guardian gone. */
void xen_guard_close(struct xen *xen);
struct xen_tools xen_tools(struct xen *xen);

/* Start a guardian that talks over `socket` about `memory`; its pid, or -1 and errno. (spawn.c) */
pid_t xen_guard_spawn(int socket, int memory);

/* ---- within a change ------------------------------------------------------------------------ */

/* Counted, so that it is undone; a resume that Xen refuses is tried again, at the latest at the
 * end.
 */
VMI_CHECKED enum vmi_status xen_pause(struct xen *xen, struct vmi_error *err);
VMI_CHECKED enum vmi_status xen_unpause(struct xen *xen, struct vmi_error *err);
VMI_CHECKED enum vmi_status xen_ring_start(struct xen *xen, struct vmi_error *err);
void xen_ring_close(struct xen *xen);
VMI_CHECKED enum vmi_status xen_switch_on(struct xen *xen, enum xen_switch which,
					  const struct vmi_monitor *monitor, struct vmi_error *err);
/* Is it the guest's own view, or one that we made? */
bool xen_view_exists(const struct xen *xen, uint16_t view);
/* Any but the guest's own? */
bool xen_views_exist(const struct xen *xen);
/* Where there is memory, for holders of the lock. */
VMI_CHECKED enum vmi_status xen_runs_find(struct xen *xen, struct vmi_error *err);
/* Memory at a gfn that has none; raises the domain's limit where it must. */
VMI_CHECKED enum vmi_status xen_populate(struct xen *xen, uint64_t gfn, struct vmi_error *err);
/* Take away the frames that had to wait for the last view to go. */
void xen_doomed_free(struct xen *xen);
/* All vcpus: no steps any more. */
void xen_steps_off(struct xen *xen);
VMI_CHECKED enum vmi_status xen_inject(struct xen *xen, unsigned vcpu,
				       const struct vmi_interrupt *interrupt,
				       struct vmi_error *err);
VMI_CHECKED enum vmi_status xen_access_set_page(struct xen *xen, uint16_t view, vmi_gfn gfn,
						xenmem_access_t access, struct vmi_error *err);
VMI_CHECKED enum vmi_status xen_access_get_page(struct xen *xen, uint16_t view, vmi_gfn gfn,
						xenmem_access_t *access, struct vmi_error *err);

/* ---- events --------------------------------------------------------------------------------- */

/* What a request says (decode.c). */
void xen_event_decode(const vm_event_request_t *request, struct vmi_event *event);
/* A response as Xen wants it (answer.c); VMI_ERR_ARG leaves one that only continues. */
VMI_CHECKED enum vmi_status xen_answer_build(struct xen *xen, const vm_event_request_t *request,
					     const struct vmi_response *from,
					     vm_event_response_t *response, struct vmi_error *err);
uint64_t xen_now(void);

/* ---- the driver's functions ------------------------------------------------------------------ */

enum vmi_status xen_page_get(void *self, vmi_gfn gfn, struct vmi_page *page, struct vmi_error *err);
void xen_page_put(void *self, struct vmi_page *page);
enum vmi_status xen_copy(void *self, vmi_gpa gpa, void *buf, size_t len, size_t *done,
			 struct vmi_error *err);
enum vmi_status xen_run_next(void *self, vmi_gpa from, struct vmi_run *run, struct vmi_error *err);
enum vmi_status xen_write(void *self, vmi_gpa gpa, const void *buf, size_t len,
			  struct vmi_error *err);

enum vmi_status xen_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
				  struct vmi_error *err);
enum vmi_status xen_registers_set(void *self, unsigned vcpu, const struct vmi_registers *regs,
				  struct vmi_error *err);

enum vmi_status xen_access_get(void *self, uint16_t view, vmi_gfn gfn, unsigned *access,
			       unsigned *options, struct vmi_error *err);
enum vmi_status xen_access_set(void *self, uint16_t view, vmi_gfn gfn, unsigned access,
			       unsigned options, struct vmi_error *err);

enum vmi_status xen_view_initial(void *self, uint16_t *view, struct vmi_error *err);
enum vmi_status xen_view_create(void *self, unsigned access, uint16_t *view, struct vmi_error *err);
enum vmi_status xen_view_destroy(void *self, uint16_t view, struct vmi_error *err);
enum vmi_status xen_view_switch(void *self, uint16_t view, struct vmi_error *err);
enum vmi_status xen_view_change_gfn(void *self, uint16_t view, vmi_gfn from, vmi_gfn to,
				    struct vmi_error *err);
enum vmi_status xen_view_reset_gfn(void *self, uint16_t view, vmi_gfn gfn, struct vmi_error *err);

enum vmi_status xen_monitor_enable(void *self, const struct vmi_monitor *monitor,
				   struct vmi_error *err);
enum vmi_status xen_monitor_disable(void *self, const struct vmi_monitor *monitor,
				    struct vmi_error *err);
enum vmi_status xen_event_pending(void *self, size_t *count, struct vmi_error *err);
enum vmi_status xen_event_overhead(void *self, uint64_t *nanoseconds, struct vmi_error *err);
enum vmi_status xen_event_deadline(void *self, uint32_t milliseconds, struct vmi_error *err);
enum vmi_status xen_event_take(void *self, int timeout_ms, int wake_fd, struct vmi_event *event,
			       struct vmi_error *err);
enum vmi_status xen_event_answer(void *self, const struct vmi_event *event,
				 const struct vmi_response *response, struct vmi_error *err);
enum vmi_status xen_event_flush(void *self, struct vmi_error *err);

enum vmi_status xen_control_pause(void *self, struct vmi_error *err);
enum vmi_status xen_control_resume(void *self, struct vmi_error *err);
enum vmi_status xen_control_allocate(void *self, vmi_gfn *gfn, struct vmi_error *err);
enum vmi_status xen_control_allocate_at(void *self, vmi_gfn gfn, struct vmi_error *err);
enum vmi_status xen_control_free(void *self, vmi_gfn gfn, struct vmi_error *err);
enum vmi_status xen_control_inject(void *self, unsigned vcpu, const struct vmi_interrupt *interrupt,
				   struct vmi_error *err);
enum vmi_status xen_control_reset(void *self, struct vmi_error *err);

enum vmi_status xen_list(struct vmi_target_entry **list, size_t *count, struct vmi_error *err);
enum vmi_status xen_rescue(const char *target, struct vmi_error *err);

#endif
