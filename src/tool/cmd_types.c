/* SPDX-License-Identifier: MIT */
/* types: the kernel's types by name, and what they are made of, as C has it. */

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "os.h"
#include "text.h"
#include "types.h"

enum {
	DEPTH_MAX = 16,       /* of members without a name in each other */
	MEMBERS_MAX = 100000, /* of a definition with all that it holds */
	COMMENT_COLUMN = 56,
	TAB = 8,
};

static const char body_mark[] = "{...}"; /* vmi_type_declare() writes it for a body */

struct listing {
	struct cli *cli;
	struct vmi_os *os;
	unsigned left; /* members that may still be printed */
};

/* ---- members -------------------------------------------------------------------------------- */

/* Where a member is: a bit field in the storage that C declares, where it lies in one. */
struct place {
	uint64_t offset, size;
	unsigned bit_offset;
};

static struct place place_of(const struct vmi_member *member, const struct vmi_type_info *info)
{
	struct place place = {.offset = member->bit_offset / 8, .size = info->size};
	uint64_t unit = info->size * 8;

	if (!member->bit_size)
		return place;
	place.bit_offset = (unsigned)(member->bit_offset % 8);
	if (unit && member->bit_offset % unit + member->bit_size <= unit) {
		place.offset = member->bit_offset / unit * info->size;
		place.bit_offset = (unsigned)(member->bit_offset % unit);
	}
	return place;
}

/* What a declaration is about, behind pointers, arrays and functions, if it has no name. */
static bool body_of(const struct listing *listing, vmi_type type, vmi_type *body)
{
	struct vmi_type_info info;

	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		if (vmi_type_info(listing->os, type, &info, NULL))
			return false;
		if (type_is_compound(&info) || info.kind == VMI_TYPE_ENUM) {
			*body = type;
			return !*info.name;
		}
		if (info.kind != VMI_TYPE_POINTER && info.kind != VMI_TYPE_ARRAY &&
		    info.kind != VMI_TYPE_FUNCTION)
			return false;
		type = info.target;
	}
	return false;
}

static bool member_at(struct listing *listing, vmi_type type, unsigned index,
		      struct vmi_member *member)
{
	if (!listing->left || listing->cli->out.error ||
	    vmi_type_member(listing->os, type, index, member, NULL))
		return false;
	if (!--listing->left)
		cli_say(listing->cli, "a type has more than %d members: the rest is left out",
			MEMBERS_MAX);
	return true;
}

/* ---- C -------------------------------------------------------------------------------------- */

static void text_members(struct listing *listing, vmi_type type, uint64_t base, unsigned depth);

static void indent(struct out *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		out_char(out, '\t');
}

static void text_place(struct out *out, size_t column, const struct vmi_member *member,
		       const struct place *place, uint64_t base)
{
	out_format(out, "%*s/* %5llu", column < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - column) : 1,
		   "", (unsigned long long)(base + place->offset));
	if (member->bit_size)
		out_format(out, ":%-2u", place->bit_offset);
	else
		out_string(out, "   ");
	out_format(out, " %4llu */", (unsigned long long)place->size);
}

/* One declaration, with its body where it has one; `member` is NULL for a typedef. */
static void text_declaration(struct listing *listing, vmi_type type, const char *declared,
			     const struct vmi_member *member, uint64_t base, unsigned depth)
{
	struct out *out = &listing->cli->out;
	const char *mark = strstr(declared, body_mark), *rest = declared;
	struct vmi_type_info info = {0};
	struct place place = {0};
	vmi_type body;

	if (vmi_type_info(listing->os, type, &info, NULL))
		return;
	if (member)
		place = place_of(member, &info);
	indent(out, depth);
	if (mark && depth < DEPTH_MAX && body_of(listing, type, &body)) {
		bool embedded = type_is_compound(&info);

		text_put(out, declared, (size_t)(mark - declared));
		out_string(out, "{\n");
		text_members(listing, body, embedded ? base + place.offset : 0, depth + 1);
		indent(out, depth);
		out_char(out, '}');
		rest = mark + strlen(body_mark);
	}
	text_put(out, rest, strlen(rest));
	size_t column = depth * TAB + strlen(rest) + 1 + (rest > declared);
	if (member && member->bit_size) {
		out_format(out, ":%u", member->bit_size);
		column += member->bit_size < 10 ? 2 : 3;
	}
	out_char(out, ';');
	if (member)
		text_place(out, column, member, &place, base);
	out_line_end(out);
}

