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

@test "a restore over a tree replaces what the entry has and keeps the rest" {
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

@test "a restore over a tree sets modes and times" {
    mktree modes tree
    entry_of_tree
    mktree modes tree
    find tree -mindepth 1 -exec chmod 700 {} + -exec touch -h {} +
    xc restore -q --key k --path tree
    same_tree ../original tree
}

@test "a restore replaces a file and never writes into it" {
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

@test "a restore does not change what a symlink points to" {
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

@test "two paths that are one place here cannot replace each other" {
    put real/tree/a one
    put other/tree/a two
    xc save -q --key k --path real/tree --path other/tree
    rm -r real other
    mkdir real
    ln -s real other
    # Where the folder is missing, and where there is one.
    for _ in 1 2; do
        ends 1 xc restore --key k --path real/tree --path other/tree
        has "$stderr" "./other/tree and ./real/tree, which are one place here, but differ"
        absent real/tree/a
        mkdir -p real/tree
    done
    same "$(names_below real)" "$(printf './tree')"
}

@test "what was saved by two names of one folder is restored by both" {
    put real/tree/a content
    ln real/tree/a real/tree/b
    ln -s a real/tree/link
    ln -s real other
    xc save -q --key k --path '*/tree'
    rm -r real/tree
    xc restore -q --key k --path '*/tree'
    same "$(cat other/tree/b)" content
    same "$(readlink real/tree/link)" a
    # On a machine without that symlink there are two.
    rm -r real other
    xc restore -q --key k --path '*/tree'
    same "$(cat other/tree/a real/tree/a)" contentcontent
}

@test "a path that is inside another one here cannot replace what that brings" {
    put A/b/f one
    put a/b/f two
    put a/c kept
    xc save -q --key k --path A/b --path a
    rm -r A a
    mkdir a
    ln -s a A
    ends 1 xc restore --key k --path A/b --path a
    has "$stderr" "./a and ./A/b; here one is inside the other, and they differ"
    same "$(names_below a)" ""
    # With the folder in place, too, and where it is a file that is in the way.
    mkdir a/b
    ends 1 xc restore --key k --path A/b --path a
    absent a/b/f
    rm -r A a
    put A/b/f one
    put a/b file
    xc save -q --key file --path A/b --path a
    rm -r A a
    mkdir a
    ln -s a A
    ends 1 xc restore --key file --path A/b --path a
    same "$(names_below a)" ""
}

@test "a path that is inside another one here is restored where they agree" {
    put a/b/f one
    put a/c kept
    ln -s a A
    xc save -q --key same --path A/b --path a
    rm -r a/b a/c
    xc restore -q --key same --path A/b --path a
    same "$(cat a/b/f a/c A/b/f)" onekeptone
    # The other one has nothing there.
    rm -r A a
    put A/b/f one
    put a/c kept
    xc save -q --key apart --path A/b --path a
    rm -r A a
    mkdir a
    ln -s a A
    xc restore -q --key apart --path A/b --path a
    same "$(cat a/b/f a/c)" onekept
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

@test "a directory replaces a file" {
    put tree/dir/a new
    entry_of_tree
    put tree/dir file
    xc restore -q --key k --path tree
    same "$(cat tree/dir/a)" new
}

@test "a file replaces an empty directory" {
    put tree/a new
    entry_of_tree
    mkdir -p tree/a
    xc restore -q --key k --path tree
    same "$(cat tree/a)" new
}

@test "a file does not replace a directory with content, and nothing changes" {
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

@test "a restore that fails in the second path changes nothing in the first" {
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

@test "a restore leaves no staging folder" {
    mktree plain tree
    put file x
    xc save -q --key k --path tree --path file
    xc restore -q --key k --path tree --path file
    printf y >file
    xc restore -q --key k --path tree --path file
    same "$(find "$T/ws" "$HOME" -name '.xcache*')" ""
    same "$(cat file)" x
}

@test "missing folders above the target are made" {
    put a/b/c/file content
    xc save -q --key k --path a/b/c
    rm -r a
    xc restore -q --key k --path a/b/c
    same "$(cat a/b/c/file)" content
    same "$(stat -c %a a a/b)" "755
755"
}

@test "a restore without write permission fails with a reason and leaves nothing" {
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

@test "a writable target in a read-only folder can be filled" {
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

@test "the current directory of a shell keeps its inode" {
    put a content
    xc save -q --key k --path .
    rm a
    xc restore -q --key k --path .
    same "$(cat a)" content
    same "$(cat "$PWD/a")" content
}

@test "restoring twice is the same as restoring once" {
    mktree plain tree
    for kind in modes hard links sparse names; do mktree "$kind" "tree/$kind"; done
    entry_of_tree
    xc restore -q --key k --path tree
    xc restore -q --key k --path tree
    same_tree ../original tree
}

@test "two restores at once into one folder do not disturb each other" {
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

@test "a damaged pack is not restored" {
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

@test "a damaged index is refused" {
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

@test "a manifest of another entry is refused" {
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
    has "$output" "1 hard link was restored as a copy: "
    has "$output" one
    same "$(cat tree/g)" one
    same "$(stat -c %h tree/g tree/h tree/i)" $'3\n3\n3'
}

@test "a file with more names than the file system allows is restored as copies" {
    put tree/a one
    chmod 0400 tree/a
    for name in b c d; do ln tree/a "tree/$name"; done
    xc save -q --key k --path tree
    cp -a tree ../original
    rm -r tree
    run "$TOOLS/deny" EMLINK linkat "$XCACHE" restore --key k --path tree
    [ "$status" -ne 77 ] || skip "no seccomp filters here"
    [ "$status" -eq 0 ]
    has "$output" "3 hard links were restored as copies: "
    for name in a b c d; do
        same "$(cat "tree/$name")" one
        same "$(stat -c '%a %h' "tree/$name")" "400 1"
    done
}

# A small file system with tree/: three files of 4 MB, and their entry in a store elsewhere.
# in_small_room OPTIONS SCRIPT: the script runs in it as sh, with "$1" as the program and "$2" as
# where to leave things.
in_small_room() {
    is_root || skip "needs root"
    unshare -m mount -t tmpfs none /mnt 2>/dev/null || skip "no mount namespaces"
    rm -rf "$T/left" "$T/store"
    mkdir -p small "$T/left"
    # shellcheck disable=SC2016 # for the inner shell
    run unshare -m sh -c 'mount -t tmpfs -o "$3" none small && cd small && mkdir tree || exit 9
        for i in 1 2 3; do head -c 4000000 /dev/urandom >tree/f$i || exit 9; done
        "$1" save -q --key k --path tree && cp -a tree "$2/saved" || exit 9
        eval "$4"' sh "$XCACHE" "$T/left" "$1" "$2"
}

@test "a restore over equal files needs no room for a second copy of them" {
    in_small_room size=20m 'inode=$(stat -c %i tree/f1)
        "$1" restore --key k --path tree || exit
        [ "$(stat -c %i tree/f1)" = "$inode" ] || exit 9
        stat -c %h tree/f?
        ls -A . tree
        cp -a tree "$2/tree"'
    [ "$status" -eq 0 ]
    has "$output" $'1\n1\n1\n.:\ntree\n\ntree:\nf1\nf2\nf3'
    same_tree "$T/left/saved" "$T/left/tree"
}

@test "a restore over files of which some are equal needs room for the others" {
    # Of the same size and time: only the content tells.
    in_small_room size=20m '
        printf x | dd of=tree/f2 bs=1 seek=3999999 conv=notrunc status=none
        touch -r tree/f1 tree/f2
        touch -r "$2/saved/f2" tree/f2
        printf y >tree/mine
        "$1" restore --key k --path tree || exit
        cmp tree/f2 "$2/saved/f2" && ls -A . tree
        rm tree/mine
        cp -a tree "$2/tree"'
    [ "$status" -eq 0 ]
    has "$output" $'.:\ntree\n\ntree:\nf1\nf2\nf3\nmine'
    same_tree --no-dir-times "$T/left/saved" "$T/left/tree"
}

@test "a restore for which equal files do not make enough room changes nothing" {
    local change
    for change in 'for i in 1 2; do printf x >>tree/f$i; done' \
        'chmod 600 tree/f1 tree/f2' \
        'touch tree/f1 tree/f2' \
        'chown 1 tree/f1 tree/f2' \
        'setfattr -n user.x -v y tree/f1 tree/f2' \
        'ln tree/f1 one; ln tree/f2 two' \
        'mkdir other; for i in 1 2; do mv tree/f$i other; ln -s ../other/f$i tree; done'; do
        in_small_room size=19m "$change"' || exit 7
            cp -a . "$2/before" && ls -AR . >"$2/names"
            "$1" restore --key k --path tree
            status=$?
            cp -a . "$2/after"
            ls -AR . | diff "$2/names" - || exit 9
            exit $status'
        # Where the file system has no xattrs.
        [ "$status" -ne 7 ] || continue
        [ "$status" -eq 1 ] || fail "$change: $status: $output" || return
        has "$output" "not enough room for $PWD/small/tree: 8.0"
        same_tree "$T/left/before/tree" "$T/left/after/tree"
    done
}

@test "a restore that fails after equal files were found changes nothing" {
    # shellcheck disable=SC2016 # for the inner shell
    in_small_room size=20m 'printf x >>tree/f3
        pack=$(find "$2/.." -name "*.tar.zst")
        for at in 1000000 6000000 10000000; do
            printf broken | dd of="$pack" bs=1 seek=$at conv=notrunc status=none
        done
        cp -a . "$2/before"
        "$1" restore --key k --path tree
        status=$?
        stat -c %h tree/f?
        ls -A .
        cp -a . "$2/after"
        exit $status'
    [ "$status" -eq 1 ]
    has "$output" $'1\n1\n1\ntree'
    lacks "$output" "not enough room"
    same_tree "$T/left/before/tree" "$T/left/after/tree"
}

@test "equal files need no further inodes" {
    is_root || skip "needs root"
    command -v mkfs.ext4 >/dev/null || skip "no mkfs.ext4"
    truncate -s 8M "$T/disk"
    mkfs.ext4 -q -N 64 "$T/disk"
    mkdir small
    unshare -m mount -o loop "$T/disk" small 2>/dev/null || skip "no loop devices"
    # shellcheck disable=SC2016 # for the inner shell
    run unshare -m sh -c 'mount -o loop "$2" small && cd small && mkdir -p tree/sub || exit 9
        i=0; while [ $((i += 1)) -le 35 ]; do echo $i >tree/sub/$i || exit 9; done
        "$1" save -q --key k --path tree && "$1" restore --key k --path tree && ls -A' \
        sh "$XCACHE" "$T/disk"
    [ "$status" -eq 0 ]
    same "${lines[-1]}" tree
}

@test "a restore over equal files that cannot be linked needs room" {
    local denied
    for denied in EXDEV EMLINK EPERM; do
        # shellcheck disable=SC2016 # for the inner shell
        in_small_room size=20m '"'"$TOOLS/deny"'" '$denied' linkat "$1" restore --key k --path tree
            status=$?
            ls -A
            exit $status'
        [ "$status" -ne 77 ] || skip "no seccomp filters here"
        [ "$status" -eq 1 ] || fail "$denied: $output" || return
        has "$output" "not enough room for $PWD/small/tree: 12.0 MB needed"
        same "${lines[-1]}" tree
    done
}
