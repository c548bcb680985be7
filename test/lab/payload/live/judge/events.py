# SPDX-License-Identifier: MIT
"""What vmi-live monitor said, and what the guest did."""

import re

from stage import addresses, check, is_free, same

LAB = addresses()
ROOT_2, SCRATCH, ALIAS = LAB["ROOT_2"], LAB["SCRATCH"], LAB["ALIAS"]
LSTAR = 0xc0000082


def number(did, name, side="in"):
    return int(did[side][name], 16)


def cr(reg, old, new):
    return {"reason": "write-cr", "register": reg, "old": hex(old), "new": hex(new)}


def msr(index, name, old, new):
    return {"reason": "write-msr", "msr": hex(index), "name": name, "old": hex(old), "new": hex(new)}


def touch(gpa, access, gva=None):
    return {"reason": "memory-access", "gpa": hex(gpa), "gva": hex(gpa if gva is None else gva),
            "access": access, "in_tables": False}


def trap(vector):
    return {"reason": "interrupt", "vector": vector, "instruction_length": 1}


def table(name, write):
    return {"reason": "descriptor", "table": name, "write": write}


def expected_of_all(run):
    """(vcpu, event) of each operation of the stage "all" that is one, in order."""
    state = run.truth()
    root, cr0, cr4 = (int(state[name], 16) for name in ("cr3", "cr0", "cr4"))
    osxsave = cr4 | 1 << 18
    base = 0xffff800000001000
    cpuid = {"reason": "cpuid", "leaf": "0x40000000", "subleaf": "0x0", "instruction_length": 2}
    yield 0, cr("cr3", root, ROOT_2)
    yield 1, cr("cr3", root, ROOT_2)
    yield 0, cr("cr3", ROOT_2, root)
    yield 1, cr("cr3", ROOT_2, root)
    yield 0, cr("cr0", cr0, cr0 ^ 1 << 16)
    yield 0, cr("cr0", cr0 ^ 1 << 16, cr0)
    yield 0, cr("cr4", cr4, osxsave)
    first = cr("xcr0", 1, 3)
    del first["old"]  # Xen tells 0, which it cannot be (SDM vol. 1, 13.3)
    yield 0, first
    yield 0, cr("xcr0", 3, 1)
    yield 0, cr("cr4", osxsave, cr4)
    yield 1, msr(LSTAR, "lstar", 0, base)
    yield 1, msr(LSTAR, "lstar", base, 0)
    yield 0, msr(0x174, "sysenter_cs", 0, 8)
    yield 0, msr(0x174, "sysenter_cs", 8, 0)
    yield 0, trap(3)
    yield 1, trap(1)
    yield 0, {"reason": "hypercall", "instruction_length": 3}
    yield 1, cpuid
    for name, write in (("gdtr", False), ("gdtr", True), ("idtr", False), ("idtr", True),
                        ("ldtr", False), ("ldtr", True)):
        yield 0, table(name, write)
    yield 1, table("tr", False)
    yield 0, touch(SCRATCH + 0x18, "rw-")
    yield 1, touch(SCRATCH + 0x20, "rw-", ALIAS + SCRATCH + 0x20)
    yield 0, touch(LAB["DATA"], "r--")
    yield 1, touch(LAB["CODE"], "--x")
    yield 1, touch(LAB["CODE"] + 5, "--x")  # the ret behind the mov
    yield 0, touch(SCRATCH + 0x18, "rw-")
    yield 0, touch(SCRATCH + 0x20, "rw-")


@check("monitor-every-reason")
def every_reason(run):
    stage = run.stage("all")
    events, summary = stage.events()
    expected = list(expected_of_all(run))
    for event, (vcpu, fields) in zip(events, expected):
        got = {key: event.get(key) for key in fields}
        same((event["seq"], event["vcpu"], got), (event["seq"], vcpu, fields))
    same(len(events), len(expected))
    # The read beside the eight bytes that were asked for.
    same((summary["ended"], summary["filtered"]), ("signal", 1))
    assert all(e["view"] == 0 for e in events if e["view"] is not None)
    times = [e["time_ns"] for e in events]
    assert times == sorted(times) and times[-1] < summary["duration_ns"]
    assert 0 < summary["overhead_ns"] < summary["duration_ns"]


