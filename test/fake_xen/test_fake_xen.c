/* SPDX-License-Identifier: MIT */
/* The fake is what the tests of the driver stand on: does it behave as Xen does? */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* After the four above, which it needs and does not include. */
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bare.h"

struct setting {
	struct fake_machine *m;
	struct fake_domain *d;
	struct fake_baseline before;
	struct bare bare;
	char text[256];
};

static int setting_make(void **state)
{
	struct setting *s = calloc(1, sizeof(*s));

	s->m = fake_machine_create();
	s->d = fake_domain(s->m, 1);
	fake_baseline(s->d, &s->before);
	*state = s;
	return 0;
}

static int setting_end(void **state)
{
	struct setting *s = *state;

	fake_machine_destroy(s->m);
	free(s);
	return 0;
}

#define UNCHANGED(s)                                                                               \
	assert_null(fake_changed((s)->m, (s)->d, &(s)->before, (s)->text, sizeof((s)->text)))

/* ---- events --------------------------------------------------------------------------------- */

static const struct fake_op write_20 = {.kind = FAKE_WRITE, .gpa = 0x20010, .value = 77};

static void a_vcpu_waits_for_its_answer(void **state)
{
	struct setting *s = *state;
	struct fake_vcpu *v = &s->d->vcpus[0];

	assert_true(bare_open(&s->bare, 1));
	assert_int_equal(xc_set_mem_access(s->bare.xc, 1, XENMEM_access_rx, 0x20, 1), 0);
	fake_program(s->d, 0, &write_20, 1, 1);
	fake_run(s->m);
	assert_int_equal(v->event_pauses, 1);
	assert_false(fake_done(s->d, 0));
	/* while a vcpu waits, ending the ring does not let it go: it hangs for ever */
	assert_int_equal(xc_set_mem_access(s->bare.xc, 1, XENMEM_access_rwx, 0x20, 1), 0);
	assert_int_equal(bare_turn(&s->bare, 0, NULL), 1);
	assert_true(fake_done(s->d, 0));
	assert_int_equal(*(uint64_t *)(void *)(fake_page(s->m, s->d, 0x20) + 0x10), 77);
	bare_close(&s->bare);
	UNCHANGED(s);
	assert_int_equal(fake_open_handles(), 0);
	assert_int_equal(fake_mapped_pages(), 0);
}

static void who_ends_the_ring_early_leaves_a_vcpu_hanging(void **state)
{
	struct setting *s = *state;

	assert_true(bare_open(&s->bare, 1));
	assert_int_equal(xc_monitor_cpuid(s->bare.xc, 1, true), 0);
	fake_program(s->d, 1, &(struct fake_op){.kind = FAKE_CPUID}, 1, 1);
	fake_run(s->m);
	bare_close(&s->bare);
	fake_run(s->m);
	assert_false(fake_done(s->d, 1));
	assert_string_equal(fake_changed(s->m, s->d, &s->before, s->text, sizeof(s->text)),
			    "vcpu 1 waits for an answer");
}

static void one_answer_too_many(void **state)
{
	struct setting *s = *state;
	vm_event_request_t r = {.reason = VM_EVENT_REASON_GUEST_REQUEST,
				.flags = VM_EVENT_FLAG_VCPU_PAUSED};

	assert_true(bare_open(&s->bare, 1));
	for (unsigned i = 0; i < 2; i++)
		assert_true(fake_post(s->m, s->d, i, &r));
	/* both answers for the same vcpu */
	for (unsigned i = 0; i < 2; i++)
		s->bare.ring->ring[i].rsp = (vm_event_response_t){
			.version = VM_EVENT_INTERFACE_VERSION, .flags = VM_EVENT_FLAG_VCPU_PAUSED};
	s->bare.ring->rsp_prod = 2;
	assert_int_equal(xc_monitor_resume(s->bare.xc, 1), 0);
	assert_int_equal(s->d->harm.underflow, 1);
	assert_int_equal(s->d->vcpus[1].event_pauses, 1);
	/* and more than there were requests */
	s->bare.ring->rsp_prod = 7;
	assert_int_equal(xc_monitor_resume(s->bare.xc, 1), 0);
	assert_int_equal(s->d->harm.overflow, 1);
	bare_close(&s->bare);
}

