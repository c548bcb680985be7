/* SPDX-License-Identifier: MIT */
#ifndef TOOL_SNAPSHOT_H
#define TOOL_SNAPSHOT_H

#include <vmi/live.h>

#include "cli.h"

/** The parts of the snapshot command: the file, its ELF dress, the copy. */

/* ---- the file (snapshot_file.c) ------------------------------------------------------------- */

/*
 * A file that is there whole or not at all: written under a name of its own in the same directory,
 * and renamed when it is on disk. What is not written is a hole.
 */
struct snapshot_file {
	const char *path; /* borrowed */
	char *temporary;
	bool replace; /* a file that is there */
	int fd;
	int error; /* errno of what failed first; nothing is written any more */
};

/* False, and it was said: `file` needs no end. */
bool snapshot_file_begin(struct snapshot_file *file, struct cli *cli, const char *path,
			 bool replace);
/* At `offset`; a failure is kept in `error`. */
void snapshot_file_write(struct snapshot_file *file, uint64_t offset, const void *bytes,
			 size_t len);
/* Of `size` bytes, on disk, under its name; false: `error` says why. snapshot_file_end() follows.
 */
bool snapshot_file_keep(struct snapshot_file *file, uint64_t size);
/* How many bytes it takes on disk. */
uint64_t snapshot_file_disk(const struct snapshot_file *file);
/* What was not kept is gone. */
void snapshot_file_end(struct snapshot_file *file);

/* ---- what goes into it ---------------------------------------------------------------------- */

struct snapshot_stretch {
	vmi_gpa gpa;
	uint64_t size;
	uint64_t offset; /* in the file */
};

/* Grows; zeroed is empty. */
struct snapshot_list {
	struct snapshot_stretch *list;
	size_t count, room;
};

bool snapshot_list_add(struct snapshot_list *list, struct snapshot_stretch stretch);

/* An ELF core: header, program headers, notes, memory. (snapshot_elf.c) */
struct snapshot_elf {
	enum vmi_machine machine;
	size_t header_room; /* program headers that fit in front of the notes */
	uint8_t *notes;
	size_t notes_size;
	bool failed; /* out of memory */
};

/* The notes of all vcpus, and VMCOREINFO if there is one. False: out of memory. */
bool snapshot_elf_notes(struct snapshot_elf *elf, struct vmi *vm, const struct vmi_registers *regs,
			unsigned vcpus);
/* Where memory begins when there are about so many stretches of it; to be asked once. */
uint64_t snapshot_elf_start(struct snapshot_elf *elf, size_t stretches);
/* Everything but the memory, which ends at `end`; returns where the file ends. */
uint64_t snapshot_elf_finish(const struct snapshot_elf *elf, struct snapshot_file *file,
			     const struct snapshot_list *memory, uint64_t end);
void snapshot_elf_deinit(struct snapshot_elf *elf);

#endif
