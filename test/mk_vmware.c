/* SPDX-License-Identifier: MIT */
/*
 * VMware states in memory, from a description. Written from public descriptions of the format,
 * apart from the reader. Little-endian hosts only, as the tests are.
 */

#include <string.h>

#include "mk_elf.h"
#include "mk_stream.h"
#include "mk_vmware.h"

enum { PAGE = 4096, BLOCK = 63, COMPRESSED = 62 };

uint64_t mk_vmware_value(const char *name, unsigned cpu)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 7 && name[i]; i++)
		value |= (uint64_t)(uint8_t)name[i] << (8 * i);
	return value | (uint64_t)(cpu + 1) << 56;
}

/* ---- tags -------------------------------------------------------------------------------------
 */

static void tag(struct mk_stream *file, const char *name, unsigned size, unsigned indices,
		uint64_t a, uint64_t b)
{
	mk_le(file, indices << 6 | size, 1);
	mk_name(file, name);
	if (indices > 0)
		mk_le(file, a, 4);
	if (indices > 1)
		mk_le(file, b, 4);
}

static void number(struct mk_stream *file, const char *name, unsigned size, unsigned indices,
		   uint64_t a, uint64_t b, uint64_t value)
{
	tag(file, name, size, indices, a, b);
	mk_le(file, value, size);
}

