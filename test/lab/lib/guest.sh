#!/bin/sh
# SPDX-License-Identifier: MIT
# guest.sh: the test guest, as an initramfs $CACHE/guest.cpio that puts it into dom0's /guest.
set -eu
LAB=$(cd "$(dirname "$0")/.." && pwd)
. "$LAB/lib/common.sh"

work=$CACHE/guest.work
rm -rf "$work"
mkdir -p "$work/guest"
cd "$work"
for source in main.c cpu.c boot.S ops.S stage.S; do
	gcc -std=gnu11 -O1 -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Werror \
		-ffreestanding -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
		-fno-asynchronous-unwind-tables -mno-red-zone -mgeneral-regs-only \
		-idirafter "$CACHE/root/usr/include" -c -o "${source%.*}.o" "$LAB/guest/$source"
done
ld -nostdlib -static -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments --build-id=none \
	-T "$LAB/guest/guest.lds" -o guest/test.elf main.o cpu.o boot.o ops.o stage.o
cp "$LAB/guest/test.cfg" guest/
"$LAB/lib/cpio.py" guest guest >"$CACHE/guest.cpio"
