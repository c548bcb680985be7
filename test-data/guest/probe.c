/* SPDX-License-Identifier: MIT */
/* What the CPU makes of each place: the only judge whose word counts. */

#include "guest.h"

#define CR4_SMAP ((uintptr_t)1 << 21)

static uint8_t byte_at(uintptr_t va)
{
	return *(volatile uint8_t *)va;
}

static void smap(uintptr_t set, uintptr_t clear)
{
	uintptr_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 = (cr4 | set) & ~clear;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

/*
 * SMAP turns reads of user pages into faults (SDM vol. 3A 4.6): that shows whose a page is without
 * ever leaving supervisor mode. A page is run only if it ends with a RET.
 */
static void probe_va(uintptr_t va)
{
	smap(0, CR4_SMAP);
	uint32_t fault = attempt_read(va);
	report_hex("fault", fault);
	if (fault)
		return;
	report_number("writable", !attempt_write(va));
	if (byte_at(va | (PAGE - 1)) == RET)
		report_number("executable", !attempt_run(va | (PAGE - 1)));
	smap(CR4_SMAP, 0);
	report_number("user", attempt_read(va) != 0);
	smap(0, CR4_SMAP);
}

void probe(const struct space *space)
{
	static const char *const outcomes[] = {
		"ok", "not-present", "not-canonical", "reserved-bits", "not-saved", "wide-address",
	};

	for (unsigned i = 0; i < place_count(); i++) {
		const struct place *place = place_at(i);

		if (place->space != space)
			continue;
		report_begin("place");
		report_hex("space", space->root);
		report_hex("va", place->va);
		report_hex("pa", place->pa);
		report_number("level", place->level);
		report_number("rights", place->rights);
		report_word("outcome", outcomes[place->outcome]);
		report_word("why", place->why);
		probe_va(place->va);
		report_end();
	}
}

static char receive(void)
{
	while (!(port_in(0x3fd) & 1))
		;
	return (char)port_in(0x3f8);
}

/* Each line is an address in hexadecimal; an empty one is the last. */
void answer(const struct space *space)
{
	space_load(space);
	for (;;) {
		uintptr_t va = 0;
		unsigned digits = 0;

		for (char c; (c = receive()) != '\n'; digits++)
			va = va << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
		if (!digits)
			return;
		report_begin("answer");
		report_hex("space", space->root);
		report_hex("va", va);
		probe_va(va);
		report_end();
	}
}
