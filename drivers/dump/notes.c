/* SPDX-License-Identifier: MIT */
/* The notes of a core (System V ABI, chapter 5). Walked by hand: kdump has them without libelf. */

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "notes.h"

enum {
	VCPU_MAX = 4096,
	NOTE_BYTES_MAX = 64 << 20,
	NT_VIRTUALBOX_CORE = 0xb00,
	NT_VIRTUALBOX_CPU = 0xb01,
	VIRTUALBOX_CORE_SIZE = 24,
	NT_VMICORE_CPU = 0x564d4943,
	/* Xen's elfnote.h and elfcore.h: of a crashed hypervisor, and of a dumped guest. */
	NT_XEN_CRASH_REGS = 0x1000002,
	NT_XEN_HEADER = 0x2000001,
	NT_XEN_FORMAT = 0x2000003,
	XEN_HEADER_SIZE = 32,
};
enum { NOTE_HEAD = 12 };
static const uint32_t virtualbox_magic = 0xc01ac0de;

/* A copy of a stretch of notes. */
struct note_segment {
	struct note_segment *next;
	size_t size; /* of bytes[] */
	uint8_t bytes[];
};

struct note {
	const char *name; /* not terminated */
	size_t name_len;  /* without terminator */
	uint32_t type;
	const uint8_t *desc;
	size_t size;
};

/* Sums of sizes from 32-bit fields and of positions in what is held cannot wrap. */
static size_t align_up(size_t at, size_t align)
{
	return (at + align - 1) & ~(align - 1);
}

static bool is_named(const struct note *note, const char *name)
{
	return note->name_len == strlen(name) && !memcmp(note->name, name, note->name_len);
}

static void take_vcpu(struct notes *notes, enum vcpu_note_kind kind, const struct note *note)
{
	unsigned index = notes->seen[kind]++;
	struct vcpu_note vcpu = {.kind = kind,
				 .format = notes->virtualbox_format,
				 .at = note->desc,
				 .size = note->size};

	if (index >= VCPU_MAX)
		return;
	if (index >= notes->vcpus)
		notes->vcpus = index + 1;
	/* What cannot be read keeps its place, so that those behind it keep theirs. */
	if (vcpu_note_check(&vcpu) && kind > notes->vcpu[index].kind)
		notes->vcpu[index] = vcpu;
	else if (vcpu.kind == VCPU_NONE)
		notes->seen[VCPU_NONE]++;
}

static void take_vmcoreinfo(struct notes *notes, const uint8_t *text, size_t size)
{
	if (notes->vmcoreinfo || !size)
		return;
	notes->vmcoreinfo = (const char *)text;
	notes->vmcoreinfo_len = strnlen((const char *)text, size);
}

static void take_xen(struct notes *notes, const struct note *note)
{
	unsigned cpus = notes->seen[VCPU_PRSTATUS];

	switch (note->type) {
	case NT_XEN_CRASH_REGS: /* follows the NT_PRSTATUS of its CPU */
		if (note->size >= VCPU_CONTROL_SIZE && cpus && cpus <= VCPU_MAX)
			notes->vcpu[cpus - 1].control = note->desc;
		break;
	case NT_XEN_HEADER:
		if (note->size >= XEN_HEADER_SIZE)
			notes->xen_header = note->desc;
		break;
	case NT_XEN_FORMAT:
		if (note->size >= sizeof(uint64_t))
			notes->xen_format = le64(note->desc);
		break;
	default:
		break;
	}
}

static void take(struct notes *notes, const struct note *note)
{
	if (is_named(note, "CORE") && note->type == NT_PRSTATUS) {
		notes->prstatus = true;
		notes->prstatus32 |= note->size == PRSTATUS32_SIZE;
		take_vcpu(notes, VCPU_PRSTATUS, note);
	} else if (is_named(note, "QEMU") && !note->type) {
		notes->qemu = true;
		take_vcpu(notes, VCPU_QEMU, note);
	} else if (is_named(note, "VMICORE") && note->type == NT_VMICORE_CPU) {
		notes->vmicore = true;
		take_vcpu(notes, VCPU_VMICORE, note);
	} else if (is_named(note, "VBCORE") && note->type == NT_VIRTUALBOX_CORE) {
		notes->virtualbox = true;
		if (note->size >= VIRTUALBOX_CORE_SIZE && le32(note->desc) == virtualbox_magic)
			notes->virtualbox_format = le32(note->desc + 4);
	} else if (is_named(note, "VBCPU") && note->type == NT_VIRTUALBOX_CPU) {
		take_vcpu(notes, VCPU_VIRTUALBOX, note);
	} else if (is_named(note, "Xen")) {
		take_xen(notes, note);
	} else if (is_named(note, "VMCOREINFO")) {
		take_vmcoreinfo(notes, note->desc, note->size);
	}
}

/*
 * Walk the notes, giving each to `notes` if that is not NULL, and say where the walk stops: at the
 * end, or where a note does not fit. A note is {u32 size of the name, size of the descriptor,
 * type}, the name, the descriptor, the two padded to `align`; the last one's padding may be
 * missing.
 */
