#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Job containers: small userlands, strange users, and kernels and seccomp profiles that lack calls.
# The program is DIST's if that is set, a folder like dist/; else the one that was built.

# shellcheck disable=SC2154,SC2030,SC2031,SC2088 # set by run; a test is a subshell; xcache expands ~
load helpers
load servers

# The program by itself, which needs nothing beside it.
alone() {
    PROGRAM=$XCACHE
    [ -z "${DIST-}" ] || PROGRAM=$DIST/xcache-linux-x64
    [ "$(uname -m)" = x86_64 ] || skip "not the processor for it"
    ! ldd "$PROGRAM" >/dev/null 2>&1 || skip "built with shared libraries"
}

# A root folder like Alpine's: BusyBox, musl's loader if there is one, and no bash, users,
# certificates, locales, /etc, /proc or /tmp. This BusyBox is Debian's: its libraries come with it.
container_root() {
    local busybox file name
    alone
    need_root
    ROOT=$T/root busybox=$(command -v busybox)
    mkdir -p "$ROOT/bin" "$ROOT/lib" "$ROOT/proc" "$ROOT$T"
    for file in $(ldd "$busybox" | grep -o '/[^ ]*'); do
        mkdir -p "$ROOT$(dirname "$file")"
        cp -L "$file" "$ROOT$file"
    done
    cp "$busybox" "$ROOT/bin/busybox"
    for name in sh cat mkdir rm; do ln -s busybox "$ROOT/bin/$name"; done
    [ ! -e /lib/ld-musl-x86_64.so.1 ] || cp -L /lib/ld-musl-x86_64.so.1 "$ROOT/lib"
    cp "$PROGRAM" "$T/xcache"
    enter_as 0:0
    "$T/enter" sh -c : >"$T/why" 2>&1 || skip "no mounts here: $(tail -n 1 "$T/why")"
}

# Write the command that runs another one in the root folder: enter_as USER:GROUP [COMMAND-BEFORE].
# The folder of the test stands there where it stands outside, as a runner's do at /__w.
enter_as() {
    cat >"$T/enter" <<END
#!/bin/sh
exec unshare -m sh -ec '
    mount --bind "$ROOT" "$ROOT"
    ${2-}
    mount --bind "$T" "$ROOT$T"
    exec chroot --userspec=$1 "$ROOT" \\
        /bin/sh -c "cd \"\\\$1\" && shift && PATH=/bin && exec \"\\\$@\"" sh "\$PWD" "\$@"' sh "\$@"
END
    chmod +x "$T/enter"
}

# Restore, save and restore again by the composite actions as they are written, each step by the
# container's sh: container_job [PATH [VARIABLE...]], with variables as YAML has them.
container_job() {
    local tree=$T/_actions/org/xcache/v1 path=${1:-tree}
    rm -rf "$T/_actions" "$T/job" "$T/temp" "$T/store"
    mkdir -p "$tree/dist" "$T/job" "$T/temp"
    cp -r "$BATS_TEST_DIRNAME"/../../{restore,save} "$tree"
    cp "$PROGRAM" "$tree/dist/xcache-linux-x64"
    # A runner makes them for the container's user, whoever that is.
    chmod a+rwx "$T" "$T/job" "$T/temp"
    (umask 000 && "$BATS_TEST_DIRNAME/../runner/run" --tree "$tree" --workspace "$T/job" \
        --temp "$T/temp" --shell "$T/enter sh") >"$T/result" <<YAML
ref: refs/heads/main
env:
  STORE: "file://$T/store"
$(printf '  %s\n' "${@:2}")
steps:
  - id: miss
    uses: org/xcache/restore@v1
    with: {path: "$path", key: k, store: "\${{ env.STORE }}"}
  - run: mkdir -p tree/sub && echo built >tree/sub/ä && mkdir -p $path && echo more >$path/file
  - id: save
    uses: org/xcache/save@v1
    with: {path: "$path", key: k, store: "\${{ env.STORE }}"}
  - run: rm -rf $path
  - id: hit
    uses: org/xcache/restore@v1
    with: {path: "$path", key: k, store: "\${{ env.STORE }}"}
  - id: test
    run: cat $path/file
YAML
    job_says "'\n'.join(d['steps']['hit']['lines'])" "Cache restored from key: k"
    job_says "str(d['steps']['hit']['outputs'])" "'cache-hit': 'true'"
    job_says "'\n'.join(d['steps']['test']['lines'])" "more"
    # Whatever is missing there is no worry of a job's.
    job_says "str([c for s in d['steps'].values() for c in s['commands']
        if c[0] in ('error', 'warning', 'notice')])" "[]"
    job_says "str(d['success'])" True
}

job_says() {
    has "$(json "$1" <"$T/result")" "$2"
}

@test "the actions need only BusyBox and its sh" {
    container_root
    container_job
}

