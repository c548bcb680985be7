#!/bin/sh
# SPDX-License-Identifier: MIT
# bochs.sh: $CACHE/bochs, the emulator, from the source that fetch.sh left in $CACHE/src.
set -eu
LAB=$(cd "$(dirname "$0")/.." && pwd)
. "$LAB/lib/common.sh"

work=$CACHE/src/bochs
rm -rf "$work"
mkdir -p "$work/build"
tar -x -J -f "$CACHE"/src/bochs_*.orig.tar.xz -C "$work" --strip-components=1
patch -s -d "$work" -p1 <"$LAB/lib/bochs.patch"

# Everything that Xen needs of the CPU (x86-64, VMX with EPT), everything that is fast, and nothing
# else: more than one CPU, the debugger, plugins and instrumentation each slow every instruction.
# EVEX is there because this release does not compile with AVX alone.
cd "$work/build"
if ! env CFLAGS="-O2" CXXFLAGS="-O3 -fomit-frame-pointer -fno-stack-protector" ../configure \
	--with-nogui --enable-x86-64 --enable-cpu-level=6 --enable-vmx=2 --enable-fpu \
	--enable-avx --enable-evex --enable-pci --enable-all-optimizations --enable-trace-linking \
	--disable-smp --disable-debugger --disable-debugger-gui --disable-gdb-stub \
	--disable-instrumentation --disable-stats --disable-show-ips --disable-plugins \
	--disable-large-ramfile --disable-docbook --disable-gameport >"$CACHE/bochs.log" 2>&1 ||
	! make -j"$(nproc)" >>"$CACHE/bochs.log" 2>&1; then
	tail -n 20 "$CACHE/bochs.log" >&2
	die "Bochs does not build; all of it is in $CACHE/bochs.log"
fi
strip -o "$CACHE/bochs" bochs
rm -rf "$work"
