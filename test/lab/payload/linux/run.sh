# SPDX-License-Identifier: MIT
# Does the Linux guest, with two vcpus, run its processes and answer?
. /lib/lab.sh

log=/var/log/xen/guest-linux.log
plan 7
guest linux vcpus=2 || exit 1
check up guest_says linux 'GUEST up'
guest_console linux
guest_type 'ping 1234'
check pong guest_says linux 'GUEST pong 1234'
guest_type ps
check ps guest_says linux 'GUEST ps end'
check alpha grep -q 'GUEST ps .* lab-alpha' $log
check beta grep -q 'GUEST ps .* lab-beta' $log
check vcpus grep -q 'GUEST ps .* cpuhp/1' $log
guest_type 'sym init_task'
check symbol guest_says linux 'GUEST sym ffffffff8[0-9a-f]* D init_task'
cp $log /out
xl destroy linux
