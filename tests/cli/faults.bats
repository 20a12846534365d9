# SPDX-License-Identifier: Apache-2.0
# Full disks, signals, writers that do not stop, stores that go away: whatever
# happens, an entry is whole or not there, and so is what is restored.
# shellcheck shell=bash disable=SC2016,SC2030,SC2031,SC2094,SC2317

setup_file() {
    local base=/dev/shm
    [ -z "${TMPDIR:-}" ] && [ -w "$base" ] || base=${TMPDIR:-/tmp}
    F=$(mktemp -d "$base/xc-faults-XXXXXX")
    export F
    chmod 755 "$F"
    cp "$XCACHE" "$F/xcache"
    # Content that does not compress, in files of two sizes.
    mkdir -p "$F/made/tree/many" "$F/made/tree/large/deep"
    head -c 24M /dev/urandom | (cd "$F/made/tree/many" && split -b 16k -a 4 -d - f)
    head -c 20M /dev/urandom >"$F/made/tree/large/deep/one"
    ln -s ../many/f0000 "$F/made/tree/large/link"
    ln "$F/made/tree/many/f0001" "$F/made/tree/large/hard"
}

teardown_file() {
    rm -rf "$F"
}

setup() {
    T=$F/t
    mkdir -p "$T/ws" "$T/home"
    cd "$T/ws" || return 1
    export HOME=$T/home XCACHE_STORE=file://$T/store
    unset "${!GITHUB_@}" XDG_CACHE_HOME
}

teardown() {
    cd / || return 1
    chmod -R u+rwX "$T" 2>/dev/null || true
    rm -rf "$T"
}

xcache() { "$F/xcache" "$@"; }
save() { xcache save -q --key k --path tree; }
restore() { xcache restore -q --key k --path tree; }
has_entry() { xcache lookup -q --key k --path tree >/dev/null; }

give_tree() { cp -a "$F/made/tree" .; }

is_whole() { diff -r --no-dereference "$F/made/tree" tree >/dev/null; }

no_staging() { [ -z "$(find "$T" -name '.xcache-restore-*' -o -name '.xcache-kept-*')" ]; }

no_object() { [ ! -e "$T/store" ] || [ -z "$(find "$T/store" -type f)" ]; }

milliseconds() {
    local start
    start=$(date +%s%N)
    "$@" >/dev/null
    echo $((($(date +%s%N) - start) / 1000000 + 1))
}

# Sends a signal after so many milliseconds. The status is the command's, as from a shell.
after() {
    local signal=$1 delay=$2
    shift 2
    timeout --foreground --preserve-status -s "$signal" \
        "$((delay / 1000)).$(printf %03d $((delay % 1000)))" "$F/xcache" "$@"
}

# Only root can mount, and only where it may have a namespace of its own.
need_mounts() {
    unshare -m mount -t tmpfs none /mnt 2>/dev/null || skip "needs root and mount namespaces"
}

# Someone whom permissions stop.
as_nobody() {
    if [ "$(id -u)" -eq 0 ]; then
        chown -R 65534:65534 "$T"
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

one_line_error() {
    [ "$(grep -c '^xcache' <<<"$output")" -eq 1 ]
    [[ $output != *'defect'* ]]
}

# The signal itself ends a program that has not begun its work or is through with it.
done_or_interrupted() {
    case $1 in
    0 | 1 | 130 | 143) ;;
    *) return 1 ;;
    esac
}

check_saved_or_not() {
    local status=$1
    if has_entry; then
        mv tree saved
        restore
        is_whole
        rm -rf tree
        mv saved tree
    else
        [ "$status" -ne 0 ]
        no_object
    fi
}

check_restored_or_not() {
    if [ -e tree ]; then
        is_whole
    else
        [ "$1" -ne 0 ]
    fi
    no_staging
}

@test "a save into a full store leaves nothing there" {
    need_mounts
    give_tree
    mkdir "$T/small"
    run unshare -m sh -c '
        mount -t tmpfs -o size=8m none "$1/small" || exit 9
        "$2/xcache" save --key k --path tree --store "file://$1/small/store" 2>&1
        status=$?
        find "$1/small" -type f
        used=$(df --output=used "$1/small" | tail -1)
        [ "$used" -lt 100 ] || echo "still in use: $used"
        exit $status' sh "$T" "$F"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *'No space left'* ]]
    [[ $output != *'still in use'* ]]
    [[ $output != *.tar.zst ]]
    one_line_error
}

