/* SPDX-License-Identifier: MIT */
/*
 * Windows crash dumps in memory, from a description. Written from public descriptions of the
 * format, apart from the reader. Little-endian hosts only, as the tests are.
 */

#include <stdlib.h>
#include <string.h>

#include "mk_elf.h"
#include "mk_stream.h"
#include "mk_windows.h"

enum { PAGE = 4096, HEADER = 2 * PAGE };

static void put(uint8_t *at, uint64_t value, size_t width)
{
	memcpy(at, &value, width);
}

uint64_t mk_windows_value(const char *name, unsigned cpu)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 7 && name[i]; i++)
		value |= (uint64_t)(uint8_t)name[i] << (8 * i);
	return value | (uint64_t)(cpu + 1) << 56;
}

/* ---- the guest's kernel -----------------------------------------------------------------------
 */

enum {
	PML4 = MK_WINDOWS_ROOT,
	PML5 = 0x14000,
	PDPT = 0x2000,
	PD = 0x3000,
	PT = 0x4000,
	KDBG = 0x5e00, /* crosses into the next page */
	BLOCKS = 0x7000,
	PRCB = 0x8000,    /* one page each */
	CONTEXT = 0xc000, /* half a page each */
	SPECIAL_IN_PRCB = 0x40,
	POINTER_IN_PRCB = 0x700,
};

static void mk_context(uint8_t *at, unsigned cpu, uint32_t flags)
{
	static const struct {
		const char *name;
		unsigned at;
	} words[] = {
		{"dr0", 0x48}, {"dr1", 0x50}, {"dr2", 0x58}, {"dr3", 0x60}, {"dr6", 0x68},
		{"dr7", 0x70}, {"rax", 0x78}, {"rcx", 0x80}, {"rdx", 0x88}, {"rbx", 0x90},
		{"rsp", 0x98}, {"rbp", 0xa0}, {"rsi", 0xa8}, {"rdi", 0xb0}, {"r8", 0xb8},
		{"r9", 0xc0},  {"r10", 0xc8}, {"r11", 0xd0}, {"r12", 0xd8}, {"r13", 0xe0},
		{"r14", 0xe8}, {"r15", 0xf0}, {"rip", 0xf8},
	};
	static const uint16_t selectors[] = {0x10, 0x2b, 0x2b,
					     0x53, 0x2b, 0x18}; /* cs ds es fs gs ss */

	memset(at, 0, 0x4d0);
	put(at + 0x30, flags ? flags : 0x10001f, 4);
	put(at + 0x34, 0x1f80, 4);
	for (unsigned i = 0; i < 6; i++)
		put(at + 0x38 + 2 * i, selectors[i], 2);
	put(at + 0x44, 0x246 + 0x1000 * cpu, 4);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		put(at + words[i].at, mk_windows_value(words[i].name, cpu), 8);
	put(at + 0x118, 0x1f80, 4);
}

static void mk_special(uint8_t *at, unsigned cpu, const struct mk_windows *w)
{
	static const char *const msrs[] = {"gsbase", "gsswap", "star", "lstar", "cstar", "mask"};

	put(at, 0x80050031, 8);
	put(at + 8, mk_windows_value("cr2", cpu), 8);
	put(at + 0x10, (w->five ? PML5 : PML4) | 2, 8); /* with a PCID */
	put(at + 0x18, w->five ? 0x1ef8 : 0xef8, 8);
	put(at + 0x56, 0x57, 2);
	put(at + 0x58, mk_windows_value("gdtr", cpu), 8);
	put(at + 0x66, 0xfff, 2);
	put(at + 0x68, mk_windows_value("idtr", cpu), 8);
	put(at + 0x70, 0x40, 2);
	put(at + 0x72, 0, 2);
	put(at + 0xa0, 15, 8);
	for (unsigned i = 0; i < 6; i++)
		put(at + 0xa8 + 8 * i, w->no_lstar ? 0 : mk_windows_value(msrs[i], cpu), 8);
}

/* The kernel's structures, as far as they are of the page at gpa: `memory` is all its pages. */
static void mk_kernel(uint8_t *memory, const struct mk_windows *w)
{
	uint64_t base = MK_WINDOWS_BASE;

	memset(memory + PML4, 0, 4 * PAGE);
	memset(memory + PML5, 0, PAGE);
	put(memory + PML5 + 8 * 511, PML4 | 3, 8);
	put(memory + PML4 + 8 * (base >> 39 & 511), PDPT | 3, 8);
	put(memory + PDPT + 8 * (base >> 30 & 511), PD | 3, 8);
	put(memory + PD, PT | 3, 8);
	/* The last page once more, by a large page of the next 2 MiB. */
	put(memory + PD + 8, 0x83, 8);
	for (uint64_t i = 0; i < MK_WINDOWS_PAGES; i++)
		put(memory + PT + 8 * i, i << 12 | 3, 8);

	memset(memory + KDBG, 0, 0x400);
	memcpy(memory + KDBG + 0x10, "KDBG", 4);
	put(memory + KDBG + 0x14, 0x380, 4);
	put(memory + KDBG + 0x218, base + BLOCKS, 8);
	put(memory + KDBG + 0x2f2, w->no_special ? 0 : SPECIAL_IN_PRCB, 2);
	put(memory + KDBG + 0x338, POINTER_IN_PRCB, 2);
	for (unsigned cpu = 0; cpu < w->processors && cpu < 4; cpu++) {
		uint8_t *prcb = memory + PRCB + cpu * PAGE;
		put(memory + BLOCKS + 8 * cpu, base + PRCB + cpu * PAGE, 8);
		mk_special(prcb + SPECIAL_IN_PRCB, cpu, w);
		put(prcb + POINTER_IN_PRCB, base + CONTEXT + cpu * PAGE / 2, 8);
		mk_context(memory + CONTEXT + cpu * PAGE / 2, cpu, 0);
	}
	for (unsigned i = 0; i < 0x340 && w->encoded; i++)
		memory[KDBG + i] ^= 0x5a;
}