@test "a user without a name can use the actions" {
    container_root
    enter_as 4242:4242
    container_job
}

@test "the actions work with a missing home, and without any" {
    container_root
    enter_as 4242:4242
    container_job tree 'HOME: "/nowhere/home"'
    container_job tree 'HOME: ""'
    container_job tree 'HOME: "home"'
}

@test "restoring below a missing home creates it" {
    container_root
    container_job '~/.tool/x' "HOME: \"$T/job/new\""
}

@test "the actions work without TMPDIR" {
    container_root
    container_job tree 'TMPDIR: "/nowhere"' 'RUNNER_TEMP: "/nowhere/else"'
}

@test "the actions work with a read-only root" {
    container_root
    enter_as 4242:4242 "mount -o remount,bind,ro \"$ROOT\""
    container_job tree 'HOME: "/root"'
}

@test "the actions work with /proc, too" {
    container_root
    enter_as 4242:4242 "mount -t proc proc \"$ROOT/proc\""
    container_job
}

@test "a restore names what a read-only root keeps it from writing" {
    container_root
    put tree/file
    HOME=/nowhere "$T/enter" "$T/xcache" save --key k --path tree
    mkdir -p "$ROOT/home"
    HOME=/home "$T/enter" mkdir /home/.tool
    HOME=/home "$T/enter" "$T/xcache" save --key t --path '~/.tool'
    rmdir "$ROOT/home/.tool"
    enter_as 0:0 "mount -o remount,bind,ro \"$ROOT\""
    HOME=/home ends 1 "$T/enter" "$T/xcache" restore --key t --path '~/.tool'
    has "$stderr" "cannot write to /home, the folder above"
    has "$stderr" "Read-only file system"
    # A home that is not there is not made in a root that cannot be written.
    HOME=/nowhere ends 3 "$T/enter" "$T/xcache" restore --key k --path tree --path '~/.tool'
}

# Kernels and seccomp profiles.

# As whoever the test is about.
as_them() {
    ${BY_USER:+as_user} "$@"
}

# What is to be saved, of every kind that this user can make.
sample_tree() {
    local kind
    as_them mkdir tree
    for kind in plain times links hard sparse xattrs "$@"; do
        as_them "$TOOLS/mktree" "$kind" "tree/$kind" || [ $? -eq 77 ]
    done
}

