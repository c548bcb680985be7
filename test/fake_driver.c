/* SPDX-License-Identifier: MIT */
/* The in-memory target: opening, pages, registers. What a running guest adds is in fake_live.c. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fake_driver.h"

enum { PAGE_WORDS = VMI_PAGE_SIZE / 64 };

struct state {
	struct fake *fake;
};

struct fake *fake_of(void *self)
{
	return ((struct state *)self)->fake;
}

enum vmi_status fake_called(struct fake *fake, enum fake_op op, struct vmi_error *err)
{
	unsigned call = atomic_fetch_add(&fake->op[op].calls, 1) + 1;

	if (!fake->op[op].fail_at || call != fake->op[op].fail_at)
		return VMI_OK;
	return vmi_fail(err, fake->op[op].status, "injected failure");
}

void fake_fail(struct fake *fake, enum fake_op op, unsigned nth, enum vmi_status status)
{
	fake->op[op].fail_at = fake_calls(fake, op) + nth;
	fake->op[op].status = status;
}

unsigned fake_calls(struct fake *fake, enum fake_op op)
{
	return atomic_load(&fake->op[op].calls);
}

/* ---- memory --------------------------------------------------------------------------------- */

static struct fake_block *block_at(struct fake *fake, vmi_gpa gpa)
{
	for (unsigned i = 0; i < fake->block_count; i++) {
		struct fake_block *block = &fake->blocks[i];
		if (!block->gone && gpa >= block->gpa &&
		    gpa - block->gpa < block->pages * VMI_PAGE_SIZE)
			return block;
	}
	return NULL;
}

static bool byte_known(const struct fake_block *block, size_t offset)
{
	return !block->known || (block->known[offset / 64] >> offset % 64 & 1);
}

void fake_memory(struct fake *fake, vmi_gpa gpa, size_t pages)
{
	assert_true(fake->block_count < FAKE_LIST);
	assert_false(gpa % VMI_PAGE_SIZE);
	fake->blocks[fake->block_count++] = (struct fake_block){
		.gpa = gpa,
		.pages = pages,
		.bytes = calloc(pages, VMI_PAGE_SIZE),
		.gets = calloc(pages, sizeof(atomic_uint)),
	};
}

void fake_forget(struct fake *fake, vmi_gpa gpa, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct fake_block *block = block_at(fake, gpa + i);
		assert_non_null(block);
		if (!block->known) {
			block->known = malloc(block->pages * PAGE_WORDS * sizeof(*block->known));
			memset(block->known, 0xff,
			       block->pages * PAGE_WORDS * sizeof(*block->known));
		}
		size_t offset = (size_t)(gpa + i - block->gpa);
		block->known[offset / 64] &= ~(UINT64_C(1) << offset % 64);
		block->bytes[offset] = 0xee; /* nobody may show it */
	}
}

uint8_t *fake_at(struct fake *fake, vmi_gpa gpa)
{
	struct fake_block *block = block_at(fake, gpa);

	return block ? block->bytes + (gpa - block->gpa) : NULL;
}

void fake_put(struct fake *fake, vmi_gpa gpa, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t *at = fake_at(fake, gpa + i);
		assert_non_null(at);
		*at = ((const uint8_t *)bytes)[i];
	}
}

void fake_put64(struct fake *fake, vmi_gpa gpa, uint64_t value)
{
	fake_put(fake, gpa, &value, sizeof(value));
}

void fake_put32(struct fake *fake, vmi_gpa gpa, uint32_t value)
{
	fake_put(fake, gpa, &value, sizeof(value));
}

unsigned fake_gets(struct fake *fake, vmi_gfn gfn)
{
	const struct fake_block *block = block_at(fake, gfn << VMI_PAGE_SHIFT);

	return block ? atomic_load(&block->gets[gfn - (block->gpa >> VMI_PAGE_SHIFT)]) : 0;
}

/* The page's bitmap: NULL when all is known, `none` set when nothing is. */
static const uint64_t *page_bitmap(const struct fake_block *block, size_t page, bool *none)
{
	const uint64_t *known = block->known ? block->known + page * PAGE_WORDS : NULL;
	uint64_t all = UINT64_MAX, any = 0;

	*none = false;
	for (unsigned i = 0; known && i < PAGE_WORDS; i++) {
		all &= known[i];
		any |= known[i];
	}
	*none = known && !any;
	return all == UINT64_MAX ? NULL : known;
}

