# SPDX-License-Identifier: Apache-2.0
"""One workload, round after round: xcache on a fresh machine each time, beside full saves of its own
and the peers, all of the same tree."""
import os
import shutil
import statistics
import subprocess

from lib import changes, peers, tree
from lib.contestants import Contestant
from lib.entries import Entry, Inventory, command, file_url
from lib.runner import size_of
from lib.system import BenchError, find_tool, note, run_tool

UPDATE, FULL, BEFORE, NO_STATE = "xcache", "xcache-full", "before-full", "xcache-no-state"
LABELS = {
    UPDATE: "xcache save --update, after a restore",
    NO_STATE: "xcache save --update, without one",
    FULL: "xcache save, all of it",
    BEFORE: "xcache save, all of it, the program before",
}
DEDUPLICATING = ("restic", "borg", "casync")


def in_layers(count):
    return f"{count} layer" if count == 1 else f"{count} layers"


def compressed_bytes(contents):
    """Of one zstd stream; 0 if there is none."""
    if not contents:
        return 0
    argv = [find_tool("zstd") or "zstd", "-q", "-3", "-c"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate(b"".join(contents))
    return len(out)


class Contest:
    """reference: the tree as the last change left it, which all but xcache save from. It has one
    path for all rounds, as restic looks for an earlier save by that."""

    def __init__(self, runner, setting, name, before=None):
        self.runner, self.setting, self.name, self.before = runner, setting, name, before
        self.space = runner.workspace
        self.entry = Entry(runner, setting, name)
        self.reference = self.space.trees / f"{name}-reference"
        self.reference.mkdir()
        self.peers = [each for each in [peers.tar(setting), *peers.deduplicating()]
                      if self.is_there(each)]
        self.full_store = None
        self.number = 0
        self.rounds = []

    def is_there(self, peer):
        missing = [tool for tool in peer.needs if not find_tool(tool)]
        if missing:
            self.runner.remark(f"{self.name}: {peer.label} left out, {', '.join(missing)} missing")
        return not missing

    def repository(self, peer):
        return self.space.archives / f"{self.name}-{peer.id}"

    def take_reference(self):
        """The machine's tree becomes the reference."""
        if (self.reference / "tree").exists():
            gone = self.runner.fresh(self.space.trees, "gone")
            (self.reference / "tree").rename(gone)
            self.space.discard(gone)
        run_tool("cp", "-a", "--", self.entry.tree, self.reference / "tree")

    def cache_folder(self):
        folder = self.runner.fresh(self.space.archives, "cache")
        folder.mkdir()
        return folder

    def save_peer(self, peer):
        """Into its repository, with an empty cache."""
        cache = self.cache_folder()
        repository = self.repository(peer)
        if not repository.exists():
            self.runner.execute(peer.create(repository, cache), self.reference)
            run_tool("rm", "-rf", "--", cache)
            cache = self.cache_folder()
        before = Inventory(repository, peer.beside)
        run = self.runner.execute(peer.save(repository, cache, str(self.number)), self.reference)
        run["added_bytes"] = before.added()
        run_tool("rm", "-rf", "--", cache)
        return run

    def save_full(self, program, keep=True):
        """Into a new store, by a program that knows nothing of earlier saves."""
        store, state = (self.runner.fresh(self.space.archives, f"{self.name}-{what}")
                        for what in ("full", "no-state"))
        script = command(program, "save", file_url(store), self.entry.item(), state)
        run = self.runner.execute(script, self.reference)
        run["added_bytes"] = size_of(store)
        if keep and self.full_store:
            run_tool("rm", "-rf", "--", self.full_store)
        if keep:
            self.full_store = store
        else:
            run_tool("rm", "-rf", "--", store)
        return run

    def save_without_state(self, store):
        """Of a copy of the store from before this round's save."""
        before = Inventory(store)
        state = self.runner.fresh(self.space.archives, "no-state")
        script = command(self.setting.xcache, "save", file_url(store),
                         f"{self.entry.item()} --update", state)
        run = self.runner.execute(script, self.reference)
        run["added_bytes"] = before.added()
        run_tool("rm", "-rf", "--", store)
        return run

    def savers(self, options, with_peers, key):
        """What saves in this round, by id."""
        found = {UPDATE: lambda: self.entry.save(options, key),
                 FULL: lambda: self.save_full(self.setting.xcache)}
        if self.before:
            found[BEFORE] = lambda: self.save_full(self.before, keep=False)
        if with_peers and self.number:
            copy = self.runner.fresh(self.space.archives, "copy")
            shutil.copytree(self.entry.store, copy)
            found[NO_STATE] = lambda: self.save_without_state(copy)
        if with_peers:
            found.update({each.id: lambda each=each: self.save_peer(each) for each in self.peers})
        return found

    def save_all(self, kind, floor_bytes, savers):
        """Everybody once, each round beginning with another one; whoever fails is left out."""
        order = list(savers)
        turn = self.number % len(order)
        runs = {}
        for name in order[turn:] + order[:turn]:
            self.space.settle()
            try:
                runs[name] = savers[name]()
            except BenchError as err:
                if name == UPDATE:
                    raise
                self.runner.remark(f"{self.name}, round {self.number}: {name} failed, {err}")
                self.peers = [each for each in self.peers if each.id != name]
                continue
            note(f"{self.name} {self.number} {kind}: {name} {runs[name]['wall_s']:.2f} s, "
                 f"{runs[name]['added_bytes'] / 1e6:.3f} MB")
        self.rounds.append({"kind": kind, "floor_bytes": floor_bytes, "runs": runs})

    def begin(self, make):
        """The first save of all; `make` makes the tree, given its path."""
        self.entry.arrive()
        make(self.entry.tree)
        self.take_reference()
        self.save_all("first", 0, self.savers("", True, Entry.KEY))

    def round(self, kind, change=None, with_peers=True, key=Entry.KEY):
        """Restore on a fresh machine, change, save."""
        self.number += 1
        restore = self.entry.restore()
        self.check(f"{self.name}, round {self.number}", self.entry.tree)
        floor_bytes = 0
        if change:
            content = changes.Content(self.entry.tree, self.reference / "tree")
            change(self.entry.tree)
            floor_bytes = compressed_bytes(content.new())
            self.take_reference()
        options = "--update" if key == Entry.KEY else ""
        self.save_all(kind, floor_bytes, self.savers(options, with_peers, key))
        self.rounds[-1]["restore"] = restore

    def check(self, what, restored, times=True):
        difference = tree.first_difference(self.reference / "tree", restored, times)
        if difference:
            raise BenchError(f"{what}: the restored tree is not the saved one: {difference}")

    def restorers(self):
        """The last round's restores, each from an empty folder."""
        found = [Contestant(UPDATE, f"xcache, {in_layers(self.entry.layers())}", (),
                            lambda _: self.restore_script(self.entry.store)),
                 Contestant(FULL, "xcache, of a full save", (),
                            lambda _: self.restore_script(self.full_store))]
        for each in self.peers:
            found.append(Contestant(each.id, each.label, (), lambda _, each=each: each.restore(
                self.repository(each), self.cache_folder(), self.last_save())))
        return found

    def last_save(self):
        """The number under which the peers saved last."""
        return str(max(number for number, each in enumerate(self.rounds)
                       if each["runs"].keys() - LABELS.keys()))

    def restore_script(self, store):
        return command(self.setting.xcache, "restore", file_url(store), self.entry.item(),
                       self.runner.fresh(self.space.archives, "no-state"))

    def restore_all(self):
        """Rows of medians; each contestant's first result is compared with the reference."""
        self.entry.arrive()

        def once(each, check):
            folder = self.runner.fresh(self.space.trees, each.id)
            folder.mkdir()
            try:
                run = self.runner.execute(each.script(None), folder)
                if check:
                    self.check(each.label, folder / "tree", each.id in LABELS)
            finally:
                self.space.discard(folder)
            return run

        return self.runner.compete(f"{self.name} restore", self.restorers(), once)

    def close(self):
        """Makes room for the next one."""
        for path in (self.space.trees, self.space.archives):
            for name in os.listdir(path):
                if name.startswith(self.name + "-") or name == self.name:
                    run_tool("rm", "-rf", "--", path / name)


def of_kind(rounds, kind):
    return [each for each in rounds if each["kind"] == kind]


def median(values):
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
