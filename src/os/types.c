/* SPDX-License-Identifier: MIT */
/* Types of the kernel or a module: BTF that libbpf has parsed, and a table of its names. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "btf.h"
#include "hash.h"
#include "types.h"

enum {
	DEPTH_MAX = 16, /* of unnamed members in unnamed members */
	MODIFIERS_MAX = 32,
	MEMBERS_MAX = 1 << 18, /* that are looked at for one name */
};

struct types {
	struct btf *btf;
	uint32_t first; /* of its own; those before are the ones that it continues */
	uint32_t count;
	uint32_t names_size;
	uint32_t *slots; /* types that have names, by hash; 0: free */
	size_t mask;
};

/* What C calls a tag, and plain names. */
enum space { SPACE_ANY, SPACE_STRUCT, SPACE_UNION, SPACE_ENUM, SPACE_TYPEDEF, SPACE_INT };

static enum space space_of(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
		return SPACE_STRUCT;
	case BTF_KIND_UNION:
		return SPACE_UNION;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return SPACE_ENUM;
	case BTF_KIND_TYPEDEF:
		return SPACE_TYPEDEF;
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
		return SPACE_INT;
	default:
		return SPACE_ANY;
	}
}

static bool names_index(struct types *types)
{
	size_t slots = 16;

	while (slots < (size_t)types->count - types->first)
		slots *= 2;
	slots *= 2;
	types->slots = calloc(slots, sizeof(*types->slots));
	if (!types->slots)
		return false;
	types->mask = slots - 1;
	for (uint32_t id = types->first; id < types->count; id++) {
		const struct btf_type *type = btf__type_by_id(types->btf, id);
		const char *name = btf__name_by_offset(types->btf, type->name_off);

		if (space_of(type) == SPACE_ANY || !name || !*name)
			continue;
		size_t slot = name_hash(name, strlen(name)) & types->mask;
		while (types->slots[slot])
			slot = (slot + 1) & types->mask;
		types->slots[slot] = id;
	}
	return true;
}

/* libbpf declares btf__new_split() and, in 1.1, does not export it: what it takes is a file. */
static struct btf *split_new(const uint8_t *bytes, size_t len, struct btf *base)
{
	struct btf *btf = NULL;
	char path[32];
	int fd = memfd_create("btf", MFD_CLOEXEC);

	if (fd < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, bytes, len) == (ssize_t)len)
		btf = btf__parse_raw_split(path, base);
	close(fd);
	return btf;
}

enum vmi_status types_of_bytes(const uint8_t *bytes, size_t len, const struct types *base,
			       struct types **out, struct vmi_error *err)
{
	uint32_t first = base ? base->count : 1, names = base ? base->names_size : 0, count;
	struct btf_header header;
	enum vmi_status st = btf_check(bytes, len, first, names, &count, err);

	if (st)
		return st;
	struct types *types = calloc(1, sizeof(*types));
	if (!types)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's types");
	types->btf = base ? split_new(bytes, len, base->btf) : btf__new(bytes, (uint32_t)len);
	if (!types->btf) {
		st = errno == ENOMEM ? VMI_ERR_NOMEM : VMI_ERR_CORRUPT;
		free(types);
		return vmi_fail(err, st, "BTF of %zu bytes cannot be parsed", len);
	}
	types->first = first;
	types->count = btf__type_cnt(types->btf);
	memcpy(&header, bytes, sizeof(header));
	types->names_size = names + header.str_len;
	if (!names_index(types)) {
		types_destroy(types);
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the kernel's types");
	}
	*out = types;
	return VMI_OK;
}

void types_destroy(struct types *types)
{
	if (!types)
		return;
	btf__free(types->btf);
	free(types->slots);
	free(types);
}

vmi_type types_count(const struct types *types)
{
	return types->count;
}

uint32_t types_names_size(const struct types *types)
{
	return types->names_size;
}

/* ---- one type ------------------------------------------------------------------------------- */

/* Through const, volatile and the like; NULL: no such type, or they run in a circle. */
static const struct btf_type *plain(const struct types *types, vmi_type *id)
{
	for (unsigned i = 0; i < MODIFIERS_MAX && *id < types->count; i++) {
		const struct btf_type *type = btf__type_by_id(types->btf, *id);

		if (!btf_is_mod(type) && btf_kind(type) != BTF_KIND_TYPE_TAG)
			return type;
		*id = type->type;
	}
	return NULL;
}

