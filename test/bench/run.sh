#!/bin/sh
# SPDX-License-Identifier: MIT
# All benchmarks, side by side in one run.
#
#   run.sh BUILD [FOLDER]
#
# FOLDER holds qemu.elf and phys.raw, the same memory in two formats (of a Linux guest with 4-level
# paging, 256 MiB, for figures that compare). Without it the images of test-data/ serve, which are so
# small that many figures say little; the images of all formats are then of memory that is made up.
set -eu
build=$1
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM
if [ -n "${2:-}" ]; then
	elf=$2/qemu.elf raw=$2/phys.raw memory=$2/phys.raw
else
	elf=$here/../../test-data/4level.elf raw=$here/../../test-data/4level.raw memory=
fi
"$build/test/bench/bench_translate" "$elf" "$raw"
echo
"$build/test/bench/bench_read" "$elf"
echo
python3 "$here/cli.py" "$build/src/tool/vmi-dump" "$elf" "$raw" "$build/test/bench/bench_read"
echo
# Crash and drgn take part where VMI_VMLINUX names the kernel with DWARF.
if [ -n "$memory" ]; then
	python3 "$here/os.py" "$build/src/tool/vmi-dump" "$elf" ${VMI_VMLINUX:+"$VMI_VMLINUX"}
	echo
fi
mkdir "$tmp/images" "$tmp/kdumps"
python3 "$here/make_images.py" "$build/src/tool/vmi-dump" "$tmp/images" ${memory:+"$memory"}
"$build/test/bench/bench_images" "$tmp"/images/*
echo
[ -n "$memory" ] || elf=$tmp/images/elf
python3 "$here/convert.py" "$build/src/tool/vmi-dump" "$elf" "$tmp/kdumps"
echo
"$build/test/bench/bench_formats" "$tmp"/kdumps/*
# The Xen driver's loop, over a fake of Xen: where its headers are.
if [ -x "$build/test/fake_xen/bench_event" ]; then
	echo
	VMI_XEN_GUARD=$build/test/fake_xen/fake_vmi_xen_guard "$build/test/fake_xen/bench_event"
fi
