# SPDX-License-Identifier: Apache-2.0
"""Rounds of what jobs and people do to caches, each checked against a model.

The model is a description of each version that was committed, taken from the
tree before it was saved. Two machines take turns. Each has a workspace of its
own, which it keeps for long, and a folder for the state of its restores; the
second one saves in a scope of its own and reads that of the first as well.
"""
import collections
import os
import random
import shutil
import time

import stores
import trees
from changes import Changes
from program import KILLED

TREE, OTHER = b"tree", b"other"
# The path lines of entries; each is a version of its own.
LINES = [("tree",), ("tree", "oth*"), ("tree", "!tree/**/a*")]
LAYERS_MAX = 8
KEYS = ["k", "k1", "k2", "n1"]
SCOPES = [["refs/heads/main"], ["refs/heads/topic", "refs/heads/main"]]
DONE, FAILED, MISS = 0, 1, 3


class Wrong(Exception):
    """The program did not do what the model says."""


def selects(lines, path):
    parts = path.split(b"/")
    if parts[0] == OTHER:
        return "oth*" in lines
    return "!tree/**/a*" not in lines or not any(part.startswith(b"a") for part in parts[1:])


def selected(lines, tree):
    return {path: node for path, node in tree.items() if selects(lines, path)}


class Machine:
    def __init__(self, name, base, scopes):
        self.name, self.base, self.scopes = name, base / name, scopes
        self.workspace, self.state = self.base / "ws", self.base / "state"
        for folder in (self.workspace, self.state):
            folder.mkdir(parents=True)

    def scan(self):
        return trees.scan(os.fsencode(self.workspace), [TREE, OTHER])

    def wipe(self):
        shutil.rmtree(self.workspace)
        self.workspace.mkdir()

    def age_temporaries(self):
        """What is being written to the state's folder may be another process's, for an hour."""
        for path in self.state.glob(".xcache-*"):
            os.utime(path, (1, 1))

    def left_over(self):
        """What a restore should have cleared away."""
        return [str(path) for folder in (self.workspace, self.state) for path in folder.rglob(".xcache-*")]