/* ---- the file ---------------------------------------------------------------------------------
 */

static void add_pages(struct mk_stream *file, const struct mk_pages *pages, const uint8_t *kernel)
{
	for (uint64_t gfn = pages->first; gfn < pages->first + pages->count; gfn++) {
		uint8_t *to = mk_grow(file, PAGE);
		for (unsigned i = 0; i < PAGE; i++)
			to[i] = mk_byte(gfn * PAGE + i, 0);
		if (kernel && gfn < MK_WINDOWS_PAGES)
			memcpy(to, kernel + gfn * PAGE, PAGE);
	}
}

static void mk_header(uint8_t *h, const struct mk_windows *w)
{
	uint64_t pages = 0;
	uint32_t runs = 0;

	for (unsigned i = 0; i < HEADER; i += 4)
		memcpy(h + i, "PAGE", 4);
	memcpy(h + 4, "DU64", 4);
	put(h + 8, 15, 4);
	put(h + 0xc, 19041, 4);
	put(h + 0x10, (w->five ? PML5 : PML4) | 2, 8);
	put(h + 0x30, w->machine ? w->machine : 0x8664, 4);
	put(h + 0x34, w->processors, 4);
	put(h + 0x38, w->bugcheck, 4);
	put(h + (w->copied ? 0x40 : 0x80), MK_WINDOWS_BASE + KDBG, 8);
	for (; runs < 4 && w->runs[runs].count; runs++) {
		put(h + 0x98 + 16 * runs, w->runs[runs].first, 8);
		put(h + 0xa0 + 16 * runs, w->runs[runs].count, 8);
		pages += w->runs[runs].count;
	}
	if (runs || w->claim_runs)
		put(h + 0x88, w->claim_runs ? w->claim_runs : runs, 4);
	put(h + 0x90, w->claim_pages ? w->claim_pages : pages, 8);
	if (w->context)
		mk_context(h + 0x348, 0, w->context_flags);
	put(h + 0xf98, w->type, 4);
}

static void add_bitmap(struct mk_stream *file, const struct mk_windows *w, const uint8_t *kernel)
{
	uint64_t bits = w->bits, present = 0;

	for (unsigned i = 0; i < 8 && w->present[i].count; i++) {
		present += w->present[i].count;
		if (!w->bits && bits < w->present[i].first + w->present[i].count)
			bits = w->present[i].first + w->present[i].count;
	}
	uint64_t first = (HEADER + 0x38 + (bits + 7) / 8 + PAGE - 1) / PAGE * PAGE;
	uint8_t *head = mk_grow(file, first - HEADER);
	memcpy(head, w->type == 5 ? "FDMPDUMP" : "SDMPDUMP", 8);
	put(head + 0x20, w->first_page ? w->first_page : first, 8);
	put(head + 0x28, w->claim_pages ? w->claim_pages : present, 8);
	put(head + 0x30, w->claim_bits ? w->claim_bits : bits, 8);
	for (unsigned i = 0; i < 8; i++)
		for (uint64_t n = 0; n < w->present[i].count; n++) {
			uint64_t gfn = w->present[i].first + n;
			head[0x38 + gfn / 8] |= (uint8_t)(1 << gfn % 8);
		}
	for (unsigned i = 0; i < 8; i++)
		add_pages(file, &w->present[i], kernel);
}

static void add_ranges(struct mk_stream *file, const struct mk_windows *w, const uint8_t *kernel)
{
	enum { ROOM = 16 }; /* entries, some of them unused */
	uint64_t first = HEADER + 0x40 + 16 * ROOM - 0x20, pages = 0;
	uint32_t count = 0;
	uint8_t *head = mk_grow(file, first - HEADER);

	put(head, 0x40, 4);
	memcpy(head + 4, "RDMPDUMP", 8);
	put(head + 0x10, first - 0x2020, 8);
	put(head + 0x18, w->first_page ? w->first_page : first, 8);
	for (; count < 8 && w->present[count].count; count++) {
		put(head + 0x30 + 16 * count, w->present[count].first, 8);
		put(head + 0x38 + 16 * count, w->present[count].count, 8);
		pages += w->present[count].count;
	}
	if (w->type == 10) {
		put(head + 0x20, count, 4);
		put(head + 0x28, pages, 8);
	}
	for (unsigned i = 0; i < count; i++)
		add_pages(file, &w->present[i], kernel);
}

uint8_t *mk_windows(const struct mk_windows *w, size_t *size)
{
	struct mk_stream file = {0}, kernel = {0};

	if (w->kernel) {
		add_pages(&kernel, &(struct mk_pages){0, MK_WINDOWS_PAGES}, NULL);
		mk_kernel(kernel.bytes, w);
	}
	mk_header(mk_grow(&file, HEADER), w);
	if (w->type == 1)
		for (unsigned i = 0; i < 4; i++)
			add_pages(&file, &w->runs[i], kernel.bytes);
	else if (w->type == 2 || w->type == 5 || w->type == 6)
		add_bitmap(&file, w, kernel.bytes);
	else if (w->type >= 8 && w->type <= 10)
		add_ranges(&file, w, kernel.bytes);
	free(kernel.bytes);
	*size = file.size > w->cut ? file.size - w->cut : 0;
	return file.bytes;
}
