/* SPDX-License-Identifier: MIT */
#ifndef TEST_BACKWARDS_H
#define TEST_BACKWARDS_H

#include <stdlib.h>

#include "check.h"
#include "tables.h"

/**
 * What a test of reading begins with: pages of memory that are mapped backwards, so that no two
 * neighbours of the space are neighbours in memory, with a hole behind them; and the first page of
 * memory again, at the end of each half of the space.
 */
enum { TABLES = 0x100000, MEMORY = 0x10000, BASE = 0x7000 /* gva of the first page */ };

struct setting {
	struct fake *fake;
	struct vmi *vm;
	struct tables tables;
};

/* The caller fills the memory and opens s->vm. */
static inline struct setting *setting_begin(unsigned pages)
{
	struct setting *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->fake = fake_create();
	s->fake->pages = FAKE_COPIED;
	fake_memory(s->fake, MEMORY, pages);
	tables_init(&s->tables, s->fake, VMI_MODE_4LEVEL, TABLES, 16);
	for (unsigned i = 0; i < pages; i++)
		tables_set(&s->tables, BASE + i * 0x1000, 1,
			   (MEMORY + (pages - 1 - i) * 0x1000) | P);
	tables_set(&s->tables, -BIT(12), 1, MEMORY | P);
	tables_set(&s->tables, BIT(47) - BIT(12), 1, MEMORY | P);
	return s;
}

static inline int setting_end(void **state)
{
	struct setting *s = *state;

	vmi_close(s->vm);
	fake_destroy(s->fake);
	free(s);
	return 0;
}

#endif
