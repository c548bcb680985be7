/* SPDX-License-Identifier: MIT */
/* Memory and registers of a live guest. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* ---- memory --------------------------------------------------------------------------------- */

static void bytes_across_pages(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint8_t got[3 * XC_PAGE_SIZE], want[3 * XC_PAGE_SIZE];

	world_open(w);
	for (unsigned i = 0; i < 3; i++)
		memcpy(want + i * XC_PAGE_SIZE, fake_page(w->m, w->d, 0x30 + i), XC_PAGE_SIZE);
	CHECK_OK(vmi_read_bytes(w->vm, NULL, 0x30123, got, sizeof(got) - 0x123, NULL, &err));
	assert_memory_equal(got, want + 0x123, sizeof(got) - 0x123);
}

static void holes_are_not_memory(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint8_t bytes[16];

	world_open(w);
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, 0xa0000000, bytes, 1, NULL, &err), VMI_ERR_NOT_SAVED,
		   "gfn 0xa0000");
	/* the last bytes before a hole are there, one more is not */
	CHECK_OK(vmi_read_bytes(w->vm, NULL, FAKE_RAM * XC_PAGE_SIZE - 16, bytes, 16, NULL, &err));
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, FAKE_RAM * XC_PAGE_SIZE - 15, bytes, 16, NULL, &err),
		   VMI_ERR_NOT_SAVED, "gfn 0x100");
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, UINT64_C(1) << 60, bytes, 1, NULL, &err),
		   VMI_ERR_NOT_SAVED, "gfn 0x1000000000000");
}

/* A few pages far from all others may be missed, many may not: Xen only tells how many there are.
 */
static void runs_are_where_memory_is(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_run run;

	for (unsigned i = 0; i < 20; i++)
		w->d->p2m[FAKE_RAM + 8 + i] = (struct fake_entry){
			.gfn = 0xfe010 + i, .frame = w->d->p2m[i].frame, .access = 7};
	w->d->tot_pages += 20;
	w->d->max_pages += 20;
	fake_baseline(w->d, &w->before);
	world_open(w);
	CHECK_OK(vmi_run_next(w->vm, 0, &run, &err));
	assert_int_equal(run.gpa, 0);
	assert_int_equal(run.size, FAKE_RAM * XC_PAGE_SIZE);
	CHECK_OK(vmi_run_next(w->vm, run.gpa + run.size, &run, &err));
	assert_int_equal(run.gpa, 0xfe010000);
	assert_int_equal(run.size, 20 * XC_PAGE_SIZE);
	CHECK_OK(vmi_run_next(w->vm, 0x5000, &run, &err)); /* from the middle */
	assert_int_equal(run.gpa, 0x5000);
}

static void a_live_page_changes(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint64_t value;

	world_open(w);
	CHECK_OK(vmi_read_u64(w->vm, NULL, 0x22000, &value, &err));
	*(uint64_t *)(void *)fake_page(w->m, w->d, 0x22) = 99;
	CHECK_OK(vmi_read_u64(w->vm, NULL, 0x22000, &value, &err));
	assert_int_equal(value, 99);
}

static void writes_reach_the_guest(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	uint8_t bytes[5000];

	world_open(w);
	memset(bytes, 0x5a, sizeof(bytes));
	CHECK_OK(vmi_write_bytes(w->vm, NULL, 0x22ff8, bytes, sizeof(bytes), NULL, &err));
	assert_memory_equal(fake_page(w->m, w->d, 0x22) + 0xff8, bytes, 8);
	assert_memory_equal(fake_page(w->m, w->d, 0x23), bytes, XC_PAGE_SIZE);
	assert_int_equal(fake_page(w->m, w->d, 0x22)[0xff7], 0);
	CHECK_FAIL(vmi_write_bytes(w->vm, NULL, 0xa0000000, bytes, 1, NULL, &err),
		   VMI_ERR_NOT_SAVED, "gfn 0xa0000");
}

/* Foreign mappings keep a dead guest's memory: they are bounded, and go when told. */
static void mappings_are_dropped(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	const struct vmi_open_options options = {.size = sizeof(options), .page_slots = 16};
	uint8_t byte;

	CHECK_OK(vmi_open_driver(&w->vm, &driver_xen, "1", &options, &err));
	for (uint64_t gfn = 0; gfn < FAKE_RAM; gfn++)
		CHECK_OK(vmi_read_bytes(w->vm, NULL, gfn << 12, &byte, 1, NULL, &err));
	assert_in_range(fake_mapped_pages(), 0, 32);
	vmi_page_cache_flush(w->vm);
	assert_int_equal(fake_mapped_pages(), 0);
}

