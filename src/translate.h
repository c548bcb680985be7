/* SPDX-License-Identifier: MIT */
#ifndef VMI_TRANSLATE_H
#define VMI_TRANSLATE_H

#include "handle.h"

/* Pin the page that the table at `table` lies in. */
VMI_CHECKED enum vmi_status table_get(struct vmi *vm, vmi_gpa table, struct vmi_page *page,
				      struct vmi_error *err);
/* In an iterator's space, AUTO is for guest-physical; a caller's AUTO becomes this, and fails. */
enum { NO_MODE = UINT8_MAX };
/* The words for a space whose mode cannot be used; returns `status`. */
enum vmi_status fail_mode(const struct vmi_space *space, enum vmi_status status,
			  struct vmi_error *err);
/* Entry `index` of the table at `table`, which lies in `page`. NOT_SAVED: not held. */
VMI_CHECKED enum vmi_status entry_read(const struct x86_paging *paging, const struct vmi_page *page,
				       vmi_gpa table, unsigned index, uint64_t *entry);

#endif
