# SPDX-License-Identifier: MIT
# What vmi-live says of the Linux in the guest while it runs, and of a moment at which it stands
# still; for judge.py.

# asked WORDS: the guest does it, and its console shows what comes of it.
asked() {
	guest_type "$@"
	guest_says linux "GUEST did $*" || echo "LAB note not done: $*"
}

# answer NAME COMMAND WORDS..: what vmi-live says of the guest, the hypercalls it makes for that,
# seconds and KiB.
answer() {
	name=$1 command=$2
	shift 2
	time -f '%e %M' -o "/out/$name.cost" /payload/lib/ld-linux-x86-64.so.2 \
		--library-path /payload/lib --preload /payload/lib/spy.so /payload/lib/vmi-live \
		"$command" linux "$@" --json >"/out/$name.out" 2>"/out/$name.err" 9>>/out/hypercalls
	echo $? >"/out/$name.status"
	echo "LAB note vmi-live $name: $(cat "/out/$name.cost")"
}

questions() {
	answer "$1-ps" ps
	answer "$1-sysinfo" sysinfo
	answer "$1-dmesg" dmesg
	answer "$1-symbols" symbols linux_banner
	answer "$1-vmas" vmas --pid "$alpha"
	answer "$1-read" read linux_banner 64
}

# What is left in /out may take more than the half of dom0's memory that is for files.
mount -o remount,size=85% /
asked ps
alpha=$(sed -n 's/^GUEST ps *\([0-9]*\) .*lab-alpha.*/\1/p' $log)
asked tell /proc/version
asked tell /proc/cmdline
asked tell /proc/mounts
asked tell "/proc/$alpha/maps"
asked tell /proc/uptime
questions running
# This it told before; when the messages are done, it has again.
guest_type tell /proc/uptime
asked messages

xl pause linux
vmi-live snapshot linux -o /out/linux.elf --quiet
questions paused
answer paused-files files --pid "$alpha"
answer paused-mounts mounts
# What was asked left its memory and registers as they were?
vmi-live snapshot linux -o /tmp/after.elf --quiet
cmp -l /out/linux.elf /tmp/after.elf 2>&1 | head -n 1000 >/out/changes
rm -f /tmp/after.elf
xl unpause linux
asked ping tools
cp $log /out/tools.log
