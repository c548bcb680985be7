/* SPDX-License-Identifier: MIT */
/* Walking the records of a saved Xen guest. */

#include <inttypes.h>
#include <stdlib.h>

#include "bytes.h"
#include "xen_stream.h"

/* xl's file: {char magic[32]; u32 byteorder, mandatory, optional, length}, `length` bytes more. */
static const char xl_magic[] = "Xen saved domain, xl format\n \0 \r";
enum {
	XL_MAGIC_SIZE = 32,
	XL_HEAD = 48,
	XL_BYTEORDER = 0x01020304,
	XL_MANDATORY_KNOWN = 3, /* bit 0: the configuration is JSON */
	XL_STREAM_V2 = 2,
};

/* libxl's: {be64 ident; be32 version, options}, then {u32 type, length}, body, padding to 8. */
static const char libxl_magic[] = "LibxlFmt";
enum {
	LIBXL_HEAD = 16,
	LIBXL_VERSION = 2,
	LIBXL_END = 0,
	LIBXL_LIBXC_CONTEXT = 1,
	LIBXL_CHECKPOINT_END = 4,
};

/* libxc's: {be64 ones; be32 "XENF", version; be16 options, u16, u32}, then {u32 type; u16
 * page_shift, u16; u32 major, minor}, then records as libxl's. */
static const char libxc_magic[] = "\xff\xff\xff\xff\xff\xff\xff\xffXENF";
enum {
	LIBXC_MAGIC_SIZE = 12,
	LIBXC_HEAD = 24,
	LIBXC_DOMAIN = 16,
	LIBXC_PV = 1,
	LIBXC_HVM = 2,
	OPTION_BIG_ENDIAN = 1,

	RECORD_HEAD = 8,
	RECORD_OPTIONAL = 1u << 31,
	END = 0,
	PAGE_DATA = 1,
	X86_PV_INFO = 2,
	X86_PV_VCPU_BASIC = 4,
	X86_PV_VCPU_XSAVE = 6,
	HVM_CONTEXT = 9,
	VERIFY = 0xd,
	CHECKPOINT = 0xe,
	X86_CPUID_POLICY = 0x11,
	KNOWN_LAST = 0x12,
};

/* In the upper bits of a page's number: which table it is, or that it has no data. */
enum { PAGE_TYPE_SHIFT = 60, PAGE_BROKEN = 0xd, PAGE_ALLOC = 0xe, PAGE_NONE = 0xf };
static const uint64_t page_number = (UINT64_C(1) << 52) - 1;

enum { POLICY_LEAF_SIZE = 24, POLICY_ADDRESS_SIZES = 0x80000008, CHUNK = 4096 };

struct walk {
	const struct vmi_target *target;
	struct xen_stream *stream;
	struct pagelist list;
	uint64_t at, end;
	uint64_t checkpoint; /* behind the last complete one; 0: none */
	unsigned unknown;    /* records that should be known */
	uint32_t unknown_type;
	bool verify; /* what follows are copies, to compare with */
	bool over;   /* nothing more is to be read ... */
	bool whole;  /* ... because the stream ended as it should */
};

struct record {
	uint32_t type, length;
	uint64_t body; /* where; all of it lies before `end` ... */
	uint64_t held; /* ... or only so much */
};

/* ---- any layer ------------------------------------------------------------------------------ */

static uint32_t big32(const uint8_t *at)
{
	return __builtin_bswap32(le32(at));
}

/* Stop here, where something is wrong. */
static void stop(struct walk *w, const char *what)
{
	w->over = true;
	w->target->warn(w->target, "%s at file offset 0x%" PRIx64 ": what follows is ignored", what,
			w->at);
}

static enum vmi_status take(struct walk *w, void *to, size_t len, struct vmi_error *err)
{
	if (len > w->end - w->at)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it ends at 0x%" PRIx64 ", inside its headers", w->end);
	enum vmi_status st = vmi_source_read(w->target->source, w->at, to, len, err);
	if (!st)
		w->at += len;
	return st;
}

