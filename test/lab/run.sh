#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh [OPTIONS] DIR: boot Xen and dom0 in the emulator and run DIR/run.sh there, as root.
#
#   -t SECONDS  give up then (default 300)
#   -l LOG      keep the console there, too
#   -o OUT      a folder to receive what the payload leaves in /out
#   -k WORDS    more for the command line of dom0's kernel (lab=min: no xenstored; loglevel=8)
#   -x WORDS    more for Xen's
#
# DIR is /payload in dom0, read-only; the test guest is in /guest. A file DIR/lab.needs may name
# more, a line each: "linux" for the Linux guest, "min" for lab=min, "amd" for AMD's processor.
#
# The console goes to stdout. The exit status is that of DIR/run.sh; else 200: Xen or dom0 crashed,
# 201: the emulator ended by itself, 202: time is up, 77: no laboratory on this machine, 2: usage.
set -eu
LAB=$(cd "$(dirname "$0")" && pwd)
. "$LAB/lib/common.sh"

usage() {
	sed -n '3,15s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

seconds=300 log="" out="" kernel_words="" xen_words="" linux="" machine=intel
while getopts t:l:o:k:x: option; do
	case $option in
	t) seconds=$OPTARG ;;
	l) log=$OPTARG ;;
	o) out=$OPTARG ;;
	k) kernel_words=$OPTARG ;;
	x) xen_words=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || usage
[ -f "$1/run.sh" ] || die "$1 holds no run.sh"
payload=$(cd "$1" && pwd)
"$LAB/build.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' INT TERM HUP
[ -n "$log" ] || log=$work/console

IMAGE=$CACHE/image
if grep -qsx min "$payload/lab.needs"; then
	kernel_words="lab=min $kernel_words"
fi
if grep -qsx linux "$payload/lab.needs"; then
	linux=$IMAGE/linux.cpio
fi
if grep -qsx amd "$payload/lab.needs"; then
	machine=amd
fi
[ -z "$out" ] || kernel_words="lab=out $kernel_words"
"$LAB/lib/cpio.py" "$payload" payload >"$work/payload.cpio"

# Not done here, for speed: mitigations, scrubbing, watchdogs; and no second start after a crash.
# apicv=0: with interrupts delivered by the emulated CPU itself, a Linux of two vcpus stalls.
xen="console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all noreboot altp2m=1 hap=1
	dom0_mem=384M,max:384M dom0_max_vcpus=1 bootscrub=0 watchdog=0 spec-ctrl=no xpti=0 smt=0
	cpuidle=0 iommu=0 apicv=0 $xen_words"
# Nor mitigations in dom0, tests of its ciphers, a check of its page tables, certificates, 64 MiB of
# buffers for devices.
kernel="console=hvc0 quiet panic=-1 mitigations=off cryptomgr.notests=1 rodata=off swiotlb=1024
	initcall_blacklist=load_system_certificate_list,init_kprobe_trace,init_acpi_pm_clocksource
	$kernel_words"
# shellcheck disable=SC2086,SC2116
"$LAB/lib/disk.py" "$work/disk" "$IMAGE/xen.elf" "$(echo $xen)" "$IMAGE/dom0.elf" \
	"$(echo $kernel)" "$IMAGE/dom0.cpio" "$CACHE/guest.cpio" $linux "$work/payload.cpio"
truncate -s $((4161 * 16 * 63 * 512)) "$work/out" # 2 GiB, of which only what is written takes room

emulate() { "$LAB/lib/watch.py" "$seconds" "$work/serial" "$log" "$@"; }

# In both the machine's time is counted in instructions and stands still for all else, so one run is
# like the other, whatever else this host does. Bochs has Intel's VMX, with all that Xen makes of it;
# sync=none: `ips` instructions are a second.
intel() {
	cat >"$work/bochsrc" <<-CONFIGURATION
		config_interface: textconfig
		display_library: nogui
		cpu: model=corei7_haswell_4770, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
		memory: guest=1024, host=1024
		romimage: file=$IMAGE/bios, options=fastboot
		vgaromimage: file=$IMAGE/vgabios
		vga: extension=none, update_freq=1
		pci: enabled=1, chipset=i440fx
		clock: sync=none, time0=946684800
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=disk, path=$work/disk, mode=flat
		ata0-slave: type=disk, path=$work/out, mode=flat
		ata1: enabled=0
		boot: disk
		com1: enabled=1, mode=file, dev=$work/serial
		mouse: enabled=0
		speaker: enabled=0
		log: $work/bochs.log
		panic: action=report
		error: action=ignore
		info: action=ignore
		debug: action=ignore
	CONFIGURATION
	emulate "$CACHE/bochs" -q -f "$work/bochsrc"
}

# QEMU has AMD's SVM with nested paging. Not SMAP and RDTSCP: QEMU 7.2 faults at an IRET of dom0's
# with the one, and reports the other to Xen as RDTSC. icount: an instruction takes 2^4 ns.
amd() {
	emulate qemu-system-x86_64 -machine pc -accel tcg -cpu max,-smap,-rdtscp -m 1024 \
		-icount shift=4,sleep=off -display none -nodefaults -no-reboot -monitor none \
		-serial "file:$work/serial" -drive "file=$work/disk,format=raw,if=ide,index=0" \
		-drive "file=$work/out,format=raw,if=ide,index=1"
}

status=0
$machine || status=$?
if [ "$status" -eq 201 ]; then
	tail -n 5 "$work"/*.log >&2
fi
if [ -n "$out" ]; then
	mkdir -p "$out"
	# Nothing was left there when the disk does not begin with a tar header.
	if [ -n "$(head -c 512 "$work/out" | tr -d '\0')" ]; then
		tar -x -f "$work/out" -C "$out" --no-same-owner
	fi
fi
exit "$status"
