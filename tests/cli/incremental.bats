#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Saves that build on earlier ones, when something goes wrong: whatever it is, the entry is the old
# one or the new one, and what changed is in it.
# incremental_radosgw.bats is the same file: by that name its tests use a bucket instead of a folder.

# shellcheck disable=SC2030,SC2031 # each test has a shell of its own
# shellcheck disable=SC2154 # set by run_split
load helpers
load servers
load proxy

teardown() {
    stop_proxies
    cd / || return
    rm -rf "$T"
}

on_bucket() {
    [[ $BATS_TEST_FILENAME == */incremental_radosgw.bats ]]
}

# A job on a machine of its own, after its restore: the entry k of tree/.
job() {
    ! on_bucket || use_server radosgw
    export XCACHE_STATE_DIR=$T/state XCACHE_BACKOFF_MS=20
    mkdir -p "$T/state" "$T/other" "$T/other2"
    for i in $(seq 40); do put "tree/many/$i" "text $i"; done
    seq 1 2000 >tree/numbers
    put tree/file before
    put tree/dir/inside inside
    ln tree/file tree/linked
    ln -s file tree/symlink
    xc save -q --key k --path tree
    restored
}

# What that job finds: the tree as the entry has it.
restored() {
    rm -rf tree
    xc restore -q --key k --path tree
}

# The file has other content, and neither its size nor its time tell.
rewrite() {
    local time
    time=$(stat -c %y "$1")
    printf '%s' "$2" | dd of="$1" conv=notrunc status=none
    touch -d "$time" "$1"
}

update() {
    ends 0 xc save --json --update --key k --path tree
}

# What the last save said: says 'd["saved"]' true
says() {
    same "$(json "$1" <<<"$output")" "$2"
}

# The last save sent only what was new.
was_incremental() {
    says 'd["saved"]' true
    says 'd["parent"]["kept"] > 30' true
}

# A restore of a key on another machine, into ../there.
restore_there() {
    rm -rf ../there
    mkdir ../there
    (cd ../there && XCACHE_STATE_DIR=$T/other xc restore -q --key "${1:-k}" --path tree)
}

# It gives the tree that is here.
is_saved() {
    restore_there "$@"
    same_tree tree ../there/tree
}

# Names of objects by their folder: objects packs
objects() {
    if on_bucket; then
        s3 list | sed -n "s|^[0-9]* \(.*/$1/.*\)\$|\1|p"
    else
        find "$T/store" -path "*/$1/*" -type f | LC_ALL=C sort
    fi
}

remove_objects() {
    local name
    objects "$1" | while read -r name; do
        if on_bucket; then s3 remove "$name"; else rm "$name"; fi
    done
}

read_object() {
    if on_bucket; then s3 get "$1"; else cat "$1"; fi
}

