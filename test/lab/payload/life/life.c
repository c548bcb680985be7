/* SPDX-License-Identifier: MIT */
/* life DOMID REASON: the test guest shuts itself down for that reason (SHUTDOWN_* of xen/sched.h).
 */

#include <stdlib.h>

#include "client.h"

int main(int argc, char **argv)
{
	struct lab_guest guest;

	if (argc != 3 || !lab_open(&guest, (uint32_t)atoi(argv[1])))
		return 1;
	lab_patterns(&guest.mailbox[0]->in);
	guest.mailbox[0]->in.rax = (uint64_t)atoi(argv[2]);
	lab_begin(&guest, 0, LAB_OP_SHUTDOWN);
	lab_close(&guest);
	return 0;
}
