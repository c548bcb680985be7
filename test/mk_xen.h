/* SPDX-License-Identifier: MIT */
#ifndef TEST_MK_XEN_H
#define TEST_MK_XEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Images of Xen guests in memory, with every quirk that producers and attackers have. Pages hold
 * what mk_byte() says of their gpa, registers their names, as mk_value() has them.
 */

enum {
	MK_XEN_VCPU64 = 5168,
	MK_XEN_VCPU32 = 2800,
	MK_HVM_CPU = 1032,
	MK_XEN_NONE = -1, /* a pfn that is all ones */
};

/* A vcpu_guest_context of either layout; all else than general registers is the caller's. */
struct mk_xen_control {
	uint64_t cs, cr0, cr3, cr4, fs_base, gs_kernel, gs_user, flags;
};
void mk_xen_vcpu64(uint8_t out[MK_XEN_VCPU64], const struct mk_xen_control *control);
void mk_xen_vcpu32(uint8_t out[MK_XEN_VCPU32], const struct mk_xen_control *control);

/* ---- xl dump-core --------------------------------------------------------------------------- */

struct mk_xen_page {
	int64_t pfn, gmfn;
	uint64_t salt;
	const uint64_t *words; /* if not NULL: a table; {index, entry} pairs, 0 the last entry */
	bool last;             /* there is no more */
};

/* Zeroed is: what Xen 4.17 writes of an empty HVM guest. */
struct mk_xen_core {
	bool pv;
	const struct mk_xen_page *pages;
	const uint8_t *vcpus; /* vcpu_size bytes each */
	unsigned vcpu_count, vcpu_size;
	uint64_t vcpu_claim; /* if not 0: what the section says to be its size */
	uint64_t format;     /* 0: 1 */
	uint64_t page_size;  /* 0: 4096 */
	int64_t more_pages;  /* that .xen_pages says to have than there are */
	bool no_note, no_table;
	size_t cut; /* bytes cut off the end of the file */
};
/* Owned: free(). */
uint8_t *mk_xen_core(const struct mk_xen_core *core, size_t *size);

/* ---- xl save -------------------------------------------------------------------------------- */

/* Bytes that grow; zeroed is empty. Owned: free(bytes). */
struct mk_stream {
	uint8_t *bytes;
	size_t size;
};
void mk_append(struct mk_stream *stream, const void *bytes, size_t len);
/* xl's header with that much behind it, libxl's, libxc's two. */
void mk_xl(struct mk_stream *stream, uint32_t flags, uint32_t extra);
void mk_libxl(struct mk_stream *stream, uint32_t version);
void mk_libxc(struct mk_stream *stream, uint32_t version, uint32_t type, uint16_t shift);
/* A record of libxl or libxc, padded. */
void mk_record(struct mk_stream *stream, uint32_t type, const void *body, uint32_t len);
/* PAGE_DATA: entries with their types; salt for those that have data. */
void mk_pages(struct mk_stream *stream, const uint64_t *entries, uint32_t count, uint64_t salt);

enum { MK_PAGE_BROKEN = 0xd, MK_PAGE_ALLOC = 0xe, MK_PAGE_NONE = 0xf };
#define MK_ENTRY(type, pfn) ((uint64_t)(type) << 60 | (pfn))

/* A record of an HVM context; `type` 0 ends it. */
void mk_hvm_record(struct mk_stream *context, uint16_t type, uint16_t vcpu, const void *body,
		   uint32_t len);
/* The body of a vcpu's; `cs_attributes` as Xen packs them. */
void mk_hvm_cpu(uint8_t out[MK_HVM_CPU], uint32_t cs_attributes, uint64_t cr0, uint64_t cr3,
		uint64_t cr4, uint64_t efer);

#endif
