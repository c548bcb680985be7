/* SPDX-License-Identifier: MIT */
#ifndef VMI_VMI_H
#define VMI_VMI_H

/**
 * @file
 * Looking into a machine's memory from outside it: open a target, choose an address space, read.
 *
 * Words. A *gpa* is a guest-physical byte address, a *gfn* its frame number (gpa >> 12), a *gva* a
 * guest-virtual address. A *root* is the gpa of the top page table; a *space* is a root and the way
 * to walk it. Where a function takes `const struct vmi_space *space`, NULL means guest-physical:
 * the address is a gpa. Lengths are in bytes.
 *
 * Failure. Functions that can fail return a status and take `struct vmi_error *err` last; it may be
 * NULL and is only written, with a sentence for people. Outputs are left alone on failure unless
 * the function says otherwise. The library never prints and never ends the process.
 *
 * Pointers are *owned* (end them with the named function), *borrowed* (good until a named event) or
 * *pinned* (good until put). A handle belongs to one thread at a time; vmi_clone() makes another.
 *
 * Images are mapped into memory: if a file is cut short by someone else while it is open, touching
 * the lost part raises SIGBUS, as with any mapping. VMI_OPEN_NO_MAP reads instead and reports it.
 */

#include <vmi/x86.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VMI_API               __attribute__((visibility("default")))
#define VMI_CHECKED           __attribute__((warn_unused_result))
#define VMI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define VMI_API
#define VMI_CHECKED
#define VMI_PRINTF(fmt, args)
#endif

typedef uint64_t vmi_gpa;
typedef uint64_t vmi_gva;
typedef uint64_t vmi_gfn;

enum { VMI_PAGE_SHIFT = 12, VMI_PAGE_SIZE = 4096 };

/* ---- status --------------------------------------------------------------------------------- */

enum vmi_status {
	VMI_OK,
	VMI_END,               /**< ran dry; not an error */
	VMI_ERR_NOMEM,         /**< no memory on the host */
	VMI_ERR_IO,            /**< the host could not open or read */
	VMI_ERR_ARG,           /**< the caller's mistake */
	VMI_ERR_UNSUPPORTED,   /**< a capability or a format is missing */
	VMI_ERR_CORRUPT,       /**< the input contradicts itself */
	VMI_ERR_NOT_FOUND,     /**< what was looked for does not exist */
	VMI_ERR_NOT_PRESENT,   /**< the guest's page tables say: not mapped */
	VMI_ERR_NOT_CANONICAL, /**< no such virtual address in this mode */
	VMI_ERR_RESERVED_BITS, /**< an entry sets reserved bits: the CPU would fault */
	VMI_ERR_NOT_SAVED,     /**< the target does not hold these bytes */
	VMI_ERR_BUSY,          /**< in use by someone else */
	VMI_ERR_TIMEOUT,
	VMI_ERR_GONE,        /**< the guest went away */
	VMI_ERR_INTERRUPTED, /**< a signal, or someone asked to stop */
};

/** A short name: "not-present", "not-saved", "ok". Static; never NULL. */
VMI_API const char *vmi_status_name(enum vmi_status status);

/** What happened, for people. `text` is one sentence without full stop, always terminated. */
struct vmi_error {
	enum vmi_status status;
	char text[508];
};

/* ---- handle --------------------------------------------------------------------------------- */

struct vmi;

/** What a target can do. A group of driver functions each; see <vmi/driver.h>. */
enum vmi_capability {
	VMI_CAP_READ = 1 << 0,
	VMI_CAP_WRITE = 1 << 1,
	VMI_CAP_QUERY_PROTECTION = 1 << 2,
	VMI_CAP_SET_PROTECTION = 1 << 3,
	VMI_CAP_QUERY_REGISTERS = 1 << 4,
	VMI_CAP_SET_REGISTERS = 1 << 5,
	VMI_CAP_VIEW_CONTROL = 1 << 6,
	VMI_CAP_EVENT_CONTROL = 1 << 7,
	VMI_CAP_VM_CONTROL = 1 << 8,