class Rounds:
    def __init__(self, program, store, base, say):
        self.program, self.store, self.base, self.say = program, store, base, say
        self.machines = [Machine(name, base, scopes) for name, scopes in zip("AB", SCOPES)]
        self.checker = Machine("C", base, [])
        # (lines, scope, key): what was saved
        self.entries = {}
        # The same: how often that changed, and which of these versions were restored.
        self.commits, self.restored = collections.Counter(), collections.defaultdict(set)
        self.counts = collections.Counter()
        self.dice = None

    def commit(self, name, tree):
        """The model's own; None for a removal."""
        self.commits[name] += 1
        self.entries.pop(name, None)
        if tree is not None:
            self.entries[name] = tree

    # Steps on one machine

    def arguments(self, machine, lines, key, scopes=None):
        return ["--store", self.store.url, "--workspace", str(machine.workspace), "--repository", "octo/repo",
                "--key", key, *(word for line in lines for word in ("--path", line)),
                *(word for scope in scopes or machine.scopes for word in ("--scope", scope)),
                "--jobs", str(self.dice.randint(1, 3))]

    def change(self, machine, count, small=False):
        changes = Changes(self.dice, os.fsencode(machine.workspace), [TREE, OTHER])
        if not os.path.isdir(machine.workspace / "tree"):
            changes.grow()
            self.say(f"{machine.name}: a new tree")
        for _ in range(count):
            self.say(f"{machine.name}: {changes.one(small)}")

    def expect(self, outcome, *codes):
        if outcome.code not in codes:
            raise Wrong(f"exit code {outcome.code} instead of {codes}: {outcome.errors}")

    def expect_tree(self, expected, found, **options):
        lines = trees.differences(expected, found, **options)
        if lines:
            raise Wrong(f"{len(lines)} differences:\n  " + "\n  ".join(lines[:30]))

    def matching(self, lines, scopes, key, prefix=None):
        """The entries that a lookup may find; it takes the newest."""
        for scope in scopes:
            trees_by_key = {name[2]: name for name in self.entries if name[:2] == (lines, scope)}
            if key in trees_by_key:
                return [trees_by_key[key]]
            for start in (key, prefix):
                found = [name for other, name in trees_by_key.items() if start and other.startswith(start)]
                if found:
                    return found
        return []

    def restore(self, machine, lines, key):
        arguments = self.arguments(machine, lines, key)
        prefix = self.dice.choice([None, None, "k", "n", "none"])
        if prefix:
            arguments += ["--restore-key", prefix]
        self.say(f"{machine.name}: restore {key} {lines} {'or ' + prefix if prefix else ''}")
        before = machine.scan()
        outcome = self.program.run("restore", *arguments, state=machine.state)
        found = {name: trees.merged(before, self.entries[name])
                 for name in self.matching(lines, machine.scopes, key, prefix)}
        self.note_restored(found)
        if not found:
            self.expect(outcome, MISS)
            self.expect_tree(before, machine.scan())
        elif outcome.code == FAILED and None in found.values():
            # A directory with content is not replaced by a file.
            self.expect_tree(before, machine.scan(), dir_times=False)
        else:
            self.expect(outcome, DONE)
            self.expect_tree(self.taken(found, outcome), machine.scan())
        if machine.left_over():
            raise Wrong(f"a restore left {machine.left_over()}")

    def note_restored(self, names):
        for name in names:
            self.restored[name].add(self.commits[name])

    @staticmethod
    def taken(found, outcome):
        """What the workspace must be after a restore that took one of `found`."""
        taken = outcome.document["scope"], outcome.document["key"]
        for name, after in found.items():
            if name[1:] == taken:
                if after is None:
                    raise Wrong("a restore replaced a directory that has content")
                return after
        raise Wrong(f"restored {taken} instead of one of {[name[1:] for name in found]}")

    def some_options(self, update):
        dice, options = self.dice, []
        if update:
            options.append("--update")
        if dice.random() < 0.3:
            options += ["--parent-key", dice.choice(KEYS)]
        if dice.random() < 0.05:
            options.append("--full")
        if dice.random() < 0.3:
            options += ["--expire-days", dice.choice(["0", "14", "3"])]
        if dice.random() < 0.2:
            options += ["--level", dice.choice(["1", "5"])]
        return options

    def saved(self, name, tree, update, outcome):
        """What a save that ended by itself means for the model."""
        self.expect(outcome, DONE)
        document = outcome.document
        if document["saved"]:
            if name in self.entries and not update:
                raise Wrong("a save without --update replaced an entry")
            self.count_layers(document)
            self.commit(name, tree)
        elif name not in self.entries:
            raise Wrong("nothing was saved, though there is no entry of this key")
        elif update and document.get("overtaken"):
            # Of a version that is no more, as far as a restore left word of it.
            if not self.restored[name] - {self.commits[name]}:
                raise Wrong("a save says that another one came first, and none did")
            self.counts["overtaken saves"] += 1
        elif update:
            self.counts["saves of nothing new"] += 1
            self.expect_tree(self.entries[name], tree)

    def count_layers(self, document):
        parent = document.get("parent")
        self.counts["saves"] += 1
        self.counts["incremental saves"] += parent is not None
        self.counts["saves by state"] += parent is not None and not parent["hashed"]

    def save(self, machine, lines, key):
        options = self.some_options(self.dice.random() < 0.8)
        self.say(f"{machine.name}: save {key} {lines} {' '.join(options)}")
        tree = selected(lines, machine.scan())
        # Beside it, a clean-up that leaves alone what is not old.
        gc = self.dice.random() < 0.1 and self.program.start("gc", *self.gc_arguments(()))
        outcome = self.program.run("save", *self.arguments(machine, lines, key), *options, state=machine.state)
        if gc:
            self.expect(self.program.finish(gc), DONE)
        name = (lines, machine.scopes[0], key)
        self.saved(name, tree, "--update" in options, outcome)
        self.check(name)

    # Checks

    def probe(self, name):
        """What the store has of a name now; None if nothing."""
        lines, scope, key = name
        self.checker.wipe()
        # The second scope has the packs that the first one's entries may build on.
        scopes = SCOPES[1] if scope == SCOPES[1][0] else SCOPES[0]
        outcome = self.program.run("restore", *self.arguments(self.checker, lines, key, scopes),
                                   state=self.checker.state)
        self.expect(outcome, DONE, MISS)
        if outcome.code == MISS or (outcome.document["scope"], outcome.document["key"]) != (scope, key):
            return None
        return self.checker.scan()

    def check(self, name):
        """The entry of a name is what the model says."""
        found, expected = self.probe(name), self.entries.get(name)
        if found is None and expected is None:
            return
        if found is None or expected is None:
            raise Wrong(f"{name}: {'is gone' if found is None else 'should be gone'}")
        try:
            self.expect_tree(expected, found)
        except Wrong as wrong:
            raise Wrong(f"{name}: {wrong}") from None

    def check_all(self):
        for name in list(self.entries):
            self.check(name)

    def settle(self, name, *possible):
        """One of the versions is there; the model takes it."""
        found = self.probe(name)
        reports = []
        for tree in possible:
            if tree is None or found is None:
                lines = [] if tree is found else ["is there" if tree is None else "is not there"]
            else:
                lines = trees.differences(tree, found)
            if not lines:
                if tree is not self.entries.get(name):
                    self.commit(name, tree)
                return
            reports.append("\n  ".join(lines[:10]))
        raise Wrong(f"{name} is none of what it could be:\n  " + "\n or\n  ".join(reports))

    # The steps of a round

    def job(self, machine):
        """As most jobs are: restore, work, save."""
        dice, lines, key = self.dice, self.dice.choice(LINES), self.dice.choice(KEYS)
        if dice.random() < 0.5:
            self.say(f"{machine.name}: a fresh workspace")
            machine.wipe()
        self.restore(machine, lines, key)
        self.disturb_state(machine, 0.2)
        for _ in range(dice.choice([1, 1, 2])):
            self.change(machine, dice.choice([0, 1, 3, 10]))
            self.save(machine, lines, key if dice.random() < 0.7 else dice.choice(KEYS))

    def chain(self, machine):
        """A cache that grows from job to job, until layers must be merged."""
        lines, key = self.dice.choice(LINES), self.dice.choice(KEYS)
        for _ in range(self.dice.randint(3, 10)):
            self.restore(machine, lines, key)
            self.change(machine, 1, small=True)
            self.save(machine, lines, key)

    def save_only(self, machine):
        self.change(machine, self.dice.choice([0, 1, 5]))
        self.save(machine, self.dice.choice(LINES), self.dice.choice(KEYS))

    def disturb_state(self, machine, chance=1):
        """Lost, damaged, another machine's, of another restore, or of a tree that was copied."""
        dice = self.dice
        if dice.random() >= chance:
            return
        files = sorted(path for path in machine.state.rglob("*") if path.is_file())
        how = dice.choice(["lost", "damaged", "cut", "foreign", "earlier", "kept", "moved"])
        self.say(f"{machine.name}: the state is {how}")
        earlier = machine.base / "earlier"
        if how == "lost":
            shutil.rmtree(machine.state)
            machine.state.mkdir()
        elif how == "earlier" and earlier.exists():
            shutil.copytree(earlier, machine.state, dirs_exist_ok=True)
        elif how == "foreign":
            other = next(m for m in self.machines if m is not machine)
            for path in files:
                # The last part of a name says whose it is.
                for source in other.state.glob(path.name.rpartition("-")[0] + "-*"):
                    shutil.copyfile(source, path)
        elif how == "kept":
            shutil.rmtree(earlier, ignore_errors=True)
            shutil.copytree(machine.state, earlier)
        elif how == "moved":
            moved = machine.base / "moved"
            machine.workspace.rename(moved)
            if dice.random() < 0.5:
                moved.rename(machine.workspace)
            else:
                shutil.copytree(moved, machine.workspace, symlinks=True)
                shutil.rmtree(moved)
        elif files:
            path = dice.choice(files)
            content = bytearray(path.read_bytes())
            if how == "damaged" and content:
                content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            elif how == "cut":
                del content[dice.randint(0, len(content)):]
            path.write_bytes(content)

    def remove_entry(self, lines, scope, key, code):
        self.say(f"remove {key} {lines} of {scope}")
        self.expect(self.program.run("remove", "--store", self.store.url, "--repository", "octo/repo", "--scope", scope,
                                     "--key", key, *(word for line in lines for word in ("--path", line))), code)
        self.commit((lines, scope, key), None)

    def remove(self, machine):
        name = self.dice.choice(LINES), machine.scopes[0], self.dice.choice(KEYS)
        self.remove_entry(*name, DONE if name in self.entries else MISS)
        self.check(name)

    GC = ("--grace", "0", "--force")

    def gc_arguments(self, grace=GC):
        return ["--store", self.store.url, "--repository", "octo/repo", *grace]

    def gc(self, _machine=None):
        # What nothing names is marked by the first run and removed by the second.
        runs = self.dice.choice([1, 2])
        self.say("gc" if runs == 1 else "gc, twice")
        self.collect(runs)
        self.check_all()
        if runs == 2:
            self.expect_no_waste()

    def collect(self, runs):
        for _ in range(runs):
            time.sleep(self.store.TICK_SECONDS)
            self.expect(self.program.run("gc", *self.gc_arguments()), DONE)

    def expect_no_waste(self):
        manifests = stores.manifests(self.store)
        named = set().union(*(stores.pack_ids(manifest) for manifest in manifests.values()))
        waste = [name for name in stores.packs(self.store) if name.rpartition("/")[2].split(".")[0] not in named]
        if waste:
            raise Wrong(f"gc left {waste}")

    def expect_few_layers(self):
        most = max((len(manifest["layers"]) for manifest in stores.manifests(self.store).values()), default=0)
        if most > LAYERS_MAX:
            raise Wrong(f"an entry has {most} layers")
        self.counts["most layers"] = max(most, self.counts["most layers"])

    def gc_killed(self, _machine):
        self.say("gc, killed")
        outcome = self.program.run_and_kill(self.some_share(), "gc", *self.gc_arguments())
        self.expect(outcome, DONE, KILLED)
        self.counts["killed gcs"] += outcome.code == KILLED
        self.check_all()

    def some_share(self):
        """Of the usual time until a kill; the last steps matter most."""
        return self.dice.choice([self.dice.uniform(0, 1.1), self.dice.uniform(0.7, 1.1)])

    def save_killed(self, machine):
        lines, key = self.dice.choice(LINES), self.dice.choice(KEYS)
        if self.dice.random() < 0.7:
            self.restore(machine, lines, key)
        self.change(machine, self.dice.choice([1, 5]))
        update = self.dice.random() < 0.8
        options = self.some_options(update)
        self.say(f"{machine.name}: save {key} {lines} {' '.join(options)}, killed")
        tree = selected(lines, machine.scan())
        outcome = self.program.run_and_kill(self.some_share(), "save", *self.arguments(machine, lines, key),
                                            *options, state=machine.state)
        name = (lines, machine.scopes[0], key)
        if outcome.code == KILLED:
            old = self.entries.get(name)
            self.settle(name, old, *([tree] if update or old is None else []))
            self.counts["killed saves"] += 1
            self.counts["killed saves that were done"] += self.entries.get(name) is not old
        else:
            self.saved(name, tree, update, outcome)
            self.check(name)

    def restore_killed(self, machine):
        names = [name for name in self.entries if name[1] in machine.scopes]
        if not names:
            return
        lines, _, key = self.dice.choice(names)
        self.say(f"{machine.name}: restore {key} {lines}, killed")
        if self.dice.random() < 0.5:
            machine.wipe()
        before = machine.scan()
        outcome = self.program.run_and_kill(self.some_share(), "restore", *self.arguments(machine, lines, key),
                                            state=machine.state)
        self.expect(outcome, DONE, FAILED, MISS, KILLED)
        names = self.matching(lines, machine.scopes, key)
        self.note_restored(names)
        self.counts["killed restores"] += outcome.code == KILLED
        machine.age_temporaries()
        sources = [before, *(self.entries[name] for name in names)]
        for path, node in machine.scan().items():
            ours = any(part.startswith(b".xcache-") for part in path.split(b"/"))
            if not ours and node.kind != "directory" and all(
                    node._replace(inode=None) != tree[path]._replace(inode=None)
                    for tree in sources if path in tree):
                raise Wrong(f"a killed restore left {path!r} as it never was")
        # The next restore clears up; nobody else may come between.
        if self.dice.random() < 0.5:
            machine.wipe()
        else:
            self.clear_up(machine)

    def clear_up(self, machine):
        """Take away what killed restores left, as the next restore does."""
        names = [name for name in self.entries if name[1] in machine.scopes]
        if not names:
            machine.wipe()
            return
        lines, _, key = self.dice.choice(names)
        for path in (TREE, OTHER):
            full = os.path.join(os.fsencode(machine.workspace), path)
            if os.path.isdir(full):
                shutil.rmtree(full)
        self.restore(machine, lines, key)

    def two_saves(self, machine):
        lines, key = self.dice.choice(LINES), self.dice.choice(KEYS)
        other = next(m for m in self.machines if m is not machine)
        scopes = machine.scopes
        update = self.dice.random() < 0.8
        runs = []
        for one in (machine, other):
            if self.dice.random() < 0.5:
                self.restore(one, lines, key)
            self.change(one, self.dice.choice([1, 4]))
            runs.append((one, selected(lines, one.scan()), self.some_options(update)))
        self.say(f"A and B: save {key} {lines} in {scopes[0]} at once, {runs[0][2]}, {runs[1][2]}")
        processes = [self.program.start("save", *self.arguments(one, lines, key, scopes), *options,
                                        state=one.state) for one, _, options in runs]
        outcomes = [self.program.finish(process) for process in processes]
        name = (lines, scopes[0], key)
        old = self.entries.get(name)
        for outcome in outcomes:
            self.expect(outcome, DONE)
        won = [tree for (_, tree, _), outcome in zip(runs, outcomes) if outcome.document["saved"]]
        if not update and (len(won) > 1 or (won and old is not None)):
            raise Wrong("two saves without --update took one key")
        if not won and old is None:
            raise Wrong("of two saves none made the entry")
        self.settle(name, *(won or [old]))

    def listed(self):
        """The names of all entries with their manifests' names in the store."""
        outcome = self.program.run("list", "--store", self.store.url, "--repository", "octo/repo",
                                   *(word for scope in SCOPES[1] for word in ("--scope", scope)))
        self.expect(outcome, DONE)
        return {(tuple(entry["paths"]), entry["scope"], entry["key"]): entry["object"]
                for entry in outcome.document["entries"]}

    def lose_packs(self, machine):
        """What a save was to build on is gone: the save must be whole all the same."""
        names = [name for name in self.entries if name[1] in machine.scopes]
        if not names:
            return
        lines, _, key = self.dice.choice(names)
        self.restore(machine, lines, key)
        self.change(machine, self.dice.choice([0, 1, 5]))
        pack = self.dice.choice(sorted(stores.packs(self.store)))
        self.say(f"{pack} is lost")
        self.store.remove(pack)
        named = stores.manifests(self.store)
        lost = [name for name, manifest in self.listed().items()
                if pack.rpartition("/")[2].split(".")[0] in stores.pack_ids(named[manifest])]
        for name in lost:
            self.commit(name, None)
        self.save(machine, lines, key)
        for name in lost:
            if name not in self.entries:
                self.remove_entry(*name, DONE)

    WEIGHTS = {"job": 45, "chain": 5, "save_only": 10, "save_killed": 15, "restore_killed": 10, "two_saves": 6, "remove": 5,
               "gc": 6, "gc_killed": 4, "disturb_state": 2,
               "lose_packs": 2}

    def round(self, number, seed):
        self.dice = random.Random(f"{seed}/{number}")
        step = self.dice.choices(list(self.WEIGHTS), self.WEIGHTS.values())[0]
        self.say(f"round {number}: {step}")
        getattr(self, step)(self.dice.choice(self.machines))
        if number % 10 == 0:
            self.expect_few_layers()

    # The end

    def finish(self):
        self.say("the end: all is checked")
        self.check_all()
        self.collect(2)
        self.expect_no_waste()
        self.check_all()
        if self.program.has("verify"):
            self.expect(self.program.run("verify", "--all", "--store", self.store.url, "--repository", "octo/repo"),
                        DONE)
        strange = [name for name in self.store.names()
                   if not any(f"/{folder}/" in name for folder in ("entries", "packs", "removed"))]
        if strange:
            raise Wrong(f"in the store there is still {strange}")
        for machine in self.machines:
            self.clear_up(machine)
            if machine.left_over():
                raise Wrong(f"there is still {machine.left_over()}")
