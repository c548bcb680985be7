/* SPDX-License-Identifier: MIT */
#ifndef TEST_SETTING_H
#define TEST_SETTING_H

#include <stdlib.h>

#include "check.h"
#include "fake_driver.h"

/** What a test of live capabilities begins with: a guest of three vcpus, four pages, and all
 * capabilities, and a handle on it. */
struct setting {
	struct fake *fake;
	struct vmi *vm;
};

static inline int setting_make(void **state)
{
	struct setting *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->fake = fake_create();
	s->fake->vcpus = 3;
	fake_memory(s->fake, 0x1000, 4);
	s->vm = fake_open(s->fake, VMI_CAP_FULL, NULL);
	*state = s;
	return 0;
}

/* The guest runs on, and nothing of it waits for an answer. */
static inline int setting_end(void **state)
{
	struct setting *s = *state;

	vmi_close(s->vm);
	assert_int_equal(s->fake->in_flight, 0);
	assert_int_equal(s->fake->paused, 0);
	fake_destroy(s->fake);
	free(s);
	return 0;
}

#endif
