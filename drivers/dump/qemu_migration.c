/* SPDX-License-Identifier: MIT */
/*
 * QEMU's migration streams in a file (`migrate exec:`, savevm, what libvirt saves): memory, of
 * which the last copy of a page counts, then the state of each device.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_cpu.h"
#include "qemu_stream.h"

static const char magic[QEMU_MAGIC_SIZE] = "QEVM\0\0\0\3";

struct qemu {
	struct qemu_ram ram;
	struct qemu_cpus cpus;
	struct codec_pool pool;
	enum vmi_machine machine;
	uint64_t bytes;
};

static bool qemu_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target;
	return head && len >= sizeof(magic) && !memcmp(head, magic, sizeof(magic));
}

/* ---- pages ---------------------------------------------------------------------------------- */

static const uint8_t zero_page[VMI_PAGE_SIZE];

/* The first window that ends behind `gpa`, or the count. */
static size_t window_find(const struct ram_blocks *blocks, vmi_gpa gpa)
{
	size_t low = 0;

	for (size_t high = blocks->window_count; low < high;) {
		size_t i = low + (high - low) / 2;
		if (blocks->window[i].gpa + blocks->window[i].size <= gpa)
			low = i + 1;
		else
			high = i;
	}
	return low;
}

/* What is at `gpa`, a page's first byte in that window. */
static enum vmi_status piece_at(const struct qemu *qemu, const struct ram_window *window,
				vmi_gpa gpa, struct ram_piece *piece, struct vmi_error *err)
{
	uint64_t in = gpa - window->gpa, left = (window->size - in) / VMI_PAGE_SIZE;
	enum vmi_status st = qemu_ram_piece(&qemu->ram, window->block,
					    (window->offset + in) / VMI_PAGE_SIZE, piece, err);

	if (!st && piece->count > left)
		piece->count = left;
	return st;
}

static enum vmi_status absent(const struct qemu *qemu, vmi_gfn gfn, enum ram_state state,
			      struct vmi_error *err)
{
	if (state == RAM_CUT)
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gfn 0x%" PRIx64 " was cut off: the stream ends at 0x%" PRIx64
				", before it is there",
				gfn, vmi_source_size(qemu->ram.source));
	return vmi_fail(err, VMI_ERR_NOT_SAVED, "gfn 0x%" PRIx64 " was left out of the stream",
			gfn);
}

/* As the file has it, or unpacked into a page of its own. */
static enum vmi_status held(struct qemu *qemu, const struct ram_piece *piece, struct vmi_page *page,
			    struct vmi_error *err)
{
	if (page_ref_kind(piece->ref) == PAGE_PLAIN) {
		page->data =
			vmi_source_at(qemu->ram.source, page_ref_where(piece->ref), VMI_PAGE_SIZE);
		page->pin = NULL;
		if (page->data)
			return VMI_OK;
	}
	uint8_t *bytes = malloc(VMI_PAGE_SIZE);
	if (!bytes)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	enum vmi_status st = qemu_ram_unpack(&qemu->ram, &qemu->pool, piece->ref, bytes, err);
	if (st) {
		free(bytes);
		return st;
	}
	page->data = page->pin = bytes;
	return VMI_OK;
}

static enum vmi_status qemu_page_get(void *self, vmi_gfn gfn, struct vmi_page *out,
				     struct vmi_error *err)
{
	struct qemu *qemu = self;
	const struct ram_blocks *blocks = &qemu->ram.blocks;
	struct vmi_page page = {.data = zero_page, .extent = VMI_PAGE_SIZE};
	struct ram_piece piece;
	vmi_gpa gpa = gfn << VMI_PAGE_SHIFT;
	size_t i = window_find(blocks, gpa);

	if (gfn > UINT64_MAX >> VMI_PAGE_SHIFT || i == blocks->window_count ||
	    gpa < blocks->window[i].gpa)
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"no memory at gfn 0x%" PRIx64 " in this image", gfn);
	enum vmi_status st = piece_at(qemu, &blocks->window[i], gpa, &piece, err);
	if (!st && (piece.state == RAM_LEFT_OUT || piece.state == RAM_CUT))
		return absent(qemu, gfn, piece.state, err);
	if (!st && piece.state == RAM_HELD)
		st = held(qemu, &piece, &page, err);
	if (st)
		return vmi_wrap(err, st, "gfn 0x%" PRIx64, gfn);
	*out = page;
	return VMI_OK;
}

static void qemu_page_put(void *self, struct vmi_page *page)
{
	(void)self;
	free(page->pin);
}

static enum vmi_run_kind run_kind(enum ram_state state)
{
	static const enum vmi_run_kind kinds[] = {[RAM_HELD] = VMI_RUN_SAVED,
						  [RAM_ZERO] = VMI_RUN_ZERO,
						  [RAM_LEFT_OUT] = VMI_RUN_EXCLUDED,
						  [RAM_CUT] = VMI_RUN_CUT};

	return kinds[state];
}

/*
 * The first run at or above `from` of those that are held, or of the others. Pieces of one kind
 * that touch are one run, but not without end: who asks again goes on where it stopped.
 */
static enum vmi_status run_next(const struct qemu *qemu, vmi_gpa from, bool wanted,
				struct vmi_run *run, struct vmi_error *err)
{
	enum { PIECES = 4096 };
	const struct ram_blocks *blocks = &qemu->ram.blocks;
	struct vmi_run found = {.size = 0};
	size_t i = window_find(blocks, from);
	vmi_gpa at = from & ~(uint64_t)(VMI_PAGE_SIZE - 1);

