# SPDX-License-Identifier: MIT
# vmi-live and vmi-dump as a person uses them, on the test guest. Here is what happens; what came of
# it goes to /out, where judge.py compares it with what the guest, Xen and others say.
. /lib/lab.sh
. /payload/addresses.sh

export VMI_DRIVER_PATH=/payload/lib VMI_XEN_GUARD=/payload/vmi-xen-guard
# For 1 ms the scheduler would leave a vcpu alone that only waits for work, at each event; and the
# guest always asks whether there is work: it gets what dom0 leaves.
xl sched-credit2 -s -r 0
guest test vcpus=2 || exit 1
xl sched-credit2 -d Domain-0 -w 65535
xl sched-credit2 -d test -w 1

# stage NAME: what comes from here on is of this name.
stage() {
	NAME=$1
	echo "LAB note $NAME at $(cut -d ' ' -f 1 /proc/uptime)"
}

# answer COMMAND..: what it prints, says, and its status.
answer() {
	"$@" >>"/out/$NAME.out" 2>>"/out/$NAME.err"
	echo $? >>"/out/$NAME.status"
}

# asked REQUEST..: have the guest do something; its own account.
asked() { ask "$DOMID" "$@" >>"/out/$NAME.guest" || echo "LAB note $NAME: not done: $*"; }

# looked [free]: what Xen says of it.
looked() { look "$DOMID" "$@" >>"/out/$NAME.xen"; }

# truth NAME: what vcpu 0 said of one of its registers, at the first stage.
truth() { sed -n '1s/.*"'"$1"'":"\(0x[0-9a-f]*\)".*/\1/p' /out/truth.guest; }

# watch OPTIONS..: begin to monitor; it watches when this returns.
watch() {
	vmi-live monitor test "$@" >>"/out/$NAME.out" 2>>"/out/$NAME.err" &
	WATCHER=$!
	waited=0
	until [ -s "/out/$NAME.err" ] || [ "$waited" -gt 500 ]; do
		waited=$((waited + 1))
		usleep 10000
	done
}

# watched [SIGNAL]: it has ended, by that signal if one is named.
watched() {
	[ $# -eq 0 ] || kill -"$1" "$WATCHER"
	wait "$WATCHER"
	echo $? >>"/out/$NAME.status"
}

# Before anything is done to it.
stage before
looked
stage truth
asked 0 state , 1 state , 0 checksum rsi=$LAB_IMAGE rcx=0x1000

for part in $(cat /payload/parts); do
	. "/payload/$part.sh"
done
xl destroy test
