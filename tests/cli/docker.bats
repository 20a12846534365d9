#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The root action in the container that its Dockerfile makes, main and post, with the mounts and
# variables of a runner, by podman (scripts/deps docker). Skipped where podman cannot run.

load helpers
load servers

RUNNER=$BATS_TEST_DIRNAME/../runner

# What podman keeps is shared by the tests of this file: the image is built once.
setup_file() {
    PODMAN=$(mktemp -d)
    export PODMAN
    probe >"$PODMAN/why" 2>&1 && rm "$PODMAN/why"
    return 0
}

teardown_file() {
    [ ! -d "$PODMAN/root" ] || "$RUNNER/podman" "$PODMAN" rm -a -f -t 0 >/dev/null || true
    rm -rf "$PODMAN"
}

# Whether a container that has nothing to do with the action runs; the last line says why not.
probe() {
    command -v podman >/dev/null || fail "no podman (scripts/deps docker)" || return
    is_root || fail "podman needs root here" || return
    command -v unshare >/dev/null || fail "no unshare" || return
    mkdir "$PODMAN/probe"
    strip -o "$PODMAN/probe/xcache" "$XCACHE" || cp "$XCACHE" "$PODMAN/probe/xcache"
    printf 'FROM scratch\nCOPY xcache /xcache\n' >"$PODMAN/probe/Dockerfile"
    "$RUNNER/podman" "$PODMAN" build -q --network=none -t probe "$PODMAN/probe" || return
    timeout 30 "$RUNNER/podman" "$PODMAN" run --rm --ulimit nofile=1000:1000 \
        --ulimit nproc=1000:1000 --cgroups=disabled --network=host probe /xcache --version
}

