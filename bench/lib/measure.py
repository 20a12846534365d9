# SPDX-License-Identifier: Apache-2.0
"""Times one command and everything it waits for.

Also a program of its own, `measure.py RESULT COMMAND...`: a process counts the memory of the one it
was forked from as its own peak, so commands start from this small process and not from the
benchmark, which by then holds much more. What it reports is never below its own few MiB.
"""
import json
import os
import sys
import time


def machine_seconds():
    """The processor time that the whole machine has spent on anything."""
    with open("/proc/stat", encoding="ascii") as lines:
        user, nice, system, _, _, irq, softirq, steal = map(int, lines.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def measure(argv):
    """Runs argv; peak is that of the largest single process, CPU time sums over all of them.
    others: the share of the machine that went to anything else meanwhile, servers included."""
    busy = machine_seconds()
    start = time.monotonic()
    pid = os.posix_spawnp(argv[0], argv, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - start
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "others": max(0, machine_seconds() - busy - cpu) / (wall * os.cpu_count()),
        "peak_bytes": usage.ru_maxrss * 1024,
        "status": status,
    }


if __name__ == "__main__":
    result = measure(sys.argv[2:])
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(result, out)