/* The next record, with `at` behind it. At the end of the file the walk is over. */
static enum vmi_status record_next(struct walk *w, struct record *record, struct vmi_error *err)
{
	uint8_t head[RECORD_HEAD];

	if (w->end - w->at < sizeof(head)) {
		w->over = true;
		return VMI_OK;
	}
	enum vmi_status st = take(w, head, sizeof(head), err);
	if (st)
		return st;
	record->type = le32(head);
	record->length = le32(head + 4);
	record->body = w->at;
	record->held = w->end - w->at < record->length ? w->end - w->at : record->length;
	uint64_t padded = ((uint64_t)record->length + 7) & ~UINT64_C(7);
	w->at += padded < w->end - w->at ? padded : w->end - w->at;
	return VMI_OK;
}

static bool is_cut(struct walk *w, const struct record *record)
{
	if (record->held < record->length)
		w->over = true;
	return record->held < record->length;
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* {u32 count, u32; u64 page[count]}, then the data of those that have some. */
struct batch {
	uint64_t pages, end; /* the entries that the file holds */
	uint64_t data;       /* of the next page that has some */
};

static bool has_data(uint64_t entry)
{
	return entry >> PAGE_TYPE_SHIFT < PAGE_BROKEN;
}

static enum vmi_status take_page(struct walk *w, struct batch *batch, uint64_t entry,
				 struct vmi_error *err)
{
	vmi_gfn gfn = entry & page_number;

	switch (entry >> PAGE_TYPE_SHIFT) {
	case PAGE_NONE:
		return pagelist_add(&w->list, SEGMENT_HOLE, gfn, 0, err);
	case PAGE_BROKEN:
		return pagelist_add(&w->list, SEGMENT_LEFT_OUT, gfn, 0, err);
	case PAGE_ALLOC: /* of which nothing is said but that it is there */
		return VMI_OK;
	default:
		batch->data += VMI_PAGE_SIZE;
		return pagelist_add(&w->list, SEGMENT_HELD, gfn, batch->data - VMI_PAGE_SIZE, err);
	}
}

/* Go over the entries: count those with data if `count` is not NULL, else take them all. */
static enum vmi_status over_entries(struct walk *w, struct batch *batch, uint64_t *count,
				    struct vmi_error *err)
{
	uint8_t chunk[CHUNK];
	enum vmi_status st = VMI_OK;

	for (uint64_t at = batch->pages; at < batch->end && !st;) {
		size_t len = batch->end - at < CHUNK ? (size_t)(batch->end - at) : CHUNK;
		const uint8_t *from = vmi_source_at(w->target->source, at, len);

		if (!from) {
			st = vmi_source_read(w->target->source, at, chunk, len, err);
			from = chunk;
		}
		for (size_t i = 0; i < len && !st; i += 8) {
			if (count)
				*count += has_data(le64(from + i));
			else
				st = take_page(w, batch, le64(from + i), err);
		}
		at += len;
	}
	return st;
}

/*
 * A record whose length is not what its entries make of it is one that lies: nothing of it is
 * taken. Where the file ends inside of it, the entries that are there count, and segments know
 * which of their pages are cut off.
 */
static enum vmi_status take_pages(struct walk *w, const struct record *record,
				  struct vmi_error *err)
{
	uint8_t head[8];
	uint64_t with_data = 0;

	if (record->length < sizeof(head) || record->held < sizeof(head)) {
		w->over = true;
		return VMI_OK;
	}
	enum vmi_status st =
		vmi_source_read(w->target->source, record->body, head, sizeof(head), err);
	if (st)
		return st;
	uint64_t numbers = (uint64_t)le32(head) * 8, room = record->held - sizeof(head);
	struct batch batch = {.pages = record->body + sizeof(head)};
	batch.data = batch.pages + numbers;
	batch.end = batch.pages + (numbers < room ? numbers : room & ~UINT64_C(7));
	st = over_entries(w, &batch, &with_data, err);
	if (st)
		return st;
	uint64_t length = sizeof(head) + numbers + with_data * VMI_PAGE_SIZE;
	if (numbers <= room ? length != record->length : numbers > record->length) {
		stop(w, "the length of a record does not fit its pages; it ends");
		return VMI_OK;
	}
	if (record->held < record->length)
		w->over = true;
	return over_entries(w, &batch, NULL, err);
}

/* ---- vcpus ---------------------------------------------------------------------------------- */

/* {u32 vcpu, u32}, then what the record is about. NULL: no such vcpu, or out of memory. */
static enum vmi_status vcpu_of(struct walk *w, const struct record *record, size_t size,
			       uint8_t *head, struct xen_stream_vcpu **vcpu, struct vmi_error *err)
{
	struct xen_stream *s = w->stream;

	*vcpu = NULL;
	if (record->length < size)
		return VMI_OK;
	if (!s->vcpu)
		s->vcpu = calloc(XEN_STREAM_VCPU_MAX, sizeof(*s->vcpu));
	if (!s->vcpu)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for the vcpus");
	enum vmi_status st = vmi_source_read(w->target->source, record->body, head, size, err);
	if (!st && le32(head) < XEN_STREAM_VCPU_MAX)
		*vcpu = &s->vcpu[le32(head)];
	return st;
}

static enum vmi_status take_pv_basic(struct walk *w, const struct record *record,
				     struct vmi_error *err)
{
	struct xen_stream *s = w->stream;
	struct xen_stream_vcpu *vcpu;
	uint8_t head[8];
	enum vmi_status st = vcpu_of(w, record, sizeof(head), head, &vcpu, err);

	if (st || !vcpu)
		return st;
	vcpu->at = record->body + sizeof(head);
	vcpu->size = record->length - (uint32_t)sizeof(head);
	if (le32(head) >= s->vcpus)
		s->vcpus = le32(head) + 1;
	return VMI_OK;
}

/* Behind the head: {u64 xcr0, xcr0_accum}, and the registers that these name. */
static enum vmi_status take_pv_xsave(struct walk *w, const struct record *record,
				     struct vmi_error *err)
{
	struct xen_stream_vcpu *vcpu;
	uint8_t head[16];
	enum vmi_status st = vcpu_of(w, record, sizeof(head), head, &vcpu, err);

	if (st || !vcpu)
		return st;
	vcpu->xcr0 = le64(head + 8);
	vcpu->has_xcr0 = true;
	return VMI_OK;
}

/* CPUID as the guest sees it, {u32 leaf, subleaf, a, b, c, d} each: how wide is an address? */
static enum vmi_status take_policy(struct walk *w, const struct record *record,
				   struct vmi_error *err)
{
	uint8_t leaf[POLICY_LEAF_SIZE];
	enum { LEAVES_MAX = 4096 };

	for (uint32_t i = 0; i < LEAVES_MAX && i < record->length / sizeof(leaf); i++) {
		enum vmi_status st =
			vmi_source_read(w->target->source, record->body + i * sizeof(leaf), leaf,
					sizeof(leaf), err);
		if (st)
			return st;
		if (le32(leaf) == POLICY_ADDRESS_SIZES && leaf[8] >= 32 && leaf[8] <= 52)
			w->stream->gpa_bits = leaf[8];
	}
	return VMI_OK;
}

static enum vmi_status take_pv_info(struct walk *w, const struct record *record,
				    struct vmi_error *err)
{
	uint8_t width;

	if (!record->length)
		return VMI_OK;
	enum vmi_status st = vmi_source_read(w->target->source, record->body, &width, 1, err);
	if (!st)
		w->stream->wide = width == 8;
	return st;
}

/* ---- libxc's records ------------------------------------------------------------------------ */

static enum vmi_status take_record(struct walk *w, const struct record *record,
				   struct vmi_error *err)
{
	if (record->type == PAGE_DATA)
		return w->verify ? VMI_OK : take_pages(w, record, err);
	if (is_cut(w, record))
		return VMI_OK;
	switch (record->type) {
	case X86_PV_INFO:
		return take_pv_info(w, record, err);
	case X86_PV_VCPU_BASIC:
		return take_pv_basic(w, record, err);
	case X86_PV_VCPU_XSAVE:
		return take_pv_xsave(w, record, err);
	case X86_CPUID_POLICY:
		return take_policy(w, record, err);
	case HVM_CONTEXT:
		w->stream->hvm_at = record->body;
		w->stream->hvm_size = record->length;
		return VMI_OK;
	case VERIFY:
		w->verify = true;
		return VMI_OK;
	default:
		if (record->type > KNOWN_LAST && !(record->type & RECORD_OPTIONAL) && !w->unknown++)
			w->unknown_type = record->type;
		return VMI_OK;
	}
}

/* Up to a checkpoint, the end, or where it is cut. */
static enum vmi_status libxc_records(struct walk *w, bool *checkpoint, struct vmi_error *err)
{
	*checkpoint = false;
	while (!w->over) {
		struct record record;
		enum vmi_status st = record_next(w, &record, err);
		if (st)
			return st;
		if (w->over)
			break;
		if (record.type == END) {
			w->whole = true;
			break;
		}
		if (record.type == CHECKPOINT) {
			*checkpoint = true;
			break;
		}
		st = take_record(w, &record, err);
		if (st)
			return st;
		vmi_progress(w->target->options, w->at, w->end);
	}
	return VMI_OK;
}

static enum vmi_status libxc_headers(struct walk *w, struct vmi_error *err)
{
	uint8_t head[LIBXC_HEAD + LIBXC_DOMAIN];
	enum vmi_status st = take(w, head, sizeof(head), err);

	if (st)
		return st;
	uint32_t version = big32(head + 12), type = le32(head + LIBXC_HEAD);
	if (memcmp(head, libxc_magic, LIBXC_MAGIC_SIZE) != 0)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"its memory is in the format of Xen 4.5 and before, which this "
				"version cannot read: convert-legacy-stream of Xen converts it");
	if (head[17] & OPTION_BIG_ENDIAN)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is of a big-endian machine, which this version cannot read");
	if (version != 2 && version != 3)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"its libxc stream is of version %" PRIu32
				"; this version reads 2 and 3",
				version);
	if (type != LIBXC_PV && type != LIBXC_HVM)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"its guest is of type %" PRIu32 ", not one of x86", type);
	if (le16(head + LIBXC_HEAD + 4) != VMI_PAGE_SHIFT)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED, "its pages are of 2^%u bytes, not 2^%d",
				le16(head + LIBXC_HEAD + 4), VMI_PAGE_SHIFT);
	w->stream->pv = type == LIBXC_PV;
	return VMI_OK;
}

