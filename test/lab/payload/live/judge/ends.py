# SPDX-License-Identifier: MIT
"""However vmi-live ends, the guest obeys afterwards and nothing is on."""

import json
import re

from stage import check, is_free, same

# A guardian needs to notice; all others have let go before they end.
WITHIN_MS = 1000


def obeys(run, stage):
    account = stage.guest()
    for did in account:
        if did["op"] == "state":
            want = run.truth(did["vcpu"])
            same(did["state"] | did["selectors"] | {"cr2": ""}, want | {"cr2": ""})
    assert sum(did["waited_ms"] for did in account if did["op"] == "writes") < WITHIN_MS
    is_free(run, stage)


def whole_lines(text):
    """Of a program that was killed the last line may be torn."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def ended_by(signal, moment):
    @check("end-by-%s-%s" % (signal, moment))
    def judge(run):
        stage = run.stage("end-%s-%s" % (signal, moment))
        if signal == "KILL":
            same(stage.status(), [137])
            events = whole_lines(stage.out())
        else:
            events, summary = stage.events()
            same(summary["ended"], "signal")
        assert all(e["reason"] == "memory-access" for e in events)
        if moment != "5000":
            assert len({e["vcpu"] for e in events}) == 2
        obeys(run, stage)


MOMENTS = ("5000", "150000")
for name in ("INT", "TERM", "HUP", "KILL"):
    for when in MOMENTS:
        ended_by(name, when)


@check("end-by-KILL-at-the-start")
def at_the_start(run):
    same(run.stage("end-KILL-0").status(), [137])
    obeys(run, run.stage("end-KILL-0"))


@check("end-by-KILL-while-stepping")
def while_stepping(run):
    stage = run.stage("end-KILL-step")
    assert {e["reason"] for e in whole_lines(stage.out())} == {"singlestep"}
    obeys(run, stage)


@check("terminal-is-spared")
def terminal(run):
    """Ctrl-C is typed. Not all is shown, but all is counted."""
    stage = run.stage("terminal")
    same(stage.status(), [0])
    lines = re.sub(r"\x1b\[\d*m|\r", "", stage.out()).splitlines()
    same(lines[0], "vmi-live: watching test; Ctrl-C ends it")
    end = re.fullmatch(r"(?:\^C)?(\d+) events in (\d+\.\d+) s: (\d+) memory-access; (\d+) not shown; "
                       r"0 filtered, 0 lost; \d+\.\d us for each; ended by signal", lines[-1])
    assert end, lines[-1]
    shown = [int(line.split()[0]) for line in lines if " memory-access gpa 0x210" in line]
    hidden = [int(n) for n in re.findall(r"^(?:\^C)?\.\.\. (\d+) more events in this second$",
                                         "\n".join(lines), flags=re.M)]
    same(len(shown) + sum(hidden), int(end[1]))
    same((sum(hidden), int(end[3])), (int(end[4]), int(end[1])))
    assert hidden and len(shown) <= 200 * (float(end[2]) + 1)
    same(shown, sorted(set(shown)))
    obeys(run, stage)


@check("reader-leaves")
def pipe(run):
    stage = run.stage("pipe")
    same(len(whole_lines(stage.out())), 3)
    obeys(run, stage)


@check("second-watcher-is-refused")
def busy(run):
    stage = run.stage("busy")
    watch, status, reset, reset_status = stage.text("second").splitlines()
    assert "vmi-live reset" in watch, watch
    assert "is not abandoned" in reset, reset
    same((status, reset_status), ("3", "3"))
    events, _ = stage.events()
    same(len(events), 1)


@check("reset-frees-what-was-left")
def reset(run):
    stage = run.stage("abandoned")
    left = stage.xen()[0]
    same((left["paused"], left["views"]), (True, True))
    refused, freed, watched = stage.status()
    same((refused, freed, watched), (3, 0, 0))
    assert "vmi-live reset" in stage.err().splitlines()[0], stage.err()
    obeys(run, stage)
    *_, event, summary = stage.lines()
    same((event["reason"], summary["summary"]["events"]), ("cpuid", 1))
