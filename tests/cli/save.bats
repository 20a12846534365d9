#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Saving: the second of a key, two at once, replacing, what is left out, and
# the files and permissions of the store.

# shellcheck disable=SC2154 # set by run
load helpers

@test "a second save of a key succeeds and changes nothing" {
    put file one
    ends 0 xc save --key k --path file
    has "$output" "Saved k: 1 file"
    before=$(store_digest)
    put file two
    ends 0 xc save --key k --path file
    has "$output" "Key k has an entry already"
    same "$stderr" ""
    same "$(store_digest)" "$before"
    same "$(xc save --key k --path file --json | json 'd["ok"], d["saved"], d["key"]')" \
        '[true, false, "k"]'
    xc restore -q --key k --path file
    same "$(cat file)" one
}

@test "a save checks that the key is free before it reads files" {
    mkdir tree
    xc save -q --key k --path tree
    rm -r tree
    ends 0 xc save --key k --path tree
    has "$output" "already"
}

@test "--update replaces the content, and keeps the old pack for running restores" {
    put file one
    xc save -q --key k --path file
    old=$(packs)
    put file two
    ends 0 xc save --update --key k --path file
    has "$output" "Saved k"
    present "$old"
    same "$(count packs)" 2
    same "$(count manifests)" 1
    same "$(count tombstones)" 1
    same "$(json 'd["key"], d["packs"]' <"$(tombstones)")" \
        "[\"k\", [\"$(basename "$old" .tar.zst)\"]]"
    printf x >file
    xc restore -q --key k --path file
    same "$(cat file)" two
}

@test "--update saves where there is nothing to replace" {
    put file one
    xc save -q --update --key k --path file
    xc restore -q --key k --path file
    same "$(count tombstones)" 0
}

@test "an update leaves entries of other path lines alone" {
    put file one
    put other other
    xc save -q --key k --path file
    xc save -q --key k --path other
    put file two
    xc save -q --update --key k --path file
    rm file other
    xc restore -q --key k --path other
    same "$(cat other)" other
    absent file
}

@test "of two saves at once one wins and both succeed" {
    mktree big tree
    for i in 1 2 3; do
        xc save --key k --path tree -j1 --level 5 >"../out$i" 2>"../err$i" &
        pids[i]=$!
    done
    for i in 1 2 3; do
        code=0
        wait "${pids[i]}" || code=$?
        same "$code" 0
    done
    same "$(cat ../out? | grep -c 'Saved k')" 1
    same "$(cat ../out? | grep -c 'Key k has an entry already')" 2
    # Progress is all that may be told beside.
    lacks "$(cat ../err?)" xcache
    same "$(count manifests)" 1
    # Who loses takes its pack away again.
    same "$(count packs)" 1
    mv tree ../original
    xc restore -q --key k --path tree
    same_tree ../original tree
}

@test "saves of different keys at once do not disturb each other" {
    for i in 1 2 3 4; do
        put "tree$i/file" "$i"
        xc save -q --key k --path "tree$i" &
        pids[i]=$!
    done
    for i in 1 2 3 4; do wait "${pids[i]}"; done
    rm -r tree?
    for i in 1 2 3 4; do
        xc restore -q --key k --path "tree$i"
        same "$(cat "tree$i/file")" "$i"
    done
}

@test "an interrupted save leaves nothing and fails" {
    mkdir tree
    seq 1 5000000 >tree/numbers
    "$XCACHE" save --key k --path tree -j1 --level 17 &
    pid=$!
    sleep 0.4
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" -ne 0 ] && [ "$code" -ne 2 ] && [ "$code" -ne 3 ]
    same "$(find "$T/store" -type f 2>/dev/null)" ""
    ends 3 xc lookup --key k --path tree
}

@test "special files are left out and reported" {
    mktree special tree
    ends 0 xc save --key k --path tree
    same "$(wc -l <<<"$stderr")" 1
    has "$stderr" "warning: left out 1 socket, 2 FIFOs"
    [ ! -e tree/device ] || has "$stderr" "1 device"
    xc save --key k2 --path tree --json 2>../err | json 'd["skipped"]["fifos"]' >../fifos
    same "$(cat ../fifos)" 2
    has "$(cat ../err)" "left out"
    mv tree ../original
    xc restore -q --key k --path tree
    same "$(names_below tree)" "./file"
}

@test "a save reports capabilities and ACLs that it does not keep" {
    put tree/plain 1
    put tree/able 1
    setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 tree/able ||
        skip "cannot set capabilities here"
    ends 0 xc save --key k --path tree
    has "$stderr" "tree/able is saved without its capabilities"
    ends 0 xc save --key k2 --path tree --json
    same "$(json 'd["notes"]["capabilities"]["count"]' <<<"$output")" 1
    same "$(json 'd["notes"]["acls"]["count"]' <<<"$output")" 0
    # Version 2 of an ACL: rwx for the owner, user 1000, group, mask; nothing for others.
    setfattr -x security.capability tree/able
    setfattr -n system.posix_acl_access -v 0x0200000001000700ffffffff02000700e803000004000700ffffffff10000700ffffffff20000000ffffffff tree/able ||
        skip "no ACLs here"
    ends 0 xc save --key k3 --path tree
    has "$stderr" "tree/able is saved without its ACL"
}