	for (unsigned pieces = 0; i < blocks->window_count && (!found.size || pieces < PIECES);
	     pieces++) {
		const struct ram_window *window = &blocks->window[i];
		struct ram_piece piece;
		if (at < window->gpa)
			at = window->gpa;
		enum vmi_status st = piece_at(qemu, window, at, &piece, err);
		if (st)
			return st;
		enum vmi_run_kind kind = run_kind(piece.state);
		uint64_t size = piece.count * VMI_PAGE_SIZE;
		bool is_wanted = (piece.state == RAM_HELD || piece.state == RAM_ZERO) == wanted;
		if (found.size &&
		    (!is_wanted || kind != found.kind || found.gpa + found.size != at))
			break;
		if (is_wanted && !found.size)
			found = (struct vmi_run){.gpa = at, .kind = kind};
		if (is_wanted)
			found.size += size;
		at += size;
		i += at == window->gpa + window->size;
	}
	if (!found.size)
		return VMI_END;
	if (found.gpa < from) {
		found.size -= from - found.gpa;
		found.gpa = from;
	}
	*run = found;
	return VMI_OK;
}

static enum vmi_status qemu_run_next(void *self, vmi_gpa from, struct vmi_run *run,
				     struct vmi_error *err)
{
	return run_next(self, from, true, run, err);
}

static enum vmi_status qemu_absent_next(void *self, vmi_gpa from, struct vmi_run *run,
					struct vmi_error *err)
{
	return run_next(self, from, false, run, err);
}

static enum vmi_status count_bytes(struct qemu *qemu, struct vmi_error *err)
{
	struct vmi_run run = {.size = 0};
	enum vmi_status st;

	while (!(st = run_next(qemu, run.gpa + run.size, true, &run, err)))
		qemu->bytes += run.size;
	if (st == VMI_END && !qemu->bytes)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"none of the memory in it is the guest's main memory");
	return st == VMI_END ? VMI_OK : st;
}

/* ---- the driver ----------------------------------------------------------------------------- */

/* Long mode on any vcpu is what tells a 64-bit guest. */
static void find_machine(struct qemu *qemu)
{
	qemu->machine = qemu->cpus.count ? VMI_MACHINE_X86 : VMI_MACHINE_UNKNOWN;
	for (unsigned i = 0; i < qemu->cpus.count; i++) {
		struct vmi_registers regs = {.source = NULL};
		if (!qemu_cpus_registers(&qemu->cpus, i, &regs, NULL) &&
		    regs.value[VMI_EFER] & VMI_EFER_LMA)
			qemu->machine = VMI_MACHINE_X86_64;
	}
}

/* The stream ends with an EOF mark, or behind that with a description in JSON. */
static void warn_end(const struct qemu *qemu, const struct vmi_target *target)
{
	const struct vmi_source *source = target->source;
	uint8_t last = 0;

	if (!vmi_source_read(source, vmi_source_size(source) - 1, &last, 1, NULL) && last &&
	    last != '}')
		target->warn(
			target,
			"the stream does not end as it should: it may be cut off amid the state of devices");
	if (!qemu->cpus.count)
		target->warn(target, "there is no state of a vcpu in it");
}

static enum vmi_status load(struct qemu *qemu, const struct vmi_target *target,
			    struct vmi_error *err)
{
	struct qemu_stream stream = {.devices = 0};
	enum vmi_status st = qemu_stream_read(&stream, &qemu->ram, target, err);

	if (!st)
		st = ram_blocks_place(&qemu->ram.blocks, stream.machine, target, err);
	if (!st && stream.devices)
		st = qemu_cpus_find(&qemu->cpus, stream.devices, target, err);
	if (st)
		return st;
	find_machine(qemu);
	if (stream.devices)
		warn_end(qemu, target);
	return count_bytes(qemu, err);
}

static enum vmi_status qemu_open(void *self, const struct vmi_target *target, unsigned *caps,
				 struct vmi_error *err)
{
	struct qemu *qemu = self;

	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	enum vmi_status st = load(qemu, target, err);
	if (st)
		return vmi_wrap(err, st, "%s", target->name);
	if (!qemu->cpus.count)
		*caps &= ~(unsigned)VMI_CAP_QUERY_REGISTERS;
	return VMI_OK;
}

static void qemu_close(void *self)
{
	struct qemu *qemu = self;

	qemu_ram_deinit(&qemu->ram);
	qemu_cpus_deinit(&qemu->cpus);
	codec_pool_deinit(&qemu->pool);
}

static void qemu_info(void *self, struct vmi_info *info)
{
	const struct qemu *qemu = self;
	const struct ram_blocks *blocks = &qemu->ram.blocks;
	const struct ram_window *last = &blocks->window[blocks->window_count - 1];

	info->format = "qemu-migration";
	info->machine = qemu->machine;
	info->max_gfn = (last->gpa + last->size - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = qemu->bytes;
	info->vcpus = qemu->cpus.count;
}

static enum vmi_status qemu_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
					  struct vmi_error *err)
{
	const struct qemu *qemu = self;

	return qemu_cpus_registers(&qemu->cpus, vcpu, regs, err);
}

const struct vmi_driver_ops driver_qemu_migration = {
	.name = "qemu-migration",
	.state_size = sizeof(struct qemu),
	.concurrent = true,
	.probe = qemu_probe,
	.open = qemu_open,
	.close = qemu_close,
	.info = qemu_info,
	.page = {.get = qemu_page_get,
		 .put = qemu_page_put,
		 .run_next = qemu_run_next,
		 .absent_next = qemu_absent_next},
	.registers = {.get = qemu_registers_get},
};
