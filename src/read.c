/* SPDX-License-Identifier: MIT */
/* Reading guest memory: pages pinned, bytes copied, integers made of them. */

#include <inttypes.h>
#include <string.h>

#include "handle.h"

/* From here on a driver that can copies several pages at once. */
enum { COPY_MIN = 2 * VMI_PAGE_SIZE };

static enum vmi_status check_gfn(vmi_gfn gfn, struct vmi_error *err)
{
	if (gfn >> (52 - VMI_PAGE_SHIFT))
		return vmi_fail(err, VMI_ERR_NOT_SAVED,
				"gfn 0x%" PRIx64 " is above all physical memory", gfn);
	return VMI_OK;
}

enum vmi_status vmi_page_get(struct vmi *vm, vmi_gfn gfn, struct vmi_page *page,
			     struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_READ, err);

	if (!st)
		st = check_gfn(gfn, err);
	return st ? st : cache_get(vm->cache, gfn, page, err);
}

void vmi_page_put(struct vmi *vm, struct vmi_page *page)
{
	cache_put(vm->cache, page);
}

enum vmi_status vmi_run_next(struct vmi *vm, vmi_gpa from, struct vmi_run *run,
			     struct vmi_error *err)
{
	enum vmi_status st = require(vm, VMI_CAP_READ, err);

	return st ? st : vm->target->ops->page.run_next(vm->target->self, from, run, err);
}

enum vmi_status vmi_absent_next(struct vmi *vm, vmi_gpa from, struct vmi_run *run,
				struct vmi_error *err)
{
	const struct target *target = vm->target;
	enum vmi_status st = require(vm, VMI_CAP_READ, err);

	if (st)
		return st;
	if (!target->ops->page.absent_next)
		return VMI_END;
	return target->ops->page.absent_next(target->self, from, run, err);
}