@test "a save leaves out the store that it saves to" {
    export XCACHE_STORE="file://$PWD/.store"
    put file 1
    xc save -q --key first --path file
    ends 0 xc save --key second --path .
    has "$stderr" ".store was left out: it is the store"
    lacks "$(xc inspect --key second --path . --files)" .store
    ends 1 xc save --key third --path .store
    has "$stderr" ".store is the folder of the store itself"
}

@test "a special file as the only path is an error" {
    mkfifo fifo
    ends 1 xc save --key k --path fifo
    same "$(count manifests)" 0
}

@test "an empty directory can be saved" {
    mkdir empty
    xc save -q --key k --path empty
    rmdir empty
    xc restore -q --key k --path empty
    [ -d empty ]
}

@test "the store is made when there is something to keep" {
    ends 3 xc restore --key k --path p
    ends 0 xc list
    ends 3 xc inspect --key k
    ends 3 xc remove --key k
    absent ../store
    put p
    xc save -q --key k --path p
    same "$(cd "$T/store" && find . -type f | sed 's/[0-9a-f]\{16,\}/X/')" \
        "$(printf '%s\n' ./local/default/entries/X/k ./local/default/packs/X.tar.zst)"
}

@test "the store's permissions follow the umask" {
    put p
    umask 077
    xc save -q --key k --path p
    same "$(find "$T/store" -type d -printf '%m\n' | sort -u)" 700
    same "$(find "$T/store" -type f -printf '%m\n' | sort -u)" 600
    umask 022
    XCACHE_STORE=file://$T/open xc save -q --key k --path p
    same "$(find "$T/open" -type d -printf '%m\n' | sort -u)" 755
    same "$(find "$T/open" -type f -printf '%m\n' | sort -u)" 644
    umask 002
    XCACHE_STORE=file://$T/group xc save -q --key k --path p
    same "$(find "$T/group" -type f -printf '%m\n' | sort -u)" 664
}

@test "a store without write permission fails with a reason" {
    admit_user
    put p
    mkdir -m 555 "$T/store"
    ends 1 as_user env XCACHE_STORE="file://$T/store" "$XCACHE" save --key k --path p
    has "$stderr" "$T/store"
    has "$stderr" "Permission denied"
    same "$(ls -A "$T/store")" ""
}

@test "a read-only store can be restored from" {
    admit_user
    put p content
    xc save -q --key k --path p
    chmod -R a+rX,a-w "$T/store"
    rm p
    as_user "$XCACHE" restore -q --key k --path p
    same "$(cat p)" content
    ends 0 as_user "$XCACHE" save --key k --path p
    ends 1 as_user "$XCACHE" save --key other --path p
    chmod -R u+w "$T/store"
}

@test "a file that changes while it is saved is never half old, half new" {
    mkdir tree
    date +%N >tree/log
    (while :; do date +%N >>tree/log; done) &
    writer=$!
    run_split "$XCACHE" save --key k --path tree -q
    kill "$writer"
    wait "$writer" || true
    case $status in
    0)
        mv tree ../original
        xc restore -q --key k --path tree
        # Whatever was taken is a beginning of the file.
        cmp -n "$(stat -c %s tree/log)" tree/log ../original/log
        ;;
    1)
        has "$stderr" "tree/log"
        same "$(count manifests)$(count packs)" 00
        ;;
    *) fail "exit code $status" ;;
    esac
}

@test "members with long headers are cut into more segments, the same for any number of threads" {
    # 71 MB of headers alone; by their contents they would be one segment.
    python3 - <<'PY'
import os
os.makedirs("tree")
for i in range(14000):
    os.symlink(f"{i:05}".ljust(4000, "/"), f"tree/{i:05}")
PY
    xc save -q --key k --path tree -j 1
    cp "$(packs)" ../one
    xc save -q --update --key k --path tree -j 4
    "$BATS_TEST_DIRNAME/../tools/seekable.py" ../one
    local newest
    newest=$(packs | tail -n 1)
    cmp ../one "$newest"
    # No segment has more than 8 MiB and one member.
    python3 - "$newest" <<'PY'
import struct, sys
pack = open(sys.argv[1], "rb").read()
count = struct.unpack("<I", pack[-9:-5])[0]
sizes = [struct.unpack_from("<II", pack, len(pack) - 9 - 8 * (count - i))[1] for i in range(count)]
assert max(sizes) < (8 << 20) + (1 << 16) and sum(sizes) > 64 << 20, sizes
PY
    mv tree ../original
    xc restore -q --key k --path tree
    diff <(cd ../original && ls -l --time-style=+%s) <(cd tree && ls -l --time-style=+%s)
}

@test "what a restore would refuse is not saved" {
    put tree/file text
    ends 2 xc save --key k --path tree --path "#$(head -c 4096 /dev/zero | tr '\0' x)"
    has "$stderr" "is longer than 4096 bytes"
    same "$(packs)" ""
    xc save -q --key k --path tree --path "#$(head -c 4095 /dev/zero | tr '\0' x)"
    ends 2 xc save --key many --path "$(seq -f 'l%g' 1001)"
    has "$stderr" "1001 path lines are more than the 1000"
    ends 2 xc restore --key many --path "$(seq -f 'l%g' 1001)"
    has "$stderr" "1001 path lines are more than the 1000"
}
