#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Objects of the legacy layout: when they are looked for, which are taken, and what is said of them.

# shellcheck disable=SC2154 # set by run
load helpers
load servers

# An object as a shell action wrote it: archive NAME FOLDER [OPTION of tar]...
archive() {
    local object=$T/store/$1 folder=$2
    shift 2
    mkdir -p "$(dirname "$object")"
    tar -C "$folder" "$@" -cf - . | zstd -q >"$object"
    tick
}

# An archive of one file that holds a text: one NAME TEXT
one() {
    mkdir -p "$T/one"
    printf '%s' "$2" >"$T/one/file"
    archive "$1" "$T/one"
}

legacy() {
    xc "$1" --legacy-layout "${@:2}"
}

found() {
    legacy lookup --json --path t --key "$@" | json 'd["key"]'
}

@test "a base is restored as it was" {
    put "$T/tree/a/b/c" text
    ln "$T/tree/a/b/c" "$T/tree/a/hard"
    ln -s b/c "$T/tree/a/soft"
    mkdir "$T/tree/empty"
    chmod 640 "$T/tree/a/b/c"
    touch -d @1500000000 "$T/tree/a/b/c" "$T/tree/empty"
    archive k-base.tar.zst "$T/tree" --format=posix
    ends 0 legacy restore --key k --path t
    same_tree "$T/tree" t
    has "$output" "Restored k of the legacy layout: "
    lacks "$output" delta
}

@test "non-ASCII and long names are kept" {
    local format
    put "$T/tree/ümlaut/$(printf 'x%.0s' {1..200})/ö" 1
    put "$T/tree/$(printf '\377')" 2
    # GNU's format has whole seconds only.
    find "$T/tree" -depth -exec touch -d @1500000000 {} +
    for format in posix gnu; do
        archive k-base.tar.zst "$T/tree" --format=$format
        ends 0 env LC_ALL=C "$XCACHE" restore --legacy-layout --key k --path $format
        same_tree "$T/tree" $format
    done
}

@test "a sparse file is restored with its holes" {
    mkdir "$T/tree"
    truncate -s 200M "$T/tree/sparse"
    printf x | dd of="$T/tree/sparse" bs=1M seek=100 conv=notrunc status=none
    archive k-base.tar.zst "$T/tree" --sparse --format=posix
    ends 0 legacy restore --key k --path t
    cmp "$T/tree/sparse" t/sparse
    [ "$(stat -c %b t/sparse)" -lt 10000 ]
}

@test "the newest delta is applied over its base" {
    put "$T/base/keep" 1
    put "$T/base/change" 1
    put "$T/base/sub/gone" 1
    archive k-base.tar.zst "$T/base"
    put "$T/d1/change" 2
    archive k-delta-9.tar.zst "$T/d1"
    put "$T/d2/change" 3
    put "$T/d2/new" 3
    put "$T/d2/sub/.wh.gone" ""
    archive k-delta-10.tar.zst "$T/d2"
    # Other keys' deltas, though this key is what their names begin with.
    one k-other-delta-1.tar.zst no
    ends 0 legacy restore --key k --path t
    has "$output" "Restored k of the legacy layout with a delta: "
    same "$(cat t/keep t/change t/new)" 133
    absent t/sub/gone
    present t/sub
    ends 0 legacy lookup --json --key k --path t
    same "$(json 'd["objects"]' <<<"$output")" '["k-base.tar.zst", "k-delta-10.tar.zst"]'
}

@test "a delta without a base is a miss" {
    one k-delta-1.tar.zst 1
    ends 3 legacy restore --key k --restore-key k- --path t
}

@test "the key's own base goes first, then the newest of a restore key" {
    one npm-a-base.tar.zst a
    one npm-b-base.tar.zst b
    one npm-c-base.tar.zst c
    touch -d '1 hour ago' "$T/store/npm-c-base.tar.zst"
    same "$(found npm-a --restore-key npm-)" npm-a
    same "$(found npm-x --restore-key npm-)" npm-b
    same "$(found npm-x --restore-key pip- --restore-key npm-c)" npm-c
    # A key is no prefix of others here.
    ends 3 legacy lookup --key npm- --path t
    ends 0 legacy restore --key npm-x --restore-key npm- --path t
    has "$output" "Restored npm-b (by restore key npm-) of the legacy layout: 1 file"
    same "$(cat t/file)" b
}

@test "a key with slashes is found" {
    one linux/x64/1-base.tar.zst 1
    same "$(found linux/x64/1)" linux/x64/1
    same "$(found linux/x64/2 --restore-key linux/)" linux/x64/1
    # A key that names no object is a miss.
    ends 3 legacy lookup --key linux//x64 --path t
    ends 3 legacy lookup --key ../k --path t
}

@test "an entry is not taken for an object of the legacy layout" {
    put file 1
    xc save -q --key a-base.tar.zst --path file
    ends 3 legacy lookup --key none --restore-key l --path t
}

@test "an entry goes before the legacy layout" {
    one k-base.tar.zst old
    put t/file new
    xc save -q --key k --path t
    rm -r t
    ends 0 legacy restore --json --key k --path t
    same "$(json 'd.get("layout")' <<<"$output")" null
    same "$(cat t/file)" new
    # An entry that only begins with the key, too.
    xc remove -q --key k
    xc save -q --key k-2 --path t
    same "$(found k)" k-2
}

