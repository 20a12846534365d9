# SPDX-License-Identifier: Apache-2.0
"""Saves that send only what changed, measured over many rounds: the parts of `bench/run --rounds`."""
import contextlib
import dataclasses
import pathlib
import random

from lib import changes, s3, tree
from lib.contest import FULL, Contest, in_layers, of_kind
from lib.contestants import Contestant
from lib.entries import Entry, command, file_url
from lib.project import Project
from lib.runner import Runner, size_of
from lib.server import serve
from lib.system import BenchError, GIB, MIB, WarmMemory, find_tool, note, run_tool
from lib.workspace import Workspace

PARTS = ("nm", "cc", "many", "layers")
SEED = 20260
LAYERS = 8
CC_BYTES, CC_FILES = 400 * MIB, 20_000
BUCKET = "layers"


@dataclasses.dataclass
class Plan:
    """How much of everything."""
    changes: int  # rounds of 1 %
    repeats: int  # of what is timed besides
    builds: int
    many: int
    many_files: int
    files: int  # of the tree; 0: all of them


def plan_of(options):
    if options.quick:
        return Plan(options.count or 2, 1, 4, 50, 1000, 3000)
    return Plan(options.count or 4, options.runs, 10, 50, 4000, 0)


def randoms(name):
    """One generator for each workload, so that none depends on what others drew."""
    return random.Random(f"{SEED} {name}")


def copy_tree(source, target, files):
    if files:
        changes.copy_part(source, target, files, randoms("part"))
    else:
        run_tool("cp", "-a", "--", source, target)


def measure_nm(bench):
    """A large tree in which little changes."""
    rng = randoms("nm")
    contest = Contest(bench.runner, bench.setting, "nm", bench.before)
    with contextlib.ExitStack() as stack:
        stack.callback(contest.close)
        contest.begin(lambda path: copy_tree(bench.source, path, bench.plan.files))
        entries = tree.count(contest.reference / "tree").entries
        for _ in range(bench.plan.changes):
            contest.round("change", lambda root: changes.change_some(root, rng))
        restores = contest.restore_all()
        for _ in range(bench.plan.repeats):
            contest.round("nothing", with_peers=False)
        for number in range(bench.plan.repeats):
            contest.round("touch", lambda root: changes.touch_all(root, rng), number == 0)
        contest.round("new key", with_peers=False, key="another")
        contest.round("move", lambda root: changes.move_folder(root, rng))
        return {"entries": entries, "rounds": contest.rounds, "restores": restores}


def take_project(bench, project):
    """What was asked for, else git, else xcache itself."""
    if bench.options.project:
        project.take(bench.options.project, bench.options.make)
        return
    if not bench.options.quick:
        with bench.tolerate("cc, the source of git"):
            project.take_git(bench.out)
            return
    project.take_own(bench.root)


def measure_cc(bench):
    """A compiler's cache: every round touches all of it and adds little."""
    if not find_tool("ccache") or not find_tool("make"):
        raise BenchError("ccache or make is missing")
    contest = Contest(bench.runner, bench.setting, "cc")
    with contextlib.ExitStack() as stack:
        stack.callback(contest.close)
        project = Project(bench.runner.workspace.trees / "cc-project", randoms("cc"),
                          bench.setting.threads)
        take_project(bench, project)

        def edit_and_build(root):
            project.edit(contest.number)
            project.build(root)

        contest.begin(project.build)
        for _ in range(bench.plan.builds):
            contest.round("build", edit_and_build)
        found = vars(tree.count(contest.reference / "tree"))
        result = {"tree": found, "rounds": contest.rounds, "restores": contest.restore_all()}
        with bench.tolerate("cc, gc"):
            contest.entry.collect()
            result["stored_bytes"] = contest.entry.stored_bytes()
            result["live_bytes"] = of_kind(contest.rounds, "build")[-1]["runs"][FULL]["added_bytes"]
        return result


def full_bytes(bench, entry):
    """What a save of the machine's tree takes in a store of its own."""
    store = bench.runner.fresh(bench.runner.workspace.archives, "many-full")
    script = command(bench.setting.xcache, "save", file_url(store), entry.item(),
                     bench.no_state())
    bench.runner.execute(script, entry.machine)
    size = size_of(store)
    run_tool("rm", "-rf", "--", store)
    return size


