/* SPDX-License-Identifier: MIT */
/* Fuzz target: the ELF driver, its tables, notes and segments. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("elf", data, size);
	return 0;
}