	VMI_CAP_MEMORY = VMI_CAP_READ | VMI_CAP_WRITE,
	VMI_CAP_PROTECTION = VMI_CAP_QUERY_PROTECTION | VMI_CAP_SET_PROTECTION,
	VMI_CAP_REGISTERS = VMI_CAP_QUERY_REGISTERS | VMI_CAP_SET_REGISTERS,
	VMI_CAP_READ_ACCESS = VMI_CAP_READ | VMI_CAP_QUERY_PROTECTION | VMI_CAP_QUERY_REGISTERS,
	VMI_CAP_WRITE_ACCESS = VMI_CAP_WRITE | VMI_CAP_SET_PROTECTION | VMI_CAP_SET_REGISTERS,
	VMI_CAP_FULL = VMI_CAP_READ_ACCESS | VMI_CAP_WRITE_ACCESS | VMI_CAP_VIEW_CONTROL |
		       VMI_CAP_EVENT_CONTROL | VMI_CAP_VM_CONTROL,
};

/** "read", "query-registers", …: the name of the lowest capability in `capability`. Static. */
VMI_API const char *vmi_capability_name(unsigned capability);

enum vmi_open_flags {
	VMI_OPEN_NO_MAP = 1 << 0, /**< read the file, do not map it */
	/** Keep the seek index of a compressed image in a file beside it, and use the one there. */
	VMI_OPEN_KEEP_INDEX = 1 << 1,
};

/** A stretch of guest-physical memory and where a flat file holds it. */
struct vmi_layout {
	vmi_gpa gpa;
	uint64_t size;
	uint64_t offset; /**< in the file, or in what it holds when it is compressed */
};

/** How to open; all zero is the default. Set `size` to sizeof the struct. */
struct vmi_open_options {
	size_t size;
	const char *driver;              /**< a driver's name, or NULL: chosen by content */
	unsigned flags;                  /**< enum vmi_open_flags */
	unsigned need;                   /**< capabilities without which opening fails */
	size_t page_slots;               /**< page cache; 0: 8192 */
	size_t translation_slots;        /**< translation cache; 0: 8192 */
	size_t string_limit;             /**< bytes; 0: 16 MiB */
	const struct vmi_layout *layout; /**< of flat memory with holes squeezed out; borrowed */
	size_t layout_count;             /**< 0: byte 0 is gpa 0 */
	size_t unpack_bytes;             /**< cache of unpacked blocks of a container; 0: 64 MiB */
	/** Told now and then of work that takes long, if given: `done` out of `total` bytes. */
	void (*progress)(void *context, uint64_t done, uint64_t total);
	void *progress_context;
};

/**
 * Open a memory image (a file or block device) or whatever else a driver knows by name.
 *
 * VMI_ERR_IO           not there, not readable, a directory, a pipe
 * VMI_ERR_UNSUPPORTED  no driver knows it, or `need` is not met
 * VMI_ERR_CORRUPT      the driver that knows the format found it broken
 *
 * On success *vm is owned: vmi_close(). `options` may be NULL.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_open(struct vmi **vm, const char *target,
					     const struct vmi_open_options *options,
					     struct vmi_error *err);

enum { VMI_LAYOUT_MAX = 2 };

/**
 * Does flat memory look as if the hole below 4 GiB had been squeezed out of it? Compares the map of
 * memory that firmware gave the guest, where a copy of it is found, with the size of the image. On
 * success `layout` is what to open it with. Takes up to a second.
 *
 * VMI_ERR_NOT_FOUND  nothing says so, or the target is no flat memory
 */
VMI_API VMI_CHECKED enum vmi_status
vmi_layout_guess(struct vmi *vm, struct vmi_layout layout[VMI_LAYOUT_MAX], struct vmi_error *err);

/** Open an image that lies in memory; the bytes are borrowed until the last handle is closed. */
VMI_API VMI_CHECKED enum vmi_status vmi_open_memory(struct vmi **vm, const void *bytes, size_t len,
						    const struct vmi_open_options *options,
						    struct vmi_error *err);

