/* SPDX-License-Identifier: MIT */
#ifndef OS_BTF_H
#define OS_BTF_H

#include <vmi/driver.h>

/*
 * Are these bytes BTF (Documentation/bpf/btf.rst of the kernel) whose every length, name and type
 * number is in bounds? What parses it afterwards trusts that. `base_types` and `base_names` are
 * those of the BTF that this one continues, else 1 and 0. On success *types is how many there are
 * in all, number 0 included.
 *
 * VMI_ERR_CORRUPT  no, and where not
 */
VMI_CHECKED enum vmi_status btf_check(const uint8_t *bytes, size_t len, uint32_t base_types,
				      uint32_t base_names, uint32_t *types, struct vmi_error *err);

#endif
