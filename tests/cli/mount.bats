#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Mounting an entry instead of extracting it. Each test has mounts in a namespace of its own.

# shellcheck disable=SC2030,SC2031 # each test has a shell of its own
# shellcheck disable=SC2154 # set by run_split
load helpers

# Run a function where mounts are nobody else's, or skip where there cannot be any.
inside() {
    need_root
    command -v unshare >/dev/null || skip "no unshare"
    unshare --mount --propagation private true 2>/dev/null || skip "no mount namespaces here"
    grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || skip "no EROFS here"
    declare -f >"$T/functions"
    export XCACHE_STATE_DIR=$T/state
    unshare --mount --propagation private bash -eu -o pipefail -c '
        # shellcheck disable=SC1091
        source "$T/functions"
        "$@"
        leaves_nothing' inside "$@"
}

# No mount, process or folder of a test.
leaves_nothing() {
    local try
    lacks "$(cat /proc/self/mountinfo)" "$T"
    for try in $(seq 100); do
        ! holds_our_files || { sleep 0.05; continue; }
        break
    done
    ! holds_our_files || fail "there are processes of xcache: $(holders)"
    same "$(find "$T" -maxdepth 4 -regex '.*/\.xcache-restore-[0-9a-f]+')" ""
}

# Processes of this program in this namespace.
holders() {
    local exe own
    own=$(readlink /proc/self/ns/mnt)
    for exe in /proc/[0-9]*/exe; do
        [ "$(readlink "$exe" 2>/dev/null)" = "$(readlink -f "$XCACHE")" ] || continue
        [ "$(readlink "${exe%/exe}/ns/mnt" 2>/dev/null)" = "$own" ] || continue
        echo "${exe%/exe}"
    done
}

holds_our_files() {
    [ -n "$(holders)" ]
}

is_mounted() {
    grep -q " $(readlink -f "$1") " /proc/self/mountinfo
}

# Within some seconds.
goes_away() {
    local try
    for try in $(seq 200); do
        [ -e "$1" ] || return 0
        sleep 0.05
    done
    fail "there is $1 after $try looks"
}

# Work where no image can be mounted from a file: what is left are loop devices.
on_loops() {
    mount -t tmpfs none /var/tmp
    mkdir "$T/memory"
    mount -t tmpfs none "$T/memory"
    mkdir "$T/memory/ws"
    cd "$T/memory/ws"
}

off_loops() {
    cd "$T/ws"
    umount "$T/memory" /var/tmp
}

# The entry k of tree/, whose original lies beside.
entry() {
    local kind
    mkdir -p tree/empty tree/many
    # Some kinds need what not every file system has: what is not made is not compared.
    for kind in plain modes times links hard sparse xattrs owners names deep edges; do
        "$TOOLS/mktree" "$kind" "tree/$kind" 2>/dev/null || rm -rf "tree/$kind"
    done
    for i in $(seq 200); do put "tree/many/$i" "text $i"; done
    head -c 3000000 /dev/zero | tr '\0' x >tree/large
    ln tree/large tree/linked
    xc save -q --key k --path tree
    mv tree ../original
}

as_original() {
    # An image does not tell how few blocks a sparse file takes.
    same_tree --no-holes ../original tree
}

eager() {
    entry
    ends 0 xc mount --key k --path tree
    has "$output" "Mounted: "
    is_mounted tree || fail "nothing is mounted"
    as_original
    xc unmount tree
    absent tree
}

@test "a mounted entry is equal to what was saved, and leaves nothing behind" {
    inside eager
}

lazy() {
    entry
    ends 0 xc mount --lazy --key k --path tree
    has "$output" "contents follow as they are read"
    as_original
    xc unmount tree
    absent tree
}

@test "a lazily mounted entry is equal to what was saved, and leaves nothing behind" {
    inside lazy
}

loops() {
    on_loops
    entry
    ends 0 xc mount --key k --path tree
    has "$output" "by loop devices"
    as_original
    echo more >tree/more
    xc unmount tree
    absent tree
    off_loops
    lacks "$(losetup -l)" "$T"
}

@test "where files cannot be mounted loop devices are, and leave nothing behind" {
    command -v losetup >/dev/null || skip "no losetup"
    inside loops
}

# All contents have come when the server is gone: the mount does not need it any more.
lazy_loops() {
    on_loops
    entry
    xc mount -q --lazy --key k --path tree
    for _ in $(seq 100); do
        holders | xargs -I{} sh -c 'tr "\0" " " <{}/cmdline' | grep -q ' mount ' || break
        sleep 0.05
    done
    lacks "$(holders | xargs -I{} sh -c 'tr "\0" " " <{}/cmdline')" " mount "
    as_original
    xc unmount tree
    off_loops
}

@test "a lazy mount by loop devices stands alone once all contents are there" {
    inside lazy_loops
}

writable() {
    entry
    xc mount -q --key k --path tree
    echo more >>tree/large
    same "$(tail -n 1 tree/linked)" "$(tail -n 1 tree/large)"
    rm tree/many/7
    mv tree/many tree/renamed
    echo new >tree/renamed/new
    same "$(ls tree/renamed | wc -l)" 200
    absent tree/many
    chmod 700 tree/empty
    xc unmount tree
    # The entry itself is as it was.
    xc mount -q --key k --path tree
    as_original
    xc unmount tree
}

@test "what a job changes in a mount goes to a directory of its own" {
    inside writable
}

