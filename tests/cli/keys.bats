#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Which entry a key, its restore keys, the path lines and the scopes lead to.

# shellcheck disable=SC2154 # set by run
load helpers

# Save a file that holds the key, under that key.
save_key() {
    printf '%s' "$1" >file
    xc save -q --path file --key "$@"
    tick
}

# The key that a lookup with these options finds.
found() {
    xc lookup --json --path file --key "$@" | json 'd["key"]'
}

@test "an entry is found by its key" {
    save_key linux-1
    ends 0 xc restore --key linux-1 --path file
    has "$output" "Restored linux-1: 1 file"
    same "$(xc lookup --json --key linux-1 --path file | json 'd["exact"]')" true
}

@test "a miss exits with 3" {
    ends 3 xc restore --key none --path file
    has "$stderr" "no entry for key none"
    ends 3 xc lookup --key none --path file
    ends 3 xc restore --lookup-only --key none --path file
    save_key linux-1
    ends 3 xc restore --key linux-2 --restore-key mac- --path file
    ends 3 xc restore --key inux-1 --path file
    ends 3 xc restore --key linux-11 --path file
}

@test "the key also matches as a prefix" {
    save_key linux-abc
    same "$(found linux-)" linux-abc
    same "$(xc lookup --json --key linux- --path file | json 'd["exact"], d["matched_by"]')" \
        '[false, "linux-"]'
    ends 0 xc restore --key linux- --path file
    has "$output" "linux-abc (the newest that starts with linux-)"
}

@test "the key itself goes before a key that it is a prefix of" {
    save_key linux
    save_key linux-newer
    same "$(found linux)" linux
}

@test "a newer entry goes before an older one" {
    save_key linux-b
    save_key linux-c
    save_key linux-a
    same "$(found linux-)" linux-a
    same "$(found linux-none --restore-key linux-)" linux-a
}

@test "restore keys are tried in order" {
    save_key linux-1
    save_key mac-1
    same "$(found none --restore-key linux- --restore-key mac-)" linux-1
    same "$(found none --restore-key mac- --restore-key linux-)" mac-1
    same "$(found none --restore-key $'win-\n  linux-\nmac-')" linux-1
    ends 0 xc restore --path file --key none --restore-key mac-
    has "$output" "mac-1 (by restore key mac-)"
}

@test "a prefix of the key goes before a restore key" {
    save_key linux-1-old
    save_key other
    same "$(found linux-1 --restore-key other)" linux-1-old
}

@test "keys are case-sensitive" {
    save_key Linux
    ends 3 xc lookup --key linux --path file
}

@test "entries of other path lines are not found" {
    save_key linux-1
    printf x >other
    ends 3 xc lookup --key linux-1 --path other
    ends 3 xc lookup --key linux-1 --path ./file
    ends 3 xc lookup --key linux-1 --path file --path other
    has "$stderr" "--path lines"
}

@test "entries of other scopes are not found" {
    save_key linux-1 --scope refs/heads/one
    ends 3 xc lookup --key linux-1 --path file --scope refs/heads/two
    ends 3 xc lookup --key linux-1 --path file --scope refs/heads
    ends 3 xc lookup --key linux-1 --path file --scope refs/heads/on
    ends 3 xc lookup --key linux-1 --path file
    same "$(found linux-1 --scope refs/heads/one)" linux-1
}

@test "entries of other repositories are not found" {
    save_key linux-1 --repository o/one
    ends 3 xc lookup --key linux-1 --path file --repository o/two
    ends 3 xc lookup --key linux-1 --path file --repository o
    same "$(GITHUB_REPOSITORY=o/one found linux-1)" linux-1
}

@test "the second scope is read after the first" {
    save_key linux-1 --scope refs/heads/main
    same "$(found linux-1 --scope refs/heads/x --scope refs/heads/main)" linux-1
    ends 0 xc restore --path file --key linux-1 --scope refs/heads/x --scope refs/heads/main
    has "$output" "in scope refs/heads/main"
    save_key linux-0 --scope refs/heads/x
    same "$(found none --restore-key linux- --scope refs/heads/x --scope refs/heads/main)" linux-0
    # A prefix in the first scope goes before the very key in the second.
    same "$(found linux-1 --restore-key linux- --scope refs/heads/x --scope refs/heads/main)" linux-0
}

@test "a pull request sees what its base saved, and the base nothing of the pull request" {
    export GITHUB_REPOSITORY=o/r
    GITHUB_REF=refs/heads/main save_key base
    export GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=main
    same "$(found base)" base
    save_key mine
    unset GITHUB_BASE_REF
    GITHUB_REF=refs/heads/main ends 3 xc lookup --key mine --path file
    GITHUB_REF=refs/pull/8/merge ends 3 xc lookup --key mine --path file
}

