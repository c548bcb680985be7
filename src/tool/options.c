/* SPDX-License-Identifier: MIT */
/* The options: one table for parsing and for help. */

#include <assert.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "out.h"

static const struct {
	const char *name;
	const char *argument; /* "[=...]" when it may be left out */
	const char *help;
	char letter;
} table[OPT_COUNT] = {
	[OPT_JSON] = {"json", NULL, "one JSON object per line", 'j'},
	[OPT_QUIET] = {"quiet", NULL, "say only what goes wrong", 'q'},
	[OPT_DRIVER] = {"driver", "NAME", "this driver, instead of the one that knows the content",
			0},
	[OPT_NO_MMAP] = {"no-mmap", NULL, "read the image instead of mapping it", 0},
	[OPT_LAYOUT] = {"layout", "GPA:SIZE@OFFSET,...", "what lies where in flat memory", 0},
	[OPT_KEEP_INDEX] = {"keep-index", NULL,
			    "keep the seek index of a packed image in IMAGE.vmi-index", 0},
	[OPT_HELP] = {"help", NULL, "this text", 'h'},
	[OPT_VERSION] = {"version", NULL, "version, and what was built in", 'V'},
	[OPT_ROOT] = {"root", "GPA", "the space below this page-table root (a CR3 value will do)",
		      0},
	[OPT_VCPU] = {"vcpu", "N", "this vcpu only, or the space that it is in", 0},
	[OPT_MODE] = {"mode", "MODE", "auto, legacy, pae, 4level or 5level", 0},
	[OPT_PHYS] = {"phys", NULL, "guest-physical addresses, no translation", 0},
	[OPT_FROM] = {"from", "FILE", "addresses from FILE, one per line; - is standard input", 0},
	[OPT_WALK] = {"walk", NULL, "the table entries on the way, too", 0},
	[OPT_REVERSE] = {"reverse", NULL, "from physical to every virtual address", 0},
	[OPT_RAW] = {"raw", NULL, "the bytes themselves", 0},
	[OPT_TYPE] = {"type", "TYPE", "as u8, u16, u32, u64 or ptr", 't'},
	[OPT_SKIP_HOLES] = {"skip-holes", NULL, "zeros for what cannot be read, and go on", 0},
	[OPT_ENCODING] = {"encoding", "NAME", "of the text; see above", 'e'},
	[OPT_LIMIT] = {"limit", "BYTES", "stop a string after this many bytes", 0},
	[OPT_UNICODE_STRING] = {"unicode-string", NULL,
				"ADDR is a counted string: two lengths and a pointer", 0},
	[OPT_MIN] = {"min", "MIN", "at least so many characters (4)", 'n'},
	[OPT_OFFSETS] = {"offsets", NULL, "the address before each string", 0},
	[OPT_THREADS] = {"threads", "N", "so many threads (as many as there are CPUs)", 0},
	[OPT_BYTES] = {"bytes", "HEX", "these bytes; blanks between pairs are allowed", 0},
	[OPT_TEXT] = {"text", "TEXT", "this text, in the encoding", 0},
	[OPT_REGEX] = {"regex", "RE", "this Perl-compatible expression, over bytes", 0},
	[OPT_CR] = {"cr", "REGISTER", "writes to cr0, cr3, cr4 or xcr0; may be repeated", 0},
	[OPT_MSR] = {"msr", "MSR", "writes to this MSR, a name or a number; may be repeated", 0},
	[OPT_BREAKPOINT] = {"breakpoint", NULL, "INT3 instructions", 0},
	[OPT_DEBUG] = {"debug", NULL, "debug exceptions", 0},
	[OPT_SINGLESTEP] = {"singlestep", NULL, "every instruction", 0},
	[OPT_CPUID] = {"cpuid", NULL, "CPUID instructions", 0},
	[OPT_HYPERCALL] = {"hypercall", "[=user]", "requests of the guest to whoever monitors it",
			   0},
	[OPT_IO] = {"io", NULL, "accesses to ports", 0},
	[OPT_DESCRIPTOR] = {"descriptor", NULL, "loads and stores of GDTR, IDTR, LDTR, TR", 0},
	[OPT_VMEXIT] = {"vmexit", NULL, "every exit from the guest to the hypervisor", 0},
	[OPT_PRIVILEGED_CALL] = {"privileged-call", NULL, "privileged calls", 0},
	[OPT_MEM] = {"mem", "GPA[:LENGTH]=RWX", "reads, writes, execution; may be repeated", 0},
	[OPT_RIP] = {"rip", "FIRST[:LENGTH]", "only events of instructions at these addresses", 0},
	[OPT_COUNT_EVENTS] = {"count", "N", "end after N events", 'c'},
	[OPT_DURATION] = {"duration", "SECONDS", "end after this time", 'd'},
	[OPT_DEADLINE] = {"deadline", "MS",
			  "give the guest back when an answer takes longer; 0: never", 0},
	[OPT_REGISTERS] = {"registers", NULL, "the registers that come with each event", 'r'},
	[OPT_ACTION] = {"action", "ACTION",
			"continue, deny, reinject, singlestep or emulate; see above", 0},
	[OPT_OUTPUT] = {"output", "FILE", "the file to write", 'o'},
	[OPT_FORMAT] = {"format", "FORMAT", "elf, raw, lime or kdump (elf)", 0},
	[OPT_COMPRESS] = {"compress", "NAME", "none, zlib, lzo, snappy, zstd or lz4", 0},
	[OPT_FORCE] = {"force", NULL, "replace FILE when it exists", 'f'},
	[OPT_SYSTEM_MAP] = {"system-map", "FILE", "the kernel's symbols, as nm prints them", 0},
	[OPT_BTF] = {"btf", "FILE", "the kernel's types: BTF, or an ELF file with it", 0},
	[OPT_VMLINUX] = {"vmlinux", "FILE", "the kernel, with symbols and DWARF", 0},
	[OPT_PID] = {"pid", "N", "the process, or thread, with this number", 'p'},
	[OPT_PROCESS] = {"process", "NAME", "the process of this name", 0},
	[OPT_TREE] = {"tree", NULL, "children under their parents", 0},
	[OPT_ALL_THREADS] = {"threads", NULL, "the other threads of each process, too", 0},
	[OPT_SYMBOLS] = {"symbols", NULL, "the symbols beside the addresses", 0},
};