/* A stream of libxc alone. */
static enum vmi_status libxc_stream(struct walk *w, struct vmi_error *err)
{
	bool checkpoint = true;
	enum vmi_status st = libxc_headers(w, err);

	while (!st && checkpoint) {
		st = libxc_records(w, &checkpoint, err);
		if (checkpoint)
			w->checkpoint = w->at;
	}
	return st;
}

/* ---- what is around libxc's stream ---------------------------------------------------------- */

/* libxl's records, one of which is followed by libxc's stream. Each checkpoint of that is followed
 * by records of libxl's, and goes on behind them. */
static enum vmi_status libxl_records(struct walk *w, struct vmi_error *err)
{
	bool inside = false, checkpoint;

	while (!w->over && !w->whole) {
		struct record record;
		enum vmi_status st = record_next(w, &record, err);
		if (st || w->over)
			return st;
		if (record.type == LIBXL_END)
			return VMI_OK;
		if (record.type == LIBXL_LIBXC_CONTEXT) {
			st = libxc_headers(w, err);
			inside = true;
		} else if (record.type == LIBXL_CHECKPOINT_END && inside) {
			w->checkpoint = w->at;
		} else {
			if (is_cut(w, &record))
				return VMI_OK;
			continue;
		}
		if (!st)
			st = libxc_records(w, &checkpoint, err);
		if (st)
			return st;
	}
	return VMI_OK;
}

