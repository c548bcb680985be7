/* SPDX-License-Identifier: MIT */
/* Fuzz target: the driver of Xen's dump-core. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("xen-core", data, size);
	return 0;
}
