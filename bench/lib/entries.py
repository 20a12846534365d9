# SPDX-License-Identifier: Apache-2.0
"""An entry that is carried from machine to machine, and the bytes that a save adds to a folder."""
import json
import os
import urllib.parse

from lib.contestants import quoted
from lib.runner import size_of


class Inventory:
    """The files of a folder as they are now; those whose names begin with `beside` do not count."""

    def __init__(self, folder, beside=()):
        self.folder, self.beside = folder, beside
        self.files = self.look()

    def look(self):
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if not name.startswith(self.beside):
                    path = os.path.join(folder, name)
                    each = os.stat(path)
                    found[path] = each.st_ino, each.st_mtime_ns, each.st_size
        return found

    def added(self, within=""):
        """Bytes of the files that are new or were written again since."""
        return sum(each[2] for path, each in self.look().items()
                   if within in path and self.files.get(path) != each)


def file_url(folder):
    return "file://" + urllib.parse.quote(str(folder))


def command(program, verb, store, options, state):
    """One line of sh. state: the folder of what the machine knows of its last restore."""
    return (f"XCACHE_STATE_DIR={quoted(state)} {quoted(program)} {verb} --store {quoted(store)} "
            f"--json {options}")


class Entry:
    """Every machine is fresh: an empty folder, and no state but what its own restore leaves."""
    KEY = "bench"

    def __init__(self, runner, setting, name):
        self.runner, self.setting = runner, setting
        self.space = runner.workspace
        self.name = name
        self.store = self.space.archives / name
        self.machine = None

    @property
    def tree(self):
        return self.machine / "tree"

    def run(self, verb, options):
        script = command(self.setting.xcache, verb, file_url(self.store), options,
                         self.machine / "state")
        self.space.settle()
        run = self.runner.execute(script, self.machine)
        run["told"] = json.loads(self.runner.output() or "{}")
        return run

    def item(self, key=KEY):
        return f"--key {key} --path tree -j {self.setting.threads}"

    def arrive(self):
        """On the next machine."""
        if self.machine:
            self.space.discard(self.machine)
        self.machine = self.runner.fresh(self.space.trees, f"{self.name}-machine")
        self.machine.mkdir()

    def restore(self):
        self.arrive()
        run = self.run("restore", self.item())
        run["fetched_bytes"] = run["told"]["fetched"]
        return run

    def save(self, options="--update", key=KEY):
        before = Inventory(self.store)
        run = self.run("save", f"{self.item(key)} {options}")
        run["added_bytes"] = before.added()
        run["manifest_bytes"] = before.added("/entries/")
        return run

    def collect(self):
        """gc that spares nothing on account of its age."""
        self.run("gc", "--grace 0 --force")

    def layers(self):
        return len(self.run("inspect", f"--key {self.KEY} --path tree")["told"].get("layers", []))

    def stored_bytes(self):
        return size_of(self.store)
