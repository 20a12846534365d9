# SPDX-License-Identifier: Apache-2.0
"""The parts of `bench/run --mount`: an entry extracted, mounted with all contents, and mounted
lazily, each until it is ready, found through and read. Caches of the kernel are dropped before every
restore and before every look, as on a machine that has just begun."""
import json
import statistics

from lib import tree
from lib.contestants import quoted
from lib.entries import file_url
from lib.report import goal_row, table
from lib.runner import Runner
from lib.system import GIB, BenchError, is_root, note
from lib.workspace import Workspace

FIND = r"find tree -printf '%s %p\n' >/dev/null"
READ = "find tree -type f -print0 | xargs -0 -P2 -n 2000 cat >/dev/null"
WAYS = (("off", "extraction"), ("eager", "mounted, eager"), ("lazy", "mounted, lazy"))


def drop_caches():
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3\n")


class Mounts:
    def __init__(self, runner, setting, source):
        self.runner, self.source = runner, source
        self.space = runner.workspace
        self.store = file_url(self.space.archives / "mounts")
        self.program = quoted(setting.xcache)

    def xcache(self, words):
        state = self.runner.fresh(self.space.archives, "no-state")
        return f"XCACHE_STATE_DIR={quoted(state)} {self.program} {words}"

    def entry(self, verb, options=""):
        return self.xcache(f"{verb} --store {quoted(self.store)} --json --key k --path tree {options}")

    def save(self):
        machine = self.runner.fresh(self.space.trees, "mounts")
        machine.mkdir()
        self.runner.execute(f"cp -a {quoted(self.source)} tree", machine)
        self.runner.execute(self.entry("save"), machine)
        self.space.discard(machine)

    def step(self, script, machine):
        drop_caches()
        return self.runner.execute(script, machine)

    def once(self, mode):
        """One restore on a fresh machine: what each step took, and what was fetched until ready."""
        machine = self.runner.fresh(self.space.trees, mode)
        machine.mkdir()
        run = {"ready": self.step(self.entry("restore", f"--mount {mode}"), machine)}
        run["fetched_bytes"] = json.loads(self.runner.output())["fetched"]
        mounted = b" " + str(machine / "tree").encode() + b" "
        with open("/proc/self/mountinfo", "rb") as mounts:
            if (mounted in mounts.read()) != (mode != "off"):
                raise BenchError(f"{mode}: this machine mounts otherwise than it was asked to")
        run["find"] = self.step(FIND, machine)
        run["read"] = self.step(READ, machine)
        if mode != "off":
            self.runner.execute(self.xcache("unmount tree"), machine)
        self.space.discard(machine)
        return run


def run(options, setting, source):
    if not is_root():
        raise BenchError("only root can mount")
    total = tree.count(source)
    size = total.disk_bytes
    with Workspace(options.fs, size, total.entries, 5 * size + GIB) as space:
        note(f"mounts: {space.description}")
        mounts = Mounts(Runner(space, options.runs), setting, source)
        mounts.save()
        found = {mode: [] for mode, _ in WAYS}
        for number in range(options.runs + 1):
            for mode, label in WAYS:
                once = mounts.once(mode)
                note(f"mounts {number or 'warm-up'}: {label}: ready in "
                     f"{once['ready']['wall_s']:.2f} s")
                if number:
                    found[mode].append(once)
        return {"file_system": space.description, "files": total.files, "runs": found}


def seconds(once, steps=("ready", "find", "read")):
    return sum(once[step]["wall_s"] for step in steps)


def ratio(found, mode, steps):
    """Of each round by itself, as its runs were made side by side."""
    pairs = zip(found[mode], found["off"])
    return statistics.median(seconds(one, steps) / seconds(other, steps) for one, other in pairs)


def goals(found):
    runs = found["runs"]
    everything = ("ready", "find", "read")
    return [goal_row(*row, "") for row in (
        ("eager: ready, relative to extraction", ratio(runs, "eager", ("ready",)), 0.30),
        ("eager: ready, find and read all, relative to extraction", ratio(runs, "eager", everything),
         0.70),
        ("lazy: ready, relative to extraction", ratio(runs, "lazy", ("ready",)), 0.03),
    )]


def markdown(found):
    rows = []
    for mode, label in WAYS:
        runs = found["runs"][mode]

        def middle(of, runs=runs):
            return f"{statistics.median(of(each) for each in runs):.2f}"
        rows.append([label, *(middle(lambda each, step=step: each[step]["wall_s"])
                              for step in ("ready", "find", "read")), middle(seconds),
                     middle(lambda each: each["ready"]["cpu_s"]),
                     middle(lambda each: each["fetched_bytes"] / 1e6)])
    head = ["restore", "ready, s", "find, s", "read all, s", "together, s", "CPU s until ready",
            "MB fetched until ready"]
    return (f"# Measured: mounts\n\n- {found['file_system']}\n\n" +
            table(["goal", "measured", "at most", "verdict"],
                  [[row["what"], f"{row['value']:.3f}", f"{row['goal']:.2f}", row["verdict"]]
                   for row in goals(found)]) + "\n" +
            table(head, rows))
