#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The comparer that other tests rely on: each row is a difference that it must see.

# shellcheck disable=SC2016,SC2154 # run sets output
load helpers

# Two equal trees, then a command in the second one.
after() {
    rm -rf a b
    mktree plain a
    ln a/a.txt a/hard
    truncate -s 1M a/hole
    cp -a a b
    same_tree a b
    (cd b && "$@")
}

differs() {
    after "${@:2}"
    ends 1 same_tree a b
    has "$output" "$1"
}

@test "treediff sees every difference" {
    differs "./a.txt: differs within" sh -c 'printf Alpha >.x; touch -r a.txt .t
        dd if=.x of=a.txt conv=notrunc status=none; touch -r .t a.txt; rm .x .t'
    differs "./a.txt: has 6 bytes in A, 7 in B" sh -c 'echo >>a.txt'
    differs "./b.txt: has mode 0644 in A, 0640 in B" chmod 640 b.txt
    differs "./sub: has mode" chmod 700 sub
    differs "./b.txt: changed at" touch b.txt
    differs "./void: changed at" touch void
    differs "./sub/to-a: changed at" touch -h sub/to-a
    differs ".: changed at" touch .
    differs "./b.txt: is only in A" rm b.txt
    differs "./void: is only in A" rmdir void
    differs "./sub/new: is only in B" touch sub/new
    differs "./void: has type" sh -c 'rmdir void; touch void'
    differs "./sub/to-a: points to '../a.txt' in A, '../b.txt' in B" ln -sfn ../b.txt sub/to-a
    differs "./hard: is the same file as ./a.txt in A, as ./hard in B" \
        sh -c 'cp -p hard .x; mv .x hard'
    differs "./empty: is the same file as ./empty in A, as ./a.txt in B" ln -f a.txt empty
    differs "./hole: has data" sh -c 'touch -r hole .t
        dd if=/dev/zero of=hole bs=1M count=1 conv=notrunc status=none; touch -r .t hole; rm .t'
}

@test "treediff sees another owner" {
    need_root
    differs "./b.txt: belongs to 0:0 in A, 12:34 in B" chown 12:34 b.txt
    differs "./sub/to-a: belongs to" chown -h 12:34 sub/to-a
    after chown 12:34 b.txt
    same_tree --no-owner a b
}

@test "treediff sees another extended attribute" {
    mktree xattrs probe
    differs "./b.txt: has 0 xattrs in A, 1 in B" setfattr -n user.x -v 1 b.txt
    differs "./sub: has 0 xattrs in A, 1 in B" setfattr -n user.x -v 1 sub
    cp -a probe probe2
    setfattr -n user.a -v 2 probe2/dir/file
    ends 1 same_tree probe probe2
    has "$output" "./dir/file: has another value of the xattr user.a"
    same_tree --no-xattrs probe probe2
}

@test "treediff ignores exactly what it is asked to" {
    after touch -d 2001-01-01 b.txt
    same_tree --no-times a b
    ends 1 same_tree --seconds --no-dir-times a b
    after touch -d 2001-01-01 sub
    same_tree --no-dir-times a b
    after sh -c 'touch -d "$(stat -c "@%Y" b.txt)" b.txt'
    same_tree --seconds a b
    ends 2 same_tree a
    ends 2 same_tree a missing
}
