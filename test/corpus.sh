#!/bin/sh
# SPDX-License-Identifier: MIT
# Hold images that are not part of this tree against their truth, in C and through the program.
#
#     corpus.sh TEST_TRUTH VMI_DUMP [CORPUS]
#
# CORPUS (or $VMI_CORPUS) is a folder of packed images, NAME.qemu.elf.xz and NAME.*.kdump.xz beside
# NAME.truth.json.xz, or a machine's folder with truth.json and the images it names, of which those
# are taken that this version can open. A raw and a LiME image are made of each packed one, too, and each kind of container; and
# where a machine has memory above 4 GiB, one whose hole is squeezed out, which is read by the layout
# that info proposes. All are held against the ELF file of the same instant, page by page. Exit
# status 77: there is no corpus.

set -u
top=$(CDPATH= cd "$(dirname "$0")" && pwd)

if [ $# -lt 2 ]; then
	echo "usage: corpus.sh TEST_TRUTH VMI_DUMP [CORPUS]" >&2
	exit 1
fi
test_truth=$1
vmi_dump=$2
corpus=${3:-${VMI_CORPUS:-}}
if [ -z "$corpus" ] || [ ! -d "$corpus" ]; then
	echo "no corpus: name its folder as the third argument or in VMI_CORPUS"
	exit 77
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/corpus.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
images=0
failed=0

# check IMAGE TRUTH [HOLDS]: both checkers. A format that the library does not know is no failure.
check()
{
	for checker in "$test_truth" "$top/check_cli.py $vmi_dump"; do
		# The second is two words.
		$checker "$@"
		status=$?
		case $status in
		0 | 77) ;;
		*)
			echo "FAILED ($status): $checker $*"
			failed=$((failed + 1))
			;;
		esac
	done
	images=$((images + 1))
}

# same IMAGE OTHER..: what any two of them hold is the same.
same()
{
	"$(dirname "$test_truth")/test_same" "$@"
	status=$?
	case $status in
	0 | 77) ;;
	*)
		echo "FAILED ($status): test_same $*"
		failed=$((failed + 1))
		;;
	esac
}

