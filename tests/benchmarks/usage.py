"""Runs a command and prints its own seconds, the KiB that it had in use at most, and the code it ended with.

A process of its own, since what a command had in use begins with what the process had that started it.
"""

from __future__ import annotations

import os
import subprocess
import sys

if __name__ == "__main__":
    child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    print(usage.ru_utime, usage.ru_maxrss, child.returncode)