/**
 * Another handle on the same target, with caches of its own, for another thread. Owned. What
 * threads may do at once is read memory and registers; whatever changes a guest is for one of them.
 *
 * VMI_ERR_UNSUPPORTED  the driver cannot serve two threads
 */
VMI_API VMI_CHECKED enum vmi_status vmi_clone(struct vmi *vm, struct vmi **copy,
					      struct vmi_error *err);

/** Every page must have been put. NULL is allowed. The target closes with its last handle. */
VMI_API void vmi_close(struct vmi *vm);

enum vmi_machine {
	VMI_MACHINE_UNKNOWN, /**< the target does not say; taken for an x86 */
	VMI_MACHINE_X86,
	VMI_MACHINE_X86_64,
	VMI_MACHINE_OTHER, /**< no x86: physical addresses can be read, nothing translated */
};

/** What the target is. Strings are borrowed until the target closes. */
struct vmi_info {
	const char *driver; /**< "elf" */
	const char *format; /**< "elf-qemu": stable names */
	enum vmi_machine machine;
	uint32_t page_size;    /**< 4096 */
	uint32_t page_shift;   /**< 12 */
	vmi_gfn max_gfn;       /**< the highest gfn of memory */
	uint64_t memory_bytes; /**< sum of all runs */
	unsigned vcpus;        /**< whose registers can be asked for; 0 when unknown */
	unsigned capabilities; /**< enum vmi_capability */
	unsigned gpa_bits;     /**< MAXPHYADDR, where the target tells; 0: unknown */
};

/** Borrowed until the handle closes. */
VMI_API const struct vmi_info *vmi_info(const struct vmi *vm);

/** VMI_OK when the target has all of `capabilities`, else VMI_ERR_UNSUPPORTED and which it lacks.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_require(const struct vmi *vm, unsigned capabilities,
						struct vmi_error *err);

/** Something odd about the image, from 0 on; NULL behind the last. Borrowed. */
VMI_API const char *vmi_warning(const struct vmi *vm, unsigned index);

/** The image's VMCOREINFO text (not terminated) and its length, or NULL. Borrowed. */
VMI_API const char *vmi_vmcoreinfo(const struct vmi *vm, size_t *len);

/** The library's version, "0.1.0". Static. */
VMI_API const char *vmi_version(void);
/** What was built in, from 0 on, such as "driver elf (libelf)"; NULL behind the last. Static. */
VMI_API const char *vmi_feature(unsigned index);

/* ---- memory that the target holds ----------------------------------------------------------- */

enum vmi_run_kind {
	VMI_RUN_SAVED, /**< bytes are in the image */
	VMI_RUN_ZERO,  /**< known to be zero: a hole of a sparse file */
	/* Of vmi_absent_next(), and only there: */
	VMI_RUN_EXCLUDED, /**< the guest had them, who wrote the image left them out */
	VMI_RUN_CUT,      /**< they would be here, if the image were not cut short or incomplete */
};

/** A stretch of guest-physical memory; byte granular. */
struct vmi_run {
	vmi_gpa gpa;
	uint64_t size;
	enum vmi_run_kind kind;
};

/**
 * The first run, or rest of one, at or above `from`. Adjacent runs may touch. VMI_END behind the
 * last. Walk them all with `from = run.gpa + run.size` (stop when that is 0).
 */
VMI_API VMI_CHECKED enum vmi_status vmi_run_next(struct vmi *vm, vmi_gpa from, struct vmi_run *run,
						 struct vmi_error *err);

/**
 * As vmi_run_next(), of what the guest had and the target does not hold, as far as the target
 * tells: kinds VMI_RUN_EXCLUDED and VMI_RUN_CUT. What is in neither walk is a hole, or unknown.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_absent_next(struct vmi *vm, vmi_gpa from,
						    struct vmi_run *run, struct vmi_error *err);

/** What a target says of a page. */
enum vmi_page_state {
	VMI_PAGE_SAVED,    /**< its bytes, or some of them, are held */
	VMI_PAGE_ZERO,     /**< held, and known to be zero without a look at each byte */
	VMI_PAGE_EXCLUDED, /**< left out by who wrote the image */
	VMI_PAGE_CUT,      /**< lost: the image is cut short or incomplete */
	VMI_PAGE_CORRUPT,  /**< held, but it cannot be unpacked */
	VMI_PAGE_HOLE,     /**< not the guest's memory, as far as the target tells */
};

