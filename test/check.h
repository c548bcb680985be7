/* SPDX-License-Identifier: MIT */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

/**
 * cmocka, and two checks of its kind: a call succeeds, or it fails with a status and in words. Both
 * look at the variable `err` of the caller, which the call was given.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* After the four above, which it needs and does not include. */
#include <cmocka.h>

#include <vmi/driver.h>

#define CHECK_OK(call) check_ok((call), &err, #call, __FILE__, __LINE__)
#define CHECK_FAIL(call, status, words)                                                            \
	check_fail((call), (status), &err, (words), #call, __FILE__, __LINE__)

void check_ok(enum vmi_status got, const struct vmi_error *err, const char *call, const char *file,
	      int line);
/* `words` are somewhere in the sentence, which is one by the house's rules. */
void check_fail(enum vmi_status got, enum vmi_status want, const struct vmi_error *err,
		const char *words, const char *call, const char *file, int line);

/* A reproducible sequence (xorshift64*); seed it with anything but 0. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
