#!/bin/sh
# SPDX-License-Identifier: MIT
# All benchmarks, side by side in one run.
#
#   run.sh BUILD [FOLDER]
#
# FOLDER holds qemu.elf and phys.raw, the same memory in two formats (of a Linux guest with 4-level
# paging, 256 MiB, for figures that compare). Without it the images of test-data/ serve, which are so
# small that most figures say little.
set -eu
build=$1
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM
if [ -n "${2:-}" ]; then
	elf=$2/qemu.elf raw=$2/phys.raw
else
	elf=$here/../../test-data/4level.elf raw=$here/../../test-data/4level.raw
fi
"$build/test/bench/bench_translate" "$elf" "$raw"
echo
"$build/test/bench/bench_read" "$elf"
echo
python3 "$here/cli.py" "$build/src/tool/vmi-dump" "$elf" "$raw" "$build/test/bench/bench_read"
echo
python3 "$here/convert.py" "$build/src/tool/vmi-dump" "$elf" "$tmp"
echo
"$build/test/bench/bench_formats" "$tmp"/*.kdump
# The Xen driver's loop, over a fake of Xen: where its headers are.
if [ -x "$build/test/fake_xen/bench_event" ]; then
	echo
	VMI_XEN_GUARD=$build/test/fake_xen/fake_vmi_xen_guard "$build/test/fake_xen/bench_event"
fi