static size_t walk(const struct note_segment *seg, size_t align, struct notes *notes)
{
	size_t at = 0;

	while (seg->size - at >= NOTE_HEAD) {
		const uint8_t *head = seg->bytes + at;
		size_t name = le32(head), size = le32(head + 4);
		size_t desc = align_up(at + NOTE_HEAD + name, align);
		if (desc > seg->size || size > seg->size - desc)
			break;
		struct note note = {
			.name = (const char *)head + NOTE_HEAD,
			.name_len = strnlen((const char *)head + NOTE_HEAD, name),
			.type = le32(head + 8),
			.desc = seg->bytes + desc,
			.size = size,
		};
		/* Zeros are notes without anything, and some producers have many of them. */
		if (notes && (name || size))
			take(notes, &note);
		at = align_up(desc + size, align);
		if (at > seg->size)
			at = seg->size;
	}
	return at;
}

/*
 * Names and descriptors are padded to 4 bytes, whatever p_align says; the few who pad to 8 say so,
 * and only then does a walk by 8 come out even where one by 4 does not.
 */
static void walk_segment(struct notes *notes, const struct vmi_target *target,
			 const struct note_segment *seg, uint64_t align)
{
	bool eight =
		align == 8 && walk(seg, 4, NULL) != seg->size && walk(seg, 8, NULL) == seg->size;
	size_t end = walk(seg, eight ? 8 : 4, notes);
	if (seg->size - end >= NOTE_HEAD)
		target->warn(target,
			     "the notes are broken at byte 0x%zx of 0x%zx: what follows is ignored",
			     end, seg->size);
}

/* A copy of the `size` bytes at `offset`, or of what the file holds of them; NULL when nothing. */
static enum vmi_status segment_read(struct notes *notes, const struct vmi_target *target,
				    const struct vmi_source *source, uint64_t offset, uint64_t size,
				    struct note_segment **out, struct vmi_error *err)
{
	uint64_t file = vmi_source_size(source);
	uint64_t held = offset < file && size < file - offset ? size
			: offset < file                       ? file - offset
							      : 0;
	size_t room = notes->bytes < NOTE_BYTES_MAX ? NOTE_BYTES_MAX - notes->bytes : 0;

	*out = NULL;
	if (held < size)
		target->warn(target, "the notes are cut off: the file ends at 0x%" PRIx64, file);
	if (held > room) {
		target->warn(target, "of 0x%" PRIx64 " bytes of notes the first 0x%zx are read",
			     held, room);
		held = room;
	}
	if (!held)
		return VMI_OK;
	struct note_segment *seg = malloc(sizeof(*seg) + held);
	if (!seg)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the notes");
	enum vmi_status st = vmi_source_read(source, offset, seg->bytes, held, err);
	if (st) {
		free(seg);
		return vmi_wrap(err, st, "the notes");
	}
	seg->size = held;
	seg->next = notes->segments;
	notes->segments = seg;
	notes->bytes += sizeof(*seg) + held; /* so that many empty segments are bounded, too */
	*out = seg;
	return VMI_OK;
}

enum vmi_status notes_add(struct notes *notes, const struct vmi_target *target,
			  const struct vmi_source *source, uint64_t offset, uint64_t size,
			  uint64_t align, struct vmi_error *err)
{
	struct note_segment *seg;

	if (!notes->vcpu)
		notes->vcpu = calloc(VCPU_MAX, sizeof(*notes->vcpu));
	if (!notes->vcpu)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the notes");
	enum vmi_status st = segment_read(notes, target, source, offset, size, &seg, err);
	if (!st && seg)
		walk_segment(notes, target, seg, align);
	return st;
}

enum vmi_status notes_add_vmcoreinfo(struct notes *notes, const struct vmi_target *target,
				     const struct vmi_source *source, uint64_t offset,
				     uint64_t size, struct vmi_error *err)
{
	struct note_segment *seg;
	enum vmi_status st = segment_read(notes, target, source, offset, size, &seg, err);

	if (!st && seg)
		take_vmcoreinfo(notes, seg->bytes, seg->size);
	return st;
}

void notes_finish(struct notes *notes, const struct vmi_target *target)
{
	unsigned readable = 0;

	for (unsigned i = 0; i < notes->vcpus; i++)
		readable += notes->vcpu[i].kind != VCPU_NONE;
	if (notes->virtualbox && notes->seen[VCPU_VIRTUALBOX] && !readable)
		target->warn(
			target,
			"VirtualBox's notes are of format 0x%x, of which this version cannot read "
			"the registers",
			notes->virtualbox_format);
	else if (notes->seen[VCPU_NONE])
		target->warn(target, "notes of vcpus that are of no known layout, and ignored: %u",
			     notes->seen[VCPU_NONE]);
	for (int kind = VCPU_NONE + 1; kind < VCPU_NOTE_KINDS; kind++)
		if (notes->seen[kind] > VCPU_MAX)
			target->warn(target, "there are notes of %u vcpus: the first %d are read",
				     notes->seen[kind], VCPU_MAX);
	if (!readable)
		notes->vcpus = 0;
}

void notes_deinit(struct notes *notes)
{
	while (notes->segments) {
		struct note_segment *seg = notes->segments;
		notes->segments = seg->next;
		free(seg);
	}
	free(notes->vcpu);
	*notes = (struct notes){0};
}
