#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh SOURCE [LIBRARY]: what a compiler does not check of the house's rules. Exit 0 or 1.
set -u
cd "$1" || exit 1
LIBRARY=${2:-}
bad=0

# complain HEADING LINES: print them and remember, when there are any.
complain() {
	[ -z "$2" ] && return
	printf '%s:\n%s\n\n' "$1" "$2" | sed '2,$s/^/    /'
	bad=1
}

code=$(find arch drivers include src test test-data -name '*.[ch]' | sort)
scripts=$(find arch drivers src test test-data \( -name '*.sh' -o -name '*.py' -o -name '*.S' \
	-o -name '*.map' -o -name CMakeLists.txt \) | sort; ls CMakeLists.txt run .ci/run 2>/dev/null)

# Layers: an include names a file of its own folder or <vmi/...>; src alone also sees arch, formats and
# containers see each other, and programs the two files about what they write and a container reads.
complain "includes that climb" "$(grep -n '#include.*\.\./' $code)"
for folder in arch drivers/* src/tool src/os; do
	[ -d "$folder" ] || continue
	case $folder in
	drivers/dump) other=drivers/container ;;
	drivers/container) other=drivers/dump ;;
	*) other=$folder ;;
	esac
	for file in "$folder"/*.[ch]; do
		[ -e "$file" ] || continue
		sed -n 's/^#include "\([^"]*\)".*/\1/p' "$file" | while read -r name; do
			case $folder/$name in src/tool/lz4_index.h | src/tool/xxh32.h) continue ;; esac
			[ -e "$folder/$name" ] || [ -e "$other/$name" ] ||
				echo "$file includes \"$name\""
		done
	done
done >"${TMPDIR:-/tmp}/vmi-lint.$$"
complain "includes across layers" "$(cat "${TMPDIR:-/tmp}/vmi-lint.$$")"
rm -f "${TMPDIR:-/tmp}/vmi-lint.$$"
complain "arch/ knows <vmi/vmi.h> and nothing behind it" \
	"$(grep -n '#include <vmi/\(live\|driver\)' arch/*.[ch])"
complain "the tool knows <vmi/vmi.h> and <vmi/live.h>" \
	"$(grep -n '#include <vmi/driver' src/tool/*.[ch] 2>/dev/null)"

# Headers: guarded, and all they declare is vmi_ or VMI_.
for header in include/vmi/*.h; do
	grep -q '^#ifndef VMI_' "$header" || echo "$header has no guard"
	grep -n '^#define [A-Za-z_]' "$header" | grep -v '#define VMI_' | sed "s|^|$header:|"
	grep -nE '^(enum|struct|typedef|union) +[a-z_]+' "$header" |
		grep -vE '(enum|struct|union) vmi[_;]|typedef uint(32|64)_t vmi_|typedef struct vmi_' |
		sed "s|^|$header:|"
	grep -nE '^VMI_API' "$header" | grep -vE '\bvmi_[a-z0-9_]+\(|VMI_CHECKED enum vmi_status$' |
		sed "s|^|$header:|"
done >"${TMPDIR:-/tmp}/vmi-lint.$$"
complain "public names that are not vmi_ or VMI_" "$(cat "${TMPDIR:-/tmp}/vmi-lint.$$")"
rm -f "${TMPDIR:-/tmp}/vmi-lint.$$"

# A comment above each public function, or above the first of a few that stand together.
complain "public functions without a comment" "$(awk '
	/\*\/$/ { said = 1 }
	/^$/ { said = 0 }
	/^VMI_API/ && !said { print FILENAME ":" FNR ": " $0 }' include/vmi/*.h)"

complain "typedefs of structs" "$(grep -nE '^typedef (struct|union|enum) [a-z_]* *\{' $code)"
complain "identifiers that begin with an underscore" \
	"$(grep -nE '^(static )?[a-z][a-z_ 0-9]* \*?_[a-z]+\(' $code)"
complain "marks of unfinished work" "$(grep -nE '\b(TODO|FIXME|XXX)\b' $code $scripts |
	grep -v '^test/lint.sh:')"
complain "no SPDX line at the top" "$(for file in $code $scripts; do
	head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file"
done)"
complain "files of more than 700 lines" "$(for file in $code; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 700 ] || echo "$file: $lines"
done)"
complain "printing or exiting in the library" \
	"$(grep -nE '\b(printf|puts|perror|exit|abort|fprintf)\(' src/*.c arch/*.c drivers/*/*.c)"

if command -v clang-format >/dev/null; then
	complain "not as clang-format has it" "$(clang-format --dry-run -Werror $code 2>&1 |
		sed -n 's/^\([^:]*\):[0-9]*:.*/\1/p' | sort -u)"
else
	echo "clang-format is not installed: formatting not checked"
fi

# State that threads would share: the library has none. Sanitizers add their own.
if [ -n "$LIBRARY" ] && ! nm "$LIBRARY" | grep -q '__asan_init\|__sanitizer\|__tsan_init'; then
	complain "writable data in the library" "$(nm "$LIBRARY" | awk '
		$2 ~ /^[bBdDcCsSgG]$/ && $3 !~ /^(completed\.[0-9]+|__dso_handle|_edata|_end|__bss_start|__TMC_END__|_DYNAMIC|_GLOBAL_OFFSET_TABLE_|__frame_dummy_init_array_entry|__do_global_dtors_aux_fini_array_entry)$/' |
		while read -r address kind name; do
			# Constants that hold pointers are in .data.rel.ro, which ends up read-only.
			objdump -t "$LIBRARY" | grep -qE "\.data\.rel\.ro.* $name\$" ||
				echo "$kind $name"
		done)"
	complain "exported names that are not vmi_" "$(nm -D --defined-only "$LIBRARY" |
		awk '$2 != "A" { print $3 }' | grep -v '^vmi_')"
fi

[ "$bad" -eq 0 ] && echo "clean"
exit "$bad"