const char *vmi_page_state_name(enum vmi_page_state state)
{
	static const char *const names[] = {"saved", "zero", "excluded", "cut", "corrupt", "hole"};

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

/* Does the walk `next` meet the page, and with what kind of run? */
static bool page_meets(struct vmi *vm, vmi_gfn gfn,
		       enum vmi_status (*next)(struct vmi *, vmi_gpa, struct vmi_run *,
					       struct vmi_error *),
		       enum vmi_run_kind *kind)
{
	struct vmi_run run;

	if (next(vm, gfn << VMI_PAGE_SHIFT, &run, NULL) || run.gpa >> VMI_PAGE_SHIFT > gfn)
		return false;
	*kind = run.kind;
	return true;
}

enum vmi_status vmi_page_state(struct vmi *vm, vmi_gfn gfn, enum vmi_page_state *state,
			       struct vmi_error *err)
{
	struct vmi_page page;
	enum vmi_run_kind kind;
	struct vmi_error why;
	enum vmi_status st = vmi_page_get(vm, gfn, &page, &why);

	if (!st) {
		vmi_page_put(vm, &page);
		bool met = page_meets(vm, gfn, vmi_run_next, &kind);
		*state = met && kind == VMI_RUN_ZERO ? VMI_PAGE_ZERO : VMI_PAGE_SAVED;
		return VMI_OK;
	}
	if (st == VMI_ERR_CORRUPT) {
		*state = VMI_PAGE_CORRUPT;
		return VMI_OK;
	}
	if (st != VMI_ERR_NOT_SAVED)
		return vmi_fail(err, st, "%s", why.text);
	if (!page_meets(vm, gfn, vmi_absent_next, &kind))
		*state = VMI_PAGE_HOLE;
	else
		*state = kind == VMI_RUN_EXCLUDED ? VMI_PAGE_EXCLUDED : VMI_PAGE_CUT;
	return VMI_OK;
}

/* Copy what lies in one piece from `addr` on, up to `len`; *done is at least 1 on success. */
static enum vmi_status read_piece(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				  void *buf, size_t len, size_t *done, struct vmi_error *err)
{
	vmi_gpa gpa = addr;
	uint64_t span = UINT64_MAX;
	struct vmi_page page;
	enum vmi_status st = space ? locate(vm, space, addr, &gpa, &span, err) : VMI_OK;

	if (st == VMI_ERR_NOT_PRESENT)
		return pager_read(vm, space, addr, buf, len, done, err);
	size_t want = len < span ? len : (size_t)span;
	const struct vmi_driver_ops *ops = vm->target->ops;
	vmi_gfn gfn = gpa >> VMI_PAGE_SHIFT;
	if (!st && want >= COPY_MIN && ops->page.copy)
		return ops->page.copy(vm->target->self, gpa, buf, want, done, err);
	if (!st)
		st = check_gfn(gfn, err);
	if (!st && want >= VMI_PAGE_SIZE && !(gpa % VMI_PAGE_SIZE) && ops->page.unpack &&
	    !cache_wants(vm->cache, gfn)) {
		*done = VMI_PAGE_SIZE;
		return ops->page.unpack(vm->target->self, gfn, buf, err);
	}
	if (!st)
		st = cache_get(vm->cache, gfn, &page, err);
	if (st)
		return st;
	size_t n = page_known(&page, gpa % VMI_PAGE_SIZE, want);
	memcpy(buf, page.data + gpa % VMI_PAGE_SIZE, n);
	vmi_page_put(vm, &page);
	if (!n)
		return fail_partial(gpa, err);
	*done = n;
	return VMI_OK;
}

enum vmi_status vmi_read_bytes(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			       void *buf, size_t len, size_t *done, struct vmi_error *err)
{
	size_t sum = 0, n = 0;
	enum vmi_status st = require(vm, VMI_CAP_READ, err);

	while (!st && sum < len) {
		if (sum && !(addr + sum)) {
			st = vmi_fail(err, VMI_ERR_NOT_CANONICAL, "the address space ends at 2^64");
			break;
		}
		st = read_piece(vm, space, addr + sum, (uint8_t *)buf + sum, len - sum, &n, err);
		if (!st)
			sum += n;
	}
	if (done)
		*done = sum;
	return st ? vmi_wrap(err, st, "reading %s 0x%" PRIx64, space ? "gva" : "gpa", addr + sum)
		  : VMI_OK;
}

enum vmi_status vmi_read_struct(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				void *out, size_t len, struct vmi_error *err)
{
	uint8_t small[256];
	size_t sum = 0;
	enum vmi_status st = VMI_OK;

	if (len <= sizeof(small)) {
		st = vmi_read_bytes(vm, space, addr, small, len, NULL, err);
		if (!st)
			memcpy(out, small, len);
		return st;
	}
	/* Too large to keep aside: look first, copy when all of it is there. */
	while (!st && sum < len) {
		size_t n = len - sum < sizeof(small) ? len - sum : sizeof(small);
		st = vmi_read_bytes(vm, space, addr + sum, small, n, NULL, err);
		sum += n;
	}
	return st ? st : vmi_read_bytes(vm, space, addr, out, len, NULL, err);
}

enum vmi_status vmi_read_uint(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			      unsigned size, uint64_t *value, struct vmi_error *err)
{
	uint8_t bytes[8];

	if (!size || size > 8)
		return vmi_fail(err, VMI_ERR_ARG, "an integer of %u bytes; 1 to 8 exist", size);
	enum vmi_status st = vmi_read_bytes(vm, space, addr, bytes, size, NULL, err);
	if (st)
		return st;
	uint64_t sum = 0;
	for (unsigned i = size; i-- > 0;)
		sum = sum << 8 | bytes[i];
	*value = sum;
	return VMI_OK;
}

enum vmi_status vmi_read_u8(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			    uint8_t *value, struct vmi_error *err)
{
	return vmi_read_bytes(vm, space, addr, value, 1, NULL, err);
}

enum vmi_status vmi_read_u16(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			     uint16_t *value, struct vmi_error *err)
{
	uint64_t wide;
	enum vmi_status st = vmi_read_uint(vm, space, addr, sizeof(*value), &wide, err);

	if (!st)
		*value = (uint16_t)wide;
	return st;
}

enum vmi_status vmi_read_u32(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			     uint32_t *value, struct vmi_error *err)
{
	uint64_t wide;
	enum vmi_status st = vmi_read_uint(vm, space, addr, sizeof(*value), &wide, err);

	if (!st)
		*value = (uint32_t)wide;
	return st;
}

enum vmi_status vmi_read_u64(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			     uint64_t *value, struct vmi_error *err)
{
	return vmi_read_uint(vm, space, addr, sizeof(*value), value, err);
}

/* Pointers are 8 bytes where tables are of long mode; physical memory does not say. */
static unsigned pointer_width(const struct vmi_space *space)
{
	return space && space->mode != VMI_MODE_4LEVEL && space->mode != VMI_MODE_5LEVEL ? 4 : 8;
}

enum vmi_status vmi_read_pointer(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
				 unsigned width, vmi_gva *value, struct vmi_error *err)
{
	if (!width)
		width = pointer_width(space);
	if (width != 4 && width != 8)
		return vmi_fail(err, VMI_ERR_ARG, "a pointer of %u bytes; 4 and 8 exist", width);
	return vmi_read_uint(vm, space, addr, width, value, err);
}

enum vmi_status vmi_read_field(struct vmi *vm, const struct vmi_space *space, uint64_t base,
			       const struct vmi_field *field, uint64_t *value,
			       struct vmi_error *err)
{
	unsigned count = field->bit_count ? field->bit_count : 8u * field->size;
	uint64_t storage;

	if (field->size > 8 || field->bit_offset + count > 8u * field->size)
		return vmi_fail(err, VMI_ERR_ARG, "bits %u to %u of a field of %u bytes",
				field->bit_offset, field->bit_offset + count, field->size);
	if (base > UINT64_MAX - field->offset)
		return vmi_fail(err, VMI_ERR_ARG, "offset 0x%" PRIx64 " from 0x%" PRIx64 " wraps",
				field->offset, base);
	enum vmi_status st =
		vmi_read_uint(vm, space, base + field->offset, field->size, &storage, err);
	if (st)
		return st;
	*value = storage >> field->bit_offset & (UINT64_MAX >> (64 - count));
	return VMI_OK;
}

enum vmi_status vmi_read_scatter(struct vmi *vm, const struct vmi_space *space,
				 struct vmi_request requests[], size_t count, struct vmi_error *err)
{
	enum vmi_status first = VMI_OK;

	for (size_t i = 0; i < count; i++) {
		struct vmi_request *r = &requests[i];
		r->status = vmi_read_bytes(vm, space, r->addr, r->buf, r->len, &r->done,
					   first ? NULL : err);
		if (!first)
			first = r->status;
	}
	return first;
}
