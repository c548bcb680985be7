/* SPDX-License-Identifier: MIT */
/*
 * A type of DWARF into BTF. A kernel's units repeat the same types a thousand times, so what has a
 * name is made once for its kind, name and size. What a pointer points to is not followed when it
 * is a structure with a name: it is declared only, so that no structure leads to itself, and libbpf
 * ties declarations and definitions together in the end.
 */

#include <dwarf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "dwarf_type.h"

enum {
	DEPTH_MAX = 64,
	PARAMETERS_MAX = 64,
	DIMENSIONS_MAX = 8,
	NAME_BITS = 27, /* of a name's place among the strings, which BTF limits to 2^24 */
};

/* ---- what was made: by kind, name and size, or by kind and what is referred to --------------- */

static int made_find(const struct maker *m, uint64_t key)
{
	const uint64_t *id = map_find(&m->made, key);

	return id ? (int)*id : -ENOENT;
}

/* Remember `id`, which may be an errno; it is returned. */
static int made_keep(struct maker *m, uint64_t key, int id)
{
	uint64_t *old = map_find(&m->made, key);

	if (id < 0)
		return id;
	if (old)
		*old = (uint64_t)id;
	else if (!map_add(&m->made, key, (uint64_t)id))
		return -ENOMEM;
	return id;
}

static uint64_t key_of(unsigned kind, uint64_t name, uint64_t size)
{
	return (uint64_t)kind << (NAME_BITS + 32) | name << 32 | (size & UINT32_MAX);
}

/* ---- attributes ----------------------------------------------------------------------------- */

static const char *name_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *name =
		dwarf_attr(die, DW_AT_name, &attribute) ? dwarf_formstring(&attribute) : NULL;

	return name ? name : "";
}

static bool number_of(Dwarf_Die *die, unsigned which, uint64_t *value)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, which, &attribute) && !dwarf_formudata(&attribute, value);
}

static uint64_t size_of(Dwarf_Die *die)
{
	uint64_t size;

	return number_of(die, DW_AT_byte_size, &size) ? size : 0;
}

/* What the DIE's type is; false: void. */
static bool target_of(Dwarf_Die *die, Dwarf_Die *target)
{
	Dwarf_Attribute attribute;

	return dwarf_attr(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, target);
}