# Each pack is named by an entry or a tombstone.
no_stray_pack() {
    local named name
    named=$(for name in $(objects entries) $(objects removed); do read_object "$name"; done)
    for name in $(objects packs); do
        name=${name##*/}
        has "$named" "${name%%.*}"
    done
}

@test "content that changed with its size and time put back is saved" {
    job
    rewrite tree/many/7 "TEXT 7"
    update
    was_incremental
    same "$(cat tree/many/7)" "TEXT 7"
    is_saved
}

@test "a rewrite right after the restore is saved" {
    job
    for i in 1 2 3 4 5; do
        restored
        printf 'round%s' "$i" | dd of=tree/file conv=notrunc status=none
        touch -r tree/numbers tree/file
        update
        says 'd["saved"]' true
        restore_there
        same "$(cat ../there/tree/linked)" "round$i"
    done
}

@test "files that became directories, and directories that became files, are saved" {
    job
    rm -r tree/many/1 tree/dir
    put tree/many/1/2/3 deep
    put tree/dir file
    update
    was_incremental
    is_saved
    restored
    rm -r tree/many/1 tree/dir
    put tree/many/1 "text 1"
    put tree/dir/inside inside
    update
    was_incremental
    is_saved
}

@test "hard links that were made and broken are saved" {
    job
    ln tree/many/1 tree/another
    cp -p tree/file ../copy
    mv ../copy tree/linked
    update
    was_incremental
    is_saved
    restored
    ln -f tree/another tree/many/2
    rm tree/many/1
    update
    was_incremental
    is_saved
}

# With a change that nothing but the content tells, as "$1" left the state.
saves_hidden_change() {
    rewrite tree/many/7 "$(printf 'by %.3s' "$1")"
    update
    says 'd["saved"]' true
    is_saved || fail "with the state $1"
}

reads_all() {
    saves_hidden_change "$1"
    says 'd["parent"]["hashed"]' true
    restored
}

state_file() {
    find "$T/state" -type f
}

@test "a state that is lost, cut short or damaged costs no content" {
    job
    rm -r "$T/state"
    reads_all lost
    truncate -s -7 "$(state_file)"
    reads_all cut
    : >"$(state_file)"
    reads_all empty
    head -c 3000 /dev/urandom >"$(state_file)"
    reads_all noise
    for part in 0 1 2 3 4; do
        python3 - "$(state_file)" "$part" <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    content = bytearray(file.read())
    content[len(content) * int(sys.argv[2]) // 5] ^= 1
    file.seek(0)
    file.write(content)
PY
        reads_all "$part flipped"
    done
    chmod 666 "$(state_file)"
    reads_all "open to all"
}

@test "a state of another tree, or of a tree that was copied, costs no content" {
    job
    # The restore of another machine.
    restore_there
    cp "$(find "$T/other" -type f)" "$(state_file)"
    reads_all other
    cp -a tree ../copy
    rm -r tree
    mv ../copy tree
    saves_hidden_change copied
    # Of a restore before the last one.
    restored
    cp "$(state_file)" "$T/earlier"
    restored
    cp "$T/earlier" "$(state_file)"
    saves_hidden_change earlier
}

@test "a state from before a restart of the machine is trusted in nothing" {
    job
    python3 - "$(state_file)" "$(cat /proc/sys/kernel/random/boot_id)" <<'PY'
import hashlib, sys, uuid
path, boot = sys.argv[1:]
with open(path, "rb") as file:
    content = file.read()[:-32]
other = str(uuid.uuid4())
forms = [(boot.encode(), other.encode()), (uuid.UUID(boot).bytes, uuid.UUID(other).bytes)]
changed = content
for old, new in forms:
    changed = changed.replace(old, new)
assert changed != content, "there is no boot id in the state"
with open(path, "wb") as file:
    file.write(changed + hashlib.sha256(changed).digest())
PY
    update
    says 'd["saved"]' false
    reads_all rebooted
}

@test "a save builds on no pack that is gone" {
    job
    put tree/new new
    remove_objects packs
    ends 0 xc save --json --key other --path tree
    says 'd["saved"]' true
    is_saved other
    # The broken entry itself.
    update
    says 'd["saved"]' true
    is_saved
}

@test "a save whose packs vanish while it runs sends all" {
    on_bucket || skip "this takes a server that does it in between"
    job
    put tree/new new
    pack=$(objects packs)
    through_faults "[{\"op\": \"PutObject\", \"path\": \"/packs/\", \"nth\": 1, \"action\": \"run\",
        \"command\": \"$SERVERS/s3.py remove '$S3_URL' '$pack'\"}]"
    ends 0 xc save --json --key other --path tree
    applied 1
    says 'd["saved"]' true
    is_saved other
    same "$(count objects packs)" 1
}

# What is not to be told from other things must be much: a second of work for the save.
much() {
    head -c 24M /dev/urandom | (cd tree && split -b 100k -d -a 3 - much)
}

milliseconds() {
    local start
    start=$(date +%s%N)
    "$@" >/dev/null
    echo $((($(date +%s%N) - start) / 1000000 + 1))
}

# The entry is the old one, in ../old, or the tree that is here.
is_old_or_new() {
    restore_there
    same_tree ../old ../there/tree >/dev/null || same_tree tree ../there/tree
}

@test "a save that is killed leaves the old entry or makes the new one" {
    job
    cp -a tree ../old
    much
    total=$(milliseconds xc save -q --key trial --path tree --full)
    xc remove -q --key trial
    for part in 1 2 3 4 5 6 7 8 9 10; do
        code=0
        timeout --foreground -s KILL "$((total * part / 10000)).$(printf %03d $((total * part / 10 % 1000)))" \
            "$XCACHE" save -q --update --key k --path tree || code=$?
        # timeout(1) tells that it killed by either of two numbers.
        [[ $code =~ ^(0|124|137)$ ]] || fail "exit code $code"
        is_old_or_new
        [ "$code" -ne 0 ] || break
    done
    update
    is_saved
}

# From here on requests go through a proxy with these rules.
through_faults() {
    start_faults "${XC_TEST_RADOSGW_ENDPOINT#*//}"
    set_faults "$1"
    export XCACHE_STORE="s3://$XC_TEST_RADOSGW_BUCKET/$PREFIX?region=us-east-1&endpoint=http://127.0.0.1:$FAULTS_PORT"
}

applied() {
    [ "$(faults_applied)" -ge "$1" ] || fail "only $(faults_applied) faults: $(request_log | tail -20)"
}

@test "a save that is killed before any of its writes leaves the old entry" {
    on_bucket || skip "this takes a server that waits"
    job
    cp -a tree ../old
    put tree/new new
    rewrite tree/many/3 "TEXT 3"
    through_faults '[]'
    for nth in 1 2 3; do
        # The pack, the tombstone of what the update gives up, the manifest.
        rm tree/numbers && seq "$nth" 3000 >tree/numbers
        set_faults "[{\"op\": \"PutObject\", \"nth\": $nth, \"action\": \"stall\",
            \"stage\": \"request-body\", \"seconds\": 600}]"
        "$XCACHE" save -q --update --key k --path tree 3>&- &
        pid=$!
        for _ in $(seq 200); do
            [ "$(faults_applied)" -eq 0 ] || break
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.02
        done
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" || true
        # There may be no third one: an entry that gives nothing up needs no tombstone.
        [ "$nth" -eq 3 ] || applied 1
        XCACHE_STORE=$S3_URL is_old_or_new
    done
    set_faults '[]'
    update
    says 'd["saved"]' true
    is_saved
}

# The same job on another machine: there COMMAND..., in its workspace and with its state.
there() {
    mkdir -p "$T/there2"
    (cd "$T/there2" && XCACHE_STATE_DIR=$T/other2 "$@")
}

@test "an update of an entry that another job replaced keeps theirs, and says so" {
    job
    there xc restore -q --key k --path tree
    put tree/mine mine
    update
    says 'd["saved"]' true
    put "$T/there2/tree/theirs" theirs
    ends 0 there xc save --json --update --key k --path tree
    says 'd["saved"], d["overtaken"]' '[false, true]'
    ends 0 there xc save --update --key k --path tree
    has "$output" "another job replaced the entry"
    is_saved
    no_stray_pack
}

@test "of two updates at once one wins, and the other one's pack is gone" {
    job
    for i in 1 2 3; do
        restored
        there xc restore -q --key k --path tree
        put tree/whose "mine $i"
        put "$T/there2/tree/whose" "theirs $i"
        xc save --json --update --key k --path tree >../mine &
        pid=$!
        there xc save --json --update --key k --path tree >../theirs
        wait "$pid"
        mine=$(json 'd["saved"], d.get("overtaken", False)' <../mine)
        theirs=$(json 'd["saved"], d.get("overtaken", False)' <../theirs)
        restore_there
        if [ "$mine" = "[true, false]" ]; then
            same "$theirs" "[false, true]"
            same_tree tree ../there/tree
        else
            same "$mine $theirs" "[false, true] [true, false]"
            same_tree "$T/there2/tree" ../there/tree
        fi
        no_stray_pack
    done
}

@test "an update that loses in its last request keeps theirs, and its pack is gone" {
    on_bucket || skip "this takes a server that does it in between"
    job
    there xc restore -q --key k --path tree
    put "$T/there2/tree/theirs" theirs
    cat >../other-job <<SCRIPT
#!/bin/sh
cd "$T/there2" && XCACHE_STORE='$S3_URL' XCACHE_STATE_DIR="$T/other2" \\
    "$XCACHE" save -q --update --key k --path tree >"$T/other-job.out" 2>&1
SCRIPT
    chmod +x ../other-job
    put tree/mine mine
    through_faults "[{\"method\": \"PUT\", \"header\": {\"if-match\": \".\"}, \"nth\": 1, \"action\": \"run\",
        \"command\": \"$T/other-job\"}]"
    update
    applied 1
    same "$(cat ../other-job.out)" ""
    says 'd["saved"], d["overtaken"]' '[false, true]'
    restore_there
    same_tree "$T/there2/tree" ../there/tree
    no_stray_pack
}

@test "a server that ignores If-Match takes updates" {
    on_bucket || skip "only S3 has it"
    job
    put tree/new new
    through_faults '[{"method": "PUT", "header": {"if-match": "."}, "action": "unconditional"}]'
    update
    was_incremental
    applied 1
    is_saved
}

@test "a server that refuses If-Match takes updates" {
    on_bucket || skip "only S3 has it"
    job
    put tree/new new
    through_faults '[{"method": "PUT", "header": {"if-match": "."}, "action": "status",
        "code": "NotImplemented"}]'
    update
    was_incremental
    applied 1
    is_saved
}

