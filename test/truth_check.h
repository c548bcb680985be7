/* SPDX-License-Identifier: MIT */
#ifndef TEST_TRUTH_CHECK_H
#define TEST_TRUTH_CHECK_H

/** Holding an image against its truth, one class of statements at a time. */

#include "truth.h"

struct check {
	struct vmi *vm;
	const struct truth *truth;
	yajl_val image;    /* its entry in the truth; NULL when it has none */
	bool partial;      /* it holds less than all of memory ... */
	bool exact;        /* ... but the truth says what it must answer all the same */
	const char *class; /* what is being checked */
	unsigned checked, not_saved, wrong, wrong_in_all; /* not_saved: of those checked */
};

void check_begin(struct check *check, const char *class);
/* Print the counts of the class. */
void check_end(struct check *check);
/* One statement that does not hold. */
void check_wrong(struct check *check, const char *fmt, ...) VMI_PRINTF(2, 3);
/* True, and counted, when `status` is what an image may say that holds less than all. */
bool check_not_saved(struct check *check, enum vmi_status status);

/**
 * The ways to get at the space of `cr3`: 0 by root, 1 + n by vcpu n. False when there is no such
 * way: the image has no registers, the vcpu another root, or its mode is not the one that a root
 * alone is given.
 */
enum { CHECK_WAYS = 1 + 16 };
bool check_space(struct check *check, uint64_t cr3, unsigned way, struct vmi_space *space);
/* The one way that exists for every space that can be had at all. */
bool check_any_space(struct check *check, uint64_t cr3, struct vmi_space *space);
/* The space an item names: none for "phys" (*space is then NULL), else one kept in `store`. */
bool check_item_space(struct check *check, yajl_val item, struct vmi_space *store,
		      const struct vmi_space **space);

/* truth_registers.c */
void check_registers(struct check *check);
/* truth_space.c */
void check_translations(struct check *check);
void check_reserved(struct check *check);
void check_full_walk(struct check *check);
void check_reverse(struct check *check);
/* truth_memory.c */
void check_reads(struct check *check);
void check_short_reads(struct check *check);
void check_strings(struct check *check);
void check_counted_strings(struct check *check);

#endif