/** "saved", "zero", "excluded", "cut", "corrupt", "hole". Static. */
VMI_API const char *vmi_page_state_name(enum vmi_page_state state);
/** What the target says of the page at `gfn`. Unpacks it where that is the only way to know. */
VMI_API VMI_CHECKED enum vmi_status
vmi_page_state(struct vmi *vm, vmi_gfn gfn, enum vmi_page_state *state, struct vmi_error *err);

/**
 * A pinned page: its bytes neither move nor leave until vmi_page_put(). A value on your stack.
 */
struct vmi_page {
	const uint8_t *data;   /**< VMI_PAGE_SIZE bytes */
	const uint64_t *known; /**< NULL: all bytes are known; else bit i of 4096 says byte i is */
	size_t extent; /**< bytes at `data` that are consecutive in the guest: one page or more */
	void *pin;     /**< the driver's */
	void *line;    /**< the cache's */
};

/**
 * Pin the page at `gfn`; without a copy where the image is not compressed.
 *
 * VMI_ERR_NOT_SAVED  the target holds no byte of it
 */
VMI_API VMI_CHECKED enum vmi_status vmi_page_get(struct vmi *vm, vmi_gfn gfn, struct vmi_page *page,
						 struct vmi_error *err);
VMI_API void vmi_page_put(struct vmi *vm, struct vmi_page *page);

/* ---- address spaces and translation --------------------------------------------------------- */

enum vmi_mode {
	VMI_MODE_AUTO,   /**< from the registers, else from the tables themselves */
	VMI_MODE_NONE,   /**< paging is off: virtual is physical */
	VMI_MODE_LEGACY, /**< 32-bit, 2 levels */
	VMI_MODE_PAE,
	VMI_MODE_4LEVEL,
	VMI_MODE_5LEVEL,
};

/** "legacy", "pae", "4level", "5level"; "none" and "auto". Static. */
VMI_API const char *vmi_mode_name(enum vmi_mode mode);

enum vmi_space_flags {
	VMI_SPACE_PSE = 1 << 0, /**< CR4.PSE: 4 MiB pages exist in legacy mode */
	VMI_SPACE_NX = 1 << 1,  /**< EFER.NXE: bit 63 forbids execution; else it is reserved */
	/** In the top table bit 63 says nothing: Linux's page-table isolation sets it there in the
	 * kernel's tables for all user memory. Only with 4 and 5 levels. */
	VMI_SPACE_PTI = 1 << 2,
};

/**
 * A virtual address space. Fill it with one of the functions below, then change what you know
 * better; padding must be zero.
 */
struct vmi_space {
	vmi_gpa root;
	uint64_t ignored; /**< address bits of entries that are no address (AMD's C-bit) */
	uint16_t view;    /**< second-stage view; 0 is the guest's own */
	uint8_t mode;     /**< enum vmi_mode, never AUTO */
	uint8_t gpa_bits; /**< MAXPHYADDR; 0: unknown, taken as 52 */
	uint32_t flags;   /**< enum vmi_space_flags */
};

/**
 * The space that a vcpu's registers describe. A mode other than AUTO overrides theirs.
 *
 * VMI_ERR_NOT_FOUND    no such vcpu
 * VMI_ERR_UNSUPPORTED  the target has no registers, or no CR3 among them
 */
VMI_API VMI_CHECKED enum vmi_status vmi_space_of_vcpu(struct vmi *vm, unsigned vcpu,
						      enum vmi_mode mode, struct vmi_space *space,
						      struct vmi_error *err);
/** The same from registers in hand, such as an event's. */
VMI_API VMI_CHECKED enum vmi_status vmi_space_of_registers(const struct vmi_registers *regs,
							   enum vmi_mode mode,
							   struct vmi_space *space,
							   struct vmi_error *err);
