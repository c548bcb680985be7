/* SPDX-License-Identifier: MIT */
/*
 * Symbols of a module: the ELF symbols that the kernel keeps of its file (struct mod_kallsyms,
 * since 4.5), with letters as nm has them in an array of their own since 5.2 and in st_info before.
 * As /proc/kallsyms has it, the letter is large where the symbol is among the exported ones.
 */

#include <ctype.h>
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "module.h"

enum {
	SYMBOLS_MAX = 1 << 20, /* of a module */
	NAMES_MAX = 64 << 20,
	NAME_MAX_LEN = 512, /* KSYM_NAME_LEN, include/linux/kallsyms.h */
	EXPORTS_MAX = 1 << 16,
	EXPORT_SIZE_MAX = 64,
	ALIASES_MAX = 8, /* exports of one address that are looked at */
};

struct symbol_fields {
	struct field kallsyms, syms, num_syms;                       /* struct module */
	struct field symtab, num_symtab, strtab, typetab;            /* struct mod_kallsyms */
	struct field export, value, value_offset, name, name_offset; /* struct kernel_symbol */
};

#define TO(member) offsetof(struct symbol_fields, member)

static enum vmi_status resolve(struct vmi_os *os, struct symbol_fields *fields,
			       struct vmi_error *err)
{
	static const struct field_want wants[] = {
		{"module", "kallsyms", TO(kallsyms), false},
		{"module", "syms", TO(syms), true},
		{"module", "num_syms", TO(num_syms), true},
		{"mod_kallsyms", "symtab", TO(symtab), false},
		{"mod_kallsyms", "num_symtab", TO(num_symtab), false},
		{"mod_kallsyms", "strtab", TO(strtab), false},
		{"mod_kallsyms", "typetab", TO(typetab), true},
		{"kernel_symbol", "", TO(export), true},
		/* With and without CONFIG_HAVE_ARCH_PREL32_RELOCATIONS. */
		{"kernel_symbol", "value", TO(value), true},
		{"kernel_symbol", "value_offset", TO(value_offset), true},
		{"kernel_symbol", "name", TO(name), true},
		{"kernel_symbol", "name_offset", TO(name_offset), true},
	};

	return fields_resolve(os, wants, sizeof(wants) / sizeof(wants[0]), fields, err);
}

static enum vmi_status no_memory(struct vmi_error *err)
{
	return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for symbols of modules");
}

/* Modules that share their tables could have more symbols than there is memory in the world. */
static enum vmi_status spend(struct vmi_os *os, uint64_t bytes, struct vmi_error *err)
{
	if (bytes > os->modules->left)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"with those of other modules they are more than memory can hold");
	os->modules->left -= bytes;
	return VMI_OK;
}

/* ---- what it exports ------------------------------------------------------------------------ */

struct exported {
	uint64_t value, name;
};

static int by_value(const void *a, const void *b)
{
	const struct exported *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* A member, or one that counts from where it is itself. */
static uint64_t reference(const struct field *absolute, const struct field *relative,
			  const uint8_t *bytes, size_t size, vmi_gva at)
{
	if (absolute->is_there)
		return field_get(absolute, bytes, size);
	return at + relative->offset + (uint64_t)(int64_t)(int32_t)field_get(relative, bytes, size);
}

/* Sorted by value. What cannot be read is as if it was not exported. */
static struct exported *exports_read(struct vmi_os *os, const struct symbol_fields *fields,
				     vmi_gva module, size_t *count)
{
	uint64_t table, number;
	uint8_t bytes[EXPORT_SIZE_MAX];
	size_t size = (size_t)fields->export.size;

	*count = 0;
	if (!fields->syms.is_there || !fields->num_syms.is_there || !size || size > sizeof(bytes) ||
	    field_read(os, module, &fields->syms, &table, NULL) ||
	    field_read(os, module, &fields->num_syms, &number, NULL) || number > EXPORTS_MAX ||
	    spend(os, number * size, NULL))
		return NULL;
	struct exported *exports = calloc((size_t)number + 1, sizeof(*exports));
	for (uint64_t i = 0; exports && i < number; i++) {
		vmi_gva at = table + i * size;

		if (os_read(os, at, bytes, size, NULL))
			break;
		exports[(*count)++] = (struct exported){
			.value = reference(&fields->value, &fields->value_offset, bytes, size, at),
			.name = reference(&fields->name, &fields->name_offset, bytes, size, at),
		};
	}
	if (*count)
		qsort(exports, *count, sizeof(*exports), by_value);
	return exports;
}

static bool is_exported(struct vmi_os *os, const struct exported *exports, size_t count,
			uint64_t value, const char *name)
{
	size_t low = 0, high = count, len = strlen(name) + 1, aliases = 0;
	char there[NAME_MAX_LEN];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (exports[middle].value < value)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && exports[low].value == value && aliases++ < ALIASES_MAX; low++)
		if (len <= sizeof(there) && !os_read(os, exports[low].name, there, len, NULL) &&
		    !memcmp(there, name, len))
			return true;
	return false;
}

/* ---- the table ------------------------------------------------------------------------------ */

struct table {
	uint8_t *symbols, *types; /* types may be NULL */
	char *names;
	size_t count, size; /* of a symbol */
	size_t names_len;
};

