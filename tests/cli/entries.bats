#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# list, inspect and remove.

# shellcheck disable=SC2154 # set by run
load helpers

save_keys() {
    printf x >file
    for key in "$@"; do
        xc save -q --key "$key" --path file
        tick
    done
}

@test "list shows all entries, the newest first" {
    save_keys b c a
    ends 0 xc list
    same "$stderr" ""
    same "$(awk '{ print $1 }' <<<"$output")" "KEY
a
c
b"
    ends 0 xc list --keys-only
    same "$output" "a
c
b"
    ends 0 xc list --key-prefix c
    same "$(awk '{ print $1 }' <<<"$output")" "KEY
c"
}

@test "an empty list says so and succeeds" {
    ends 0 xc list
    same "$output" ""
    has "$stderr" "There are no entries in scope default"
    ends 0 xc list -q
    same "$output$stderr" ""
    same "$(xc list --json | json 'd["ok"], d["entries"]')" '[true, []]'
}

@test "list shows only entries of its scopes and repository" {
    save_keys mine
    printf x >file
    xc save -q --key theirs --path file --scope other
    xc save -q --key foreign --path file --repository o/r
    ends 0 xc list --keys-only
    same "$output" mine
    ends 0 xc list --keys-only --scope default --scope other
    same "$output" "mine
theirs"
    ends 0 xc list --scope default --scope other
    has "$output" SCOPE
    ends 0 xc list --keys-only --repository o/r
    same "$output" foreign
}

@test "list keeps entries of different path lines apart" {
    save_keys k
    put other
    xc save -q --key k --path other
    same "$(xc list --keys-only)" "k
k"
    same "$(xc list --json --path other | json '[e["paths"] for e in d["entries"]]')" '[["other"]]'
    same "$(xc list --json | json 'len({e["version"] for e in d["entries"]})')" 2
}

@test "list --json has what the manual promises" {
    mktree plain tree
    xc save -q --key k --path tree
    xc list --json | json 'd["entries"][0]' >../entry
    same "$(json 'sorted(d)' <../entry)" '["created", "key", "modified", "object", "paths", "scope", "tool", "totals", "version"]'
    same "$(json 'd["totals"]["files"], d["totals"]["directories"], d["totals"]["symlinks"], d["totals"]["bytes"]' <../entry)" \
        '[4, 3, 1, 17]'
    same "$(json 'd["totals"]["stored"]' <../entry)" "$(stat -c %s "$(packs)")"
    same "$(json 'd["scope"], d["paths"]' <../entry)" '["default", ["tree"]]'
    same "$(json 'd["object"]' <../entry)" "$(cd "$T/store" && find local -path '*/entries/*' -type f)"
    [[ $(json 'd["created"]' <../entry) =~ ^20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-9:.]+Z$ ]]
}

@test "one unreadable manifest does not hide the other entries" {
    save_keys good bad
    printf garbage >"$(manifests | grep /bad)"
    ends 0 xc list
    has "$output" good
    has "$stderr" "cannot read the manifest of 1 entry"
    ends 0 xc list --json
    same "$(json 'sorted(e["key"] for e in d["entries"])' <<<"$output")" '["bad", "good"]'
    ends 1 xc restore --key bad --path file
    # And it can be removed.
    ends 0 xc remove --key bad
    ends 3 xc restore --key bad --path file
}

@test "inspect shows what an entry consists of" {
    mktree plain tree
    xc save -q --key k --path tree
    ends 0 xc inspect --key k
    has "$output" "4 files, 3 directories, 1 symlink, 0 hard links"
    has "$output" "pack $(basename "$(packs)" .tar.zst)"
    ends 0 xc inspect --key k --json
    same "$(json 'd["ok"], d["key"], len(d["layers"]), d["layers"][0]["members"], d["layers"][0]["dead"]' <<<"$output")" \
        '[true, "k", 1, 8, 0]'
    same "$(json 'd["layers"][0]["pack"] + ".tar.zst"' <<<"$output")" "$(basename "$(packs)")"
    offset=$(json 'd["layers"][0]["index"]["offset"]' <<<"$output")
    size=$(json 'd["layers"][0]["index"]["size"]' <<<"$output")
    digest=$(json 'd["layers"][0]["index"]["sha256"]' <<<"$output")
    same "$(tail -c +$((offset + 1)) "$(packs)" | head -c "$size" | sha256sum | cut -d' ' -f1)" "$digest"
}

@test "inspect takes the exact key only" {
    save_keys k1
    ends 3 xc inspect --key k
    has "$stderr" "no entry for key k"
}

@test "inspect shows the newest entry, or the one of the path lines" {
    save_keys k
    put other
    xc save -q --key k --path other
    has "$(xc inspect --key k --files)" ./other
    has "$(xc inspect --key k --files --path file)" ./file
    ends 3 xc inspect --key k --path none
}

@test "inspect --files agrees with ls -l" {
    mktree plain tree
    mktree modes tree/modes
    mktree hard tree/hard
    xc save -q --key k --path tree
    xc inspect --key k --files >../listing
    same "$(wc -l <../listing)" "$(find tree | wc -l)"
    # Mode, owner, group and path; ls marks what find cannot.
    diff <(awk '{ print $1, $2, $3, $7 }' ../listing | LC_ALL=C sort) \
        <(find tree -printf '%M %U %G ./%p\n' | LC_ALL=C sort)
    diff <(awk '/^-/ { print $4, $7 }' ../listing | LC_ALL=C sort) \
        <(find tree -type f -printf '%s ./%p\n' | LC_ALL=C sort)
    has "$(grep to-a ../listing)" "./tree/sub/to-a -> ../a.txt"
    grep -q 'link to ./tree/hard' ../listing
}