@check("monitor-unnoticed")
def unnoticed(run):
    """The guest got what it would have got: values, results, exceptions; and is as before."""
    stage = run.stage("all")
    account = stage.guest()
    root = int(run.truth()["cr3"], 16)
    same([number(d, "rbx", "out") for d in account if d["op"] == "cr3"], [ROOT_2, ROOT_2, root, root])
    int3 = next(d for d in account if d["op"] == "int3")
    int1 = next(d for d in account if d["op"] == "int1")
    same((int3["int3s"], int3["vector"], int1["int1s"], int1["vector"]), (1, 3, 1, 1))
    cpuid = next(d for d in account if d["op"] == "cpuid")
    name = b"".join(number(cpuid, r, "out").to_bytes(4, "little") for r in ("rbx", "rcx", "rdx"))
    same(name, b"XenVMMXenVMM")
    same(next(number(d, "rax", "out") for d in account if d["op"] == "vmcall"), 0)
    same([number(d, "rax", "out") for d in account if d["op"] == "read"],
         [0x51] + [0xd0d0d0d0d0d0d0d0] * 2)
    same(next(number(d, "rax", "out") for d in account if d["op"] == "call"), 0x1111)
    for did in account:
        if did["op"] == "state":
            want = run.truth(did["vcpu"])
            same(did["state"] | did["selectors"] | {"cr2": ""}, want | {"cr2": ""})
        elif did["op"] not in ("int3", "int1"):
            assert "vector" not in did, "%s faulted" % did["op"]
    is_free(run, stage)


@check("monitor-registers")
def registers(run):
    """With each event come registers; those that Xen does not send are absent."""
    events, _ = run.stage("all").events()
    account = [d for d in run.stage("all").guest() if d["op"] != "state"]
    for event in events:
        assert event["registers"]["rip"] == event["rip"] and "cr3" in event["registers"]
        assert "cstar" not in event["registers"]
    by_write = next(e for e in events if e["reason"] == "memory-access")
    did = next(d for d in account if d["op"] == "write")
    for name in ("rax", "rdi", "rbx", "r15"):
        same(by_write["registers"][name], did["in"][name])


TEXT = r"""(\d+) \d+\.\d{6} vcpu 1 rip 0x\w+ write-cr register cr3 old ROOT new 0x20f000
2 \d+\.\d{6} vcpu 1 rip 0x\w+ write-cr register cr3 old 0x20f000 new ROOT
3 \d+\.\d{6} vcpu 0 rip 0x\w+ write-msr msr 0xc0000082 name lstar old 0x0 new 0x1000
4 \d+\.\d{6} vcpu 0 rip 0x\w+ write-msr msr 0xc0000082 name lstar old 0x1000 new 0x0
5 \d+\.\d{6} vcpu 0 rip 0x\w+ cpuid leaf 0x7 subleaf 0x0 instruction_length 2
6 \d+\.\d{6} vcpu 0 rip 0x\w+ interrupt gfn 0x100 vector 3 type 6 instruction_length 1 extra 0x0
7 \d+\.\d{6} vcpu 1 rip 0x\w+ memory-access gpa 0x210018 gva 0x210018 access rw-
7 events in \d+\.\d{3} s: 1 memory-access, 2 write-cr, 2 write-msr, 1 interrupt, 1 cpuid; \
0 filtered, 0 lost; \d+\.\d us for each; ended by signal
"""


@check("monitor-text")
def text(run):
    stage = run.stage("text")
    stage.guest()
    same(stage.status(), [0])
    pattern = TEXT.replace("\\\n", "").replace("ROOT", run.truth()["cr3"])
    for line, want in zip(stage.out().splitlines(), pattern.splitlines()):
        assert re.fullmatch(want, line), line
    same(len(stage.out().splitlines()), len(pattern.splitlines()))


@check("monitor-vmexit")
def vmexit(run):
    events, summary = run.stage("vmexit").events()
    same((len(events), summary["ended"]), (40, "count"))
    assert all(e["reason"] == "vmexit" and e["exit_reason"] < 70 for e in events)
    # SDM vol. 3D, appendix C: 18 is VMCALL, by which an idle guest of ours yields.
    assert any(e["exit_reason"] == 18 for e in events)
    run.stage("vmexit").guest()


@check("monitor-singlestep")
def singlestep(run):
    stage = run.stage("singlestep")
    events, summary = stage.events()
    nops = LAB["NOPS"]
    same([int(e["rip"], 16) - nops for e in events], list(range(17)))
    assert all(e["reason"] == "singlestep" and e["vcpu"] == 0 for e in events)
    same({e["gfn"] for e in events}, {hex(nops >> 12)})
    same(summary["ended"], "count")
    assert summary["filtered"] > 17  # the instructions on the way
    assert all("vector" not in d for d in stage.guest())


