/* SPDX-License-Identifier: MIT */
#ifndef VMI_OS_H
#define VMI_OS_H

/**
 * @file
 * Who runs in there: the operating system of a guest, found in its memory alone. Linux for now, on
 * x86 of 32 and 64 bits. The kernel's own table of symbols (kallsyms) and its own types (BTF) are
 * in its memory, so no profile and no debug package are needed; where a kernel has been built
 * without them, files can stand in.
 *
 * While an os is open it is the pager of its handle: reads of a process's space have pages that are
 * not there, but in zram, in a frame of the swap cache or hidden: see vmi_absent_read().
 *
 * Lists are snapshots: made by one call, owned, ended by the function that the list names. What is
 * damaged or was torn by a guest that ran while it was copied is told to the `problem` function of
 * the options, and the rest of the list goes on; every walk is bounded, whatever the guest's
 * pointers say. Text in lists is the guest's bytes, terminated, not necessarily UTF-8.
 *
 * A struct vmi_os belongs to the thread of its handle.
 */

#include <vmi/vmi.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vmi_os;

/** How to find it; all zero is the default. Set `size` to sizeof the struct. */
struct vmi_os_options {
	size_t size;
	const struct vmi_space *space; /**< one that maps the kernel; NULL: found */
	const char *system_map; /**< file: symbols as `nm` prints them, as they were linked */
	const char *btf;        /**< file: the kernel's types, BTF or an ELF file with it */
	const char *vmlinux;    /**< file: the kernel with symbols and DWARF */
	/** Told what could not be read, one sentence each, and that the rest goes on. */
	void (*problem)(void *context, const char *sentence);
	void *problem_context;
};

/**
 * Find the kernel: by the spaces of the vcpus, by VMCOREINFO, by the trampoline of its processors,
 * or by a look at all of memory, which takes long on an image that is large.
 *
 * VMI_ERR_NOT_FOUND  nothing there is a kernel that we know
 * VMI_ERR_IO, VMI_ERR_CORRUPT  a file of the options cannot be had or is not what it should be
 *
 * On success *os is owned: vmi_os_close(), before the handle closes. `vm` is borrowed until then,
 * and its pager is this os (vmi_absent_read()) until another is set.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_os_open(struct vmi_os **os, struct vmi *vm,
						const struct vmi_os_options *options,
						struct vmi_error *err);
/** NULL is allowed. */
VMI_API void vmi_os_close(struct vmi_os *os);

/** Strings are borrowed until the os closes. */
struct vmi_os_info {
	const char *kind;           /**< "linux" */
	const char *banner;         /**< "Linux version …", without the newline */
	const char *release;        /**< "6.1.0-13-amd64" */
	struct vmi_space space;     /**< the kernel's */
	const char *space_source;   /**< "registers of vcpu 0", "vmcoreinfo" … */
	const char *symbols_source; /**< "kallsyms", or a file's name */
	const char
		*types_source; /**< "BTF of the kernel", or a file's name; NULL: there are none */
	vmi_gva text;          /**< where the kernel's text begins */
	vmi_gpa text_gpa;
	uint64_t slide;        /**< of KASLR: `text` less the address it was linked for */
	unsigned pointer_size; /**< 4 or 8 */
	size_t symbol_count;   /**< of the kernel, without modules */
};

/** Borrowed until the os closes. */
VMI_API const struct vmi_os_info *vmi_os_info(const struct vmi_os *os);

/* ---- symbols -------------------------------------------------------------------------------- */

/** Strings are borrowed until the os closes. */
struct vmi_symbol {
	vmi_gva gva;
	uint64_t size; /**< to the next symbol; 0: unknown */
	const char *name;
	const char *module; /**< NULL: the kernel itself */
	char type;          /**< as `nm` has it: 'T', 't', 'D' … */
};

/** By name; "module:name" for a module's. Of several, the first. VMI_ERR_NOT_FOUND. */
VMI_API VMI_CHECKED enum vmi_status vmi_symbol_find(struct vmi_os *os, const char *name,
						    struct vmi_symbol *symbol,
						    struct vmi_error *err);
/** The symbol that `gva` lies in, of the kernel or of a module. VMI_ERR_NOT_FOUND. */
VMI_API VMI_CHECKED enum vmi_status vmi_symbol_at(struct vmi_os *os, vmi_gva gva,
						  struct vmi_symbol *symbol, struct vmi_error *err);
