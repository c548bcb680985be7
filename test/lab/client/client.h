/* SPDX-License-Identifier: MIT */
#ifndef LAB_CLIENT_H
#define LAB_CLIENT_H

/* For test programs in dom0: the test guest's mailboxes, and results as lines that the laboratory
 * brings out. */

#include <stdbool.h>
#include <stddef.h>
#include <xenforeignmemory.h>

#include "mailbox.h"

struct lab_guest {
	xenforeignmemory_handle *memory;
	uint32_t domid;
	unsigned vcpus;
	struct lab_mailbox *mailbox[LAB_VCPUS];
};

/* Map the mailboxes and wait until all vcpus are ready; false, with a sentence on stderr, when
 * that fails or takes longer than 10 s. End with lab_close() in any case. */
bool lab_open(struct lab_guest *guest, uint32_t domid);
void lab_close(struct lab_guest *guest);

/* Page `gpa` of the guest, mapped; end it with lab_unmap(). NULL when it cannot be. */
void *lab_map(const struct lab_guest *guest, uint64_t gpa);
void lab_unmap(const struct lab_guest *guest, void *page);

/* A pattern in every register of `in`, so that one that changes is seen. */
void lab_patterns(struct lab_registers *in);

/* Begin an operation with the registers in `in`; wait for its end, at most `ms` of dom0's time. */
void lab_begin(const struct lab_guest *guest, unsigned vcpu, uint32_t op);
bool lab_is_over(const struct lab_guest *guest, unsigned vcpu);
bool lab_end(const struct lab_guest *guest, unsigned vcpu, unsigned ms);
/* Both, within 10 s. */
bool lab_do(const struct lab_guest *guest, unsigned vcpu, uint32_t op);

/* The bits, by the architecture's numbers, of registers that differ between `in` and `out`; rsp
 * and rflags are left out, as they do not count in `in`. */
unsigned lab_changed(const struct lab_mailbox *mailbox);

/* A result: one line, ok or not ok and why. Returns `holds`. */
bool lab_result(bool holds, const char *name, const char *why, ...)
	__attribute__((format(printf, 3, 4)));
/* Print how many results there were; the exit status: 0 if all held. */
int lab_status(void);

#endif
