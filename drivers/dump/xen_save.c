/* SPDX-License-Identifier: MIT */
/*
 * Guests as `xl save` writes them. Pages may be there many times, as the guest ran while it was
 * saved: the last copy counts. They lie at any alignment, which a mapping does not mind.
 *
 * A paravirtualised guest's page tables are saved with frames of its own in place of the machine's,
 * and so are its roots: translation needs nothing else.
 */

#include <inttypes.h>

#include "bytes.h"
#include "hvm.h"
#include "xen_stream.h"
#include "xen_vcpu.h"

struct xen_save {
	struct extents extents; /* first: see extents_self_get() */
	const struct vmi_source *source;
	struct xen_stream stream; /* its segments are gone */
	struct hvm_context hvm;
};

static bool xen_save_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	return target->source && head && xen_stream_is(head, len);
}

static void warn_pages(const struct xen_save *save, const struct vmi_target *target,
		       const struct segments *segments)
{
	if (segments->cut)
		target->warn(target,
			     "pages are cut off by the end of the file: 0x%" PRIx64
			     " bytes from gpa 0x%" PRIx64 " on",
			     segments->cut_size, segments->cut_gpa);
	segments_warn_beyond(segments, target, "stretches");
	if (!save->stream.pv && !save->hvm.vcpus)
		target->warn(target, "it holds no registers of any vcpu");
}

static enum vmi_status load(struct xen_save *save, const struct vmi_target *target,
			    struct vmi_error *err)
{
	struct xen_stream *s = &save->stream;
	enum vmi_status st = xen_stream_read(s, target, err);

	if (st)
		return st;
	segments_reverse(&s->segments);
	st = extents_build(&save->extents, &s->segments, target->source, err);
	if (!st && s->hvm_at)
		st = hvm_context_take(&save->hvm, target, s->hvm_at, s->hvm_size, err);
	if (st)
		return st;
	if (!save->extents.count)
		return vmi_fail(err, VMI_ERR_CORRUPT, "it holds no page of memory");
	warn_pages(save, target, &s->segments);
	segments_deinit(&s->segments);
	return VMI_OK;
}

static unsigned vcpus_of(const struct xen_save *save)
{
	return save->stream.pv ? save->stream.vcpus : save->hvm.vcpus;
}

static enum vmi_status xen_save_open(void *self, const struct vmi_target *target, unsigned *caps,
				     struct vmi_error *err)
{
	struct xen_save *save = self;

	if (!target->source)
		return vmi_fail(err, VMI_ERR_ARG, "%s is not a file", target->name);
	save->source = target->source;
	enum vmi_status st = load(save, target, err);
	if (st)
		return vmi_wrap(err, st, "%s", target->name);
	if (!vcpus_of(save))
		*caps &= ~(unsigned)VMI_CAP_QUERY_REGISTERS;
	return VMI_OK;
}

static void xen_save_close(void *self)
{
	struct xen_save *save = self;

	extents_deinit(&save->extents);
	xen_stream_deinit(&save->stream);
	hvm_context_deinit(&save->hvm);
}

static void pv_registers(const struct xen_save *save, unsigned index, struct vmi_registers *regs)
{
	const struct xen_stream_vcpu *vcpu = &save->stream.vcpu[index];
	uint8_t context[XEN_VCPU64_SIZE];
	size_t size = save->stream.wide ? XEN_VCPU64_SIZE : XEN_VCPU32_SIZE;

	regs->source = "xen-vcpu-context";
	if (!vcpu->at || vcpu->size < size ||
	    vmi_source_read(save->source, vcpu->at, context, size, NULL))
		return;
	xen_vcpu_pv(context, save->stream.wide, regs);
	if (vcpu->has_xcr0)
		vmi_register_know(regs, VMI_XCR0, vcpu->xcr0);
}

static enum vmi_status xen_save_registers_get(void *self, unsigned vcpu, struct vmi_registers *regs,
					      struct vmi_error *err)
{
	const struct xen_save *save = self;

	(void)err;
	if (save->stream.pv)
		pv_registers(save, vcpu, regs);
	else
		hvm_context_registers(&save->hvm, vcpu, regs);
	return VMI_OK;
}

/* The mode of its first vcpu, as the stream does not say what the guest was made for. */
static enum vmi_machine machine_of(struct xen_save *save)
{
	struct vmi_registers regs = {0};

	if (save->stream.pv)
		return save->stream.wide ? VMI_MACHINE_X86_64 : VMI_MACHINE_X86;
	if (save->hvm.vcpus)
		hvm_context_registers(&save->hvm, 0, &regs);
	if (!vmi_register_has(&regs, VMI_EFER))
		return VMI_MACHINE_UNKNOWN;
	return regs.value[VMI_EFER] & VMI_EFER_LMA ? VMI_MACHINE_X86_64 : VMI_MACHINE_X86;
}

static void xen_save_info(void *self, struct vmi_info *info)
{
	struct xen_save *save = self;

	info->format = "xen-save";
	info->machine = machine_of(save);
	info->max_gfn = (save->extents.end - 1) >> VMI_PAGE_SHIFT;
	info->memory_bytes = save->extents.bytes;
	info->vcpus = vcpus_of(save);
	info->gpa_bits = save->stream.pv ? 0 : save->stream.gpa_bits;
}

const struct vmi_driver_ops driver_xen_save = {
	.name = "xen-save",
	.state_size = sizeof(struct xen_save),
	.concurrent = true,
	.probe = xen_save_probe,
	.open = xen_save_open,
	.close = xen_save_close,
	.info = xen_save_info,
	.page = {.get = extents_self_get,
		 .put = extents_self_put,
		 .run_next = extents_self_run_next,
		 .absent_next = extents_self_absent_next},
	.registers = {.get = xen_save_registers_get},
};