/** All of them: `*cursor` is 0 at first. The kernel's by address, then each module's. VMI_END. */
VMI_API VMI_CHECKED enum vmi_status vmi_symbol_next(struct vmi_os *os, size_t *cursor,
						    struct vmi_symbol *symbol);

/* ---- types ---------------------------------------------------------------------------------- */

/**
 * A type of the kernel or of one of its modules: a number that means something to this os only; 0
 * is void. Modules' are numbered on from the kernel's.
 */
typedef uint32_t vmi_type;

enum vmi_type_kind {
	VMI_TYPE_VOID,
	VMI_TYPE_INT,
	VMI_TYPE_FLOAT,
	VMI_TYPE_POINTER,
	VMI_TYPE_ARRAY,
	VMI_TYPE_STRUCT,
	VMI_TYPE_UNION,
	VMI_TYPE_ENUM,
	VMI_TYPE_TYPEDEF,
	VMI_TYPE_FUNCTION,
	VMI_TYPE_FORWARD, /**< declared, not defined */
};

/** Strings are borrowed until the os closes. const, volatile and the like are looked through. */
struct vmi_type_info {
	enum vmi_type_kind kind;
	const char *name;   /**< "" where it has none */
	uint64_t size;      /**< in bytes */
	unsigned count;     /**< members, enumerators, elements or parameters */
	vmi_type target;    /**< of pointers, arrays and typedefs; what a function returns */
	bool is_signed;     /**< of integers and enums */
	bool is_char;       /**< of integers of one byte that hold characters */
	bool is_bool;       /**< of integers that are true or false */
	bool is_union;      /**< of what is only declared: a union, not a structure */
	const char *module; /**< NULL: the kernel itself */
};

struct vmi_member {
	const char *name; /**< "" where it has none */
	vmi_type type;
	uint64_t bit_offset; /**< in its structure */
	unsigned bit_size;   /**< of a bit field; 0: it is none */
	int64_t value;       /**< of an enumerator */
};

/**
 * By name, "task_struct" or "struct task_struct", "union …", "enum …", or a typedef's; with
 * "module:" in front of it, what that module adds to the kernel's types. Without, the kernel's,
 * then the first that a module has. VMI_ERR_NOT_FOUND.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_type_find(struct vmi_os *os, const char *name,
						  vmi_type *type, struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status
vmi_type_info(struct vmi_os *os, vmi_type type, struct vmi_type_info *info, struct vmi_error *err);
/**
 * Member, enumerator or parameter `index` of a structure, union, enum or function. A last parameter
 * of type 0 stands for "...". VMI_END behind the last.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_type_member(struct vmi_os *os, vmi_type type,
						    unsigned index, struct vmi_member *member,
						    struct vmi_error *err);
/**
 * Where `path`, "mm", "thread.sp" or "d_name.name", is in a structure. Members of unnamed members
 * are found as C finds them. *field is for vmi_read_field(); its size is 0 when the member is
 * longer than 8 bytes. *member (may be NULL) is the member's type.
 *
 * VMI_ERR_NOT_FOUND  the structure has no such member
 */
VMI_API VMI_CHECKED enum vmi_status vmi_type_field(struct vmi_os *os, const char *structure,
						   const char *path, struct vmi_field *field,
						   vmi_type *member, struct vmi_error *err);
/**
 * C's declaration of `name` with that type, "int (*fn)(const char *text)"; with the name "", of the
 * type alone. What has no name of its own is written "struct {...}". Cut to `size` bytes where it
 * is longer, and terminated.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_type_declare(struct vmi_os *os, vmi_type type,
						     const char *name, char *text, size_t size,
						     struct vmi_error *err);
/** All types that have a name: `*cursor` is 0 at first. The kernel's, then each module's. VMI_END.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_type_next(struct vmi_os *os, size_t *cursor,
						  vmi_type *type);

/* ---- tasks ---------------------------------------------------------------------------------- */

