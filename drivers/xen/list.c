/* SPDX-License-Identifier: MIT */
/* Which domains there are. */

#include <stdio.h>
#include <stdlib.h>

#include "quiet.h"
#include "sign.h"
#include "xen.h"

enum {
	BATCH = 64,
	LIST_MAX = 1 << 15 /* more ids than Xen has */
};

static const char *type_of(const xc_domaininfo_t *info)
{
	if (!(info->flags & XEN_DOMINF_hvm_guest))
		return "pv";
	/* A PVH guest has at most a local APIC that is emulated by Xen. */
	return info->arch_config.emulation_flags & ~(uint32_t)XEN_X86_EMU_LAPIC ? "hvm" : "pvh";
}

static const char *state_of(const xc_domaininfo_t *info)
{
	enum { CRASH = 3 }; /* SHUTDOWN_crash, xen/sched.h */

	if (info->flags & XEN_DOMINF_dying)
		return "dying";
	if (info->flags & XEN_DOMINF_shutdown)
		return (info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == CRASH
			       ? "crashed"
			       : "shutdown";
	if (info->flags & XEN_DOMINF_paused)
		return "paused";
	return info->flags & XEN_DOMINF_blocked ? "blocked" : "running";
}

static void entry_fill(struct vmi_target_entry *entry, const xc_domaininfo_t *info)
{
	*entry = (struct vmi_target_entry){.id = info->domain};
	if (info->max_vcpu_id != XEN_INVALID_MAX_VCPU_ID)
		entry->vcpus = info->max_vcpu_id + 1;
	entry->watcher = (uint32_t)xen_watcher_find(info->domain, info->handle).pid;
	snprintf(entry->type, sizeof(entry->type), "%s", type_of(info));
	snprintf(entry->state, sizeof(entry->state), "%s", state_of(info));
}

static enum vmi_status list_fill(xc_interface *xc, struct vmi_target_entry **list, size_t *count,
				 struct vmi_error *err)
{
	xc_domaininfo_t infos[BATCH];
	int got;

	/* The control domain, 0, is no guest. */
	for (uint32_t next = 1; (got = xc_domain_getinfolist(xc, next, BATCH, infos)) > 0;) {
		size_t room = *count + (size_t)got;
		struct vmi_target_entry *more = reallocarray(*list, room, sizeof(**list));
		if (!more)
			return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
		*list = more;
		for (int i = 0; i < got; i++)
			entry_fill(&more[(*count)++], &infos[i]);
		next = infos[got - 1].domain + 1u;
		if (got < BATCH || *count > LIST_MAX)
			break;
	}
	return got < 0 ? xen_fail(err, "listing the domains") : VMI_OK;
}

enum vmi_status xen_list(struct vmi_target_entry **list, size_t *count, struct vmi_error *err)
{
	struct vmi_target_entry *found = NULL;
	size_t have = 0;
	xc_interface *xc = NULL;
	xenforeignmemory_handle *fm = NULL;
	enum vmi_status st = xen_connect(&xc, &fm, err);

	if (!st)
		st = list_fill(xc, &found, &have, err);
	if (!st)
		xen_names_fill(found, have);
	if (fm)
		xenforeignmemory_close(fm);
	if (xc)
		xc_interface_close(xc);
	if (st) {
		free(found);
		return st;
	}
	*list = found;
	*count = have;
	return VMI_OK;
}
