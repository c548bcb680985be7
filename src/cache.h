/* SPDX-License-Identifier: MIT */
#ifndef VMI_CACHE_H
#define VMI_CACHE_H

#include <vmi/driver.h>

/**
 * Page cache: guest pages by gfn, each asked of the driver once while it stays.
 *
 * A page is pinned from cache_get() to cache_put(); pinned pages neither move nor leave, whatever
 * is flushed, resized or turned off meanwhile. When nothing can be evicted, or the cache is off,
 * the driver is asked directly: pinning never fails for want of slots. One thread at a time.
 */
struct cache;

/* Over `ops` and its `self`, which must outlive it; `slots` 0: off. NULL when out of memory. */
struct cache *cache_create(const struct vmi_driver_ops *ops, void *self, size_t slots);
/* Every pin must have been put. NULL is allowed. */
void cache_destroy(struct cache *cache);

/* As vmi_page_get() and vmi_page_put(). */
VMI_CHECKED enum vmi_status cache_get(struct cache *cache, vmi_gfn gfn, struct vmi_page *page,
				      struct vmi_error *err);
void cache_put(struct cache *cache, struct vmi_page *page);
/*
 * Is the page held, or was this asked about it before, not long ago? A reader of all of a page does
 * without the cache the first time, as most such readers do not come back.
 */
bool cache_wants(struct cache *cache, vmi_gfn gfn);

/* Drop what is held and start with a new table; `slots` 0: off. */
VMI_CHECKED enum vmi_status cache_resize(struct cache *cache, size_t slots, struct vmi_error *err);
/* Holds it no page? */
bool cache_is_empty(const struct cache *cache);
void cache_flush(struct cache *cache);
void cache_flush_gfn(struct cache *cache, vmi_gfn gfn);
void cache_stats(const struct cache *cache, struct vmi_cache_stats *stats);

#endif
