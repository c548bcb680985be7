/* SPDX-License-Identifier: MIT */
/*
 * look DOMID [free]: what Xen says of a domain, as a JSON object. With `free`, also which monitors
 * were still on, whether the ring was in use and how many of the guest's pages are restricted: that
 * needs to be tried, and turns off what was on.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xen/vm_event.h>

#include "mailbox.h"

enum { LSTAR = 0xc0000082 };

/* Turning off what is off fails. */
static void print_monitors(xc_interface *xc, uint32_t id)
{
	const struct {
		const char *name;
		int result;
	} monitors[] = {
		{"cr0", xc_monitor_write_ctrlreg(xc, id, VM_EVENT_X86_CR0, false, true, 0, true)},
		{"cr3", xc_monitor_write_ctrlreg(xc, id, VM_EVENT_X86_CR3, false, true, 0, true)},
		{"cr4", xc_monitor_write_ctrlreg(xc, id, VM_EVENT_X86_CR4, false, true, 0, true)},
		{"msr", xc_monitor_mov_to_msr(xc, id, LSTAR, false, true)},
		{"breakpoint", xc_monitor_software_breakpoint(xc, id, false)},
		{"debug", xc_monitor_debug_exceptions(xc, id, false, true)},
		{"singlestep", xc_monitor_singlestep(xc, id, false)},
		{"cpuid", xc_monitor_cpuid(xc, id, false)},
		{"hypercall", xc_monitor_guest_request(xc, id, false, true, false)},
		{"descriptor", xc_monitor_descriptor_access(xc, id, false)},
		{"emulation", xc_monitor_emul_unimplemented(xc, id, false)},
	};
	const char *between = "";

	printf(",\"monitors\":[");
	for (size_t i = 0; i < sizeof(monitors) / sizeof(monitors[0]); i++) {
		if (monitors[i].result)
			continue;
		printf("%s\"%s\"", between, monitors[i].name);
		between = ",";
	}
	putchar(']');
}

/* Only with a ring does Xen tell which pages are restricted. */
static void print_pages(xc_interface *xc, uint32_t id)
{
	uint32_t port;
	unsigned restricted = 0;
	void *ring = xc_monitor_enable(xc, id, &port);

	printf(",\"ring\":%s", ring ? "false" : "true");
	if (!ring)
		return;
	for (uint64_t gfn = LAB_IMAGE >> 12; gfn < LAB_TRUTH_END >> 12; gfn++) {
		xenmem_access_t access = XENMEM_access_rwx;

		if (!xc_get_mem_access(xc, id, gfn, &access) && access != XENMEM_access_rwx)
			restricted++;
	}
	xc_monitor_disable(xc, id);
	munmap(ring, XC_PAGE_SIZE);
	printf(",\"restricted\":%u", restricted);
}

int main(int argc, char **argv)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	uint32_t id = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0;
	xc_domaininfo_t info;
	bool views = false;

	if (!xc || xc_domain_getinfolist(xc, id, 1, &info) != 1 || info.domain != id ||
	    xc_altp2m_get_domain_state(xc, id, &views))
		return 1;
	printf("{\"paused\":%s,\"pages\":%lu,\"max_pages\":%lu,\"views\":%s",
	       info.flags & XEN_DOMINF_paused ? "true" : "false", (unsigned long)info.tot_pages,
	       (unsigned long)info.max_pages, views ? "true" : "false");
	if (argc > 2 && !strcmp(argv[2], "free")) {
		print_monitors(xc, id);
		print_pages(xc, id);
	}
	printf("}\n");
	xc_interface_close(xc);
	return 0;
}