static void text_members(struct listing *listing, vmi_type type, uint64_t base, unsigned depth)
{
	struct out *out = &listing->cli->out;
	char text[DECLARATION_TEXT];
	struct vmi_type_info info;
	struct vmi_member member;

	if (vmi_type_info(listing->os, type, &info, NULL))
		return;
	for (unsigned i = 0; member_at(listing, type, i, &member); i++) {
		if (info.kind == VMI_TYPE_ENUM) {
			indent(out, depth);
			text_put(out, member.name, strlen(member.name));
			out_format(out, info.is_signed ? " = %lld," : " = %llu,",
				   (long long)member.value);
			out_line_end(out);
		} else if (!vmi_type_declare(listing->os, member.type, member.name, text,
					     sizeof(text), NULL)) {
			text_declaration(listing, member.type, text, &member, base, depth);
		}
	}
}

static void text_module(struct out *out, const struct vmi_type_info *info)
{
	if (!info->module)
		return;
	out_string(out, " [");
	text_put(out, info->module, strlen(info->module));
	out_char(out, ']');
}

static void text_size(struct out *out, const struct vmi_type_info *info)
{
	out_format(out, "size %llu", (unsigned long long)info->size);
	text_module(out, info);
	out_string(out, " */");
	out_line_end(out);
}

