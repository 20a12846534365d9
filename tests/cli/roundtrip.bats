#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What was saved comes back as it was, in every respect that a user can see.

# shellcheck disable=SC2154 # set by run
load helpers

@test "contents, names or symlinks of a plain tree change" {
    mktree plain tree
    round_trip
}

@test "permissions are masked, or a read-only file or directory cannot be brought back" {
    mktree modes tree
    round_trip
}

@test "permissions depend on the umask of whoever restores" {
    mktree modes tree
    xc save --key k --path tree
    mv tree ../original
    umask 077
    xc restore --key k --path tree
    same_tree ../original tree
}

@test "setuid and setgid bits get lost when the owner is set" {
    need_root
    mktree owners tree
    round_trip
}

@test "times are cut to seconds, or to 32 bits, or set before a directory is filled" {
    mktree times tree
    round_trip
}

@test "a symlink is followed, resolved or left out" {
    mktree links tree
    round_trip
}

@test "hard links become copies, or files of equal content become links" {
    mktree hard tree
    round_trip
}

@test "hard links over two paths become copies" {
    put one/a linked
    mkdir two
    ln one/a two/b
    xc save --key k --path one --path two
    mkdir ../original
    mv one two ../original
    xc restore --key k --path one --path two
    same_tree --no-dir-times ../original .
}

@test "a hard link whose other name is not saved becomes a broken one" {
    put outside linked
    mkdir tree
    ln outside tree/inside
    xc save --key k --path tree
    rm -r tree
    xc restore --key k --path tree
    same "$(cat tree/inside)" linked
}

@test "empty directories or empty files are left out" {
    mktree empty tree
    round_trip
}

@test "holes are filled, or data beside a hole moves" {
    mktree sparse tree
    round_trip
}

@test "extended attributes get lost" {
    mktree xattrs tree
    round_trip
}

@test "an extended attribute of an unusual name gets lost" {
    mktree xattrs tree
    python3 -c '
import os
for name in "user.a b", "user.a%20b", "user.\n", "user.\u00e9", "user.x=y=z", b"user.\xff":
    os.setxattr("tree/dir/file", name, b"value of it")'
    round_trip
}

@test "a name of unusual bytes is refused, changed or cut" {
    mktree names tree
    round_trip
}

@test "a path longer than PATH_MAX cannot be saved or restored" {
    mktree deep tree
    round_trip
}

@test "a tree of more levels than files may be open cannot be saved or restored" {
    mktree levels tree
    ulimit -n 256
    round_trip
}

@test "a file of several segments is put together wrongly" {
    mktree big tree
    round_trip
}

@test "a file as long as a segment, or one byte from it, is put together wrongly" {
    mktree edges tree
    round_trip
}

@test "a directory of thousands of files loses some" {
    mktree many tree
    round_trip
}

@test "files that are too many for one thread to notice are mixed up by many" {
    mktree plain tree
    for kind in modes hard names big many; do mktree "$kind" "tree/$kind"; done
    xc save --key k --path tree -j 16
    mv tree ../original
    xc restore --key k --path tree -j 16
    same_tree ../original tree
}

@test "an ordinary user does not get back what is theirs" {
    admit_user
    as_user mkdir tree
    for kind in plain links hard times sparse names big; do
        as_user "$TOOLS/mktree" "$kind" "tree/$kind"
    done
    as_user "$XCACHE" save --key k --path tree
    mv tree ../original
    as_user "$XCACHE" restore --key k --path tree
    same_tree ../original tree
}

@test "an ordinary user gets all modes back, but no set-id bits" {
    admit_user
    as_user "$TOOLS/mktree" modes tree
    as_user "$XCACHE" save --key k --path tree
    mv tree ../original
    find ../original -perm /6000 -exec chmod ug-s {} +
    as_user "$XCACHE" restore --key k --path tree
    same_tree ../original tree
}

@test "an ordinary user cannot restore extended attributes of read-only files" {
    admit_user
    mktree xattrs probe
    as_user "$TOOLS/mktree" xattrs tree
    as_user "$XCACHE" save --key k --path tree
    mv tree ../original
    as_user "$XCACHE" restore --key k --path tree
    same_tree ../original tree
}

@test "an ordinary user cannot restore what root saved, or is not told of the owner" {
    need_root
    mktree owners tree
    put tree/plain mine
    xc save --key k --path tree
    admit_user
    rm -r tree
    ends 0 as_user "$XCACHE" restore --key k --path tree
    has "$stderr" "this process may not change owners"
    same "$(cat tree/plain)" mine
    same "$(stat -c %u tree/f0)" 65534
}
