/* SPDX-License-Identifier: MIT */
/* Symbols for users: those of the kernel, of its modules behind them. */

#include <inttypes.h>
#include <string.h>

#include "module.h"

static void fill(const struct symbols *symbols, const struct symbol *from, const char *module,
		 struct vmi_symbol *symbol)
{
	*symbol = (struct vmi_symbol){
		.gva = from->gva,
		.size = symbols_size(symbols, from),
		.name = symbols_name(symbols, (size_t)(from - symbols->at)),
		.module = module,
		.type = from->type,
	};
}

/* Module `i` of those there are, and its symbols. VMI_END: there is none. */
static enum vmi_status module_at(struct vmi_os *os, size_t i, const struct module **module,
				 const struct symbols **symbols, struct vmi_error *err)
{
	struct modules *modules;
	enum vmi_status st = os_modules(os, &modules, err);

	if (st)
		return st;
	if (i >= modules->count)
		return VMI_END;
	*module = &modules->module[i];
	return module_symbols(os, &modules->module[i], symbols, err);
}

/* Among the modules' symbols, or those of the one whose name is the `len` bytes at `only`. */
static enum vmi_status module_find(struct vmi_os *os, const char *only, size_t len,
				   const char *name, struct vmi_symbol *symbol,
				   struct vmi_error *err)
{
	const struct module *module;
	const struct symbols *symbols;
	enum vmi_status st = VMI_OK;

	for (size_t i = 0; !(st = module_at(os, i, &module, &symbols, err)); i++) {
		if (only &&
		    (strlen(module->info.name) != len || memcmp(module->info.name, only, len) != 0))
			continue;
		const struct symbol *found = symbols_find(symbols, name);
		if (found) {
			fill(symbols, found, module->info.name, symbol);
			return VMI_OK;
		}
	}
	return st == VMI_END ? VMI_ERR_NOT_FOUND : st;
}

enum vmi_status vmi_symbol_find(struct vmi_os *os, const char *name, struct vmi_symbol *symbol,
				struct vmi_error *err)
{
	const char *colon = strchr(name, ':');
	const struct symbol *found = symbols_find(&os->kernel.symbols, name);

	if (found) {
		fill(&os->kernel.symbols, found, NULL, symbol);
		return VMI_OK;
	}
	enum vmi_status st =
		colon ? module_find(os, name, (size_t)(colon - name), colon + 1, symbol, err)
		      : module_find(os, NULL, 0, name, symbol, err);
	if (st == VMI_ERR_NOT_FOUND || st == VMI_ERR_UNSUPPORTED)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "the kernel has no symbol %s%s", name,
				st == VMI_ERR_UNSUPPORTED ? "; its modules cannot be asked" : "");
	return st;
}

/* ---- by address ----------------------------------------------------------------------------- */

/* In a part of a module: a symbol reaches to the part's end at most. */
static bool part_at(const struct module *module, const struct symbols *symbols, vmi_gva gva,
		    struct vmi_symbol *symbol)
{
	for (unsigned i = 0; i < module->part_count; i++) {
		const struct module_part *part = &module->part[i];
		const struct symbol *found = symbols_at(symbols, gva);

		if (gva < part->base || gva - part->base >= part->size || !found ||
		    found->gva < part->base)
			continue;
		fill(symbols, found, module->info.name, symbol);
		uint64_t room = part->size - (found->gva - part->base);
		if (!symbol->size || symbol->size > room)
			symbol->size = room;
		return true;
	}
	return false;
}

enum vmi_status vmi_symbol_at(struct vmi_os *os, vmi_gva gva, struct vmi_symbol *symbol,
			      struct vmi_error *err)
{
	const struct symbols *kernel = &os->kernel.symbols, *symbols;
	const struct symbol *found = symbols_at(kernel, gva);
	const struct module *module;
	enum vmi_status st;

	if (gva >= os->kernel.text && found && found->gva >= os->kernel.text &&
	    symbols_size(kernel, found)) {
		fill(kernel, found, NULL, symbol);
		return VMI_OK;
	}
	for (size_t i = 0; !(st = module_at(os, i, &module, &symbols, err)); i++)
		if (part_at(module, symbols, gva, symbol))
			return VMI_OK;
	if (st == VMI_ERR_NOMEM)
		return st;
	return vmi_fail(err, VMI_ERR_NOT_FOUND, "0x%" PRIx64 " is in no symbol", gva);
}

/* ---- all of them ---------------------------------------------------------------------------- */

enum vmi_status vmi_symbol_next(struct vmi_os *os, size_t *cursor, struct vmi_symbol *symbol)
{
	const struct symbols *symbols = &os->kernel.symbols;
	const struct module *module;
	size_t before = symbols->count;
	struct vmi_error err;
	enum vmi_status st;

	if (*cursor < symbols->count) {
		fill(symbols, &symbols->at[(*cursor)++], NULL, symbol);
		return VMI_OK;
	}
	for (size_t i = 0; !(st = module_at(os, i, &module, &symbols, &err)); i++) {
		if (*cursor - before < symbols->count) {
			fill(symbols, &symbols->at[(*cursor)++ - before], module->info.name,
			     symbol);
			return VMI_OK;
		}
		before += symbols->count;
	}
	if (st != VMI_END)
		os_problem(os, "symbols of modules are left out: %s", err.text);
	return VMI_END;
}
