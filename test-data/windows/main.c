/* SPDX-License-Identifier: MIT */
/*
 * A guest that looks to QEMU's `dump-guest-memory -w` as a 64-bit Windows does: it leaves a dump
 * header where QEMU looks for one (the vmcoreinfo device), and has in memory what that leads to:
 * tables, a KDBG block, two processors' blocks with room for their contexts. All else that it has
 * is 128 KiB from 1 MiB on, whose words say where they are.
 */
#include <stddef.h>
#include <stdint.h>

enum {
	PAGE = 4096,
	MEMORY = 0x100000,
	PAGES = 32,
	POOL = 0x110000, /* one page each: */
	PML4 = POOL,
	LOW_PDPT = POOL + 1 * PAGE,
	PDPT = POOL + 2 * PAGE,
	PD = POOL + 3 * PAGE,
	PT = POOL + 4 * PAGE,
	NOTE = POOL + 5 * PAGE, /* three pages */
	BLOCK = POOL + 8 * PAGE,
	PRCB = POOL + 9 * PAGE,     /* one for each CPU */
	CONTEXT = POOL + 11 * PAGE, /* two in a page */
	FREE = POOL + 12 * PAGE,
	KDBG = FREE - 0x200, /* crosses into the page behind it */

	CPUS = 2,
	OFFSET_SPECIAL = 0x40,
	OFFSET_CONTEXT = 0x5d8,
	TRAMPOLINE = 0x8000,
};
#define BASE 0xfffff80123400000ull /* where MEMORY is mapped */

void finish(uint64_t root, const uint64_t *names) __attribute__((noreturn));
void guest_main(void);
extern const uint8_t trampoline[], trampoline_end[];
uint32_t second_root;
volatile uint32_t second_alive;
uint64_t second_names[16];
static uint64_t first_names[16];

/* ---- the machine ------------------------------------------------------------------------------
 */

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void set(uint64_t at, uint64_t value)
{
	*(volatile uint64_t *)at = value;
}

static void set32(uint64_t at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

static void set16(uint64_t at, uint16_t value)
{
	*(volatile uint16_t *)at = value;
}

static void stop_with(const char *why)
{
	while (*why)
		out8(0x3f8, (uint8_t)*why++);
	for (;;)
		__asm__ volatile("hlt");
}

/* ---- fw_cfg (QEMU's docs/specs/fw_cfg) --------------------------------------------------------
 */

static uint32_t config_u32(void)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | in8(0x511);
	return value;
}

static uint16_t config_find(const char *name)
{
	out16(0x510, 0x19);
	for (uint32_t count = config_u32(); count--;) {
		config_u32();
		uint16_t key = (uint16_t)(config_u32() >> 16);
		int same = 1;
		for (int i = 0, end = 0; i < 56; i++) {
			uint8_t c = in8(0x511);
			if (!end && c != (uint8_t)name[i])
				same = 0;
			end |= !c;
		}
		if (same)
			return key;
	}
	stop_with("no vmcoreinfo device\n");
	return 0;
}

static void config_write(uint16_t key, const void *bytes, uint32_t size)
{
	static volatile struct {
		uint32_t control, length;
		uint64_t address;
	} access __attribute__((aligned(16)));

	access.length = __builtin_bswap32(size);
	access.address = __builtin_bswap64((uint64_t)(uintptr_t)bytes);
	access.control = __builtin_bswap32((uint32_t)key << 16 | 8 | 16); /* select, write */
	out32(0x514, 0);
	out32(0x518, __builtin_bswap32((uint32_t)(uintptr_t)&access));
	while (access.control)
		if (access.control & __builtin_bswap32(1))
			stop_with("fw_cfg refuses\n");
}

/* ---- what Windows would have ------------------------------------------------------------------
 */

static void tables(void)
{
	for (uint64_t at = PML4; at < NOTE; at += 8)
		set(at, 0);
	set(PML4, LOW_PDPT | 3);
	set(LOW_PDPT, 0x83);
	set(PML4 + 8 * (BASE >> 39 & 511), PDPT | 3);
	set(PDPT + 8 * (BASE >> 30 & 511), PD | 3);
	set(PD + 8 * (BASE >> 21 & 511), PT | 3);
	set(PD + 8 * ((BASE >> 21 & 511) + 1), 0x83); /* the first 2 MiB, by a large page */
	for (uint64_t i = 0; i < PAGES; i++)
		set(PT + 8 * i, (MEMORY + i * PAGE) | 3);
}

static uint64_t virtual(uint64_t gpa)
{
	return BASE + (gpa - MEMORY);
}

