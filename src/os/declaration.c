/* SPDX-License-Identifier: MIT */
/*
 * Types as C declares them. A declaration grows around its name: pointers to the left of it, arrays
 * and parameters to the right, in parentheses where a pointer is to one of these. So there is one
 * walk to the innermost type that writes on the way back, then the name, then a second walk that
 * writes on the way in.
 */

#include <stdio.h>
#include <string.h>

#include <vmi/driver.h>

#include "declaration.h"

enum { DEPTH_MAX = 32, QUALIFIERS = 64 };

struct writer {
	const struct types *types;
	char *text;
	size_t size, len;
};

static bool is_full(const struct writer *w)
{
	return w->len + 1 >= w->size;
}

static void put(struct writer *w, const char *word)
{
	size_t len = strlen(word), room = w->size - w->len - 1;

	if (len > room)
		len = room;
	memcpy(w->text + w->len, word, len);
	w->len += len;
	w->text[w->len] = '\0';
}

/* A blank, where what stands before is a word. */
static void part(struct writer *w)
{
	if (w->len && !strchr("*( ])", w->text[w->len - 1]))
		put(w, " ");
}

/* Through what qualifies a type; its words, but tags, are added to `words`. */
static vmi_type unqualified(const struct writer *w, vmi_type type, char words[QUALIFIERS])
{
	const char *word;
	size_t len = strlen(words);

	for (unsigned i = 0; i < DEPTH_MAX && (word = types_qualifier(w->types, &type)); i++)
		if (*word && !strstr(words, word) && len + strlen(word) + 2 < QUALIFIERS)
			len += (size_t)snprintf(words + len, QUALIFIERS - len, "%s%s",
						len ? " " : "", word);
	return type;
}

/* A function of BTF has a name and refers to its prototype. */
static bool info_of(const struct writer *w, vmi_type *type, struct vmi_type_info *info)
{
	for (unsigned i = 0; i < 2; i++) {
		if (types_info(w->types, *type, info, NULL))
			return false;
		if (info->kind != VMI_TYPE_FUNCTION || !*info->name)
			break;
		*type = info->target;
	}
	return true;
}

/* Does a pointer to it need parentheses? */
static bool binds_tighter(const struct writer *w, vmi_type type)
{
	struct vmi_type_info info;

	return info_of(w, &type, &info) &&
	       (info.kind == VMI_TYPE_ARRAY || info.kind == VMI_TYPE_FUNCTION);
}

static void put_innermost(struct writer *w, const struct vmi_type_info *info, const char *words)
{
	const char *tag = "";

	if (*words) {
		put(w, words);
		put(w, " ");
	}
	if (info->kind == VMI_TYPE_STRUCT)
		tag = "struct ";
	else if (info->kind == VMI_TYPE_UNION)
		tag = "union ";
	else if (info->kind == VMI_TYPE_ENUM)
		tag = "enum ";
	else if (info->kind == VMI_TYPE_FORWARD)
		tag = info->is_union ? "union " : "struct ";
	put(w, tag);
	if (*info->name)
		put(w, info->name);
	else
		put(w, *tag ? "{...}" : "void");
}

/* What is left of the name. `inherited` qualifies it from outside: an array's is its elements'. */
static void left(struct writer *w, vmi_type type, const char *inherited, unsigned depth)
{
	char words[QUALIFIERS];
	struct vmi_type_info info;

	snprintf(words, sizeof(words), "%s", inherited);
	type = unqualified(w, type, words);
	if (depth > DEPTH_MAX || !info_of(w, &type, &info)) {
		put(w, "...");
		return;
	}
	if (info.kind == VMI_TYPE_POINTER) {
		left(w, info.target, "", depth + 1);
		part(w);
		put(w, binds_tighter(w, info.target) ? "(*" : "*");
		put(w, words);
	} else if (info.kind == VMI_TYPE_ARRAY) {
		left(w, info.target, words, depth + 1);
	} else if (info.kind == VMI_TYPE_FUNCTION) {
		left(w, info.target, "", depth + 1);
	} else {
		put_innermost(w, &info, words);
	}
}

static void right(struct writer *w, vmi_type type, unsigned depth);

static void declare(struct writer *w, vmi_type type, const char *name, unsigned depth)
{
	left(w, type, "", depth);
	if (*name) {
		part(w);
		put(w, name);
	} else if (binds_tighter(w, type)) {
		part(w);
	}
	right(w, type, depth);
}

static void parameters(struct writer *w, vmi_type function, unsigned depth)
{
	struct vmi_member member;

	put(w, "(");
	for (unsigned i = 0; !is_full(w); i++) {
		if (types_member(w->types, function, i, &member, NULL)) {
			if (!i)
				put(w, "void");
			break;
		}
		if (i)
			put(w, ", ");
		if (member.type)
			declare(w, member.type, member.name, depth + 1);
		else
			put(w, "...");
	}
	put(w, ")");
}

static void right(struct writer *w, vmi_type type, unsigned depth)
{
	char words[QUALIFIERS] = "", count[16];
	struct vmi_type_info info;

	type = unqualified(w, type, words);
	if (depth > DEPTH_MAX || is_full(w) || !info_of(w, &type, &info))
		return;
	if (info.kind == VMI_TYPE_POINTER && binds_tighter(w, info.target)) {
		put(w, ")");
	} else if (info.kind == VMI_TYPE_ARRAY) {
		snprintf(count, sizeof(count), "[%u]", info.count);
		put(w, count);
	} else if (info.kind == VMI_TYPE_FUNCTION) {
		parameters(w, type, depth);
	} else if (info.kind != VMI_TYPE_POINTER) {
		return;
	}
	right(w, info.target, depth + 1);
}

enum vmi_status declaration(const struct types *types, vmi_type type, const char *name, char *text,
			    size_t size, struct vmi_error *err)
{
	struct writer w = {.types = types, .text = text, .size = size};
	struct vmi_type_info info;

	if (!size)
		return vmi_fail(err, VMI_ERR_ARG, "there is no room for a declaration");
	*text = '\0';
	enum vmi_status st = types_info(types, type, &info, err);
	if (!st)
		declare(&w, type, name, 0);
	return st;
}
