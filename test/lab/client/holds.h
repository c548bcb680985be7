/* SPDX-License-Identifier: MIT */
#ifndef LAB_HOLDS_H
#define LAB_HOLDS_H

/* What tests are made of, in functions that return whether all of it holds. They have a `struct
 * bench *b` with the library's `struct vmi_error err`, and a function fails() that notes why. */

#include <string.h>

#include <vmi/vmi.h>

struct bench;

/* Note why; false. */
bool fails(struct bench *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return fails(b, "%d: %s", __LINE__, #condition);                           \
	} while (0)

#define WORKS(call)                                                                                \
	do {                                                                                       \
		if (call)                                                                          \
			return fails(b, "%d: %s", __LINE__, b->err.text);                          \
	} while (0)

/* It is refused with that status, and the sentence contains `words`. */
#define REFUSED(call, expected, words)                                                             \
	do {                                                                                       \
		enum vmi_status refused_ = (call);                                                 \
		if (refused_ != (expected) || !strstr(b->err.text, (words)))                       \
			return fails(b, "%d: %s: %s", __LINE__, vmi_status_name(refused_),         \
				     b->err.text);                                                 \
	} while (0)

#endif
