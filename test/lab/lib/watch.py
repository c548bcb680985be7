#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""watch.py SECONDS SERIAL LOG COMMAND..: run the emulator, pass on what it writes to SERIAL, and
end it when it has said all.

The exit status is the payload's, from dom0's last line "LAB exit N"; else 200 when Xen or dom0
crashed, 201 when the emulator ended by itself, 202 after SECONDS."""

import os
import re
import signal
import subprocess
import sys
import time

CRASHED, ENDED, TIMED_OUT = 200, 201, 202
EXIT = re.compile(r"LAB exit (\d+)")
# What Xen says, on a machine that must not boot again, of its own panic and of dom0's.
CRASH = re.compile(r"Manual reset required|Dom(ain )?0 crashed")
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def follow(path, emulator, end):
    """The console's lines as they come, without what steers a terminal; returns why it ended."""
    with open(path, "rb") as serial:
        rest = b""
        while True:
            over = emulator.poll() is not None
            data = serial.read()
            if data:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    yield ESCAPE.sub("", line.decode("latin-1").strip("\r"))
            elif over:
                return ENDED
            elif time.monotonic() > end:
                return TIMED_OUT
            else:
                time.sleep(0.02)


def judge(lines, log):
    """Show and keep each line; the status of the run."""
    while True:
        try:
            line = next(lines)
        except StopIteration as stop:
            return stop.value
        print(line, flush=True)
        log.write(line + "\n")
        if EXIT.search(line):
            return int(EXIT.search(line)[1])
        if CRASH.search(line):
            return CRASHED


def main():
    seconds, serial, log = float(sys.argv[1]), sys.argv[2], sys.argv[3]
    # A signal to us must not leave the emulator behind.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    with open(serial, "wb"):
        pass
    start = time.monotonic()
    with open(os.path.join(os.path.dirname(serial), "stdout.log"), "wb") as out, subprocess.Popen(
            sys.argv[4:], stdin=subprocess.DEVNULL, stdout=out, stderr=out) as emulator:
        try:
            with open(log, "w", encoding="utf-8") as kept:
                status = judge(follow(serial, emulator, start + seconds), kept)
        finally:
            emulator.kill()
    why = {CRASHED: "Xen or dom0 crashed", ENDED: "the emulator ended by itself",
           TIMED_OUT: "no end within %g s" % seconds}.get(status, "status %d" % status)
    print("lab: %s, after %.1f s" % (why, time.monotonic() - start), file=sys.stderr)
    sys.exit(status)


main()
