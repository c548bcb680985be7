# SPDX-License-Identifier: MIT
# Every reason, filter, action and end of vmi-live monitor. What the guest is told to do stands in the
# order in which judge.py expects it.

ROOT=$(truth root) CR0=$(truth cr0) CR4=$(truth cr4)

stage all
watch --json --registers --cr cr0 --cr cr3 --cr cr4 --cr xcr0 --msr lstar --msr 0x174 --breakpoint \
	--debug --hypercall --cpuid --descriptor --mem $LAB_SCRATCH=w --mem $LAB_DATA:8=r \
	--mem $LAB_CODE=x
asked 0 cr3 rax=$LAB_ROOT_2 , 1 cr3 rax=$LAB_ROOT_2 , 0 cr3 rax=$ROOT , 1 cr3 rax=$ROOT , \
	0 cr0 rax=$((CR0 ^ 0x10000)) , 0 cr0 rax=$((CR0)) , \
	0 cr4 rax=$((CR4 | 0x40000)) , 0 xsetbv rax=3 rcx=0 rdx=0 , 0 xsetbv rax=1 rcx=0 rdx=0 , \
	0 cr4 rax=$((CR4)) , \
	1 wrmsr rcx=0xc0000082 rax=0x1000 rdx=0xffff8000 , 1 wrmsr rcx=0xc0000082 rax=0 rdx=0 , \
	0 wrmsr rcx=0x174 rax=8 rdx=0 , 0 wrmsr rcx=0x174 rax=0 rdx=0 , \
	0 int3 , 1 int1 , 0 vmcall rax=34 rdi=24 rsi=0 , 1 cpuid rax=0x40000000 rcx=0 , \
	0 sgdt rdi=0x211000 , 0 lgdt rdi=0x211000 , 0 sidt rdi=0x211010 , 0 lidt rdi=0x211010 , \
	0 sldt , 0 lldt rax=0 , 1 str , \
	0 write rdi=0x210018 rax=0x51 , 0 read rsi=0x210018 , \
	1 write rdi=0xffff800000210020 rax=0x52 , \
	0 read rsi=0x204000 , 0 read rsi=0x204010 , 1 call rax=$LAB_CODE , \
	0 write rdi=0x210018 rax=0 , 0 write rdi=0x210020 rax=0
watched INT
asked 0 state , 1 state
looked free

stage text
watch --cr cr3 --msr lstar --cpuid --breakpoint --mem $LAB_SCRATCH=w
asked 1 cr3 rax=$LAB_ROOT_2 , 1 cr3 rax=$ROOT , 0 wrmsr rcx=0xc0000082 rax=0x1000 rdx=0 , \
	0 wrmsr rcx=0xc0000082 rax=0 rdx=0 , 0 cpuid rax=7 rcx=0 , 0 int3 , \
	1 write rdi=0x210018 rax=0
watched TERM

stage vmexit
watch --json --vmexit --count 40
asked 0 cpuid rax=0 rcx=0
watched

stage singlestep
watch --json --singlestep --vcpu 0 --rip $LAB_NOPS:17 --count 17
asked 0 call rax=$LAB_NOPS
watched
asked 0 nop

stage filter-vcpu
watch --json --cpuid --vcpu 1
asked 0 cpuid rax=1 rcx=0 , 1 cpuid rax=2 rcx=0 , 0 cpuid rax=3 rcx=0
watched INT
stage filter-root
watch --json --cpuid --root $LAB_ROOT_2
asked 0 cr3 rax=$LAB_ROOT_2 , 0 cpuid rax=1 rcx=0 , 1 cpuid rax=2 rcx=0 , 0 cr3 rax=$ROOT
watched INT
stage filter-rip
watch --json --breakpoint --rip $LAB_INT3:1
asked 0 int3 , 0 call rax=$LAB_INT3 , 1 call rax=$LAB_INT3
watched INT

stage deny
watch --json --cr cr3 --msr lstar --action deny
asked 0 cr3 rax=$LAB_ROOT_2 , 1 wrmsr rcx=0xc0000082 rax=0x1000 rdx=0
watched INT
asked 1 state
stage reinject
watch --json --breakpoint --debug --action reinject
asked 0 nop , 0 int3 , 0 int1
watched INT
# Undone, it comes again until there were enough of it.
stage continue
asked 0 nop
watch --json --breakpoint --action continue --count 5
asked 0 int3
watched
stage emulate
watch --json --mem $LAB_SCRATCH=w --action emulate
asked 0 write rdi=0x210018 rax=0x61 , 0 read rsi=0x210018 , 0 write rdi=0x210018 rax=0
watched INT
stage step-once
watch --json --cr cr3 --mem $LAB_SCRATCH=w --action singlestep
asked 0 cr3 rax=$LAB_ROOT_2 , 0 write rdi=0x210018 rax=0x71 , 0 read rsi=0x210018 , \
	0 write rdi=0x210018 rax=0 , 0 cr3 rax=$ROOT
watched INT

stage count
watch --json --cpuid --count 3
asked 0 cpuid rax=0 rcx=0 times=5
watched
stage duration
watch --json --cpuid --duration 1
asked 0 cpuid rax=0 rcx=0
watched
stage quiet
vmi-live monitor test --cpuid --duration 0.1 --quiet >/out/quiet.out 2>/out/quiet.err
echo $? >/out/quiet.status

stage refused
PV=$(pv)
answer vmi-live info nobody
answer vmi-live info 4242
answer vmi-live info 0
answer vmi-live monitor "$PV" --cpuid
pv "$PV"
answer vmi-live monitor test --msr nonsense
answer vmi-live monitor test --cr cr2
answer vmi-live monitor test --io
answer vmi-live monitor test --privileged-call
answer vmi-live monitor test --mem 0x12345678000=w
looked free
