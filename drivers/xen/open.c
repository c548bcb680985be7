/* SPDX-License-Identifier: MIT */
/* Opening a domain, what it is, and the driver's table. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quiet.h"
#include "xen.h"

/* Nobody is asked whether a name is a domain: it is said by --driver xen. */
static bool xen_probe(const struct vmi_target *target, const uint8_t *head, size_t len)
{
	(void)target, (void)head, (void)len;
	return false;
}

enum vmi_status xen_domain_ask(xc_interface *xc, uint32_t id, xc_domaininfo_t *info,
			       struct vmi_error *err)
{
	int count = xc_domain_getinfolist(xc, id, 1, info);

	if (count < 0)
		return xen_fail(err, "asking for domain %u", id);
	/* The list starts at the first domain with that id or a higher one. */
	if (!count || info->domain != id)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "there is no domain %u", id);
	return VMI_OK;
}

enum vmi_status xen_domain_refuse(const xc_domaininfo_t *info, struct vmi_error *err)
{
	unsigned id = info->domain;

	if (!id)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"domain 0 is the control domain; only guests can be opened");
	if (!(info->flags & XEN_DOMINF_hvm_guest))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"domain %u is a PV guest; only HVM and PVH guests can be opened",
				id);
	if (info->flags & XEN_DOMINF_dying)
		return vmi_fail(err, VMI_ERR_GONE, "domain %u is being destroyed", id);
	if (info->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "domain %u has no vcpus", id);
	if (info->max_vcpu_id >= XEN_VCPU_MAX)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"domain %u has vcpu %u; this driver serves up to %d", id,
				info->max_vcpu_id, XEN_VCPU_MAX);
	return VMI_OK;
}

static enum vmi_status domain_open(struct xen *xen, uint32_t id, struct vmi_error *err)
{
	xc_domaininfo_t info;
	xen_pfn_t max_gfn = 0;
	struct xen_domain *domain = &xen->domain;
	enum vmi_status st = xen_domain_ask(xen->xc, id, &info, err);

	if (!st)
		st = xen_domain_refuse(&info, err);
	if (st)
		return st;
	if (xc_domain_maximum_gpfn(xen->xc, id, &max_gfn) < 0)
		return xen_fail(err, "asking for the highest gfn of domain %u", id);
	if (max_gfn >= UINT64_C(1) << 40) /* physical addresses have 52 bits */
		return vmi_fail(err, VMI_ERR_CORRUPT, "domain %u has no highest gfn", id);
	*domain = (struct xen_domain){
		.id = id,
		.vcpus = info.max_vcpu_id + 1,
		.max_gfn = max_gfn,
		.pages = info.tot_pages,
	};
	memcpy(domain->uuid, info.handle, sizeof(domain->uuid));
	int version = xc_version(xen->xc, XENVER_version, NULL);
	domain->version = version < 0 ? 0 : (unsigned)version;
	int events = xc_vm_event_get_version(xen->xc);
	domain->event_version = events < 0 ? 0 : (uint32_t)events;
	return VMI_OK;
}

enum vmi_status xen_connect(xc_interface **xc, xenforeignmemory_handle **fm, struct vmi_error *err)
{
	*xc = xc_interface_open(xen_quiet(), xen_quiet(), 0);
	if (*xc)
		*fm = xenforeignmemory_open(xen_quiet(), 0);
	if (*xc && *fm)
		return VMI_OK;
	return vmi_fail(
		err, VMI_ERR_IO,
		"cannot talk to Xen: %s; guests can be opened as root in the control domain "
		"of a Xen host",
		strerror(errno));
}

/*
 * Xen restricts pages and has views by Intel's EPT only. It says EINVAL of the one where it has
 * none; with EPT, ENODEV when nobody takes events, else the access.
 */
static void caps_limit(struct xen *xen, const struct vmi_target *target, unsigned *caps)
{
	xenmem_access_t access;

	xen->domain.ept =
		!xc_get_mem_access(xen->xc, xen->domain.id, 0, &access) || errno != EINVAL;
	if (xen->domain.ept)
		return;
	*caps &= ~(unsigned)(VMI_CAP_PROTECTION | VMI_CAP_VIEW_CONTROL);
	target->warn(target, "no page access, views or VM exits: for these Xen needs an Intel "
			     "processor with EPT, and a guest with hap=1");
}

static enum vmi_status xen_open(void *self, const struct vmi_target *target, unsigned *caps,
				struct vmi_error *err)
{
	struct xen *xen = self;
	uint32_t id = 0;

