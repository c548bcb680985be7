/* SPDX-License-Identifier: MIT */
/*
 * Loaded in front of the C library (ld.so --preload): every hypercall that a program makes, as
 * "OPERATION SUBOPERATION [COMMAND]" on descriptor 9. What a program takes from a guest, it takes
 * by these.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define __XEN_TOOLS__ 1 /* NOLINT: it opens this part of the headers */
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sys/privcmd.h>

/* Those that are given a structure have it begin with what they shall do. */
static void note(unsigned long op, unsigned long argument, unsigned long second)
{
	const struct xen_mem_access_op *access = (const struct xen_mem_access_op *)second;
	const struct xen_domctl *domctl = (const struct xen_domctl *)argument;
	bool is_structure = op == __HYPERVISOR_domctl || op == __HYPERVISOR_sysctl;
	unsigned long sub = is_structure ? domctl->cmd : argument;

	if (op == __HYPERVISOR_domctl && sub == XEN_DOMCTL_vm_event_op)
		dprintf(9, "%lu %lu %u\n", op, sub, domctl->u.vm_event_op.op);
	else if (op == __HYPERVISOR_memory_op && sub == XENMEM_access_op)
		dprintf(9, "%lu %lu %u\n", op, sub, access->op);
	else
		dprintf(9, "%lu %lu\n", op, sub);
}

static void note_all(const struct privcmd_hypercall *call)
{
	const struct multicall_entry *each = (const struct multicall_entry *)call->arg[0];

	if (call->op != __HYPERVISOR_multicall)
		note(call->op, call->arg[0], call->arg[1]);
	for (unsigned i = 0; call->op == __HYPERVISOR_multicall && i < call->arg[1]; i++)
		note(each[i].op, each[i].args[0], each[i].args[1]);
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, void *) =
		(int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
	va_list list;

	va_start(list, request);
	void *argument = va_arg(list, void *);
	va_end(list);
	if (request == IOCTL_PRIVCMD_HYPERCALL)
		note_all(argument);
	return next(fd, request, argument);
}