/* Through typedefs, too. */
static const struct btf_type *bare(const struct types *types, vmi_type *id)
{
	const struct btf_type *type = plain(types, id);

	for (unsigned i = 0; type && i < MODIFIERS_MAX; i++) {
		if (btf_kind(type) != BTF_KIND_TYPEDEF)
			return type;
		*id = type->type;
		type = plain(types, id);
	}
	return NULL;
}

const char *types_qualifier(const struct types *types, vmi_type *id)
{
	const struct btf_type *type = *id < types->count ? btf__type_by_id(types->btf, *id) : NULL;
	const char *word = NULL;

	if (!type)
		return NULL;
	switch (btf_kind(type)) {
	case BTF_KIND_CONST:
		word = "const";
		break;
	case BTF_KIND_VOLATILE:
		word = "volatile";
		break;
	case BTF_KIND_RESTRICT:
		word = "restrict";
		break;
	case BTF_KIND_TYPE_TAG:
		word = "";
		break;
	default:
		return NULL;
	}
	*id = type->type;
	return word;
}

static enum vmi_status no_type(vmi_type type, struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_ARG, "there is no type %u", type);
}

static const char *name_of(const struct types *types, uint32_t offset)
{
	const char *name = btf__name_by_offset(types->btf, offset);

	return name ? name : "";
}

static void int_info(const struct btf_type *type, struct vmi_type_info *info)
{
	uint8_t encoding = btf_int_encoding(type);

	info->kind = VMI_TYPE_INT;
	info->is_signed = encoding & BTF_INT_SIGNED;
	info->is_bool = encoding & BTF_INT_BOOL;
	/* Compilers do not tell characters from small numbers; their names do. */
	info->is_char = info->size == 1 && !info->is_bool && !strcmp(info->name, "char");
}

static void compound_info(const struct btf_type *type, enum vmi_type_kind kind,
			  struct vmi_type_info *info)
{
	info->kind = kind;
	info->count = btf_vlen(type);
	info->is_signed = kind == VMI_TYPE_ENUM && btf_kflag(type);
}

static void pointing_info(const struct btf_type *type, enum vmi_type_kind kind,
			  struct vmi_type_info *info)
{
	info->kind = kind;
	info->target = type->type;
}

enum vmi_status types_info(const struct types *types, vmi_type id, struct vmi_type_info *info,
			   struct vmi_error *err)
{
	vmi_type asked = id;
	const struct btf_type *type = plain(types, &id);

	if (!type)
		return no_type(asked, err);
	int64_t size = btf__resolve_size(types->btf, id);
	*info = (struct vmi_type_info){.name = name_of(types, type->name_off),
				       .size = size > 0 ? (uint64_t)size : 0};
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		int_info(type, info);
		break;
	case BTF_KIND_FLOAT:
		info->kind = VMI_TYPE_FLOAT;
		break;
	case BTF_KIND_PTR:
		pointing_info(type, VMI_TYPE_POINTER, info);
		break;
	case BTF_KIND_TYPEDEF:
		pointing_info(type, VMI_TYPE_TYPEDEF, info);
		break;
	case BTF_KIND_ARRAY:
		info->kind = VMI_TYPE_ARRAY;
		info->target = btf_array(type)->type;
		info->count = btf_array(type)->nelems;
		break;
	case BTF_KIND_STRUCT:
		compound_info(type, VMI_TYPE_STRUCT, info);
		break;
	case BTF_KIND_UNION:
		compound_info(type, VMI_TYPE_UNION, info);
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		compound_info(type, VMI_TYPE_ENUM, info);
		break;
	case BTF_KIND_FUNC:
	case BTF_KIND_FUNC_PROTO:
		pointing_info(type, VMI_TYPE_FUNCTION, info);
		info->count = btf_is_func_proto(type) ? btf_vlen(type) : 0;
		break;
	case BTF_KIND_FWD:
		info->kind = VMI_TYPE_FORWARD;
		info->is_union = btf_kflag(type);
		break;
	default: /* variables, sections, void */
		info->kind = VMI_TYPE_VOID;
	}
	return VMI_OK;
}

enum vmi_status types_member(const struct types *types, vmi_type id, unsigned index,
			     struct vmi_member *member, struct vmi_error *err)
{
	vmi_type asked = id;
	const struct btf_type *type = bare(types, &id);