@test "an update whose last answer is lost is done, and is not taken for another job's" {
    on_bucket || skip "only S3 has it"
    job
    put tree/new new
    through_faults '[{"method": "PUT", "header": {"if-match": "."}, "nth": 1, "action": "lost"}]'
    update
    was_incremental
    applied 1
    is_saved
    no_stray_pack
}

@test "an update that is refused because of another one keeps the entry" {
    on_bucket || skip "only S3 has it"
    job
    cp -a tree ../old
    put tree/new new
    through_faults '[{"method": "PUT", "header": {"if-match": "."}, "action": "status",
        "code": "PreconditionFailed"}]'
    update
    says 'd["saved"], d["overtaken"]' '[false, true]'
    applied 1
    restore_there
    same_tree ../old ../there/tree
    no_stray_pack
    # Of two writes at once AWS asks one to come again.
    set_faults '[{"method": "PUT", "header": {"if-match": "."}, "nth": 1, "action": "status",
        "code": "ConditionalRequestConflict"}]'
    update
    was_incremental
    applied 1
    is_saved
    no_stray_pack
}

@test "an update of an entry that is removed meanwhile leaves no pack without an entry" {
    on_bucket || skip "this takes a server that does it in between"
    job
    put tree/new new
    through_faults "[{\"method\": \"PUT\", \"header\": {\"if-match\": \".\"}, \"nth\": 1, \"action\": \"run\",
        \"command\": \"'$XCACHE' remove -q --store '$S3_URL' --key k\"}]"
    update
    applied 1
    no_stray_pack
    case $(json 'd["saved"]' <<<"$output") in
    true) is_saved ;;
    *) (cd .. && ends 3 xc lookup --key k --path tree) ;;
    esac
}
