/* SPDX-License-Identifier: MIT */
/* Symbols for users: those of the kernel, of its modules behind them. */

#include <inttypes.h>
#include <string.h>

#include "os.h"

static void fill(const struct vmi_os *os, const struct symbol *from, struct vmi_symbol *symbol)
{
	const struct symbols *symbols = &os->kernel.symbols;

	*symbol = (struct vmi_symbol){
		.gva = from->gva,
		.size = symbols_size(symbols, from),
		.name = symbols_name(symbols, (size_t)(from - symbols->at)),
		.type = from->type,
	};
}

enum vmi_status vmi_symbol_find(struct vmi_os *os, const char *name, struct vmi_symbol *symbol,
				struct vmi_error *err)
{
	const struct symbol *found = symbols_find(&os->kernel.symbols, name);

	if (!found)
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "the kernel has no symbol %s", name);
	fill(os, found, symbol);
	return VMI_OK;
}

enum vmi_status vmi_symbol_at(struct vmi_os *os, vmi_gva gva, struct vmi_symbol *symbol,
			      struct vmi_error *err)
{
	const struct symbol *found = symbols_at(&os->kernel.symbols, gva);

	if (gva < os->kernel.text || !found || found->gva < os->kernel.text ||
	    !symbols_size(&os->kernel.symbols, found))
		return vmi_fail(err, VMI_ERR_NOT_FOUND, "0x%" PRIx64 " is in no symbol", gva);
	fill(os, found, symbol);
	return VMI_OK;
}

enum vmi_status vmi_symbol_next(struct vmi_os *os, size_t *cursor, struct vmi_symbol *symbol)
{
	if (*cursor >= os->kernel.symbols.count)
		return VMI_END;
	fill(os, &os->kernel.symbols.at[(*cursor)++], symbol);
	return VMI_OK;
}
