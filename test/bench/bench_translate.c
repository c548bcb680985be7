/* SPDX-License-Identifier: MIT */
/*
 * What a translation costs through the public call, beside a bare walk over the same bytes and,
 * where it is installed, libkdumpfile with libaddrxlat.
 *
 *     bench_translate IMAGE [RAW]
 *
 * IMAGE is any image with registers of a vcpu in 4-level mode; RAW the same memory as a flat file,
 * which the bare walk maps. Every method translates the same addresses; sums of the results must
 * agree. Times are CPU time, the best of several rounds.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <vmi/vmi.h>

#ifdef HAVE_KDUMPFILE
#include <libkdumpfile/addrxlat.h>
#include <libkdumpfile/kdumpfile.h>
#endif

enum { ROUNDS = 7 };

struct addresses {
	vmi_gva *gva;
	size_t count;
};

struct subject {
	struct vmi *vm;
	struct vmi_space space;
	const uint8_t *raw;
	size_t raw_size;
	struct vmi_translation *out;
	bool timing; /* results are checked once, and not while the clock runs */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what, const struct vmi_error *err)
{
	fprintf(stderr, "%s: %s\n", what, err ? err->text : "failed");
	exit(1);
}

/* Every mapped 4 KiB of the space that leads into memory, one address in each. */
static struct addresses collect(struct subject *s)
{
	struct addresses a = {NULL, 0};
	size_t room = 0;
	struct vmi_range_iter it;
	struct vmi_range range;
	struct vmi_error err;
	enum vmi_status st;

	vmi_range_begin(&it, s->vm, &s->space, 0, UINT64_MAX);
	while (!(st = vmi_range_next(&it, &range, &err))) {
		if (range.status || range.gpa + range.size > s->raw_size)
			continue;
		for (uint64_t off = 0; off < range.size; off += VMI_PAGE_SIZE) {
			if (a.count == room) {
				room = room ? room * 2 : 4096;
				a.gva = realloc(a.gva, room * sizeof(*a.gva));
				if (!a.gva)
					die("addresses", NULL);
			}
			a.gva[a.count++] = range.gva + off + (off * 7 & 0xff8);
		}
	}
	if (st != VMI_END)
		die("walking the space", &err);
	return a;
}

static struct addresses shuffled(struct addresses from)
{
	struct addresses a = {malloc(from.count * sizeof(vmi_gva)), from.count};
	uint64_t x = 88172645463325252u;

	memcpy(a.gva, from.gva, from.count * sizeof(vmi_gva));
	for (size_t i = a.count; i > 1; i--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		size_t j = x % i;
		vmi_gva t = a.gva[i - 1];
		a.gva[i - 1] = a.gva[j];
		a.gva[j] = t;
	}
	return a;
}

/* ---- the methods: each returns the sum of the gpas ------------------------------------------ */

static uint64_t bare_walk(struct subject *s, const struct addresses *a)
{
	const uint64_t mask = 0x000ffffffffff000u;
	uint64_t sum = 0;

	for (size_t i = 0; i < a->count; i++) {
		uint64_t gva = a->gva[i], table = s->space.root, entry = 0;
		unsigned shift = 39;
		for (;; shift -= 9) {
			if (table + 4096 > s->raw_size) {
				entry = 0;
				break;
			}
			memcpy(&entry, s->raw + table + (gva >> shift & 511) * 8, 8);
			if (!(entry & 1) || shift == 12 || (entry & 0x80))
				break;
			table = entry & mask;
		}
		uint64_t low = (UINT64_C(1) << shift) - 1;
		if (entry & 1)
			sum += (entry & mask & ~low) | (gva & low);
	}
	return sum;
}

static uint64_t single(struct subject *s, const struct addresses *a)
{
	uint64_t sum = 0;
	struct vmi_translation t;
	struct vmi_error err;

	for (size_t i = 0; i < a->count; i++)
		if (!vmi_translate(s->vm, &s->space, a->gva[i], &t, &err))
			sum += t.gpa;
	return sum;
}

static uint64_t batch(struct subject *s, const struct addresses *a)
{
	uint64_t sum = 0;

	if (vmi_translate_batch(s->vm, &s->space, a->gva, a->count, s->out, NULL))
		return 0;
	for (size_t i = 0; !s->timing && i < a->count; i++)
		sum += s->out[i].gpa;
	return sum;
}

static uint64_t cold(struct subject *s, const struct addresses *a)
{
	vmi_page_cache_flush(s->vm);
	return single(s, a);
}

static uint64_t uncached(struct subject *s, const struct addresses *a)
{
	struct vmi_error err;

	vmi_translation_cache_disable(s->vm);
	uint64_t sum = single(s, a);
	if (vmi_translation_cache_enable(s->vm, &err))
		die("translation cache", &err);
	return sum;
}