/**
 * The space below a root. A CR3 value is accepted: PCID, flag and tag bits are dropped. AUTO takes
 * vcpu 0's mode where there are registers, else judges the tables; *evidence (may be NULL) then
 * says how ("registers of vcpu 0", "the tables themselves", "nothing: assumed"). Static string.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_space_of_root(struct vmi *vm, uint64_t root,
						      enum vmi_mode mode, struct vmi_space *space,
						      const char **evidence, struct vmi_error *err);
/**
 * The space to use when nobody names one: vcpu 0's, else the kernel's by VMCOREINFO. *source (may
 * be NULL) says which ("vcpu 0", "vmcoreinfo"). Static string.
 *
 * VMI_ERR_NOT_FOUND  the target tells no root
 */
VMI_API VMI_CHECKED enum vmi_status vmi_space_default(struct vmi *vm, enum vmi_mode mode,
						      struct vmi_space *space, const char **source,
						      struct vmi_error *err);

enum vmi_access { VMI_ACCESS_R = 1, VMI_ACCESS_W = 2, VMI_ACCESS_X = 4 };

/** Where a gva leads. */
struct vmi_translation {
	vmi_gpa gpa;    /**< of the byte, when status is VMI_OK */
	uint64_t entry; /**< when not: the entry that ended the walk, 0 if none was read */
	uint8_t status; /**< enum vmi_status: OK, NOT_PRESENT, NOT_CANONICAL, RESERVED_BITS,
			   NOT_SAVED … */
	uint8_t level;  /**< of the last entry: 5 PML5E, 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE; 0 none */
	uint8_t page_shift; /**< 12, 21, 22 or 30 */
	uint8_t access;     /**< enum vmi_access, effective over all levels */
	uint8_t user;       /**< user mode may access, over all levels */
};

/**
 * Translate one address; the result is also the status. `out` is filled on failure too (status,
 * level, entry).
 */
VMI_API VMI_CHECKED enum vmi_status vmi_translate(struct vmi *vm, const struct vmi_space *space,
						  vmi_gva gva, struct vmi_translation *out,
						  struct vmi_error *err);

/** Translate `count` addresses, in any order, sorted ones fastest; out[i].status says how each
 * went. */
VMI_API VMI_CHECKED enum vmi_status
vmi_translate_batch(struct vmi *vm, const struct vmi_space *space, const vmi_gva gva[/* count */],
		    size_t count, struct vmi_translation out[/* count */], struct vmi_error *err);

/** A walk, level by level. */
struct vmi_walk {
	unsigned count; /**< entries read */
	struct {
		vmi_gpa entry_gpa;
		uint64_t entry;
		uint8_t level;
	} step[5];
	struct vmi_translation result;
};

/** Walk without the translation cache; returns the result's status and fills `walk` in every case.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_walk(struct vmi *vm, const struct vmi_space *space,
					     vmi_gva gva, struct vmi_walk *walk,
					     struct vmi_error *err);

/** A range of a space that is alike throughout: mapped piece or hole. */
struct vmi_range {
	vmi_gva gva;
	uint64_t size;  /**< bytes; a range that ends at 2^64 has gva + size == 0 */
	vmi_gpa gpa;    /**< of the first byte, when status is VMI_OK; consecutive from there */
	uint8_t status; /**< as in vmi_translation */
	uint8_t level;
	uint8_t page_shift;
	uint8_t access;
	uint8_t user;
	/** A hole of one level in which entries are not zero, and the handle has a pager: see
	 * struct vmi_pager. */
	uint8_t paged;
};

/** An iterator over ranges, on your stack. Its members are private. */
struct vmi_range_iter {
	struct vmi *vm;
	struct vmi_space space;
	vmi_gva at, last;
	uint64_t budget;
	struct vmi_range ahead;
	uint8_t ended, has_ahead;
};

/** Start at `first`; `last` is the last address of interest (UINT64_MAX: all). */
VMI_API void vmi_range_begin(struct vmi_range_iter *it, struct vmi *vm,
			     const struct vmi_space *space, vmi_gva first, vmi_gva last);
