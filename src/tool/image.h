/* SPDX-License-Identifier: MIT */
#ifndef TOOL_IMAGE_H
#define TOOL_IMAGE_H

#include "cli.h"
#include "image_file.h"
#include "image_list.h"
#include "image_notes.h"
#include "packer.h"
#include "stop.h"

/**
 * Writing a memory image. What there is (stretches of memory, registers) is listed once; then a
 * format says how it lies in the file, and the memory is copied, by several threads where the
 * target allows it. What turns out to be unreadable is taken off the list: absent, not zero.
 */

struct image;
struct image_layout;

/** A format. Those made of bytes in a row have lay_out(), and any container may go around them. */
struct image_format {
	const char *name;
	bool notes; /* holds registers */
	bool holes; /* can say what is absent */
	/* Where all is; also places the stretches of image->held. False: it was said. */
	bool (*lay_out)(struct image *image, struct image_layout *layout);
	/* The same again after stretches were taken away, without moving any; NULL: impossible.
	 * False: there is no room. */
	bool (*lay_out_again)(struct image *image, struct image_layout *layout);
	/* Instead of these: all of it. */
	enum cli_status (*write)(struct image *image);
};

extern const struct image_format image_elf, image_raw, image_lime, image_kdump;

struct image {
	struct cli *cli;
	const struct image_format *format;
	enum packing packing;
	unsigned threads;
	struct stop *stop;
	struct image_file file;
	struct vmi_registers *regs; /* of all vcpus */
	unsigned vcpus;
	struct image_notes notes;
	struct image_list held;     /* what is in the file, or will be */
	struct image_list excluded; /* what the guest had, and an earlier dumper left out */
	struct image_list cut;      /* what the image that is read has lost */
	uint64_t missing;           /* bytes that were to be held and cannot be read */
	struct vmi_error missed;    /* why the first of them cannot */
	size_t spare;               /* stretches that may come by taking some out of others */
	uint64_t zero;              /* bytes that are */
	uint64_t padded;            /* bytes that are not known in pages that must be whole */
	uint64_t end;               /* of the file */
	bool partial;               /* something is not in the image; it was said */
};

/* A command that writes an image: all of it, of which `make` is the command's own part. */
enum cli_status image_run(struct cli *cli, enum cli_status (*make)(struct image *image));
/* From --format, --compress, --threads, --output and --force; not CLI_DELIVERED: it was said. */
enum cli_status image_begin(struct image *image, struct cli *cli);
/* List what there is, which is to be of one moment with the copy. */
enum cli_status image_list(struct image *image);
/* The copy, into a file that has no name yet. */
enum cli_status image_write(struct image *image);
/* Name the file, and say what could not be had. */
enum cli_status image_keep(struct image *image, enum cli_status status);
/* Is there one, and does the user want to hear of it? */
bool image_is_reported(const struct image *image);
/* The members of a JSON object, or the beginning of a line, about the image. */
void image_report_json(const struct image *image);
void image_report_text(const struct image *image);
void image_end(struct image *image);

enum cli_status image_no_memory(const struct image *image);

/* ---- for the formats ------------------------------------------------------------------------ */

/* A handle for each of image->threads, the first being the program's own; fewer where the target
 * allows no more, and then image->threads says so. */
void image_clone(struct image *image, struct vmi **handles);
void image_unclone(struct image *image, struct vmi **handles);
/* May the copy go on? Says what stopped it. */
bool image_goes_on(struct image *image);
/* Is this the status of bytes that cannot be had, rather than of a copy that must end? */
bool image_is_missing(enum vmi_status status);

#endif
