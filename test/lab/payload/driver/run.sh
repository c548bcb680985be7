# SPDX-License-Identifier: MIT
# Does the Xen driver do on a real Xen what the public interface promises? With a guest of two
# vcpus, which tells itself what it saw; for `rate` with one. `parts` names the program's parts.
. /lib/lab.sh

export VMI_DRIVER_PATH=/payload/lib VMI_XEN_GUARD=/payload/vmi-xen-guard VMI_GUARD_VERBOSE=1
# For 1 ms the scheduler would leave a vcpu alone that only waits for work, at each event.
xl sched-credit2 -s -r 0
status=0 has=0
for part in $(cat /payload/parts); do
	vcpus=2
	[ "$part" != rate ] || vcpus=1
	if [ "$has" -ne "$vcpus" ]; then
		[ "$has" -eq 0 ] || xl destroy test
		guest test "vcpus=$vcpus" || exit 1
		has=$vcpus
	fi
	echo "LAB note $part at $(cut -d ' ' -f 1 /proc/uptime)"
	if ! driver "$part" "$DOMID"; then
		status=1
	fi
done
xl destroy test
# And one that its configuration gives no views.
guest test vcpus=2 'altp2m="disabled"' || exit 1
driver no-views "$DOMID" || status=1
xl destroy test
exit "$status"
