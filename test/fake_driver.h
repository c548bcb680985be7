/* SPDX-License-Identifier: MIT */
#ifndef TEST_FAKE_DRIVER_H
#define TEST_FAKE_DRIVER_H

#include <stdatomic.h>
#include <vmi/driver.h>

/**
 * A target that lives in memory and does all that a driver can do.
 *
 * A test makes one, fills it, opens it with the capabilities it wants (any number of times), and
 * looks at what the library did to it. Members are there to be read, and set where it says so.
 */

/* What can be made to fail; calls are counted, too. */
enum fake_op {
	FAKE_OPEN,
	FAKE_PAGE_GET,
	FAKE_PAGE_PUT, /* counted only */
	FAKE_WRITE,
	FAKE_ACCESS_GET,
	FAKE_ACCESS_SET,
	FAKE_REGISTERS_GET,
	FAKE_REGISTERS_SET,
	FAKE_VIEW, /* any function of the group */
	FAKE_MONITOR,
	FAKE_TAKE,
	FAKE_ANSWER,
	FAKE_FLUSH,
	FAKE_PAUSE,
	FAKE_RESUME,
	FAKE_ALLOCATE,
	FAKE_FREE,
	FAKE_INJECT,
	FAKE_RESET,
	FAKE_OPS
};

/* What a pinned page is. */
enum fake_pages {
	FAKE_MAPPED, /* the memory itself, as of a file that is mapped: never cached */
	FAKE_HELD,   /* the memory itself, mapped for this pin, as of a running guest */
	FAKE_COPIED, /* a copy, as of a compressed image */
};

enum { FAKE_VCPUS = 4, FAKE_VIEWS = 4, FAKE_LIST = 32 };

/* Consecutive pages. */
struct fake_block {
	vmi_gpa gpa;
	size_t pages;
	uint8_t *bytes;
	uint64_t *known;   /* a bit per byte; NULL: all */
	atomic_uint *gets; /* by page: how often it was asked for */
	bool gone;         /* freed by the guest; kept for those who hold it */
};

struct fake_access {
	uint16_t view;
	vmi_gfn gfn;
	unsigned access, options;
};

struct fake {
	struct vmi_driver_ops ops; /* set: cut functions out */
	char name[64];             /* to open it by */

	/* Set these before opening. */
	enum vmi_machine machine;
	const char *vmcoreinfo;
	unsigned vcpus;
	unsigned warnings;   /* as many are given during open() */
	unsigned clear_caps; /* open() clears these */
	unsigned set_caps;   /* and sets those, which it must not */
	enum fake_pages pages;

	struct fake_block blocks[FAKE_LIST];
	unsigned block_count;
	struct {
		atomic_uint calls;
		unsigned fail_at; /* the call with this number, from 1 on */
		enum vmi_status status;
	} op[FAKE_OPS];
	atomic_int pins; /* held now */
	unsigned opened, closed;

	struct vmi_registers registers[FAKE_VCPUS];
	struct fake_access access[FAKE_LIST];
	unsigned access_count;
	struct {
		bool used;
		unsigned access;
	} views[FAKE_VIEWS];
	uint16_t view; /* active */
	struct {
		uint16_t view;
		vmi_gfn from, to;
	} changes[FAKE_LIST];
	unsigned change_count;

	struct vmi_monitor monitors[FAKE_LIST];
	unsigned monitor_count;
	unsigned enable_ms;                 /* what turning on a monitor takes */
	struct vmi_event events[FAKE_LIST]; /* waiting */
	unsigned event_count;
	/* Set: what the guest does when nothing waits; true: it has caused an event. */
	bool (*guest)(struct fake *fake);
	void *guest_data;
	unsigned in_flight;                       /* taken and not answered */
	struct vmi_response responses[FAKE_LIST]; /* to the first events since the start */
	unsigned response_count;                  /* to all of them */
	unsigned unflushed;                       /* answered since the last flush */
	unsigned continued;                       /* events that closing or a reset had to answer */
	uint64_t overhead;
	uint32_t deadline_ms; /* as it was set last */

	unsigned paused; /* 0 or 1: the core nests */
	struct vmi_interrupt injected;
	unsigned injected_vcpu, resets;
};

/* Owned: fake_destroy(), after all handles are closed. Has no memory, one vcpu, no registers. */
struct fake *fake_create(void);
/* Fails the test when a pin was not put or a handle not closed. */
void fake_destroy(struct fake *fake);

/* A table that has these groups and no others. */
void fake_table(struct fake *fake, unsigned capabilities);
/* fake_table(), then open, which must succeed. */
struct vmi *fake_open(struct fake *fake, unsigned capabilities,
		      const struct vmi_open_options *options);

/* Zeroed memory; gpa on a page. Blocks that touch are blocks of their own. */
void fake_memory(struct fake *fake, vmi_gpa gpa, size_t pages);
/* These bytes are not held after all. */
void fake_forget(struct fake *fake, vmi_gpa gpa, size_t len);
/* What the guest itself does, behind the library's back. The memory must be there. */
void fake_put(struct fake *fake, vmi_gpa gpa, const void *bytes, size_t len);
void fake_put64(struct fake *fake, vmi_gpa gpa, uint64_t value);
void fake_put32(struct fake *fake, vmi_gpa gpa, uint32_t value);
/* The byte at gpa, or NULL. */
uint8_t *fake_at(struct fake *fake, vmi_gpa gpa);
/* How often the page was asked for. */
unsigned fake_gets(struct fake *fake, vmi_gfn gfn);

/* The nth call from now on fails. */
void fake_fail(struct fake *fake, enum fake_op op, unsigned nth, enum vmi_status status);
unsigned fake_calls(struct fake *fake, enum fake_op op);
/* For the driver's functions: count the call, and fail it when its time has come. */
enum vmi_status fake_called(struct fake *fake, enum fake_op op, struct vmi_error *err);

/* Something happened on a vcpu. */
void fake_event(struct fake *fake, const struct vmi_event *event);

/* As closing and resetting do: whatever was taken and not answered continues. */
void fake_answer_rest(struct fake *fake);
/* The live half of the table, from fake_live.c. */
void fake_live_table(struct vmi_driver_ops *ops);
/* The fake behind a driver's state. */
struct fake *fake_of(void *self);

#endif
