/* SPDX-License-Identifier: MIT */
/* Fuzz target: xz as a container. */

#include <string.h>

#include "fuzz_container.h"

extern const struct vmi_container_ops container_xz;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_container(&container_xz, data, size);
	return 0;
}
