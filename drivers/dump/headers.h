/* SPDX-License-Identifier: MIT */
#ifndef DUMP_HEADERS_H
#define DUMP_HEADERS_H

#include <gelf.h>
#include <vmi/driver.h>

/**
 * The tables of an ELF file: found and bounded here, decoded by libelf. It never sees the file
 * itself, as it refuses what real producers write (VirtualBox: EI_VERSION 0).
 */
struct headers {
	const struct vmi_source *source;
	unsigned class; /* ELFCLASS32 or ELFCLASS64 */
	GElf_Ehdr ehdr;
	uint64_t phnum; /* the true count; that many are inside the file */
};

/* Errors do not name the file. */
VMI_CHECKED enum vmi_status headers_open(struct headers *headers, const struct vmi_source *source,
					 struct vmi_error *err);
/* Behind the last program header, in the file. */
uint64_t headers_end(const struct headers *headers);
/* Program header `index`, which is below phnum. */
VMI_CHECKED enum vmi_status headers_program(const struct headers *headers, uint64_t index,
					    GElf_Phdr *out, struct vmi_error *err);
/* Section header `index`. False when there is none, or it is outside of the file. */
bool headers_section_at(const struct headers *headers, uint32_t index, GElf_Shdr *out);
/* The section of that name. False when there is none, or the tables are broken. */
bool headers_section(const struct headers *headers, const char *name, GElf_Shdr *out);

#endif
