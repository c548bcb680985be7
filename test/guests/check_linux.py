#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold what a guest said of itself against what vmi-dump finds in an image of it.

    check_linux.py VMI_DUMP IMAGE TRUTH [CHECK..]

TRUTH is the guest's linux.truth.json. CHECK is one of ps threads modules dmesg symbols vmas files
mounts sysinfo memory; all of them by default. Each difference is a line; a line for each check ends
it. VMI_OPTIONS in the environment has options for every call, such as "--vmlinux FILE". Without them,
a kernel that has no types in its memory must be said to have none. Exit status: 0 all agrees,
1 something does not.
"""
import collections
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

import truth

PAGE = 4096
PRINTED = 40  # differences of a check that are printed
# The commands that cannot do without types, with the arguments they are tried with.
TYPED = {"ps": ("ps",), "threads": ("ps", "--threads"), "modules": ("modules",),
         "vmas": ("vmas", "--pid", "1"), "files": ("files", "--pid", "1"), "mounts": ("mounts",),
         "memory": ("read", "--pid", "1", "0x1000", "1")}
# Symbols of code that the kernel makes for itself are listed as if of modules, but are in no table.
MADE = ("bpf", "__builtin__ftrace", "__builtin__kprobes")
# Options of mounts that are not a file system's own.
GENERIC = {"rw", "ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "sync",
           "dirsync", "mand", "lazytime", "nosymfollow"}


def shown(text):
    """As JSON can show the guest's bytes: what is not UTF-8 becomes a replacement character."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return re.sub("\ufffd+", "\ufffd", text)


def told(text):
    return None if text is None else re.sub("\ufffd+", "\ufffd", text)


def number(value):
    return int(value, 0) if isinstance(value, str) else value


