# SPDX-License-Identifier: MIT
# However vmi-live ends, and whenever: the guest obeys afterwards, and nothing is left on. Both vcpus
# raise events as fast as they can.

load() {
	asked 0 begin writes rcx=300000 rdi=0x210000 , 1 begin writes rcx=300000 rdi=0x210008
}

end() {
	asked 0 end , 1 end , 0 state , 1 state
	looked free
}

for signal in INT TERM HUP KILL; do
	for moment in 5000 150000; do
		stage "end-$signal-$moment"
		watch --json --mem $LAB_SCRATCH=w --cpuid --cr cr3
		load
		usleep "$moment"
		watched "$signal"
		end
	done
done
# Before it watches, while it is about to.
stage end-KILL-0
vmi-live monitor test --json --mem $LAB_SCRATCH=w --singlestep >/dev/null 2>&1 &
WATCHER=$!
load
usleep 120000
watched KILL
end
# Every instruction an event.
stage end-KILL-step
watch --json --singlestep
load
usleep 100000
watched KILL
end

stage terminal
load
terminal /out/terminal.out 2 vmi-live monitor test --mem $LAB_SCRATCH=w
echo $? >/out/terminal.status
end

# A reader who leaves.
stage pipe
load
vmi-live monitor test --json --mem $LAB_SCRATCH=w 2>/out/pipe.err | head -n 3 >/out/pipe.out
end

stage busy
watch --json --cpuid
vmi-live monitor test --cpuid >>/out/busy.second 2>&1
echo $? >>/out/busy.second
vmi-live reset test >>/out/busy.second 2>&1
echo $? >>/out/busy.second
asked 0 cpuid rax=0 rcx=0
watched INT

stage abandoned
abandon "$DOMID"
looked
answer vmi-live monitor test --cpuid
answer vmi-live reset test
end
watch --json --cpuid --count 1
asked 0 cpuid rax=0 rcx=0
watched
