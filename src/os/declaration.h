/* SPDX-License-Identifier: MIT */
#ifndef OS_DECLARATION_H
#define OS_DECLARATION_H

#include "types.h"

/* As vmi_type_declare(). */
VMI_CHECKED enum vmi_status declaration(const struct types *types, vmi_type type, const char *name,
					char *text, size_t size, struct vmi_error *err);

#endif
