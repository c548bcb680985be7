/* SPDX-License-Identifier: MIT */
/* The course of events. */

#include "guest.h"

/* Two gates of the interrupt table are enough: general protection and page fault. */
static struct {
	uint16_t offset_low, selector, kind, offset_middle;
#if LONG
	uint32_t offset_high, zero;
#endif
} gates[15];

static void faults_catch(void)
{
	static struct {
		uint16_t unaligned[3];
		uint16_t limit;
		uintptr_t base;
	} table __attribute__((aligned(8)));
	uint8_t *const handler[] = {faulted_gp, faulted_pf};

	for (unsigned i = 0; i < 2; i++) {
		uintptr_t at = (uintptr_t)handler[i];

		gates[13 + i].offset_low = (uint16_t)at;
		gates[13 + i].offset_middle = (uint16_t)(at >> 16);
		gates[13 + i].selector = LONG ? 0x18 : 0x08;
		gates[13 + i].kind = 0x8e00;
	}
	table.limit = sizeof(gates) - 1;
	table.base = (uintptr_t)gates;
	__asm__ volatile("lidt %0" : : "m"(table.limit), "m"(table.base));
}

/* Copy a program to where a CPU in real mode can start. Its last byte says that it runs. */
static volatile uint8_t *low_copy(uint32_t to, const uint8_t *from, const uint8_t *end)
{
	volatile uint8_t *byte = (volatile uint8_t *)(uintptr_t)to;

	while (from < end)
		*byte++ = *from++;
	return byte - 1;
}

/* INIT and start-up: the second CPU comes to us and waits, the third stays in real mode. */
static void others_start(void)
{
	enum { SECOND_AT = 0x8000, THIRD_AT = 0x9000 };
	volatile uint32_t *apic = (volatile uint32_t *)(uintptr_t)0xfee00000;
	volatile uint8_t *third_alive;

	low_copy(SECOND_AT, trampoline, trampoline_end);
	third_alive = low_copy(THIRD_AT, third, third_end);
	apic[0x300 / 4] = 0xc4500;
	do {
		for (volatile unsigned i = 0; i < 1000000; i++)
			;
		apic[0x310 / 4] = 1u << 24;
		apic[0x300 / 4] = 0x4600 | SECOND_AT >> 12;
		apic[0x310 / 4] = 2u << 24;
		apic[0x300 / 4] = 0x4600 | THIRD_AT >> 12;
	} while (!second_alive || !*third_alive);
}

/* The only register of QEMU's note that its monitor does not show. */
static void kernel_gs_base_set(void)
{
#if LONG
	__asm__ volatile("wrmsr" : : "c"(0xc0000102), "a"(0x55556666), "d"(0x77));
	report_begin("kernel_gs_base");
	report_hex("value", UINT64_C(0x7755556666));
	report_end();
#endif
}

void guest_main(void)
{
	static struct space first, second;

	report_begin("start");
	report_number("levels", LEVELS);
	report_hex("saved", SAVED);
	report_hex("saved_size", SAVED_SIZE);
	report_hex("pattern", PATTERN);
	report_end();
	pool_clear();
	faults_catch();
	others_start();

	first = space_make();
	second = space_make();
	if (LEVELS == 2)
		second.cr4 &= ~UINT32_C(0x10); /* CR4.PSE */
	layout_first(&first);
	layout_second(&second, &first);

	space_load(&second);
	text_second(&second);
	probe(&second);
	space_load(&first);
	text_first(&first);
	probe(&first);

	second_cr4 = second.cr4;
	second_root = (uint32_t)second.root;
	while (!second_done)
		;
	kernel_gs_base_set();
	report_begin("ready");
	report_end();
	answer(&first);
	answer(&second);
	space_load(&first);
	report_begin("done");
	report_end();
	finish();
}