@test "inspect --files --json agrees with the tree" {
    mktree plain tree
    mktree names tree/names
    mktree hard tree/hard
    mktree times tree/times
    xc save -q --key k --path tree
    xc inspect --key k --files --json >../document
    python3 - <<'END'
import base64, json, os
document = json.load(open("../document"))
def text(value):
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode()
members = {text(m["path"])[2:]: m for m in document["members"]}
tree = {b"tree"}
for top, dirs, files in os.walk(b"tree"):
    tree.update(os.path.join(top, name) for name in dirs + files)
assert set(members) == tree, set(members) ^ tree
for path, member in members.items():
    status = os.lstat(path)
    assert member["mode"] == "%04o" % (status.st_mode & 0o7777), path
    assert (member["uid"], member["gid"]) == (status.st_uid, status.st_gid), path
    if member["type"] == "file":
        assert member["size"] == status.st_size, path
    if member["type"] == "symlink":
        assert text(member["target"]) == os.readlink(path), path
    if member["type"] == "hardlink":
        assert os.path.samestat(os.lstat(text(member["target"])[2:]), status), path
kinds = {m["type"] for m in document["members"]}
assert kinds == {"file", "directory", "symlink", "hardlink"}, kinds
assert members[b"tree/times/f5"]["mtime"].startswith("2023-11-14T22:13:20.987654321")
assert members[b"tree/times/f4"]["mtime"].startswith("1919-04-20T")
END
}

@test "names in listings cannot break lines or reach the terminal" {
    put $'tree/a\nb\e[31m' x
    xc save -q --key k --path tree
    ends 0 xc inspect --key k --files
    lacks "$output" $'\e'
    same "$(wc -l <<<"$output")" 2
}

@test "remove of a key removes that entry only" {
    save_keys a ab b
    ends 0 xc remove --key a
    has "$output" "Removed a (version "
    same "$(xc list --keys-only)" "b
ab"
    ends 3 xc restore --key a --path none
    ends 0 xc lookup --key a --path file
    has "$output" "ab"
    ends 3 xc remove --key a
    has "$stderr" "no entry whose key is a"
}

@test "remove of a prefix removes all entries that start with it, and no others" {
    save_keys x-1 y-1 x-2
    ends 0 xc remove --key-prefix x-
    same "$(wc -l <<<"$output")" 2
    same "$(xc list --keys-only)" y-1
    ends 3 xc remove --key-prefix x-
}

@test "remove needs a key or a prefix" {
    save_keys a
    ends 2 xc remove
    ends 2 xc remove --key a --key-prefix a
    ends 2 xc remove --key ''
    ends 2 xc remove --key-prefix ''
    same "$(xc list --keys-only)" a
}

@test "remove --all removes every entry of the scope, and nothing of others" {
    save_keys a b
    xc save -q --key a --path file --scope other
    ends 0 xc remove --all
    same "$(wc -l <<<"$output")" 2
    same "$(xc list --keys-only --scope default --scope other)" a
    # None is as good.
    ends 0 xc remove --all
    same "$output" ""
    same "$(xc remove --all --json | json 'd["ok"], d["removed"]')" '[true, []]'
    ends 2 xc remove --all --key a
}

@test "removed packs stay for running restores, and a tombstone names them" {
    save_keys a b
    before=$(packs)
    pack=$(xc inspect --key a --json | json 'd["layers"][0]["pack"]')
    xc remove -q --key a
    same "$(packs)" "$before"
    same "$(count tombstones)" 1
    same "$(json 'd["xcache"], d["key"], d["packs"]' <"$(tombstones)")" "[1, \"a\", [\"$pack\"]]"
    same "$(json 'd["version"]' <"$(tombstones)")" "$(xc list --json | json 'd["entries"][0]["version"]')"
    xc remove -q --key b
    same "$(count tombstones)" 2
    same "$(count manifests)" 0
}

@test "remove leaves scopes that are only read, and other path lines, alone" {
    save_keys a
    printf x >file
    xc save -q --key a --path file --scope other
    put second
    xc save -q --key a --path second
    ends 3 xc remove --key a --scope third --scope other
    ends 0 xc remove --key a --path second
    same "$(wc -l <<<"$output")" 1
    ends 0 xc lookup --key a --path file
    ends 0 xc remove --key a
    ends 3 xc lookup --key a --path file
    ends 0 xc lookup --key a --path file --scope other
}

@test "remove --json has what was removed" {
    save_keys a b
    save_keys ax
    xc remove --key-prefix a --json 2>../err >../out
    same "$(json 'd["ok"], [e["key"] for e in d["removed"]]' <../out)" '[true, ["ax", "a"]]'
    has "$(cat ../err)" "Removed a"
}

@test "an entry can be saved again after its removal" {
    save_keys a
    xc remove -q --key a
    printf new >file
    xc save -q --key a --path file
    printf x >file
    xc restore -q --key a --path file
    same "$(cat file)" new
}

@test "a very long key neither pads all rows nor counts as unreadable" {
    put a content
    key=$(printf 'ä%.0s' {1..400})
    xc save -q --key "$key" --path a
    ends 0 xc list --keys-only
    same "$stderr" "xcache list: warning: 1 long key is not shown, because names in the store are truncated: list without --keys-only"
    xc save -q --key short --path a
    [ "$(xc list | grep '^short ' | wc -m)" -lt 160 ]
}