static bool is_compound(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

static int target_make(struct maker *m, Dwarf_Die *die)
{
	Dwarf_Die target;

	return target_of(die, &target) ? type_make(m, &target) : 0;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static int forward_make(struct maker *m, Dwarf_Die *die, const char *name)
{
	bool is_union = dwarf_tag(die) == DW_TAG_union_type;
	int at = btf__add_str(m->btf, name);

	if (at < 0)
		return at;
	uint64_t key = key_of(BTF_KIND_FWD, (uint64_t)at, is_union);
	int id = made_find(m, key);
	return id >= 0 ? id
		       : made_keep(m, key,
				   btf__add_fwd(m->btf, name,
						is_union ? BTF_FWD_UNION : BTF_FWD_STRUCT));
}

/* BTF's kind of what refers to another type and to nothing else; 0: another. */
static unsigned reference_kind(int tag)
{
	switch (tag) {
	case DW_TAG_pointer_type:
		return BTF_KIND_PTR;
	case DW_TAG_const_type:
		return BTF_KIND_CONST;
	case DW_TAG_volatile_type:
		return BTF_KIND_VOLATILE;
	case DW_TAG_restrict_type:
		return BTF_KIND_RESTRICT;
	default:
		return 0;
	}
}

/* Made once for each target, which may be an errno. */
static int reference_make(struct maker *m, unsigned kind, int target)
{
	if (target < 0)
		return target;
	uint64_t key = key_of(kind, 0, (uint64_t)target);
	int id = made_find(m, key);
	if (id >= 0)
		return id;
	switch (kind) {
	case BTF_KIND_CONST:
		return made_keep(m, key, btf__add_const(m->btf, target));
	case BTF_KIND_VOLATILE:
		return made_keep(m, key, btf__add_volatile(m->btf, target));
	case BTF_KIND_RESTRICT:
		return made_keep(m, key, btf__add_restrict(m->btf, target));
	default:
		return made_keep(m, key, btf__add_ptr(m->btf, target));
	}
}

/* What is pointed to: a structure that has a name, also behind typedefs, is declared only. */
static int pointee_make(struct maker *m, Dwarf_Die *die)
{
	Dwarf_Die target, bare, next;

	if (!target_of(die, &target))
		return 0;
	unsigned kind = reference_kind(dwarf_tag(&target));
	if (kind && kind != BTF_KIND_PTR)
		return reference_make(m, kind, pointee_make(m, &target));
	bare = target;
	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		int tag = dwarf_tag(&bare);

		if ((tag != DW_TAG_typedef && !reference_kind(tag)) || tag == DW_TAG_pointer_type ||
		    !target_of(&bare, &next))
			break;
		bare = next;
	}
	if (is_compound(dwarf_tag(&bare)) && *name_of(&bare))
		return forward_make(m, &bare, name_of(&bare));
	return type_make(m, &target);
}

static int base_make(struct maker *m, Dwarf_Die *die, const char *name)
{
	uint64_t encoding = 0, size = size_of(die);

	number_of(die, DW_AT_encoding, &encoding);
	switch (encoding) {
	case DW_ATE_float:
		return btf__add_float(m->btf, name, size);
	case DW_ATE_boolean:
		return btf__add_int(m->btf, name, size, BTF_INT_BOOL);
	case DW_ATE_signed:
	case DW_ATE_signed_char:
		return btf__add_int(m->btf, name, size, BTF_INT_SIGNED);
	default:
		return btf__add_int(m->btf, name, size, 0);
	}
}

/* False: it is no enumerator. Compilers give values a sign in forms that say so only. */
static bool enumerator_value(Dwarf_Die *die, int64_t *value, bool *is_negative)
{
	Dwarf_Attribute attribute;

	if (dwarf_tag(die) != DW_TAG_enumerator || !dwarf_attr(die, DW_AT_const_value, &attribute))
		return false;
	unsigned form = dwarf_whatform(&attribute);
	bool is_signed = form == DW_FORM_sdata || form == DW_FORM_implicit_const;
	if (is_signed ? dwarf_formsdata(&attribute, value)
		      : dwarf_formudata(&attribute, (uint64_t *)value))
		return false;
	*is_negative = is_signed && *value < 0;
	return true;
}

static bool has_negative(Dwarf_Die *die)
{
	Dwarf_Die child;
	int64_t value;
	bool is = false;

	for (int more = dwarf_child(die, &child); !more && !is;
	     more = dwarf_siblingof(&child, &child))
		enumerator_value(&child, &value, &is);
	return is;
}

static int enum_make(struct maker *m, Dwarf_Die *die, const char *name)
{
	uint64_t size = dwarf_hasattr(die, DW_AT_declaration) ? 4 : size_of(die);
	bool wide = size > 4;
	Dwarf_Die child;
	int64_t value;
	bool is_negative;
	int id = wide ? btf__add_enum64(m->btf, name, (uint32_t)size, has_negative(die))
		      : btf__add_enum(m->btf, name, (uint32_t)size);

	for (int more = id < 0 ? 1 : dwarf_child(die, &child); !more;
	     more = dwarf_siblingof(&child, &child)) {
		if (!enumerator_value(&child, &value, &is_negative))
			continue;
		int st = wide ? btf__add_enum64_value(m->btf, name_of(&child), (uint64_t)value)
			      : btf__add_enum_value(m->btf, name_of(&child), value);
		if (st)
			return st;
	}
	return id;
}

static int array_make(struct maker *m, Dwarf_Die *die)
{
	static const char index_name[] = "__ARRAY_SIZE_TYPE__";
	uint32_t counts[DIMENSIONS_MAX];
	unsigned dimensions = 0;
	Dwarf_Die child;
	int id = target_make(m, die);

	if (id < 0)
		return id;
	for (int more = dwarf_child(die, &child); !more; more = dwarf_siblingof(&child, &child)) {
		uint64_t count = 0;

		if (dwarf_tag(&child) != DW_TAG_subrange_type)
			continue;
		if (dimensions == DIMENSIONS_MAX)
			return -E2BIG;
		/* Without a bound it is a flexible array. */
		if (!number_of(&child, DW_AT_count, &count) &&
		    number_of(&child, DW_AT_upper_bound, &count))
			count++;
		counts[dimensions++] = (uint32_t)count;
	}
	uint64_t key = key_of(BTF_KIND_INT, 0, 0);
	int index = made_find(m, key);
	if (index < 0)
		index = made_keep(m, key, btf__add_int(m->btf, index_name, 4, 0));
	while (id >= 0 && index >= 0 && dimensions)
		id = btf__add_array(m->btf, index, id, counts[--dimensions]);
	return index < 0 ? index : id;
}

static int function_make(struct maker *m, Dwarf_Die *die)
{
	int parameters[PARAMETERS_MAX];
	unsigned count = 0;
	Dwarf_Die child;
	int result = pointee_make(m, die);

	for (int more = result < 0 ? 1 : dwarf_child(die, &child); !more && count < PARAMETERS_MAX;
	     more = dwarf_siblingof(&child, &child)) {
		int tag = dwarf_tag(&child);

		if (tag != DW_TAG_formal_parameter && tag != DW_TAG_unspecified_parameters)
			continue;
		parameters[count] = tag == DW_TAG_formal_parameter ? pointee_make(m, &child) : 0;
		if (parameters[count++] < 0)
			return parameters[count - 1];
	}
	if (result < 0)
		return result;
	int id = btf__add_func_proto(m->btf, result);
	for (unsigned i = 0; id >= 0 && i < count; i++) {
		int st = btf__add_func_param(m->btf, NULL, parameters[i]);

		if (st)
			return st;
	}
	return id;
}

/* ---- structures ----------------------------------------------------------------------------- */

struct member {
	const char *name;
	int type;
	uint32_t bit_offset, bit_size;
};

/* Where a member is, in bytes; compilers of long ago say it as an expression. */
static uint64_t location_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Op *expression;
	uint64_t value;
	size_t len;

	if (!dwarf_attr(die, DW_AT_data_member_location, &attribute))
		return 0;
	if (!dwarf_formudata(&attribute, &value))
		return value;
	if (!dwarf_getlocation(&attribute, &expression, &len) && len == 1 &&
	    expression->atom == DW_OP_plus_uconst)
		return expression->number;
	return 0;
}

