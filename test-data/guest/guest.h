/* SPDX-License-Identifier: MIT */
#ifndef GUEST_H
#define GUEST_H

/**
 * @file
 * A guest without an operating system: it lays out page tables by hand, tries every address it laid
 * out on the CPU it runs on, says what it planted and what the CPU answered, and halts.
 *
 * Physical memory:
 *   0x100000  this program, then a pool of pages for tables and data      saved in the images
 *   0x200000  notes to itself                                             not saved
 *   0x300000  one page table                                              not saved
 */

#include <stdbool.h>
#include <stdint.h>

#ifndef LEVELS
#error "LEVELS is 2 (legacy), 3 (PAE), 4 or 5"
#endif
#define LONG (LEVELS >= 4)

enum {
	PAGE = 4096,
	SAVED = 0x100000,
	SAVED_SIZE = 0x8f000,
	POOL = 0x110000,  /* behind the program */
	POOL_PAGES = 127, /* prime: any stride visits every page */
	NOTES = 0x200000,
	NOTES_SIZE = 0x20000,
	UNSAVED_TABLE = 0x300000,
	NOWHERE = 0x40000000, /* no memory there */
	INDEX_BITS = LEVELS == 2 ? 10 : 9,
	LARGE = LONG ? 3 : 2, /* the highest level with large pages */
};

#if LEVELS == 2
typedef uint32_t entry;
#else
typedef uint64_t entry;
#endif

/* Bits of a page-table entry (SDM vol. 3A 4.3 to 4.5). */
#define P        UINT64_C(1)
#define RW       (UINT64_C(1) << 1)
#define US       (UINT64_C(1) << 2)
#define PWT      (UINT64_C(1) << 3)
#define PCD      (UINT64_C(1) << 4)
#define PS       (UINT64_C(1) << 7)
#define PAT      (UINT64_C(1) << 7)
#define GLOBAL   (UINT64_C(1) << 8)
#define SOFTWARE (UINT64_C(7) << 9)
#define PAT_PS   (UINT64_C(1) << 12) /* of a large page */
#if LEVELS == 2
#define NX UINT64_C(0)
#else
#define NX (UINT64_C(1) << 63)
#endif

struct space {
	uint64_t root;
	uint32_t cr4;
};

/* space.c: tables and frames */
void pool_clear(void);
uint64_t page_take(void);
/* A page that tells where it is: each word is its own address times PATTERN. Ends with a RET. */
uint64_t frame_take(void);
struct space space_make(void);
int shift_of(int level);
/* The entry for `va` at `level`; tables on the way to it are made, and allow everything. */
entry *slot(const struct space *space, uintptr_t va, int level);
void space_load(const struct space *space);

#define PATTERN UINT32_C(0x9e3779b1)
enum { RET = 0xc3 };

/* places.c: addresses of interest */
enum right { WRITE = 1, EXECUTE = 2, USER = 4 };

enum outcome {
	MAPPED,
	NOT_PRESENT,
	NOT_CANONICAL,
	RESERVED_BITS,
	NOT_SAVED,    /* a table on the way is in no image */
	WIDE_ADDRESS, /* more address bits than this CPU has: who does not know it sees a page */
};

struct place {
	const struct space *space;
	const char *why;
	uintptr_t va;
	uint64_t pa;
	uint8_t level;   /* of the entry that decides */
	uint8_t rights;  /* enum right */
	uint8_t outcome; /* enum outcome */
};

struct place *place_at(unsigned index);
unsigned place_count(void);
struct place *place_add(const struct space *space, uintptr_t va, enum outcome outcome, int level,
			const char *why);
/* A leaf at `level`, below tables that allow everything; the place is `at` bytes into it. */
void leaf(const struct space *space, uintptr_t va, int level, uint64_t pa, uint64_t flags,
	  uint64_t at, const char *why);

/* layout.c: what the two spaces hold */
void layout_first(struct space *space);
void layout_second(struct space *space, const struct space *first);

/* text.c: strings, written through the space that is loaded */
void text_first(const struct space *space);
void text_second(const struct space *space);

/* probe.c: what the CPU makes of the places of a space */
void probe(const struct space *space);
/* The same for whatever addresses come in over the serial port. */
void answer(const struct space *space);

/* report.c: one JSON object per line on the first serial port */
void report_begin(const char *kind);
void report_hex(const char *name, uint64_t value);
void report_number(const char *name, unsigned value);
void report_word(const char *name, const char *value);
void report_bytes(const char *name, const volatile uint8_t *bytes, unsigned count);
void report_end(void);

/* boot.S */
extern uint8_t trampoline[], trampoline_end[], third[], third_end[], bss_end[];
extern volatile uint32_t second_alive, second_done;
extern volatile uint32_t second_root, second_cr4;
extern uint8_t faulted_gp[], faulted_pf[];
/* 0, or bit 31, the vector from bit 16 and the error code */
uint32_t attempt_read(uintptr_t va);
uint32_t attempt_write(uintptr_t va); /* what is there already */
uint32_t attempt_run(uintptr_t va);
_Noreturn void finish(void);
_Noreturn void guest_main(void);

static inline uint8_t port_in(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void port_out(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

#endif
