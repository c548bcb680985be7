/* SPDX-License-Identifier: MIT */
#ifndef DUMP_KDUMP_PART_H
#define DUMP_KDUMP_PART_H

#include "codec.h"
#include "kdump_header.h"
#include "pagemap.h"

/** One file of a kdump-compressed dump; most dumps are of one. */
struct kdump_part {
	const struct vmi_source *source;
	struct kdump_header header;
	struct pagemap dumped;
	uint64_t descs;   /* pages of [header.first, header.end) that have a descriptor here */
	uint64_t skipped; /* pages before that, which have none */
	uint64_t zero_at; /* the page of zeros that others share; 0: none is known */
	bool broken;      /* some of the pages that should be here are not */
};

/* How a page is stored. */
struct kdump_desc {
	uint64_t offset;
	uint32_t size;
	uint32_t flags;
};

/* Where a page is, by its descriptor. */
enum kdump_place { KDUMP_HELD, KDUMP_ZERO, KDUMP_CUT };

/* Read the headers and take in the bitmap. Errors do not name the file. */
VMI_CHECKED enum vmi_status kdump_part_open(struct kdump_part *part,
					    const struct vmi_source *source,
					    const struct vmi_target *target, struct vmi_error *err);
/*
 * A look at some of the descriptors: is there a shared page of zeros, is anything missing?
 * VMI_ERR_UNSUPPORTED: there are pages of a codec that this build lacks.
 */
VMI_CHECKED enum vmi_status kdump_part_sample(struct kdump_part *part, struct codec_tools *tools,
					      struct vmi_error *err);
void kdump_part_close(struct kdump_part *part);

/* The descriptor of a page of this part that is in its bitmap. VMI_END: the file ends before. */
VMI_CHECKED enum vmi_status kdump_part_desc(const struct kdump_part *part, vmi_gfn gfn,
					    struct kdump_desc *desc, struct vmi_error *err);
enum kdump_place kdump_part_place(const struct kdump_part *part, const struct kdump_desc *desc);
/*
 * The end of the pages that are at the same kind of place as `gfn`, which is in the bitmap: not
 * above `end`, and not so far that it takes long.
 */
VMI_CHECKED enum vmi_status kdump_part_stretch(const struct kdump_part *part, vmi_gfn gfn,
					       vmi_gfn end, vmi_gfn *stop, enum kdump_place *place,
					       struct vmi_error *err);

/*
 * The desc->size bytes that a held page has in the file: there, or in the tools' scratch buffer.
 * VMI_ERR_CORRUPT: its descriptor is damaged.
 */
VMI_CHECKED enum vmi_status kdump_part_packed(const struct kdump_part *part,
					      const struct kdump_desc *desc,
					      struct codec_tools *tools, const uint8_t **packed,
					      struct vmi_error *err);
/* Unpack those bytes, or copy them if they are not packed. VMI_ERR_CORRUPT: they are damaged. */
VMI_CHECKED enum vmi_status kdump_unpack(const struct kdump_desc *desc, const uint8_t *packed,
					 struct codec_tools *tools, uint8_t out[KDUMP_BLOCK],
					 struct vmi_error *err);

/* The bytes of a page of zeros. */
const uint8_t *kdump_zeros(void);

#endif
