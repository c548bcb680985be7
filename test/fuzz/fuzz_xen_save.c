/* SPDX-License-Identifier: MIT */
/* Fuzz target: the driver of Xen's save images. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("xen-save", data, size);
	return 0;
}