static void a_full_ring_makes_vcpus_wait(void **state)
{
	struct setting *s = *state;
	vm_event_request_t r = {.reason = VM_EVENT_REASON_WRITE_CTRLREG};

	assert_true(bare_open(&s->bare, 1));
	for (unsigned i = 0; i < FAKE_RING_SLOTS; i++)
		assert_true(fake_post(s->m, s->d, 0, &r));
	assert_false(fake_post(s->m, s->d, 0, &r));
	assert_int_equal(xc_monitor_disable(s->bare.xc, 1), -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(bare_turn(&s->bare, 0, NULL), FAKE_RING_SLOTS);
	bare_close(&s->bare);
	UNCHANGED(s);
}

static void a_port_is_delivered_once_until_unmasked(void **state)
{
	struct setting *s = *state;
	vm_event_request_t r = {.reason = VM_EVENT_REASON_WRITE_CTRLREG};

	assert_true(bare_open(&s->bare, 1));
	fake_post(s->m, s->d, 0, &r);
	fake_post(s->m, s->d, 0, &r); /* masked by now */
	assert_int_equal(xenevtchn_pending(s->bare.channel), s->bare.port);
	assert_int_equal(bare_turn(&s->bare, 0, NULL), 2); /* nothing to read, but events */
	assert_int_equal(xenevtchn_unmask(s->bare.channel, (evtchn_port_t)s->bare.port), 0);
	assert_int_equal(xenevtchn_pending(s->bare.channel), s->bare.port);
	bare_close(&s->bare);
}

static void deny(const vm_event_request_t *request, vm_event_response_t *response)
{
	(void)request;
	response->flags |= VM_EVENT_FLAG_DENY;
}

static void deny_needs_more_than_the_flag(void **state)
{
	struct setting *s = *state;
	const struct fake_op write_cr3 = {
		.kind = FAKE_WRITE_CR, .index = VM_EVENT_X86_CR3, .value = 0x5000};
	struct xen_domctl domctl = {.cmd = XEN_DOMCTL_monitor_op, .domain = 1};

	assert_true(bare_open(&s->bare, 1));
	assert_int_equal(
		xc_monitor_write_ctrlreg(s->bare.xc, 1, VM_EVENT_X86_CR3, true, true, 0, false), 0);
	fake_program(s->d, 0, &write_cr3, 1, 1);
	fake_run(s->m);
	assert_int_equal(bare_turn(&s->bare, 0, deny), 1);
	assert_int_equal(s->d->vcpus[0].cpu.cr3, 0x5000);

	domctl.u.monitor_op.op = XEN_DOMCTL_MONITOR_OP_CONTROL_REGISTERS;
	assert_int_equal(xc_domctl(s->bare.xc, &domctl), 0);
	s->d->vcpus[0].cpu.cr3 = 0x1000;
	fake_program(s->d, 0, &write_cr3, 1, 1);
	fake_run(s->m);
	assert_int_equal(bare_turn(&s->bare, 0, deny), 1);
	assert_int_equal(s->d->vcpus[0].cpu.cr3, 0x1000);
	assert_true(fake_done(s->d, 0));
	bare_close(&s->bare);
	UNCHANGED(s);
}

/* ---- views ---------------------------------------------------------------------------------- */

static void views_are_lazy_and_forget(void **state)
{
	struct setting *s = *state;
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	xenmem_access_t access;
	uint16_t view;

	assert_int_equal(xc_altp2m_create_view(xc, 1, XENMEM_access_rx, &view), -1);
	assert_int_equal(errno, EOPNOTSUPP); /* altp2m is off */
	assert_int_equal(xc_altp2m_set_domain_state(xc, 1, true), 0);
	assert_int_equal(xc_altp2m_create_view(xc, 1, XENMEM_access_rx, &view), 0);
	assert_int_equal(xc_altp2m_get_mem_access(xc, 1, view, 0x20, &access), -1);
	assert_int_equal(errno, ESRCH); /* not copied yet */
	assert_int_equal(xc_altp2m_set_mem_access(xc, 1, view, 0x20, XENMEM_access_x), 0);
	assert_int_equal(xc_altp2m_change_gfn(xc, 1, view, 0x20, 0x30), 0);
	assert_int_equal(xc_altp2m_get_mem_access(xc, 1, view, 0x20, &access), 0);
	assert_int_equal(access, XENMEM_access_rwx); /* that of gfn 0x30 */

	assert_int_equal(xc_altp2m_switch_to_view(xc, 1, view), 0);
	assert_int_equal(xc_altp2m_destroy_view(xc, 1, view), -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(xc_altp2m_switch_to_view(xc, 1, 0), 0);
	assert_int_equal(xc_altp2m_destroy_view(xc, 1, view), 0);
	assert_int_equal(xc_altp2m_set_domain_state(xc, 1, false), 0);
	xc_interface_close(xc);
	UNCHANGED(s);
}

static void freeing_a_remapped_page_resets_the_view(void **state)
{
	struct setting *s = *state;
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	xen_pfn_t shadow = 0x20000;
	uint16_t view;

	assert_int_equal(xc_domain_populate_physmap_exact(xc, 1, 1, 0, 0, &shadow), 0);
	assert_int_equal(xc_altp2m_set_domain_state(xc, 1, true), 0);
	assert_int_equal(xc_altp2m_create_view(xc, 1, XENMEM_access_rwx, &view), 0);
	assert_int_equal(xc_altp2m_change_gfn(xc, 1, view, 0x20, shadow), 0);
	assert_int_equal(xc_domain_decrease_reservation_exact(xc, 1, 1, 0, &shadow), 0);
	assert_int_equal(s->d->harm.reset_views, 1);
	xc_interface_close(xc);
}

static void there_are_nine_views(void **state)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	uint16_t view;
	unsigned n = 0;

	(void)state;
	assert_int_equal(xc_altp2m_set_domain_state(xc, 1, true), 0);
	while (!xc_altp2m_create_view(xc, 1, XENMEM_access_rwx, &view))
		n++;
	assert_int_equal(n, 9);
	xc_interface_close(xc);
}

/* ---- the machine ---------------------------------------------------------------------------- */

static void memory_is_shared_and_has_holes(void **state)
{
	struct setting *s = *state;
	xenforeignmemory_handle *fm = xenforeignmemory_open(NULL, 0);
	const xen_pfn_t gfns[3] = {0x11, 0xa0000, 0x12};
	int err[3];

	assert_null(xenforeignmemory_map(fm, 1, PROT_READ, 3, gfns, NULL));
	assert_int_equal(errno, EINVAL);
	char *at = xenforeignmemory_map(fm, 1, PROT_READ | PROT_WRITE, 3, gfns, err);
	assert_non_null(at);
	assert_int_equal(err[0], 0);
	assert_int_equal(err[1], -EINVAL);
	assert_int_equal(err[2], 0);
	assert_memory_equal(at + 2 * XC_PAGE_SIZE, fake_page(s->m, s->d, 0x12), XC_PAGE_SIZE);
	at[5] = 'z';
	assert_int_equal(fake_page(s->m, s->d, 0x11)[5], 'z');
	assert_int_equal(fake_mapped_pages(), 3);
	assert_int_equal(xenforeignmemory_unmap(fm, at, 3), 0);
	xenforeignmemory_close(fm);
	assert_int_equal(fake_mapped_pages(), 0);
}

static void calls_fail_when_told(void **state)
{
	struct setting *s = *state;
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);

	fake_call_fail(s->m, "xc_domain_pause", EPERM, 1, 1);
	assert_int_equal(xc_domain_pause(xc, 1), 0);
	assert_int_equal(xc_domain_pause(xc, 1), -1);
	assert_int_equal(errno, EPERM);
	fake_call_fail_at(s->m, 2, EINTR);
	assert_int_equal(xc_domain_pause(xc, 1), 0);
	assert_int_equal(xc_domain_unpause(xc, 1), -1);
	assert_int_equal(errno, EINTR);
	assert_string_equal(s->m->failed, "xc_domain_unpause");
	assert_int_equal(fake_call_count(s->m, "xc_domain_pause"), 3);
	assert_int_equal(xc_domain_pause(xc, 9), -1);
	assert_int_equal(errno, ESRCH);
	xc_interface_close(xc);
}

