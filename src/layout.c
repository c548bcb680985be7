/* SPDX-License-Identifier: MIT */
/*
 * Where flat memory has its holes. PCs have none of their memory in the last part of the first 4
 * GiB: what is too much for below it goes on at 4 GiB. Files of memory either have that hole or
 * leave it out, and do not say which. The guest does: firmware hands it a map ("E820", ACPI
 * specification 15), entries {u64 start, u64 size, u32 kind} one after another, of which firmware
 * and kernel keep copies.
 */

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "handle.h"

enum {
	ENTRY = 20,
	ENTRIES_MAX = 128,
	MAPS_MAX = 4096,
	KIND_MEMORY = 1,
	KIND_LAST = 20,
	BYTES_MAX = 1 << 30, /* to look at; the firmware's copy is in the first MiB */
};

static const uint64_t four_gib = UINT64_C(4) << 30;
static const uint64_t low_tail = 256 << 20; /* what firmware keeps of the memory below the hole */

struct entry {
	uint64_t start, size;
	uint32_t kind;
};

/* A map, as far as it matters here. */
struct map {
	uint64_t low_end; /* of memory below 4 GiB */
	uint64_t high;    /* bytes of memory from 4 GiB on */
};

/* Little-endian, as the guest is. False: this is none. */
static bool entry_read(const uint8_t *at, struct entry *entry)
{
	uint64_t words[2];
	uint32_t kind;

	memcpy(words, at, sizeof(words));
	memcpy(&kind, at + sizeof(words), sizeof(kind));
	*entry = (struct entry){le64toh(words[0]), le64toh(words[1]), le32toh(kind)};
	return entry->size && entry->start <= UINT64_MAX - entry->size && entry->kind &&
	       entry->kind <= KIND_LAST;
}

/* The entries in front of the one at `at`, backwards: they must come down to the first megabyte. */
static bool read_low(const uint8_t *bytes, size_t at, struct map *map)
{
	uint64_t next = four_gib;
	struct entry entry;
	bool bottom = false;

	for (unsigned i = 0; i < ENTRIES_MAX && at >= ENTRY; i++) {
		at -= ENTRY;
		if (!entry_read(bytes + at, &entry) || entry.start + entry.size > next)
			break;
		next = entry.start;
		if (entry.kind != KIND_MEMORY)
			continue;
		if (!map->low_end)
			map->low_end = entry.start + entry.size;
		bottom |= entry.start < 0x10000 && entry.size <= 0x100000;
	}
	return bottom && map->low_end > 0x100000;
}

/* Memory in one piece from 4 GiB on, and none behind a further hole. */
static bool read_high(const uint8_t *bytes, size_t len, size_t at, struct map *map)
{
	uint64_t end = four_gib;
	struct entry entry;

	for (unsigned i = 0; i < ENTRIES_MAX && len - at >= ENTRY; i++, at += ENTRY) {
		if (!entry_read(bytes + at, &entry) || entry.start < end)
			break;
		if (entry.kind == KIND_MEMORY && entry.start != four_gib + map->high)
			return false;
		if (entry.kind == KIND_MEMORY)
			map->high += entry.size;
		end = entry.start + entry.size;
	}
	return map->high;
}

/* The next map that has memory at 4 GiB, from *at on. */
static bool map_next(const uint8_t *bytes, size_t len, size_t *at, struct map *map)
{
	static const uint32_t high = 1, memory = KIND_MEMORY;

	for (; len - *at >= ENTRY; *at += 4) {
		uint32_t word[5];
		memcpy(word, bytes + *at, sizeof(word));
		if (word[0] || le32toh(word[1]) != high || le32toh(word[4]) != memory)
			continue;
		*map = (struct map){0};
		if (read_low(bytes, *at, map) && read_high(bytes, len, *at, map))
			return true;
	}
	return false;
}

/* Is the file as long as all memory without the hole? */
static bool is_squeezed(const struct map *map, uint64_t size, struct vmi_layout layout[])
{
	if (size <= map->high)
		return false;
	uint64_t low = size - map->high;
	if (low < map->low_end || low - map->low_end > low_tail || low >= four_gib)
		return false;
	layout[0] = (struct vmi_layout){.gpa = 0, .size = low, .offset = 0};
	layout[1] = (struct vmi_layout){.gpa = four_gib, .size = map->high, .offset = low};
	return true;
}

/* All maps in a stretch of bytes. */
static bool look(const uint8_t *bytes, size_t len, uint64_t size, struct vmi_layout layout[])
{
	struct map map;

	/* More maps than any machine has are a trap, in which half the time would be spent. */
	for (size_t at = 0, n = 0; n < MAPS_MAX && map_next(bytes, len, &at, &map); at += 4, n++)
		if (is_squeezed(&map, size, layout))
			return true;
	return false;
}

/* Look at the run, or as much of it as lies in memory in one piece; how much that was. */
static uint64_t look_run(struct vmi *vm, const struct vmi_run *run, uint64_t size,
			 struct vmi_layout layout[], bool *found)
{
	uint64_t len = run->size < BYTES_MAX ? run->size : BYTES_MAX;
	struct vmi_page page;

	if (run->kind == VMI_RUN_ZERO)
		return run->size;
	if (vmi_page_get(vm, run->gpa >> VMI_PAGE_SHIFT, &page, NULL))
		return len < VMI_PAGE_SIZE ? len : VMI_PAGE_SIZE;
	if (len > page.extent)
		len = page.extent;
	*found = !page.known && look(page.data, (size_t)len, size, layout);
	vmi_page_put(vm, &page);
	return len;
}

enum vmi_status vmi_layout_guess(struct vmi *vm, struct vmi_layout layout[VMI_LAYOUT_MAX],
				 struct vmi_error *err)
{
	uint64_t size = vm->target->info.memory_bytes;
	struct vmi_run run;
	bool found = false;
	vmi_gpa at = 0;

	/* A layout was given, or the format has one; or there is no memory to be above the hole. */
	if (!vm->target->ops->flat || size <= four_gib / 2 ||
	    vm->target->info.max_gfn + 1 != (size + VMI_PAGE_SIZE - 1) >> VMI_PAGE_SHIFT)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "this is not flat memory of over 2 GiB");
	while (!found && at < size && !vmi_run_next(vm, at, &run, NULL)) {
		if (run.kind != VMI_RUN_ZERO && run.gpa >= BYTES_MAX)
			break;
		at = run.gpa + look_run(vm, &run, size, layout, &found);
	}
	return found ? VMI_OK
		     : vmi_fail(err, VMI_ERR_NOT_FOUND,
				"there is no map of memory that says that a hole is missing");
}