/* Many pages are mapped at once, and what is before a hole is there. */
static void copies_are_batched(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	size_t len = (FAKE_RAM + 4) * XC_PAGE_SIZE, done;
	uint8_t *got = malloc(len);

	world_open(w);
	/* all but the first two fail: it is two mappings, of a copy and of the hole behind it */
	fake_call_fail(w->m, "xenforeignmemory_map", EPERM, 2, 1000);
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, 0x123, got, len, &done, &err), VMI_ERR_NOT_SAVED,
		   "gfn 0x100 of domain 1 is no memory");
	assert_int_equal(done, FAKE_RAM * XC_PAGE_SIZE - 0x123);
	for (uint64_t gfn = 1; gfn < FAKE_RAM; gfn++)
		assert_memory_equal(got + gfn * XC_PAGE_SIZE - 0x123, fake_page(w->m, w->d, gfn),
				    XC_PAGE_SIZE);
	assert_int_equal(fake_mapped_pages(), 0); /* and none of it is kept */
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, 0x123, got, len, &done, &err), VMI_ERR_IO, "root");
	assert_int_equal(done, 0);
	free(got);
}

static void mapping_may_fail(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_run run;
	uint8_t byte;

	world_open(w);
	fake_call_fail(w->m, "xenforeignmemory_map", ENOMEM, 0, 1);
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, 0x11000, &byte, 1, NULL, &err), VMI_ERR_NOMEM,
		   "0x11");
	fake_call_fail(w->m, "xenforeignmemory_map", EPERM, 0, 1);
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, 0x11000, &byte, 1, NULL, &err), VMI_ERR_IO, "root");
	CHECK_OK(vmi_read_bytes(w->vm, NULL, 0x11000, &byte, 1, NULL, &err)); /* not remembered */
	fake_call_fail(w->m, "xenforeignmemory_map", ENOMEM, 0, 1);
	CHECK_FAIL(vmi_run_next(w->vm, 0, &run, &err), VMI_ERR_NOMEM, "memory");
	CHECK_OK(vmi_run_next(w->vm, 0, &run, &err));
	fake_call_fail(w->m, "xenforeignmemory_map", ENOMEM, 0, 1);
	CHECK_FAIL(vmi_write_bytes(w->vm, NULL, 0x11000, &byte, 1, NULL, &err), VMI_ERR_NOMEM,
		   "0x11");
}

static void a_guest_that_died(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_registers regs;
	uint8_t byte;

	world_open(w);
	fake_domain_destroy(w->m, w->d);
	CHECK_FAIL(vmi_read_bytes(w->vm, NULL, 0x11000, &byte, 1, NULL, &err), VMI_ERR_GONE,
		   "domain");
	CHECK_FAIL(vmi_registers_get(w->vm, 0, &regs, &err), VMI_ERR_GONE, "domain");
}

/* ---- registers ------------------------------------------------------------------------------ */

static void registers_of_the_context(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_registers regs;

	world_open(w);
	for (unsigned i = 0; i < 2; i++) {
		const struct hvm_hw_cpu *c = &w->d->vcpus[i].cpu;

		CHECK_OK(vmi_registers_get(w->vm, i, &regs, &err));
		assert_string_equal(regs.source, "xen-hvm-context");
		assert_int_equal(regs.value[VMI_RAX], c->rax);
		assert_int_equal(regs.value[VMI_RBX], c->rbx);
		assert_int_equal(regs.value[VMI_RSI], c->rsi);
		assert_int_equal(regs.value[VMI_R15], c->r15);
		assert_int_equal(regs.value[VMI_RIP], c->rip);
		assert_int_equal(regs.value[VMI_CR3], c->cr3);
		assert_int_equal(regs.value[VMI_DR0], c->dr0);
		assert_int_equal(regs.value[VMI_GS_BASE], c->gs_base);
		assert_int_equal(regs.value[VMI_CS_LIMIT], c->cs_limit);
		assert_int_equal(regs.value[VMI_CS_ATTRIBUTES], 0xa09b);
		assert_int_equal(regs.value[VMI_TR], c->tr_sel);
		assert_int_equal(regs.value[VMI_IDTR_BASE], c->idtr_base);
		assert_int_equal(regs.value[VMI_LSTAR], c->msr_lstar);
		assert_int_equal(regs.value[VMI_CSTAR], c->msr_cstar);
		assert_int_equal(regs.value[VMI_TSC_AUX], i);
		assert_int_equal(regs.value[VMI_PAT], 0x0007040600070406);
		assert_true(vmi_register_has(&regs, VMI_EFER));
		assert_false(vmi_register_has(&regs, VMI_CR8)); /* no such record here */
	}
}