#ifdef HAVE_KDUMPFILE
static kdump_ctx_t *kdump;

static bool kdump_start(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* Without VMCOREINFO it would not know how many levels there are, and translate nothing. */
	kdump_attr_t bits = {.type = KDUMP_NUMBER, .val.number = 48};

	kdump = kdump_new();
	return kdump && fd >= 0 && kdump_open_fd(kdump, fd) == KDUMP_OK &&
	       kdump_set_attr(kdump, "addrxlat.default.virt_bits", &bits) == KDUMP_OK;
}

static uint64_t libkdumpfile(struct subject *s, const struct addresses *a)
{
	addrxlat_ctx_t *ctx;
	addrxlat_sys_t *sys;
	addrxlat_meth_t meth = {
		.kind = ADDRXLAT_PGT,
		.target_as = ADDRXLAT_MACHPHYSADDR,
		.param.pgt =
			{
				.root = {.as = ADDRXLAT_MACHPHYSADDR, .addr = s->space.root},
				.pf = {.pte_format = ADDRXLAT_PTE_X86_64,
				       .nfields = 5,
				       .fieldsz = {12, 9, 9, 9, 9}},
			},
	};
	uint64_t sum = 0;

	if (kdump_get_addrxlat(kdump, &ctx, &sys) != KDUMP_OK)
		return 0;
	for (size_t i = 0; i < a->count; i++) {
		addrxlat_step_t step = {.ctx = ctx, .sys = sys, .meth = &meth};
		step.base.addr = a->gva[i];
		if (addrxlat_walk(&step) == ADDRXLAT_OK)
			sum += step.base.addr;
	}
	addrxlat_ctx_decref(ctx);
	addrxlat_sys_decref(sys);
	return sum;
}
#endif

/* ---- the table ------------------------------------------------------------------------------ */

static double measure(struct subject *s, const struct addresses *a, const char *name,
		      uint64_t (*method)(struct subject *, const struct addresses *), double base)
{
	double best = 1e9;
	uint64_t sum = method(s, a); /* warm */
	uint64_t want = bare_walk(s, a);

	s->timing = true;
	for (unsigned i = 0; i < ROUNDS; i++) {
		double start = now();
		method(s, a);
		double took = now() - start;
		if (took < best)
			best = took;
	}
	s->timing = false;
	if (method(s, a) != sum)
		die(name, NULL);
	double each = best / (double)a->count * 1e9;
	printf("  %-38s %8.2f ns %7.2fx%s\n", name, each, base > 0 ? each / base : 1.0,
	       sum == want ? "" : "  OTHER RESULTS");
	return each;
}

static void table(struct subject *s, const struct addresses *a, const char *title)
{
	printf("%s: %zu addresses\n", title, a->count);
	double base = measure(s, a, "bare walk over the mapping", bare_walk, 0);
	measure(s, a, "vmi_translate, warm", single, base);
	measure(s, a, "vmi_translate, caches flushed first", cold, base);
	measure(s, a, "vmi_translate, translation cache off", uncached, base);
	measure(s, a, "vmi_translate_batch", batch, base);
#ifdef HAVE_KDUMPFILE
	measure(s, a, "libkdumpfile + libaddrxlat", libkdumpfile, base);
#endif
}

int main(int argc, char **argv)
{
	struct subject s = {.vm = NULL};
	struct vmi_error err;
	struct stat st;

	if (argc < 2)
		return 2;
	int fd = open(argc > 2 ? argv[2] : argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("raw file", NULL);
	s.raw_size = (size_t)st.st_size;
	s.raw = mmap(NULL, s.raw_size, PROT_READ, MAP_SHARED, fd, 0);
	if (s.raw == MAP_FAILED)
		die("raw file", NULL);
	if (vmi_open(&s.vm, argv[1], NULL, &err) ||
	    vmi_space_default(s.vm, VMI_MODE_AUTO, &s.space, NULL, &err))
		die(argv[1], &err);
	if (s.space.mode != VMI_MODE_4LEVEL)
		die("the bare walk here has 4 levels", NULL);
#ifdef HAVE_KDUMPFILE
	if (!kdump_start(argv[1]))
		die("libkdumpfile", NULL);
#endif
	struct addresses sorted = collect(&s), random = shuffled(sorted);
	s.out = calloc(sorted.count, sizeof(*s.out));
	if (!s.out || !random.gva)
		die("memory", NULL);
	table(&s, &random, "random");
	table(&s, &sorted, "sorted");
	vmi_close(s.vm);
	free(sorted.gva);
	free(random.gva);
	free(s.out);
	return 0;
}
