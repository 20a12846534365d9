# SPDX-License-Identifier: Apache-2.0
"""The machine: its facts, its tools, its memory, and how commands are run on it."""
import mmap
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
GIB = 1 << 30
MIB = 1 << 20


class BenchError(Exception):
    """Ends the benchmark with a message."""


def note(text):
    print(text, file=sys.stderr, flush=True)


def is_root():
    return os.geteuid() == 0


def find_tool(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":" + SBIN)


def clean_environment():
    """The environment without what would steer a contestant: a CI's variables, options, locales."""
    steering = re.compile(r"(GITHUB|INPUT|RUNNER|ACTIONS|XCACHE|AWS|XDG|LC)_|TAR_OPTIONS$|ZSTD_|ZIP|"
                          r"(?i:\w+_proxy$)")
    env = {k: v for k, v in os.environ.items() if not steering.match(k)}
    env["PATH"] = env.get("PATH", "/usr/bin:/bin") + ":" + SBIN
    env["LC_ALL"] = "C"
    return env


def run_tool(*argv, **kwargs):
    """Runs a helper of the benchmark itself; BenchError with its words if it fails."""
    path = find_tool(argv[0])
    if path is None:
        raise BenchError(f"{argv[0]} is not installed")
    done = subprocess.run([path, *map(str, argv[1:])], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kwargs)
    if done.returncode != 0:
        raise BenchError(f"{argv[0]} failed: {done.stdout.strip()[-500:]}")
    return done.stdout


def run_group(argv, **kwargs):
    """subprocess.run in a session of its own, which ends with us if we are interrupted."""
    with subprocess.Popen(argv, start_new_session=True, **kwargs) as child:
        try:
            return child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            raise


def exit_on_signals():
    """Turns signals into SystemExit, so that cleaning up is left to `finally`."""
    def leave(number, _frame):
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, leave)


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def processor_name():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine_facts():
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor_name(),
        "kernel": platform.release(),
        "memory_available_gib": round(memory_available() / GIB, 1),
        "load_at_start": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


class WarmMemory:
    """Keeps free memory backed by the host while the benchmark runs.

    A virtual machine may hand free memory back to its host after two seconds, in blocks of some
    MiB; the next one to write there pays a fault into the host for every page, which tripled the
    time of whoever came first. So memory is touched once and freed again but for one page in each
    MiB: the rest is free for everybody, yet no block is whole enough to be handed back.
    """
    STEP = MIB

    def __init__(self, size):
        size = min(size, memory_available() // 3) // self.STEP * self.STEP
        self.pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            self.pages.madvise(mmap.MADV_NOHUGEPAGE)
        for offset in range(0, size, mmap.PAGESIZE):
            self.pages[offset] = 1
        for offset in range(0, size, self.STEP):
            self.pages.madvise(mmap.MADV_DONTNEED, offset + mmap.PAGESIZE,
                               self.STEP - mmap.PAGESIZE)

    def close(self):
        self.pages.close()