def measure_many(bench):
    """Many rounds of a small tree, with gc after each: what is stored and what a restore fetches,
    in units of what is alive."""
    rng = randoms("many")
    entry = Entry(bench.runner, bench.setting, "many")
    entry.arrive()
    changes.copy_part(bench.source, entry.tree, bench.plan.many_files, randoms("many part"))
    total = tree.count(entry.tree)
    entry.save("")
    rounds = []
    for number in range(bench.plan.many):
        restore = entry.restore()
        if number:
            rounds[-1]["fetched_bytes"] = restore["fetched_bytes"]
        changes.change_some(entry.tree, rng)
        save = entry.save()
        entry.collect()
        live_bytes = full_bytes(bench, entry)
        rounds.append({"added_bytes": save["added_bytes"], "save_s": save["wall_s"],
                       "stored_bytes": entry.stored_bytes(), "live_bytes": live_bytes})
        if number % 10 == 9:
            note(f"many: {number + 1} of {bench.plan.many} rounds, stored / live "
                 f"{rounds[-1]['stored_bytes'] / live_bytes:.2f}")
    kept = bench.runner.workspace.trees / "many-kept"
    entry.machine.rename(kept)
    entry.machine = None
    rounds[-1]["fetched_bytes"] = entry.restore()["fetched_bytes"]
    difference = tree.first_difference(kept / "tree", entry.tree)
    if difference:
        raise BenchError(f"after {bench.plan.many} rounds the restored tree is not the saved one: "
                         f"{difference}")
    return {"tree": vars(total), "rounds": rounds}


def restore_layers(bench, contestants, source):
    def once(each, check):
        folder = bench.runner.fresh(bench.runner.workspace.trees, each.id)
        folder.mkdir()
        try:
            run = bench.runner.execute(each.script(None), folder)
            difference = check and tree.first_difference(source, folder / "tree")
            if difference:
                raise BenchError(f"the restored tree is not the saved one: {difference}")
        finally:
            bench.runner.workspace.discard(folder)
        return run

    return bench.runner.compete("layers", contestants, once)


def measure_layers(bench):
    """An entry of eight layers beside one of the same tree in one layer; near, and where each
    round trip takes 40 ms."""
    rng = randoms("layers")
    entry = Entry(bench.runner, bench.setting, f"{BUCKET}/several")
    entry.store.mkdir(parents=True)
    entry.name = "several"
    entry.arrive()
    copy_tree(bench.source, entry.tree, bench.plan.files)
    entry.save("")
    for _ in range(LAYERS - 1):
        entry.restore()
        changes.change_some(entry.tree, rng)
        entry.save()
    layers = entry.layers()
    single = Entry(bench.runner, bench.setting, f"{BUCKET}/single")
    single.store.mkdir()
    single.machine = entry.machine
    single.save("")
    with contextlib.ExitStack() as stack:
        ways = [("near", "file://", "", {each: file_url(each.store) for each in (entry, single)})]
        if bench.relay and find_tool("nginx"):
            near = stack.enter_context(serve(bench.runner.workspace.archives))
            far = stack.enter_context(s3.relay(bench.relay, near, ()))
            ways.append(("far", "40 ms away", "--no-sign-request",
                         {each: s3.s3_place("", "", BUCKET, far).store(each.store.name)
                          for each in (entry, single)}))
        rows = [Contestant(f"{way}-{name}", f"{words}, {in_layers(count)}", (),
                           lambda _, store=stores[each], options=options: command(
                               bench.setting.xcache, "restore", store,
                               f"{entry.item()} {options}", bench.no_state()))
                for way, words, options, stores in ways
                for name, each, count in (("several", entry, layers), ("single", single, 1))]
        return {"layers": layers, "restores": restore_layers(bench, rows, entry.tree)}


MEASURES = {"nm": measure_nm, "cc": measure_cc, "many": measure_many, "layers": measure_layers}


class Bench:
    """What all parts share. relay: its program, or None."""

    def __init__(self, options, setting, source, root):
        self.options, self.setting, self.source, self.root = options, setting, source, root
        self.out = pathlib.Path(options.out).resolve()
        self.plan = plan_of(options)
        self.before = options.before
        self.relay = None
        self.runner = None
        self.notes = []

    def remark(self, text):
        note(text)
        self.notes.append(text)

    def no_state(self):
        """A folder for the state, which nobody has used."""
        return self.runner.fresh(self.runner.workspace.archives, "no-state")

    @contextlib.contextmanager
    def tolerate(self, what):
        """What fails inside is left out of the results, with a note."""
        try:
            yield
        except BenchError as err:
            self.remark(f"{what}: failed, {err}")

    def room(self, part):
        """Bytes and entries of the trees of a part; its stores and repositories hold some more."""
        if part == "cc":
            return CC_BYTES, CC_FILES
        total = tree.count(self.source)
        return total.disk_bytes, total.entries

    def measure(self, part):
        size, entries = self.room(part)
        with Workspace(self.options.fs, size, entries, 5 * size + GIB) as space, \
                contextlib.closing(WarmMemory(2 * size)):
            note(f"{part}: {space.description}")
            self.runner = Runner(space, self.options.runs)
            self.runner.notes = self.notes
            result = MEASURES[part](self)
            result["file_system"] = space.description
            return result


def run(bench, parts, build_relay):
    """The results of the parts; one that fails is left out."""
    results = {}
    if "layers" in parts:
        with bench.tolerate("the relay"):
            bench.relay = build_relay()
    for part in PARTS:
        if part in parts:
            with bench.tolerate(part):
                results[part] = bench.measure(part)
    return {"rounds": results, "notes": bench.notes, "plan": vars(bench.plan)}
