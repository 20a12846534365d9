#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# gc, stats and verify.

# shellcheck disable=SC2030,SC2031,SC2154 # each test has a shell of its own; set by ends
load helpers
load servers

# Entries of these keys, each of one file with the key in it.
save_keys() {
    local key
    for key in "$@"; do
        put file "$key"
        xc save -q --key "$key" --path file
        tick
    done
}

restores() {
    ends 0 xc restore -q --key "$1" --path file
    same "$(cat file)" "$1"
}

# A pull request's scope has an entry of the same key and the same pack.
share() {
    local manifest folder
    manifest=$(manifests | grep "/$1\$")
    folder=$T/store/local/refs%2Fpull%2F7%2Fmerge/entries/$(basename "$(dirname "$manifest")")
    mkdir -p "$folder"
    cp "$manifest" "$folder"
}

@test "a store that is not there yet needs no gc" {
    ends 0 xc gc
    has "$output" "0 packs, 0 B, removed"
    absent "$T/store"
}

@test "gc frees the packs of removed and replaced entries, and no others" {
    save_keys a b c
    put file 2
    xc save -q --update --key c --path file
    xc remove -q --key a
    # Jobs may still need them.
    ends 0 xc gc
    has "$output" "2 packs"
    has "$output" "wait until"
    same "$(count packs)" 4
    tick
    ends 0 xc gc --grace 0 --force
    has "$output" "2 packs, "
    has "$output" "removed"
    same "$(count packs)" 2
    same "$(count tombstones)" 0
    restores b
    ends 0 xc restore -q --key c --path file
    same "$(cat file)" 2
}

@test "gc --json has what the manual promises" {
    save_keys a-1 a-2
    xc remove -q --key a-1
    ends 0 xc gc --json
    same "$(json 'd["ok"], d["dry_run"], d["removed"]["packs"], d["removed"]["tombstones"], d["removed"]["entries"]' <<<"$output")" \
        '[true, false, 0, 0, []]'
    same "$(json 'd["waiting"]["packs"], d["live"]["packs"], d["live"]["entries"]' <<<"$output")" '[1, 1, 1]'
    same "$(json 'd["live"]["bytes"]' <<<"$output")" "$(xc list --json | json 'd["entries"][0]["totals"]["stored"]')"
    [[ $(json 'd["waiting"]["until"]' <<<"$output") =~ ^20[0-9][0-9]-.*Z$ ]]
    ends 0 xc gc --json --max-age 1
    same "$(json 'd["removed"]["entries"]' <<<"$output")" '[]'
}

@test "gc --dry-run tells what it would do and leaves all as it is" {
    save_keys a-1 a-2
    xc remove -q --key a-1
    tick
    before=$(store_digest)
    ends 0 xc gc --dry-run --grace 0 --force --max-size 0
    has "$output" "1 pack"
    has "$output" "would be removed"
    same "$(store_digest)" "$before"
}

@test "gc without a grace must be forced" {
    save_keys a
    ends 2 xc gc --grace 0
    has "$stderr" "--force"
    ends 2 xc gc --grace -1
    ends 2 xc gc --max-size lots
    has "$stderr" "such as 500M"
    ends 2 xc gc --max-age 0
}

@test "what a killed save left goes with the second gc" {
    save_keys a
    orphan=$(dirname "$(packs)")/0123456789abcdef0123456789abcdef.tar.zst
    cp "$(packs)" "$orphan"
    ends 0 xc gc --grace 0 --force
    present "$orphan"
    same "$(count tombstones)" 1
    tick
    ends 0 xc gc --grace 0 --force
    absent "$orphan"
    same "$(count tombstones)" 0
    restores a
}

@test "gc counts the entries of all scopes" {
    save_keys a
    xc remove -q --key a
    # A scope that nobody asked for has an entry with the same pack.
    save_keys b
    share b
    pack=$(xc inspect --key b --json | json 'd["layers"][0]["pack"]')
    xc remove -q --key b
    tick
    ends 0 xc gc --grace 0 --force
    has "$(packs)" "$pack"
    same "$(count packs)" 1
}

@test "gc removes nothing while a manifest cannot be read, and says which" {
    save_keys a b
    xc remove -q --key a
    manifest=$(manifests)
    cp "$manifest" ../saved
    printf garbage >"$manifest"
    tick
    ends 1 xc gc --grace 0 --force
    has "$stderr" "nothing was removed"
    has "$stderr" "${manifest#"$T/store/"}"
    has "$stderr" "xcache remove --key b --scope default"
    same "$(count packs)" 2
    # One that a later xcache has written.
    sed 's/"xcache": *1/"xcache": 99/' ../saved >"$manifest"
    ends 1 xc gc --grace 0 --force
    has "$stderr" "nothing was removed"
    same "$(xc gc --json --grace 0 --force 2>/dev/null | json 'd["error"]["kind"]')" format
    same "$(count packs)" 2
    cp ../saved "$manifest"
    ends 0 xc gc --grace 0 --force
    same "$(count packs)" 1
    restores b
}