class Check:
    def __init__(self, program, image, said):
        self.program, self.image = program, image
        self.options = shlex.split(os.environ.get("VMI_OPTIONS", ""))
        with open(said) as file:
            self.truth = json.load(file)
        self.busy = self.truth["busy"]
        self.typed = bool(self.truth["btf"] or self.options)
        self.processes = {p["pid"]: p for p in self.truth["processes"]}
        self.name, self.counts = None, {}

    # ---- counting ----

    def begin(self, name):
        self.name = name
        self.counts[name] = [0, 0]

    def wrong(self, text):
        self.counts[self.name][1] += 1
        if self.counts[self.name][1] <= PRINTED:
            print("%s: %s" % (self.name, ascii(text)[1:-1]))

    def expect(self, what, got, want):
        self.counts[self.name][0] += 1
        if got != want:
            self.wrong("%s: %r, not %r" % (what, got, want))
        return got == want

    def expect_same(self, what, got, want):
        """Lists, in order; what only one of them has is named."""
        missing = collections.Counter(want) - collections.Counter(got)
        extra = collections.Counter(got) - collections.Counter(want)
        self.counts[self.name][0] += len(want)
        for row in missing:
            self.wrong("%s: missing %r" % (what, row))
        for row in extra:
            self.wrong("%s: unexpected %r" % (what, row))
        if not missing and not extra and got != want:
            at = next(i for i, pair in enumerate(zip(got, want)) if pair[0] != pair[1])
            self.wrong("%s: in another order from the %dth, %r" % (what, at, got[at]))

    # ---- asking ----

    def run(self, *words):
        return subprocess.run([self.program, words[0], self.image, *words[1:], "--json",
                               *self.options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=300, check=False)

    def refused(self, *words):
        """A kernel without types, nor symbols of data: in words, with the way out."""
        run = self.run(*words)
        self.expect(" ".join(words) + " is refused", run.returncode in (1, 4), True)
        self.expect(" ".join(words) + " prints nothing", run.stdout, b"")
        self.expect(" ".join(words) + " names what helps", b"--vmlinux" in run.stderr, True)

    def check(self, name):
        self.begin(name)
        if name in TYPED and not self.typed:
            self.refused(*TYPED[name])
        else:
            getattr(self, name)()

    def ask(self, *words, status=(0,)):
        """The objects that a command prints."""
        run = self.run(*words)
        if run.returncode not in status:
            self.wrong("%s: exit status %d, %s" % (" ".join(words), run.returncode,
                                                   run.stderr.decode("utf-8", "replace").strip()))
        rows = []
        for line in run.stdout.splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                self.wrong("%s: not JSON: %r" % (" ".join(words), line[:200]))
        return rows

    # ---- processes ----

    def task(self, what, got, want):
        comm = told(got.get("comm"))
        # Of a kernel thread, /proc adds what a worker is at, or has a longer name (since 5.17).
        if want["kernel_thread"] and comm and want["comm"].startswith(comm):
            comm = want["comm"]
        self.expect(what + " comm", comm, shown(want["comm"]))
        self.expect(what + " ppid", got.get("ppid"), want["ppid"])
        self.expect(what + " uid", got.get("uid"), want["uids"][0])
        self.expect(what + " kernel_thread", got.get("kernel_thread"), want["kernel_thread"])
        # Kernel threads go on while pid 1 writes; nothing else does.
        if not want["kernel_thread"]:
            self.expect(what + " state", got.get("state"), want["state"])
        for name, value in (("gid", want["gids"][0]), ("euid", want["uids"][1]),
                            ("egid", want["gids"][1])):
            if name in got:
                self.expect(what + " " + name, got[name], value)
        if "start_ns" in got:
            self.expect(what + " start", got["start_ns"] // 10000000, want["start_ticks"])

    def match(self, what, got, want):
        """By key; in a guest that did not hold still, what came and went later is no matter."""
        for key in sorted(set(want) - set(got)):
            if not (self.busy and want[key]["kernel_thread"]):
                self.wrong("%s %s: missing, %s" % (what, key, want[key]["comm"]))
        for key in sorted(set(got) - set(want)):
            if not (self.busy and (got[key].get("comm", "").startswith("churn")
                                   or got[key].get("kernel_thread"))):
                self.wrong("%s %s: unexpected, %r" % (what, key, got[key]))
        return sorted(set(got) & set(want))

    def ps(self):
        rows = self.ask("ps")
        got = {row["pid"]: row for row in rows}
        self.expect("processes named once", len(got), len(rows))
        for pid in self.match("process", got, self.processes):
            row, want, what = got[pid], self.processes[pid], "process %d" % pid
            self.task(what, row, want)
            line = told(row.get("command_line")) or ""
            self.expect(what + " command line", line.rstrip(" "),
                        shown(" ".join(want["arguments"])).rstrip(" "))
            if "arguments" in row:
                self.expect(what + " arguments", [told(a) for a in row["arguments"] or []],
                            [shown(a) for a in want["arguments"]])
            has_memory = bool(want["regions"])
            self.expect(what + " has a root", row.get("root") is not None, has_memory)
        self.tree(got)
        addresses = [row.get("task") for row in rows]
        self.expect("tasks at one address each", len(set(addresses)), len(addresses))
        self.task_addresses([row for row in rows if row["pid"] in self.processes],
                            got.get(1, {}).get("root"))
        self.roots(got)

    def tree(self, flat):
        """The same processes, each below its parent, children in order."""
        rows = self.ask("ps", "--tree")
        self.expect("processes in the tree", sorted(row["pid"] for row in rows), sorted(flat))
        above, last = [], {}
        for row in rows:
            del above[row["depth"]:]
            parent = above[-1] if above else 0
            self.expect("process %d, its depth" % row["pid"], row["depth"], len(above))
            self.expect("process %d, what it is below" % row["pid"], parent, row["ppid"])
            self.expect("process %d, behind its sibling" % row["pid"],
                        last.get(parent, -1) < row["pid"], True)
            last[parent] = row["pid"]
            above.append(row["pid"])

    def task_addresses(self, rows, root):
        """What is at `task` has the process's name in it. The tables of pid 1 map the kernel, which
        with isolation those of a vcpu in user mode do not."""
        for row in rows:
            want = self.processes[row["pid"]]
            if want["kernel_thread"] or not row.get("task") or not root:
                continue
            name = want["comm"].encode("utf-8", "surrogateescape")
            data = self.bytes("read", row["task"], str(2 * PAGE), "--root", root, status=(0, 1))
            self.expect("process %d, its name at task" % row["pid"], name + b"\0" in data, True)

    def bytes(self, *words, status=(0,)):
        rows = self.ask(*words, status=status)
        return bytes.fromhex(rows[0].get("bytes", "")) if rows else b""

    def roots(self, got):
        """The page that each resident knows, through the page tables that ps names."""
        for page in self.truth["memory"]:
            if page["length"] == PAGE and got.get(page["pid"], {}).get("root"):
                data = self.bytes("read", page["va"], str(PAGE), "--root", got[page["pid"]]["root"])
                self.expect("process %d, its page through root" % page["pid"],
                            hashlib.sha256(data).hexdigest(), page["sha256"])

    def threads(self):
        want = {(p["pid"], t["pid"]): t for p in self.truth["processes"] for t in p["threads"]}
        rows = self.ask("ps", "--threads")
        got = {(row["pid"], row["tid"]): row for row in rows}
        self.expect("threads named once", len(got), len(rows))
        for key in self.match("thread", got, want):
            self.task("thread %d of %d" % (key[1], key[0]), got[key], want[key])

    # ---- the kernel ----

    def modules(self):
        def row(m):
            return m["name"], m["base"], m["size"], m.get("state", "live").lower()
        self.expect_same("modules", [row(m) for m in self.ask("modules")],
                         [row(m) for m in self.truth["modules"]])

    def dmesg(self):
        rows = self.ask("dmesg")
        names = [n for n in ("sequence", "level", "facility", "time_us")
                 if n in (rows[0] if rows else {})]
        got = [tuple(row[n] for n in names) + (told(row["text"]),) for row in rows]
        want = [tuple(r[n] for n in names) + (shown(r["text"]),) for r in self.truth["log"]]
        # A full buffer loses its oldest for what came after the recording.
        if self.busy:
            want = want[-len(got):]
            got = got[:len(want)]
        self.expect("level is told", "level" in names and "time_us" in names, True)
        self.expect_same("records", got, want)

    def symbols(self):
        rows = self.ask("symbols", status=(0,) if self.typed else (0, 1))
        got = [(s["va"], s["type"], s["name"], s["module"]) for s in rows]
        # Where modules keep theirs, types tell.
        want = [tuple(s) for s in self.truth["symbols"]
                if s[3] is None or (self.typed and s[3] not in MADE)]
        self.expect_same("symbols", sorted(got, key=str), sorted(want, key=str))
        for module in {s[3] for s in want if s[3]}:
            names = sorted(s["name"] for s in self.ask("symbols", module + ":*"))
            self.expect_same("symbols of " + module, names, sorted(s[2] for s in want if s[3] == module))

    def sysinfo(self):
        if not self.typed:
            # What is in the banner is known all the same.
            rows = self.ask("sysinfo", status=(1,))
            self.expect("banner", rows and rows[0].get("banner"), self.truth["system"]["banner"])
            return
        rows = self.ask("sysinfo")
        got = rows[0] if rows else {}
        want = self.truth["system"]
        for name in ("release", "version", "hostname", "command_line", "banner", "cpus"):
            self.expect(name, got.get(name), want[name])
        for name in ("machine", "domain"):
            if name in got and name in want:
                self.expect(name, got[name], want[name])
        for now, vcpu in zip(got.get("current", []), self.truth["vcpus"]):
            if vcpu.get("current"):
                self.expect("current of vcpu %d" % now["vcpu"], now["pid"], vcpu["current"])
        late = (got.get("uptime_s") or -1) - want["uptime_s"]
        if not -1 <= late <= (60 if self.busy else 10):
            self.expect("uptime_s", got.get("uptime_s"), want["uptime_s"])

    # ---- of a process ----

    def with_memory(self):
        return [p for p in self.truth["processes"] if p["regions"]]

    def region(self, row, names):
        path = told(row.get("path")) or ""
        if row.get("deleted") and not path.endswith(" (deleted)"):
            path += " (deleted)"
        access = row["access"]
        if len(access) == 3:
            access += "s" if row.get("shared") else "p"
        return (row["start"], row["end"], access, number(row["offset"]), path,
                *(row[n] for n in names))

    def vmas(self):
        for process in self.with_memory():
            rows = self.ask("vmas", "--pid", str(process["pid"]))
            names = [n for n in ("inode", "device") if rows and n in rows[0]]
            want = [(r["start"], r["end"], r["access"], number(r["offset"]), shown(r["path"]),
                     *(r[n] for n in names)) for r in process["regions"]]
            self.expect_same("process %d" % process["pid"],
                             [self.region(row, names) for row in rows], want)

    def files(self):
        for process in self.truth["processes"]:
            rows = self.ask("files", "--pid", str(process["pid"]))
            # Pid 1 had these open while it recorded itself.
            want = [f for f in process["files"]
                    if process["pid"] != 1 or not f["path"].startswith("/proc")]
            got = [(row["fd"], self.file_path(row), number(row["flags"]), row["offset"])
                   for row in rows]
            if process["pid"] == 1:
                # The record's own offset went on.
                got = [row[:3] for row in got]
                want = [(f["fd"], shown(f["path"]), f["flags"]) for f in want]
            else:
                want = [(f["fd"], shown(f["path"]), f["flags"], f["offset"]) for f in want]
            self.expect_same("process %d" % process["pid"], got, want)

    @staticmethod
    def file_path(row):
        path = told(row["path"])
        return path + " (deleted)" * bool(row.get("deleted") and not path.endswith(" (deleted)"))

    def mounts(self):
        seen = set()
        for process in self.truth["processes"]:
            namespace = process["namespaces"].get("mnt")
            if namespace in seen or process["root"] != "/" or not process["mounts"]:
                continue
            seen.add(namespace)
            want = [(told(shown(m["source"])), shown(m["target"]), m["type"],
                     self.generic(m["options"], m["super_options"])) for m in process["mounts"]]
            words = ("mounts",) if process["pid"] == 1 else ("mounts", "--pid", str(process["pid"]))
            got = [(told(m["source"]), told(m["target"]), m["type"], self.generic(m["options"]))
                   for m in self.ask(*words)]
            self.expect_same(" ".join(words), got, want)

    @staticmethod
    def generic(*options):
        words = {word for text in options for word in text.split(",")} & GENERIC
        # A mount that is read-only on a file system that is not.
        return tuple(sorted(words - {"rw"} if "ro" in words else words))

    def memory(self):
        """Pages that are there, where the guest says, with what it wrote; pages that are not."""
        for known in self.truth["memory"]:
            start, count, pid = int(known["va"], 16), len(known["pages"]), str(known["pid"])
            vas = [hex(start + i * PAGE) for i in range(count)]
            rows = self.ask("translate", "--pid", pid, *vas, status=(0, 1))
            region = next(r for r in self.processes[known["pid"]]["regions"]
                          if int(r["start"], 16) <= start < int(r["end"], 16))
            hidden = region["access"].startswith("---")
            for va, row, page in zip(vas, rows, known["pages"]):
                want = hex(int(page["gfn"], 16) * PAGE) if "gfn" in page and not hidden else None
                self.expect("process %s, %s" % (pid, va), row.get("pa"), want)
                self.absent("process %s, %s" % (pid, va), row, page, hidden)
            data = self.bytes("read", "--pid", pid, known["va"], str(known["length"]),
                              "--skip-holes", status=(0, 1))
            self.contents(pid, known, data, hidden)

    def contents(self, pid, known, data, hidden):
        """What is not there is zeros, or what it was, where it can be had all the same."""
        if all("gfn" in page for page in known["pages"]) and not hidden:
            self.expect("process %s, bytes at %s" % (pid, known["va"]),
                        hashlib.sha256(data).hexdigest(), known["sha256"])
            return
        self.expect("process %s, length at %s" % (pid, known["va"]), len(data), known["length"])
        for i in range(len(known["pages"])):
            got = data[i * PAGE:(i + 1) * PAGE]
            if any(got):
                self.expect("process %s, page %d at %s" % (pid, i, known["va"]),
                            got == truth.page(known["pid"], i), True)

    def absent(self, what, row, page, hidden):
        why = row.get("absent")
        if "swap" in page:
            name = self.truth["raw"]["proc/swaps"].splitlines()[1 + page["swap"]].split()[0]
            self.expect(what + " absent", why, "zram" if "zram" in name else "swap")
            self.expect(what + " in swap", (row.get("swap_area"), row.get("swap_offset")),
                        (page["swap"], page["slot"]))
        elif hidden:
            self.expect(what + " absent", why, "protected")


CHECKS = ("sysinfo", "ps", "threads", "modules", "dmesg", "symbols", "vmas", "files", "mounts",
          "memory")


def main():
    if len(sys.argv) < 4 or set(sys.argv[4:]) - set(CHECKS):
        sys.exit(__doc__)
    check = Check(*sys.argv[1:4])
    for name in sys.argv[4:] or CHECKS:
        check.check(name)
        right, wrong = check.counts[name]
        print("%-8s %7d compared, %d differ" % (name, right, wrong), flush=True)
    return 1 if any(wrong for _, wrong in check.counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