/**
 * The next range in ascending order, as long as it can be; holes are ranges too, so that emptiness
 * costs one step. VMI_END behind the last.
 *
 * VMI_ERR_CORRUPT  the tables refer to each other in more ways than the memory could hold
 */
VMI_API VMI_CHECKED enum vmi_status vmi_range_next(struct vmi_range_iter *it,
						   struct vmi_range *range, struct vmi_error *err);

/** Physical to virtual, for one space. Made by one walk over all of it. */
struct vmi_rmap;

/** Owned: vmi_rmap_destroy(). A snapshot: it does not follow a running guest. */
VMI_API VMI_CHECKED enum vmi_status vmi_rmap_create(struct vmi *vm, const struct vmi_space *space,
						    struct vmi_rmap **rmap, struct vmi_error *err);
VMI_API void vmi_rmap_destroy(struct vmi_rmap *rmap);
/** How many gvas map `gpa`; the first `max` of them, ascending, go to gva[]. */
VMI_API size_t vmi_rmap_find(const struct vmi_rmap *rmap, vmi_gpa gpa, vmi_gva gva[/* max */],
			     size_t max);

/* ---- reading and writing -------------------------------------------------------------------- */

/**
 * Copy `len` bytes from `addr` on. On failure *done (may be NULL) says how many bytes before the
 * first that could not be had were copied, and the status and err say why it stopped there.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_read_bytes(struct vmi *vm, const struct vmi_space *space,
						   uint64_t addr, void *buf, size_t len,
						   size_t *done, struct vmi_error *err);

/** Integers in the guest's byte order; `value` is untouched unless all of it was there. */
VMI_API VMI_CHECKED enum vmi_status vmi_read_u8(struct vmi *vm, const struct vmi_space *space,
						uint64_t addr, uint8_t *value,
						struct vmi_error *err);
/** As vmi_read_u8(). */
VMI_API VMI_CHECKED enum vmi_status vmi_read_u16(struct vmi *vm, const struct vmi_space *space,
						 uint64_t addr, uint16_t *value,
						 struct vmi_error *err);
/** As vmi_read_u8(). */
VMI_API VMI_CHECKED enum vmi_status vmi_read_u32(struct vmi *vm, const struct vmi_space *space,
						 uint64_t addr, uint32_t *value,
						 struct vmi_error *err);
/** As vmi_read_u8(). */
VMI_API VMI_CHECKED enum vmi_status vmi_read_u64(struct vmi *vm, const struct vmi_space *space,
						 uint64_t addr, uint64_t *value,
						 struct vmi_error *err);
/** An unsigned integer of 1 to 8 bytes, in the guest's byte order. */
VMI_API VMI_CHECKED enum vmi_status vmi_read_uint(struct vmi *vm, const struct vmi_space *space,
						  uint64_t addr, unsigned size, uint64_t *value,
						  struct vmi_error *err);
/** A pointer of `width` bytes: 4 or 8, or 0 for what the space's mode has. */
VMI_API VMI_CHECKED enum vmi_status vmi_read_pointer(struct vmi *vm, const struct vmi_space *space,
						     uint64_t addr, unsigned width, vmi_gva *value,
						     struct vmi_error *err);

/**
 * Who knows what pages hold that a space lacks, such as a guest's operating system, which has moved
 * them elsewhere. All that reads bytes of a space asks it; translation and writing do not.
 */
struct vmi_pager {
	/**
	 * Fill `page`, of VMI_PAGE_SIZE bytes, with what belongs at `gva`, a page's first byte,
	 * that was not present as `why` says, with an entry that is not zero.
	 *
	 * VMI_ERR_NOT_FOUND  nothing is known of it; any other failure is told to who reads
	 */
	enum vmi_status (*read)(void *context, const struct vmi_space *space, vmi_gva gva,
				const struct vmi_translation *why, void *page,
				struct vmi_error *err);
	void *context;
};

/** The handle's pager, which is copied; NULL: none, as at first, and as in a clone. */
VMI_API void vmi_pager_set(struct vmi *vm, const struct vmi_pager *pager);
/** The one it has, or NULL. Borrowed until the next is set. */
VMI_API const struct vmi_pager *vmi_pager(const struct vmi *vm);

