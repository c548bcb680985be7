/* SPDX-License-Identifier: MIT */
#ifndef VMI_DRIVER_H
#define VMI_DRIVER_H

/**
 * @file
 * For authors of drivers: the table that says what a driver can do, where its bytes come from, and
 * how it reports failure.
 */

#include <vmi/live.h>
#include <vmi/vmi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- failure -------------------------------------------------------------------------------- */

/**
 * Say what went wrong where it is detected: lower case, no full stop, numbers in hex with their
 * kind ("gfn 0x11"). Returns `status`. A NULL err costs nothing.
 */
VMI_API enum vmi_status vmi_fail(struct vmi_error *err, enum vmi_status status, const char *fmt,
				 ...) VMI_PRINTF(3, 4);
/** Put context in front of a failure that came from below. Returns `status`. */
VMI_API enum vmi_status vmi_wrap(struct vmi_error *err, enum vmi_status status, const char *fmt,
				 ...) VMI_PRINTF(3, 4);

/* ---- the bytes of an image ------------------------------------------------------------------ */

struct vmi_source;

/** As the user named it. Borrowed. */
VMI_API const char *vmi_source_name(const struct vmi_source *source);
/** Fixed when it was opened. */
VMI_API uint64_t vmi_source_size(const struct vmi_source *source);
/** All of it, mapped until the source closes, or NULL: then vmi_source_at(), vmi_source_read(). */
VMI_API const uint8_t *vmi_source_map(const struct vmi_source *source);
/**
 * The `len` bytes at `offset` where they lie in memory in one piece, good until the source closes;
 * else NULL, also when they end past the end: then vmi_source_read(), which says why.
 */
VMI_API const uint8_t *vmi_source_at(const struct vmi_source *source, uint64_t offset, size_t len);
/**
 * Copy `len` bytes at `offset`; safe from any thread.
 *
 * VMI_ERR_CORRUPT  they end past the end of the source, or a container cannot be unpacked there
 * VMI_ERR_IO       the host failed, or the file has become shorter
 */
VMI_API VMI_CHECKED enum vmi_status vmi_source_read(const struct vmi_source *source,
						    uint64_t offset, void *buf, size_t len,
						    struct vmi_error *err);
/**
 * The end of the data or hole at `offset`, not above `end`; *hole says which. A hole reads as
 * zeros. Where the host cannot tell, all is data.
 */
VMI_API uint64_t vmi_source_stretch(const struct vmi_source *source, uint64_t offset, uint64_t end,
				    bool *hole);

/* ---- the table ------------------------------------------------------------------------------ */

/** What open() is given. Borrowed for the life of the driver's state. */
struct vmi_target {
	const char *name; /**< as typed */
	/** The image, out of its containers; NULL when the target is no file. */
	const struct vmi_source *source;
	/** Remember something odd for vmi_warning(); only during open(). */
	void (*warn)(const struct vmi_target *target, const char *fmt, ...) VMI_PRINTF(2, 3);
	/** Further files that were named, "a,b,c", in that order, out of their containers. */
	const struct vmi_source *const *parts;
	size_t part_count;
	/**
	 * Another file of the same image, such as memory beside registers, out of its containers;
	 * only during open(). It closes after the driver. VMI_ERR_IO: it is not there;
	 * VMI_ERR_UNSUPPORTED: the image is no file, so there is no beside.
	 */
	enum vmi_status (*part)(const struct vmi_target *target, const char *path,
				const struct vmi_source **source, struct vmi_error *err);
	const struct vmi_open_options *options; /**< never NULL; only during open() */
};

/** Tell the user's progress function, if there is one. */
VMI_API void vmi_progress(const struct vmi_open_options *options, uint64_t done, uint64_t total);

/* ---- containers ----------------------------------------------------------------------------- */

/**
 * A container: bytes around an image, such as gzip, read at random without unpacking all of it.
 * What it holds may be a container again; the core peels them, then asks the drivers.
 *
 * `self` is `state_size` zeroed bytes, allocated and freed by the core. read() and at() are called
 * by several threads at once.
 */
