/* SPDX-License-Identifier: MIT */
/* The kernel's table of symbols: any bytes around any tokens. The first byte is a pointer's size.
 */

#include <stdlib.h>

#include "kallsyms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t from = 0, found;

	if (size < 1)
		return 0;
	struct kallsyms_window window = {
		.bytes = data + 1, .len = size - 1, .pointer_size = *data & 1 ? 4 : 8};
	while ((found = kallsyms_tokens_find(window.bytes, window.len, from)) != SIZE_MAX) {
		struct symbols symbols;

		window.tokens = found;
		symbols_init(&symbols);
		if (!kallsyms_decode(&window, &symbols, NULL) && symbols_finish(&symbols))
			for (size_t i = 0; i < symbols.count; i++)
				if (!symbols_find(&symbols, symbols_name(&symbols, i)) ||
				    symbols_at(&symbols, symbols.at[i].gva)->gva !=
					    symbols.at[i].gva)
					abort();
		symbols_deinit(&symbols);
		from = found + KALLSYMS_TOKENS_MAX;
	}
	return 0;
}
