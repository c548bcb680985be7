/* SPDX-License-Identifier: MIT */
/* BTF, looked through before another library is handed it. */

#include <linux/btf.h>
#include <string.h>

#include "btf.h"

enum { TYPES_MAX = 16 << 20 };

struct check {
	const uint8_t *types;
	uint32_t types_len, names_len;
	uint32_t base_names, count;
	struct vmi_error *err;
};

static bool name_ok(const struct check *c, uint32_t name)
{
	return name < c->base_names || name - c->base_names < c->names_len;
}

/* How much follows a type: `each` bytes for each of its vlen. */
static bool tail_of(unsigned kind, unsigned vlen, uint32_t *len)
{
	uint32_t each = 0, once = 0;

	switch (kind) {
	case BTF_KIND_INT:
		once = sizeof(uint32_t);
		break;
	case BTF_KIND_ARRAY:
		once = sizeof(struct btf_array);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		each = sizeof(struct btf_member);
		break;
	case BTF_KIND_ENUM:
		each = sizeof(struct btf_enum);
		break;
	case BTF_KIND_FUNC_PROTO:
		each = sizeof(struct btf_param);
		break;
	case BTF_KIND_VAR:
		once = sizeof(struct btf_var);
		break;
	case BTF_KIND_DATASEC:
		each = sizeof(struct btf_var_secinfo);
		break;
	case BTF_KIND_DECL_TAG:
		once = sizeof(struct btf_decl_tag);
		break;
	case BTF_KIND_ENUM64:
		each = sizeof(struct btf_enum64);
		break;
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		break;
	default:
		return false;
	}
	*len = once + each * vlen;
	return true;
}

static bool refers(unsigned kind)
{
	switch (kind) {
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FUNC_PROTO:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
	case BTF_KIND_TYPE_TAG:
		return true;
	default:
		return false;
	}
}

static uint32_t word(const uint8_t *p, unsigned i)
{
	uint32_t value;

	memcpy(&value, p + i * 4, 4);
	return value;
}

/* The names and types that the tail of a type tells. */
static bool tail_ok(const struct check *c, unsigned kind, unsigned vlen, const uint8_t *tail)
{
	switch (kind) {
	case BTF_KIND_ARRAY:
		return word(tail, 0) < c->count && word(tail, 1) < c->count;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (unsigned i = 0; i < vlen; i++)
			if (!name_ok(c, word(tail, 3 * i)) || word(tail, 3 * i + 1) >= c->count)
				return false;
		return true;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		for (unsigned i = 0; i < vlen; i++)
			if (!name_ok(c, word(tail, 2 * i)) ||
			    (kind == BTF_KIND_FUNC_PROTO && word(tail, 2 * i + 1) >= c->count))
				return false;
		return true;
	case BTF_KIND_ENUM64:
		for (unsigned i = 0; i < vlen; i++)
			if (!name_ok(c, word(tail, 3 * i)))
				return false;
		return true;
	case BTF_KIND_DATASEC:
		for (unsigned i = 0; i < vlen; i++)
			if (word(tail, 3 * i) >= c->count)
				return false;
		return true;
	default:
		return true;
	}
}

/* One walk that counts, and one that looks at what the types refer to. */
static enum vmi_status types_walk(struct check *c, uint32_t first, bool look, uint32_t *count)
{
	uint32_t at = 0, tail;

	*count = first;
	while (at < c->types_len) {
		if (c->types_len - at < sizeof(struct btf_type))
			return vmi_fail(c->err, VMI_ERR_CORRUPT, "BTF: type %u is cut off", *count);
		const uint8_t *type = c->types + at;
		unsigned kind = word(type, 1) >> 24 & 0x1f, vlen = word(type, 1) & 0xffff;
		if (!tail_of(kind, vlen, &tail))
			return vmi_fail(c->err, VMI_ERR_CORRUPT,
					"BTF: type %u is of unknown kind %u", *count, kind);
		at += (uint32_t)sizeof(struct btf_type);
		if (c->types_len - at < tail || *count >= TYPES_MAX)
			return vmi_fail(c->err, VMI_ERR_CORRUPT, "BTF: type %u is cut off", *count);
		if (look &&
		    (!name_ok(c, word(type, 0)) || (refers(kind) && word(type, 2) >= c->count) ||
		     !tail_ok(c, kind, vlen, c->types + at)))
			return vmi_fail(c->err, VMI_ERR_CORRUPT,
					"BTF: type %u refers to what is not there", *count);
		at += tail;
		(*count)++;
	}
	return VMI_OK;
}

enum vmi_status btf_check(const uint8_t *bytes, size_t len, uint32_t base_types,
			  uint32_t base_names, uint32_t *types, struct vmi_error *err)
{
	struct btf_header header;
	struct check c = {.base_names = base_names, .err = err};

	if (len < sizeof(header) || len > UINT32_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "BTF: %zu bytes are no BTF", len);
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != BTF_MAGIC || header.version != 1 || header.hdr_len < sizeof(header) ||
	    header.hdr_len > len)
		return vmi_fail(err, VMI_ERR_CORRUPT, "BTF: it has no header that we know");
	size_t rest = len - header.hdr_len;
	if (header.type_off > rest || header.type_len > rest - header.type_off ||
	    header.str_off > rest || header.str_len > rest - header.str_off ||
	    (header.type_off & 3) || (header.hdr_len & 3))
		return vmi_fail(err, VMI_ERR_CORRUPT, "BTF: its parts end past its end");
	const uint8_t *names = bytes + header.hdr_len + header.str_off;
	if (!header.str_len || names[header.str_len - 1] || (!base_names && names[0]))
		return vmi_fail(err, VMI_ERR_CORRUPT, "BTF: its names are not terminated");
	c.types = bytes + header.hdr_len + header.type_off;
	c.types_len = header.type_len;
	c.names_len = header.str_len;
	enum vmi_status st = types_walk(&c, base_types, false, &c.count);
	if (!st)
		st = types_walk(&c, base_types, true, types);
	return st;
}
