# SPDX-License-Identifier: MIT
# What does a watcher do whose guest stops: by itself in each way there is, or by xl? It ends and
# says why, and nothing of it keeps the domain from going.
. /lib/lab.sh

export VMI_DRIVER_PATH=/payload/lib VMI_XEN_GUARD=/payload/vmi-xen-guard

# Start a guest, and a watcher of everything.
watched() {
	guest test vcpus=2 'on_poweroff="preserve"' 'on_reboot="preserve"' 'on_crash="preserve"' || exit 1
	vmi-live monitor test --cpuid --cr cr3 --breakpoint --mem 0x300000=w --json >/tmp/said 2>/tmp/why &
	watcher=$!
	waited=0
	until grep -q "@vmi-xen-guard-$DOMID" /proc/net/unix; do
		[ "$waited" -lt 100 ] || return 1
		waited=$((waited + 1))
		sleep 0.1
	done
	sleep 0.5
}

# over NAME WORDS: has it ended, with status 1 and these words, within 3 s? Is the domain gone then?
over() {
	(
		sleep 3
		kill -KILL "$watcher"
	) 2>/dev/null &
	timer=$!
	wait "$watcher"
	status=$?
	kill "$timer" 2>/dev/null
	cat /tmp/why
	check "$1/status" test "$status" -eq 1
	check "$1/words" grep -q "$2" /tmp/why
	check "$1/summary" grep -q '"gone"' /tmp/said
	xl destroy test 2>/dev/null
	waited=0
	while xl list "$DOMID" >/dev/null 2>&1 && [ "$waited" -lt 30 ]; do
		waited=$((waited + 1))
		sleep 0.1
	done
	check "$1/gone" sh -c "! xl list $DOMID 2>/dev/null"
}

plan 20
watched && life "$DOMID" 0
over poweroff 'it was switched off'
watched && life "$DOMID" 1
over reboot 'it reboots'
watched && life "$DOMID" 2
over suspend 'it was suspended'
watched && life "$DOMID" 3
over crash 'it crashed'
watched && xl destroy test
over destroy 'no more\|being destroyed'
