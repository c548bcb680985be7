/* SPDX-License-Identifier: MIT */
/*
 * Giving a guest back.
 *
 * The order matters. The guest stands still from the first step to the last but four:
 *
 *   pause, and let Xen take the responses that are in the ring already;
 *   steps off: a fast singlestep under way would put its vcpu back into its view;
 *   access back, then all vcpus into the guest's own view;
 *   only then answers to what is outstanding: a breakpoint that was only in a view of ours is gone,
 *   and its instruction is tried again; one of the guest's own is given to the guest;
 *   monitors off (a breakpoint that traps with no one to take it would kill the guest);
 *   views away, altp2m off;
 *   let it run: writes to registers that waited for an answer happen only when their vcpu goes on,
 *   and are lost with the ring;
 *   ring off, its page back; memory that we added away (with a view still there, Xen would reset
 * the view).
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "exchange.h"
#include "frames.h"
#include "undo.h"

enum {
	TRIES = 3,          /* of all that fails */
	RETRIES = 200,      /* of a millisecond each */
	SETTLE_TRIES = 100, /* of a millisecond each */
};

struct undoing {
	struct xen_shared *shared;
	const struct xen_tools *tools;
	struct xen_undone report;
	bool answered[XEN_VCPU_MAX];
	uint64_t cpu_time[XEN_VCPU_MAX];
};

