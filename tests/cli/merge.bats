#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Restoring over what is there already: all of it, or nothing.

# shellcheck disable=SC2154 # set by run
load helpers

# An entry of tree/ in the store; the tree itself is gone afterwards.
entry_of_tree() {
    xc save -q --key k --path tree
    mv tree ../original
}

restore_fails() {
    cp -a . ../before
    ends 1 xc restore --key k --path tree
    has "$stderr" "cannot restore key k"
    same_tree --no-dir-times ../before .
}

@test "a restore over a tree loses what the entry lacks, or keeps old content" {
    put tree/a new
    put tree/sub/b new
    ln -s a tree/link
    entry_of_tree
    put tree/a older-and-longer
    put tree/mine kept
    put tree/sub/mine kept
    put tree/other/mine kept
    ln -s elsewhere tree/link
    ends 0 xc restore --key k --path tree
    has "$output" "replacing 2 existing files"
    same "$(cat tree/a)$(cat tree/sub/b)" newnew
    same "$(cat tree/mine)$(cat tree/sub/mine)$(cat tree/other/mine)" keptkeptkept
    same "$(readlink tree/link)" a
}

@test "a restore over a tree keeps old modes and times" {
    mktree modes tree
    entry_of_tree
    mktree modes tree
    find tree -mindepth 1 -exec chmod 700 {} + -exec touch -h {} +
    xc restore -q --key k --path tree
    same_tree ../original tree
}

@test "a restore writes into a replaced file instead of beside it" {
    put tree/a new
    entry_of_tree
    put tree/a old
    exec 7<tree/a
    ln tree/a ../link-to-old
    xc restore -q --key k --path tree
    same "$(cat <&7)" old
    same "$(cat ../link-to-old)" old
    same "$(cat tree/a)" new
}

@test "a restore through a symlink changes what it points to" {
    put tree/dir/a new
    put tree/file new
    entry_of_tree
    put "$T/victim/a" safe
    put "$T/victim-file" safe
    mkdir tree
    ln -s "$T/victim" tree/dir
    ln -s "$T/victim-file" tree/file
    xc restore -q --key k --path tree
    same "$(cat "$T/victim/a")$(cat "$T/victim-file")" safesafe
    [ ! -L tree/dir ]
    [ ! -L tree/file ]
    same_tree --no-dir-times ../original tree
}

@test "the user's own symlink to a folder stays, and the folder is filled" {
    put tree/a new
    entry_of_tree
    put "$T/disk/tree/b" old
    ln -s "$T/disk/tree" tree
    xc restore -q --key k --path tree
    [ -L tree ]
    same "$(cat "$T/disk/tree/a")$(cat tree/b)" newold
}

@test "a symlink that a wildcard met is not followed" {
    put tree/a new
    xc save -q --key k --path 'tr*'
    rm -r tree
    put "$T/victim/a" safe
    ln -s "$T/victim" tree
    xc restore -q --key k --path 'tr*'
    same "$(cat "$T/victim/a")" safe
    [ ! -L tree ]
    same "$(cat tree/a)" new
}

@test "a directory cannot replace a file" {
    put tree/dir/a new
    entry_of_tree
    put tree/dir file
    xc restore -q --key k --path tree
    same "$(cat tree/dir/a)" new
}

@test "a file cannot replace an empty directory" {
    put tree/a new
    entry_of_tree
    mkdir -p tree/a
    xc restore -q --key k --path tree
    same "$(cat tree/a)" new
}

@test "a file replaces a directory with content, or a restore that fails leaves half" {
    mktree plain tree
    put tree/zz/file new
    entry_of_tree
    mktree plain tree
    printf changed >tree/a.txt
    rm tree/b.txt tree/sub/to-a
    chmod 700 tree/sub
    put tree/sub/to-a/inside precious
    put tree/zz/file old
    restore_fails
    has "$stderr" "tree/sub/to-a"
    same "$(cat tree/sub/to-a/inside)" precious
}

@test "a restore that fails in the second path leaves the first" {
    put tree/a new
    put other/b new
    xc save -q --key k --path tree --path other
    rm -r tree other
    put other/b/inside precious
    cp -a . ../before
    ends 1 xc restore --key k --path tree --path other
    same_tree --no-dir-times ../before .
    absent tree
}

@test "a restore leaves its staging folders" {
    mktree plain tree
    put file x
    xc save -q --key k --path tree --path file
    xc restore -q --key k --path tree --path file
    printf y >file
    xc restore -q --key k --path tree --path file
    same "$(find "$T/ws" "$HOME" -name '.xcache*')" ""
    same "$(cat file)" x
}

@test "a folder above the target is not made" {
    put a/b/c/file content
    xc save -q --key k --path a/b/c
    rm -r a
    xc restore -q --key k --path a/b/c
    same "$(cat a/b/c/file)" content
    same "$(stat -c %a a a/b)" "755
755"
}

