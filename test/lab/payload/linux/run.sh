# SPDX-License-Identifier: MIT
# Does the Xen driver do with a Linux of two vcpus what it does with the test guest? What it shows is
# compared with what the guest says on its console.
. /lib/lab.sh

export VMI_DRIVER_PATH=/payload/lib VMI_XEN_GUARD=/payload/vmi-xen-guard VMI_GUARD_VERBOSE=1
log=/var/log/xen/guest-linux.log
guest linux vcpus=2 'on_reboot="preserve"' || exit 1
check up guest_says linux 'GUEST up'
plan 1
guest_console linux
# For 1 ms the scheduler would leave a vcpu alone that only waits, at each event.
xl sched-credit2 -s -r 0
echo "LAB note up at $(cut -d ' ' -f 1 /proc/uptime)"
if grep -qw tools /payload/parts; then
	. /payload/tools.sh
fi
# shellcheck disable=SC2046
linux "$DOMID" $log /payload/kernel $(cat /payload/parts)
status=$?
if [ $status -ne 0 ]; then
	xl vcpu-list
	xl debug-keys q
	xl dmesg | tail -n 40 >/out/xen.log
fi
cp $log /out
xl destroy linux
exit $status
