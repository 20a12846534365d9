#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The workflows of examples/ and of the documentation, as they are written: a user changes the store
# and the roles, and nothing else is changed here. Build tools are scripts that do to directories
# what the real ones do.

# shellcheck disable=SC2154,SC2016 # set by ends; what is quoted are scripts
load helpers
load servers

ROOT=$BATS_TEST_DIRNAME/../..
RUNNER=$BATS_TEST_DIRNAME/../runner

setup_file() {
    local page
    XC_WORKFLOWS=$(mktemp -d)
    export XC_WORKFLOWS
    cp "$BATS_TEST_DIRNAME"/../../examples/*.yml "$XC_WORKFLOWS"
    for page in README.md docs/ACTIONS.md docs/MIGRATING.md; do
        "$BATS_TEST_DIRNAME/../runner/blocks" "$BATS_TEST_DIRNAME/../../$page" "$XC_WORKFLOWS"
    done
}

teardown_file() {
    rm -rf "$XC_WORKFLOWS"
}

# A repository that all of the workflows build, and the tools that they call.
in_project() {
    unset XCACHE_STORE
    cp -r "$XC_WORKFLOWS" "$T/workflows"
    TREE=$T/actions STORE=file://$T/store
    mkdir -p "$TREE/dist" "$T/bin" "$T/repository"
    cp -r "$ROOT/action.yml" "$ROOT/restore" "$ROOT/save" "$TREE"
    ln "$XCACHE" "$TREE/dist/xcache-linux-x64" 2>/dev/null ||
        cp "$XCACHE" "$TREE/dist/xcache-linux-x64"
    ln "$TREE/dist/xcache-linux-x64" "$TREE/dist/xcache-linux-arm64"
    (
        cd "$T/repository" || return
        put package-lock.json 1
        put Cargo.lock 1
        put toolchain.lock 1
        put build.gradle 1
        put gradle/wrapper/gradle-wrapper.properties 1
        put packages/a/package.json 1
        put one.c 'int main(void) { return 0; }'
        printf 'one.o: one.c\n\t$(CC) -c one.c\n' >Makefile
        tool build-toolchain 'mkdir "$1" && echo 1 >"$1/cc" && echo built the toolchain'
        tool test 'cat "$1/cc" >/dev/null && echo tested'
        tool gradlew '[ "$*" = "--build-cache build" ] && mkdir -p ~/.gradle/wrapper
            [ ! -e ~/.gradle/caches/modules/x.lock ] || echo what was left out has come back
            download ~/.gradle/caches/modules/x.jar
            touch ~/.gradle/wrapper/gradle.jar ~/.gradle/caches/modules/x.lock'
    )
    cd "$T/bin" || return
    # npm begins by removing what a restore brought.
    tool npm 'case $1 in
        ci) rm -rf node_modules packages/*/node_modules
            mkdir -p node_modules packages/a/node_modules
            download ~/.npm/x.tgz && cp ~/.npm/x.tgz node_modules ;;
        test) cat node_modules/x.tgz >/dev/null && echo tested ;;
        esac'
    tool cargo '[ "$*" = "test --locked" ] && mkdir -p ~/.cargo/git && download ~/.cargo/registry/x.crate
        [ -e target/debug/x ] || echo compiled
        [ ! -e target/debug/incremental ] || echo what was left out has come back
        mkdir -p target/debug/incremental && touch target/debug/x target/debug/incremental/x'
    tool ccache 'object=$CCACHE_DIR/$(cat "$3" | sha256sum | cut -c1-9)
        [ -e "$object" ] || { echo compiled; mkdir -p "$CCACHE_DIR"; echo "$3" >"$object"; }
        cp "$object" "${3%.c}.o"'
    tool apk 'echo installed'
    tool download '[ -e "$1" ] || { echo "downloaded ${1##*/}"; mkdir -p "${1%/*}"; echo 1 >"$1"; }'
    PATH=$T/bin:$PATH
}

# tool NAME TEXT: a script in the current folder
tool() {
    printf '#!/bin/sh\nset -e\n%s\n' "$2" >"$1"
    chmod +x "$1"
}

