#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is printed where: for people, for programs, and how much of it.

load helpers

@test "--quiet prints nothing when all goes well" {
    put file x
    for command in "save --key k --path file" "save --key k --path file" \
        "save --update --key k --path file" "restore --key k --path file" \
        "restore --key none --restore-key k --path file" "lookup --key k --path file" \
        "restore --lookup-only --key k --path file" "remove --key k"; do
        # shellcheck disable=SC2086 # words
        ends 0 xc $command --quiet
        same "$output$stderr" ""
    done
    ends 3 xc restore --key k --path file -q
    same "$output$stderr" ""
    ends 3 xc lookup --key k --path file -q
    same "$output$stderr" ""
}

@test "--quiet hides warnings and prints errors" {
    mktree special tree
    ends 0 xc save --key k --path tree -q
    same "$output$stderr" ""
    ends 1 xc save --key k2 --path missing -q
    has "$stderr" "do(es) not exist"
    ends 2 xc save --key k2 -q
    [ -n "$stderr" ]
}

@test "--quiet prints what list and inspect were asked for" {
    put file x
    xc save -q --key k --path file
    ends 0 xc list -q
    has "$output" k
    ends 0 xc inspect --key k --files -q
    has "$output" ./file
}

@test "short work prints no progress in a log" {
    mktree many tree
    ends 0 xc save --key k --path tree
    same "$stderr" ""
    same "$(wc -l <<<"$output")" 1
    ends 0 xc restore --key k --path tree
    same "$stderr" ""
    same "$(wc -l <<<"$output")" 1
    ends 0 xc list
    same "$stderr" ""
}

@test "--json prints only the document to standard output" {
    mktree special tree
    local command
    for command in "save --key k --path tree" "save --key k --path tree" \
        "restore --key k --path tree" "lookup --key k --path tree" \
        "restore --key k --path tree --lookup-only" "list" "inspect --key k" \
        "inspect --key k --files" "remove --key k"; do
        # shellcheck disable=SC2086 # words
        ends 0 xc $command --json
        same "$(json 'd["ok"]' <<<"$output")" true
        case $command in
        list | inspect*) same "$stderr" "" ;;
        *) [ -n "$stderr" ] || fail "nothing for people: $command" ;;
        esac
    done
    # shellcheck disable=SC2154 # ends sets it
    mktree plain tree2
    ends 0 xc save --key k2 --path tree2 --json --quiet
    same "$stderr" ""
    same "$(json 'd["saved"]' <<<"$output")" true
}

@test "in a pipe a document is one complete line" {
    put file x
    xc save -q --key k --path file
    same "$(xc lookup --key k --path file --json 2>../err | wc -l)" 1
    same "$(xc list --json | wc -l)" 1
}

@test "save --json has what the manual promises" {
    mktree plain tree
    xc save --key k --path tree --json 2>../err >../document
    same "$(json 'sorted(d)' <../document)" \
        '["created", "key", "ms", "notes", "ok", "paths", "saved", "skipped", "tool", "totals", "version"]'
    same "$(json 'sorted(d["ms"])' <../document)" '["pack", "scan", "total"]'
    same "$(json 'd["totals"]["files"], d["totals"]["bytes"]' <../document)" '[4, 17]'
    has "$(cat ../err)" "Saved k: 4 files"
}

@test "restore --json has what the manual promises" {
    mktree plain tree
    xc save --key k-1 --path tree -q
    xc restore --key none --restore-key k- --path tree --json 2>../err >../document
    same "$(json 'd["ok"], d["key"], d["exact"], d["matched_by"], d["scope"], d["owner_dropped"]' <../document)" \
        '[true, "k-1", false, "k-", "default", false]'
    same "$(json 'sorted(d["ms"])' <../document)" '["extract", "lookup", "total"]'
    # Three files with content, the empty one and the symlink.
    same "$(json 'd["replaced"]' <../document)" 5
    [ "$(json 'd["fetched"]' <../document)" -gt 100 ]
    has "$(cat ../err)" "Restored k-1 (by restore key k-)"
}

@test "--verbose prints more, and --quiet overrides it" {
    put file x
    ends 0 xc save --key k --path file -v
    has "$stderr" "Store file://$T/store, repository local, scope default, workspace $T/ws"
    has "$output" "Scanning took"
    ends 0 xc restore --key k --path file -v
    has "$output" "Looking up took"
    ends 0 xc restore --key k --path file -v -q
    same "$output$stderr" ""
}

@test "output that cannot be written is a failure" {
    [ -e /dev/full ] || skip "no /dev/full"
    put file x
    xc save -q --key k --path file
    for command in "list" "inspect --key k" "list --json" "version" "save --help"; do
        # shellcheck disable=SC2086 # words
        ends 1 bash -c "$XCACHE $command >/dev/full"
        has "$stderr" "cannot write to standard output"
    done
}

@test "a reader that has seen enough causes no error" {
    put file x
    for i in $(seq 20); do xc save -q --key "k$i" --path file; done
    run_split bash -o pipefail -c "$XCACHE list | head -1"
    same "$(wc -l <<<"$output")" 1
    same "$stderr" ""
}

@test "names in messages cannot start a workflow command" {
    name=$'x\n::error::y'
    put "tree/$name" x
    xc save -q --key "$name" --path tree
    ends 0 xc restore --key "$name" --path tree
    ! grep -q '^::' <<<"$output$stderr" || fail "$output$stderr"
    ends 0 xc inspect --key "$name" --files
    ! grep -q '^::' <<<"$output$stderr" || fail "$output$stderr"
    ends 3 xc restore --key "not $name" --path tree
    ! grep -q '^::' <<<"$output$stderr" || fail "$output$stderr"
}