static enum vmi_status libxl_stream(struct walk *w, struct vmi_error *err)
{
	uint8_t head[LIBXL_HEAD];
	enum vmi_status st = take(w, head, sizeof(head), err);

	if (st)
		return st;
	if (memcmp(head, libxl_magic, 8) != 0)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"behind xl's header there is no stream of libxl");
	if (big32(head + 8) != LIBXL_VERSION)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"its libxl stream is of version %" PRIu32 "; this version reads %d",
				big32(head + 8), LIBXL_VERSION);
	if (head[15] & OPTION_BIG_ENDIAN)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is of a big-endian machine, which this version cannot read");
	return libxl_records(w, err);
}

static enum vmi_status xl_file(struct walk *w, struct vmi_error *err)
{
	uint8_t head[XL_HEAD];
	enum vmi_status st = take(w, head, sizeof(head), err);

	if (st)
		return st;
	uint32_t flags = le32(head + 36), skip = le32(head + 44);
	if (le32(head + 32) != XL_BYTEORDER)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is of a big-endian machine, which this version cannot read");
	if (flags & ~(uint32_t)XL_MANDATORY_KNOWN)
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"xl's header has mandatory flags that this version does not know: "
				"0x%" PRIx32,
				flags);
	if (!(flags & XL_STREAM_V2))
		return vmi_fail(err, VMI_ERR_UNSUPPORTED,
				"it is in the format of Xen 4.5 and before, which this version "
				"cannot read: convert-legacy-stream of Xen converts it");
	if (skip > w->end - w->at)
		return vmi_fail(err, VMI_ERR_CORRUPT,
				"it ends at 0x%" PRIx64 ", inside the guest's configuration",
				w->end);
	w->at += skip;
	return libxl_stream(w, err);
}