static void table_free(struct table *t)
{
	free(t->symbols);
	free(t->types);
	free(t->names);
}

static uint32_t name_of(const struct table *t, size_t i)
{
	uint32_t name;

	/* st_name is the first in both classes. */
	memcpy(&name, t->symbols + i * t->size, sizeof(name));
	return name;
}

/* Names end with the last one, whose length is not told. */
static enum vmi_status names_read(struct vmi_os *os, vmi_gva at, struct table *t,
				  struct vmi_error *err)
{
	size_t last = 0;

	for (size_t i = 0; i < t->count; i++)
		if (name_of(t, i) > last)
			last = name_of(t, i);
	if (last > NAMES_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "a name 0x%zx bytes behind the first", last);
	enum vmi_status st = spend(os, last, err);
	if (st)
		return st;
	t->names = malloc(last + NAME_MAX_LEN);
	if (!t->names)
		return no_memory(err);
	st = vmi_read_bytes(os->vm, &os->kernel.space, at, t->names, last + NAME_MAX_LEN,
			    &t->names_len, err);
	return t->names_len > last ? VMI_OK : st;
}

static enum vmi_status table_read(struct vmi_os *os, const struct symbol_fields *fields,
				  vmi_gva module, struct table *t, struct vmi_error *err)
{
	uint64_t kallsyms, symtab, count, strtab, typetab = 0;
	enum vmi_status st = field_read(os, module, &fields->kallsyms, &kallsyms, err);

	if (!st)
		st = field_read(os, kallsyms, &fields->symtab, &symtab, err);
	if (!st)
		st = field_read(os, kallsyms, &fields->num_symtab, &count, err);
	if (!st)
		st = field_read(os, kallsyms, &fields->strtab, &strtab, err);
	if (!st && fields->typetab.is_there)
		st = field_read(os, kallsyms, &fields->typetab, &typetab, err);
	if (st)
		return st;
	if (count > SYMBOLS_MAX)
		return vmi_fail(err, VMI_ERR_CORRUPT, "%" PRIu64 " symbols", count);
	t->size = os->kernel.pointer_size == 4 ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym);
	t->count = (size_t)count;
	st = spend(os, t->count * t->size, err);
	if (st)
		return st;
	t->symbols = malloc(t->count * t->size + 1);
	t->types = typetab ? malloc(t->count + 1) : NULL;
	if (!t->symbols || (typetab && !t->types))
		return no_memory(err);
	st = os_read(os, symtab, t->symbols, t->count * t->size, err);
	if (!st && typetab)
		st = os_read(os, typetab, t->types, t->count, err);
	return st ? st : names_read(os, strtab, t, err);
}

/* Symbol `i`; false: one without a name, as the first. */
static bool symbol_get(const struct table *t, size_t i, uint64_t *value, char *type,
		       const char **name)
{
	const uint8_t *bytes = t->symbols + i * t->size;
	uint32_t at = name_of(t, i);
	uint8_t info;

	if (t->size == sizeof(Elf32_Sym)) {
		Elf32_Sym symbol;

		memcpy(&symbol, bytes, sizeof(symbol));
		*value = symbol.st_value;
		info = symbol.st_info;
	} else {
		Elf64_Sym symbol;

		memcpy(&symbol, bytes, sizeof(symbol));
		*value = symbol.st_value;
		info = symbol.st_info;
	}
	*type = (char)(t->types ? t->types[i] : info);
	*name = t->names + at;
	return at < t->names_len && **name && memchr(*name, 0, t->names_len - at) &&
	       isprint((unsigned char)*type);
}

static enum vmi_status load(struct vmi_os *os, struct module *module, struct vmi_error *err)
{
	struct symbol_fields fields;
	struct table table = {0};
	size_t exports_count;
	enum vmi_status st = resolve(os, &fields, err);

	if (!st)
		st = table_read(os, &fields, module->info.module, &table, err);
	if (st) {
		table_free(&table);
		return st;
	}
	struct exported *exports = exports_read(os, &fields, module->info.module, &exports_count);
	for (size_t i = 0; !st && i < table.count; i++) {
		uint64_t value;
		const char *name;
		char type;

		if (!symbol_get(&table, i, &value, &type, &name))
			continue;
		bool is_global = is_exported(os, exports, exports_count, value, name);
		type = (char)(is_global ? toupper(type) : tolower(type));
		st = spend(os, strlen(name), err);
		if (!st && !symbols_add(&module->symbols, value, type, name, strlen(name)))
			st = no_memory(err);
	}
	if (!st && !symbols_finish(&module->symbols))
		st = no_memory(err);
	if (st)
		symbols_deinit(&module->symbols);
	free(exports);
	table_free(&table);
	return st;
}

enum vmi_status module_symbols(struct vmi_os *os, struct module *module,
			       const struct symbols **symbols, struct vmi_error *err)
{
	struct vmi_error why;

	*symbols = &module->symbols;
	if (module->has_symbols || !module->is_formed)
		return VMI_OK;
	module->has_symbols = true;
	enum vmi_status st = load(os, module, &why);
	if (st == VMI_ERR_NOMEM)
		return vmi_fail(err, st, "%s", why.text);
	if (st)
		os_problem(os, "symbols of the module %s: %s", module->info.name, why.text);
	return VMI_OK;
}