/** A member of a guest structure. */
struct vmi_field {
	uint64_t offset;    /**< in the structure */
	uint8_t size;       /**< of the storage: 1 to 8 */
	uint8_t bit_offset; /**< of a bit field, from the low end of the storage */
	uint8_t bit_count;  /**< of a bit field; 0: all of it */
};

/** A member of the structure at `base`. VMI_ERR_ARG: no such bits, or the address wraps. */
VMI_API VMI_CHECKED enum vmi_status vmi_read_field(struct vmi *vm, const struct vmi_space *space,
						   uint64_t base, const struct vmi_field *field,
						   uint64_t *value, struct vmi_error *err);
/** All of a structure or nothing: `out` is untouched unless every byte was there. */
VMI_API VMI_CHECKED enum vmi_status vmi_read_struct(struct vmi *vm, const struct vmi_space *space,
						    uint64_t addr, void *out, size_t len,
						    struct vmi_error *err);

/** One read of many. You fill the first three, the library the others. */
struct vmi_request {
	uint64_t addr;
	void *buf;
	size_t len;
	size_t done;
	enum vmi_status status;
};

/** Many reads at once, in any order; each tells how it went. VMI_OK when all were delivered whole,
 * else the first failure's status, with the others done all the same. */
VMI_API VMI_CHECKED enum vmi_status vmi_read_scatter(struct vmi *vm, const struct vmi_space *space,
						     struct vmi_request requests[/* count */],
						     size_t count, struct vmi_error *err);

/** As vmi_read_bytes(), the other way. VMI_ERR_UNSUPPORTED where the target cannot be written. */
VMI_API VMI_CHECKED enum vmi_status vmi_write_bytes(struct vmi *vm, const struct vmi_space *space,
						    uint64_t addr, const void *buf, size_t len,
						    size_t *done, struct vmi_error *err);
/** An unsigned integer of 1, 2, 4 or 8 bytes, in the guest's byte order. */
VMI_API VMI_CHECKED enum vmi_status vmi_write_uint(struct vmi *vm, const struct vmi_space *space,
						   uint64_t addr, unsigned size, uint64_t value,
						   struct vmi_error *err);

/* ---- strings -------------------------------------------------------------------------------- */

enum vmi_encoding { VMI_UTF8, VMI_LATIN1, VMI_UTF16LE, VMI_UTF16BE };

enum vmi_string_end {
	VMI_STRING_NUL,       /**< whole */
	VMI_STRING_LIMIT,     /**< no terminator within the limit */
	VMI_STRING_HOLE,      /**< ran into bytes that cannot be read */
	VMI_STRING_IMAGE_END, /**< ran into the end of memory or of the address space */
};

/** A string of the guest. Zero it, or fill it by the functions below; end with vmi_string_free().
 */
struct vmi_string {
	uint8_t *bytes; /**< as in the guest, without terminator; owned */
	size_t length;  /**< of bytes */
	char *text;     /**< as UTF-8, terminated, U+FFFD for what is invalid; owned */
	size_t text_length;
	enum vmi_string_end end;
	uint64_t end_addr; /**< of the first byte not taken */
};

/**
 * The terminated string at `addr`: any alignment, any number of pages, and no page behind the
 * terminator is touched. `limit` is in bytes; 0 is the handle's. A string that ran into a hole
 * fails with the hole's status, but `string` holds what was readable.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_string_read(struct vmi *vm, const struct vmi_space *space,
						    uint64_t addr, enum vmi_encoding encoding,
						    size_t limit, struct vmi_string *string,
						    struct vmi_error *err);
/**
 * The counted string {u16 length, u16 maximum, pointer} at `addr` (Windows' UNICODE_STRING), its
 * pointer as wide as the space's mode has it.
 */
VMI_API VMI_CHECKED enum vmi_status
vmi_string_read_counted(struct vmi *vm, const struct vmi_space *space, uint64_t addr,
			enum vmi_encoding encoding, struct vmi_string *string,
			struct vmi_error *err);