static void text_definition(struct listing *listing, vmi_type type,
			    const struct vmi_type_info *info)
{
	struct out *out = &listing->cli->out;
	char text[DECLARATION_TEXT];

	if (type_is_compound(info) || info->kind == VMI_TYPE_ENUM) {
		out_string(out, type_tag(info));
		text_put(out, info->name, strlen(info->name));
		out_string(out, " {\n");
		text_members(listing, type, 0, 1);
		out_string(out, "}; /* ");
		text_size(out, info);
	} else if (info->kind == VMI_TYPE_TYPEDEF &&
		   !vmi_type_declare(listing->os, info->target, info->name, text, sizeof(text),
				     NULL)) {
		out_string(out, "typedef ");
		text_declaration(listing, info->target, text, NULL, 0, 0);
	} else {
		out_string(out, type_tag(info));
		text_put(out, info->name, strlen(info->name));
		out_format(out, "; /* %s, ", type_kind_name(info->kind));
		text_size(out, info);
	}
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_members(struct listing *listing, vmi_type type, unsigned depth);

static void json_type(struct listing *listing, vmi_type type)
{
	char text[DECLARATION_TEXT];

	if (vmi_type_declare(listing->os, type, "", text, sizeof(text), NULL))
		return;
	json_key(&listing->cli->out, "type");
	json_text(&listing->cli->out, text, strlen(text));
}

static void json_member(struct listing *listing, const struct vmi_member *member, unsigned depth)
{
	struct out *out = &listing->cli->out;
	struct vmi_type_info info;
	vmi_type body;

	if (vmi_type_info(listing->os, member->type, &info, NULL))
		return;
	struct place place = place_of(member, &info);
	json_type(listing, member->type);
	json_key(out, "offset");
	json_size(out, place.offset);
	json_key(out, "size");
	json_size(out, place.size);
	if (member->bit_size) {
		json_key(out, "bit_offset");
		json_size(out, place.bit_offset);
		json_key(out, "bit_size");
		json_size(out, member->bit_size);
	}
	if (depth < DEPTH_MAX && body_of(listing, member->type, &body))
		json_members(listing, body, depth + 1);
}

/* Members of a member without a name: their offsets count from where it begins. */
static void json_members(struct listing *listing, vmi_type type, unsigned depth)
{
	struct out *out = &listing->cli->out;
	struct vmi_type_info info;
	struct vmi_member member;

	if (vmi_type_info(listing->os, type, &info, NULL))
		return;
	json_key(out, info.kind == VMI_TYPE_ENUM ? "enumerators" : "members");
	json_array_open(out);
	for (unsigned i = 0; member_at(listing, type, i, &member); i++) {
		json_object_open(out);
		json_key(out, "name");
		json_text(out, member.name, strlen(member.name));
		if (info.kind == VMI_TYPE_ENUM) {
			json_key(out, "value");
			json_integer(out, (uint64_t)member.value, info.is_signed);
		} else {
			json_member(listing, &member, depth);
		}
		json_object_close(out);
	}
	json_array_close(out);
}

static void json_one(struct listing *listing, vmi_type type, const struct vmi_type_info *info,
		     bool whole)
{
	struct out *out = &listing->cli->out;
	vmi_type body;

	json_begin(out);
	json_key(out, "name");
	json_text(out, info->name, strlen(info->name));
	json_key(out, "kind");
	json_name(out, type_kind_name(info->kind));
	json_key(out, "size");
	json_size(out, info->size);
	json_key(out, "module");
	if (info->module)
		json_text(out, info->module, strlen(info->module));
	else
		json_null(out);
	if (whole && info->kind == VMI_TYPE_TYPEDEF)
		json_type(listing, info->target);
	if (whole && (type_is_compound(info) || info->kind == VMI_TYPE_ENUM))
		json_members(listing, type, 0);
	else if (whole && info->kind == VMI_TYPE_TYPEDEF && body_of(listing, info->target, &body))
		json_members(listing, body, 0);
	json_end(out);
}

/* ---- which ---------------------------------------------------------------------------------- */

static void print(struct listing *listing, vmi_type type, const struct vmi_type_info *info,
		  bool whole)
{
	struct out *out = &listing->cli->out;

	listing->left = MEMBERS_MAX;
	if (out->json) {
		json_one(listing, type, info, whole);
	} else if (whole) {
		text_definition(listing, type, info);
	} else {
		out_string(out, type_tag(info));
		text_put(out, info->name, strlen(info->name));
		out_format(out, " %llu", (unsigned long long)info->size);
		text_module(out, info);
		out_line_end(out);
	}
}

/* The tag of "struct page", if the word has one. */
static const char *tag_of(const char *word)
{
	static const char *const tags[] = {"struct ", "union ", "enum "};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (!strncmp(word, tags[i], strlen(tags[i])))
			return tags[i];
	return "";
}

/* Is it of a module that the `len` bytes at `name` mean, where these are any? */
static bool module_is(const struct vmi_type_info *info, const char *name, size_t len)
{
	return !len ||
	       (info->module && strlen(info->module) == len && !memcmp(info->module, name, len));
}

/* Names need not be unique: all that match are meant. */
static enum cli_status print_matching(struct listing *listing, const char *word)
{
	const char *colon = strchr(word, ':'), *tagged = colon ? colon + 1 : word;
	const char *tag = tag_of(tagged), *pattern = tagged + strlen(tag);
	bool whole = !strpbrk(pattern, "*?[\\");
	struct vmi_type_info info;
	size_t cursor = 0, printed = 0;
	vmi_type type;

	while (!vmi_type_next(listing->os, &cursor, &type) && !listing->cli->out.error) {
		if (vmi_type_info(listing->os, type, &info, NULL) ||
		    !module_is(&info, word, colon ? (size_t)(colon - word) : 0) ||
		    (*tag && strcmp(tag, type_tag(&info)) != 0) ||
		    (whole ? strcmp(pattern, info.name) : fnmatch(pattern, info.name, 0)) != 0)
			continue;
		print(listing, type, &info, whole);
		printed++;
	}
	if (printed)
		return CLI_DELIVERED;
	cli_say(listing->cli, whole ? "the kernel has no type %s" : "no type is like %s", word);
	return CLI_PARTIAL;
}

static enum cli_status run(struct cli *cli)
{
	struct listing listing = {.cli = cli};
	enum cli_status worst = cli_os(cli, &listing.os);
	struct vmi_error err;
	vmi_type none;

	if (worst)
		return worst;
	/* Types that are not there at all are told from a name that is not. */
	enum vmi_status status = vmi_type_find(listing.os, "int", &none, &err);
	if (status == VMI_ERR_UNSUPPORTED)
		return cli_failure(cli, status, &err);
	if (!cli->arg_count)
		return print_matching(&listing, "*");
	for (unsigned i = 0; i < cli->arg_count; i++) {
		enum cli_status failed = print_matching(&listing, cli->args[i]);

		worst = failed ? failed : worst;
	}
	return worst ? worst : cli_os_end(cli);
}

const struct command command_types = {
	.name = "types",
	.args = "[PATTERN|TYPE]...",
	.summary = "types of the kernel and its modules, and what they are made of",
	.help = "Show the kernel's types of that name as C has them, with the offset and the size\n"
		"of each member in bytes; of a bit field, with its first bit in what C declares.\n"
		"TYPE is a name, or one behind struct, union or enum in the same word; \"module:\" in\n"
		"front of it means that module's only. A shell pattern lists the names that it\n"
		"matches, with their sizes.",
	.options = OPTIONS_OS,
	.run = run,
};