@check("monitor-filter-vcpu")
def filter_vcpu(run):
    events, summary = run.stage("filter-vcpu").events()
    same([(e["vcpu"], e["leaf"]) for e in events], [(1, "0x2")])
    same(summary["filtered"], 2)


@check("monitor-filter-root")
def filter_root(run):
    events, summary = run.stage("filter-root").events()
    same([(e["vcpu"], e["leaf"]) for e in events], [(0, "0x1")])
    same(summary["filtered"], 1)


@check("monitor-filter-rip")
def filter_rip(run):
    stage = run.stage("filter-rip")
    events, summary = stage.events()
    same([(e["vcpu"], e["rip"]) for e in events], [(0, hex(LAB["INT3"])), (1, hex(LAB["INT3"]))])
    same(summary["filtered"], 1)
    same([d["vector"] for d in stage.guest()], [3, 3, 3])


@check("monitor-deny")
def deny(run):
    stage = run.stage("deny")
    events, _ = stage.events()
    same([e["reason"] for e in events], ["write-cr", "write-msr"])
    write, _, after = stage.guest()
    same(write["out"]["rbx"], run.truth()["cr3"])
    same((after["state"]["lstar"], after["state"]["cr3"]), ("0x0", run.truth()["cr3"]))


@check("monitor-reinject")
def reinject(run):
    stage = run.stage("reinject")
    events, _ = stage.events()
    same([e["vector"] for e in events], [3, 1])
    before, int3, int1 = stage.guest()
    same((int3["int3s"] - before["int3s"], int1["int1s"] - before["int1s"]), (1, 1))


@check("monitor-continue")
def again_and_again(run):
    stage = run.stage("continue")
    events, summary = stage.events()
    same((len(events), len({e["rip"] for e in events}), summary["ended"]), (5, 1, "count"))
    before, did = stage.guest()
    same(did["int3s"] - before["int3s"], 1)


@check("monitor-emulate")
def emulate(run):
    stage = run.stage("emulate")
    events, _ = stage.events()
    same([e["gpa"] for e in events], [hex(SCRATCH + 0x18)] * 2)
    _, read, _ = stage.guest()
    same(read["out"]["rax"], "0x61")


@check("monitor-action-singlestep")
def step_once(run):
    stage = run.stage("step-once")
    events, _ = stage.events()
    same([e["reason"] for e in events],
         ["write-cr", "singlestep", "memory-access", "singlestep", "memory-access", "singlestep",
          "write-cr", "singlestep"])
    for stopped, stepped in zip(events[::2], events[1::2]):
        assert int(stepped["rip"], 16) > int(stopped["rip"], 16), stepped["rip"]
    same(stage.guest()[2]["out"]["rax"], "0x71")


@check("monitor-count")
def count(run):
    stage = run.stage("count")
    events, summary = stage.events()
    same((len(events), summary["ended"]), (3, "count"))
    stage.guest()


@check("monitor-duration")
def duration(run):
    events, summary = run.stage("duration").events()
    same((len(events), summary["ended"]), (1, "duration"))
    assert 1e9 <= summary["duration_ns"] < 1.3e9, summary["duration_ns"]


@check("monitor-quiet")
def quiet(run):
    stage = run.stage("quiet")
    same((stage.status(), stage.err()), ([0], ""))
    assert "; ended by duration" in stage.out()


@check("vmi-live-refuses-in-words")
def refused(run):
    stage = run.stage("refused")
    lines = stage.err().splitlines()
    expected = [
        (3, "there is no domain named 'nobody'"),
        (3, "there is no domain 4242"),
        (4, "domain 0 is the control domain"),
        (4, "is a PV guest; only HVM and PVH guests"),
        (2, "--msr 'nonsense' is no number, and of names there are tsc"),
        (2, "--cr 'cr2' is none of cr0, cr3, cr4 or xcr0"),
        (4, "Xen 4.17"),
        (4, "Xen 4.17"),
        (3, "no memory"),
    ]
    same(stage.status(), [status for status, _ in expected])
    for line, (_, words) in zip(lines, expected):
        assert words in line, line
    same((len(lines), stage.out()), (len(expected), ""))
    is_free(run, stage)
