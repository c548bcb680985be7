/* SPDX-License-Identifier: MIT */
/* Event channels of the control domain: a port is delivered once, then masked until unmasked. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenevtchn.h>

#include "inside.h"

struct xenevtchn_handle {
	int index; /* in the machine's table */
	int fd;    /* our end of its pipe */
};

/* The pipes belong to the process that made the machine; a started one opens them anew. */
static int pipe_open(const struct fake_machine *m, int index, int end)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)m->owner, m->pipes[index][end]);
	return open(path, (end ? O_WRONLY : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
}

static void deliver(struct fake_machine *m, uint32_t port)
{
	struct fake_port *p = &m->ports[port];
	evtchn_port_t number = port;

	if (p->handle < 0)
		return;
	int fd = machine_inherited() ? m->pipes[p->handle][1] : pipe_open(m, p->handle, 1);
	if (write(fd, &number, sizeof(number)) < 0)
		perror("fake xen: a notification was lost");
	if (!machine_inherited())
		close(fd);
}

void port_raise(struct fake_machine *m, uint32_t port)
{
	struct fake_port *p = &m->ports[port];

	if (!p->used || m->lose_notify)
		return;
	if (p->masked || p->handle < 0 || m->hold_notify) {
		p->pending = true;
		return;
	}
	p->masked = true;
	p->pending = false;
	deliver(m, port);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned flags)
{
	struct fake_machine *m = call_begin("xenevtchn_open");
	xenevtchn_handle *xce = calloc(1, sizeof(*xce));
	evtchn_port_t old;

	(void)logger;
	(void)flags;
	if (!m || !xce) {
		free(xce);
		return NULL;
	}
	while (xce->index < FAKE_HANDLES && m->handles[xce->index])
		xce->index++;
	xce->fd = xce->index < FAKE_HANDLES ? pipe_open(m, xce->index, 0) : -1;
	if (xce->fd < 0) {
		free(xce);
		call_end(m, ENOSPC);
		return NULL;
	}
	while (read(xce->fd, &old, sizeof(old)) > 0)
		continue;
	/* As /dev/xen/evtchn: reading an empty one waits. */
	fcntl(xce->fd, F_SETFL, fcntl(xce->fd, F_GETFL) & ~O_NONBLOCK);
	m->handles[xce->index] = true;
	call_end(m, 0);
	handles_add(1);
	return xce;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
	struct fake_machine *m = machine_get();

	if (!xce)
		return 0;
	fake_lock(m);
	for (unsigned i = 0; i < FAKE_PORTS; i++)
		if (m->ports[i].used && m->ports[i].handle == xce->index) {
			m->ports[i].handle = -1;
			if (m->ports[i].virq)
				m->ports[i].used = false;
		}
	m->handles[xce->index] = false;
	fake_unlock(m);
	close(xce->fd);
	free(xce);
	handles_add(-1);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
	return xce->fd;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t id,
						     evtchn_port_t remote)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xenevtchn_bind_interdomain", id, &d);

	if (!m)
		return -1;
	if (!d->ring.on || remote != d->ring.port + 100 || m->ports[d->ring.port].handle >= 0)
		return call_end(m, EINVAL);
	m->ports[d->ring.port].handle = xce->index;
	/* A new channel starts pending, so that nothing sent before is missed. */
	port_raise(m, d->ring.port);
	xenevtchn_port_or_error_t port = (int)d->ring.port;
	call_end(m, 0);
	return port;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned virq)
{
	struct fake_machine *m = call_begin("xenevtchn_bind_virq");

	(void)virq;
	if (!m)
		return -1;
	for (int i = 0; i < FAKE_PORTS; i++) {
		/* xenstored has it already on a machine that has one; that is no obstacle here. */
		if (m->ports[i].used)
			continue;
		m->ports[i] = (struct fake_port){
			.used = true, .virq = true, .domain = -1, .handle = xce->index};
		call_end(m, 0);
		return i;
	}
	return call_end(m, ENOSPC);
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct fake_machine *m = call_begin("xenevtchn_unbind");

	if (!m)
		return -1;
	if (port >= FAKE_PORTS || m->ports[port].handle != xce->index)
		return call_end(m, EINVAL);
	m->ports[port].handle = -1;
	if (m->ports[port].virq)
		m->ports[port].used = false;
	return call_end(m, 0);
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
	struct fake_machine *m = call_begin("xenevtchn_pending");
	evtchn_port_t port;

	if (!m)
		return -1;
	call_end(m, 0);
	if (read(xce->fd, &port, sizeof(port)) != (ssize_t)sizeof(port))
		return -1;
	return (int)port;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct fake_machine *m = call_begin("xenevtchn_unmask");

	if (!m)
		return -1;
	if (port >= FAKE_PORTS || m->ports[port].handle != xce->index)
		return call_end(m, EINVAL);
	m->ports[port].masked = false;
	if (m->ports[port].pending)
		port_raise(m, port);
	return call_end(m, 0);
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	struct fake_machine *m = call_begin("xenevtchn_notify");

	if (!m)
		return -1;
	if (port >= FAKE_PORTS || m->ports[port].handle != xce->index)
		return call_end(m, EINVAL);
	/* The channel is Xen's own: it looks at the ring before the call returns. */
	if (m->ports[port].domain >= 0 && m->domains[m->ports[port].domain].used)
		ring_resume(m, &m->domains[m->ports[port].domain]);
	return call_end(m, 0);
}