	pthread_mutex_init(&xen->lock, NULL);
	xen->guard.socket = xen->guard.memory = -1;
	xen->guard.pid = -1;
	xen->guard.deadline_ms = xen_deadline_usual();
	xen->ring.port = -1;
	enum vmi_status st = xen_name_find(target->name, &id, err);
	if (st)
		return st;
	st = xen_connect(&xen->xc, &xen->fm, err);
	if (!st)
		st = domain_open(xen, id, err);
	if (!st)
		caps_limit(xen, target, caps);
	return st;
}

static void xen_close(void *self)
{
	struct xen *xen = self;

	xen_guard_close(xen);
	xen_ring_close(xen);
	if (xen->dm)
		xendevicemodel_close(xen->dm);
	if (xen->fm)
		xenforeignmemory_close(xen->fm);
	if (xen->xc)
		xc_interface_close(xen->xc);
	free(xen->runs.run);
	pthread_mutex_destroy(&xen->lock);
}

static void xen_info(void *self, struct vmi_info *info)
{
	const struct xen *xen = self;

	info->format = "xen-guest";
	info->machine = VMI_MACHINE_X86_64;
	info->max_gfn = xen->domain.max_gfn;
	info->memory_bytes = xen->domain.pages * VMI_PAGE_SIZE;
	info->vcpus = xen->domain.vcpus;
}

static const char *shutdown_reason(uint32_t flags)
{
	switch (flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) {
	case 0:
		return "it was switched off";
	case 1:
		return "it reboots";
	case 2:
		return "it was suspended, to be saved or migrated";
	case 3:
		return "it crashed";
	default:
		return "its watchdog or a reset ended it";
	}
}

enum vmi_status xen_domain_check(struct xen *xen, struct vmi_error *err)
{
	xc_domaininfo_t info;
	uint32_t id = xen->domain.id;
	enum vmi_status st = xen_domain_ask(xen->xc, id, &info, err);

	if (st == VMI_ERR_NOT_FOUND)
		return vmi_fail(err, VMI_ERR_GONE, "domain %u is no more", id);
	if (st)
		return st;
	if (memcmp(info.handle, xen->domain.uuid, sizeof(xen->domain.uuid)))
		return vmi_fail(err, VMI_ERR_GONE, "domain %u is no more; another has its id now",
				id);
	if (info.flags & XEN_DOMINF_dying)
		return vmi_fail(err, VMI_ERR_GONE, "domain %u is being destroyed", id);
	if (info.flags & XEN_DOMINF_shutdown)
		return vmi_fail(err, VMI_ERR_GONE, "domain %u has stopped: %s", id,
				shutdown_reason(info.flags));
	return VMI_OK;
}

extern const struct vmi_driver_ops driver_xen;

const struct vmi_driver_ops driver_xen = {
	.name = "xen",
	.state_size = sizeof(struct xen),
	.concurrent = true,
	.live = true,
	.probe = xen_probe,
	.open = xen_open,
	.close = xen_close,
	.info = xen_info,
	.page = {.get = xen_page_get,
		 .put = xen_page_put,
		 .copy = xen_copy,
		 .run_next = xen_run_next},
	.write = xen_write,
	.access = {.get = xen_access_get, .set = xen_access_set},
	.registers = {.get = xen_registers_get, .set = xen_registers_set},
	.view = {.initial = xen_view_initial,
		 .create = xen_view_create,
		 .destroy = xen_view_destroy,
		 .switch_to = xen_view_switch,
		 .change_gfn = xen_view_change_gfn,
		 .reset_gfn = xen_view_reset_gfn},
	.event = {.enable = xen_monitor_enable,
		  .disable = xen_monitor_disable,
		  .pending = xen_event_pending,
		  .overhead = xen_event_overhead,
		  .deadline = xen_event_deadline,
		  .take = xen_event_take,
		  .answer = xen_event_answer,
		  .flush = xen_event_flush},
	.control = {.pause = xen_control_pause,
		    .resume = xen_control_resume,
		    .allocate = xen_control_allocate,
		    .allocate_at = xen_control_allocate_at,
		    .free = xen_control_free,
		    .inject = xen_control_inject,
		    .reset = xen_control_reset},
	.list = xen_list,
	.rescue = xen_rescue,
};

/* What the library looks for in a module: the table, and which table it was built for. */
extern const struct vmi_driver_ops vmi_driver
	__attribute__((alias("driver_xen"), visibility("default")));
VMI_API extern const size_t vmi_driver_size;
const size_t vmi_driver_size = sizeof(struct vmi_driver_ops);