static void millisecond(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* True when it succeeded: then it is no longer to be undone. */
static bool step(struct undoing *undoing, const char *what, int result)
{
	if (result >= 0)
		return true;
	if (!undoing->report.failures++) {
		undoing->report.step = what;
		undoing->report.error = errno;
	}
	return false;
}

int xen_domain_lives(xc_interface *xc, const struct xen_shared *shared, xc_domaininfo_t *info)
{
	int count = xc_domain_getinfolist(xc, shared->domid, 1, info);

	if (count < 0)
		return -1;
	/* The list starts at the first domain with that id or a higher one. */
	return count == 1 && info->domain == shared->domid &&
	       !memcmp(info->handle, shared->uuid, sizeof(shared->uuid)) &&
	       !(info->flags & XEN_DOMINF_dying);
}

int xen_switch_off(xc_interface *xc, uint32_t domid, enum xen_switch which)
{
	switch (which) {
	case XEN_SWITCH_CR0:
		return xc_monitor_write_ctrlreg(xc, domid, VM_EVENT_X86_CR0, false, true, 0, true);
	case XEN_SWITCH_CR3:
		return xc_monitor_write_ctrlreg(xc, domid, VM_EVENT_X86_CR3, false, true, 0, true);
	case XEN_SWITCH_CR4:
		return xc_monitor_write_ctrlreg(xc, domid, VM_EVENT_X86_CR4, false, true, 0, true);
	case XEN_SWITCH_XCR0:
		return xc_monitor_write_ctrlreg(xc, domid, VM_EVENT_X86_XCR0, false, true, 0, true);
	case XEN_SWITCH_BREAKPOINT:
		return xc_monitor_software_breakpoint(xc, domid, false);
	case XEN_SWITCH_DEBUG:
		return xc_monitor_debug_exceptions(xc, domid, false, true);
	case XEN_SWITCH_SINGLESTEP:
		return xc_monitor_singlestep(xc, domid, false);
	case XEN_SWITCH_HYPERCALL:
		return xc_monitor_guest_request(xc, domid, false, true, false);
	case XEN_SWITCH_CPUID:
		return xc_monitor_cpuid(xc, domid, false);
	case XEN_SWITCH_IO:
#ifdef XEN_HAS_MONITOR_IO
		return xc_monitor_io(xc, domid, false);
#else
		return 0; /* was never on */
#endif
	case XEN_SWITCH_DESCRIPTOR:
		return xc_monitor_descriptor_access(xc, domid, false);
	case XEN_SWITCH_VMEXIT:
		return xc_monitor_vmexit(xc, domid, false, false);
	case XEN_SWITCH_PRIVILEGED_CALL:
		return xc_monitor_privileged_call(xc, domid, false);
	case XEN_SWITCH_EMULATION_FAILURE:
		return xc_monitor_emul_unimplemented(xc, domid, false);
	case XEN_SWITCH_COUNT:
		break;
	}
	errno = EINVAL;
	return -1;
}

/* Is the INT3 that trapped in the guest's own memory, or only in a view of ours? Memory is mapped
 * as the guest's own view has it. */
static bool breakpoint_is_guests(struct undoing *undoing, const vm_event_request_t *request)
{
	size_t offset = request->data.regs.x86.rip % XC_PAGE_SIZE;
	uint8_t *page = xen_frame_map(undoing->tools->fm, undoing->shared->domid,
				      request->u.software_breakpoint.gfn, PROT_READ);

	if (!page) /* a guest that gets one too many is better off than one that hangs */
		return errno != ENOENT;
	bool own = page[offset] == 0xcc || page[offset] == 0xcd;
	xenforeignmemory_unmap(undoing->tools->fm, page, 1);
	return own;
}

static void reinject(struct undoing *undoing, const vm_event_request_t *request)
{
	const struct vm_event_debug *trap = &request->u.debug_exception;
	bool debug = request->reason == VM_EVENT_REASON_DEBUG_EXCEPTION;

	if (!debug && !breakpoint_is_guests(undoing, request))
		return;
	if (!undoing->tools->dm) {
		errno = ENODEV;
		step(undoing, "giving the guest its own trap", -1);
		return;
	}
	step(undoing, "giving the guest its own trap",
	     xendevicemodel_inject_event(undoing->tools->dm, (domid_t)undoing->shared->domid,
					 (int)request->vcpu_id, debug ? 1 : 3, trap->type,
					 ~UINT32_C(0), (uint8_t)trap->insn_length,
					 debug ? trap->pending_dbg : 0));
}

static bool vcpu_time(struct undoing *undoing, uint32_t vcpu, xc_vcpuinfo_t *info)
{
	return !xc_vcpu_getinfo(undoing->tools->xc, undoing->shared->domid, vcpu, info);
}

/* The answer of someone who no longer wants to know. */
static void let_go(struct undoing *undoing, struct xen_taken *taken)
{
	const vm_event_request_t *request = &taken->request;
	vm_event_response_t response;

	xen_response_init(&response, request);
	if (request->reason == VM_EVENT_REASON_SOFTWARE_BREAKPOINT ||
	    request->reason == VM_EVENT_REASON_DEBUG_EXCEPTION)
		reinject(undoing, request);
	if (request->reason == VM_EVENT_REASON_CPUID) {
		/* The results are in the registers already: step over the instruction. */
		response.flags |= VM_EVENT_FLAG_SET_REGISTERS;
		response.data.regs.x86 = request->data.regs.x86;
		response.data.regs.x86.rip += request->u.cpuid.insn_length;
	}
	xc_vcpuinfo_t info;
	if (request->vcpu_id < XEN_VCPU_MAX && vcpu_time(undoing, request->vcpu_id, &info)) {
		undoing->answered[request->vcpu_id] = true;
		undoing->cpu_time[request->vcpu_id] = info.cpu_time;
	}
	xen_exchange_answer(undoing->tools->ring, taken, &response);
	undoing->report.answered++;
}

/* Answer all that is there, until nothing more comes while the guest stands still. */
static void drain(struct undoing *undoing)
{
	vm_event_sring_t *ring = undoing->tools->ring;

	for (unsigned turn = 0; ring && turn < XEN_RING_SLOTS; turn++) {
		bool any = false;
		xen_exchange_recover(undoing->shared, ring);
		for (unsigned i = 0; i < XEN_RING_SLOTS; i++) {
			struct xen_taken *taken = &undoing->shared->exchange.taken[i];
			if (atomic_load(&taken->state) != XEN_TAKEN_OPEN)
				continue;
			let_go(undoing, taken);
			any = true;
		}
		if (!any)
			break;
		step(undoing, "telling Xen of the answers",
		     xc_monitor_resume(undoing->tools->xc, undoing->shared->domid));
	}
}

static void steps_off(struct undoing *undoing)
{
	bool all = true;

	if (!undoing->shared->undo.stepped)
		return;
	for (uint32_t vcpu = 0; vcpu < undoing->shared->vcpus; vcpu++)
		all &= step(undoing, "turning singlestep off",
			    xc_domain_debug_control(undoing->tools->xc, undoing->shared->domid,
						    XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_OFF, vcpu));
	undoing->shared->undo.stepped = !all;
}

/* The next run of consecutive gfns in a set, from *gfn on; 0 behind the last. */
static uint32_t set_run(struct xen_shared *shared, enum xen_gfn_set which, uint64_t *gfn)
{
	const uint64_t *set = xen_gfn_set(shared, which);
	uint64_t at = *gfn;

	/* To look further would touch pages that nothing was ever written to. */
	while (at < shared->gfn_end[which] && !xen_gfn_set_has(shared, which, at))
		at += set[at / 64] >> at % 64 ? 1 : 64 - at % 64;
	*gfn = at;
	uint32_t count = 0;
	while (count < 1u << 20 && xen_gfn_set_has(shared, which, at + count))
		count++;
	return count;
}

static void access_back(struct undoing *undoing)
{
	struct xen_shared *shared = undoing->shared;
	bool all = true;
	uint32_t count;

	if (!shared->undo.access_changed)
		return;
	for (uint64_t gfn = 0; (count = set_run(shared, XEN_GFNS_ACCESS, &gfn)); gfn += count) {
		bool done = step(undoing, "giving pages their access back",
				 xc_set_mem_access(undoing->tools->xc, shared->domid,
						   XENMEM_access_rwx, gfn, count));
		for (uint32_t i = 0; done && i < count; i++)
			xen_gfn_set_remove(shared, XEN_GFNS_ACCESS, gfn + i);
		all &= done;
	}
	shared->undo.access_changed = !all;
}

static void view_back(struct undoing *undoing)
{
	struct xen_undo *undo = &undoing->shared->undo;

	if (undo->altp2m &&
	    step(undoing, "switching back to the guest's own view",
		 xc_altp2m_switch_to_view(undoing->tools->xc, undoing->shared->domid, 0)))
		undo->view_switched = 0;
}

static void views_away(struct undoing *undoing)
{
	struct xen_undo *undo = &undoing->shared->undo;
	xc_interface *xc = undoing->tools->xc;
	uint32_t domid = undoing->shared->domid;

	for (unsigned view = 1; view < XEN_VIEW_MAX; view++) {
		if (!(undo->views[view / 64] >> view % 64 & 1))
			continue;
		int result = xc_altp2m_destroy_view(xc, domid, (uint16_t)view);
		for (unsigned i = 0; result && errno == EBUSY && i < RETRIES; i++) {
			millisecond();
			result = xc_altp2m_destroy_view(xc, domid, (uint16_t)view);
		}
		if (step(undoing, "destroying a view", result))
			undo->views[view / 64] &= ~(UINT64_C(1) << view % 64);
	}
	/* Its end is the end of all views. */
	if (undo->altp2m &&
	    step(undoing, "turning altp2m off", xc_altp2m_set_domain_state(xc, domid, false))) {
		undo->altp2m = 0;
		memset(undo->views, 0, sizeof(undo->views));
	}
}

static void monitors_off(struct undoing *undoing)
{
	struct xen_undo *undo = &undoing->shared->undo;
	xc_interface *xc = undoing->tools->xc;
	uint32_t domid = undoing->shared->domid;

	for (unsigned which = 0; which < XEN_SWITCH_COUNT; which++) {
		if (!(undo->switches >> which & 1))
			continue;
		/* EEXIST: it was written down and not turned on. */
		int result = xen_switch_off(xc, domid, (enum xen_switch)which);
		if (step(undoing, "turning a monitor off", result && errno == EEXIST ? 0 : result))
			undo->switches &= ~(1u << which);
	}
	uint32_t left = 0;
	for (uint32_t i = 0; i < undo->msr_count && i < XEN_MSR_MAX; i++) {
		int result = xc_monitor_mov_to_msr(xc, domid, undo->msr[i], false, true);
		if (!step(undoing, "turning the monitor of an MSR off",
			  result && errno == EEXIST ? 0 : result))
			undo->msr[left++] = undo->msr[i];
	}
	undo->msr_count = left;
}

/* With the guest standing still. */
static void watching_off(struct undoing *undoing)
{
	if (undoing->tools->ring)
		step(undoing, "telling Xen of the answers",
		     xc_monitor_resume(undoing->tools->xc, undoing->shared->domid));
	steps_off(undoing);
	access_back(undoing);
	view_back(undoing);
	drain(undoing);
	monitors_off(undoing);
	views_away(undoing);
}

/* Until each vcpu that was answered has run: only then its write has happened. Bounded: a guest
 * that someone else has paused as well does not run. */
static void settle(struct undoing *undoing)
{
	for (unsigned i = 0; i < SETTLE_TRIES; i++) {
		bool waits = false;
		drain(undoing);
		for (uint32_t vcpu = 0; vcpu < undoing->shared->vcpus && vcpu < XEN_VCPU_MAX;
		     vcpu++) {
			xc_vcpuinfo_t info;
			if (!undoing->answered[vcpu])
				continue;
			if (vcpu_time(undoing, vcpu, &info) && info.online &&
			    info.cpu_time == undoing->cpu_time[vcpu])
				waits = true;
			else
				undoing->answered[vcpu] = false;
		}
		if (!waits)
			break;
		millisecond();
	}
}

/* It may not be there: written down, and not made. */
static void frame_away(const struct undoing *undoing, uint64_t gfn)
{
	for (unsigned try = 0; try < TRIES; try++)
		if (!xen_frame_remove(undoing->tools->xc, undoing->shared->domid, gfn))
			break;
}

static int ring_page_back(const struct undoing *undoing)
{
	const struct xen_tools *tools = undoing->tools;
	uint64_t gfn = undoing->shared->undo.ring_gfn;
	int there = xen_frame_exists(tools->fm, undoing->shared->domid, gfn);

	return there ? there : xen_frame_add(tools->xc, undoing->shared, gfn);
}

static void ring_off(struct undoing *undoing)
{
	struct xen_undo *undo = &undoing->shared->undo;
	xc_interface *xc = undoing->tools->xc;
	uint32_t domid = undoing->shared->domid;

	if (undo->ring) {
		/* EBUSY: a vcpu sleeps until there is a free slot. Give it one. */
		int result = xc_monitor_disable(xc, domid);
		for (unsigned i = 0; result && errno == EBUSY && i < RETRIES; i++) {
			drain(undoing);
			millisecond();
			result = xc_monitor_disable(xc, domid);
		}
		if (!step(undoing, "turning events off", result && errno == EINVAL ? 0 : result))
			return;
	}
	undo->ring = 0;
	if (undo->ring_gfn_made)
		frame_away(undoing, undo->ring_gfn);
	undo->ring_gfn_made = 0;
	if (undo->ring_gfn_hidden &&
	    step(undoing, "giving the guest the page of the ring back", ring_page_back(undoing)))
		undo->ring_gfn_hidden = 0;
}

static void memory_back(struct undoing *undoing)
{
	struct xen_shared *shared = undoing->shared;
	uint32_t count;

	for (uint64_t gfn = 0;
	     shared->undo.allocated && (count = set_run(shared, XEN_GFNS_ALLOCATED, &gfn));
	     gfn += count) {
		for (uint32_t i = 0; i < count; i++) {
			frame_away(undoing, gfn + i);
			xen_gfn_set_remove(shared, XEN_GFNS_ALLOCATED, gfn + i);
			xen_gfn_set_remove(shared, XEN_GFNS_DOOMED, gfn + i);
		}
	}
	shared->undo.allocated = shared->undo.doomed = 0;
	if (shared->undo.maxmem_raised &&
	    step(undoing, "setting the memory limit back",
		 xc_domain_setmaxmem(undoing->tools->xc, shared->domid, shared->undo.maxmem_kb)))
		shared->undo.maxmem_raised = 0;
}

static bool gone(struct undoing *undoing)
{
	xc_domaininfo_t info;

	if (xen_domain_lives(undoing->tools->xc, undoing->shared, &info))
		return false;
	memset(&undoing->shared->undo, 0, sizeof(undoing->shared->undo));
	return true;
}

static bool watching(const struct xen_undo *undo)
{
	uint64_t views = undo->altp2m | undo->view_switched;

	for (unsigned i = 0; i < XEN_VIEW_MAX / 64; i++)
		views |= undo->views[i];
	return views || undo->ring || undo->switches || undo->msr_count || undo->stepped ||
	       undo->access_changed;
}

/* EINVAL: it was written down, and not paused. */
static bool all_unpaused(struct undoing *undoing, uint32_t pauses)
{
	uint32_t *counted = &undoing->shared->undo.pauses;

	while (*counted > pauses) {
		int result = xc_domain_unpause(undoing->tools->xc, undoing->shared->domid);
		if (!step(undoing, "letting the guest run", result && errno == EINVAL ? 0 : result))
			return false;
		--*counted;
	}
	return true;
}

/* Our own pause counts like the driver's: whoever comes after us undoes it. */
static void paused_off(struct undoing *undoing)
{
	uint32_t *counted = &undoing->shared->undo.pauses;

	++*counted;
	if (!step(undoing, "pausing the guest",
		  xc_domain_pause(undoing->tools->xc, undoing->shared->domid)))
		--*counted;
	watching_off(undoing);
}

struct xen_undone xen_undo_watching(struct xen_shared *shared, const struct xen_tools *tools)
{
	struct undoing undoing = {.shared = shared, .tools = tools};
	uint32_t pauses = shared->undo.pauses;

	for (unsigned try = 0; try < TRIES; try++) {
		undoing.report.failures = 0;
		if (!watching(&shared->undo) || gone(&undoing))
			break;
		paused_off(&undoing);
		all_unpaused(&undoing, pauses);
		if (!undoing.report.failures)
			break;
	}
	return undoing.report;
}

void xen_undo_ring(struct xen_shared *shared, const struct xen_tools *tools)
{
	struct undoing undoing = {.shared = shared, .tools = tools};

	ring_off(&undoing);
}

struct xen_undone xen_undo_all(struct xen_shared *shared, const struct xen_tools *tools)
{
	struct undoing undoing = {.shared = shared, .tools = tools};

	for (unsigned try = 0; try < TRIES; try++) {
		undoing.report.failures = 0;
		if (gone(&undoing))
			break;
		if (watching(&shared->undo))
			paused_off(&undoing);
		if (all_unpaused(&undoing, 0) && shared->undo.ring)
			settle(&undoing);
		/* Without the ring there is no way to answer, and none to try again. */
		if (undoing.report.failures && try + 1 < TRIES)
			continue;
		ring_off(&undoing);
		memory_back(&undoing);
		if (!undoing.report.failures)
			break;
	}
	return undoing.report;
}
