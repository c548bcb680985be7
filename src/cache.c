/* SPDX-License-Identifier: MIT */
/*
 * The page cache: sets of up to 8 lines.
 *
 *     gfn & (sets - 1)  ->  | tag tag tag tag tag tag tag tag |   one cache line to look at
 *                              |
 *                              v
 *                           line: the driver's page, how many hold it
 *
 * Within a set the line to evict is the first one not used since all others were (bit-PLRU).
 * A flushed line that is still pinned loses its tag and goes back to the driver with its last pin;
 * a table that was replaced lives on until its last pin is gone.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"

enum { WAYS = 8 };
struct line {
	struct vmi_page page;
	struct table *table;
	uint32_t pins;
	bool filled; /* holds a page of the driver */
};

struct table {
	size_t sets; /* a power of two */
	unsigned ways;
	size_t used;
	size_t pins;
	bool retired;
	uint64_t *tags;  /* sets * WAYS */
	uint8_t *recent; /* sets: bit per way */
	uint32_t *asked; /* sets * WAYS: what was last read past the cache, in short */
	struct line *lines;
};

struct cache {
	const struct vmi_driver_ops *ops;
	void *self;
	struct table *table; /* NULL: off */
	uint64_t hits, misses;
};

static void table_free(struct table *table)
{
	if (!table)
		return;
	free(table->tags);
	free(table->recent);
	free(table->asked);
	free(table->lines);
	free(table);
}

static struct table *table_create(size_t slots)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->ways = slots < WAYS ? (unsigned)slots : WAYS;
	table->sets = 1;
	while (table->sets <= slots / WAYS / 2)
		table->sets *= 2;
	if (table->sets <= SIZE_MAX / WAYS / sizeof(*table->lines)) {
		table->tags = calloc(table->sets * WAYS, sizeof(*table->tags));
		table->recent = calloc(table->sets, sizeof(*table->recent));
		table->asked = calloc(table->sets * WAYS, sizeof(*table->asked));
		table->lines = calloc(table->sets * WAYS, sizeof(*table->lines));
	}
	if (!table->tags || !table->recent || !table->asked || !table->lines) {
		table_free(table);
		return NULL;
	}
	return table;
}

struct cache *cache_create(const struct vmi_driver_ops *ops, void *self, size_t slots)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->ops = ops;
	cache->self = self;
	if (slots && !(cache->table = table_create(slots))) {
		free(cache);
		return NULL;
	}
	return cache;
}

/* Give the line's page back to the driver; nobody holds it. */
static void line_empty(struct cache *cache, struct line *line)
{
	cache->ops->page.put(cache->self, &line->page);
	line->filled = false;
	line->table->used--;
}

/* Empty what is not pinned; the rest is forgotten and empties itself later. */
static void set_flush(struct cache *cache, struct table *table, size_t set)
{
	bool held = false;

	for (size_t i = set * WAYS; i < (set + 1) * WAYS; i++) {
		table->tags[i] = 0;
		if (table->lines[i].filled && !table->lines[i].pins)
			line_empty(cache, &table->lines[i]);
		held |= table->lines[i].filled;
	}
	if (!held)
		table->recent[set] = 0;
}

/*
 * On a running guest this happens at every event, mostly with little to forget: sets that were not
 * used since the last time are passed over, eight at a time.
 */
static void table_flush(struct cache *cache, struct table *table)
{
	enum { STRIDE = sizeof(uint64_t) };

	for (size_t set = 0; table->used && set < table->sets; set++) {
		uint64_t eight = 0;
		if (set % STRIDE == 0 && table->sets - set >= STRIDE) {
			memcpy(&eight, &table->recent[set], sizeof(eight));
			if (!eight) {
				set += STRIDE - 1;
				continue;
			}
		}
		if (table->recent[set])
			set_flush(cache, table, set);
	}
}

static void table_retire(struct cache *cache, struct table *table)
{
	if (!table)
		return;
	table_flush(cache, table);
	if (table->pins)
		table->retired = true;
	else
		table_free(table);
}

void cache_destroy(struct cache *cache)
{
	if (!cache)
		return;
	assert(!cache->table || !cache->table->pins);
	table_retire(cache, cache->table);
	free(cache);
}

static unsigned set_victim(const struct table *table, size_t set)
{
	unsigned choice = WAYS;

	for (unsigned way = 0; way < table->ways; way++) {
		const struct line *line = &table->lines[set * WAYS + way];
		if (line->pins)
			continue;
		if (!line->filled || !(table->recent[set] >> way & 1))
			return way;
		if (choice == WAYS)
			choice = way;
	}
	return choice;
}

