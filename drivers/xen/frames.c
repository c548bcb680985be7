/* SPDX-License-Identifier: MIT */
/* Single frames of a guest: mapped, put there and taken away. */

#include <errno.h>
#include <sys/mman.h>

#include "frames.h"

enum { KB_PER_PAGE = XC_PAGE_SIZE / 1024 };

void *xen_frame_map(xenforeignmemory_handle *fm, uint32_t domid, uint64_t gfn, int prot)
{
	xen_pfn_t frame = gfn;
	int error = 0;
	void *page = xenforeignmemory_map(fm, domid, prot, 1, &frame, &error);

	if (page && !error)
		return page;
	if (page) {
		xenforeignmemory_unmap(fm, page, 1);
		errno = ENOENT;
	} else if (errno == ENOENT) {
		errno = EIO;
	}
	return NULL;
}

int xen_frame_exists(xenforeignmemory_handle *fm, uint32_t domid, uint64_t gfn)
{
	void *page = xen_frame_map(fm, domid, gfn, PROT_READ);

	if (!page)
		return errno == ENOENT ? 0 : -1;
	xenforeignmemory_unmap(fm, page, 1);
	return 1;
}

/* One more page than the domain has now, where it has all that it may. */
static int limit_raise(xc_interface *xc, struct xen_shared *shared)
{
	struct xen_undo *undo = &shared->undo;
	xc_domaininfo_t info;

	if (xc_domain_getinfolist(xc, shared->domid, 1, &info) != 1 || info.domain != shared->domid)
		return -1;
	if (info.tot_pages < info.max_pages)
		return 0;
	if (!undo->maxmem_raised)
		undo->maxmem_kb = info.max_pages * KB_PER_PAGE;
	undo->maxmem_raised = 1;
	return xc_domain_setmaxmem(xc, shared->domid, (info.tot_pages + 1) * KB_PER_PAGE);
}

int xen_frame_add(xc_interface *xc, struct xen_shared *shared, uint64_t gfn)
{
	xen_pfn_t frame = gfn;

	return limit_raise(xc, shared) ||
			       xc_domain_populate_physmap_exact(xc, shared->domid, 1, 0, 0, &frame)
		       ? -1
		       : 0;
}

int xen_frame_remove(xc_interface *xc, uint32_t domid, uint64_t gfn)
{
	xen_pfn_t frame = gfn;

	return xc_domain_decrease_reservation_exact(xc, domid, 1, 0, &frame);
}
