/* SPDX-License-Identifier: MIT */
/*
 * abandon DOMID: a bad watcher. It turns on monitors, restricts a page, makes a view and goes
 * there, lets both vcpus wait for answers, pauses the guest, and is gone.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xen/vm_event.h>

#include "client.h"

enum { LSTAR = 0xc0000082, WAIT_MS = 5000 };

static bool arm(xc_interface *xc, uint32_t id)
{
	uint16_t view;

	return !xc_altp2m_set_domain_state(xc, id, true) &&
	       !xc_altp2m_create_view(xc, id, XENMEM_access_rwx, &view) &&
	       !xc_altp2m_set_mem_access(xc, id, view, LAB_SCRATCH >> 12, XENMEM_access_r) &&
	       !xc_altp2m_switch_to_view(xc, id, view) &&
	       !xc_set_mem_access(xc, id, XENMEM_access_rx, LAB_DATA >> 12, 1) &&
	       !xc_monitor_write_ctrlreg(xc, id, VM_EVENT_X86_CR3, true, true, 0, true) &&
	       !xc_monitor_mov_to_msr(xc, id, LSTAR, true, true) &&
	       !xc_monitor_software_breakpoint(xc, id, true) &&
	       !xc_monitor_singlestep(xc, id, true) && !xc_monitor_cpuid(xc, id, true);
}

/* So many events wait on the ring. */
static bool wait_for(const volatile vm_event_sring_t *ring, unsigned count)
{
	for (int i = 0; i < WAIT_MS && ring->req_prod < count; i += 10)
		usleep(10000);
	return ring->req_prod >= count;
}

int main(int argc, char **argv)
{
	uint32_t id = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 0, port;
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	struct lab_guest guest;

	if (!xc || !lab_open(&guest, id))
		return 1;
	void *ring = xc_monitor_enable(xc, id, &port);
	if (!ring || !arm(xc, id)) {
		perror("abandon");
		return 1;
	}
	lab_begin(&guest, 0, LAB_OP_CPUID);
	lab_begin(&guest, 1, LAB_OP_INT3);
	if (!wait_for(ring, 2))
		return 1;
	xc_domain_pause(xc, id);
	_exit(0);
}