enum vmi_task_flags {
	VMI_TASK_KERNEL = 1 << 0,   /**< a kernel thread */
	VMI_TASK_LEADER = 1 << 1,   /**< a process: the first thread of its group */
	VMI_TASK_LISTED = 1 << 2,   /**< in the list of processes, or in its process' of threads */
	VMI_TASK_HASHED = 1 << 3,   /**< in the table of numbers, or that is out of reach */
	VMI_TASK_HAS_CRED = 1 << 4, /**< uid, gid, euid, egid are known */
	VMI_TASK_HAS_ROOT = 1 << 5, /**< root is known */
	VMI_TASK_HAS_PPID = 1 << 6,
	VMI_TASK_HAS_START = 1 << 7,
	VMI_TASK_IDLE = 1 << 8, /**< a vcpu's idle task, which is in no list */
};

/** A thread; of a process, its leader. Numbers are those of the initial namespace. */
struct vmi_task {
	vmi_gva task;      /**< its task_struct */
	vmi_gva mm;        /**< its mm_struct; 0: none */
	vmi_gpa root;      /**< its page tables, as CR3 has them without PCID */
	uint64_t start_ns; /**< after boot, on the clock that /proc/PID/stat uses */
	int32_t pid;       /**< of the process: the kernel's tgid */
	int32_t tid;
	int32_t ppid; /**< of the parent process */
	uint32_t uid, gid, euid, egid;
	uint32_t flags; /**< enum vmi_task_flags */
	char state;     /**< as `ps` has it: R S D T t Z X I …; '?' unknown */
	char comm[64];  /**< terminated; of kernel threads the whole name, where it is kept */
};

struct vmi_task_list {
	struct vmi_task *task;
	size_t count;
};

/**
 * All processes, by pid; and with their other threads, by pid and tid. Tasks that are found by
 * their number only, or in a list only, are there; their flags say so.
 */
