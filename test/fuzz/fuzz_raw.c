/* SPDX-License-Identifier: MIT */
/* Fuzz target: flat memory of any size, and the choice of a driver by content. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("raw", data, size);
	fuzz_image(NULL, data, size);
	return 0;
}