saved_again() {
    entry
    xc mount -q --key k --path tree
    echo changed >tree/many/1
    rm tree/many/2
    mv tree/many/3 tree/many/moved
    ends 0 xc save --json --key k2 --parent-key k --path tree
    # The same changes to what was saved first.
    echo changed >../original/many/1
    rm ../original/many/2
    mv ../original/many/3 ../original/many/moved
    touch -r tree/many ../original/many
    touch -r tree/many/1 ../original/many/1
    xc unmount tree
    xc restore -q --key k2 --path tree
    as_original
}

@test "a mount can be saved as the tree that it shows" {
    inside saved_again
}

read_only() {
    entry
    xc mount -q --read-only --key k --path tree
    as_original
    ends 1 touch tree/file
    xc unmount tree
}

@test "a read-only mount cannot be changed" {
    inside read_only
}

not_empty() {
    entry
    put tree/mine mine
    ends 0 xc restore --mount auto --key k --path tree
    has "$output" "Extracted, not mounted: "
    has "$output" "is not empty"
    ! is_mounted tree || fail "it is mounted"
    same "$(cat tree/many/7 tree/mine)" "text 7mine"
    rm -rf tree
    put tree/mine mine
    ends 1 xc mount --key k --path tree
    has "$stderr" "is not empty"
    same "$(names_below tree)" "./mine"
}

@test "where files stand a restore extracts, and mount refuses and changes nothing" {
    inside not_empty
}

single_file() {
    put file content
    xc save -q --key f --path file
    rm file
    ends 0 xc restore --mount auto --key f --path file
    has "$output" "Extracted, not mounted: "
    same "$(cat file)" content
}

@test "an entry of a single file is extracted" {
    inside single_file
}

watched() {
    entry
    sleep 60 &
    xc mount -q --watch $! --key k --path tree
    echo changed >tree/many/1
    kill $!
    wait $! 2>/dev/null || true
    goes_away tree
}

@test "a mount ends with the process that it is for" {
    inside watched
}

by_others() {
    entry
    xc mount -q --key k --path tree
    umount tree
    goes_away tree
}

@test "umount(8) will do: nothing of the mount stays" {
    inside by_others
}

remount() {
    entry
    xc mount -q --key k --path tree
    echo changed >tree/many/1
    xc restore -q --mount auto --key k --path tree
    is_mounted tree || fail "nothing is mounted"
    as_original
    xc restore -q --key k --path tree
    ! is_mounted tree || fail "it is still mounted"
    as_original
}

@test "a restore where an earlier one is mounted unmounts that first" {
    inside remount
}

busy() {
    entry
    xc mount -q --key k --path tree
    sleep 60 <tree/many/1 &
    xc unmount tree
    absent tree
    kill $!
    wait $! 2>/dev/null || true
}

@test "a mount that is in use goes away, and its files when they are closed" {
    inside busy
}

several() {
    put one/a a
    put two/b b
    xc save -q --key s --path one --path two
    rm -rf one two
    xc mount -q --key s --path one --path two
    same "$(cat one/a two/b)" ab
    xc unmount one
    absent one/a
    same "$(cat two/b)" b
    xc unmount two
}

@test "several paths are mounted side by side" {
    inside several
}

not_ours() {
    mkdir mine
    mount -t tmpfs none mine
    ends 2 xc unmount mine
    has "$stderr" "is not mounted by xcache"
    is_mounted mine || fail "it was unmounted"
    ends 2 xc unmount
    umount mine
}

@test "unmount leaves other mounts alone" {
    inside not_ours
}

missing_folders() {
    put a/b/c/file text
    xc save -q --key m --path a/b/c
    rm -rf a
    xc mount -q --key m --path a/b/c
    same "$(cat a/b/c/file)" text
    xc unmount a/b/c
}

@test "folders that are missing above a mount are made" {
    inside missing_folders
}

killed_server() {
    entry
    ends 0 xc mount --lazy --key k --path tree
    for process in $(holders); do
        tr '\0' ' ' <"$process/cmdline" | grep -q ' mount ' || continue
        kill -9 "${process#/proc/}"
    done
    # What is here is right, the rest an error: never anything else.
    for file in tree/many/*; do
        content=$(cat "$file" 2>/dev/null) || continue
        same "$content" "text ${file##*/}"
    done
    xc unmount tree
}

@test "without its server a lazy mount gives right bytes or an error" {
    inside killed_server
}

no_right() {
    admit_user
    put "$T/ws/tree/file" text
    chown -R 65534 "$T/ws"
    as_user "$XCACHE" save -q --key u --path tree
    rm -rf tree
    run_split as_user "$XCACHE" restore --mount auto --key u --path tree
    same "$status" 0
    has "$output" "Extracted, not mounted: "
    same "$(cat tree/file)" text
    rm -rf tree
    run_split as_user "$XCACHE" mount --key u --path tree
    same "$status" 1
    absent tree
}

@test "who may not mount gets the files by extraction" {
    inside no_right
}

by_sudo() {
    admit_user
    mount -t tmpfs -o mode=755 none /etc/sudoers.d
    echo '#65534 ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/xcache
    chmod 440 /etc/sudoers.d/xcache
    as_user sudo -n true 2>/dev/null || { echo "sudo does not work here" >&2; umount /etc/sudoers.d; return 0; }
    as_user mkdir tree
    put tree/file text
    chown -R 65534 tree
    as_user "$XCACHE" save -q --key u --path tree
    rm -rf tree
    as_user "$XCACHE" mount -q --key u --path tree
    same "$(stat -c %u tree tree/file | sort -u)" 65534
    as_user sh -c 'echo more >>tree/file; echo new >tree/new'
    same "$(cat tree/file)" "textmore"
    as_user "$XCACHE" unmount tree
    umount /etc/sudoers.d
}

@test "sudo without a password is enough, and the job owns what it sees" {
    command -v sudo >/dev/null || skip "no sudo"
    inside by_sudo
}
