# SPDX-License-Identifier: MIT
# Images of a guest that stands still, whose registers are known; and of one that writes.

stage still
asked 0 state , 1 state , 0 checksum rsi=$LAB_CODE rcx=$((LAB_SCRATCH - LAB_CODE))
xl pause test
for vcpu in 0 1; do
	xenctx -C "$DOMID" "$vcpu" >>/out/still.xenctx 2>&1
done
vmi-live regs test --json >/out/still.regs
answer vmi-live snapshot test -o /tmp/still.elf --json
looked
xl unpause test
answer vmi-live snapshot test -o /tmp/still.raw --format raw --json
answer vmi-live snapshot test -o /tmp/still.elf
answer vmi-live snapshot test -o /tmp/no --format vmss
answer vmi-live snapshot test -o /none/here
stat -c '%s %b %a' /tmp/still.elf /tmp/still.raw >/out/still.disk
ls /tmp >/out/still.files
# The same program, on both sides.
vmi-dump regs /tmp/still.elf --json >/out/still.dumped
vmi-dump info /tmp/still.raw --json >/out/still.raw.info
vmi-dump read /tmp/still.raw --phys $LAB_CODE $((LAB_SCRATCH - LAB_CODE)) --raw >/out/still.raw.part
cp /tmp/still.elf /out/still.elf

# Of one moment in every other format, for they are compared.
stage forms
xl pause test
for format in elf kdump lime; do
	answer vmi-live snapshot test -o /out/forms.$format --format $format --json
done
xl unpause test
looked free

stage writing
asked 0 begin writes rcx=6000000 rdi=0x210000 , 1 begin writes rcx=6000000 rdi=0x210008
usleep 100000
answer vmi-live snapshot test -o /tmp/writing.elf
asked 0 end , 1 end
looked free
vmi-dump regs /tmp/writing.elf --json >/out/writing.regs
vmi-dump read /tmp/writing.elf --phys 0x210000 16 --json >/out/writing.words
asked 0 write rdi=0x210000 rax=0 , 0 write rdi=0x210008 rax=0