# Run a workflow as a user has it; what came of it is in $told. flow NAME [OPTION of the runner]...
flow() {
    sed "s|s3://[^ \"]*|${STORE//&/\\&}|" "$T/workflows/$1.yml" >"$T/$1.yml"
    # Names of roles are their owner's as well; a store in a folder needs none.
    [ -z "${MAIN-}" ] || sed -i -e "s|arn:aws:iam::123456789012:role/xcache-||" \
        -e "s|'main'|'$MAIN'|; s|'pull'|'$PULL'|" "$T/$1.yml"
    told=$("$RUNNER/workflow" --tree "$TREE" --folder "$T/machines" --checkout "$T/repository" \
        "${@:2}" "$T/$1.yml" | tell) || fail "$1 does not run"
}

# A job a line, then its steps: what is seen of the cache, what tools said, what must not be.
tell() {
    python3 -c '
import json, sys
HITS = {"true": "hit", "false": "older", "": "miss"}
for name, job in json.load(sys.stdin).items():
    print(name + ":", job["outcome"])
    for step in job["steps"].values():
        what, lines = step["what"].split("\n")[0], step["lines"]
        if step["outcome"] == "skipped" or what.startswith("actions/"):
            continue
        if what.startswith("org/xcache") and not what.startswith("org/xcache/save"):
            print(" ", HITS[step["outputs"].get("cache-hit", "")])
        elif what.startswith("org/xcache") or what == "post":
            print(" ", "saved" if any("Cache saved with key" in line for line in lines) else
                  "not saved")
        else:
            print(" ", "; ".join([what] + lines))
        for kind, text in step["commands"]:
            if kind in ("warning", "error", "notice"):
                print(f"  {kind}: {text}")
    '
}