/* The bytes of the block follow. */
static void block(struct mk_stream *file, const struct mk_vmware *w, const char *name,
		  unsigned indices, uint64_t a, uint64_t size)
{
	size_t width = w->magic == 0xbed0bed0 ? 4 : 8;

	tag(file, name, w->compressed && indices == 2 ? COMPRESSED : BLOCK, indices, a, 0);
	mk_le(file, size, width);
	mk_le(file, size, width);
	mk_le(file, w->pad, 2);
	mk_fill(file, 0xee, w->pad);
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static void add_pages(struct mk_stream *file, uint64_t gfn, uint64_t count)
{
	for (uint64_t gpa = gfn * PAGE; count--; gpa += PAGE) {
		uint8_t *to = mk_grow(file, PAGE);
		for (unsigned i = 0; i < PAGE; i++)
			to[i] = mk_byte(gpa + i, 0);
	}
}

static void add_memory(struct mk_stream *file, const struct mk_vmware *w)
{
	if (!w->region[0].count)
		add_pages(file, 0, w->pages);
	for (unsigned i = 0; i < 4; i++)
		add_pages(file, w->region[i].gfn, w->region[i].count);
}

static uint64_t memory_pages(const struct mk_vmware *w)
{
	uint64_t pages = w->region[0].count ? 0 : w->pages;

	for (unsigned i = 0; i < 4; i++)
		pages += w->region[i].count;
	return pages;
}

static void add_memory_group(struct mk_stream *file, const struct mk_vmware *w)
{
	uint32_t count = 0;

	number(file, "align_mask", 4, 1, 0, 0, 0xfffff);
	while (count < 4 && w->region[count].count)
		count++;
	if (count || w->claim_regions)
		number(file, "regionsCount", 4, 0, 0, 0,
		       w->claim_regions ? w->claim_regions : count);
	for (unsigned i = 0; i < count; i++) {
		number(file, "regionPageNum", 4, 1, i, 0, w->region[i].page);
		number(file, "regionPPN", 4, 1, i, 0, w->region[i].gfn);
		number(file, "regionSize", 4, 1, i, 0, w->region[i].count);
	}
	if (w->inside) {
		block(file, w, "Memory", 2, 0, memory_pages(w) * PAGE);
		add_memory(file, w);
	}
	mk_le(file, 0, 2);
}

/* ---- CPUs -------------------------------------------------------------------------------------
 */

static const char *const general[] = {"rax", "rcx", "rdx", "rbx", "rbp", "rsp", "rsi", "rdi",
				      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static void add_blocks(struct mk_stream *file, const struct mk_vmware *w, unsigned cpu,
		       unsigned index)
{
	block(file, w, "gpregs", 1, index, 128);
	for (unsigned i = 0; i < 16; i++)
		mk_le(file, mk_vmware_value(general[i], cpu), 8);
	block(file, w, "CR64", 1, index, 72);
	for (unsigned i = 0; i < 9; i++) {
		char name[] = {'c', 'r', (char)('0' + i), 0};
		mk_le(file, mk_vmware_value(name, cpu), 8);
	}
	block(file, w, "IDTR", 1, index, 10);
	mk_le(file, 0xfff, 2);
	mk_le(file, mk_vmware_value("idtr", cpu), 8);
}

static void add_numbers(struct mk_stream *file, const struct mk_vmware *w, unsigned cpu,
			unsigned index)
{
	static const char *const narrow[] = {"eax", "ecx", "edx", "ebx",
					     "ebp", "esp", "esi", "edi"};
	uint64_t idtr = mk_vmware_value("idtr", cpu);

	for (unsigned i = 0; i < (w->wide ? 16 : 8); i++)
		number(file, w->wide ? general[i] : narrow[i], w->wide ? 8 : 4, 1, index, 0,
		       mk_vmware_value(general[i], cpu));
	/* Both forms side by side, the narrow one last: it must not win. */
	for (unsigned i = 0; i < 5; i++) {
		char name[] = {'c', 'r', (char)('0' + i), 0};
		if (w->wide)
			number(file, "CR64", 8, 2, index, i, mk_vmware_value(name, cpu));
		number(file, "CR", 4, 2, index, i, mk_vmware_value(name, cpu));
	}
	number(file, "IDTR", 4, 2, index, 0, 0xfff);
	number(file, "IDTR", 4, 2, index, 1, idtr & 0xffffffff);
	number(file, "IDTR", 4, 2, index, 2, idtr >> 32);
}

static void add_cpu_group(struct mk_stream *file, const struct mk_vmware *w)
{
	number(file, "cpu:numVCPUs", 4, 0, 0, 0, w->cpus);
	for (unsigned cpu = 0; cpu < w->cpus; cpu++) {
		unsigned index = cpu + w->cpu;
		number(file, "apicTimer", 8, 1, index, 0, 77);
		if (w->blocks)
			add_blocks(file, w, cpu, index);
		else
			add_numbers(file, w, cpu, index);
		if (w->wide)
			number(file, "rip", 8, 1, index, 0, mk_vmware_value("rip", cpu));
		else
			number(file, "eip", 4, 1, index, 0, mk_vmware_value("rip", cpu));
		number(file, "eflags", 4, 1, index, 0, 0x246);
		for (unsigned i = 0; i < 8; i++) {
			number(file, "S", 4, 2, index, i, 0x10 + 8 * i);
			number(file, "S.base64", 8, 2, index, i, 0x1000 * i);
		}
	}
	if (!w->no_end)
		mk_le(file, 0, 2);
}

/* -----------------------------------------------------------------------------------------------
 */

static void set_group(struct mk_stream *file, unsigned index, const char *name, size_t from)
{
	uint8_t *at = file->bytes + 12 + 80 * index;
	uint64_t position = from, size = file->size - from;

	memcpy(at, name, strlen(name));
	memcpy(at + 64, &position, 8);
	memcpy(at + 72, &size, 8);
}

uint8_t *mk_vmware(const struct mk_vmware *w, size_t *size)
{
	struct mk_stream file = {0};
	unsigned groups = w->cpus ? 3 : 2;

	mk_le(&file, w->magic ? w->magic : 0xbed2bed2, 4);
	mk_le(&file, 8, 4);
	mk_le(&file, w->groups ? w->groups : groups, 4);
	mk_grow(&file, 80 * (size_t)groups);
	size_t from = file.size;
	number(&file, "version", 4, 0, 0, 0, 1);
	mk_le(&file, 0, 2);
	set_group(&file, 0, "Checkpoint", from);
	from = file.size;
	add_memory_group(&file, w);
	set_group(&file, 1, "memory", from);
	if (w->cpus) {
		from = file.size;
		add_cpu_group(&file, w);
		set_group(&file, 2, "cpu", from);
	}
	*size = file.size > w->cut ? file.size - w->cut : 0;
	return file.bytes;
}

uint8_t *mk_vmem(const struct mk_vmware *w, size_t *size)
{
	struct mk_stream file = {0};

	add_memory(&file, w);
	*size = file.size > w->cut ? file.size - w->cut : 0;
	return file.bytes;
}
