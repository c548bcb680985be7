/* SPDX-License-Identifier: MIT */
/*
 * An ELF core of a machine: the form that QEMU's dump-guest-memory writes, which crash, drgn,
 * makedumpfile and others read.
 *
 *	ELF header | program headers, with room | section header 0 | notes | memory ...
 *
 * What an earlier dumper left out has a program header without bytes in the file, as makedumpfile
 * writes it.
 */

#include <elf.h>
#include <endian.h>
#include <string.h>

#include "image.h"
#include "image_layout.h"

enum { PAGE = VMI_PAGE_SIZE };

/* The front of the file: up to where memory begins. */
struct front {
	size_t headers; /* program headers there is room for */
	size_t section_at, notes_at;
	uint64_t end;
};

static size_t headers_needed(const struct image *image)
{
	return 1 + image->held.count + image->excluded.count;
}

static struct front front_of(const struct image *image, size_t headers)
{
	struct front front = {.headers = headers};

	front.section_at = sizeof(Elf64_Ehdr) + headers * sizeof(Elf64_Phdr);
	front.notes_at = front.section_at + sizeof(Elf64_Shdr);
	front.end = (front.notes_at + image->notes.size + PAGE - 1) / PAGE * PAGE;
	return front;
}

static void put_program_header(uint8_t **at, uint32_t type, const struct image_stretch *stretch,
			       uint64_t held)
{
	Elf64_Phdr header = {
		.p_type = htole32(type),
		.p_offset = htole64(stretch->offset),
		.p_paddr = htole64(stretch->gpa),
		.p_filesz = htole64(held),
		.p_memsz = htole64(type == PT_NOTE ? 0 : stretch->size),
	};

	memcpy(*at, &header, sizeof(header));
	*at += sizeof(header);
}

static void put_header(const struct image *image, const struct front *front, uint8_t *bytes)
{
	/* More headers than 16 bits can count are counted by section 0 (System V ABI, chapter 4).
	 */
	size_t count = headers_needed(image);
	bool many = count >= PN_XNUM;
	bool wide = vmi_info(image->cli->vm)->machine != VMI_MACHINE_X86;
	Elf64_Shdr section = {.sh_info = htole32((uint32_t)count)};
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = htole16(ET_CORE),
		.e_machine = htole16(wide ? EM_X86_64 : EM_386),
		.e_version = htole32(EV_CURRENT),
		.e_phoff = htole64(sizeof(header)),
		.e_shoff = htole64(many ? front->section_at : 0),
		.e_ehsize = htole16(sizeof(header)),
		.e_phentsize = htole16(sizeof(Elf64_Phdr)),
		.e_phnum = htole16(many ? PN_XNUM : (uint16_t)count),
		.e_shentsize = htole16(many ? sizeof(section) : 0),
		.e_shnum = htole16(many ? 1 : 0),
	};

	memcpy(bytes, &header, sizeof(header));
	if (many)
		memcpy(bytes + front->section_at, &section, sizeof(section));
}

/* In the order of addresses, as some readers expect it. */
static void put_program_headers(const struct image *image, const struct front *front,
				uint8_t *bytes)
{
	const struct image_list *held = &image->held, *out = &image->excluded;
	struct image_stretch notes = {.offset = front->notes_at};
	uint8_t *at = bytes + sizeof(Elf64_Ehdr);
	size_t h = 0, o = 0;

	put_program_header(&at, PT_NOTE, &notes, image->notes.size);
	while (h < held->count || o < out->count)
		if (o == out->count || (h < held->count && held->list[h].gpa < out->list[o].gpa)) {
			put_program_header(&at, PT_LOAD, &held->list[h], held->list[h].size);
			h++;
		} else {
			put_program_header(&at, PT_LOAD, &out->list[o], 0);
			o++;
		}
}

static bool put_front(struct image *image, struct image_layout *layout, struct front front)
{
	uint8_t *bytes = image_layout_literal(layout, 0, front.end);

	if (!bytes)
		return false;
	put_header(image, &front, bytes);
	put_program_headers(image, &front, bytes);
	if (image->notes.size)
		memcpy(bytes + front.notes_at, image->notes.bytes, image->notes.size);
	return true;
}

static bool elf_lay_out(struct image *image, struct image_layout *layout)
{
	struct image_list *held = &image->held;
	struct front front = front_of(image, headers_needed(image) + image->spare);
	uint64_t at = front.end;

	/* Bytes keep their place within a page, as readers that map the file expect. */
	for (size_t i = 0; i < held->count; i++) {
		at += (held->list[i].gpa - at) % PAGE;
		held->list[i].offset = at;
		at += held->list[i].size;
	}
	if (!put_front(image, layout, front))
		return false;
	for (size_t i = 0; i < held->count; i++)
		image_layout_memory(layout, held->list[i].offset, held->list[i].gpa,
				    held->list[i].size);
	return !layout->failed;
}

/* Only the front: the memory lies where it lies. */
static bool elf_lay_out_again(struct image *image, struct image_layout *layout)
{
	uint64_t room = layout->list[0].size;
	struct front front = front_of(image, headers_needed(image));
	struct image_layout again = {0};

	if (front.end > room)
		return false;
	front.end = room;
	bool good = put_front(image, &again, front);
	image_layout_deinit(layout);
	*layout = again;
	return good;
}

const struct image_format image_elf = {
	.name = "elf",
	.notes = true,
	.holes = true,
	.lay_out = elf_lay_out,
	.lay_out_again = elf_lay_out_again,
};