static enum vmi_status fake_page_get(void *self, vmi_gfn gfn, struct vmi_page *page,
				     struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_PAGE_GET, err);
	struct fake_block *block = block_at(fake, gfn << VMI_PAGE_SHIFT);
	bool none = true;

	if (st)
		return st;
	size_t index = block ? (size_t)(gfn - (block->gpa >> VMI_PAGE_SHIFT)) : 0;
	const uint64_t *known = block ? page_bitmap(block, index, &none) : NULL;
	if (block)
		atomic_fetch_add(&block->gets[index], 1);
	if (none)
		return vmi_fail(err, VMI_ERR_NOT_SAVED, "no memory at gfn 0x%" PRIx64, gfn);

	page->data = block->bytes + index * VMI_PAGE_SIZE;
	page->known = known;
	page->extent = VMI_PAGE_SIZE;
	if (!block->known && fake->pages == FAKE_MAPPED)
		page->extent = (block->pages - index) * VMI_PAGE_SIZE;
	if (fake->pages == FAKE_HELD)
		page->pin = block;
	if (fake->pages == FAKE_COPIED) {
		page->pin = malloc(VMI_PAGE_SIZE);
		page->data = memcpy(page->pin, page->data, VMI_PAGE_SIZE);
	}
	atomic_fetch_add(&fake->pins, 1);
	return VMI_OK;
}

static void fake_page_put(void *self, struct vmi_page *page)
{
	struct fake *fake = fake_of(self);

	atomic_fetch_add(&fake->op[FAKE_PAGE_PUT].calls, 1);
	assert_true(atomic_fetch_sub(&fake->pins, 1) > 0);
	assert_non_null(page->data);
	if (fake->pages == FAKE_COPIED)
		if (fake->pages == FAKE_COPIED)
			free(page->pin);
}

static enum vmi_status fake_run_next(void *self, vmi_gpa from, struct vmi_run *run,
				     struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	const struct fake_block *next = NULL;
	size_t start = 0;

	(void)err;
	for (unsigned i = 0; i < fake->block_count; i++) {
		const struct fake_block *block = &fake->blocks[i];
		size_t size = block->pages * VMI_PAGE_SIZE;
		size_t at = from > block->gpa ? (size_t)(from - block->gpa) : 0;
		while (!block->gone && at < size && !byte_known(block, at))
			at++;
		if (block->gone || at >= size)
			continue;
		if (next && next->gpa < block->gpa)
			continue;
		next = block;
		start = at;
	}
	if (!next)
		return VMI_END;
	size_t end = next->known ? start : next->pages * VMI_PAGE_SIZE;
	while (end < next->pages * VMI_PAGE_SIZE && byte_known(next, end))
		end++;
	*run = (struct vmi_run){next->gpa + start, end - start, VMI_RUN_SAVED};
	return VMI_OK;
}

static enum vmi_status fake_write(void *self, vmi_gpa gpa, const void *buf, size_t len,
				  struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_WRITE, err);

	assert_true(len && gpa % VMI_PAGE_SIZE + len <= VMI_PAGE_SIZE);
	if (st)
		return st;
	if (!fake_at(fake, gpa))
		return vmi_fail(err, VMI_ERR_NOT_SAVED, "no memory at gpa 0x%" PRIx64, gpa);
	fake_put(fake, gpa, buf, len);
	return VMI_OK;
}

/* ---- registers ------------------------------------------------------------------------------ */

static enum vmi_status fake_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
					  struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_REGISTERS_GET, err);

	assert_true(vcpu < fake->vcpus);
	if (st)
		return st;
	for (unsigned reg = 0; reg < VMI_REGISTER_COUNT; reg++)
		assert_int_equal(regs->provenance[reg], VMI_ABSENT); /* zeroed, as promised */
	*regs = fake->registers[vcpu];
	regs->source = "fake";
	return VMI_OK;
}

static enum vmi_status fake_registers_set(void *self, unsigned vcpu,
					  const struct vmi_registers *regs, struct vmi_error *err)
{
	struct fake *fake = fake_of(self);
	enum vmi_status st = fake_called(fake, FAKE_REGISTERS_SET, err);

	assert_true(vcpu < fake->vcpus);
	for (unsigned reg = 0; !st && reg < VMI_REGISTER_COUNT; reg++)
		if (regs->provenance[reg] == VMI_KNOWN)
			vmi_register_know(&fake->registers[vcpu], (enum vmi_register)reg,
					  regs->value[reg]);
	return st;
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool fake_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	(void)head;
	(void)len;
	return false;
}

