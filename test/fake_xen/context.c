/* SPDX-License-Identifier: MIT */
/* A guest's CPU state, as the records in which Xen saves it. */

#include <errno.h>
#include <string.h>

#include "inside.h"

enum { HEADER_MAGIC = 0x54381286, MTRR_SIZE = (int)sizeof(struct hvm_hw_mtrr) };

static uint32_t context_size(const struct fake_domain *d)
{
	uint32_t desc = sizeof(struct hvm_save_descriptor);

	return desc + (uint32_t)HVM_SAVE_LENGTH(HEADER) + desc +
	       d->vcpu_count * (2 * desc + (uint32_t)HVM_SAVE_LENGTH(CPU) + (uint32_t)MTRR_SIZE);
}

static uint8_t *record_put(uint8_t *at, unsigned code, unsigned instance, const void *data,
			   uint32_t length)
{
	struct hvm_save_descriptor desc = {
		.typecode = (uint16_t)code, .instance = (uint16_t)instance, .length = length};

	memcpy(at, &desc, sizeof(desc));
	if (length)
		memcpy(at + sizeof(desc), data, length);
	return at + sizeof(desc) + length;
}

static uint32_t context_write(const struct fake_domain *d, uint8_t *buffer)
{
	struct hvm_save_header header = {.magic = HEADER_MAGIC, .version = 2};
	struct hvm_hw_mtrr mtrr = {.msr_pat_cr = 0x0007040600070406};
	uint8_t *at = record_put(buffer, HVM_SAVE_CODE(HEADER), 0, &header, sizeof(header));

	/* A vcpu that is down has no record. */
	for (unsigned i = 0; i < d->vcpu_count; i++)
		if (d->vcpus[i].online)
			at = record_put(at, HVM_SAVE_CODE(CPU), i, &d->vcpus[i].cpu,
					sizeof(d->vcpus[i].cpu));
	for (unsigned i = 0; i < d->vcpu_count; i++)
		at = record_put(at, HVM_SAVE_CODE(MTRR), i, &mtrr, sizeof(mtrr));
	at = record_put(at, HVM_SAVE_CODE(END), 0, NULL, 0);
	return (uint32_t)(at - buffer);
}

int xc_domain_hvm_getcontext(xc_interface *xch, uint32_t id, uint8_t *buffer, uint32_t size)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_hvm_getcontext", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (d->type == FAKE_PV)
		return call_end(m, EINVAL);
	if (buffer && size < context_size(d))
		return call_end(m, ENOSPC);
	uint32_t length = buffer ? context_write(d, buffer) : context_size(d);
	call_end(m, 0);
	return (int)length;
}

int xc_domain_hvm_getcontext_partial(xc_interface *xch, uint32_t id, uint16_t typecode,
				     uint16_t instance, void *buffer, uint32_t size)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_hvm_getcontext_partial", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (d->type == FAKE_PV)
		return call_end(m, EINVAL);
	if (typecode != HVM_SAVE_CODE(CPU) || instance >= d->vcpu_count)
		return call_end(m, ENOENT);
	if (!d->vcpus[instance].online)
		return call_end(m, ENODATA);
	if (size < HVM_SAVE_LENGTH(CPU))
		return call_end(m, ENOSPC);
	memcpy(buffer, &d->vcpus[instance].cpu, HVM_SAVE_LENGTH(CPU));
	return call_end(m, 0);
}

static int context_load(struct fake_domain *d, const uint8_t *buffer, uint32_t size)
{
	uint32_t at = 0;
	bool first = true;

	while (size - at >= sizeof(struct hvm_save_descriptor)) {
		struct hvm_save_descriptor desc;

		memcpy(&desc, buffer + at, sizeof(desc));
		at += (uint32_t)sizeof(desc);
		if (desc.typecode == HVM_SAVE_CODE(END))
			return 0;
		if (desc.length > size - at || (first && desc.typecode != HVM_SAVE_CODE(HEADER)))
			return EINVAL;
		first = false;
		if (desc.typecode == HVM_SAVE_CODE(CPU)) {
			if (desc.instance >= d->vcpu_count || desc.length != HVM_SAVE_LENGTH(CPU))
				return EINVAL;
			struct fake_vcpu *v = &d->vcpus[desc.instance];
			memcpy(&v->cpu, buffer + at, desc.length);
			v->online = true; /* loading a vcpu brings it up */
		}
		at += desc.length;
	}
	return ENODATA;
}

int xc_domain_hvm_setcontext(xc_interface *xch, uint32_t id, uint8_t *buffer, uint32_t size)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_hvm_setcontext", id, &d);

	(void)xch;
	if (!m)
		return -1;
	return call_end(m, d->type == FAKE_PV ? EINVAL : context_load(d, buffer, size));
}
