# SPDX-License-Identifier: Apache-2.0
"""Trees as the model knows them: everything of them that a cache brings back.

A description maps paths (bytes, relative to the workspace) to nodes. Two names
of one file have the same `inode`, which is any value that tells files apart.
"""
import collections
import hashlib
import os
import stat

Node = collections.namedtuple("Node", "kind mode owner mtime content xattrs inode")
SHOWN = ("mode", "owner", "mtime", "content", "xattrs")


def content_of(path, kind):
    if kind == "symlink":
        return os.readlink(path)
    if kind == "directory":
        return None
    digest = hashlib.blake2b(digest_size=16)
    size = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    return f"{size} bytes {digest.hexdigest()}"


def xattrs_of(path, kind):
    if kind == "symlink":
        return ()
    try:
        names = [name for name in os.listxattr(path) if name.startswith("user.")]
    except OSError:
        return ()
    return tuple(sorted((name, os.getxattr(path, name)) for name in names))


def kind_of(mode):
    return ("directory" if stat.S_ISDIR(mode) else "symlink" if stat.S_ISLNK(mode) else "file")


def describe(path):
    status = os.lstat(path)
    kind = kind_of(status.st_mode)
    mode = None if kind == "symlink" else stat.S_IMODE(status.st_mode)
    return Node(kind, mode, (status.st_uid, status.st_gid), status.st_mtime_ns,
                content_of(path, kind), xattrs_of(path, kind), (status.st_dev, status.st_ino))


def paths_below(workspace, tops):
    """All paths, a directory before what is in it."""
    waiting = [top for top in reversed(tops) if os.path.lexists(os.path.join(workspace, top))]
    while waiting:
        path = waiting.pop()
        yield path
        full = os.path.join(workspace, path)
        if not os.path.islink(full) and os.path.isdir(full):
            waiting += (os.path.join(path, name) for name in sorted(os.listdir(full), reverse=True))


def scan(workspace, tops):
    return {path: describe(os.path.join(workspace, path)) for path in paths_below(workspace, tops)}


def merged(before, entry):
    """What a restore of an entry makes of a tree; None if it must be refused."""
    after = {path: node._replace(inode=("before", node.inode)) for path, node in before.items()}
    full = {os.path.dirname(path) for path in before}
    for path, node in entry.items():
        was = before.get(path)
        if was and was.kind == "directory" and node.kind != "directory" and path in full:
            return None
        xattrs = dict(node.xattrs)
        # An empty root path is replaced as a whole.
        replaced = b"/" not in path and path not in full
        if was and was.kind == node.kind == "directory" and not replaced:
            xattrs = {**dict(was.xattrs), **xattrs}
        after[path] = node._replace(inode=("entry", node.inode), xattrs=tuple(sorted(xattrs.items())))
    return after


def link_groups(tree):
    """The paths of files with several names: path -> all of them."""
    names = collections.defaultdict(list)
    for path, node in tree.items():
        if node.kind == "file":
            names[node.inode].append(path)
    return {path: sorted(group) for group in names.values() if len(group) > 1 for path in group}


def differences(expected, found, dir_times=True):
    """A line for each, none if the trees are the same."""
    lines = []
    for path in sorted(expected.keys() | found.keys()):
        was, now = expected.get(path), found.get(path)
        if was is None or now is None:
            lines.append(f"{path!r}: {'is not there' if now is None else 'should not be there'}")
        elif was.kind != now.kind:
            lines.append(f"{path!r}: a {now.kind} instead of a {was.kind}")
        else:
            lines += [f"{path!r}: {field} {getattr(now, field)!r} instead of {getattr(was, field)!r}"
                      for field in SHOWN if getattr(was, field) != getattr(now, field) and
                      (dir_times or field != "mtime" or was.kind != "directory")]
    old, new = link_groups(expected), link_groups(found)
    return lines + [f"{path!r}: one file with {new.get(path)!r} instead of {old.get(path)!r}"
                    for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]
