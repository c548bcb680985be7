# SPDX-License-Identifier: MIT
# The Xen driver on an AMD processor (SVM): what Xen can do there it does, the rest is refused in
# words. The parts are those of the driver's own payload.
. /lib/lab.sh

export VMI_DRIVER_PATH=/payload/lib VMI_XEN_GUARD=/payload/vmi-xen-guard
status=0
check amd grep -q AuthenticAMD /proc/cpuinfo
check svm sh -c "xl dmesg | grep -q '(NPT)'"
xl sched-credit2 -s -r 0
guest test vcpus=2 'altp2m="disabled"' || exit 1
for part in $(cat /payload/parts); do
	echo "LAB note $part at $(cut -d ' ' -f 1 /proc/uptime)"
	if ! driver "$part" "$DOMID"; then
		status=1
	fi
done
xl destroy test
exit "$status"
