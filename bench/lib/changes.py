# SPDX-License-Identifier: Apache-2.0
"""What happens to a tree between two saves. The same seed does the same to the same tree."""
import os
import pathlib
import stat
import time

from lib.system import BenchError, run_tool

SHARE = 0.01
REPLACED = 0.60  # of the changed files: a line replaced,
APPENDED = 0.25  # a line appended; the others get another file's content
MOVED_SHARE = 0.018
TOUCH_SPAN_NS = 60 * 10**9


def files_of(root):
    """The paths of all regular files, relative and in order."""
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                found.append(os.path.relpath(path, root))
    return sorted(found)


def rewrite(path, content):
    """In place, as an editor does, also where the mode forbids it."""
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if not mode & stat.S_IWUSR:
        os.chmod(path, mode | stat.S_IWUSR)
    path.write_bytes(content)
    if not mode & stat.S_IWUSR:
        os.chmod(path, mode)


def with_line_replaced(content, random):
    lines = content.split(b"\n")
    lines[random.randrange(len(lines))] = new_line(random)
    return b"\n".join(lines)


def new_line(random):
    return b"/* changed: %016x */" % random.getrandbits(64)


def change_some(root, random, share=SHARE):
    """Changes that share of the files, at least one."""
    root = pathlib.Path(root)
    files = files_of(root)
    if not files:
        raise BenchError(f"{root}: no files to change")
    for name in random.sample(files, max(1, round(len(files) * share))):
        content = (root / name).read_bytes()
        draw = random.random()
        if draw < REPLACED:
            content = with_line_replaced(content, random)
        elif draw < REPLACED + APPENDED:
            content += new_line(random) + b"\n"
        else:
            content = (root / random.choice(files)).read_bytes()
        rewrite(root / name, content)


def touch_all(root, random):
    """New times for all files and folders, as a build of a minute would leave them."""
    start_ns = time.time_ns() - TOUCH_SPAN_NS
    for folder, _, names in os.walk(root, topdown=False):
        for path in [*(os.path.join(folder, name) for name in sorted(names)), folder]:
            if not os.path.islink(path):
                mtime_ns = start_ns + random.randrange(TOUCH_SPAN_NS)
                os.utime(path, ns=(mtime_ns, mtime_ns))


def move_folder(root, _random):
    """Renames the folder whose number of files is nearest to MOVED_SHARE of all."""
    files = files_of(root)
    within = {}
    for name in files:
        for parent in list(pathlib.PurePath(name).parents)[:-1]:
            within[parent] = within.get(parent, 0) + 1
    if not within:
        raise BenchError(f"{root}: no folder to move")
    wanted = len(files) * MOVED_SHARE
    folder = min(within, key=lambda parent: (abs(within[parent] - wanted), str(parent)))
    path = pathlib.Path(root) / folder
    path.rename(path.with_name(path.name + "-moved"))


def copy_part(source, target, wanted, random):
    """Copies folders of the first level, drawn at random, until they hold that many files."""
    target.mkdir(parents=True)
    names = sorted(os.listdir(source))
    random.shuffle(names)
    copied = 0
    for name in names:
        if copied >= wanted:
            break
        run_tool("cp", "-a", "--", source / name, target / name)
        if (target / name).is_dir() and not (target / name).is_symlink():
            copied += len(files_of(target / name))


class Content:
    """Finds what a change added or rewrote: what has another stat than before and another content
    than the tree of the round before."""

    def __init__(self, root, older):
        self.root, self.older = pathlib.Path(root), pathlib.Path(older)
        self.stats = {name: self.stat(name) for name in files_of(root)}

    def stat(self, name):
        found = os.lstat(self.root / name)
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def new(self):
        """The distinct contents, in the order of their paths."""
        seen = {}
        for name in files_of(self.root):
            if self.stats.get(name) == self.stat(name):
                continue
            content, older = (self.root / name).read_bytes(), self.older / name
            if not older.is_file() or older.read_bytes() != content:
                seen.setdefault(content)
        return list(seen)