# ELF RAW LIME: every segment at its physical address, in a sparse file, which is what QEMU's pmemsave
# would give; and each behind a header.
make_others()
{
	python3 - "$1" "$2" "$3" <<-'EOF'
		import struct
		import sys

		with open(sys.argv[1], "rb") as image, open(sys.argv[2], "wb") as raw, \
		        open(sys.argv[3], "wb") as lime:
		    header = image.read(64)
		    table, = struct.unpack_from("<Q", header, 32)
		    size, count = struct.unpack_from("<HH", header, 54)
		    for i in range(count):
		        image.seek(table + i * size)
		        kind, _, offset, _, gpa, length, _, _ = struct.unpack("<IIQQQQQQ", image.read(56))
		        # The firmware just below 4 GiB would make the file look like 4 GiB of memory.
		        if kind == 1 and gpa < 0xf0000000:
		            image.seek(offset)
		            raw.seek(gpa)
		            memory = image.read(length)
		            raw.write(memory)
		            lime.write(struct.pack("<4sIQQQ", b"EMiL", 1, gpa, gpa + length - 1, 0))
		            lime.write(memory)
		    end = raw.seek(0, 2)
		    raw.truncate((end + 4095) // 4096 * 4096)
	EOF
}

# The stretches of memory that QEMU's ELF file names, one behind the other, in a sparse file. Status 1:
# they lie that way already.
make_squeezed()
{
	python3 - "$1" "$2" "$3" <<-'EOF'
		import os
		import struct
		import sys

		with open(sys.argv[1], "rb") as image:
		    header = image.read(64)
		    table, = struct.unpack_from("<Q", header, 32)
		    size, count = struct.unpack_from("<HH", header, 54)
		    image.seek(table)
		    heads = [struct.unpack("<IIQQQQQQ", image.read(size)[:56]) for i in range(count)]
		loads = [(h[4], h[5]) for h in heads if h[0] == 1]
		high = sum(n for gpa, n in loads if gpa >= 1 << 32)
		low = max(gpa + n for gpa, n in loads if gpa < 0xf0000000)
		if not high:
		    sys.exit(1)
		with open(sys.argv[2], "rb") as raw, open(sys.argv[3], "wb") as to:
		    for gpa, length, at in ((0, low, 0), (1 << 32, high, low)):
		        end = gpa + length
		        while gpa < end:
		            try:
		                start = os.lseek(raw.fileno(), gpa, os.SEEK_DATA)
		            except OSError:
		                break
		            stop = min(os.lseek(raw.fileno(), start, os.SEEK_HOLE), end, start + (1 << 24))
		            if start >= end:
		                break
		            os.pwrite(to.fileno(), os.pread(raw.fileno(), stop - start, start), at + start - gpa)
		            at, gpa = at + stop - gpa, stop
		    to.truncate(low + high)
	EOF
}

# check_squeezed IMAGE TRUTH: the program alone, as the other checker gives no options.
check_squeezed()
{
	layout=$("$vmi_dump" info "$1" | sed -n 's/.*try --layout //p')
	printf '#!/bin/sh\nexec "%s" "$@" --layout %s\n' "$vmi_dump" "$layout" >"$work/vmi-dump"
	chmod +x "$work/vmi-dump"
	if [ -z "$layout" ] || ! "$top/check_cli.py" "$work/vmi-dump" "$1" "$2" all; then
		echo "FAILED: $1, by the layout '$layout'"
		failed=$((failed + 1))
	fi
	images=$((images + 1))
}

# same_packed IMAGE: it holds the same in each container whose tool is there.
same_packed()
{
	for tool in "gzip -1" "lz4 -q -1" "lz4 -q -1 -B4 -BD" "lz4 -q -l" "zstd -q -3"; do
		command -v "${tool%% *}" >/dev/null || continue
		$tool -c <"$1" >"$work/packed" && same "$1" "$work/packed"
	done
}

for packed in "$corpus"/*.qemu.elf.xz; do
	[ -e "$packed" ] || continue
	name=$(basename "$packed" .qemu.elf.xz)
	if ! xz -dc "$packed" >"$work/$name.qemu.elf" ||
		! xz -dc "$corpus/$name.truth.json.xz" >"$work/truth.json" ||
		! make_others "$work/$name.qemu.elf" "$work/$name.raw" "$work/$name.lime"; then
		echo "FAILED: $packed cannot be unpacked"
		failed=$((failed + 1))
		continue
	fi
	check "$work/$name.qemu.elf" "$work/truth.json"
	check "$work/$name.raw" "$work/truth.json" all
	check "$work/$name.lime" "$work/truth.json" all
	# One process for all of it: each would unpack the image anew.
	"$test_truth" "$packed" "$work/truth.json" || failed=$((failed + 1))
	images=$((images + 1))
	same_packed "$work/$name.qemu.elf"
	for dump in "$corpus/$name".*.kdump.xz; do
		[ -e "$dump" ] || continue
		image=$work/$(basename "$dump" .xz)
		holds=all
		case $dump in *-d31.*) holds=part ;; esac
		xz -dc "$dump" >"$image" || failed=$((failed + 1))
		check "$image" "$work/truth.json" "$holds"
		same "$work/$name.qemu.elf" "$image" "$work/$name.raw"
	done
	rm -f "$work"/*
done

if [ -e "$corpus/truth.json" ]; then
	for image in "$corpus"/*.elf "$corpus/phys.raw" "$corpus"/*.migrate "$corpus"/*.lime \
		"$corpus"/*.kdump "$corpus"/*.flat; do
		[ -e "$image" ] || continue
		check "$image" "$corpus/truth.json"
		[ ! -e "$corpus/qemu.elf" ] || same "$corpus/qemu.elf" "$image"
	done
	# Not by the program, which would unpack each of them for each of its many runs.
	for image in "$corpus"/*.gz "$corpus"/*.lz4 "$corpus"/*.zst; do
		[ -e "$image" ] || continue
		images=$((images + 1))
		"$test_truth" "$image" "$corpus/truth.json" all || failed=$((failed + 1))
		[ ! -e "$corpus/qemu.elf" ] || same "$corpus/qemu.elf" "$image"
	done
	# What a kernel says of itself; those of 32 bits have no types.
	if grep -qs ' __start_BTF$' "$corpus/kallsyms.txt" && [ -e "$corpus/qemu.elf" ]; then
		set --
		for image in "$corpus"/*; do
			case ${image##*/} in
			qemu.elf | qemu-part.* | *split* | *.bdx.* | *.nocrc.*) ;;
			*.elf | *.raw | *.migrate | *.lime | *.kdump | *.flat | *.gz | *.lz4 | *.zst)
				set -- "$@" "$image"
				;;
			esac
		done
		"$top/os_same.py" "$vmi_dump" "$corpus/qemu.elf" "$@" || failed=$((failed + 1))
	fi
	if [ -e "$corpus/qemu.elf" ] && [ -e "$corpus/phys.raw" ] &&
		make_squeezed "$corpus/qemu.elf" "$corpus/phys.raw" "$work/squeezed.raw"; then
		check_squeezed "$work/squeezed.raw" "$corpus/truth.json"
	fi
fi

# A guest of a real Xen, NAME.core.zst and NAME.save.zst, with what it said of itself in NAME/.
for packed in "$corpus"/*.core.zst; do
	[ -e "$packed" ] && command -v zstd >/dev/null || continue
	name=$(basename "$packed" .core.zst)
	images=$((images + 2))
	if ! zstd -qdc "$packed" >"$work/core" || ! zstd -qdc "$corpus/$name.save.zst" >"$work/save" ||
		! python3 "$top/corpus_xen.py" "$vmi_dump" "$work/core" "$work/save" "$corpus/$name"; then
		echo "FAILED: $packed"
		failed=$((failed + 1))
	fi
	rm -f "$work"/*
done

if [ "$images" = 0 ] && [ "$failed" = 0 ]; then
	echo "no corpus: $corpus has neither packed images nor a truth.json"
	exit 77
fi
echo "$images images, $failed failed checks"
[ "$failed" = 0 ]