/* The name carries the address of the fake: it is all that open() is told. */
static enum vmi_status fake_open_state(void *self, const struct vmi_target *target, unsigned *caps,
				       struct vmi_error *err)
{
	struct state *state = self;
	void *fake = NULL;

	assert_null(state->fake); /* zeroed, as promised */
	assert_null(target->source);
	assert_int_equal(sscanf(target->name, "fake %p", &fake), 1);
	state->fake = fake;
	state->fake->opened++;
	for (unsigned i = 0; i < state->fake->warnings; i++)
		target->warn(target, "warning number %u", i);
	*caps &= ~state->fake->clear_caps;
	*caps |= state->fake->set_caps;
	return fake_called(state->fake, FAKE_OPEN, err);
}

static void fake_close_state(void *self)
{
	struct fake *fake = fake_of(self);

	fake_answer_rest(fake);
	fake->closed++;
}

static void fake_info(void *self, struct vmi_info *info)
{
	const struct fake *fake = fake_of(self);
	vmi_gpa end = VMI_PAGE_SIZE;

	for (unsigned i = 0; i < fake->block_count; i++) {
		const struct fake_block *block = &fake->blocks[i];
		if (block->gpa + block->pages * VMI_PAGE_SIZE > end)
			end = block->gpa + block->pages * VMI_PAGE_SIZE;
	}
	info->format = "fake-memory";
	info->machine = fake->machine;
	info->max_gfn = (end - 1) >> VMI_PAGE_SHIFT;
	info->vcpus = fake->vcpus;
}

static const char *fake_vmcoreinfo(void *self, size_t *len)
{
	const char *text = fake_of(self)->vmcoreinfo;

	*len = text ? strlen(text) : 0;
	return text;
}

void fake_table(struct fake *fake, unsigned capabilities)
{
	struct vmi_driver_ops *ops = &fake->ops;

	*ops = (struct vmi_driver_ops){
		.name = "fake",
		.state_size = sizeof(struct state),
		.concurrent = true,
		.probe = fake_probe,
		.open = fake_open_state,
		.close = fake_close_state,
		.info = fake_info,
		.vmcoreinfo = fake_vmcoreinfo,
		.page = {.get = fake_page_get, .put = fake_page_put, .run_next = fake_run_next},
		.write = fake_write,
		.registers = {fake_registers_get, fake_registers_set},
	};
	fake_live_table(ops);
	if (!(capabilities & VMI_CAP_READ))
		memset(&ops->page, 0, sizeof(ops->page));
	if (!(capabilities & VMI_CAP_WRITE))
		ops->write = NULL;
	if (!(capabilities & VMI_CAP_QUERY_PROTECTION))
		ops->access.get = NULL;
	if (!(capabilities & VMI_CAP_SET_PROTECTION))
		ops->access.set = NULL;
	if (!(capabilities & VMI_CAP_QUERY_REGISTERS))
		ops->registers.get = NULL;
	if (!(capabilities & VMI_CAP_SET_REGISTERS))
		ops->registers.set = NULL;
	if (!(capabilities & VMI_CAP_VIEW_CONTROL))
		memset(&ops->view, 0, sizeof(ops->view));
	if (!(capabilities & VMI_CAP_EVENT_CONTROL))
		memset(&ops->event, 0, sizeof(ops->event));
	if (!(capabilities & VMI_CAP_VM_CONTROL))
		memset(&ops->control, 0, sizeof(ops->control));
}

struct vmi *fake_open(struct fake *fake, unsigned capabilities,
		      const struct vmi_open_options *options)
{
	struct vmi_error err;
	struct vmi *vm = NULL;

	fake_table(fake, capabilities);
	CHECK_OK(vmi_open_driver(&vm, &fake->ops, fake->name, options, &err));
	return vm;
}

struct fake *fake_create(void)
{
	struct fake *fake = calloc(1, sizeof(*fake));

	assert_non_null(fake);
	snprintf(fake->name, sizeof(fake->name), "fake %p", (void *)fake);
	fake->machine = VMI_MACHINE_X86_64;
	fake->vcpus = 1;
	fake->views[0].used = true;
	fake->views[0].access = VMI_ACCESS_R | VMI_ACCESS_W | VMI_ACCESS_X;
	return fake;
}

void fake_destroy(struct fake *fake)
{
	assert_int_equal(atomic_load(&fake->pins), 0);
	assert_int_equal(fake->opened, fake->closed);
	for (unsigned i = 0; i < fake->block_count; i++) {
		free(fake->blocks[i].bytes);
		free(fake->blocks[i].known);
		free(fake->blocks[i].gets);
	}
	free(fake);
}