const char *option_name(enum option_id id)
{
	return table[id].name;
}

enum { LETTERS = 2 + 3 * OPT_COUNT + 1 };
static_assert(OPT_COUNT <= 64, "a set of options is 64 bits");

/* Is it another option of the same name that is meant? */
static bool is_other(int id, uint64_t taken)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (i != id && strcmp(table[i].name, table[id].name) == 0)
			return taken & OPTION(i) || (i < id && !(taken & OPTION(id)));
	return false;
}

/* What getopt_long wants: words are handed over in order, a missing value is ':'. */
static void getopt_tables(uint64_t taken, struct option longs[OPT_COUNT + 1], char letters[LETTERS])
{
	char *next = letters;

	*next++ = '-';
	*next++ = ':';
	for (int i = 0; i < OPT_COUNT; i++) {
		if (is_other(i, taken))
			continue;
		int value = !table[i].argument          ? no_argument
			    : *table[i].argument == '[' ? optional_argument
							: required_argument;

		*longs++ = (struct option){table[i].name, value, NULL, 256 + i};
		if (table[i].letter) {
			*next++ = table[i].letter;
			for (int colon = 0; colon < value; colon++)
				*next++ = ':';
		}
	}
	*longs = (struct option){0};
	*next = '\0';
}

static int by_letter(int letter)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (table[i].letter == letter)
			return i;
	return OPT_COUNT;
}

static bool refuse(char *const *argv, int got, char *problem, size_t size)
{
	const char *missing = got == ':' ? " needs a value" : "";
	const char *unknown = got == ':' ? "" : "unknown option ";
	char letter[3] = {'-', (char)optopt, '\0'};
	/* A letter that is wrong may stand among others; a long option is the word just passed. */
	bool is_letter = optopt > 0 && optopt < 256;

	snprintf(problem, size, "%s%s%s", unknown, is_letter ? letter : argv[optind - 1], missing);
	return false;
}

bool options_parse(struct options *options, uint64_t taken, int argc, char **argv, char *problem,
		   size_t size)
{
	struct option longs[OPT_COUNT + 1];
	char letters[LETTERS];
	int got;

	getopt_tables(taken, longs, letters);
	opterr = 0;
	optind = 0; /* GNU: also forgets what an earlier call had in hand */
	while ((got = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (got == 1) {
			options->word[options->word_count++] = optarg;
			continue;
		}
		if (got == '?' || got == ':')
			return refuse(argv, got, problem, size);
		int id = got >= 256 ? got - 256 : by_letter(got);
		options->value[id] = optarg ? optarg : "";
		/* Options with arguments take a word each; letters without share one. */
		if (table[id].argument)
			options->given[options->given_count++] =
				(struct given){(enum option_id)id, options->value[id]};
	}
	while (optind < argc)
		options->word[options->word_count++] = argv[optind++];
	return true;
}

const char *options_stranger(const struct options *options, uint64_t allowed)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (options->value[i] && !(allowed & OPTION(i)))
			return table[i].name;
	return NULL;
}

void options_help(struct out *out, uint64_t set)
{
	enum { NAMES_WIDTH = 24 };

	for (int i = 0; i < OPT_COUNT; i++) {
		char names[40];
		char letter[5] = "    ";

		if (!(set & OPTION(i)))
			continue;
		if (table[i].letter)
			snprintf(letter, sizeof(letter), "-%c, ", table[i].letter);
		const char *argument = table[i].argument ? table[i].argument : "";
		bool optional = *argument == '[';

		snprintf(names, sizeof(names), "%s--%s%s%s", letter, table[i].name,
			 *argument && !optional ? " " : "", argument);
		if (strlen(names) > NAMES_WIDTH) {
			out_format(out, "  %s\n", names);
			names[0] = '\0';
		}
		out_format(out, "  %-*s %s\n", NAMES_WIDTH, names, table[i].help);
	}
}
