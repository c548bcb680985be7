# SPDX-License-Identifier: MIT
# Is this a Xen with EPT, altp2m and our guest?
. /lib/lab.sh

xl info | grep -E '^(xen_version|virt_caps|free_memory)'
check ept sh -c "xl dmesg | grep -q 'Hardware Assisted Paging'"
guest test || exit 1
smoke "$DOMID"
status=$?
echo "written in dom0" >/out/smoke
xl destroy test
exit "$status"