/* --------------------------------------------------------------------------------------------- */

bool xen_stream_is(const uint8_t *head, size_t len)
{
	return (len >= XL_MAGIC_SIZE && !memcmp(head, xl_magic, XL_MAGIC_SIZE)) ||
	       (len >= 8 && !memcmp(head, libxl_magic, 8)) ||
	       (len >= LIBXC_MAGIC_SIZE && !memcmp(head, libxc_magic, LIBXC_MAGIC_SIZE));
}

static enum vmi_status walk_to(struct walk *w, uint64_t end, struct vmi_error *err)
{
	uint8_t head[XL_MAGIC_SIZE] = {0};
	const struct vmi_target *target = w->target;
	struct xen_stream *stream = w->stream;

	xen_stream_deinit(stream);
	*w = (struct walk){
		.target = target,
		.stream = stream,
		.end = end,
		.list = {.segments = &stream->segments, .source = target->source},
	};
	enum vmi_status st = vmi_source_read(target->source, 0, head,
					     end < sizeof(head) ? (size_t)end : sizeof(head), err);
	if (!st && !memcmp(head, libxc_magic, LIBXC_MAGIC_SIZE))
		st = libxc_stream(w, err);
	else if (!st && !memcmp(head, libxl_magic, 8))
		st = libxl_stream(w, err);
	else if (!st)
		st = xl_file(w, err);
	return st ? st : pagelist_flush(&w->list, err);
}

enum vmi_status xen_stream_read(struct xen_stream *stream, const struct vmi_target *target,
				struct vmi_error *err)
{
	struct walk w = {.target = target, .stream = stream};
	uint64_t size = vmi_source_size(target->source);
	enum vmi_status st = walk_to(&w, size, err);

	if (st)
		return st;
	if (!w.whole && w.checkpoint) {
		target->warn(target,
			     "it ends without an end, so it is taken as of its last checkpoint, at "
			     "file offset 0x%" PRIx64,
			     w.checkpoint);
		st = walk_to(&w, w.checkpoint, err);
	} else if (!w.whole) {
		target->warn(target,
			     "it ends at 0x%" PRIx64
			     " without an end: pages may be missing or old, "
			     "and registers missing",
			     size);
	}
	if (!st && w.unknown)
		target->warn(target,
			     "records of unknown mandatory types were skipped: %u, the first of "
			     "type 0x%" PRIx32,
			     w.unknown, w.unknown_type);
	return st;
}

void xen_stream_deinit(struct xen_stream *stream)
{
	segments_deinit(&stream->segments);
	free(stream->vcpu);
	*stream = (struct xen_stream){0};
}
