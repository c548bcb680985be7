/* SPDX-License-Identifier: MIT */
/* The interfaces themselves: opening, versions, injection, debugging, names. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xendevicemodel.h>
#include <xenstore.h>

#include "inside.h"

struct xc_interface_core {
	int unused;
};

struct xendevicemodel_handle {
	int unused;
};

struct xs_handle {
	int unused;
};

static void *handle_open(const char *name, size_t size)
{
	struct fake_machine *m = call_begin(name);

	if (!m)
		return NULL;
	call_end(m, 0);
	handles_add(1);
	return calloc(1, size);
}

static int handle_close(void *handle)
{
	if (handle)
		handles_add(-1);
	free(handle);
	return 0;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *builder,
				unsigned flags)
{
	(void)logger;
	(void)builder;
	(void)flags;
	return handle_open("xc_interface_open", sizeof(struct xc_interface_core));
}

int xc_interface_close(xc_interface *xch)
{
	return handle_close(xch);
}

int xc_version(xc_interface *xch, int cmd, void *arg)
{
	struct fake_machine *m = call_begin("xc_version");

	(void)xch;
	if (!m)
		return -1;
	int version = (int)(m->host.major << 16 | m->host.minor);
	call_end(m, 0);
	if (cmd == XENVER_version)
		return version;
	if (cmd == XENVER_extraversion)
		memcpy(arg, ".0", 3);
	else
		errno = ENOSYS;
	return cmd == XENVER_extraversion ? 0 : -1;
}

int xc_vm_event_get_version(xc_interface *xch)
{
	struct fake_machine *m = call_begin("xc_vm_event_get_version");

	(void)xch;
	if (!m)
		return -1;
	int version = m->host.vm_event_version;
	call_end(m, 0);
	return version;
}

int xc_domain_debug_control(xc_interface *xch, uint32_t id, uint32_t op, uint32_t vcpu)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_debug_control", id, &d);

	(void)xch;
	if (!m)
		return -1;
	if (vcpu >= d->vcpu_count)
		return call_end(m, EINVAL);
	if (m->host.no_mtf || d->type == FAKE_PV)
		return call_end(m, EOPNOTSUPP);
	if (op > XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_ON)
		return call_end(m, ENOSYS);
	d->vcpus[vcpu].singlestep = op == XEN_DOMCTL_DEBUG_OP_SINGLE_STEP_ON;
	d->vcpus[vcpu].fast = false;
	return call_end(m, 0);
}

/* ---- the device model ----------------------------------------------------------------------- */

xendevicemodel_handle *xendevicemodel_open(struct xentoollog_logger *logger, unsigned flags)
{
	(void)logger;
	(void)flags;
	return handle_open("xendevicemodel_open", sizeof(struct xendevicemodel_handle));
}

int xendevicemodel_close(xendevicemodel_handle *dmod)
{
	return handle_close(dmod);
}

int xendevicemodel_inject_event(xendevicemodel_handle *dmod, domid_t id, int vcpu, uint8_t vector,
				uint8_t type, uint32_t error_code, uint8_t length, uint64_t extra)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xendevicemodel_inject_event", id, &d);

	(void)dmod;
	if (!m)
		return -1;
	if (vcpu < 0 || (unsigned)vcpu >= d->vcpu_count || d->type == FAKE_PV)
		return call_end(m, EINVAL);
	if (d->vcpus[vcpu].injection.pending)
		return call_end(m, EBUSY);
	d->vcpus[vcpu].injection = (struct fake_injection){
		.pending = true,
		.vector = vector,
		.type = type,
		.error_code = error_code,
		.length = length,
		.extra = extra,
	};
	guests_autorun(m);
	return call_end(m, 0);
}

/* ---- xenstore ------------------------------------------------------------------------------- */

struct xs_handle *xs_open(unsigned long flags)
{
	struct fake_machine *m = call_begin("xs_open");

	(void)flags;
	if (!m)
		return NULL;
	if (m->host.no_store) {
		call_end(m, ENOENT);
		return NULL;
	}
	call_end(m, 0);
	handles_add(1);
	return calloc(1, sizeof(struct xs_handle));
}

void xs_close(struct xs_handle *xs)
{
	handle_close(xs);
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned *len)
{
	struct fake_machine *m = call_begin("xs_read");
	char name[sizeof(m->domains[0].name)];
	unsigned id;
	int end = 0;

	(void)xs;
	(void)t;
	if (!m)
		return NULL;
	struct fake_domain *d = NULL;
	if (sscanf(path, "/local/domain/%u/name%n", &id, &end) == 1 && end && !path[end])
		d = fake_domain(m, id);
	if (!d) {
		call_end(m, ENOENT);
		return NULL;
	}
	memcpy(name, d->name, sizeof(name));
	call_end(m, 0);
	if (len)
		*len = (unsigned)strlen(name);
	return strdup(name);
}

/* One block, as xenstore gives it: the pointers, then what they point to. */
char **xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned *num)
{
	enum { LONGEST = 12 };
	struct fake_machine *m = call_begin("xs_directory");

	(void)xs;
	(void)t;
	if (!m)
		return NULL;
	if (strcmp(path, "/local/domain")) {
		call_end(m, ENOENT);
		return NULL;
	}
	char **list = calloc(FAKE_DOMAINS + 1, sizeof(char *) + LONGEST);
	char *text = (char *)(list + FAKE_DOMAINS + 1);
	*num = 0;
	list[(*num)++] = strcpy(text, "0"); /* the control domain, which has no entry here */
	for (unsigned i = 0; i < FAKE_DOMAINS; i++) {
		if (!m->domains[i].used)
			continue;
		text += LONGEST;
		snprintf(text, LONGEST, "%u", m->domains[i].id);
		list[(*num)++] = text;
	}
	call_end(m, 0);
	return list;
}
