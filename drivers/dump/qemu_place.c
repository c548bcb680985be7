/* SPDX-License-Identifier: MIT */
/* Where QEMU's machines have their blocks of RAM in guest-physical memory. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_blocks.h"

#define GiB (UINT64_C(1) << 30)

/*
 * Memory of a size from `split_from` on goes on at 4 GiB when `low` of it are placed; a smaller one
 * is in one piece (hw/i386/pc_piix.c, pc_q35.c, microvm.c). The first that fits the name counts.
 */
static const struct layout {
	const char *prefix;
	uint64_t split_from, low;
} layouts[] = {
	{"pc-i440fx-0.", 0xe0000000, 0xe0000000}, {"pc-i440fx-1.", 0xe0000000, 0xe0000000},
	{"pc-0.", 0xe0000000, 0xe0000000},        {"pc-1.", 0xe0000000, 0xe0000000},
	{"pc-q35-1.", 0xb0000000, 0xb0000000},    {"pc-q35-", 0xb0000000, 0x80000000},
	{"pc-i440fx-", 0xe0000000, 0xc0000000},   {"isapc", 0xe0000000, 0xc0000000},
	{"microvm", 0xc0000000, 0xc0000000},
};

static const struct layout *layout_find(const char *machine)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (!strncmp(machine, layouts[i].prefix, strlen(layouts[i].prefix)))
			return &layouts[i];
	return NULL;
}

/* Names of backends come with or without the path to them. */
static const char *base_name(const struct ram_block *block)
{
	static const char path[] = "/objects/";

	return strncmp(block->name, path, strlen(path)) ? block->name : block->name + strlen(path);
}

/* "ram-node3" is 3; -1 is no such name. */
static long node_of(const struct ram_block *block)
{
	static const char node[] = "ram-node";
	const char *name = base_name(block);
	char *end;

	if (strncmp(name, node, strlen(node)) || name[strlen(node)] < '0' ||
	    name[strlen(node)] > '9')
		return -1;
	long number = strtol(name + strlen(node), &end, 10);
	return *end || number >= RAM_BLOCKS_MAX ? -1 : number;
}

static bool is_main(const struct ram_block *block)
{
	const char *name = base_name(block);

	return !strcmp(name, "pc.ram") || !strcmp(name, "microvm.ram");
}

/*
 * Not guest-physical memory, or not to be seen there: files of the firmware's configuration device;
 * the ROM at 0xc0000, in front of which firmware turns on the RAM that it copies it to.
 */
static bool is_unmapped(const struct ram_block *block)
{
	return !strncmp(block->name, "/rom@", 5) || !strcmp(block->name, "pc.rom");
}

/* ---- windows -------------------------------------------------------------------------------- */

/* While placing. There is room for two windows a block. */
struct placing {
	struct ram_blocks *blocks;
	const struct layout *layout; /* NULL: unknown, all in one piece */
	uint64_t ram, placed;        /* bytes of main memory: in all, so far */
	char left_out[256];          /* names */
	unsigned left_out_count;
};

static void place_at(struct placing *p, uint32_t block, vmi_gpa gpa, uint64_t offset, uint64_t size)
{
	if (size)
		p->blocks->window[p->blocks->window_count++] = (struct ram_window){
			.gpa = gpa, .size = size, .block = block, .offset = offset};
}

/* The next piece of main memory, below the hole or behind it. */
static void place_ram(struct placing *p, uint32_t block)
{
	uint64_t size = p->blocks->list[block].size, low = p->ram, below = 0;

	if (p->layout && p->ram >= p->layout->split_from)
		low = p->layout->low;
	if (p->placed < low)
		below = size < low - p->placed ? size : low - p->placed;
	place_at(p, block, p->placed, 0, below);
	place_at(p, block, 4 * GiB + (p->placed + below - low), below, size - below);
	p->placed += size;
}

