# SPDX-License-Identifier: MIT
# Images as Xen's own tools write them, and what the guests and the hypervisor say of the same
# moment, for judge.py. `parts` names what is wanted.
. /lib/lab.sh

wants() { grep -q "$1" /payload/parts; }
now() { cut -d ' ' -f 1 /proc/uptime; }

# The test guest does not talk to xenstore: what it would answer there is said on its behalf.
suspend_test() {
	node=/local/domain/$DOMID/control/shutdown
	xl save -p test /out/test.save &
	waited=0
	until [ "$(xenstore-read "$node" 2>/dev/null)" = suspend ]; do
		[ "$waited" -lt 300 ] || return 1
		waited=$((waited + 1))
		sleep 0.1
	done
	witness suspend "$DOMID" || return 1
	xenstore-write "$node" ""
	wait $!
}

test_guest() {
	plan 5
	guest test vcpus=3 memory=4 || return 1
	check test:freeze witness freeze "$DOMID"
	check test:save suspend_test
	# It stays paused, so all that follows is of the moment of the image.
	check test:tell sh -c "witness tell $DOMID >/out/test.tell"
	check test:memory witness memory "$DOMID" /out/test.memory
	check test:hvmctx sh -c "xen-hvmctx $DOMID >/out/test.hvmctx"
	if wants core; then
		plan 1
		check test:core xl dump-core test /out/test.core
	fi
	xl destroy test
}

linux_guest() {
	plan 5
	guest linux vcpus=2 || return 1
	check linux:up guest_says linux 'GUEST up'
	guest_console linux
	for symbol in linux_banner init_task; do
		guest_type "sym $symbol"
		check "linux:$symbol" guest_says linux " $symbol"
	done
	guest_type ps
	check linux:ps guest_says linux 'GUEST did ps'
	check linux:save xl save linux /out/linux.save
	cp /var/log/xen/guest-linux.log /out/linux.log
}

# What is left in /out may take more than the half of dom0's memory that is for files.
mount -o remount,size=85% /
test_guest
echo "LAB note test guest done at $(now)"
if wants linux; then
	linux_guest
	echo "LAB note linux guest done at $(now)"
fi
exit 0
