# SPDX-License-Identifier: Apache-2.0
"""Runs contestants in rounds: each once a round, in rotated order, always in a fresh place."""
import json
import pathlib
import statistics
import sys

from lib import contestants, tree
from lib.measure import measure
from lib.system import BenchError, clean_environment, find_tool, note, run_group

LAUNCHER = pathlib.Path(__file__).with_name("measure.py")
STARTUP_RUNS = 20


def size_of(path):
    return tree.count(path).bytes if path.is_dir() else path.stat().st_size


class Runner:
    """rounds: timed ones; one more comes first, to warm up, to check and to make the archives."""

    def __init__(self, workspace, rounds):
        self.workspace = workspace
        self.rounds = rounds
        self.scratch = workspace.archives.parent
        self.archives = {}
        self.notes = []
        self.environment = {}
        self.ticket = 0

    def remark(self, text):
        note(text)
        self.notes.append(text)

    def available(self, candidates):
        kept = []
        for each in candidates:
            missing = [tool for tool in each.needs if not find_tool(tool)]
            if missing:
                self.remark(f"{each.label}: left out, {', '.join(missing)} missing")
            else:
                kept.append(each)
        return kept

    def execute(self, script, folder, own_clock=False):
        """One measured run of a line of sh; BenchError if it fails."""
        files = {name: self.scratch / f"run.{name}" for name in ("result", "out", "err")}
        with open(files["out"], "wb") as out, open(files["err"], "wb") as err:
            run_group([sys.executable, "-I", "-S", LAUNCHER, files["result"], "sh", "-c", script],
                      cwd=folder, env={**clean_environment(), **self.environment}, stdout=out, stderr=err)
        run = json.loads(files["result"].read_text())
        if run["status"] != 0:
            words = files["err"].read_text(errors="replace").strip()
            raise BenchError(f"status {run['status'] >> 8 or run['status']}: {words[-300:]}")
        if own_clock:
            own = json.loads(files["out"].read_text())
            run.update(own, cpu_s=own["user_s"] + own["sys_s"], peak_bytes=None)
        return run

    def output(self):
        """What the last run printed."""
        return (self.scratch / "run.out").read_text(errors="replace")

    def fresh(self, parent, name):
        self.ticket += 1
        return parent / f"{name}-{self.ticket}"

    def save_once(self, each, source):
        """Replaces the contestant's archive by a new one."""
        out = self.fresh(self.workspace.archives, each.id + ".archive")
        run = self.execute(each.script(out), source)
        if not out.exists():
            raise BenchError("it left no archive")
        run["archive_bytes"] = size_of(out)
        if each.id in self.archives:
            self.workspace.discard(self.archives[each.id])
        self.archives[each.id] = out
        return run

    def restore_once(self, each, source, expected, check):
        folder = self.fresh(self.workspace.trees, each.id)
        folder.mkdir()
        try:
            run = self.execute(each.script(self.archives.get(each.archive)), folder,
                               each.own_clock)
            check_restored(each, source / "tree", folder / "tree", check and expected.entries)
        finally:
            self.workspace.discard(folder, expected.disk_bytes)
        return run

    def compete(self, title, candidates, once):
        """Rows of medians; whoever fails is left out with a note."""
        runs = {each.id: [] for each in candidates}
        for number in range(self.rounds + 1):
            turn = number % len(candidates) if candidates else 0
            for each in candidates[turn:] + candidates[:turn]:
                self.workspace.settle()
                try:
                    run = once(each, number == 0)
                except BenchError as err:
                    self.remark(f"{each.label}: failed, {err}")
                    candidates = [other for other in candidates if other is not each]
                    continue
                what = f"{number}/{self.rounds}" if number else "warm-up"
                note(f"{title} {what}: {each.label} {run['wall_s']:.2f} s")
                if number:
                    runs[each.id].append(run)
        return [summary(each, runs[each.id]) for each in candidates]

    def save(self, candidates, source):
        return self.compete("save", self.available(candidates),
                            lambda each, _: self.save_once(each, source))

    def restore(self, candidates, source, expected):
        """Archives must be there: from save(), or from prepare()."""
        ready = []
        for each in self.available(candidates):
            if each.archive and each.archive not in self.archives:
                self.remark(f"{each.label}: left out, no archive to restore")
            else:
                ready.append(each)
        return self.compete("restore", ready, lambda each, warm_up:
                            self.restore_once(each, source, expected, warm_up))

    def prepare(self, candidates, source):
        for each in self.available(candidates):
            try:
                self.save_once(each, source)
            except BenchError as err:
                self.remark(f"{each.label}: failed, {err}")


def check_restored(each, original, restored, entries):
    """Ours to the last bit and every time; the others, whose formats keep less, if entries is
    given, by their number."""
    if each.id == contestants.HIGHLIGHT:
        difference = tree.first_difference(original, restored)
        if difference:
            raise BenchError(f"the restored tree is not the saved one: {difference}")
    elif entries and tree.count(restored).entries != entries:
        raise BenchError("the restored tree is not complete")


def summary(each, runs):
    walls = [run["wall_s"] for run in runs]
    peaks = [run["peak_bytes"] for run in runs]
    return {
        "id": each.id,
        "label": each.label,
        "wall_s": statistics.median(walls),
        "wall_min_s": min(walls),
        "wall_max_s": max(walls),
        "cpu_s": statistics.median(run["cpu_s"] for run in runs),
        "others": statistics.median(run["others"] for run in runs),
        "peak_bytes": None if None in peaks else max(peaks),
        "archive_bytes": runs[-1].get("archive_bytes"),
        "runs": runs,
    }


def startup(xcache):
    """Median wall seconds of `xcache version`, which prints nothing into the measurement."""
    argv = ["sh", "-c", 'exec "$0" version >/dev/null', xcache]
    runs = [measure(argv) for _ in range(STARTUP_RUNS)]
    if any(run["status"] != 0 for run in runs):
        raise BenchError("xcache version failed")
    return statistics.median(run["wall_s"] for run in runs)