@test "the legacy layout is only used when asked for" {
    one k-base.tar.zst 1
    ends 3 xc restore --key k --path t
    ends 3 xc lookup --key k --path t
    ends 2 xc save --legacy-layout --key k --path t
}

@test "the JSON document names the layout" {
    one k-base.tar.zst text
    ends 0 legacy lookup --json --key k --path t
    same "$(json 'd["ok"], d["exact"], d["layout"], d["key"], d["paths"], list(d["totals"])' \
        <<<"$output")" '[true, true, "legacy", "k", ["t"], ["stored"]]'
    same "$(json '"scope" in d or "version" in d' <<<"$output")" false
    ends 0 legacy restore --json --key k --path t
    same "$(json 'd["layout"], d["totals"]["files"], d["totals"]["bytes"], d["left_out"]' \
        <<<"$output")" '["legacy", 1, 4, 0]'
    same "$(json 'd["fetched"] == d["totals"]["stored"]' <<<"$output")" true
    ends 0 legacy restore --lookup-only --key k --path t
    has "$output" "Found k of the legacy layout: "
    lacks "$output" "0 files"
    ends 3 legacy restore --key none --path t
    has "$stderr" "no entry for key none, nor objects of the legacy layout"
}

@test "several paths and wildcards are refused" {
    one k-base.tar.zst 1
    for lines in $'t\nu' 't*' $'t\n!t/x'; do
        ends 2 legacy restore --key k --path "$lines"
        has "$stderr" "exactly one path"
    done
    ends 2 legacy restore --key k --path ../t
    absent t
}

@test "existing files in the target are kept or replaced, as with any restore" {
    one k-base.tar.zst new
    put t/file old
    put t/mine mine
    ends 0 legacy restore --key k --path t
    same "$(cat t/file t/mine)" newmine
    has "$output" "replacing 1 existing file"
}

@test "special files are left out and counted" {
    mkdir "$T/tree"
    mkfifo "$T/tree/fifo"
    put "$T/tree/file" 1
    archive k-base.tar.zst "$T/tree"
    ends 0 legacy restore --key k --path t
    has "$stderr" "left out 1 special file"
    absent t/fifo
    present t/file
}

@test "an incomplete archive changes nothing" {
    mkdir "$T/tree"
    head -c 1000000 /dev/urandom >"$T/tree/noise"
    archive k-base.tar.zst "$T/tree"
    truncate -s -1 "$T/store/k-base.tar.zst"
    put t/file old
    ends 1 legacy restore --key k --path t
    has "$stderr" "cannot restore key k: k-base.tar.zst: it is cut short"
    same "$(names_below .)" "$(printf '%s\n' ./t ./t/file)"
    echo nonsense >"$T/store/k-base.tar.zst"
    ends 1 legacy restore --key k --path t
    has "$stderr" "not compressed by zstd"
    # That would not remove it.
    lacks "$stderr" "xcache remove"
    # The base is whole, the delta is not: neither comes.
    one k-base.tar.zst 1
    printf 'half' >"$T/store/k-delta-1.tar.zst"
    ends 1 legacy restore --key k --path t
    same "$(cat t/file)" old
}

@test "names that lead out of the target are refused" {
    put outside/file theirs
    mkdir "$T/tree"
    python3 - "$T/store" <<'PY'
import io, os, subprocess, sys, tarfile

def archive(key, *members):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, kind, link, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(data)
            tar.addfile(info, io.BytesIO(data))
    os.makedirs(sys.argv[1], exist_ok=True)
    with open(f"{sys.argv[1]}/{key}-base.tar.zst", "wb") as out:
        subprocess.run(["zstd", "-q", "-c"], input=raw.getvalue(), stdout=out, check=True)

f, s, h = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
archive("absolute", ("/tmp/xcache-placed", f, "", b"x"))
archive("climbs", ("../outside/file", f, "", b"x"))
archive("symlink", ("out", s, "../outside", b""), ("out/file", f, "", b"x"))
archive("hardlink", ("out", h, "../outside/file", b""))
archive("late", ("ok", f, "", b"x"), ("../outside/file", f, "", b"x"))
PY
    for key in absolute climbs symlink hardlink late; do
        ends 1 legacy restore --key $key --path t
        same "$(names_below .)" "$(printf '%s\n' ./outside ./outside/file)"
        same "$(cat outside/file)" theirs
    done
    absent /tmp/xcache-placed
}

@test "names in a bucket are found, encoded or not" {
    use_server radosgw
    local key
    head -c 30000000 /dev/urandom >"$T/noise"
    mkdir "$T/tree"
    ln "$T/noise" "$T/tree/noise"
    archive base "$T/tree"
    put "$T/delta/new" 1
    archive delta "$T/delta"
    for key in plain 'Linux x64/a+b%2F&c=ü~' 'a/b/c'; do
        s3 put "$key-base.tar.zst" "$T/store/base"
        s3 put "$key-delta-1.tar.zst" "$T/store/delta"
        ends 0 legacy restore --key "$key" --path t
        cmp "$T/noise" t/noise
        present t/new
        rm -r t
        same "$(found none --restore-key "${key%?}")" "$key"
    done
    # S3 tells whole seconds: of equal ones the last by name.
    s3 put x-1-base.tar.zst "$T/store/base"
    s3 put x-2-base.tar.zst "$T/store/base"
    same "$(found none --restore-key x-)" x-2
    ends 3 legacy lookup --key none --path t
}