# The tree of the actions, and what a runner would have of the program.
in_containers() {
    local root=$BATS_TEST_DIRNAME/../..
    [ ! -e "$PODMAN/why" ] || skip "podman cannot run containers here: $(tail -n 1 "$PODMAN/why")"
    unset XCACHE_STORE
    # One place for all tests: the image of a place is built once.
    TREE=$PODMAN/tree
    STORE=file:///github/workspace/.store
    [ ! -d "$TREE" ] || return 0
    mkdir -p "$TREE/dist"
    cp -r "$root/action.yml" "$root/Dockerfile" "$root/.dockerignore" "$TREE"
    if [ -n "${DIST-}" ]; then
        cp "$DIST"/xcache-linux-* "$DIST/ca-certificates.crt" "$TREE/dist"
    else
        cp "$PODMAN/probe/xcache" "$TREE/dist/xcache-linux-x64"
        cat /usr/share/ca-certificates/mozilla/*.crt >"$TREE/dist/ca-certificates.crt" 2>/dev/null ||
            echo none >"$TREE/dist/ca-certificates.crt"
    fi
}

# Run one job from standard input; its result, as JSON, is in $result. Of the workspace only the
# store outlives a job.
job() {
    rm -rf "${T:?}/ws/tree" "$T/ws/other" "$T/temp"
    result=$("$RUNNER/run" --tree "$TREE" --workspace "$T/ws" --temp "$T/temp" --podman "$PODMAN")
}

# A job that restores and saves by the root action: root_job KEY [COMMAND [MORE-INPUTS]].
root_job() {
    job <<YAML
ref: refs/heads/main
payload: {repository: {full_name: owner/name, default_branch: main}}
node: {ACTIONS_CACHE_MODE: '${MODE-}'}
steps:
  - id: cache
    uses: org/xcache@v1
    with:
      path: |
        \${{ github.workspace }}/tree
        ${OTHER_PATH:-other}
      key: $1
      restore-keys: k-
      store: '$STORE'
      aws-access-key-id: '${AWS_ACCESS_KEY_ID-}'
      aws-secret-access-key: '${AWS_SECRET_ACCESS_KEY-}'
      ${3-}
  - id: build
    if: steps.cache.outputs.cache-hit != 'true'
    run: mkdir -p tree && echo $1 | tee tree/file >other && ${2:-true}
  - id: test
    run: cat tree/file other
YAML
}

output_of() {
    json "d['steps']['$1']['outputs'].get('$2', '')" <<<"$result"
}

outcome_of() {
    json "d['steps']['$1']['outcome']" <<<"$result"
}

said() {
    has "$(json "'\n'.join(d['steps']['$1']['lines'])" <<<"$result")" "$2"
}

# Two jobs and a third with another key, in the store that $STORE names.
miss_save_hit() {
    root_job k-1
    same "$(outcome_of cache) $(outcome_of build) $(outcome_of post1)" "success success success"
    same "$(output_of cache cache-hit)" ""
    said cache "Cache not found for input keys: k-1, k-"
    said post1 "Cache saved with key: k-1"
    root_job k-1
    same "$(outcome_of cache) $(outcome_of build) $(outcome_of post1)" "success skipped success"
    same "$(output_of cache cache-hit)" "true"
    same "$(output_of cache cache-files)" "2"
    said test $'k-1\nk-1'
    said post1 "Cache hit occurred on the primary key k-1, not saving cache."
    root_job k-2
    same "$(output_of cache cache-hit)" "false"
    said post1 "Cache saved with key: k-2"
}

@test "the root action restores and saves in its container" {
    in_containers
    miss_save_hit
    # What a later step or the summary shows has come out of the container as well.
    has "$(json "d['steps']['cache']['summary']" <<<"$result")" "k-1"
    same "$(json "d['steps']['cache']['state']['CACHE_KEY']" <<<"$result")" "k-2"
}

@test "the container reaches a server on the machine" {
    in_containers
    use_server radosgw
    STORE=$XCACHE_STORE
    unset XCACHE_STORE
    miss_save_hit
    # The keys came as inputs whose names have dashes, and nobody sees them.
    lacks "$(json "'\n'.join(d['steps']['cache']['lines'])" <<<"$result")" "$AWS_SECRET_ACCESS_KEY"
}

@test "lookup-only restores nothing in the container" {
    in_containers
    root_job k-1
    root_job k-1 true "lookup-only: true"
    same "$(output_of cache cache-hit) $(outcome_of test)" "true failure"
    said cache "Cache found and can be restored from key: k-1"
}

@test "fail-on-cache-miss fails in the container, and the failed job is not saved" {
    in_containers
    root_job k-1 true "fail-on-cache-miss: true"
    same "$(json 'd["success"]' <<<"$result") $(outcome_of cache)" "false failure"
    same "$(outcome_of build) $(outcome_of post1)" "skipped skipped"
    # Nor is a job that fails by itself.
    root_job k-1 "exit 1"
    same "$(outcome_of cache) $(outcome_of post1)" "success skipped"
    absent "$T/ws/.store"
}

@test "the container gets the cache mode" {
    in_containers
    MODE=none root_job k-1
    said cache "the effective cache-mode 'none' does not permit reads"
    absent "$T/ws/.store"
}

@test "paths that the container does not have are reported" {
    in_containers
    OTHER_PATH=~/.tool root_job k-1
    has "$(json "str(d['steps']['cache']['commands'])" <<<"$result")" \
        "so the path $T/home/.tool refers to the container, not to the job; use org/xcache/restore"
    said post1 "Cache saved with key: k-1"
}

@test "a job container without certificates reaches a store by https" {
    in_containers
    use_server radosgw tls
    # The action's folder as a runner mounts it, with the authority of this server.
    mkdir "$T/actions"
    cp "$TREE/dist/xcache-linux-x64" "$T/actions"
    put tree/file
    save_in_container() {
        "$RUNNER/podman" "$PODMAN" run --rm --ulimit nofile=1000:1000 --ulimit nproc=1000:1000 \
            --cgroups=disabled --network=host -v "$T/actions:/__w/_actions" -v "$T/ws:/__w/ws" \
            -w /__w/ws -e "XCACHE_STORE=$XCACHE_STORE" -e "AWS_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID" \
            -e "AWS_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY" -e AWS_EC2_METADATA_DISABLED=true \
            probe /__w/_actions/xcache-linux-x64 save --key k --path tree
    }
    run_split save_in_container
    [ "$status" -ne 0 ] || fail "a server was trusted without certificates"
    cp "$XC_TEST_CA" "$T/actions/ca-certificates.crt"
    ends 0 save_in_container
}

@test "each image has the program for its processor" {
    local image layer
    in_containers
    cp -r "$TREE" "$T/tree"
    echo arm64 >"$T/tree/dist/xcache-linux-arm64"
    image=$("$RUNNER/podman" "$PODMAN" build -q --network=none --platform linux/arm64 "$T/tree")
    "$RUNNER/podman" "$PODMAN" save --format oci-dir -o "$T/image" "$image" >/dev/null
    for layer in "$T"/image/blobs/sha256/*; do
        ! tar -xOf "$layer" xcache 2>/dev/null | grep -qx arm64 || return 0
    done
    fail "no layer has it"
}

# A machine with a workspace at /github/workspace, as the root action's container has it: everything of this one, bound
# into a folder of this test's. Runs a script in it.
in_workspace_of() {
    local user=$1
    is_root || skip "needs root"
    unshare -m true 2>/dev/null || skip "no mount namespaces"
    mkdir -p "$T/root"
    TOP=$T/root USER_ID=$user unshare -m sh -euc '
        mount -t tmpfs none "$TOP"
        for at in /*; do
            if [ -L "$at" ]; then cp -P "$at" "$TOP"
            elif [ -d "$at" ]; then mkdir "$TOP$at" && mount --rbind "$at" "$TOP$at"
            fi
        done
        mkdir -p "$TOP/github/workspace"
        chown "$USER_ID:$USER_ID" "$TOP/github/workspace"
        exec chroot "$TOP" sh -euc "$1"' sh "$2"
}

@test "what the root action restores belongs to the workspace's owner" {
    unset XCACHE_STORE
    export XCACHE STORE=file:///github/store
    run in_workspace_of 1001 '
        cd /github/workspace
        export GITHUB_WORKSPACE=$PWD GITHUB_REF=refs/heads/main GITHUB_REPOSITORY=o/r GITHUB_EVENT_NAME=push
        export HOME=/github/home GITHUB_STATE=/github/state GITHUB_OUTPUT=/github/output
        export INPUT_PATH=a/b/tree INPUT_KEY=k INPUT_STORE=$STORE
        mkdir -p a/b/tree/d
        echo x >a/b/tree/d/f
        ln -s d a/b/tree/l
        chown -h 1234:1234 a/b/tree/d/f
        chmod 4755 a/b/tree/d/f
        "$XCACHE" save --store "$STORE" --repository o/r --scope refs/heads/main --key k --path a/b/tree -q
        rm -r a
        "$XCACHE" action root
        find a -printf "%U:%G %m %p\n" | sort -k 3'
    [ "$status" -eq 0 ] || fail "$output"
    same "$(grep ' a' <<<"$output" | tail -6)" "\
1001:1001 755 a
1001:1001 755 a/b
1001:1001 755 a/b/tree
1001:1001 755 a/b/tree/d
1001:1001 755 a/b/tree/d/f
1001:1001 777 a/b/tree/l"
}