	if (!type)
		return no_type(asked, err);
	*member = (struct vmi_member){0};
	if (space_of(type) != SPACE_STRUCT && space_of(type) != SPACE_UNION &&
	    space_of(type) != SPACE_ENUM && !btf_is_func_proto(type))
		return vmi_fail(err, VMI_ERR_ARG, "type %u has no members", asked);
	if (index >= btf_vlen(type))
		return VMI_END;
	if (btf_is_func_proto(type)) {
		const struct btf_param *p = btf_params(type) + index;

		member->name = name_of(types, p->name_off);
		member->type = p->type;
	} else if (btf_kind(type) == BTF_KIND_ENUM) {
		const struct btf_enum *e = btf_enum(type) + index;

		member->name = name_of(types, e->name_off);
		member->value = btf_kflag(type) ? e->val : (int64_t)(uint32_t)e->val;
	} else if (btf_kind(type) == BTF_KIND_ENUM64) {
		const struct btf_enum64 *e = btf_enum64(type) + index;

		member->name = name_of(types, e->name_off);
		member->value = (int64_t)btf_enum64_value(e);
	} else {
		const struct btf_member *m = btf_members(type) + index;

		member->name = name_of(types, m->name_off);
		member->type = m->type;
		member->bit_offset = btf_member_bit_offset(type, index);
		member->bit_size = btf_member_bitfield_size(type, index);
	}
	return VMI_OK;
}

/* ---- by name -------------------------------------------------------------------------------- */

enum vmi_status types_find(const struct types *types, const char *name, vmi_type *found,
			   struct vmi_error *err)
{
	static const struct {
		const char *word;
		enum space space;
	} tags[] = {{"struct ", SPACE_STRUCT}, {"union ", SPACE_UNION}, {"enum ", SPACE_ENUM}};
	enum space want = SPACE_ANY, best = SPACE_ANY;
	const char *plain_name = name;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (!strncmp(name, tags[i].word, strlen(tags[i].word))) {
			want = tags[i].space;
			plain_name = name + strlen(tags[i].word);
		}
	for (size_t slot = name_hash(plain_name, strlen(plain_name)) & types->mask;
	     types->slots[slot]; slot = (slot + 1) & types->mask) {
		const struct btf_type *type = btf__type_by_id(types->btf, types->slots[slot]);
		enum space space = space_of(type);

		if (strcmp(name_of(types, type->name_off), plain_name) ||
		    (want != SPACE_ANY && want != space) || (best != SPACE_ANY && best <= space))
			continue;
		best = space; /* of several, a structure before a typedef */
		*found = types->slots[slot];
	}
	return best != SPACE_ANY
		       ? VMI_OK
		       : vmi_fail(err, VMI_ERR_NOT_FOUND, "the kernel has no type '%s'", name);
}

/* A member that is looked for, and how many more are looked at before that is enough. */
struct wanted {
	const char *name;
	size_t len;
	unsigned left;
};

/* The member of a structure, or of its unnamed members, at any depth. */
static bool member_find(const struct types *types, vmi_type id, struct wanted *wanted,
			unsigned depth, struct vmi_member *found)
{
	const struct btf_type *type = bare(types, &id);

	if (!type || !btf_is_composite(type))
		return false;
	for (unsigned i = 0; i < btf_vlen(type) && wanted->left; i++) {
		struct vmi_member member;

		wanted->left--; /* broken ones may hold themselves, many times each */
		if (types_member(types, id, i, &member, NULL))
			return false;
		bool inside = !*member.name && depth < DEPTH_MAX &&
			      member_find(types, member.type, wanted, depth + 1, found);
		if (inside) {
			found->bit_offset += member.bit_offset;
			return true;
		}
		if (!strncmp(member.name, wanted->name, wanted->len) && !member.name[wanted->len] &&
		    wanted->len) {
			*found = member;
			return true;
		}
	}
	return false;
}

enum vmi_status types_path(const struct types *types, vmi_type type, const char *path,
			   struct vmi_member *member, struct vmi_error *err)
{
	uint64_t bits = 0;
	const char *at = path;

	for (;;) {
		size_t len = strcspn(at, ".");
		struct wanted wanted = {.name = at, .len = len, .left = MEMBERS_MAX};

		if (!member_find(types, type, &wanted, 0, member))
			return vmi_fail(err, VMI_ERR_NOT_FOUND, "there is no member '%s'", path);
		member->bit_offset += bits;
		if (!at[len])
			return VMI_OK;
		bits = member->bit_offset;
		type = member->type;
		at += len + 1;
	}
}
