# SPDX-License-Identifier: MIT
"""Tests of programs, where one that hangs fails with words."""

import signal
import subprocess
import unittest


class Case(unittest.TestCase):
    LIMIT = 240  # seconds for a test, far more than any needs

    def run(self, result=None):
        def hangs(*_):
            result.stop()  # the next would hang as well
            raise TimeoutError("hangs: not done after %d seconds" % self.LIMIT)

        before = signal.signal(signal.SIGALRM, hangs)
        signal.alarm(self.LIMIT)
        try:
            return super().run(result)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    def start(self, *words, **more):
        """A program that does not outlive the test."""
        child = subprocess.Popen(list(map(str, words)), **more)
        self.addCleanup(self.end, child)
        return child

    @staticmethod
    def end(child):
        child.kill()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe:
                pipe.close()
        child.wait()