VMI_API VMI_CHECKED enum vmi_status vmi_processes(struct vmi_os *os, struct vmi_task_list *list,
						  struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_threads(struct vmi_os *os, struct vmi_task_list *list,
						struct vmi_error *err);
VMI_API void vmi_task_list_free(struct vmi_task_list *list);

/** The task with that tid, or whose task_struct is at `gva`; flags do not tell what lists it is in.
 * VMI_ERR_NOT_FOUND. VMI_ERR_CORRUPT: what is at `gva` is no task. */
VMI_API VMI_CHECKED enum vmi_status vmi_task_find(struct vmi_os *os, int32_t tid,
						  struct vmi_task *task, struct vmi_error *err);
VMI_API VMI_CHECKED enum vmi_status vmi_task_at(struct vmi_os *os, vmi_gva gva,
						struct vmi_task *task, struct vmi_error *err);
/**
 * The task that a vcpu runs. Which of the kernel's cpus it is, its registers tell; where there are
 * none, or not that one, numbers are taken to be the same.
 *
 * VMI_ERR_NOT_FOUND  no such cpu is online
 */
VMI_API VMI_CHECKED enum vmi_status vmi_task_current(struct vmi_os *os, unsigned vcpu,
						     struct vmi_task *task, struct vmi_error *err);
/** Its address space: of a kernel thread, the kernel's. */
VMI_API VMI_CHECKED enum vmi_status vmi_task_space(struct vmi_os *os, const struct vmi_task *task,
						   struct vmi_space *space, struct vmi_error *err);
/**
 * Its arguments, each terminated, as /proc/PID/cmdline has them; `string` as by vmi_string_read().
 *
 * VMI_ERR_NOT_FOUND  it has none: a kernel thread, a zombie
 */
VMI_API VMI_CHECKED enum vmi_status vmi_task_arguments(struct vmi_os *os,
						       const struct vmi_task *task,
						       struct vmi_string *string,
						       struct vmi_error *err);

/* ---- memory of a process -------------------------------------------------------------------- */

enum vmi_region_flags {
	VMI_REGION_SHARED = 1 << 0,
	VMI_REGION_DELETED = 1 << 1, /**< its file has no name any more */
	VMI_REGION_FILE = 1 << 2,
};

/** A line of /proc/PID/maps. */
struct vmi_region {
	vmi_gva start;
	uint64_t size;
	uint64_t offset; /**< in the file, in bytes */
	uint64_t inode;
	uint32_t major, minor; /**< of the file's device */
	uint8_t access;        /**< enum vmi_access */
	uint8_t flags;         /**< enum vmi_region_flags */
	/**
	 * Of the file, " (deleted)" behind it, or "[heap]", "[stack]", "[vdso]" …; "" for none;
	 * NULL when it could not be read, and then inode and device are not known either. The
	 * list's.
	 */
	const char *path;
};

struct vmi_region_list {
	struct vmi_region *region;
	size_t count;
	void *text; /**< private */
};

/** By address. */
VMI_API VMI_CHECKED enum vmi_status vmi_regions(struct vmi_os *os, const struct vmi_task *task,
						struct vmi_region_list *list,
						struct vmi_error *err);
VMI_API void vmi_region_list_free(struct vmi_region_list *list);

/** Why a page of a process is not there. */
enum vmi_absence {
	VMI_ABSENT_UNTOUCHED, /**< nothing was ever there */
	VMI_ABSENT_SWAP,      /**< in a swap device or file */
	VMI_ABSENT_ZRAM,      /**< in compressed memory of the guest */
	VMI_ABSENT_MIGRATION, /**< being moved to another frame */
	VMI_ABSENT_PROTECTED, /**< there, but PROT_NONE: *gpa is known */
	VMI_ABSENT_OTHER,     /**< poisoned, device memory, a marker */
};

struct vmi_absent_page {
	enum vmi_absence why;
	unsigned type;   /**< of swap: its area, an index */
	uint64_t offset; /**< in it, in pages */
	vmi_gpa gpa;     /**< where the page is all the same (protected, migration) */
};

/** "untouched", "swap", "zram", "migration", "protected", "other". Static. */
VMI_API const char *vmi_absence_name(enum vmi_absence why);
/** What the kernel's entry says of a page that vmi_translate() found not present. */
VMI_API VMI_CHECKED enum vmi_status vmi_absent_page(struct vmi_os *os,
						    const struct vmi_translation *translation,
						    struct vmi_absent_page *page,
						    struct vmi_error *err);

/**
 * What such a page holds, where that is in memory all the same: hidden, being moved, in zram, in a
 * frame of the swap cache, or zeros that swap only noted down. `bytes` are VMI_PAGE_SIZE.
 *
 * VMI_ERR_NOT_FOUND    nothing was there, or it is in a swap device or file
 * VMI_ERR_NOT_PRESENT  its slot in zram is free, or zram has written it to a disk
 * VMI_ERR_UNSUPPORTED  it is packed by what is not supported, or this kernel does not tell the
 *                      types of its modules
 * VMI_ERR_CORRUPT      what leads to it does not fit together, as when it was just moved
 */
VMI_API VMI_CHECKED enum vmi_status vmi_absent_read(struct vmi_os *os, vmi_gva gva,
						    const struct vmi_translation *translation,
						    void *bytes, struct vmi_error *err);

/* ---- the kernel's lists --------------------------------------------------------------------- */

struct vmi_module {
	vmi_gva module;    /**< its struct module */
	vmi_gva base;      /**< of its code */
	uint64_t size;     /**< in bytes, of all its parts, as /proc/modules has it */
	char name[64];     /**< terminated */
	const char *state; /**< "live", "coming", "going", "unformed", "unknown"; static */
};

struct vmi_module_list {
	struct vmi_module *module;
	size_t count;
};

/** As /proc/modules lists them. */
VMI_API VMI_CHECKED enum vmi_status vmi_modules(struct vmi_os *os, struct vmi_module_list *list,
						struct vmi_error *err);
VMI_API void vmi_module_list_free(struct vmi_module_list *list);

/** A record of the kernel's log. */
struct vmi_log_record {
	uint64_t sequence;
	uint64_t time_ns; /**< after boot */
	uint8_t level;    /**< 0 emergency … 7 debug */
	uint8_t facility; /**< as syslog has it; 0: the kernel */
	bool continues;   /**< the line of the record before */
	bool has_caller;  /**< caller is known */
	uint32_t caller;  /**< a thread; with the highest bit, a processor that ran none */
	const char *text; /**< the list's, as the other strings; may hold newlines */
	size_t length;
	const char *subsystem; /**< "pci": of the device that it is about; "" for none */
	const char *device;    /**< "+pci:0000:00:01.0" */
};

struct vmi_log_list {
	struct vmi_log_record *record;
	size_t count;
	void *text; /**< private */
};

/** By sequence, what is still in the ring. */
VMI_API VMI_CHECKED enum vmi_status vmi_log(struct vmi_os *os, struct vmi_log_list *list,
					    struct vmi_error *err);
VMI_API void vmi_log_list_free(struct vmi_log_list *list);

/** An open file of a process. */
struct vmi_file {
	int32_t fd;
	vmi_gva file;    /**< its struct file */
	uint64_t offset; /**< where it is read or written next */
	uint64_t inode;
	uint32_t flags; /**< of open(2), in the guest's numbers */
	uint32_t mode;  /**< type and permissions, as stat(2) has them */
	bool is_deleted;
	/**
	 * As /proc/PID/fd has it, "socket:[123]"; NULL when it, or something else of the file,
	 * could not be read, and then only fd and file are known. The list's.
	 */
	const char *path;
};

struct vmi_file_list {
	struct vmi_file *file;
	size_t count;
	void *text; /**< private */
};

/** By fd. */
VMI_API VMI_CHECKED enum vmi_status vmi_files(struct vmi_os *os, const struct vmi_task *task,
					      struct vmi_file_list *list, struct vmi_error *err);
VMI_API void vmi_file_list_free(struct vmi_file_list *list);

/** A socket that a process has open. */
struct vmi_socket {
	int32_t fd;
	vmi_gva sock; /**< its struct sock */
	uint64_t inode;
	uint16_t family, type, protocol; /**< of socket(2), in the guest's numbers */
	uint8_t state;                   /**< as TCP numbers them: 1 established, 10 listening */
	/** Of families 2 (inet: 4 bytes) and 10 (inet6: 16), in network order. */
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	/** Of family 1 (unix), as /proc/net/unix has it; NULL: it has none. The list's. */
	const char *path;
};

struct vmi_socket_list {
	struct vmi_socket *socket;
	size_t count;
	void *text; /**< private */
};

/** By fd. */
VMI_API VMI_CHECKED enum vmi_status vmi_sockets(struct vmi_os *os, const struct vmi_task *task,
						struct vmi_socket_list *list,
						struct vmi_error *err);
VMI_API void vmi_socket_list_free(struct vmi_socket_list *list);

struct vmi_mount {
	uint32_t id, parent;
	uint32_t major, minor;
	const char *root;   /**< which part of its file system: "/"; the list's, as all text here */
	const char *source; /**< "/dev/sda1", "proc" */
	const char *target; /**< seen from the task's root */
	const char *type;   /**< "ext4" */
	const char *options; /**< "rw,nosuid", without those that only its file system knows */
};

struct vmi_mount_list {
	struct vmi_mount *mount;
	size_t count;
	void *text; /**< private */
};

/** As /proc/PID/mounts: what a task sees; NULL: the first process. */
VMI_API VMI_CHECKED enum vmi_status vmi_mounts(struct vmi_os *os, const struct vmi_task *task,
					       struct vmi_mount_list *list, struct vmi_error *err);
VMI_API void vmi_mount_list_free(struct vmi_mount_list *list);

enum { VMI_OS_CPUS_MAX = 8192 };

/** What the kernel says of itself. Text is "" and numbers 0 where it cannot be had. */
struct vmi_sysinfo {
	char hostname[65];
	char domain[65];
	char release[65];
	char version[65];
	char machine[65];
	char *command_line; /**< of the kernel; owned, terminated, or NULL */
	unsigned cpus_online, cpus_present;
	uint64_t uptime_ns;   /**< as of the last tick of the clock; 0: unknown */
	int64_t time_ns;      /**< the guest's clock at that tick, after 1970; 0: unknown */
	uint64_t pages_total; /**< of memory that the kernel manages; 0: unknown */
	uint64_t taints;      /**< as /proc/sys/kernel/tainted has them */
	bool has_taints;
	bool has_load;
	uint32_t load_hundredths[3]; /**< averages over 1, 5 and 15 minutes */
};

/** What can be had of it; end with vmi_sysinfo_free(). */
VMI_API VMI_CHECKED enum vmi_status vmi_sysinfo(struct vmi_os *os, struct vmi_sysinfo *info,
						struct vmi_error *err);
/** Leaves `info` zeroed. */
VMI_API void vmi_sysinfo_free(struct vmi_sysinfo *info);

#ifdef __cplusplus
}
#endif

#endif