@test "gc --max-size keeps the newest entry of each kind of key" {
    save_keys npm-1 npm-2 go-1 npm-3
    ends 0 xc gc --max-size 0
    has "$output" "Removed npm-1 (scope default)"
    has "$output" "more than 0 B"
    same "$(xc list --keys-only)" "npm-3
go-1"
    # Their packs wait like all others.
    same "$(count packs)" 4
    restores npm-3
    ends 0 xc gc --max-size 1T
    same "$(xc list --keys-only | wc -l)" 2
}

@test "gc --max-age removes entries that nobody saved for so long" {
    save_keys old new
    touch -d '3 days ago' "$(manifests | grep old)"
    ends 0 xc gc --max-age 4
    same "$(xc list --keys-only | wc -l)" 2
    ends 0 xc gc --max-age 2
    has "$output" "Removed old"
    same "$(xc list --keys-only)" new
    ends 3 xc restore --key old --path file --restore-key none
}

@test "a gc that is killed loses nothing, and the next one goes on" {
    local i keys=()
    for i in {1..30}; do keys+=("k-$i"); done
    save_keys "${keys[@]}"
    for i in {1..30}; do
        [ $((i % 3)) -eq 0 ] || xc remove -q --key "k-$i"
    done
    tick
    for i in 1 2 3 4 5 6; do
        "$XCACHE" gc -q --grace 0 --force &
        sleep "0.00$((i * 3))"
        kill -9 $! 2>/dev/null || true
        wait $! || true
    done
    ends 0 xc gc --grace 0 --force
    same "$(count packs)" 10
    same "$(count tombstones)" 0
    for i in {3..30..3}; do restores "k-$i"; done
}

@test "two gcs at once free all that there is to free, and nothing else" {
    local i collectors=()
    save_keys keep
    for i in {1..12}; do
        save_keys "gone-$i"
        xc remove -q --key "gone-$i"
    done
    tick
    for i in 1 2; do
        "$XCACHE" gc -q --grace 0 --force &
        collectors+=($!)
    done
    for i in "${collectors[@]}"; do wait "$i"; done
    same "$(count packs)" 1
    # One may have marked what the other one was removing.
    tick
    ends 0 xc gc --grace 0 --force
    same "$(count tombstones)" 0
    restores keep
}

@test "saves that run beside gc lose nothing" {
    local i collector
    save_keys keep
    (for i in {1..10}; do "$XCACHE" gc -q --grace 1 || exit 1; done) &
    collector=$!
    for i in 1 2 3 4 5; do save_keys "new-$i"; done
    wait "$collector"
    for i in 1 2 3 4 5; do restores "new-$i"; done
}

@test "stats counts what entries take, share and leave behind" {
    save_keys a b c
    xc remove -q --key a
    ends 0 xc stats
    has "$output" "packs of entries"
    ends 0 xc stats --json
    same "$(json 'd["scopes"], d["entries"]["count"], d["layers"], d["tombstones"]' <<<"$output")" '[1, 2, 2, 1]'
    same "$(json 'd["packs"]["count"], d["named"]["count"], d["unnamed"]["count"]' <<<"$output")" '[3, 2, 1]'
    same "$(json 'd["packs"]["bytes"]' <<<"$output")" "$(packs | xargs stat -c %s | awk '{ n += $1 } END { print n }')"
    same "$(json 'd["named"]["dead_bytes"], d["saved_by_sharing"], d["missing"], d["unreadable"]' <<<"$output")" '[0, 0, 0, 0]'
    same "$(xc stats --fast --json | json 'd["named"]["dead_bytes"]')" null
    # Another scope's entry with the same pack.
    share b
    ends 0 xc stats --json
    same "$(json 'd["scopes"], d["entries"]["count"], d["named"]["count"]' <<<"$output")" '[2, 3, 2]'
    same "$(json 'd["saved_by_sharing"]' <<<"$output")" "$(xc inspect --key b --json | json 'd["layers"][0]["size"]')"
}

@test "stats counts dead members of packs by their share" {
    mkdir tree
    head -c 300000 /dev/urandom >tree/a
    head -c 100000 /dev/urandom >tree/b
    xc save -q --key old --path tree
    head -c 300000 /dev/urandom >tree/a
    rm tree/b
    xc save -q --key new --path tree
    old=$(manifests | grep '/old$')
    new=$(manifests | grep '/new$')
    # Of the older one b alone is alive.
    sed 's/"key": *"old"/"key":"both"/' "$old" >"${old%old}both"
    XCACHE=$XCACHE "$BATS_TEST_DIRNAME/../tools/layers.py" "${old%old}both" "$old" "$new"
    same "$(xc stats --json | json 'd["named"]["dead_bytes"]')" 0
    xc remove -q --key old
    ends 0 xc stats --json
    dead=$(json 'd["named"]["dead_bytes"]' <<<"$output")
    [ "$dead" -gt 290000 ] && [ "$dead" -lt 310000 ] || fail "$dead bytes are dead"
    same "$(json 'd["named"]["live_bytes"] + d["named"]["dead_bytes"] == d["named"]["bytes"]' <<<"$output")" true
}