@test "GitHub knows every name in the documentation's workflows" {
    "$RUNNER/check-actions" "$ROOT" "$XC_WORKFLOWS"/*.yml
}

@test "a misspelled name in a workflow is noticed" {
    local problems file
    mkdir misspelled
    misspell "$XC_WORKFLOWS" misspelled
    problems=$("$RUNNER/check-actions" "$ROOT" misspelled/*) || true
    # As many as there are, so that this cannot be about none.
    [ "$(count find misspelled -type f)" -gt 150 ] || fail "few names were misspelled"
    for file in misspelled/*; do
        [[ $problems == *"$file"* ]] || fail "nobody says a word of $file"
    done
}

# Write each workflow of a folder to another one, once for each name in it, with that misspelled.
misspell() {
    python3 -c '
import re, sys
from pathlib import Path
NAMES = re.compile(r"""
    (?<=steps\.)[\w-]+ | (?<=needs\.)[\w-]+ | (?<=outputs\.)[\w-]+ | (?<=matrix\.)\w+ |
    (?<=github\.)(?!com\b)\w+ | (?<=runner\.)\w+ | (?:hashFiles|always|failure)(?=\() |
    (?<=uses:[ ]org/xcache/)\w+ |
    ^[ ]{10}(?!node-version)[a-z-]+(?=:[ ]) |  # inputs
    ^(?:on|jobs|permissions|env)(?=:) | ^[ ]+(?:needs|if|steps|runs-on|with|strategy)(?=:) |
    (?<=needs:[ ])[a-z]+ | ^[ ]{2}(?:XCACHE_STORE|AWS_ROLE_ARN|id-token|contents)(?=:)""",
    re.X | re.M)
for path in Path(sys.argv[1]).iterdir():
    text = path.read_text()
    for found in NAMES.finditer(text):
        where = text.count("\n", 0, found.start()) + 1
        name = f"{path.stem}-{where}-{found.start()}-{found[0].strip()}.yml"
        wrong = text[:found.end()] + "x" + text[found.end():]
        (Path(sys.argv[2]) / name).write_text(wrong)' "$1" "$2"
}

@test "the README's workflow has a hit in its second run" {
    in_project
    flow README-1
    same "$told" "test: success
  miss
  npm ci; downloaded x.tgz
  saved
  npm test; tested"
    flow README-1
    same "$told" "test: success
  hit
  npm test; tested"
}

@test "the root action's step in ACTIONS.md restores in the second run what the first one saved" {
    in_project
    flow ACTIONS-2
    same "$told" "build: success
  miss
  npm ci; downloaded x.tgz
  npm test; tested
  saved"
    flow ACTIONS-2
    same "$told" "build: success
  hit
  npm test; tested
  not saved"
}

# The README's block of shell commands that holds a line beginning with $1, with a store of our own.
readme_commands() {
    awk -v line="$1" '/^```sh$/ { block = ""; inside = 1; next }
        /^```$/ { if (inside && found) printf "%s", block; inside = 0; found = 0 }
        inside { block = block $0 "\n"; if (index($0, line) == 1) found = 1 }' "$ROOT/README.md" |
        sed "s|file:///[^ ]*|$STORE|"
}

@test "the README's first commands restore the directory that they removed" {
    in_project
    ln "$TREE/dist/xcache-linux-x64" "$T/bin/xcache"
    mkdir "$T/empty"
    cd "$T/empty"
    readme_commands "xcache save --key demo-1" >"$T/commands"
    has "$(cat "$T/commands")" "rm -r demo"
    ends 0 sh -e "$T/commands"
    has "$output" hello
    present demo/file
}

@test "the README's script builds once and then restores" {
    in_project
    readme_commands "if ! xcache restore" >"$T/commands"
    ln "$TREE/dist/xcache-linux-x64" "$T/bin/xcache"
    mkdir "$T/one" "$T/two"
    cp "$T/repository/package-lock.json" "$T/one"
    cp "$T/repository/package-lock.json" "$T/two"
    cd "$T/one"
    ends 0 env XCACHE_STORE="$STORE" sh -e "$T/commands"
    has "$output" "downloaded x.tgz"
    cd "$T/two"
    ends 0 env XCACHE_STORE="$STORE" sh -e "$T/commands"
    lacks "$output" downloaded
    present node_modules/x.tgz
}

# Both runs of a workflow, on the store as it is: twice NAME FIRST SECOND
twice() {
    flow "$1"
    same "$told" "$2"
    flow "$1"
    same "$told" "$3"
}

@test "the example for node spares npm the download" {
    in_project
    twice node "test: success
  miss
  npm ci; downloaded x.tgz
  saved
  npm test; tested" "test: success
  hit
  npm test; tested"
    # What npm ci would remove is not fetched.
    echo 2 >"$T/repository/package-lock.json"
    flow node
    has "$told" "  miss
  npm ci"
}

@test "the example for cargo does not compile again, and leaves out what it says" {
    in_project
    twice cargo "test: success
  miss
  cargo test --locked; downloaded x.crate; compiled
  saved" "test: success
  hit
  cargo test --locked"
    # The next commit goes on from there, with other dependencies too.
    echo 2 >"$T/repository/Cargo.lock"
    flow cargo --sha 1111111111111111111111111111111111111111
    same "$told" "test: success
  older
  cargo test --locked
  saved"
}

@test "the example for ccache reuses objects, and refreshes them" {
    local apk="apk add --no-cache build-base ccache git"
    in_project
    twice ccache "build: success
  $apk; installed
  miss
  export CCACHE_DIR=\"\$GITHUB_WORKSPACE/.ccache\"; ccache gcc -c one.c; compiled
  saved" "build: success
  $apk; installed
  hit
  export CCACHE_DIR=\"\$GITHUB_WORKSPACE/.ccache\"; ccache gcc -c one.c
  not saved"
    echo 'int changed;' >"$T/repository/one.c"
    flow ccache
    has "$told" "one.c; compiled"
    flow ccache
    lacks "$told" "one.c; compiled"
}

@test "the example for gradle downloads once, and pull requests only read" {
    in_project
    twice gradle "build: success
  miss
  ./gradlew --build-cache build; downloaded x.jar
  saved" "build: success
  hit
  ./gradlew --build-cache build"
    echo 2 >"$T/repository/build.gradle"
    flow gradle --event pull_request
    has "$told" "  older"
    has "$told" "  ./gradlew --build-cache build
  not saved"
    lacks "$told" warning
}

@test "the example that looks first builds only on a miss" {
    in_project
    twice lookup "look: success
  miss
toolchain: success
  ./build-toolchain toolchain; built the toolchain
  saved
test: success
  hit
  ./test toolchain; tested" "look: success
  hit
toolchain: skipped
test: success
  hit
  ./test toolchain; tested"
    # A pull request uses the default branch's.
    flow lookup --event pull_request
    has "$told" "toolchain: skipped
test: success
  hit"
}

@test "each job of the matrix has its own cache, and a hit" {
    local version runner first="" second=""
    in_project
    for version in 20 22 24; do
        for runner in ubuntu-24.04 ubuntu-24.04-arm; do
            first+="test ($version, $runner): success
  miss
  npm ci; downloaded x.tgz
  npm test; tested
  saved
"
            second+="test ($version, $runner): success
  hit
  npm test; tested
  not saved
"
        done
    done
    twice matrix "${first%?}" "${second%?}"
}

@test "the examples for upkeep remove what a closed pull request saved, and run gc" {
    in_project
    # What a clone brings.
    cd "$T/bin"
    tool git "mkdir -p xcache && ln -s '$TREE/dist' xcache/dist"
    flow node
    echo 2 >"$T/repository/package-lock.json"
    flow node --event pull_request
    same "$(count manifests)" 2
    flow pull-request-closed --event pull_request
    has "$told" "remove: success"
    has "$told" "Removed npm-"
    same "$(count manifests)" 1
    sed -i 's/^  workflow_dispatch:/  push:/' "$T/workflows/gc.yml"
    flow gc
    has "$told" "gc: success"
    has "$told" "0 packs, 0 B, removed"
    has "$told" "1 pack"
    has "$told" "tombstones"
}

@test "every workflow of the pages has a hit in its second run" {
    local name count=0
    in_project
    for name in "$T/workflows"/{ACTIONS,MIGRATING}-*.yml; do
        name=${name##*/}
        rm -rf "$T/store"
        flow "${name%.yml}"
        [[ $told == *": success"*$'\n  miss\n'*$'\n  saved'* ]] || fail "$name, first: $told"
        flow "${name%.yml}"
        [[ $told == *": success"*$'\n  hit'* ]] || fail "$name, second: $told"
        lacks "$told" downloaded
        lacks "$told" compiled
        count=$((count + 1))
    done
    [ "$count" -ge 7 ] || fail "only $count pages' blocks were found"
}

