/* SPDX-License-Identifier: MIT */
/* pv: make a paravirtualized domain without anything in it, and print its id. pv DOMID: destroy it.
 */

#include <stdio.h>
#include <stdlib.h>

#include <xenctrl.h>

int main(int argc, char **argv)
{
	struct xen_domctl_createdomain config = {.max_vcpus = 1,
						 .grant_opts = XEN_DOMCTL_GRANT_version(1),
						 .max_evtchn_port = 1023,
						 .max_grant_frames = 4,
						 .max_maptrack_frames = 4};
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	uint32_t id = 0;

	if (!xc)
		return 1;
	if (argc > 1)
		return xc_domain_destroy(xc, (uint32_t)strtoul(argv[1], NULL, 0)) != 0;
	if (xc_domain_create(xc, &id, &config)) {
		perror("pv");
		return 1;
	}
	printf("%u\n", id);
	return 0;
}
