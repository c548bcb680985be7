/* SPDX-License-Identifier: MIT */
/* Fuzz target: QEMU's migration streams, and libvirt's header before them. */

#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_image("qemu-migration", data, size);
	return 0;
}
