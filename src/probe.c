/* SPDX-License-Identifier: MIT */
/* Probing: a group of reads, and one page fault for what they lacked. */

#include <string.h>

#include "handle.h"

void vmi_probe_begin(struct vmi_probe *probe, struct vmi *vm, unsigned vcpu)
{
	memset(probe, 0, sizeof(*probe));
	probe->vm = vm;
	probe->vcpu = vcpu;
}

static vmi_gva page_of(vmi_gva gva)
{
	return gva & ~(vmi_gva)(VMI_PAGE_SIZE - 1);
}

static bool is_listed(const vmi_gva *list, unsigned count, vmi_gva page)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i] == page)
			return true;
	return false;
}

static void list_add(vmi_gva *list, unsigned *count, vmi_gva gva)
{
	/* A full list loses nothing: what is missing first is what gets brought in first. */
	if (*count < VMI_PROBE_MAX && !is_listed(list, *count, page_of(gva)))
		list[(*count)++] = page_of(gva);
}

void vmi_probe_suppress(struct vmi_probe *probe, vmi_gva gva)
{
	list_add(probe->suppressed, &probe->suppressed_count, gva);
}

enum vmi_status vmi_probe_read(struct vmi_probe *probe, const struct vmi_space *space, vmi_gva gva,
			       void *buf, size_t len, struct vmi_error *err)
{
	size_t done = 0;
	enum vmi_status st = vmi_read_bytes(probe->vm, space, gva, buf, len, &done, err);

	if (st == VMI_ERR_NOT_PRESENT)
		list_add(probe->missing, &probe->count, gva + done);
	return st;
}

enum vmi_status vmi_probe_end(struct vmi_probe *probe, bool user, bool write, struct vmi_error *err)
{
	/* SDM vol. 3A 4.7: bit 0 clear, as the page is not present; 1 write; 2 user. */
	uint32_t error_code = (write ? 2u : 0) | (user ? 4u : 0);

	for (unsigned i = 0; i < probe->count; i++) {
		if (is_listed(probe->suppressed, probe->suppressed_count, probe->missing[i]))
			continue;
		struct vmi_interrupt fault =
			vmi_interrupt_page_fault(probe->missing[i], error_code);
		enum vmi_status st = vmi_interrupt_inject(probe->vm, probe->vcpu, &fault, err);
		if (st)
			return st;
		return vmi_fail(
			err, VMI_ERR_BUSY,
			"gva 0x%llx is being brought in by the guest; try again at its next event",
			(unsigned long long)probe->missing[i]);
	}
	if (!probe->count)
		return VMI_OK;
	return vmi_fail(err, VMI_ERR_NOT_PRESENT, "%u pages are missing, all of them given up on",
			probe->count);
}
