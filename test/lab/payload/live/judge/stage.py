# SPDX-License-Identifier: MIT
"""What the stages of a run left behind, how checks are written down, and what a reader may ask."""

import json
import os
import re
import subprocess

# What a reader needs; the numbers are those of xen/xen.h, xen/memory.h, xen/domctl.h, xen/sysctl.h.
HARMLESS = {
    "17 0": "version",
    "12 14": "maximum_gpfn",
    "12 21 1": "access_op: get access",
    "35 6": "getdomaininfolist",
    "36 5": "getdomaininfo",
    "36 33": "gethvmcontext",
    "36 55": "gethvmcontext_partial",
    "36 56 3": "vm_event_op: get version",
}

MAILBOX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../guest/mailbox.h")
CHECKS = []


def check(name):
    """A function that compares; an exception says what differs."""
    def keep(function):
        CHECKS.append((name, function))
        return function
    return keep


def why(error):
    """Where a check failed, in less than a line of the console: the line, and what it says."""
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    text = "%s:%d %s %s" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno,
                            type(error).__name__, error)
    return text.replace("\n", " ")[:300]


def judge(run):
    """All checks there are, a line of result for each."""
    for name, function in CHECKS:
        try:
            function(run)
            print("LAB ok " + name)
        except (AssertionError, OSError, ValueError, LookupError, TypeError,
                subprocess.SubprocessError) as error:
            print("LAB not-ok %s %s" % (name, why(error)))
    print("LAB plan %d" % max(len(CHECKS), 1))


def addresses():
    with open(MAILBOX, encoding="utf-8") as file:
        found = re.findall(r"^#define LAB_(\w+) +(0x[0-9a-f]+)", file.read(), flags=re.M)
    return {name: int(value, 16) for name, value in found}


def same(got, expected):
    """Equal, or an error that shows both."""
    assert got == expected, "%s, not %s" % (got, expected)


def harmless(made):
    """These hypercalls, lines of the spy's, are those of a reader."""
    assert "36 33" in made, "the spy saw nothing"
    same(set(made) - set(HARMLESS), set())


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


class Stage:
    """The files of one stage; see run.sh."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, name)

    def text(self, suffix):
        with open(self.path + "." + suffix, encoding="utf-8") as file:
            return file.read()

    def out(self):
        return self.text("out")

    def err(self):
        return self.text("err")

    def status(self):
        return [int(word) for word in self.text("status").split()]

    def guest(self):
        """The guest's own account of what it did; all of it must have been done."""
        account = objects(self.text("guest"))
        for did in account:
            assert did["done"], "vcpu %d hangs in %s" % (did["vcpu"], did["op"])
        return account

    def xen(self):
        return objects(self.text("xen"))

    def lines(self):
        """The objects among the lines of the output."""
        return [json.loads(line) for line in self.out().splitlines() if line.startswith("{")]

    def events(self):
        """(events, summary) of a monitor; it ended well and said nothing but that it watches."""
        *events, last = self.lines()
        summary = last["summary"]
        same(self.status(), [0])
        same(self.err(), "vmi-live: watching test; Ctrl-C ends it\n")
        same([e["seq"] for e in events], list(range(1, len(events) + 1)))
        counts = {}
        for event in events:
            counts[event["reason"]] = counts.get(event["reason"], 0) + 1
        same(summary["by_reason"], counts)
        same((summary["events"], summary["lost"]), (len(events), 0))
        return events, summary


class Run:
    """All stages of a run, and the programs."""

    def __init__(self, folder, payload):
        self.folder, self.payload = folder, payload

    def parts(self):
        with open(os.path.join(self.payload, "parts"), encoding="utf-8") as file:
            return file.read().split()

    def stage(self, name):
        return Stage(self.folder, name)

    def file(self, name):
        return os.path.join(self.folder, name)

    def dump(self, *words):
        """vmi-dump on this machine."""
        library = os.path.join(self.payload, "lib")
        return subprocess.run(
            [os.path.join(library, "ld-linux-x86-64.so.2"), "--library-path", library,
             os.path.join(library, "vmi-dump"), *words], check=True, capture_output=True).stdout

    def before(self):
        """What Xen said of the guest then."""
        return self.stage("before").xen()[0]

    def truth(self, vcpu=0):
        """What the vcpu said of its state at the first stage, before anything was done to it."""
        did = next(d for d in self.stage("truth").guest()
                   if d["op"] == "state" and d["vcpu"] == vcpu)
        return did["state"] | did["selectors"]


def compare_state(registers, did):
    """Registers as vmi-live shows them, against what the guest told of them."""
    for name, value in (did["state"] | did["selectors"]).items():
        if "." in name:
            table, field = name.split(".")
            same((name, registers[table][field]), (name, value))
        elif name in ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldtr"):
            same((name, registers[name]["selector"]), (name, value))
        elif name in ("fs_base", "gs_base"):
            same((name, registers[name[:2]]["base"]), (name, value))
        else:
            same((name, registers[name]), (name, value))


def checksum(data):
    """FNV-1a, which the guest computes of what it sees."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return value


def is_free(run, stage):
    """Nothing is on, whatever was done."""
    now, before = stage.xen()[-1], run.before()
    same({k: now[k] for k in ("paused", "views", "monitors", "ring", "restricted")},
         {"paused": False, "views": False, "monitors": [], "ring": False, "restricted": 0})
    same(now["max_pages"], before["max_pages"])
    # The first ring takes its page out of the guest; see drivers/xen/README.
    assert 0 <= before["pages"] - now["pages"] <= 1, "%d pages" % now["pages"]