struct vmi_container_ops {
	const char *name; /**< "gzip": goes before the name of the format, with a plus */
	bool suffix;      /**< no: behind it, with a dash, as in "kdump-flattened" */
	size_t state_size;
	/** Is this one? `head` is the first `len` bytes, perhaps not all that there are. */
	bool (*probe)(const uint8_t *head, size_t len);
	/**
	 * Find out the size of what is inside. `outer` outlives the state. Sets *map when all of
	 * the content lies in memory. `warn` as in struct vmi_target, with `target`.
	 */
	enum vmi_status (*open)(void *self, const struct vmi_source *outer,
				const struct vmi_target *target, uint64_t *size,
				const uint8_t **map, struct vmi_error *err);
	/** Exactly once after open(), failed or not. */
	void (*close)(void *self);
	/** Within the size. */
	enum vmi_status (*read)(void *self, uint64_t offset, void *buf, size_t len,
				struct vmi_error *err);
	/** Optional: as vmi_source_at(), within the size. */
	const uint8_t *(*at)(void *self, uint64_t offset, size_t len);
	/** Optional: as vmi_source_stretch(). */
	uint64_t (*stretch)(void *self, uint64_t offset, uint64_t end, bool *hole);
};

/**
 * A driver: a name, a way in, and what it can do.
 *
 * `self` is `state_size` zeroed bytes, allocated and freed by the core. The functions before the
 * groups are mandatory, unless said otherwise. A group may be left out, and the core then refuses
 * on the driver's behalf; it is all there or absent. Functions leave outputs alone on failure.
 */
struct vmi_driver_ops {
	const char *name; /**< as typed after --driver, as printed in errors */
	size_t state_size;
	/** The page group and registers.get may run in several threads at once. */
	bool concurrent;
	bool parts; /**< takes more than one file */
	bool flat;  /**< does what vmi_open_options.layout says */
	/** A pinned page is the guest's memory itself and changes in place, so that an event only
	 * makes old which memory its gfn has. See vmi_page_cache_flush(). */
	bool live;

	/** Is this target mine? `head` is the first `len` bytes of the source, NULL when no file.
	 */
	bool (*probe)(const struct vmi_target *target, const uint8_t *head, size_t len);
	/** May clear bits of *caps that this target lacks after all; never sets one. */
	enum vmi_status (*open)(void *self, const struct vmi_target *target, unsigned *caps,
				struct vmi_error *err);
	/** Exactly once after open(), failed or not. */
	void (*close)(void *self);
	/** Fills format, machine, max_gfn, vcpus; the core the rest. */
	void (*info)(void *self, struct vmi_info *info);
	/** Optional: the VMCOREINFO text, borrowed for the life of the state; NULL when none. */
	const char *(*vmcoreinfo)(void *self, size_t *len);

	struct { /* VMI_CAP_READ */
		/**
		 * Pin one page: fills data, known, extent and pin. Its bytes stay put until put().
		 * VMI_ERR_NOT_SAVED when no byte of it is held. A NULL pin says that the page costs
		 * nothing to get again and stays while the target is open: it is not cached.
		 */
		enum vmi_status (*get)(void *self, vmi_gfn gfn, struct vmi_page *page,
				       struct vmi_error *err);
		void (*put)(void *self, struct vmi_page *page);
		/**
		 * Optional, where several pages at once cost less than one after the other: copy
		 * from `gpa` on, up to `len` bytes of two pages or more, *done of them, at least
		 * one. Fails as get() would for the first page.
		 */
		enum vmi_status (*copy)(void *self, vmi_gpa gpa, void *buf, size_t len,
					size_t *done, struct vmi_error *err);
		/**
		 * Optional, where pinning a page means to make it: make all VMI_PAGE_SIZE bytes of
		 * it at `out` instead, for a reader that wants them there and nowhere else. Fails
		 * as get() would, and may have written to `out` then.
		 */
		enum vmi_status (*unpack)(void *self, vmi_gfn gfn, uint8_t *out,
					  struct vmi_error *err);
		/** As vmi_run_next(). */
		enum vmi_status (*run_next)(void *self, vmi_gpa from, struct vmi_run *run,
					    struct vmi_error *err);
		/** Optional: as vmi_absent_next(). */
		enum vmi_status (*absent_next)(void *self, vmi_gpa from, struct vmi_run *run,
					       struct vmi_error *err);
	} page;

	/** VMI_CAP_WRITE: within one page. */
	enum vmi_status (*write)(void *self, vmi_gpa gpa, const void *buf, size_t len,
				 struct vmi_error *err);

	struct { /* VMI_CAP_QUERY_PROTECTION by get, VMI_CAP_SET_PROTECTION by set */
		enum vmi_status (*get)(void *self, uint16_t view, vmi_gfn gfn, unsigned *access,
				       unsigned *options, struct vmi_error *err);
		enum vmi_status (*set)(void *self, uint16_t view, vmi_gfn gfn, unsigned access,
				       unsigned options, struct vmi_error *err);
	} access;

