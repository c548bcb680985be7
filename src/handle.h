/* SPDX-License-Identifier: MIT */
#ifndef VMI_HANDLE_H
#define VMI_HANDLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache.h"
#include "files.h"
#include "tlb.h"

enum { WARNINGS_MAX = 64, STRING_LIMIT = 16 << 20 /* bytes, where nobody says */ };

/** What handles share: the driver's open state. Immutable after open, counted. */
struct target {
	struct vmi_target view; /* first: warn() finds the rest by it */
	const struct vmi_driver_ops *ops;
	void *self;
	struct files files;  /* that the user named */
	struct files beside; /* that the driver wanted */
	bool in_memory;      /* the image is no file, so there is none beside it */
	char *name, *format;
	struct vmi_info info;
	char *warnings[WARNINGS_MAX];
	unsigned warning_count, warnings_dropped;
	atomic_uint handles;
	pthread_mutex_t pause_lock;
	unsigned pausers; /* handles that have paused the guest */
};

/* NULL: out of memory. `options` are borrowed until the target is open. */
struct target *target_create(const char *name, const struct vmi_open_options *options);
/* Find the driver, unless it is known, open its state and ask it what it has. */
VMI_CHECKED enum vmi_status target_start(struct target *target, struct vmi_error *err);
/* One handle less; the last one closes. NULL is allowed. */
void target_put(struct target *target);

struct vmi {
	struct target *target;
	struct cache *cache;
	size_t page_slots, translation_slots; /* to enable with */
	struct tlb tlb;
	size_t string_limit;
	struct vmi_pager pager;
	int wake_fd;                   /* makes a wait for events return; -1 where there are none */
	struct intercepts *intercepts; /* NULL until one is on */
	unsigned pauses;
	uint64_t pages_ms; /* when an event last made the page cache forget live pages */
};

void intercepts_destroy(struct intercepts *intercepts); /* NULL is allowed */

/* The driver of that name, built in or out of its module, which is loaded and stays. VMI_ERR_ARG:
 * there is none. VMI_ERR_UNSUPPORTED: its module is not there, and what to do. */
VMI_CHECKED enum vmi_status driver_find(const char *name, const struct vmi_driver_ops **ops,
					struct vmi_error *err);
bool driver_is_module(const char *name);

/* The one place that refuses: the driver lacks a group, or this target does. */
VMI_CHECKED enum vmi_status require(const struct vmi *vm, enum vmi_capability need,
				    struct vmi_error *err);

/* VMI_ERR_NOT_FOUND: the target has no such vcpu. */
VMI_CHECKED enum vmi_status vcpu_check(const struct vmi *vm, unsigned vcpu, struct vmi_error *err);

/* Forget whatever the guest may have changed. */
static inline void handle_forget(struct vmi *vm)
{
	tlb_flush(&vm->tlb);
	cache_flush(vm->cache);
}

/* How many bytes of `page` from `offset` on are known, up to `max` in all. */
static inline size_t page_known(const struct vmi_page *page, size_t offset, size_t max)
{
	if (!page->known)
		return page->extent - offset < max ? page->extent - offset : max;
	size_t n = 0;
	while (n < max && offset + n < VMI_PAGE_SIZE &&
	       (page->known[(offset + n) / 64] >> (offset + n) % 64 & 1))
		n++;
	return n;
}

/*
 * The status that stands behind a place that cannot be read although its page has been found: the
 * page is held in part.
 */
VMI_CHECKED enum vmi_status fail_partial(vmi_gpa gpa, struct vmi_error *err);

/*
 * Where `addr` of a space is: its gpa, and how many bytes from there on are mapped in one piece
 * (`span`, at least 1). NULL space: physical.
 */
VMI_CHECKED enum vmi_status locate(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				   vmi_gpa *gpa, uint64_t *span, struct vmi_error *err);

/*
 * Copy from `addr`, which locate() found not present, what the pager knows of its page: up to `len`
 * bytes, at least 1. VMI_ERR_NOT_PRESENT: nothing, and what it says of that is behind err's text.
 */
VMI_CHECKED enum vmi_status pager_read(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				       void *buf, size_t len, size_t *done, struct vmi_error *err);

#endif