@test "restoring where nobody may write fails without a reason, or leaves something" {
    admit_user
    put closed/tree/a content
    xc save -q --key k --path closed/tree
    chmod -R a+rX "$T/store"
    rm -r closed/tree
    chmod 555 closed
    ends 1 as_user "$XCACHE" restore --key k --path closed/tree
    has "$stderr" "closed"
    has "$stderr" "Permission denied"
    same "$(ls -A closed)" ""
}

@test "a writable target in a folder that is not cannot be filled" {
    admit_user
    put closed/tree/a content
    xc save -q --key k --path closed/tree
    chmod -R a+rX "$T/store"
    rm closed/tree/a
    is_root && chown 65534 closed/tree
    chmod 555 closed
    as_user "$XCACHE" restore -q --key k --path closed/tree
    same "$(cat closed/tree/a)" content
    same "$(ls -A closed/tree)" a
}

@test "the current directory is exchanged from under a shell" {
    put a content
    xc save -q --key k --path .
    rm a
    xc restore -q --key k --path .
    same "$(cat a)" content
    same "$(cat "$PWD/a")" content
}

@test "restoring twice differs from restoring once" {
    mktree plain tree
    for kind in modes hard links sparse names; do mktree "$kind" "tree/$kind"; done
    entry_of_tree
    xc restore -q --key k --path tree
    xc restore -q --key k --path tree
    same_tree ../original tree
}

@test "two restores at once into one place spoil each other" {
    mktree plain tree
    mktree many tree/many
    entry_of_tree
    for i in 1 2 3; do
        xc restore -q --key k --path tree 2>"../err$i" &
        pids[i]=$!
    done
    for i in 1 2 3; do wait "${pids[i]}" || fail "$(cat "../err$i")"; done
    same_tree --no-dir-times ../original tree
}

@test "a damaged pack is restored" {
    mktree plain tree
    mktree big tree/big
    entry_of_tree
    pack=$(packs)
    size=$(stat -c %s "$pack")
    cp "$pack" ../pack
    for at in 10 $((size / 3)) $((size / 2)); do
        cp ../pack "$pack"
        printf '\xa5\x5a' | dd of="$pack" bs=1 seek="$at" conv=notrunc status=none
        ends 1 xc restore --key k --path tree
        has "$stderr" "cannot restore key k"
        same "$(ls -A)" ""
    done
    head -c $((size / 2)) ../pack >"$pack"
    ends 1 xc restore --key k --path tree
    rm "$pack"
    ends 1 xc restore --key k --path tree
    has "$stderr" "xcache remove --key k"
    same "$(ls -A)" ""
    same "$(xc restore --key k --path tree --json 2>../err | json 'd["error"]["kind"]')" corrupt
}

@test "a damaged index is trusted" {
    mktree plain tree
    entry_of_tree
    pack=$(packs)
    size=$(stat -c %s "$pack")
    cp "$pack" ../pack
    offset=$(xc inspect --key k --json | json 'd["layers"][0]["index"]["offset"]')
    for at in "$offset" $((offset + 50)) $(((offset + size) / 2)); do
        cp ../pack "$pack"
        printf '\xa5\x5a' | dd of="$pack" bs=1 seek="$at" conv=notrunc status=none
        ends 1 xc restore --key k --path tree
        ends 1 xc inspect --key k --files
        same "$(ls -A)" ""
    done
}

@test "a manifest of another entry is trusted" {
    put tree/a one
    entry_of_tree
    put tree/a two
    xc save -q --key k2 --path tree
    rm -r tree
    cp "$(manifests | grep 'k2$')" "$(manifests | grep 'k$')"
    mv "$(manifests | grep 'k2$')" ../k2
    ends 1 xc restore --key k --path tree
    same "$(ls -A)" ""
}

@test "hard links over two file systems become copies, and the restore says so" {
    is_root || skip "needs root"
    unshare -m true 2>/dev/null || skip "no mount namespaces"
    put "$HOME/.store/f" one
    mkdir tree
    for name in g h i; do ln "$HOME/.store/f" "tree/$name"; done
    xc save -q --key k --path '~/.store' --path tree
    rm -r tree "$HOME/.store/f"
    run unshare -m sh -euc 'mount -t tmpfs none "$HOME/.store"
        "$1" restore --key k --path "~/.store" --path tree && cat "$HOME/.store/f"' sh "$XCACHE"
    [ "$status" -eq 0 ]
    has "$output" "1 hard link could not be kept, the content was copied"
    has "$output" one
    same "$(cat tree/g)" one
    same "$(stat -c %h tree/g tree/h tree/i)" $'3\n3\n3'
}

@test "a file with more names than the file system allows comes back as copies" {
    put tree/a one
    chmod 0400 tree/a
    for name in b c d; do ln tree/a "tree/$name"; done
    xc save -q --key k --path tree
    cp -a tree ../original
    rm -r tree
    run "$TOOLS/deny" EMLINK linkat "$XCACHE" restore --key k --path tree
    [ "$status" -ne 77 ] || skip "no seccomp filters here"
    [ "$status" -eq 0 ]
    has "$output" "3 hard links could not be kept, the content was copied"
    for name in a b c d; do
        same "$(cat "tree/$name")" one
        same "$(stat -c '%a %h' "tree/$name")" "400 1"
    done
}