# Save, look and restore where calls fail: twice, so that there is something in the way once.
round_trip_without() {
    local denied=("$TOOLS/deny" "$1" "$2") key=$1-${2//,/-}
    as_them rm -rf "$T/ws/store"
    export XCACHE_STORE=${URL:-file://$T/ws/store}
    as_them "${denied[@]}" "$PROGRAM" save --key "$key" --path tree
    as_them "${denied[@]}" "$PROGRAM" lookup --key "$key" --path tree
    as_them mv tree original
    as_them "${denied[@]}" "$PROGRAM" restore --key "$key" --path tree
    same_tree original tree
    # A file where a folder was, and the other way round.
    as_them rm -rf tree/plain tree/links
    as_them touch tree/plain
    as_them mkdir -p tree/links/to
    as_them rm tree/hard/z/* tree/times/f0
    as_them "${denied[@]}" "$PROGRAM" restore --key "$key" --path tree
    as_them rm -rf tree/links/to
    as_them touch -r original/links tree/links
    same_tree original tree
    as_them rm -rf original
}

# Each row in a line: ERRNO CALL[,CALL]... The last one that is printed is the one that fails.
without_each() {
    local error calls
    while read -r error calls; do
        echo "$calls: $error"
        round_trip_without "$error" "$calls"
    done
}

# What came after Linux 4.18, which RHEL 8 has; and what seccomp profiles of 2019 know.
NEW_CALLS=clone3,close_range,openat2,faccessat2,fchmodat2

@test "no system call is needed that old kernels lack or old profiles deny" {
    alone
    sample_tree modes owners
    without_each <<END
ENOSYS $NEW_CALLS
EPERM $NEW_CALLS
ENOSYS clone3
EPERM clone3
ENOSYS close_range
EPERM close_range
ENOSYS openat2
EPERM openat2
ENOSYS faccessat2
EPERM faccessat2
ENOSYS renameat2
EPERM renameat2
EINVAL renameat2
ENOSYS statx
EPERM statx
END
}

@test "without newer ways to write, the older ones are used" {
    alone
    sample_tree
    without_each <<END
EOPNOTSUPP O_TMPFILE
EISDIR O_TMPFILE
EINVAL O_TMPFILE
ENOSYS O_TMPFILE
EPERM O_TMPFILE
ENOSYS AT_EMPTY_PATH
EPERM AT_EMPTY_PATH
ENOSYS fallocate
EPERM fallocate
EOPNOTSUPP fallocate
ENOSYS fadvise64
EPERM fadvise64
ENOSYS sync_file_range
EPERM sync_file_range
ENOSYS flock
ENOSYS rseq
EPERM rseq
EPERM set_robust_list
EPERM membarrier
EPERM madvise
EPERM prctl
EPERM prlimit64
EPERM sysinfo
EPERM ioctl
ENOSYS sched_getaffinity
EPERM sched_getaffinity
EPERM sched_setaffinity
END
}

@test "a user on an old kernel can use the actions" {
    alone
    admit_user
    PROGRAM=$T/program
    cp "$XCACHE" "$PROGRAM"
    [ -z "${DIST-}" ] || cp "$DIST/xcache-linux-x64" "$PROGRAM"
    cp -r "$TOOLS" "$T/tools"
    TOOLS=$T/tools
    BY_USER=yes
    sample_tree
    without_each <<END
ENOSYS $NEW_CALLS
EPERM $NEW_CALLS
EPERM AT_EMPTY_PATH
EISDIR O_TMPFILE
END
}

@test "content crosses file systems where the kernel cannot copy" {
    local row
    alone
    need_root
    unshare -m mount -t tmpfs tmpfs "$T/home" 2>/dev/null || skip "no mounts here"
    sample_tree
    xc save --key k --path tree
    cp -a tree original
    for row in ENOSYS EPERM EXDEV EOPNOTSUPP EINVAL; do
        rm -rf tree
        mkdir -p tree/plain tree/sparse
        # shellcheck disable=SC2016 # for the inner shell
        ends 0 unshare -m sh -ec '
            mount -t tmpfs tmpfs tree/plain
            mount -t tmpfs tmpfs tree/sparse
            "$1/deny" "$2" copy_file_range "$3" restore --key k --path tree
            "$1/treediff" --no-holes original tree' sh "$TOOLS" $row "$PROGRAM"
    done
}

@test "a restore that cannot fit is refused before anything is written" {
    alone
    need_root
    mkdir -p tree
    unshare -m mount -t tmpfs tmpfs tree 2>/dev/null || skip "no mounts here"
    head -c 3000000 /dev/urandom >tree/large
    xc save -q --key large --path tree
    rm tree/large
    touch tree/{1..60}
    xc save -q --key many --path tree
    rm tree/*
    # shellcheck disable=SC2016,SC2086 # for the inner shell; a row is two words
    for row in "large size=2m" "many nr_inodes=40"; do
        ends 1 unshare -m sh -ec '
            mount -t tmpfs -o "$3" tmpfs tree
            mkdir tree/old
            result=0
            "$1" restore --key "$2" --path tree || result=$?
            ls -A tree
            exit $result' sh "$PROGRAM" ${row}
        has "$stderr" "not enough room for $PWD/tree"
        same "$output" old
    done
    # What just fits is restored.
    # shellcheck disable=SC2016
    ends 0 unshare -m sh -ec '
        mount -t tmpfs -o size=4m tmpfs tree
        "$1" restore -q --key large --path tree
        ls -A tree' sh "$PROGRAM"
    same "$output" large
}

@test "a store by https works on old kernels" {
    alone
    use_server radosgw tls
    URL=$XCACHE_STORE
    sample_tree
    without_each <<END
ENOSYS $NEW_CALLS
EPERM $NEW_CALLS
EPERM clone3
END
}

@test "without random numbers the error says so" {
    alone
    put tree/file
    ends 1 "$TOOLS/deny" EPERM getrandom "$PROGRAM" save --key k --path tree
    has "$stderr" "getrandom(2) is denied"
    absent "$T/store/local"
}

@test "a restricted root, or one without a user database, can restore" {
    local how
    alone
    need_root
    put tree/mine
    put tree/other
    chmod 4755 tree/other
    ln -s other tree/link
    chown -h 1234:1234 tree/other tree/link
    chmod u+s tree/other
    xc save --key k --path tree
    tar -C tree -cf - . | zstd -q >"$T/store/k-base.tar.zst"
    for how in "setpriv --bounding-set -chown --inh-caps -chown" "unshare --user --map-root-user"; do
        # shellcheck disable=SC2086 # a command and its options
        $how true 2>/dev/null || continue
        for layout in "--key k" "--scope none --legacy-layout --key k"; do
            # Into nothing, and into what is there.
            rm -rf tree
            # shellcheck disable=SC2086
            ends 0 $how "$PROGRAM" restore $layout --path tree
            has "$stderr" "this process may not change owners"
            # shellcheck disable=SC2086
            ends 0 $how "$PROGRAM" restore $layout --path tree
            same "$(cat tree/other) $(stat -c '%u %a' tree/other) $(readlink tree/link)" "tree/other 0 755 other"
        done
    done
    [ -n "${layout-}" ] || skip "no rights can be taken away here"
}