@test "a restore into a full disk leaves nothing there" {
    need_mounts
    give_tree
    save
    mkdir "$T/small"
    for option in size=30m nr_inodes=100 size=30m,nr_inodes=1000; do
        run unshare -m sh -c '
            mount -t tmpfs -o "$3" none "$1/small" && cd "$1/small" || exit 9
            mkdir tree && echo mine >tree/mine
            "$2/xcache" restore --key k --path tree 2>&1
            status=$?
            find . | sort
            exit $status' sh "$T" "$F" "$option"
        echo "$output"
        [ "$status" -eq 1 ]
        [[ $output == *'No space left'* ]]
        [ "$(tail -3 <<<"$output")" = ".
./tree
./tree/mine" ]
        one_line_error
    done
}

@test "an interrupted save is complete or absent" {
    give_tree
    local total
    total=$(milliseconds save)
    for round in $(seq 0 19); do
        local signal=INT status=0
        [ $((round % 2)) -eq 0 ] || signal=TERM
        rm -rf "$T/store"
        after "$signal" $((total * (round + 1) / 20)) save -q --key k --path tree || status=$?
        echo "round $round of $total ms: status $status"
        done_or_interrupted "$status"
        check_saved_or_not "$status"
    done
}

@test "an interrupted restore is complete or absent" {
    give_tree
    save
    rm -rf tree
    local total
    total=$(milliseconds restore)
    for round in $(seq 0 19); do
        local signal=INT status=0
        [ $((round % 2)) -eq 0 ] || signal=TERM
        rm -rf tree
        after "$signal" $((total * (round + 1) / 20)) restore -q --key k --path tree || status=$?
        echo "round $round of $total ms: status $status"
        done_or_interrupted "$status"
        check_restored_or_not "$status"
    done
}

@test "an interrupted merge changes everything or nothing" {
    give_tree
    save
    local total
    total=$(milliseconds restore)
    for round in $(seq 0 9); do
        local status=0
        rm -rf tree
        mkdir -p tree/many tree/large
        echo old >tree/many/f0000
        echo mine >tree/mine
        after TERM $((total * (round + 1) / 10)) restore -q --key k --path tree || status=$?
        echo "round $round of $total ms: status $status"
        no_staging
        [ "$(cat tree/mine)" = mine ]
        if [ "$(head -c 3 tree/many/f0000)" = old ]; then
            [ "$status" -ne 0 ]
            done_or_interrupted "$status"
            [ "$(find tree | sort | tr '\n' ' ')" = \
                "tree tree/large tree/many tree/many/f0000 tree/mine " ]
        else
            rm tree/mine
            is_whole
        fi
    done
}

@test "a killed save is complete or absent, and the next one works" {
    give_tree
    local total
    total=$(milliseconds save)
    for round in $(seq 0 9); do
        local status=0
        rm -rf "$T/store"
        after KILL $((total * (round + 1) / 10)) save -q --key k --path tree || status=$?
        [ "$status" -eq 0 ] || [ "$status" -eq 137 ]
        if ! has_entry; then
            [ "$status" -ne 0 ]
            save
        fi
        [ "$(xcache list --json | grep -c '"key"')" -eq 1 ]
        mv tree saved
        restore
        is_whole
        rm -rf tree
        mv saved tree
    done
}

@test "a killed restore is complete or absent, and the next one cleans up" {
    give_tree
    save
    rm -rf tree
    local total left=0
    total=$(milliseconds restore)
    for round in $(seq 0 9); do
        local status=0
        rm -rf tree
        after KILL $((total * (round + 1) / 10)) restore -q --key k --path tree || status=$?
        [ "$status" -eq 0 ] || [ "$status" -eq 137 ]
        [ ! -e tree ] || is_whole
        no_staging || left=$((left + 1))
        rm -rf tree
        restore
        is_whole
        no_staging
    done
    # Else the signals came too late to show anything.
    [ "$left" -gt 0 ]
}

@test "two saves of a key at once make one entry" {
    give_tree
    for _ in 1 2 3; do
        rm -rf "$T/store"
        xcache save -q --key k --path tree & first=$!
        xcache save -q --key k --path tree & second=$!
        wait "$first"
        wait "$second"
        [ "$(find "$T/store" -path '*/entries/*' -type f | wc -l)" -eq 1 ]
        # The pack of the one that came second is gone.
        [ "$(find "$T/store" -name '*.tar.zst' | wc -l)" -eq 1 ]
    done
    rm -rf tree
    restore
    is_whole
}

@test "two restores of a tree at once leave it complete" {
    give_tree
    save
    for _ in 1 2 3; do
        rm -rf tree
        restore & first=$!
        restore & second=$!
        wait "$first" || [ $? -eq 1 ]
        wait "$second" || [ $? -eq 1 ]
        is_whole
        no_staging
    done
}

# A save beside a writer: it fails with a word about the file, or what it took is in order.
save_beside() {
    local check=$1
    taken=0
    for _ in 1 2 3 4 5 6; do
        rm -rf "$T/store"
        run xcache save --key k --path tree
        echo "$output"
        if [ "$status" -eq 0 ]; then
            taken=$((taken + 1))
            mkdir -p "$T/other"
            (cd "$T/other" && restore && "$check")
            rm -rf "$T/other"
        else
            [ "$status" -eq 1 ]
            [[ $output == *'while it was being saved'* ]]
            one_line_error
            if has_entry; then return 1; fi
            no_object
        fi
    done
}

stop_writer() {
    touch "$T/stop"
    wait "$writer"
    echo "$taken of 6 were taken"
}

@test "a file that grows while it is saved is saved as it was at one moment" {
    mkdir tree
    (while [ ! -e "$T/stop" ]; do echo 0123456 >>tree/f; done) & writer=$!
    in_order() { ! grep -qv '^0123456$' tree/f; }
    save_beside in_order
    stop_writer
}

@test "a large file that is rewritten while it is saved is never part old, part new" {
    mkdir tree
    letters() { head -c "$2" /dev/zero | tr '\0' "$1"; }
    letters a 12M >tree/f
    (while [ ! -e "$T/stop" ]; do
        letters b 9M >tree/f
        letters a 12M >tree/f
    done) & writer=$!
    # Never some of the one and some of the other.
    in_order() { [ "$(fold -w 1000 tree/f | cut -c1 | sort -u | wc -l)" -le 1 ]; }
    save_beside in_order
    stop_writer
}

@test "a file that is replaced while it is saved is saved old or new" {
    mkdir tree
    head -c 100000 /dev/zero | tr '\0' a >a
    head -c 200000 /dev/zero | tr '\0' b >b
    cp a tree/f
    (while [ ! -e "$T/stop" ]; do
        cp a next && mv next tree/f
        cp b next && mv next tree/f
    done) & writer=$!
    in_order() { cmp -s tree/f "$T/ws/a" || cmp -s tree/f "$T/ws/b"; }
    save_beside in_order
    stop_writer
}

@test "files and directories that come and go do not spoil a save" {
    mkdir -p tree/steady
    echo steady >tree/steady/f
    (while [ ! -e "$T/stop" ]; do
        mkdir -p tree/d && echo x >tree/d/f && ln -s f tree/d/l
        rm -rf tree/d
    done) & writer=$!
    in_order() { [ "$(cat tree/steady/f)" = steady ]; }
    save_beside in_order
    stop_writer
}

@test "a store without write permission fails a save with a reason" {
    give_tree
    mkdir "$T/store"
    chmod 555 "$T/store"
    run as_nobody "$F/xcache" save --key k --path tree
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *'Permission denied'* ]]
    one_line_error
    no_object
}