/* KSPECIAL_REGISTERS of this CPU, as its instructions give them. */
static void special(uint64_t at, const uint64_t *msrs)
{
	uint64_t cr0, cr2, cr4, cr8;

	__asm__("mov %%cr0, %0" : "=r"(cr0));
	__asm__("mov %%cr2, %0" : "=r"(cr2));
	__asm__("mov %%cr4, %0" : "=r"(cr4));
	__asm__("mov %%cr8, %0" : "=r"(cr8));
	set(at, cr0);
	set(at + 8, cr2);
	set(at + 0x10, PML4);
	set(at + 0x18, cr4);
	__asm__ volatile("sgdt (%0)" : : "r"(at + 0x56) : "memory");
	__asm__ volatile("sidt (%0)" : : "r"(at + 0x66) : "memory");
	set16(at + 0x70, 0);
	set16(at + 0x72, 0);
	set(at + 0xa0, cr8);
	for (int i = 0; i < 6; i++)
		set(at + 0xa8 + 8 * (unsigned)i, msrs[i]);
}

static void kernel(void)
{
	static const uint32_t numbers[] = {0xc0000101, 0xc0000102, 0xc0000081,
					   0xc0000082, 0xc0000083, 0xc0000084};
	static const uint64_t msrs[] = {BASE + 0x9000, 0x7ffde000,   0x0023001000000000,
					BASE + 0x100,  BASE + 0x200, 0x4700};

	for (int i = 0; i < 6; i++)
		msr_write(numbers[i], msrs[i]);
	for (uint64_t at = NOTE; at < FREE; at += 8)
		set(at, 0);
	set32(KDBG + 0x10, 0x4742444b); /* "KDBG" */
	set32(KDBG + 0x14, 0x380);
	set(KDBG + 0x88, virtual(BLOCK + 0x100)); /* KiBugcheckData: five words */
	set(KDBG + 0xc0, virtual(BLOCK + 0x200)); /* MmPfnDatabase */
	set(KDBG + 0x218, virtual(BLOCK));
	set16(KDBG + 0x2f2, OFFSET_SPECIAL);
	set16(KDBG + 0x338, OFFSET_CONTEXT);
	set(BLOCK + 0x100, 0xe2); /* MANUALLY_INITIATED_CRASH */
	for (uint64_t cpu = 0; cpu < CPUS; cpu++) {
		set(BLOCK + 8 * cpu, virtual(PRCB + cpu * PAGE));
		set(PRCB + cpu * PAGE + OFFSET_CONTEXT, virtual(CONTEXT + cpu * PAGE / 2));
	}
	special(PRCB + OFFSET_SPECIAL, msrs);
}

static void header(void)
{
	const uint64_t note = NOTE, at = NOTE + 24;
	struct {
		uint16_t host, guest;
		uint32_t size;
		uint64_t address;
	} where = {0, 1, 24 + 0x2000, note};

	for (uint64_t i = 0; i < 0x2000; i += 4)
		set32(at + i, 0x45474150); /* "PAGE" */
	set32(note, 11);
	set32(note + 4, 0x2000);
	set32(note + 8, 0);
	for (unsigned i = 0; i < 12; i++)
		((volatile char *)note)[12 + i] = "VMCOREINFO\0"[i];
	set32(at + 4, 0x34365544); /* "DU64" */
	set32(at + 8, 15);
	set32(at + 0xc, 19041);
	set(at + 0x10, PML4);
	set32(at + 0x30, 0x8664);
	set32(at + 0x34, CPUS);
	set32(at + 0x38, 0);
	set(at + 0x80, virtual(KDBG));
	set32(at + 0x88, 1);
	set(at + 0x90, PAGES);
	set(at + 0x98, MEMORY / PAGE);
	set(at + 0xa0, PAGES);
	set32(at + 0xf98, 1);
	set(at + 0xfa0, 0x2000 + PAGES * PAGE);
	config_write(config_find("etc/vmcoreinfo"), &where, sizeof(where));
}

/* -----------------------------------------------------------------------------------------------
 */

static void names(uint64_t *to, char cpu)
{
	/* in the order in which finish() takes them */
	static const char text[16][4] = {"ax", "cx", "dx", "bx", "bp", "si", "di", "8",
					 "9",  "10", "11", "12", "13", "14", "15", "sp"};

	for (int i = 0; i < 16; i++) {
		uint64_t value = 'r' | (uint64_t)(uint8_t)cpu << 56;
		for (int k = 0; text[i][k]; k++)
			value |= (uint64_t)(uint8_t)text[i][k] << (8 * k + 8);
		to[i] = value;
	}
}

/* SDM vol. 3A 10.4.4.1: INIT, then start-up with the page to begin at. */
static void second_start(void)
{
	volatile uint32_t *command = (volatile uint32_t *)0xfee00300;

	for (size_t i = 0; i < (size_t)(trampoline_end - trampoline); i++)
		((volatile uint8_t *)TRAMPOLINE)[i] = trampoline[i];
	second_root = PML4;
	*command = 0x000c4500;
	for (volatile int i = 0; i < 1000000; i++)
		;
	*command = 0x000c4600 | TRAMPOLINE / PAGE;
	while (!second_alive)
		__asm__ volatile("pause");
}

void guest_main(void)
{
	for (uint64_t at = POOL; at < MEMORY + PAGES * PAGE; at += 4)
		set32(at, (uint32_t)at * 0x9e3779b1);
	tables();
	kernel();
	header();
	names(first_names, '0');
	names(second_names, '1');
	second_start();
	finish(PML4, first_names);
}