/* The child pauses and unpauses as fast as it can: it is never killed in between. */
static void death_comes_between_calls(void **state)
{
	struct setting *s = *state;

	for (unsigned i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			xc_interface *xc = xc_interface_open(NULL, NULL, 0);
			for (;;) {
				xc_domain_pause(xc, 1);
				xc_domain_unpause(xc, 1);
			}
		}
		usleep(1000 + 137 * i);
		fake_kill(s->m, pid);
		assert_in_range(s->d->pauses, 0, 1);
		s->d->pauses = 0;
	}
	/* the lock is free */
	assert_int_equal(fake_run(s->m), 0);
}

static void contexts_are_records(void **state)
{
	struct setting *s = *state;
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	int size = xc_domain_hvm_getcontext(xc, 1, NULL, 0);
	uint8_t buffer[16384];

	assert_in_range(size, 1000, sizeof(buffer));
	assert_int_equal(xc_domain_hvm_getcontext(xc, 1, buffer, 10), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(xc_domain_hvm_getcontext(xc, 1, buffer, sizeof(buffer)), size);
	struct hvm_hw_cpu old = s->d->vcpus[1].cpu;
	memset(&s->d->vcpus[1].cpu, 0, sizeof(old));
	assert_int_equal(xc_domain_hvm_setcontext(xc, 1, buffer, (uint32_t)size), 0);
	assert_memory_equal(&s->d->vcpus[1].cpu, &old, sizeof(old));
	assert_int_equal(xc_domain_hvm_setcontext(xc, 1, buffer + 8, (uint32_t)size - 8), -1);
	xc_interface_close(xc);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setting_make, setting_end)
	const struct CMUnitTest tests[] = {
		TEST(a_vcpu_waits_for_its_answer),
		TEST(who_ends_the_ring_early_leaves_a_vcpu_hanging),
		TEST(one_answer_too_many),
		TEST(a_full_ring_makes_vcpus_wait),
		TEST(a_port_is_delivered_once_until_unmasked),
		TEST(deny_needs_more_than_the_flag),
		TEST(views_are_lazy_and_forget),
		TEST(freeing_a_remapped_page_resets_the_view),
		TEST(there_are_nine_views),
		TEST(memory_is_shared_and_has_holes),
		TEST(calls_fail_when_told),
		TEST(death_comes_between_calls),
		TEST(contexts_are_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
