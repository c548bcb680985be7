/* SPDX-License-Identifier: MIT */
#ifndef GUEST_H
#define GUEST_H

/*
 * The first process of a recorded guest and all that it starts: one static program. As /init it
 * prepares the machine, starts the residents one by one, records what the kernel says of all of
 * them, and stops the machine. Under any other name it is a resident, whose part is named in its
 * environment, so that its arguments can be as odd as wanted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PAGE = 4096,
	/* Where a resident tells that it is settled: a byte, then it is closed. */
	READY_FD = 3,
};

/*
 * Fixed addresses, of which the host knows what they hold: see fill(). Above the GiB in which a
 * heap may begin, and in reach of i386.
 */
static const uintptr_t MARK_AT = 0x50000000, HIDDEN_AT = 0x60000000, SWAP_AT = 0x70000000,
		       HUGE_AT = 0x80000000, VARIED_AT = 0x90000000;

/* util.c: trouble ends the guest (as pid 1) or the resident; the host reads why on the console. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);
void check(long long result, const char *what); /* fail() when negative, with errno's words */
bool write_text(const char *path, const char *text);
void copy_file(const char *from, const char *to);
void make_folders(const char *path); /* with all above it */
bool option(const char *name);       /* guest.NAME on the kernel's command line */
int own_pid(void);                   /* as the first pid namespace counts */
void stay_on_cpu(int cpu);
__attribute__((noreturn)) void sleep_forever(void);

/*
 * Fill whole pages with what the host can tell anew from the pid and the page's index: one of four
 * kinds by turns, so that a compressed swap has to deal with each.
 */
void fill(void *at, size_t pages, int pid);
/* The same of eight kinds that a compressor can do something with, each in its own way. */
void fill_varied(void *at, size_t pages, int pid);

/* resident.c: plant the page at MARK_AT, then tell pid 1 to go on. */
void settle(void);
__attribute__((noreturn)) void settle_and_sleep(void);
void start_residents(void);
void start_churn(void); /* and let it go on for a while */
int resident_main(const char *part);

/* One resident's part each. */
void part_threads(void); /* threads.c */
void part_headless(void);
void part_zombie(void); /* family.c */
void part_stopped(void);
void part_traced(void);
void part_vforked(void);
void part_tree(void);
void part_orphan(void);
void part_session(void);
void part_user(void);
void part_realtime(void);
void part_spin(void);
void part_churn(void);
void part_chroot(void);
void part_namespaces(void);
void part_mappings(void); /* mappings.c */
void part_many(void);
void part_swapped(void);
void part_files(void);   /* files.c */
void part_sockets(void); /* sockets.c */

/* mount.c, log.c: before and between the residents. */
void mount_all(void);
void swap_on(const char *device, int priority);
void write_log(void);

/* record.c */
void record(void);

#endif
