# SPDX-License-Identifier: MIT
# Does the Linux guest run its processes and answer, with one vcpu and with two?
. /lib/lab.sh

for vcpus in 1 2; do
	rm -f /var/log/xen/guest-linux.log
	guest linux "vcpus=$vcpus" || exit 1
	check "up/$vcpus" guest_says linux 'GUEST up'
	guest_type linux 'ping 1234'
	check "pong/$vcpus" guest_says linux 'GUEST pong 1234'
	guest_type linux ps
	check "ps/$vcpus" guest_says linux 'GUEST ps end'
	check "alpha/$vcpus" grep -q 'GUEST ps .* lab-alpha' /var/log/xen/guest-linux.log
	check "beta/$vcpus" grep -q 'GUEST ps .* lab-beta' /var/log/xen/guest-linux.log
	guest_type linux 'sym init_task'
	check "symbol/$vcpus" guest_says linux 'GUEST sym ffffffff8[0-9a-f]* D init_task'
	xl destroy linux
done
plan 12
