/* SPDX-License-Identifier: MIT */
/* Fuzz target: the Windows driver, its headers, bitmap and ranges, and what it looks up in memory.
 */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("windows", data, size);
	return 0;
}
