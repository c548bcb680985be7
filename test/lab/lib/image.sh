#!/bin/sh
# SPDX-License-Identifier: MIT
# image.sh: what the emulator boots, below $CACHE/image, from the packages that fetch.sh unpacked.
#
#   bios, vgabios   firmware               dom0.elf, dom0.cpio   dom0's kernel and initramfs
#   xen.elf         the hypervisor         linux.cpio            the Linux guest, for dom0 to start
set -eu
LAB=$(cd "$(dirname "$0")/.." && pwd)
. "$LAB/lib/common.sh"

ROOT=$CACHE/root
XEN_BIN=usr/lib/xen-4.17/bin
LIB=usr/lib/x86_64-linux-gnu
IMAGE=$CACHE/image
WORK=$CACHE/image.work
rm -rf "$WORK"
mkdir -p "$WORK/dom0" "$IMAGE"

# needed FILE: the shared libraries that it names.
needed() { readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# with_libraries TREE NAME..: copy the libraries, and theirs, into TREE.
with_libraries() {
	tree=$1
	shift
	while [ $# -gt 0 ]; do
		name=$1
		shift
		[ ! -e "$tree/$LIB/$name" ] && [ "$name" != ld-linux-x86-64.so.2 ] || continue
		[ -e "$ROOT/$LIB/$name" ] || die "none of the packages holds $name"
		cp -L "$ROOT/$LIB/$name" "$tree/$LIB/$name"
		# shellcheck disable=SC2046
		set -- "$@" $(needed "$tree/$LIB/$name")
	done
}

# with_modules TREE LIST NAME..: copy kernel modules and those they need into TREE/modules; LIST
# gets their names in an order in which they can be inserted.
with_modules() {
	tree=$1 list=$1/modules/$2
	shift 2
	touch "$list"
	for module; do
		add_module "$module"
	done
}

add_module() {
	grep -qx "$1" "$list" && return
	ko=$(find "$MODULES" -name "$1.ko" -o -name "$(printf %s "$1" | tr _ -).ko" | head -n 1)
	[ -n "$ko" ] || die "the kernel has no module $1"
	for dependency in $(tr '\0' '\n' <"$ko" | sed -n 's/^depends=//p' | tr ',-' ' _'); do
		add_module "$dependency"
	done
	ko=$(find "$MODULES" -name "$1.ko" -o -name "$(printf %s "$1" | tr _ -).ko" | head -n 1)
	cp "$ko" "$tree/modules/$1.ko"
	echo "$1" >>"$list"
}

busybox_tree() {
	mkdir -p "$1/bin" "$1/dev" "$1/proc" "$1/sys" "$1/tmp"
	cp "$ROOT/bin/busybox" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
}

# kernel NAME: the version of the package of that kind ("" or "cloud-").
version() { sed -n "s/^linux-image-\([0-9.]*-[0-9]*-$1amd64\) .*/\1/p" "$CACHE/debs/list" | head -n 1; }
GENERIC=$(version "")
CLOUD=$(version cloud-)
MODULES=$ROOT/lib/modules/$GENERIC/kernel

cp "$ROOT/usr/share/bochs/BIOS-bochs-latest" "$IMAGE/bios"
cp "$ROOT/usr/share/vgabios/vgabios.bin" "$IMAGE/vgabios"
gzip -dc "$ROOT/boot/xen-4.17-amd64.gz" >"$IMAGE/xen.elf"
# The cloud kernel is smaller, but cannot be dom0 (CONFIG_XEN_DOM0).
"$LAB/lib/kernel.py" "$ROOT/boot/vmlinuz-$GENERIC" "$IMAGE/dom0.elf" --dom0

dom0=$WORK/dom0
busybox_tree "$dom0"
mkdir -p "$dom0/$LIB" "$dom0/$XEN_BIN" "$dom0/usr/bin" "$dom0/usr/lib64" "$dom0/modules" \
	"$dom0/etc/xen" "$dom0/var" "$dom0/out"
ln -s usr/lib "$dom0/lib"
ln -s usr/lib64 "$dom0/lib64"
cp -L "$ROOT/lib64/ld-linux-x86-64.so.2" "$dom0/usr/lib64/"
for program in xl libxl-save-helper xenstored xenconsoled xen-init-dom0 xenctx; do
	cp "$ROOT/$XEN_BIN/$program" "$dom0/$XEN_BIN/"
done
cp -P "$ROOT"/usr/bin/xenstore* "$dom0/usr/bin/"
for program in "$dom0/$XEN_BIN"/* "$dom0/usr/bin/xenstore"; do
	# shellcheck disable=SC2046
	with_libraries "$dom0" $(needed "$program")
done
# What payloads may load by themselves; glibc loads libgcc_s when a thread is cancelled.
with_libraries "$dom0" libxenctrl.so.4.17 libxenguest.so.4.17 libxenevtchn.so.1 \
	libxenforeignmemory.so.1 libxendevicemodel.so.1 libxenstore.so.4 libgcc_s.so.1
with_modules "$dom0" boot xen_privcmd xen_evtchn xen_gntdev xen_gntalloc xenfs
with_modules "$dom0" disk ata_piix sd_mod
: >"$dom0/etc/xen/xl.conf"
echo 'root:x:0:0:root:/root:/bin/sh' >"$dom0/etc/passwd"
cp "$LAB/dom0/lab.sh" "$dom0/lib/"
install -m 755 "$LAB/dom0/init" "$dom0/init"
"$LAB/lib/cpio.py" "$dom0" >"$IMAGE/dom0.cpio"

busybox_tree "$WORK/guest"
install -m 755 "$LAB/linux/init" "$WORK/guest/init"
install -m 755 "$LAB/linux/lab-worker" "$WORK/guest/bin/lab-alpha"
ln "$WORK/guest/bin/lab-alpha" "$WORK/guest/bin/lab-beta"
gcc -nostdlib -static -Wl,--build-id=none -o "$WORK/guest/bin/lab-act" "$LAB/linux/lab-act.S"
mkdir "$WORK/linux"
"$LAB/lib/cpio.py" "$WORK/guest" >"$WORK/linux/linux.cpio"
"$LAB/lib/kernel.py" "$ROOT/boot/vmlinuz-$CLOUD" "$WORK/linux/linux.elf"
cp "$LAB/linux/linux.cfg" "$WORK/linux/"
"$LAB/lib/cpio.py" "$WORK/linux" guest >"$IMAGE/linux.cpio"
rm -rf "$WORK"