@test "a store on a read-only file system fails a save with a reason" {
    need_mounts
    give_tree
    mkdir "$T/small"
    run unshare -m sh -c '
        mount -t tmpfs none "$1/small" && mount -o remount,ro "$1/small" || exit 9
        "$2/xcache" save --key k --path tree --store "file://$1/small/store" 2>&1' sh "$T" "$F"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *'Read-only file system'* ]]
    one_line_error
}

@test "a restore from a store that disappears is complete or absent" {
    give_tree
    save
    cp -a "$T/store" "$T/kept"
    rm -rf tree
    local total
    total=$(milliseconds restore)
    for round in 1 2 3 4 5 6; do
        local status=0
        rm -rf tree "$T/store"
        cp -a "$T/kept" "$T/store"
        restore & pid=$!
        sleep "$((total * round / 7000)).$(printf %03d $((total * round / 7 % 1000)))"
        rm -rf "$T/store"
        wait "$pid" || status=$?
        echo "round $round: status $status"
        done_or_interrupted "$status" || [ "$status" -eq 3 ]
        check_restored_or_not "$status"
    done
}

@test "an unreadable file fails a save with its name" {
    mkdir tree
    echo secret >tree/secret
    chmod 000 tree/secret
    run as_nobody "$F/xcache" save --key k --path tree
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *tree/secret*'Permission denied'* ]]
    one_line_error
    no_object
}

@test "a target without write permission fails a restore with a reason" {
    give_tree
    save
    rm -rf tree
    chmod 777 "$T"
    chown -R 65534:65534 "$T/store" 2>/dev/null || true
    chmod 555 "$T/ws"
    run as_nobody "$F/xcache" restore --key k --path tree
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *'cannot write to'* ]]
    one_line_error
    [ ! -e tree ]
}