	struct { /* VMI_CAP_QUERY_REGISTERS by get, VMI_CAP_SET_REGISTERS by set */
		/** `regs` is zeroed; set what is there. `vcpu` is below info's count. */
		enum vmi_status (*get)(void *self, unsigned vcpu, struct vmi_registers *regs,
				       struct vmi_error *err);
		enum vmi_status (*set)(void *self, unsigned vcpu, const struct vmi_registers *regs,
				       struct vmi_error *err);
	} registers;

	struct { /* VMI_CAP_VIEW_CONTROL */
		enum vmi_status (*initial)(void *self, uint16_t *view, struct vmi_error *err);
		enum vmi_status (*create)(void *self, unsigned access, uint16_t *view,
					  struct vmi_error *err);
		enum vmi_status (*destroy)(void *self, uint16_t view, struct vmi_error *err);
		enum vmi_status (*switch_to)(void *self, uint16_t view, struct vmi_error *err);
		enum vmi_status (*change_gfn)(void *self, uint16_t view, vmi_gfn from, vmi_gfn to,
					      struct vmi_error *err);
		enum vmi_status (*reset_gfn)(void *self, uint16_t view, vmi_gfn gfn,
					     struct vmi_error *err);
	} view;

	struct { /* VMI_CAP_EVENT_CONTROL */
		enum vmi_status (*enable)(void *self, const struct vmi_monitor *monitor,
					  struct vmi_error *err);
		enum vmi_status (*disable)(void *self, const struct vmi_monitor *monitor,
					   struct vmi_error *err);
		enum vmi_status (*pending)(void *self, size_t *count, struct vmi_error *err);
		enum vmi_status (*overhead)(void *self, uint64_t *nanoseconds,
					    struct vmi_error *err);
		/** As vmi_event_deadline(); before anything is watched it takes nothing. */
		enum vmi_status (*deadline)(void *self, uint32_t milliseconds,
					    struct vmi_error *err);
		/**
		 * The next event, waiting up to timeout_ms (negative: for ever) or until `wake_fd`
		 * becomes readable (VMI_ERR_INTERRUPTED, as for a signal). Before it waits it
		 * flushes.
		 */
		enum vmi_status (*take)(void *self, int timeout_ms, int wake_fd,
					struct vmi_event *event, struct vmi_error *err);
		/** Answer a taken event. What cannot be done is refused, and "continue" answered.
		 */
		enum vmi_status (*answer)(void *self, const struct vmi_event *event,
					  const struct vmi_response *response,
					  struct vmi_error *err);
		/** Let the hypervisor know of answers given since the last flush. */
		enum vmi_status (*flush)(void *self, struct vmi_error *err);
	} event;

	struct { /* VMI_CAP_VM_CONTROL */
		/** The core nests: pause and resume alternate. */
		enum vmi_status (*pause)(void *self, struct vmi_error *err);
		enum vmi_status (*resume)(void *self, struct vmi_error *err);
		enum vmi_status (*allocate)(void *self, vmi_gfn *gfn, struct vmi_error *err);
		enum vmi_status (*allocate_at)(void *self, vmi_gfn gfn, struct vmi_error *err);
		enum vmi_status (*free)(void *self, vmi_gfn gfn, struct vmi_error *err);
		enum vmi_status (*inject)(void *self, unsigned vcpu,
					  const struct vmi_interrupt *interrupt,
					  struct vmi_error *err);
		enum vmi_status (*reset)(void *self, struct vmi_error *err);
	} control;

	/** Optional, without a target being open: as vmi_target_list(). */
	enum vmi_status (*list)(struct vmi_target_entry **list, size_t *count,
				struct vmi_error *err);
	/** Optional, without a target being open: as vmi_target_rescue(). */
	enum vmi_status (*rescue)(const char *target, struct vmi_error *err);
};

/** Open a target with a driver of your own. */
VMI_API VMI_CHECKED enum vmi_status
vmi_open_driver(struct vmi **vm, const struct vmi_driver_ops *ops, const char *target,
		const struct vmi_open_options *options, struct vmi_error *err);

/** The capability mask that a table gives: a half-filled group gives no bit. */
VMI_API unsigned vmi_driver_capabilities(const struct vmi_driver_ops *ops);
/** The built-in drivers in probe order; NULL behind the last. */
VMI_API const struct vmi_driver_ops *vmi_driver_builtin(unsigned index);

#ifdef __cplusplus
}
#endif

#endif