static int member_make(struct maker *m, Dwarf_Die *die, struct member *member)
{
	uint64_t at = location_of(die) * 8, bits = 0, value;

	if (number_of(die, DW_AT_bit_size, &bits)) {
		uint64_t unit = size_of(die) * 8;

		if (number_of(die, DW_AT_data_bit_offset, &value))
			at = value;
		else if (number_of(die, DW_AT_bit_offset, &value) && unit >= value + bits)
			at += unit - value - bits; /* counted from the highest bit */
	}
	*member = (struct member){.name = name_of(die),
				  .type = target_make(m, die),
				  .bit_offset = (uint32_t)at,
				  .bit_size = (uint32_t)bits};
	return member->type < 0 ? member->type : at > UINT32_MAX || bits > 255 ? -E2BIG : 0;
}

/* Members first: whatever is added to BTF behind a structure would come between them. */
static int members_make(struct maker *m, Dwarf_Die *die, struct member **members, size_t *count)
{
	Dwarf_Die child;
	size_t room = 0;

	for (int more = dwarf_child(die, &child); !more; more = dwarf_siblingof(&child, &child)) {
		if (dwarf_tag(&child) != DW_TAG_member)
			continue;
		if (*count == room) {
			room = room ? 2 * room : 32;
			struct member *grown = realloc(*members, room * sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			*members = grown;
		}
		int st = member_make(m, &child, &(*members)[*count]);
		if (st)
			return st;
		(*count)++;
	}
	return 0;
}

static int compound_make(struct maker *m, Dwarf_Die *die, const char *name)
{
	struct member *members = NULL;
	size_t count = 0;
	bool is_union = dwarf_tag(die) == DW_TAG_union_type;
	uint32_t size = (uint32_t)size_of(die);

	if (dwarf_hasattr(die, DW_AT_declaration))
		return forward_make(m, die, name);
	int id = members_make(m, die, &members, &count);
	if (!id)
		id = is_union ? btf__add_union(m->btf, name, size)
			      : btf__add_struct(m->btf, name, size);
	for (size_t i = 0; id >= 0 && i < count; i++) {
		int st = btf__add_field(m->btf, members[i].name, members[i].type,
					members[i].bit_offset, members[i].bit_size);

		if (st)
			id = st;
	}
	free(members);
	return id;
}

/* ---- all kinds ------------------------------------------------------------------------------ */

static int typedef_make(struct maker *m, Dwarf_Die *die, const char *name)
{
	int target = target_make(m, die);

	return target < 0 ? target : btf__add_typedef(m->btf, name, target);
}

static int named_make(struct maker *m, Dwarf_Die *die, int tag, const char *name)
{
	switch (tag) {
	case DW_TAG_base_type:
		return base_make(m, die, name);
	case DW_TAG_enumeration_type:
		return enum_make(m, die, name);
	case DW_TAG_typedef:
		return typedef_make(m, die, name);
	default:
		return compound_make(m, die, name);
	}
}

/* What has a name is made once; without one, each time. */
static int maybe_named_make(struct maker *m, Dwarf_Die *die, int tag)
{
	const char *name = name_of(die);

	if (!*name)
		return named_make(m, die, tag, NULL);
	int at = btf__add_str(m->btf, name);
	if (at < 0 || at >= 1 << NAME_BITS)
		return at < 0 ? at : -E2BIG;
	unsigned kind = tag == DW_TAG_base_type          ? BTF_KIND_INT
			: tag == DW_TAG_enumeration_type ? BTF_KIND_ENUM
			: tag == DW_TAG_typedef          ? BTF_KIND_TYPEDEF
			: tag == DW_TAG_union_type       ? BTF_KIND_UNION
							 : BTF_KIND_STRUCT;
	uint64_t key = key_of(kind, (uint64_t)at, size_of(die));
	int id = made_find(m, key);
	return id >= 0 ? id : made_keep(m, key, named_make(m, die, tag, name));
}

static int kind_make(struct maker *m, Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	switch (tag) {
	case DW_TAG_base_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_typedef:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		return maybe_named_make(m, die, tag);
	case DW_TAG_pointer_type:
		return reference_make(m, BTF_KIND_PTR, pointee_make(m, die));
	case DW_TAG_const_type:
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
		return reference_make(m, reference_kind(tag), target_make(m, die));
	case DW_TAG_array_type:
		return array_make(m, die);
	case DW_TAG_subroutine_type:
		return function_make(m, die);
	default:
		return target_make(m, die);
	}
}

int type_make(struct maker *m, Dwarf_Die *die)
{
	if (m->depth == DEPTH_MAX)
		return -ELOOP;
	m->depth++;
	int id = kind_make(m, die);
	m->depth--;
	return id;
}

bool type_is_wanted(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return (is_compound(tag) || tag == DW_TAG_enumeration_type || tag == DW_TAG_typedef) &&
	       *name_of(die) && !dwarf_hasattr(die, DW_AT_declaration);
}