static void an_offline_vcpu(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_registers regs, set = {0};

	w->d->vcpus[1].online = false;
	world_open(w);
	CHECK_OK(vmi_registers_get(w->vm, 0, &regs, &err));
	CHECK_FAIL(vmi_registers_get(w->vm, 1, &regs, &err), VMI_ERR_NOT_FOUND, "vcpu 1");
	vmi_register_know(&set, VMI_RAX, 1);
	CHECK_FAIL(vmi_registers_set(w->vm, 1, &set, &err), VMI_ERR_NOT_FOUND, "vcpu 1");
	assert_false(w->d->vcpus[1].online); /* and it was not started */
}

static void setting_changes_what_is_named(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_registers set = {0};
	struct hvm_hw_cpu want = w->d->vcpus[1].cpu, other = w->d->vcpus[0].cpu;

	world_open(w);
	vmi_register_know(&set, VMI_RDX, 0x1234567890abcdef);
	vmi_register_know(&set, VMI_RIP, 0xffffffff81000000);
	vmi_register_know(&set, VMI_DR1, 0x7777);
	want.rdx = 0x1234567890abcdef;
	want.rip = 0xffffffff81000000;
	want.dr1 = 0x7777;
	CHECK_OK(vmi_registers_set(w->vm, 1, &set, &err));
	assert_memory_equal(&w->d->vcpus[1].cpu, &want, sizeof(want));
	assert_memory_equal(&w->d->vcpus[0].cpu, &other, sizeof(other));
	assert_int_equal(w->d->pauses, 0);
}

static void a_register_that_cannot_be_set(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_registers set = {0};
	struct hvm_hw_cpu before = w->d->vcpus[0].cpu;

	world_open(w);
	vmi_register_know(&set, VMI_RAX, 1);
	vmi_register_know(&set, VMI_CR8, 1);
	CHECK_FAIL(vmi_registers_set(w->vm, 0, &set, &err), VMI_ERR_UNSUPPORTED, "cr8");
	assert_memory_equal(&w->d->vcpus[0].cpu, &before, sizeof(before));
	assert_int_equal(w->d->pauses, 0);
}

/* Whatever fails, the guest does not stay paused. */
static void setting_never_leaves_it_paused(void **state)
{
	struct world *w = *state;
	struct vmi_error err;
	struct vmi_registers set = {0};
	static const char *const calls[] = {"xc_domain_pause", "xc_domain_hvm_getcontext",
					    "xc_domain_hvm_setcontext"};

	world_open(w);
	vmi_register_know(&set, VMI_RAX, 1);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned skip = 0; skip < 2; skip++) {
			fake_call_fail(w->m, calls[i], EINVAL, skip, 1);
			enum vmi_status st = vmi_registers_set(w->vm, 0, &set, &err);
			fake_call_clear(w->m);
			if (!skip)
				assert_true(st != VMI_OK && err.text[0]);
			assert_int_equal(w->d->pauses, 0);
		}
	/* and when it cannot be resumed right away, closing does it */
	fake_call_fail(w->m, "xc_domain_unpause", EAGAIN, 0, 1);
	assert_int_not_equal(vmi_registers_set(w->vm, 0, &set, &err), VMI_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(bytes_across_pages),
		WORLD_TEST(holes_are_not_memory),
		WORLD_TEST(runs_are_where_memory_is),
		WORLD_TEST(a_live_page_changes),
		WORLD_TEST(writes_reach_the_guest),
		WORLD_TEST(mappings_are_dropped),
		WORLD_TEST(copies_are_batched),
		WORLD_TEST(mapping_may_fail),
		WORLD_TEST(a_guest_that_died),
		WORLD_TEST(registers_of_the_context),
		WORLD_TEST(an_offline_vcpu),
		WORLD_TEST(setting_changes_what_is_named),
		WORLD_TEST(a_register_that_cannot_be_set),
		WORLD_TEST(setting_never_leaves_it_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
