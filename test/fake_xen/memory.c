/* SPDX-License-Identifier: MIT */
/* A domain's memory: maps by other domains, what is populated, and the limit. */

#include <errno.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include "inside.h"

/* ---- maps ----------------------------------------------------------------------------------- */

struct xenforeignmemory_handle {
	int unused;
};

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned flags)
{
	struct fake_machine *m = call_begin("xenforeignmemory_open");

	(void)logger;
	(void)flags;
	if (!m || call_end(m, 0))
		return NULL;
	handles_add(1);
	return calloc(1, sizeof(xenforeignmemory_handle));
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
	if (fmem)
		handles_add(-1);
	free(fmem);
	return 0;
}

/* One page at its place in the new range; 0 or a negative error, as the kernel reports it. */
static int map_one(struct fake_machine *m, struct fake_domain *d, uint64_t gfn, int prot, char *at)
{
	struct fake_entry *entry = entry_find(d, gfn);

	if (!entry)
		return -EINVAL;
	/* The old size moves the pages to a new place: one shared mapping, two addresses. */
	void *page = mremap(frame_data(m, entry->frame), 0, XC_PAGE_SIZE,
			    MREMAP_MAYMOVE | MREMAP_FIXED, at);
	if (page == MAP_FAILED)
		return -ENOMEM;
	return mprotect(page, XC_PAGE_SIZE, prot) ? -ENOMEM : 0;
}

static int map_all(struct fake_machine *m, struct fake_domain *d, int prot, size_t pages,
		   const xen_pfn_t gfns[], int err[], char *at)
{
	int first = 0;

	for (size_t i = 0; i < pages; i++) {
		int failed = map_one(m, d, gfns[i], prot, at + i * XC_PAGE_SIZE);

		if (err)
			err[i] = failed;
		if (failed && !first)
			first = failed;
	}
	return first;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
			   const xen_pfn_t gfns[], int err[])
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xenforeignmemory_map", dom, &d);

	(void)fmem;
	if (!m)
		return NULL;
	char *at = mmap(NULL, pages * XC_PAGE_SIZE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED) {
		call_end(m, ENOMEM);
		return NULL;
	}
	int first = map_all(m, d, prot, pages, gfns, err, at);
	/* Without err[] it is all or nothing; with it, what failed is a hole that faults. */
	if (first && !err) {
		munmap(at, pages * XC_PAGE_SIZE);
		call_end(m, -first);
		return NULL;
	}
	pages_add((long)pages);
	call_end(m, 0);
	return at;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
	(void)fmem;
	pages_add(-(long)pages);
	return munmap(addr, pages * XC_PAGE_SIZE);
}

/* ---- what is populated ---------------------------------------------------------------------- */

int xc_domain_maximum_gpfn(xc_interface *xch, uint32_t id, xen_pfn_t *gfn)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_maximum_gpfn", id, &d);

	(void)xch;
	if (!m)
		return -1;
	*gfn = d->max_gfn;
	return call_end(m, 0);
}

int xc_domain_setmaxmem(xc_interface *xch, uint32_t id, uint64_t max_memkb)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_setmaxmem", id, &d);

	(void)xch;
	if (!m)
		return -1;
	d->max_pages = max_memkb >> (XC_PAGE_SHIFT - 10);
	return call_end(m, 0);
}

static bool populate(struct fake_machine *m, struct fake_domain *d, uint64_t gfn)
{
	if (d->tot_pages >= d->max_pages)
		return false;
	if (entry_find(d, gfn))
		d->harm.overwritten++;
	struct fake_entry *entry = entry_new(d, gfn);
	if (!entry)
		return false;
	entry->frame = frame_new(m);
	if (!entry->frame)
		return false;
	d->tot_pages++;
	views_propagate(d, entry, false);
	return true;
}

int xc_domain_populate_physmap_exact(xc_interface *xch, uint32_t id, unsigned long nr,
				     unsigned order, unsigned flags, xen_pfn_t *gfns)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_populate_physmap_exact", id, &d);
	bool all = true;

	(void)xch;
	(void)flags;
	if (!m)
		return -1;
	if (order)
		return call_end(m, EINVAL);
	for (unsigned long i = 0; i < nr && all; i++)
		all = populate(m, d, gfns[i]);
	return call_end(m, all ? 0 : EBUSY);
}

int xc_domain_decrease_reservation_exact(xc_interface *xch, uint32_t id, unsigned long nr,
					 unsigned order, xen_pfn_t *gfns)
{
	struct fake_domain *d;
	struct fake_machine *m = call_begin_domain("xc_domain_decrease_reservation_exact", id, &d);
	int error = 0;

	(void)xch;
	if (!m)
		return -1;
	if (order)
		return call_end(m, EINVAL);
	for (unsigned long i = 0; i < nr && !error; i++) {
		struct fake_entry *entry = entry_find(d, gfns[i]);

		if (!entry) {
			error = EINVAL;
			break;
		}
		views_propagate(d, entry, true);
		*entry = (struct fake_entry){0};
		d->tot_pages--;
	}
	return call_end(m, error);
}
