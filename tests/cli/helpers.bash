# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of the command line share. Each test has a directory of its
# own, $T, with a workspace (the current directory), a home and a store.

: "${XCACHE:?the program to test}" "${TOOLS:?the folder of the built helper programs}"

setup() {
    unset "${!GITHUB_@}" "${!XCACHE_@}" "${!INPUT_@}" "${!AWS_@}" "${!ACTIONS_@}" XDG_CACHE_HOME
    export AWS_EC2_METADATA_DISABLED=true
    umask 022
    T=$(mktemp -d)
    mkdir "$T/ws" "$T/home"
    export T HOME=$T/home XCACHE_STORE=file://$T/store
    cd "$T/ws" || return
}

# Whoever is not root cannot remove what lies in read-only directories.
teardown() {
    cd / || return
    is_root || chmod -R u+rwX "$T"
    rm -rf "$T"
}

# Run a command with its output in $output, what it said of errors in $stderr, and $status.
# (The same option of bats' run is newer than Ubuntu 22.04.)
run_split() {
    status=0
    output=$("$@" 2>"$T/stderr") || status=$?
    stderr=$(cat "$T/stderr")
    rm -f "$T/stderr"
}

xc() {
    "$XCACHE" "$@"
}

# Assertions. What they print is shown if the test fails.

fail() {
    echo "$*" >&2
    return 1
}

same() {
    [ "$1" = "$2" ] || fail "'$1' is not '$2'"
}

has() {
    case $1 in
    *"$2"*) ;;
    *) fail "there is no '$2' in '$1'" ;;
    esac
}

lacks() {
    case $1 in
    *"$2"*) fail "there is '$2' in '$1'" ;;
    esac
}

present() {
    [ -e "$1" ] || [ -L "$1" ] || fail "there is no $1"
}

absent() {
    if [ -e "$1" ] || [ -L "$1" ]; then fail "there is $1"; fi
}

same_tree() {
    "$TOOLS/treediff" "$@"
}

# Run a command that must exit with a code: ends STATUS COMMAND... Its output is in $output
# and $stderr.
ends() {
    local expected=$1
    shift
    run_split "$@"
    [ "$status" -eq "$expected" ] ||
        fail "exit code $status instead of $expected: $*
stdout: $output
stderr: $stderr"
}

# A value of the JSON on standard input: json 'd["key"]'. Texts come as they are.
json() {
    python3 -c '
import json, sys
d = json.load(sys.stdin)
v = eval(sys.argv[1])
print(v if isinstance(v, str) else json.dumps(v))' "$1"
}

# Trees.

mktree() {
    local code=0
    "$TOOLS/mktree" "$@" || code=$?
    [ "$code" -ne 77 ] || skip "no tree of kind $1 can be made here"
    return "$code"
}

# A file with its folders.
put() {
    mkdir -p "$(dirname "$1")"
    printf '%s' "${2-$1}" >"$1"
}

# What stands where, one line a name, without what restores may leave behind for a moment.
names_below() {
    (cd "$1" && find . -mindepth 1 | LC_ALL=C sort)
}

# Save the tree, put it aside as ../original, restore, compare.
round_trip() {
    xc save --key round --path tree
    mv tree ../original
    xc restore --key round --path tree
    same_tree ../original tree
}

# The store.

packs() {
    [ ! -d "$T/store" ] || find "$T/store" -path '*/packs/*' -type f | LC_ALL=C sort
}

manifests() {
    [ ! -d "$T/store" ] || find "$T/store" -path '*/entries/*' -type f | LC_ALL=C sort
}

tombstones() {
    [ ! -d "$T/store" ] || find "$T/store" -path '*/removed/*' -type f | LC_ALL=C sort
}

count() {
    "$@" | wc -l | tr -d ' '
}

# All files of the store with their contents, for "as before".
store_digest() {
    [ ! -d "$T/store" ] || (cd "$T/store" && find . -type f -exec sha256sum {} + | LC_ALL=C sort)
}

# Entries are the newer the later they were saved, in the file system's clock ticks.
tick() {
    sleep 0.03
}

# Users.

is_root() {
    [ "$(id -u)" -eq 0 ]
}

need_root() {
    is_root || skip "only root can"
}

# Let an ordinary user work in this test's directory; from here on use as_user.
admit_user() {
    is_root || return 0
    command -v setpriv >/dev/null || skip "no setpriv"
    local dir=$T
    cp "$XCACHE" "$T/xcache"
    XCACHE=$T/xcache
    while [ "$dir" != / ] && [ "$dir" != "${TMPDIR:-/tmp}" ]; do
        chmod a+x "$dir"
        dir=${dir%/*}
    done
    chown -R 65534:65534 "$T/ws" "$T/home"
    chmod a+rwx "$T"
    as_user test -x "$T/ws" || skip "the temporary directory is closed to others"
}

as_user() {
    if is_root; then
        setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
    else
        "$@"
    fi
}