/* All blocks of main memory in their order: one, or a node's after another. */
static void place_main(struct placing *p)
{
	const struct ram_blocks *blocks = p->blocks;
	bool nodes = true;

	for (uint32_t i = 0; i < blocks->count; i++)
		nodes &= !is_main(&blocks->list[i]);
	for (uint32_t i = 0; i < blocks->count; i++)
		if (nodes ? node_of(&blocks->list[i]) >= 0 : is_main(&blocks->list[i]))
			p->ram += blocks->list[i].size;
	for (uint32_t i = 0; !nodes && i < blocks->count; i++)
		if (is_main(&blocks->list[i]))
			place_ram(p, i);
	for (long node = 0; nodes && p->placed < p->ram && node < RAM_BLOCKS_MAX; node++)
		for (uint32_t i = 0; i < blocks->count; i++)
			if (node_of(&blocks->list[i]) == node)
				place_ram(p, i);
}

/* A memory backend may be called anything: then the largest block is the guest's memory. */
static void place_largest(struct placing *p, const struct vmi_target *target)
{
	const struct ram_blocks *blocks = p->blocks;
	uint32_t largest = 0;

	for (uint32_t i = 1; i < blocks->count; i++)
		if (blocks->list[i].size > blocks->list[largest].size)
			largest = i;
	target->warn(target,
		     "no block of RAM has a name of main memory; it is taken to be the largest, %s",
		     blocks->list[largest].name);
	p->ram = blocks->list[largest].size;
	place_ram(p, largest);
}

static bool is_placed(const struct ram_blocks *blocks, uint32_t block)
{
	for (size_t i = 0; i < blocks->window_count; i++)
		if (blocks->window[i].block == block)
			return true;
	return false;
}

/* Firmware ends at 4 GiB, the second flash below the first. */
static void place_firmware(struct placing *p)
{
	static const char *const names[] = {"pc.bios", "system.flash0", "system.flash1"};
	uint64_t end = 4 * GiB;

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
		for (uint32_t i = 0; i < p->blocks->count; i++) {
			uint64_t size = p->blocks->list[i].size;
			if (strcmp(p->blocks->list[i].name, names[k]) || size > GiB / 4 ||
			    is_placed(p->blocks, i))
				continue;
			end -= size;
			place_at(p, i, end, 0, size);
		}
}

static int compare_gpa(const void *a, const void *b)
{
	vmi_gpa x = ((const struct ram_window *)a)->gpa, y = ((const struct ram_window *)b)->gpa;

	return (x > y) - (x < y);
}

static void warn_left_out(struct placing *p, const struct vmi_target *target)
{
	for (uint32_t i = 0; i < p->blocks->count; i++) {
		size_t len = strlen(p->left_out);
		if (is_placed(p->blocks, i) || is_unmapped(&p->blocks->list[i]))
			continue;
		if (p->left_out_count++ < 4)
			snprintf(p->left_out + len, sizeof(p->left_out) - len, "%s%s",
				 len ? ", " : "", p->blocks->list[i].name);
	}
	if (p->left_out_count)
		target->warn(
			target,
			"left out are %u blocks of RAM of which the stream does not tell where "
			"the guest has them: %s%s",
			p->left_out_count, p->left_out, p->left_out_count > 4 ? ", ..." : "");
}

/* Sorted, and none in another: what a hostile list has more than once is taken once. */
static void sort_windows(struct ram_blocks *blocks)
{
	size_t kept = 0;

	qsort(blocks->window, blocks->window_count, sizeof(*blocks->window), compare_gpa);
	for (size_t i = 0; i < blocks->window_count; i++) {
		const struct ram_window *last = kept ? &blocks->window[kept - 1] : NULL;
		if (!last || last->gpa + last->size <= blocks->window[i].gpa)
			blocks->window[kept++] = blocks->window[i];
	}
	blocks->window_count = kept;
}

enum vmi_status ram_blocks_place(struct ram_blocks *blocks, const char *machine,
				 const struct vmi_target *target, struct vmi_error *err)
{
	struct placing p = {.blocks = blocks, .layout = layout_find(machine)};

	blocks->window = calloc(2 * (size_t)blocks->count + 1, sizeof(*blocks->window));
	if (!blocks->window)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory");
	if (!blocks->count)
		return VMI_OK;
	place_main(&p);
	if (!p.placed)
		place_largest(&p, target);
	if (!p.layout)
		target->warn(target,
			     "the machine is called '%s', which is not known: its memory is taken "
			     "to begin at gpa 0 and to have no hole%s",
			     machine, p.ram > 2 * GiB ? ", which is likely wrong" : "");
	place_firmware(&p);
	warn_left_out(&p, target);
	sort_windows(blocks);
	return VMI_OK;
}
