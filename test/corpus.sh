#!/bin/sh
# SPDX-License-Identifier: MIT
# Hold images that are not part of this tree against their truth, in C and through the program.
#
#     corpus.sh TEST_TRUTH VMI_DUMP [CORPUS]
#
# CORPUS (or $VMI_CORPUS) is a folder of packed images, NAME.qemu.elf.xz and NAME.*.kdump.xz beside
# NAME.truth.json.xz, or a machine's folder with truth.json and the images it names, of which those
# are taken that this version can open. A raw image is made of each packed one, too. All images of
# one instant are held against each other, page by page. Exit status 77: there is no corpus.

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

# Every segment at its physical address, in a sparse file: what QEMU's pmemsave would give.
make_raw()
{
	python3 - "$1" "$2" <<-'EOF'
		import struct
		import sys

		with open(sys.argv[1], "rb") as image, open(sys.argv[2], "wb") as raw:
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
		            raw.write(image.read(length))
		    end = raw.seek(0, 2)
		    raw.truncate((end + 4095) // 4096 * 4096)
	EOF
}

for packed in "$corpus"/*.qemu.elf.xz; do
	[ -e "$packed" ] || continue
	name=$(basename "$packed" .qemu.elf.xz)
	if ! xz -dc "$packed" >"$work/$name.qemu.elf" ||
		! xz -dc "$corpus/$name.truth.json.xz" >"$work/truth.json" ||
		! make_raw "$work/$name.qemu.elf" "$work/$name.raw"; then
		echo "FAILED: $packed cannot be unpacked"
		failed=$((failed + 1))
		continue
	fi
	check "$work/$name.qemu.elf" "$work/truth.json"
	check "$work/$name.raw" "$work/truth.json" all
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
	for image in "$corpus"/*.elf "$corpus/phys.raw" "$corpus"/*.kdump "$corpus"/*.flat; do
		[ -e "$image" ] || continue
		check "$image" "$corpus/truth.json"
		[ ! -e "$corpus/qemu.elf" ] || same "$corpus/qemu.elf" "$image"
	done
fi

if [ "$images" = 0 ] && [ "$failed" = 0 ]; then
	echo "no corpus: $corpus has neither packed images nor a truth.json"
	exit 77
fi
echo "$images images, $failed failed checks"
[ "$failed" = 0 ]
