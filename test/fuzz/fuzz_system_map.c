/* SPDX-License-Identifier: MIT */
/* System.map: any text. What is taken must be found again, by name and by address. */

#include <stdlib.h>

#include "symbols_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symbols symbols;

	symbols_init(&symbols);
	if (!symbols_of_text(&symbols, (const char *)data, size, NULL))
		for (size_t i = 0; i < symbols.count; i++)
			if (!symbols_find(&symbols, symbols_name(&symbols, i)) ||
			    symbols_at(&symbols, symbols.at[i].gva)->gva != symbols.at[i].gva)
				abort();
	symbols_deinit(&symbols);
	return 0;
}