@test "stats goes on when a manifest cannot be read" {
    save_keys a b
    printf garbage >"$(manifests | grep /a)"
    ends 0 xc stats
    has "$stderr" "1 object cannot be read"
    rm "$(packs | tail -1)"
    ends 0 xc stats
    has "$stderr" "1 pack of an entry is missing"
}

@test "verify finds nothing wrong with what was saved, and writes nothing" {
    mktree plain tree
    mktree many tree/many
    mktree sparse tree/sparse
    mktree big tree/big
    xc save -q --key k --path tree
    before=$(store_digest)
    ends 0 xc verify --key k
    has "$output" "1 entry checked, 0 broken: 1 pack"
    ends 0 xc verify --all
    same "$(store_digest)" "$before"
    ends 3 xc verify --key other
    ends 2 xc verify
    ends 2 xc verify --all --key k
}

@test "verify reads what entries share once, and checks every scope" {
    save_keys a b
    twin=$(dirname "$(manifests | head -1)")/twin
    sed 's/"key": *"a"/"key":"twin"/' "$(manifests | head -1)" >"$twin"
    xc save -q --key c --path file --scope other
    cp "$(packs | head -1)" "$(dirname "$(packs | head -1)")/0123456789abcdef0123456789abcdef.tar.zst"
    ends 0 xc verify --all
    has "$output" "4 entries checked, 0 broken: 3 packs"
    has "$output" "1 pack, "
    has "$output" "without an entry"
    same "$(xc verify --all --json | json 'd["ok"], len(d["entries"]), d["broken"], d["packs"], d["unnamed"]["count"]')" '[true, 4, 0, 3, 1]'
    ends 0 xc verify --key a
    has "$output" "1 entry checked"
}

# Each kind of damage to an entry "bad" is found, and "good" stays good: damaged HOW TEXT
damaged() {
    ends 1 xc verify --all
    has "$stderr" "bad in scope default is broken"
    has "$stderr" "$1"
    has "$stderr" "xcache remove --key bad --scope default"
    has "$output" "2 entries checked, 1 broken"
    same "$(xc verify --all --json 2>/dev/null | json 'd["ok"], [e["key"] for e in d["entries"] if "error" in e]')" '[false, ["bad"]]'
    ends 0 xc verify --key good
    ends 1 xc verify --key bad
}

@test "verify names each entry that is broken, and the way out" {
    local pack size
    head -c 100000 /dev/urandom >file
    xc save -q --key good --path file
    head -c 100000 /dev/urandom >file
    xc save -q --key bad --path file
    pack=$T/store/local/default/packs/$(xc inspect --key bad --json | json 'd["layers"][0]["pack"]').tar.zst
    size=$(stat -c %s "$pack")
    cp "$pack" ../pack
    # A byte of a segment, of the index; longer, shorter, gone.
    printf X | dd of="$pack" bs=1 seek=5000 conv=notrunc status=none
    damaged "SHA-256 differs"
    cp ../pack "$pack"
    printf X | dd of="$pack" bs=1 seek=$((size - 300)) conv=notrunc status=none
    damaged "index"
    cp ../pack "$pack"
    printf X >>"$pack"
    damaged "bytes instead of"
    head -c 50000 ../pack >"$pack"
    damaged "bytes instead of"
    rm "$pack"
    damaged "is missing"
    cp ../pack "$pack"
    ends 0 xc verify --all
    printf garbage >"$(manifests | grep /bad)"
    damaged manifest
    ends 0 xc remove --key bad
    ends 0 xc verify --all
}

collects() {
    use_server "$1"
    save_keys a b
    xc remove -q --key a
    orphan=$(s3 list | sed -n 's/^[0-9]* \(.*\.tar\.zst\)$/\1/p' | head -1)
    s3 get "$orphan" >copy
    s3 put "${orphan%/*}/0123456789abcdef0123456789abcdef.tar.zst" copy
    ends 0 xc gc
    has "$output" "wait until"
    same "$(s3 list | grep -c /packs/)" 3
    # Servers have whole seconds.
    sleep 2
    ends 0 xc gc --grace 0 --force
    same "$(s3 list | grep -c /packs/)" 1
    same "$(s3 list | grep -c /removed/ || true)" 0
    restores b
}

@test "gc frees what nobody needs in a bucket of Ceph" {
    collects radosgw
}

@test "gc frees what nobody needs in a bucket of Swift" {
    collects swift
}