/** Bytes that are in hand, copied and made UTF-8; zeros among them are kept. */
VMI_API VMI_CHECKED enum vmi_status vmi_string_of_bytes(const void *bytes, size_t len,
							enum vmi_encoding encoding,
							struct vmi_string *string,
							struct vmi_error *err);
VMI_API void vmi_string_free(struct vmi_string *string);

/** The limit in bytes of reads that name none; see vmi_open_options. */
VMI_API size_t vmi_string_limit(const struct vmi *vm);
/** Change it for this handle; 0: the default of vmi_open_options. */
VMI_API void vmi_string_limit_set(struct vmi *vm, size_t limit);

/* ---- registers ------------------------------------------------------------------------------ */

/** VMI_ERR_NOT_FOUND: no such vcpu. VMI_ERR_UNSUPPORTED: the target holds no registers. */
VMI_API VMI_CHECKED enum vmi_status
vmi_registers_get(struct vmi *vm, unsigned vcpu, struct vmi_registers *regs, struct vmi_error *err);
/** Set those that are known in `regs`; the others keep their values. */
VMI_API VMI_CHECKED enum vmi_status vmi_registers_set(struct vmi *vm, unsigned vcpu,
						      const struct vmi_registers *regs,
						      struct vmi_error *err);
/** Take over the 16 general-purpose registers, RIP and RFLAGS, with their provenance. */
VMI_API void vmi_registers_copy_gp(struct vmi_registers *to, const struct vmi_registers *from);
/** "rax", "cs", "cs.base", "lstar". Static. */
VMI_API const char *vmi_register_name(enum vmi_register reg);
/** The register of that name, or VMI_REGISTER_COUNT. */
VMI_API enum vmi_register vmi_register_find(const char *name);

/* ---- caches --------------------------------------------------------------------------------- */

/** Counters since the cache was last enabled or resized. */
struct vmi_cache_stats {
	size_t slots; /**< entries it can hold; 0 when off */
	size_t used;  /**< entries it holds */
	uint64_t hits;
	uint64_t misses;
};

/**
 * Page cache: pages of the target by gfn, 8192 by default. Failures are not cached, nor are pages
 * that need no caching because they lie in a mapping of the image; where pages must be unpacked,
 * one that vmi_read_bytes() takes all of is kept the second time it is asked for. Pinned pages stay
 * valid whatever happens to the cache. Resizing rounds down to a number the table can have, but not
 * below 1. Flushing and turning off are never refused.
 *
 * Pages of a running guest are mappings: what is read is what is there now. Only where a guest
 * gives a gfn other memory, as a balloon does, it may be up to 100 ms and an event ago; pausing,
 * resuming and flushing see to that at once.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_page_cache_enable(struct vmi *vm, struct vmi_error *err);
VMI_API void vmi_page_cache_disable(struct vmi *vm);
VMI_API VMI_CHECKED enum vmi_status vmi_page_cache_resize(struct vmi *vm, size_t slots,
							  struct vmi_error *err);
VMI_API void vmi_page_cache_flush(struct vmi *vm);
VMI_API void vmi_page_cache_flush_gfn(struct vmi *vm, vmi_gfn gfn);
VMI_API void vmi_page_cache_stats(const struct vmi *vm, struct vmi_cache_stats *stats);

/**
 * Translation cache: by page and space, 8192 entries by default, and beside it the tables that lead
 * to up to 512 pages each, which count as hits too. Neither failures nor physical accesses are
 * cached. The handle's own writes invalidate it, and so do resuming a guest and each of its events.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_translation_cache_enable(struct vmi *vm,
								 struct vmi_error *err);
VMI_API void vmi_translation_cache_disable(struct vmi *vm);
VMI_API VMI_CHECKED enum vmi_status vmi_translation_cache_resize(struct vmi *vm, size_t slots,
								 struct vmi_error *err);
VMI_API void vmi_translation_cache_flush(struct vmi *vm);
VMI_API void vmi_translation_cache_flush_page(struct vmi *vm, const struct vmi_space *space,
					      vmi_gva gva);
VMI_API void vmi_translation_cache_stats(const struct vmi *vm, struct vmi_cache_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
