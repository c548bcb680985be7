/* SPDX-License-Identifier: MIT */
/* smoke DOMID: is all that tests need here? Domains can be listed, a page of the guest read. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

#include "client.h"

/* dom0 and the guest are listed, and the guest is one with its own page tables for memory. */
static void list_domains(uint32_t domid)
{
	xc_interface *xen = xc_interface_open(NULL, NULL, 0);
	xc_domaininfo_t info[8];
	int n = xen ? xc_domain_getinfolist(xen, 0, 8, info) : -1;
	bool seen = false;

	for (int i = 0; i < n; i++) {
		printf("domain %u: %u vcpus, %llu pages\n", info[i].domain, info[i].nr_online_vcpus,
		       (unsigned long long)info[i].tot_pages);
		if (info[i].domain == domid)
			seen = info[i].flags & XEN_DOMINF_hap;
	}
	lab_result(n == 2 && seen, "list", "%d domains, the guest%s with HAP", n,
		   seen ? "" : " not");
	xc_interface_close(xen);
}

static void read_page(const struct lab_guest *guest)
{
	static const char text[] = LAB_TRUTH_TEXT;
	const size_t begin = 4096 - LAB_TRUTH_TEXT_AT;
	char *first = lab_map(guest, LAB_TRUTH_FRAMES + 0x2000);
	char *second = lab_map(guest, LAB_TRUTH_FRAMES);
	uint64_t gpa = 0;

	if (lab_result(first && second, "map", "no page mapped")) {
		memcpy(&gpa, first + LAB_TRUTH_GPA_AT, sizeof(gpa));
		lab_result(gpa == LAB_TRUTH_FRAMES + 0x2000, "read", "it says 0x%llx of itself",
			   (unsigned long long)gpa);
		lab_result(!memcmp(first + LAB_TRUTH_TEXT_AT, text, begin) &&
				   !strcmp(second, text + begin),
			   "text", "not where it should be");
	}
	lab_unmap(guest, first);
	lab_unmap(guest, second);
}

int main(int argc, char **argv)
{
	struct lab_guest guest;

	if (argc != 2)
		return 2;
	list_domains((uint32_t)atoi(argv[1]));
	if (lab_result(lab_open(&guest, (uint32_t)atoi(argv[1])), "ready", "see above")) {
		read_page(&guest);
		lab_patterns(&guest.mailbox[0]->in);
		lab_result(lab_do(&guest, 0, LAB_OP_NOP) && !lab_changed(guest.mailbox[0]), "nop",
			   "registers changed: 0x%x", lab_changed(guest.mailbox[0]));
	}
	lab_close(&guest);
	return lab_status();
}
