/* SPDX-License-Identifier: MIT */
/* Pages that a space lacks, from whoever knows what they hold. */

#include <stdio.h>
#include <string.h>

#include "handle.h"

void vmi_pager_set(struct vmi *vm, const struct vmi_pager *pager)
{
	vm->pager = pager ? *pager : (struct vmi_pager){0};
}

const struct vmi_pager *vmi_pager(const struct vmi *vm)
{
	return vm->pager.read ? &vm->pager : NULL;
}

enum vmi_status pager_read(struct vmi *vm, const struct vmi_space *space, uint64_t addr, void *buf,
			   size_t len, size_t *done, struct vmi_error *err)
{
	size_t offset = addr % VMI_PAGE_SIZE, left = VMI_PAGE_SIZE - offset;
	struct vmi_error why = {.text = ""};
	struct vmi_translation to;
	uint8_t page[VMI_PAGE_SIZE];

	if (!vm->pager.read || vmi_translate(vm, space, addr, &to, NULL) != VMI_ERR_NOT_PRESENT ||
	    !to.entry)
		return VMI_ERR_NOT_PRESENT;
	enum vmi_status st =
		vm->pager.read(vm->pager.context, space, addr - offset, &to, page, &why);
	if (!st) {
		*done = len < left ? len : left;
		memcpy(buf, page + offset, *done);
		return VMI_OK;
	}
	if (st != VMI_ERR_NOT_FOUND && err) {
		size_t used = strlen(err->text);

		snprintf(err->text + used, sizeof(err->text) - used, "; %s", why.text);
	}
	return VMI_ERR_NOT_PRESENT;
}
