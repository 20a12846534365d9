#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What was saved comes back as it was, in every respect that a user can see.

# shellcheck disable=SC2154 # set by run
load helpers

@test "contents, names and symlinks of a plain tree are kept" {
    mktree plain tree
    round_trip
}

@test "permissions are kept, read-only files and directories included" {
    mktree modes tree
    round_trip
}

@test "permissions do not depend on the umask of whoever restores" {
    mktree modes tree
    xc save --key k --path tree
    mv tree ../original
    umask 077
    xc restore --key k --path tree
    same_tree ../original tree
}

@test "setuid and setgid bits survive setting the owner" {
    need_root
    mktree owners tree
    round_trip
}

@test "times keep their nanoseconds, beyond 32 bits, and on directories" {
    mktree times tree
    round_trip
}

@test "a symlink is saved as it is" {
    mktree links tree
    round_trip
}

@test "hard links stay hard links, and equal files stay apart" {
    mktree hard tree
    round_trip
}

@test "hard links over two paths stay hard links" {
    put one/a linked
    mkdir two
    ln one/a two/b
    xc save --key k --path one --path two
    mkdir ../original
    mv one two ../original
    xc restore --key k --path one --path two
    same_tree --no-dir-times ../original .
}

@test "a hard link whose other name is not saved becomes a file" {
    put outside linked
    mkdir tree
    ln outside tree/inside
    xc save --key k --path tree
    rm -r tree
    xc restore --key k --path tree
    same "$(cat tree/inside)" linked
}

@test "empty directories and empty files are kept" {
    mktree empty tree
    round_trip
}

@test "holes stay holes, and data beside them stays in place" {
    mktree sparse tree
    round_trip
}

# The milliseconds of processor time that a command takes: cpu_ms COMMAND...
cpu_ms() {
    local TIMEFORMAT='%3U %3S' LC_ALL=C took
    took=$( { time "$@" >/dev/null 2>&1; } 2>&1) || return
    awk '{ print int(1000 * ($1 + $2)) }' <<<"$took"
}

@test "a sparse file is as much work as its data, whatever its size" {
    local dense sparse i
    mkdir tree
    head -c 16M /dev/urandom >tree/dense
    # The same bytes, one megabyte in each gigabyte.
    for i in {0..15}; do
        dd if=tree/dense of=sparse bs=1M skip="$i" seek=$((i * 1024)) count=1 conv=notrunc \
            status=none
    done
    truncate -s 16G sparse
    dense=$(cpu_ms xc save --key dense --path tree)
    dense+=" $(cpu_ms xc restore --key dense --path tree)"
    mv sparse tree/dense
    sparse=$(cpu_ms xc save --key sparse --path tree)
    mv tree ../original
    sparse+=" $(cpu_ms xc restore --key sparse --path tree)"
    echo "dense: $dense ms, sparse: $sparse ms"
    # 16 GiB take several seconds to read, even of nothing.
    awk '{ exit !($3 < 4 * $1 + 500 && $4 < 4 * $2 + 500) }' <<<"$dense $sparse"
    same "$(stat -c %s tree/dense)" $((16 << 30))
    [ "$(stat -c %b tree/dense)" -le "$(stat -c %b ../original/dense)" ]
}

@test "extended attributes are kept" {
    mktree xattrs tree
    round_trip
}

@test "an extended attribute of an unusual name is kept" {
    mktree xattrs tree
    python3 -c '
import os
for name in "user.a b", "user.a%20b", "user.\n", "user.\u00e9", "user.x=y=z", b"user.\xff":
    os.setxattr("tree/dir/file", name, b"value of it")'
    round_trip
}

@test "names of unusual bytes are kept" {
    mktree names tree
    round_trip
}

@test "a path longer than PATH_MAX can be saved and restored" {
    mktree deep tree
    round_trip
}

@test "a tree of more levels than files may be open can be saved and restored" {
    mktree levels tree
    ulimit -n 256
    round_trip
}

@test "a file of several segments is kept" {
    mktree big tree
    round_trip
}

@test "a file as long as a segment, or one byte from it, is kept" {
    mktree edges tree
    round_trip
}

@test "a directory of thousands of files is kept" {
    mktree many tree
    round_trip
}

@test "many threads restore many files correctly" {
    mktree plain tree
    for kind in modes hard names big many; do mktree "$kind" "tree/$kind"; done
    xc save --key k --path tree -j 16
    mv tree ../original
    xc restore --key k --path tree -j 16
    same_tree ../original tree
}

@test "a user gets back what belongs to them" {
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

@test "a user gets all modes back, except set-id bits" {
    admit_user
    as_user "$TOOLS/mktree" modes tree
    as_user "$XCACHE" save --key k --path tree
    mv tree ../original
    find ../original -perm /6000 -exec chmod ug-s {} +
    as_user "$XCACHE" restore --key k --path tree
    same_tree ../original tree
}

@test "a user can restore extended attributes of read-only files" {
    admit_user
    mktree xattrs probe
    as_user "$TOOLS/mktree" xattrs tree
    as_user "$XCACHE" save --key k --path tree
    mv tree ../original
    as_user "$XCACHE" restore --key k --path tree
    same_tree ../original tree
}

@test "a user can restore what root saved, with a warning about owners" {
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
