/* SPDX-License-Identifier: MIT */
/* Fuzz target: gzip and zlib as containers. */

#include <string.h>

#include "fuzz_container.h"

extern const struct vmi_container_ops container_gzip, container_zlib;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_container(&container_gzip, data, size);
	fuzz_container(&container_zlib, data, size);
	return 0;
}
