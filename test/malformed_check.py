#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run vmi-dump over the images of malformed.py and hold it to what it promises.

    malformed_check.py VMI_DUMP FOLDER [SECONDS]

Every command on every image must end by itself in SECONDS (default 10) and little memory, with a
documented exit status, with a word when something failed, and with no byte invented.
"""

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

# Twice for a sanitizer's shadow, and what the program itself needs.
MEMORY = 384 << 20
OUTPUT = 64 << 20
# What a sanitizer keeps of freed memory is not the program's.
ENVIRONMENT = dict(os.environ)
ENVIRONMENT["ASAN_OPTIONS"] = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"),
                                                     "quarantine_size_mb=32")))
SANITIZER = re.compile(r"Sanitizer|runtime error:")


class Result:
    def __init__(self, status, out, err, peak):
        self.status, self.out, self.err, self.peak = status, out, err, peak


def run(arguments, seconds):
    """Status, output (its first OUTPUT bytes), messages and peak memory. None: it did not end."""
    child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=ENVIRONMENT)
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    messages = []
    reader = threading.Thread(target=lambda: messages.append(child.stderr.read()))
    reader.start()
    out = child.stdout.read(OUTPUT)
    child.stdout.close()
    reader.join()
    _, status, usage = os.wait4(child.pid, 0)
    in_time = timer.is_alive()
    timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    return Result(child.returncode if in_time else None, out,
                  messages[0].decode("utf-8", "replace"), usage.ru_maxrss * 1024)


class Checker:
    def __init__(self, program, folder, seconds):
        self.program, self.folder, self.seconds = program, folder, seconds
        self.failures, self.runs = [], 0

    def fail(self, where, what, result):
        line = result.err.strip().splitlines()
        self.failures.append("%s: %s [status %s: %s]" % (where, what, result.status,
                                                        line[-1] if line else ""))

    def dump(self, case, *arguments):
        """Run one command; what holds for all of them is checked here."""
        path = os.path.join(self.folder, case["file"])
        command, *rest = arguments
        where = "%s %s" % (" ".join(arguments), case["file"])
        result = run([self.program, command, path, *rest, *case.get("options", ())],
                     self.seconds)
        self.runs += 1
        if result.status is None:
            self.fail(where, "did not end in %d s" % self.seconds, result)
        elif result.status == -signal.SIGPIPE and len(result.out) == OUTPUT:
            pass  # it had more to say than we want to hear
        elif result.status < 0:
            self.fail(where, "killed by signal %d" % -result.status, result)
        elif result.status not in (0, 1, 2, 3, 4):
            self.fail(where, "an exit status that means nothing", result)
        if SANITIZER.search(result.err):
            self.fail(where, "a sanitizer complains", result)
        if result.status and not result.err.strip() and not result.out.strip():
            self.fail(where, "failed without a word", result)
        if result.peak > MEMORY:
            self.fail(where, "took %d MiB of memory" % (result.peak >> 20), result)
        return result

    def read(self, case, spot):
        return self.dump(case, "read", spot["gpa"], str(spot["size"]), "--phys", "--raw")

    def check_reads(self, case):
        for spot in case.get("good", ()):
            result = self.read(case, spot)
            if result.status or hashlib.sha256(result.out).hexdigest() != spot["sha256"]:
                self.fail("%s %s" % (case["file"], spot["gpa"]), "good bytes not delivered", result)
        for spot in case.get("bad", ()):
            result = self.read(case, spot)
            if not result.status or len(result.out) >= spot["size"]:
                self.fail("%s %s" % (case["file"], spot["gpa"]), "bytes invented", result)
            elif not re.search(r"0x[0-9a-f]+", result.err):
                self.fail("%s %s" % (case["file"], spot["gpa"]), "no address in the message",
                          result)

    def check_walks(self, case):
        for walk in case.get("walk", ()):
            result = self.dump(case, "translate", walk["gva"], "--root", walk["root"], "--mode",
                               "4level", "--json")
            try:
                got = json.loads(result.out)["pa"]
            except (ValueError, KeyError):
                got = "nothing"
            if got != walk["gpa"] or (result.status == 0) != (walk["gpa"] is not None):
                self.fail("%s gva %s" % (case["file"], walk["gva"]),
                          "leads to %s, not %s" % (got, walk["gpa"]), result)

    def check(self, case):
        name = case["file"]
        info = self.dump(case, "info", "--json")
        opened = info.status == 0
        if case["expect"] in ("ok", "partial") and not opened:
            self.fail(name, "should open", info)
        if case["expect"] == "reject" and info.status != 3:
            self.fail(name, "should be refused with status 3", info)
        if not opened and name not in info.err:
            self.fail(name, "refused without the name of the file", info)
        if opened and not json.loads(info.out).get("format"):
            self.fail(name, "info names no format", info)
        if case["expect"] == "reject":
            self.dump(case, "regs")
            return
        self.dump(case, "regs", "--json")
        self.dump(case, "maps")
        self.dump(case, "maps", "--root", "0x3000", "--mode", "4level")
        if name.startswith("raw-"):
            for root in ("0x3000", "0x8000", "0xfffffffffffff000"):
                for mode in ("auto", "5level", "pae", "legacy"):
                    self.dump(case, "maps", "--root", root, "--mode", mode)
        self.dump(case, "strings", "--phys")
        self.dump(case, "strings", "--root", "0x3000", "--mode", "4level")
        self.dump(case, "translate", "0x0", "0xffffffffffffffff", "--root", "0x3000")
        self.check_reads(case)
        self.check_walks(case)

    def check_shrinking(self):
        """A file that loses its end while it is scanned: the pipe is full, so the scan waits."""
        path = os.path.join(tempfile.mkdtemp(), "shrinking.raw")
        with open(path, "wb") as file:
            for i in range(1 << 16):
                file.write(b"page %08d holds a line of text that is long\n" % i * 22 + bytes(2900))
            file.truncate(file.tell() & ~4095)
        child = subprocess.Popen([self.program, "strings", path, "--phys"], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        child.stdout.read(1)
        os.truncate(path, 1 << 20)
        timer = threading.Timer(self.seconds, child.kill)
        timer.start()
        _, err = child.communicate()
        timer.cancel()
        result = Result(child.returncode, b"", err.decode("utf-8", "replace"), 0)
        self.runs += 1
        if child.returncode != 3 or "shrinking.raw" not in result.err or \
                SANITIZER.search(result.err):
            self.fail("a file that shrinks", "should end with status 3 and name the file", result)
        shutil.rmtree(os.path.dirname(path))


def main(arguments):
    if len(arguments) not in (3, 4):
        sys.exit(__doc__)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open(os.path.join(arguments[2], "manifest.json")) as file:
        cases = json.load(file)
    seconds = int(arguments[3]) if len(arguments) > 3 else 10
    checker = Checker(arguments[1], arguments[2], seconds)
    for case in cases:
        checker.check(case)
    checker.check_shrinking()
    for failure in checker.failures:
        print(failure)
    print("%d images, %d runs, %d failures" % (len(cases), checker.runs, len(checker.failures)))
    return 1 if checker.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
