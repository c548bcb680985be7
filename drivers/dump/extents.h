/* SPDX-License-Identifier: MIT */
#ifndef DUMP_EXTENTS_H
#define DUMP_EXTENTS_H

#include <vmi/driver.h>

/**
 * Which guest-physical bytes lie where in a file: what every format without compression comes down
 * to. First a list of segments as the file tells them, odd ones included; then a sorted table.
 */

enum segment_kind {
	SEGMENT_HELD,     /* the bytes are in the file */
	SEGMENT_CUT,      /* they would be, if the file did not end before */
	SEGMENT_LEFT_OUT, /* the guest had them, who wrote the file left them out */
	SEGMENT_HOLE      /* there is nothing, whatever segments behind it in the list say */
};

struct segment {
	vmi_gpa gpa;
	uint64_t size;
	uint64_t offset; /* in the file */
	enum segment_kind kind;
};

/* Zeroed is empty. */
struct segments {
	struct segment *list; /* none empty, none beyond the physical address space */
	size_t count, room;
	bool reversed; /* see segments_reverse() */
	/* What was cut to fit, for a warning: how many segments, and the first of them. */
	size_t cut, beyond;
	vmi_gpa cut_gpa;
	uint64_t cut_size;
};

/**
 * Add a segment of which `filesz` bytes should lie at `offset` of the source, out of `memsz` that
 * the guest had. What the source is too short for is remembered as cut off.
 */
VMI_CHECKED enum vmi_status segments_add(struct segments *segments, const struct vmi_source *source,
					 vmi_gpa gpa, uint64_t filesz, uint64_t memsz,
					 uint64_t offset, struct vmi_error *err);
/**
 * Add a segment of `size` bytes at `offset` of what the source holds in a packed form, see
 * extents_packed(), and `lost` more behind them that were cut off.
 */
VMI_CHECKED enum vmi_status segments_add_packed(struct segments *segments, vmi_gpa gpa,
						uint64_t size, uint64_t lost, uint64_t offset,
						struct vmi_error *err);
/* Add a hole: what follows in the list is not held there. VMI_ERR_NOMEM. */
VMI_CHECKED enum vmi_status segments_add_hole(struct segments *segments, vmi_gpa gpa, uint64_t size,
					      struct vmi_error *err);
/*
 * Last first, and then the first in the list wins even where it holds nothing: for files in which
 * what comes later replaces what came before.
 */
void segments_reverse(struct segments *segments);
void segments_deinit(struct segments *segments);

/* Warn of what was cut off, `behind` going on about what else was lost; of what lies beyond the
 * address space. `noun` is what the format calls its segments. */
void segments_warn_cut(const struct segments *segments, const struct vmi_target *target,
		       const struct vmi_source *source, const char *behind);
void segments_warn_beyond(const struct segments *segments, const struct vmi_target *target,
			  const char *noun);

/* A held stretch; where it begins is kept apart, as that is what searching looks at. */
struct extent {
	uint64_t size;
	uint64_t offset; /* in the file */
	uint64_t whole;  /* a page that starts this many bytes in, or more, is not all here */
	vmi_gpa run_end; /* of all the extents that touch from here on */
};

/* Copy `len` bytes at `offset` of what is packed. */
typedef enum vmi_status extents_read(void *context, uint64_t offset, void *buf, size_t len,
				     struct vmi_error *err);

/* Immutable once built, so any thread may use it. */
struct extents {
	const struct vmi_source *source;
	const uint8_t *map;
	bool sparse;        /* the source has holes that the host knows of */
	extents_read *read; /* NULL: vmi_source_read() */
	void *context;

	size_t count;
	vmi_gpa *gpa;
	struct extent *extent;

	size_t absent_count;
	struct segment *absent; /* cut or left out, ascending, only where nothing is held */

	uint64_t bytes;   /* held, in all */
	vmi_gpa end;      /* behind the guest's last byte, held or not */
	size_t conflicts; /* segments that said something else than an earlier one */
	vmi_gpa conflict_gpa;
};

/**
 * Sort the segments into a table. Where two say the same, they merge; where they differ, the first
 * in the list wins, and a held byte wins over one that is not.
 */
VMI_CHECKED enum vmi_status extents_build(struct extents *extents, const struct segments *segments,
					  const struct vmi_source *source, struct vmi_error *err);
/* The offsets are not those of the source: `read` knows what is there. */
void extents_packed(struct extents *extents, extents_read *read, void *context);
void extents_warn_conflicts(const struct extents *extents, const struct vmi_target *target,
			    const char *noun);
void extents_deinit(struct extents *extents);

/* The page group of struct vmi_driver_ops. */
VMI_CHECKED enum vmi_status extents_page_get(const struct extents *extents, vmi_gfn gfn,
					     struct vmi_page *page, struct vmi_error *err);
void extents_page_put(struct vmi_page *page);
VMI_CHECKED enum vmi_status extents_run_next(const struct extents *extents, vmi_gpa from,
					     struct vmi_run *run);
VMI_CHECKED enum vmi_status extents_absent_next(const struct extents *extents, vmi_gpa from,
						struct vmi_run *run);

/* The same, as a driver's table wants them whose state begins with its struct extents. */
VMI_CHECKED enum vmi_status extents_self_get(void *self, vmi_gfn gfn, struct vmi_page *page,
					     struct vmi_error *err);
void extents_self_put(void *self, struct vmi_page *page);
VMI_CHECKED enum vmi_status extents_self_run_next(void *self, vmi_gpa from, struct vmi_run *run,
						  struct vmi_error *err);
VMI_CHECKED enum vmi_status extents_self_absent_next(void *self, vmi_gpa from, struct vmi_run *run,
						     struct vmi_error *err);
void extents_self_close(void *self);

#endif
