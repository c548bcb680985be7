#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge.py OUT PAYLOAD: compare what vmi-live said of a Linux guest, left in OUT by tools.sh, with
what the guest said of itself, and with what vmi-dump says of its snapshot."""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../live/judge"))
sys.dont_write_bytecode = True

from stage import Run, check, harmless, judge, same  # noqa: E402

MOMENTS = "running", "paused"


def text(run, name):
    with open(run.file(name), encoding="utf-8") as file:
        return file.read()


def said(run):
    return text(run, "tools.log").splitlines()


def told(run, name):
    """What the guest told of a file, each time."""
    times, lines = [], []
    for line in said(run):
        if line.startswith("GUEST told "):
            lines.append(line[11:])
        elif line.startswith("GUEST did "):
            if line == "GUEST did tell " + name:
                times.append(lines)
            lines = []
    assert times, "the guest told nothing of " + name
    return times


def answer(run, name):
    """The objects of an answer that came whole and without a complaint."""
    stage = run.stage(name)
    same((stage.status(), stage.err()), ([0], ""))
    return stage.lines()


def processes(run):
    """{pid: (parent, name)}; without those that the guest needs for saying so."""
    rows = [line.split(None, 4)[2:] for line in said(run) if line.startswith("GUEST ps ")]
    return {int(pid): (int(parent), name) for pid, parent, name in rows
            if name not in ("ps", "sed")}


def alpha(run):
    return next(pid for pid, (_, name) in processes(run).items() if name == "lab-alpha")


@check("tools-ps")
def ps(run):
    want = processes(run)
    assert len(want) > 40, "%d processes" % len(want)
    for moment in MOMENTS:
        found = {p["pid"]: p for p in answer(run, moment + "-ps")}
        # Workers of the kernel come and go.
        same({pid for pid in set(found) ^ set(want) if not
              (found[pid]["comm"] if pid in found else want[pid][1]).startswith("kworker/")}, set())
        for pid in set(found) & set(want):
            parent, name = want[pid]
            one = found[pid]
            # The guest's ps has 15 letters of a name, and what a worker is at.
            assert name.startswith(one["comm"][:15]), "%s is %s" % (one["comm"], name)
            same((pid, one["ppid"], one["kernel_thread"], one["root"] is None, one["hidden"]),
                 (pid, parent, 2 in (pid, parent), 2 in (pid, parent), None))
        same(found[alpha(run)]["arguments"], ["/bin/sh", "/bin/lab-alpha", "alpha-secret-1"])


@check("tools-sysinfo")
def sysinfo(run):
    version, = told(run, "/proc/version")[0]
    arguments, = told(run, "/proc/cmdline")[0]
    before, after = (float(lines[0].split()[0]) for lines in told(run, "/proc/uptime"))
    for moment in MOMENTS:
        one, = answer(run, moment + "-sysinfo")
        same((one["banner"], one["release"]), (version, version.split()[2]))
        same((one["command_line"], one["cpus"], one["slide"]), (arguments, 2, "0x0"))
        # As of the last tick; the guest's processes wake up each second.
        early, late = (before - 2, after) if moment == "running" else (after - 2, after + 60)
        assert early <= one["uptime_s"] <= late, "%s %s" % (moment, one["uptime_s"])


@check("tools-dmesg")
def dmesg(run):
    lines = [re.match(r"GUEST message <(\d+)>\[ *(\d+)\.(\d{6})\] (.*)", line)
             for line in said(run) if line.startswith("GUEST message ")]
    want = [(int(m[1]) & 7, int(m[2] + m[3]), m[4]) for m in lines]
    assert len(want) > 100, "%d messages" % len(want)
    for moment in MOMENTS:
        found = [(m["level"], m["time_us"], part) for m in answer(run, moment + "-dmesg")
                 for part in m["text"].split("\n")]
        common = min(len(found), len(want))
        assert abs(len(found) - len(want)) < 5, "%d, not %d" % (len(found), len(want))
        for got, expected in zip(found[:common], want[:common]):
            same(got, expected)


@check("tools-symbols")
def symbols(run):
    with open(os.path.join(run.payload, "banner"), encoding="utf-8") as file:
        _, name, address = file.read().split()
    version, = told(run, "/proc/version")[0]
    for moment in MOMENTS:
        one, = answer(run, moment + "-symbols")
        same((one["name"], one["va"], one["module"]), (name, address, None))
        read, = answer(run, moment + "-read")
        same((read["address"], bytes.fromhex(read["bytes"]).decode()), (address, version[:64]))


@check("tools-vmas")
def vmas(run):
    want = [line.split(None, 5) for line in told(run, "/proc/%d/maps" % alpha(run))[0]]
    for moment in MOMENTS:
        found = answer(run, moment + "-vmas")
        same([["%08x-%08x" % (int(v["start"], 16), int(v["end"], 16)),
               v["access"] + ("s" if v["shared"] else "p"), "%08x" % v["offset"]]
              for v in found], [line[:3] for line in want])
        same([v["path"] or "" for v in found], [(line + [""])[5] for line in want])


@check("tools-files")
def files(run):
    found = {f["fd"]: f["path"] for f in answer(run, "paused-files")}
    same(found[3], "/tmp/%d" % alpha(run))


@check("tools-mounts")
def mounts(run):
    same([(m["source"], m["target"], m["type"]) for m in answer(run, "paused-mounts")],
         [tuple(line.split()[:3]) for line in told(run, "/proc/mounts")[0]])


@check("tools-snapshot")
def snapshot(run):
    """The same moment, by the other program and the other driver."""
    image = run.file("linux.elf")
    for words in (["ps"], ["sysinfo"], ["dmesg"], ["symbols", "linux_banner"],
                  ["vmas", "--pid", str(alpha(run))], ["read", "linux_banner", "64"],
                  ["files", "--pid", str(alpha(run))], ["mounts"]):
        dumped = run.dump(words[0], image, *words[1:], "--json").decode()
        assert dumped == run.stage("paused-" + words[0]).out(), words[0] + " differs"


@check("tools-change-nothing")
def changes_nothing(run):
    """Of a paused guest's memory and registers only the clock goes on; see src/tool/image_notes.c."""
    with open(run.file("linux.elf"), "rb") as file:
        head = file.read(1 << 17)
    clocks = {match.start() - 16 + i for match in re.finditer(rb"tsc\0{21}", head)
              for i in range(8)}
    same(len(clocks), 16)
    changed = {int(line.split()[0]) - 1 for line in text(run, "changes").splitlines()}
    same(changed - clocks, set())


@check("tools-take-nothing")
def takes_nothing(run):
    harmless(text(run, "hypercalls").splitlines())
    assert "GUEST pong tools" in said(run), "the guest does not answer"


RUN = Run(sys.argv[1], sys.argv[2])
if "tools" in RUN.parts():
    judge(RUN)