static void set_touch(struct table *table, size_t set, unsigned way)
{
	uint8_t all = (uint8_t)((1u << table->ways) - 1);

	table->recent[set] |= (uint8_t)(1u << way);
	if (table->recent[set] == all)
		table->recent[set] = (uint8_t)(1u << way);
}

/* The way that holds a page, or WAYS. */
static unsigned set_find(const struct table *table, size_t set, vmi_gfn gfn)
{
	unsigned way = 0;

	while (way < WAYS && table->tags[set * WAYS + way] != gfn + 1)
		way++;
	return way;
}

/* The slow half of cache_get(): fetch, and keep it when a line is free. */
static enum vmi_status cache_fill(struct cache *cache, size_t set, vmi_gfn gfn,
				  struct vmi_page *page, struct vmi_error *err)
{
	struct table *table = cache->table;
	struct vmi_page fresh = {0};
	enum vmi_status st = cache->ops->page.get(cache->self, gfn, &fresh, err);

	if (st)
		return st;
	unsigned way = table && fresh.pin ? set_victim(table, set) : WAYS;
	if (way == WAYS) {
		*page = fresh;
		page->line = NULL;
		return VMI_OK;
	}
	struct line *line = &table->lines[set * WAYS + way];
	line->table = table;
	if (line->filled)
		line_empty(cache, line);
	line->page = fresh;
	line->page.line = line;
	line->filled = true;
	line->pins = 1;
	table->used++;
	table->pins++;
	table->tags[set * WAYS + way] = gfn + 1;
	set_touch(table, set, way);
	*page = line->page;
	return VMI_OK;
}

enum vmi_status cache_get(struct cache *cache, vmi_gfn gfn, struct vmi_page *page,
			  struct vmi_error *err)
{
	struct table *table = cache->table;

	if (!table)
		return cache_fill(cache, 0, gfn, page, err);

	size_t set = gfn & (table->sets - 1);
	if (!table->used) { /* as long as the driver's pages need no caching */
		cache->misses++;
		return cache_fill(cache, set, gfn, page, err);
	}
	unsigned way = set_find(table, set, gfn);
	if (way == WAYS) {
		cache->misses++;
		return cache_fill(cache, set, gfn, page, err);
	}
	struct line *line = &table->lines[set * WAYS + way];
	cache->hits++;
	line->pins++;
	table->pins++;
	set_touch(table, set, way);
	*page = line->page;
	return VMI_OK;
}

bool cache_wants(struct cache *cache, vmi_gfn gfn)
{
	struct table *table = cache->table;

	if (!table)
		return false;
	if (table->used && set_find(table, gfn & (table->sets - 1), gfn) != WAYS)
		return true;
	size_t slots = table->sets * WAYS;
	uint32_t *asked = &table->asked[gfn & (slots - 1)];
	uint32_t tag = (uint32_t)(gfn / slots) + 1; /* one of a page far away passes for it */
	if (*asked == tag)
		return true;
	*asked = tag;
	cache->misses++;
	return false;
}

void cache_put(struct cache *cache, struct vmi_page *page)
{
	struct line *line = page->line;

	if (!line) {
		cache->ops->page.put(cache->self, page);
		return;
	}
	struct table *table = line->table;
	assert(line->pins && table->pins);
	line->pins--;
	table->pins--;
	if (!line->pins && !table->tags[line - table->lines])
		line_empty(cache, line);
	if (!table->pins && table->retired)
		table_free(table);
}

enum vmi_status cache_resize(struct cache *cache, size_t slots, struct vmi_error *err)
{
	struct table *table = NULL;

	if (slots && !(table = table_create(slots)))
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for a page cache of %zu slots",
				slots);
	table_retire(cache, cache->table);
	cache->table = table;
	cache->hits = cache->misses = 0;
	return VMI_OK;
}

bool cache_is_empty(const struct cache *cache)
{
	return !cache->table || !cache->table->used;
}

void cache_flush(struct cache *cache)
{
	if (cache->table)
		table_flush(cache, cache->table);
}

void cache_flush_gfn(struct cache *cache, vmi_gfn gfn)
{
	struct table *table = cache->table;

	if (!table || gfn == UINT64_MAX) /* whose tag would be that of an empty line */
		return;
	size_t set = gfn & (table->sets - 1);
	unsigned way = set_find(table, set, gfn);
	if (way == WAYS)
		return;
	table->tags[set * WAYS + way] = 0;
	if (!table->lines[set * WAYS + way].pins)
		line_empty(cache, &table->lines[set * WAYS + way]);
}

void cache_stats(const struct cache *cache, struct vmi_cache_stats *stats)
{
	const struct table *table = cache->table;

	*stats = (struct vmi_cache_stats){
		.slots = table ? table->sets * table->ways : 0,
		.used = table ? table->used : 0,
		.hits = cache->hits,
		.misses = cache->misses,
	};
}