@test "keys of unusual characters are kept apart" {
    # shellcheck disable=SC2016 # nothing is to be expanded
    local keys=(
        'a b' ' lead' 'trail ' '%' '%2F' 'a%' '"q"' "it's" 'back\slash' 'a/b' 'a//b' '/' '/a' 'a/'
        '.' '..' '../../escape' '.hidden' 'a/../b' '~' '*' '?' 'é' 'e´' '日本語' '😀' 'a:b' 'a|b'
        '<>' '$HOME' '`id`' '{}' '#' '!' '&' ';' '=' '+' 'a%2Fb' '%-' $'tab\there' $'\x01' $'\x7f'
        $'\e[31m' '-' '--key' '-x' '::error::x' 'con' 'a.' $'\u202e'
    )
    local key
    for key in "${keys[@]}"; do
        printf '%s' "$key" >file
        xc save -q --path file --key="$key"
    done
    same "$(count manifests)" "${#keys[@]}"
    for key in "${keys[@]}"; do
        printf nothing >file
        xc restore -q --path file --key="$key"
        same "$(cat file)" "$key"
    done
    xc list --json | json '"\n".join(sorted(e["key"] for e in d["entries"]))' >../listed
    diff <(LC_ALL=C sort ../listed) <(printf '%s\n' "${keys[@]}" | LC_ALL=C sort)
    # Nothing was written outside of the store.
    same "$(ls -A "$T")" "$(printf '%s\n' home listed store ws)"
}

@test "a key that is not UTF-8 can be used" {
    key=$'\xff\xc0/x'
    printf bytes >file
    xc save -q --path file --key "$key"
    printf nothing >file
    xc restore -q --path file --key "$key"
    same "$(cat file)" bytes
    same "$(xc lookup --json --path file --key "$key" | json 'd["key"]')" '{"base64": "/8AveA=="}'
}

@test "a key cannot print control characters on the terminal" {
    save_key $'a\e[31mred'
    ends 0 xc list
    lacks "$output" $'\e'
    ends 0 xc restore --path file --key $'a\e[31mred'
    lacks "$output$stderr" $'\e'
    ends 3 xc restore --path file --key $'b\e[31mred'
    lacks "$output$stderr" $'\e'
}

@test "long keys are kept apart, even where their names are cut" {
    local letters percents emoji
    letters=$(printf 'é%.0s' {1..511})
    percents=$(printf '%%%.0s' {1..511})
    emoji=$(printf '😀%.0s' {1..255})
    for key in "${letters}1" "${letters}2" "${percents}1" "${percents}2" "${emoji}1" "${emoji}22"; do
        save_key "$key"
    done
    for key in "${letters}1" "${letters}2" "${percents}1" "${percents}2" "${emoji}1" "${emoji}22"; do
        printf nothing >file
        xc restore -q --path file --key "$key"
        same "$(cat file)" "$key"
    done
    same "$(found "$letters")" "${letters}2"
    same "$(found none --restore-key "${percents:0:400}")" "${percents}2"
    same "$(found none --restore-key é)" "${letters}2"
    ends 3 xc lookup --path file --key "${letters}3"
    ends 3 xc lookup --path file --key "${letters:0:400}2"
    xc list --json | json 'len(d["entries"])'
    same "$(xc list --json | json 'sorted(len(e["key"]) for e in d["entries"])')" \
        "[256, 257, 512, 512, 512, 512]"
    xc remove -q --key "${letters}1"
    ends 3 xc inspect --key "${letters}1"
    ends 0 xc inspect --key "${letters}2"
}

@test "invalid keys are refused" {
    printf x >file
    ends 2 xc save --path file --key ''
    has "$stderr" "--key"
    ends 2 xc save --path file --key a,b
    has "$stderr" "Key Validation Error: a,b cannot contain commas."
    ends 2 xc save --path file --key "$(printf 'k%.0s' {1..513})"
    has "$stderr" "cannot be larger than 512 characters."
    ends 2 xc save --path file --key "$(printf '😀%.0s' {1..257})"
    ends 2 xc restore --path file --key a --restore-key b,c
    has "$stderr" "Key Validation Error: b,c cannot contain commas."
    ends 2 xc save --path file
    has "$stderr" "Input required and not supplied: key"
    same "$(count manifests)" 0
}

@test "nine restore keys are allowed, and ten are not" {
    local nine
    nine=$(printf 'r%d\n' {1..9})
    ends 3 xc lookup --path file --key k --restore-key "$nine"
    ends 2 xc lookup --path file --key k --restore-key "$nine" --restore-key r10
    has "$stderr" "Key Validation Error: Keys are limited to a maximum of 10."
}

@test "an entry of a later format is passed over with a reason" {
    save_key linux-1
    save_key linux-2
    python3 - "$(manifests | grep linux-2)" <<'END'
import json, sys
manifest = json.load(open(sys.argv[1]))
manifest["xcache"] = 99
json.dump(manifest, open(sys.argv[1], "w"))
END
    same "$(found linux-)" linux-1
    ends 3 xc restore --path file --key linux-2
    has "$stderr" "format version 99"
}
