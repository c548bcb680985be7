# SPDX-License-Identifier: MIT
# Does the test guest do what it is told, and nothing else, with one vcpu and with two?
. /lib/lab.sh

status=0
for vcpus in 1 2; do
	guest test "vcpus=$vcpus" || exit 1
	operations "$DOMID" "$vcpus" || status=1
	xl destroy test
done
exit "$status"