@test "a switch from a shell action starts with its cache" {
    local source
    in_project
    # The object of that action, with what ccache had.
    mkdir -p "$T/old" "$T/store"
    source=$(sha256sum <"$T/repository/one.c" | cut -c1-9)
    put "$T/old/$source" one.c
    tar -C "$T/old" -cf - . | zstd -q >"$T/store/ccache-base.tar.zst"
    flow MIGRATING-6
    has "$told" "  hit
  make"
    lacks "$told" compiled
    # From then on there is an entry.
    rm "$T/store/ccache-base.tar.zst"
    flow MIGRATING-6
    has "$told" "  hit"
}

@test "these tests notice a path that differs between restore and save" {
    in_project
    sed -i '$!N; /org.xcache.save/,$ s|path: node_modules|path: ./node_modules|; P; D' \
        "$T/workflows/README-1.yml"
    flow README-1
    flow README-1
    has "$told" "  miss"
}

@test "with the policies the README's workflow works, and pull requests cannot write for main" {
    local policies=$ROOT/docs/policies ours=(--repository octo-org/octo-repo)
    in_project
    needs sts
    use_server radosgw
    make_role "$policies/trust-default-branch.json" "$policies/default-branch.json"
    MAIN=$ROLE
    make_role "$policies/trust-pull-requests.json" "$policies/pull-requests.json"
    PULL=$ROLE
    no_keys
    STORE="$XCACHE_STORE&sts-endpoint=${XC_TEST_RADOSGW_ENDPOINT//:/%3A}"
    unset XCACHE_STORE
    as_job
    flow README-1 "${ours[@]}"
    has "$told" "  miss
  npm ci; downloaded x.tgz
  saved"
    as_job ref=refs/pull/7/merge event_name=pull_request
    flow README-1 "${ours[@]}" --event pull_request
    has "$told" "  hit"
    lacks "$told" warning
    # What it changes it saves for itself alone.
    echo 2 >"$T/repository/package-lock.json"
    flow README-1 "${ours[@]}" --event pull_request
    has "$told" "  saved"
    flow README-1 "${ours[@]}" --event pull_request
    has "$told" "  hit"
    as_job
    flow README-1 "${ours[@]}"
    has "$told" "  miss"
}
