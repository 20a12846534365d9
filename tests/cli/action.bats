#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The entry points of the actions: outputs, messages, validations and exit codes of actions/cache.
# action_radosgw.bats is the same file: by that name its tests use a bucket instead of a folder.

load helpers
load servers
load action_helpers

saved() {
    put "${2:-tree}/file" "${3:-text}"
    act save INPUT_KEY="$1" INPUT_PATH="${2:-tree}"
    line "Cache saved with key: $1"
    rm -rf "${2:-tree}"
}

@test "an exact hit sets the outputs of actions/cache's restore" {
    in_workflow
    saved k-1
    act restore INPUT_KEY=k-1 INPUT_PATH=tree
    same "$status" 0
    same "$(outputs)" $'cache-hit=true\ncache-matched-key=k-1\ncache-primary-key=k-1'
    line "Cache hit for: k-1"
    line "Cache restored successfully"
    line "Cache restored from key: k-1"
    [[ $output =~ Cache\ Size:\ ~0\ MB\ \([0-9]+\ B\) ]]
    same "$(cat tree/file)" text
    same "$(commands)" ""
}

@test "a restore also sets outputs of its own" {
    in_workflow
    saved k-1
    act restore INPUT_KEY=k-1 INPUT_PATH=tree
    values_of "$GITHUB_OUTPUT" | grep -qx "cache-files=1"
    store=${INPUT_STORE//%3A/:}
    values_of "$GITHUB_OUTPUT" | grep -qxF "cache-store=${store//%2F//}"
    values_of "$GITHUB_OUTPUT" | grep -qx "cache-size=$(pack_bytes)"
}

@test "a hit by a restore key, or by the key as a prefix, is not exact" {
    in_workflow
    saved k-1
    act restore INPUT_KEY=k-2 INPUT_PATH=tree INPUT_RESTORE_KEYS=$'x-\nk-'
    same "$(outputs)" $'cache-hit=false\ncache-matched-key=k-1\ncache-primary-key=k-2'
    line "Cache hit for restore-key: k-1"
    line "Cache restored from key: k-1"
    present tree/file
    act restore INPUT_KEY=k- INPUT_PATH=tree
    same "$(outputs)" $'cache-hit=false\ncache-matched-key=k-1\ncache-primary-key=k-'
}

@test "an entry by a restore key is an exact hit if its key differs only in case" {
    in_workflow
    saved Linux-Rust
    act restore INPUT_KEY=linux-rust INPUT_PATH=tree INPUT_RESTORE_KEYS=Linux
    same "$(outputs)" $'cache-hit=true\ncache-matched-key=Linux-Rust\ncache-primary-key=linux-rust'
    line "Cache hit for restore-key: Linux-Rust"
}

@test "a miss sets no cache-hit and passes" {
    in_workflow
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    same "$(outputs)" "cache-primary-key=k"
    line "Cache not found for input keys: k"
    act restore INPUT_KEY=k INPUT_PATH=tree "INPUT_RESTORE-KEYS="$'a\n\r\nb \n'
    same "$(outputs)" "cache-primary-key=k"
    line "Cache not found for input keys: k, a, b"
    same "$(commands)" ""
}

@test "a miss names the closest key and entries of other path lines" {
    in_workflow
    saved npm-1
    act restore INPUT_KEY=npm-2 INPUT_PATH=tree
    line "Closest key: npm-1 in scope refs/heads/main"
    act restore INPUT_KEY=npm-1 INPUT_PATH=other
    has "$output" "saved with other path lines"
    # The key itself is nearer than a newer one that begins so.
    saved npm-10
    act restore INPUT_KEY=npm-1 INPUT_PATH=other
    line "Closest key: npm-1 in scope refs/heads/main, saved with other path lines, so it does not match"
}

@test "a hit says how much time it saved" {
    in_workflow
    mkdir -p "$T/temp"
    export RUNNER_TEMP=$T/temp
    act restore INPUT_KEY=k-1 INPUT_PATH=tree
    # As if the step had been two minutes ago.
    touch -d '-128 seconds' "$T"/temp/xcache-build-*
    saved k-1
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Built in | 2 min "
    act restore INPUT_KEY=k-1 INPUT_PATH=tree
    [[ $output =~ "Saved time: 2 min "[0-9]+" s: building it took 2 min "[0-9]+" s when it was saved" ]]
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Saved time | 2 min "
    # After an older entry the job builds, and an entry of another job has nothing to tell.
    act restore INPUT_KEY=k-2 INPUT_PATH=tree INPUT_RESTORE_KEYS=k-
    no_line_with "Saved time"
    rm "$T"/temp/xcache-build-*
    saved k-3
    lacks "$(cat "$GITHUB_STEP_SUMMARY")" "Built in"
    act restore INPUT_KEY=k-3 INPUT_PATH=tree
    no_line_with "Saved time"
    same "$(find "$T/temp" -name 'xcache-build-*')" ""
}

@test "the newest entry wins, and restore keys are tried in order" {
    in_workflow
    saved k-old
    tick
    saved k-new
    saved z-1
    act restore INPUT_KEY=n INPUT_PATH=tree INPUT_RESTORE_KEYS=$'k-\nz-'
    line "Cache hit for restore-key: k-new"
    act restore INPUT_KEY=n INPUT_PATH=tree INPUT_RESTORE_KEYS=$'z-\nk-'
    line "Cache hit for restore-key: z-1"
}

@test "fail-on-cache-miss fails a miss and no hit" {
    in_workflow
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_FAIL_ON_CACHE_MISS=TRUE INPUT_RESTORE_KEYS=r
    same "$status" 1
    same "$(outputs)" "cache-primary-key=k"
    same "$(commands)" "error Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: k"
    no_line_with "Cache not found"
    saved k-1
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_FAIL_ON_CACHE_MISS=true
    same "$status" 0
    same "$(outputs)" $'cache-hit=false\ncache-matched-key=k-1\ncache-primary-key=k'
}

@test "lookup-only restores nothing and reports the entry" {
    in_workflow
    saved k-1
    act restore INPUT_KEY=k-1 INPUT_PATH=tree INPUT_LOOKUP_ONLY=true
    line "Cache hit for: k-1"
    line "Lookup only - skipping download"
    line "Cache found and can be restored from key: k-1"
    same "$(outputs)" $'cache-hit=true\ncache-matched-key=k-1\ncache-primary-key=k-1'
    absent tree
    act restore INPUT_KEY=k-2 INPUT_PATH=tree INPUT_LOOKUP_ONLY=true INPUT_RESTORE_KEYS=k
    same "$(outputs)" $'cache-hit=false\ncache-matched-key=k-1\ncache-primary-key=k-2'
    act restore INPUT_KEY=m INPUT_PATH=tree INPUT_LOOKUP_ONLY=true INPUT_FAIL_ON_CACHE_MISS=true
    same "$status" 1
    # The root action's save comes all the same, but after an exact hit.
    act main INPUT_KEY=k-2 INPUT_PATH=tree INPUT_LOOKUP_ONLY=true INPUT_RESTORE_KEYS=k
    same "$(outputs) $(states)" $'cache-hit=false CACHE_KEY=k-2\nCACHE_RESULT=k-1'
    absent tree
    put tree/file
    act post INPUT_PATH=tree INPUT_LOOKUP_ONLY=true STATE_CACHE_KEY=k-2 STATE_CACHE_RESULT=k-1
    line "Cache saved with key: k-2"
}

@test "each output is set once, and none beyond those that are documented" {
    in_workflow
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$(names_set "$GITHUB_OUTPUT")" "cache-primary-key"
    act main INPUT_KEY=k INPUT_PATH=tree
    same "$(names_set "$GITHUB_OUTPUT") $(names_set "$GITHUB_STATE")" " CACHE_KEY XCACHE_MAIN"
    saved k
    same "$(names_set "$GITHUB_OUTPUT")$(names_set "$GITHUB_STATE")" ""
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$(names_set "$GITHUB_OUTPUT")" \
        "cache-files cache-hit cache-matched-key cache-primary-key cache-size cache-store"
    same "$(names_set "$GITHUB_STATE")" ""
    act main INPUT_KEY=k INPUT_PATH=tree
    same "$(names_set "$GITHUB_OUTPUT")" "cache-files cache-hit cache-size cache-store"
    same "$(names_set "$GITHUB_STATE")" "CACHE_KEY CACHE_RESULT XCACHE_MAIN"
    act post INPUT_PATH=tree STATE_CACHE_KEY=k STATE_CACHE_RESULT=k
    same "$(names_set "$GITHUB_OUTPUT")$(names_set "$GITHUB_STATE")" ""
}

@test "inputs that only other actions know change nothing" {
    in_workflow
    put tree/file
    act save INPUT_KEY=k INPUT_PATH=tree INPUT_ENABLECROSSOSARCHIVE=true INPUT_UPLOAD_CHUNK_SIZE=bar
    line "Cache saved with key: k"
    same "$(commands)" ""
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_UPLOAD_CHUNK_SIZE=8
    same "$(outputs | head -n 1)" "cache-hit=true"
    same "$(commands)" ""
}

@test "the size in the log is rounded as actions/cache does" {
    in_workflow
    mkdir tree
    head -c 1600000 /dev/urandom >tree/file
    act save INPUT_KEY=k INPUT_PATH=tree
    act restore INPUT_KEY=k INPUT_PATH=tree
    line "Cache Size: ~2 MB ($(pack_bytes) B)"
}

@test "what an older action saved is found only with legacy-layout" {
    in_workflow
    put old/file text
    touch -d @1500000000 old/file old
    tar -C old -cf - . | zstd -q >"$T/base"
    put_object k-base.tar.zst "$T/base"
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$(outputs)" "cache-primary-key=k"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_LEGACY_LAYOUT=true
    same "$status" 0
    same "$(outputs)" $'cache-hit=true\ncache-matched-key=k\ncache-primary-key=k'
    same_tree old tree
    rm -r tree
    act restore INPUT_KEY=k2 INPUT_PATH=tree INPUT_RESTORE_KEYS=k INPUT_LEGACY_LAYOUT=true
    same "$(outputs)" $'cache-hit=false\ncache-matched-key=k\ncache-primary-key=k2'
    same_tree old tree
}

@test "invalid inputs fail a restore" {
    local nine=$'1\n2\n3\n4\n5\n6\n7\n8\n9' long
    in_workflow
    act restore INPUT_PATH=tree
    same "$status $(commands)" "1 error Input required and not supplied: key"
    same "$(outputs)" ""
    act restore INPUT_KEY=' ' INPUT_PATH=tree
    same "$status $(commands)" "1 error Input required and not supplied: key"
    act restore
    same "$(commands)" "error Input required and not supplied: key"
    act restore INPUT_KEY=k INPUT_PATH=$' \n'
    same "$status $(commands)" "1 error Input required and not supplied: path"
    same "$(outputs)" "cache-primary-key=k"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_RESTORE_KEYS="$nine"
    same "$status" 0
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_RESTORE_KEYS="$nine"$'\n10'
    same "$status $(commands)" "1 error Key Validation Error: Keys are limited to a maximum of 10."
    act main INPUT_KEY=k INPUT_PATH=tree INPUT_RESTORE_KEYS="$nine"$'\n10' INPUT_LOOKUP_ONLY=true
    same "$status $(commands)" "1 error Key Validation Error: Keys are limited to a maximum of 10."
    same "$(outputs)" ""
    long=$(printf 'k%.0s' {1..512})
    act restore INPUT_KEY="$long" INPUT_PATH=tree
    same "$status" 0
    act restore INPUT_KEY="${long}k" INPUT_PATH=tree
    same "$status $(commands)" "1 error Key Validation Error: ${long}k cannot be larger than 512 characters."
    act restore INPUT_KEY=a,b INPUT_PATH=tree
    same "$status $(commands)" "1 error Key Validation Error: a,b cannot contain commas."
    same "$(outputs)" "cache-primary-key=a,b"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_RESTORE_KEYS=$'a\nb,c'
    same "$status $(commands)" "1 error Key Validation Error: b,c cannot contain commas."
}

@test "invalid inputs pass a save, with a warning and no annotation" {
    local long
    in_workflow
    put tree/file
    ln -s nowhere broken
    act save INPUT_PATH=tree
    same "$status" 0
    line "[warning]Key is not specified."
    act save INPUT_KEY=k
    same "$status" 0
    line "[warning]Input required and not supplied: path"
    act save INPUT_KEY=a,b INPUT_PATH=tree
    line "[warning]Key Validation Error: a,b cannot contain commas."
    long=$(printf 'k%.0s' {1..513})
    act save INPUT_KEY="$long" INPUT_PATH=tree
    line "[warning]Key Validation Error: $long cannot be larger than 512 characters."
    for path in nothing Tree tree/file/ broken '#tree' '!tree' $'tree\n!tree' 'tr{ee,y}' '~nobody/x' '$PWD/tree'; do
        act save INPUT_KEY=k INPUT_PATH="$path"
        same "$status" 0
        line "[warning]Path Validation Error: Path(s) specified in the action for caching do(es) not exist, hence no cache is being saved."
        same "$(commands)" ""
    done
    act save INPUT_KEY=k INPUT_PATH=a/../b
    same "$status" 0
    line "[warning]Invalid pattern 'a/../b'. Relative pathing '.' and '..' is not allowed."
    same "$(commands)" ""
    same "$(keys_in refs/heads/main)" ""
}

@test "a path that no save can use is a miss for a restore" {
    in_workflow
    act restore INPUT_KEY=k INPUT_PATH=a/../b
    same "$status" 0
    same "$(outputs)" "cache-primary-key=k"
    line "Cache not found for input keys: k"
}

@test "an event without a ref passes and uses no caches" {
    in_workflow
    unset GITHUB_REF
    for entry in restore save main post; do
        act "$entry" INPUT_KEY=k INPUT_PATH=tree GITHUB_EVENT_NAME=deployment INPUT_FAIL_ON_CACHE_MISS=true
        same "$status" 0
        line "[warning]Event Validation Error: The event type deployment is not supported because it's not tied to a branch or tag ref."
        same "$(outputs)$(states)$(commands)" ""
    done
}

@test "an error of the store is a miss with a warning for a restore" {
    in_workflow
    saved k
    spoil_pack
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    one_warning "Failed to restore: "
    line "Cache not found for input keys: k"
    same "$(outputs)" "cache-primary-key=k"
    absent tree
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_FAIL_ON_CACHE_MISS=true
    same "$status" 1
    act main INPUT_KEY=k INPUT_PATH=tree
    same "$status $(outputs)" "0 "
    same "$(states)" "CACHE_KEY=k"
    break_store
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_LOOKUP_ONLY=true
    same "$status" 0
    one_warning "Failed to restore: "
    line "Cache not found for input keys: k"
    same "$(outputs)" "cache-primary-key=k"
}

@test "an error of the store is a warning for a save" {
    in_workflow
    put tree/file
    break_store
    act save INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    one_warning "Failed to save: "
    no_line_with "Cache saved"
}

@test "a store that cannot even be opened is a miss with a warning" {
    in_workflow
    put tree/file
    export XCACHE_CA_BUNDLE=$T INPUT_STORE='s3://bucket?region=r&endpoint=https://127.0.0.1:1'
    export INPUT_AWS_ACCESS_KEY_ID=id INPUT_AWS_SECRET_ACCESS_KEY=secret
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_CLEAR_TAG=
    same "$status" 0
    [[ $(commands) == *"warning Failed to restore: "*"cannot read the certificates to trust"* ]]
    line "Key: k"
    line "Cache not found for input keys: k"
    act save INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    [[ $(commands) == *"warning Failed to save: "* ]]
}

@test "a key with an entry is saved again only with update" {
    in_workflow
    saved k tree first
    put tree/file second
    act save INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    [[ $output == *"Failed to save: Unable to reserve cache with key k, another job may be creating this cache. More details: Cache already exists. Scope: refs/heads/main, Key: k, Version: "* ]]
    no_line_with "Cache saved"
    same "$(commands)" ""
    act save INPUT_KEY=k INPUT_PATH=tree INPUT_UPDATE=true
    line "Cache saved with key: k"
    rm -r tree
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$(cat tree/file)" second
}

@test "a save sends what the entry that was restored lacks" {
    in_workflow
    mkdir "$T/temp"
    export RUNNER_TEMP=$T/temp
    saved k-1 tree first
    put tree/file first
    put tree/more "$(seq 1000)"
    act save INPUT_KEY=k-2 INPUT_PATH=tree INPUT_PARENT_KEY=k-
    has "$output" "shared with k-1: 1 new or changed, 1 kept (1 with new times or modes), 2 layers"
    grep -q "| Sharing | sent .* shared with k-1" "$GITHUB_STEP_SUMMARY"
    rm -r tree
    act restore INPUT_KEY=k-2 INPUT_PATH=tree
    put tree/new new
    act save INPUT_KEY=k-3 INPUT_PATH=tree
    has "$output" "shared with k-2: 1 new or changed, 2 kept, 3 layers"
    rm -r tree
    act restore INPUT_KEY=k-3 INPUT_PATH=tree
    same "$(cat tree/file tree/new) $(tail -n 1 tree/more)" "firstnew 1000"
}

@test "the root action keeps its key until the end of the job" {
    in_workflow
    act main INPUT_KEY=k-1 INPUT_PATH=tree INPUT_RESTORE_KEYS=k-
    same "$(outputs)" ""
    same "$(states)" "CACHE_KEY=k-1"
    put tree/file
    act post INPUT_KEY=changed INPUT_PATH=tree STATE_CACHE_KEY=k-1
    line "Cache saved with key: k-1"
    act main INPUT_KEY=k-1 INPUT_PATH=tree
    same "$(outputs)" "cache-hit=true"
    same "$(states)" $'CACHE_KEY=k-1\nCACHE_RESULT=k-1'
    act post INPUT_KEY=k-1 INPUT_PATH=tree STATE_CACHE_KEY=k-1 STATE_CACHE_RESULT=K-1
    line "Cache hit occurred on the primary key k-1, not saving cache."
    act post INPUT_KEY=k-1 INPUT_PATH=tree STATE_CACHE_KEY=k-1 STATE_CACHE_RESULT=k-1 INPUT_UPDATE=true
    line "Cache of key k-1: nothing changed since the entry was saved, so nothing was sent."
    no_line_with "Cache saved"
    put tree/another
    act post INPUT_KEY=k-1 INPUT_PATH=tree STATE_CACHE_KEY=k-1 STATE_CACHE_RESULT=k-1 INPUT_UPDATE=true
    line "Cache saved with key: k-1"
    act main INPUT_KEY=k-2 INPUT_PATH=tree INPUT_RESTORE_KEYS=k-
    same "$(outputs)" "cache-hit=false"
    same "$(states)" $'CACHE_KEY=k-2\nCACHE_RESULT=k-1'
    act post INPUT_PATH=tree STATE_CACHE_KEY=k-2 STATE_CACHE_RESULT=k-1
    line "Cache saved with key: k-2"
    act post INPUT_PATH=tree STATE_CACHE_RESULT=k-1
    line "[warning]Key is not specified."
    act main INPUT_KEY=none INPUT_PATH=tree INPUT_FAIL_ON_CACHE_MISS=true
    same "$status $(outputs)" "1 "
    same "$(commands)" "error Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: none"
}

@test "the root action restores, and saves when the job ends" {
    in_workflow
    act root INPUT_KEY=k INPUT_PATH=tree
    line "Cache not found for input keys: k"
    values_of "$GITHUB_STATE" | grep -qx XCACHE_MAIN=done
    put tree/file
    ln -s "$XCACHE" "$T/xcache-post"
    XCACHE=$T/xcache-post act root INPUT_PATH=tree STATE_XCACHE_MAIN=done STATE_CACHE_KEY=k
    line "Cache saved with key: k"
    XCACHE=$T/xcache-post act root INPUT_KEY=k2 INPUT_PATH=tree
    line "The main step of this action did not run in this job: nothing is saved."
    same "$(keys_in refs/heads/main)" k
}

@test "the root action warns of paths that its container does not have" {
    in_workflow
    act main GITHUB_WORKSPACE=/github/workspace INPUT_KEY=k INPUT_PATH=$'~/.npm\n/opt/x\nnode_modules\n/github/workspace/a'
    same "$(commands | grep -c "^warning This action runs in a container.*so the path ")" 2
    has "$output" "the path ~/.npm"
    has "$output" "the path /opt/x"
    act main GITHUB_WORKSPACE=/github/workspace INPUT_KEY=k INPUT_PATH=tree INPUT_STORE=file:///var/cache/x
    same "$(commands | grep -c "^warning This action runs in a container.*the store file:///var/cache/x would vanish with it")" 1
    act main GITHUB_WORKSPACE=/github/workspace INPUT_KEY=k INPUT_PATH=tree INPUT_STORE=file:///github/workspace/x
    same "$(commands)" ""
    act restore INPUT_KEY=k INPUT_PATH='~/.npm'
    same "$(commands)" ""
}

@test "a missing store is explained" {
    in_workflow
    store=$INPUT_STORE
    unset INPUT_STORE
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$status" 1
    has "$(commands)" "error Input required and not supplied: store"
    act save INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    has "$(commands)" "warning Failed to save: Input required and not supplied: store"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_STORE=nonsense
    same "$status" 1
    act restore INPUT_KEY=k INPUT_PATH=tree XCACHE_STORE="$store"
    same "$status" 0
    line "Cache not found for input keys: k"
}

@test "a fork's pull request, which gets no secrets, passes without a store" {
    in_workflow
    unset INPUT_STORE
    export GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=main
    event '{"pull_request": {"head": {"repo": {"full_name": "stranger/name"}}}}'
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_CLEAR_TAG=
    same "$status" 0
    same "$(outputs)" "cache-hit=false"
    has "$output" "[warning]No store is configured"
    act main INPUT_KEY=k INPUT_PATH=tree INPUT_CLEAR_TAG=
    same "$status $(outputs)$(states)" "0 cache-hit=false"
    act save INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    same "$(commands)" ""
}

@test "invalid settings are reported" {
    in_workflow
    put tree/file
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_SCOPE=branch
    same "$status $(commands)" "1 error scope is branch; write ref or repository"
    act save INPUT_KEY=k INPUT_PATH=tree INPUT_COMPRESSION_LEVEL=99
    same "$status $(commands)" "0 warning Failed to save: compression-level is 99; write a number from 1 to 19"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_S3_BUCKET=b
    same "$status $(commands)" "1 error both store and s3-bucket are given; leave one out"
}

@test "an invalid number of connections is a warning and no failure" {
    in_workflow
    saved k
    act restore INPUT_KEY=k INPUT_PATH=tree XCACHE_CONNECTIONS=many
    same "$status" 0
    [[ $(commands) == "warning XCACHE_CONNECTIONS is 'many'"* ]]
    line "Cache restored from key: k"
}

@test "a ref sees its own caches, its base's and the default branch's, and no others" {
    in_workflow
    export INPUT_CLEAR_TAG=
    saved k-main
    GITHUB_REF=refs/heads/dev saved k-dev
    # A branch reads its own and the default branch's.
    act restore GITHUB_REF=refs/heads/topic INPUT_KEY=k-main INPUT_PATH=tree
    same "$(outputs | head -n 1)" "cache-hit=true"
    act restore GITHUB_REF=refs/heads/topic INPUT_KEY=k-dev INPUT_PATH=tree
    same "$(outputs)" "cache-primary-key=k-dev"
    # A pull request reads its base's too, and before the default branch's.
    act restore GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge GITHUB_BASE_REF=dev \
        INPUT_KEY=k- INPUT_PATH=tree
    line "Cache restored from key: k-dev"
    # The default branch does not read a branch's.
    act restore INPUT_KEY=k-dev INPUT_PATH=tree
    same "$(outputs)" "cache-primary-key=k-dev"
    # Nobody else reads what a pull request or a tag has saved.
    for ref in refs/pull/7/merge refs/tags/v1; do
        GITHUB_REF=$ref saved aside
        for other in refs/heads/main refs/heads/topic refs/pull/8/merge refs/tags/v2; do
            act restore GITHUB_REF=$other INPUT_KEY=aside INPUT_PATH=tree
            same "$(outputs)" "cache-primary-key=aside"
        done
        act restore GITHUB_REF=$ref INPUT_KEY=aside INPUT_PATH=tree
        same "$(outputs | head -n 1)" "cache-hit=true"
    done
    # An older entry of its own goes before the key itself elsewhere.
    GITHUB_REF=refs/heads/topic saved k-older
    act restore GITHUB_REF=refs/heads/topic INPUT_KEY=k-main INPUT_PATH=tree INPUT_RESTORE_KEYS=k-o
    line "Cache restored from key: k-older"
}

@test "the command line in a workflow reads the default branch's caches" {
    in_workflow
    saved k-main
    ends 0 env GITHUB_REF=refs/heads/topic "$XCACHE" restore --store "$INPUT_STORE" --key k- --path tree
    has "$output" "in scope refs/heads/main"
    GITHUB_EVENT_PATH=/no/such/file ends 3 env GITHUB_REF=refs/heads/topic "$XCACHE" restore \
        --store "$INPUT_STORE" --key k- --path tree
}

@test "scope: repository is shared by all refs" {
    in_workflow
    export INPUT_SCOPE=repository
    GITHUB_REF=refs/heads/dev saved k
    act restore GITHUB_REF=refs/heads/topic INPUT_KEY=k INPUT_PATH=tree
    same "$(outputs | head -n 1)" "cache-hit=true"
    act restore INPUT_SCOPE=ref INPUT_KEY=k INPUT_PATH=tree
    same "$(outputs)" "cache-primary-key=k"
}

@test "cache-mode is obeyed" {
    in_workflow
    saved k
    put tree/file
    for mode in none write-only; do
        act restore ACTIONS_CACHE_MODE=$mode INPUT_KEY=k INPUT_PATH=tree
        same "$status" 0
        line "Cache restore skipped: the effective cache-mode '$mode' does not permit reads."
        line "Cache not found for input keys: k"
        same "$(outputs)" "cache-primary-key=k"
    done
    for mode in none read; do
        act save ACTIONS_CACHE_MODE=$mode INPUT_KEY=new INPUT_PATH=tree
        same "$status" 0
        line "Cache save skipped: the effective cache-mode '$mode' does not permit writes."
        same "$(commands)" ""
    done
    same "$(keys_in refs/heads/main)" k
    for mode in read write '' unheard-of; do
        act restore ACTIONS_CACHE_MODE=$mode INPUT_KEY=k INPUT_PATH=tree
        line "Cache restored from key: k"
    done
    for mode in write write-only unheard-of ''; do
        act save ACTIONS_CACHE_MODE=$mode INPUT_KEY="new-$mode" INPUT_PATH=tree
        line "Cache saved with key: new-$mode"
    done
    # A miss like any other, for the root action as well.
    act restore ACTIONS_CACHE_MODE=none INPUT_KEY=k INPUT_PATH=tree INPUT_FAIL_ON_CACHE_MISS=true
    same "$status $(outputs)" "1 cache-primary-key=k"
    act main ACTIONS_CACHE_MODE=write-only INPUT_KEY=k INPUT_PATH=tree
    same "$status $(outputs)$(states)" "0 CACHE_KEY=k"
    act post ACTIONS_CACHE_MODE=read INPUT_PATH=tree STATE_CACHE_KEY=other
    line "Cache save skipped: the effective cache-mode 'read' does not permit writes."
}

@test "cache-mode may have any case and white space around it" {
    in_workflow
    saved k
    put tree/file
    act restore ACTIONS_CACHE_MODE=' None ' INPUT_KEY=k INPUT_PATH=tree
    line "Cache restore skipped: the effective cache-mode 'none' does not permit reads."
    act save ACTIONS_CACHE_MODE=$'READ\n' INPUT_KEY=new INPUT_PATH=tree
    line "Cache save skipped: the effective cache-mode 'read' does not permit writes."
    act restore ACTIONS_CACHE_MODE=' ' INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
}

@test "a reviewed pull request and a merge group read the branch that they go to" {
    local base='"base": {"ref": "dev"}, "head": {"repo": {"full_name": "owner/name"}}'
    in_workflow
    GITHUB_REF=refs/heads/dev saved k
    event "{\"pull_request\": {$base}}"
    act restore GITHUB_EVENT_NAME=pull_request_review GITHUB_REF=refs/pull/7/merge INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
    line "Scope: refs/heads/dev"
    event '{"merge_group": {"base_ref": "refs/heads/dev"}}'
    act restore GITHUB_EVENT_NAME=merge_group GITHUB_REF=refs/heads/gh-readonly-queue/dev/pr-7 INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
    # What it saves is for its own jobs, and it says so.
    act save GITHUB_EVENT_NAME=merge_group GITHUB_REF=refs/heads/gh-readonly-queue/dev/pr-7 INPUT_KEY=k2 INPUT_PATH=tree
    line "Cache saved with key: k2"
    line "Only later jobs of this run can restore it: no other run reads a merge queue's branch."
}

@test "untrusted triggers can read main's caches and cannot write" {
    in_workflow
    saved k
    put tree/file
    for name in pull_request_target issue_comment workflow_run; do
        act save GITHUB_EVENT_NAME=$name INPUT_KEY=new INPUT_PATH=tree
        same "$status" 0
        [[ $(commands) == "warning Failed to save: Unable to reserve cache with key new. More details: cache write denied: "* ]]
        act restore GITHUB_EVENT_NAME=$name INPUT_KEY=k INPUT_PATH=tree
        line "Cache restored from key: k"
    done
    same "$(keys_in refs/heads/main)" k
    act save INPUT_READ_ONLY=true INPUT_KEY=new INPUT_PATH=tree
    line "Cache save skipped: read-only is set."
    act save GITHUB_EVENT_NAME=release GITHUB_REF=refs/tags/v1 INPUT_KEY=new INPUT_PATH=tree
    line "Cache saved with key: new"
}

@test "with an unreadable event an untrusted run cannot write, and a push still saves" {
    in_workflow
    echo '{' >"$GITHUB_EVENT_PATH"
    put tree/file
    act save GITHUB_EVENT_NAME=pull_request_target INPUT_KEY=k INPUT_PATH=tree
    has "$output" "cache write denied"
    act save INPUT_KEY=k INPUT_PATH=tree
    line "Cache saved with key: k"
    has "$(commands)" "notice the event: line 2"
}

@test "foreign text cannot start a workflow command" {
    in_workflow
    put tree/file
    key=$'k\n::error::forged\n::set-env name=PATH::x ##[error]forged\r##[add-path]x'
    act save INPUT_KEY="$key" INPUT_PATH=tree
    same "$(commands)" ""
    has "$output" 'Cache saved with key: k\x0a::error::forged'
    act restore INPUT_KEY="$key" INPUT_PATH=tree
    same "$(commands)" ""
    same "$(outputs | head -n 1)" "cache-hit=true"
    has "$(values_of "$GITHUB_OUTPUT")" "cache-matched-key=$key"
    act restore INPUT_KEY=$'::error::x' INPUT_PATH=tree INPUT_RESTORE_KEYS=$'::error::y\n##[error]z'
    same "$(commands)" ""
    act restore INPUT_KEY=$'k\n::error::x,' INPUT_PATH=tree
    same "$(commands)" 'error Key Validation Error: k\n::error::x, cannot contain commas.'
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_STORE=$'file:///nowhere\n::error::x'
    same "$(commands | wc -l)" 1
}

@test "secrets are masked before they are printed" {
    in_workflow
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_AWS_SECRET_ACCESS_KEY=s3cr3t \
        INPUT_AWS_SESSION_TOKEN=$'tok1\n\ntok2' INPUT_AWS_ACCESS_KEY_ID=AKIA1 INPUT_GITHUB_TOKEN=ghs_1
    same "$(head -n 5 <<<"$output")" "$(printf '::add-mask::%s\n' s3cr3t tok1 tok2 AKIA1 ghs_1)"
    for secret in s3cr3t tok1 tok2 AKIA1 ghs_1; do
        same "$(grep -c $secret <<<"$output")" 1
    done
    # An ID that is no secret, and perhaps a word of the log.
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_AWS_ACCESS_KEY_ID=test INPUT_AWS_SECRET_ACCESS_KEY=s3cr3t
    same "$(commands | grep add-mask | sort -u)" "add-mask s3cr3t"
    # Nothing is no secret, and a runner refuses to hide it.
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_AWS_SECRET_ACCESS_KEY= INPUT_GITHUB_TOKEN=
    same "$(commands)" ""
}

@test "the summary says what happened" {
    in_workflow
    # Enough to take a moment: what took none has no rate.
    saved npm-1 tree "$(seq 1 1000000)"
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Result | saved |"
    has "$(cat "$GITHUB_STEP_SUMMARY")" '```mermaid'
    act restore INPUT_KEY=npm-1 INPUT_PATH=tree
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Result | hit, restored |"
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Rate | "
    act restore INPUT_KEY=npm-2 INPUT_PATH=tree INPUT_RESTORE_KEYS=np
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Matched by | <code>np</code> |"
    act restore INPUT_KEY=npm-2 INPUT_PATH=tree INPUT_RESTORE_KEYS=x-
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Restore keys tried | <code>x-</code> |"
    has "$(cat "$GITHUB_STEP_SUMMARY")" "| Closest key | <code>npm-1</code> |"
    act restore INPUT_KEY=k INPUT_PATH=tree GITHUB_STEP_SUMMARY=
    same "$status" 0
}

@test "a restore that cannot write its outputs fails" {
    in_workflow
    saved k
    status=0
    output=$(env GITHUB_OUTPUT="$T/no/such/file" INPUT_KEY=k INPUT_PATH=tree "$XCACHE" action restore 2>&1) || status=$?
    same "$status" 1
    has "$(commands)" "error cannot open"
}

# The clear tag.

cleared() {
    has "$output" "The head commit's message contains the tag $1: cache skipped; removed $2 with key"
}

@test "the clear tag of a push skips the cache and removes the key's entry" {
    in_workflow
    saved k
    saved k-older
    event '{"head_commit": {"message": "again\n\n[ci-clear-cache]"}}'
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_RESTORE_KEYS=k-
    same "$status" 0
    same "$(outputs)" "cache-primary-key=k"
    cleared ci-clear-cache "1 entry"
    line "Cache not found for input keys: k, k-"
    absent tree
    put tree/file
    act save INPUT_KEY=k INPUT_PATH=tree
    line "Cache saved with key: k"
}

@test "the clear tag leaves other keys and the entries of other refs alone" {
    in_workflow
    saved k
    saved other
    export GITHUB_REF=refs/heads/topic
    saved k
    event '{"head_commit": {"message": "[ci-clear-cache:other]"}}'
    act restore INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
    event '{"head_commit": {"message": "[ci-clear-cache:k]"}}'
    act restore INPUT_KEY=k INPUT_PATH=tree
    cleared ci-clear-cache "1 entry"
    same "$(keys_in refs/heads/main) $(keys_in refs/heads/topic)" $'k\nother '
    event '{"head_commit": {"message": "none"}}'
    act restore INPUT_KEY=k INPUT_PATH=tree GITHUB_REF=refs/heads/main
    line "Cache restored from key: k"
}

@test "the clear tag can be chosen" {
    in_workflow
    saved k
    event '{"head_commit": {"message": "[ci-clear-cache] [fresh start]"}}'
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_CLEAR_TAG=fresh
    line "Cache restored from key: k"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_CLEAR_TAG=
    line "Cache restored from key: k"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_CLEAR_TAG='[fresh start]'
    cleared '[fresh start]' "1 entry"
}

@test "the clear tag removes nothing where a run only reads" {
    in_workflow
    saved k
    event '{"head_commit": {"message": "[ci-clear-cache]"}}'
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_READ_ONLY=true
    line "Cache not found for input keys: k"
    has "$output" "nothing removed because read-only is set"
    act restore INPUT_KEY=k INPUT_PATH=tree ACTIONS_CACHE_MODE=read
    line "Cache not found for input keys: k"
    same "$(keys_in refs/heads/main)" k
}

@test "a commit message is only data" {
    in_workflow
    saved k
    python3 -c '
import json, sys
hostile = "$(touch hurt) `touch hurt` \x27 \" \\ \u2028 ]] ;\r\n::error::x\n##[error]x\n"
message = hostile * (1000000 // len(hostile)) + "[ci-clear-cache]"
json.dump({"head_commit": {"message": message}}, open(sys.argv[1], "w"))' "$GITHUB_EVENT_PATH"
    act restore INPUT_KEY=k INPUT_PATH=tree
    cleared ci-clear-cache "1 entry"
    same "$(commands)" ""
    absent hurt
    [ "${#output}" -lt 5000 ]
}

commit_with() {
    git init -q .
    git -c user.name=n -c user.email=e@x commit -q --allow-empty -m "$1"
    git rev-parse HEAD
}

@test "a pull request's message is read from its checkout" {
    command -v git >/dev/null || skip "no git"
    in_workflow
    sha=$(commit_with $'fix\n\n[ci-clear-cache]')
    pull_request "$sha"
    saved k
    act restore INPUT_KEY=k INPUT_PATH=tree
    cleared ci-clear-cache "1 entry"
    sha=$(commit_with "[ci-clear-cache is no tag")
    pull_request "$sha"
    saved k
    act restore INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
}

@test "a pull request whose message is unknown says so" {
    in_workflow
    pull_request 0123456789abcdef0123456789abcdef01234567
    act restore INPUT_KEY=k INPUT_PATH=tree
    same "$status" 0
    has "$(commands)" "notice Cannot tell whether the head commit asks to clear the cache: no repository is checked out; github-token is not set"
    line "Cache not found for input keys: k"
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_CLEAR_TAG=
    same "$(commands)" ""
    # Nor is a stranger's commit asked about where it could clear others' caches.
    act restore GITHUB_EVENT_NAME=pull_request_target GITHUB_REF=refs/heads/main INPUT_KEY=k INPUT_PATH=tree
    same "$(commands)" ""
}

@test "a pull request's message is fetched from GitHub" {
    local sha=0123456789abcdef0123456789abcdef01234567
    in_workflow
    pull_request $sha
    saved k
    start_github message $'again "$(touch hurt)"\n[ci-clear-cache]'
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_GITHUB_TOKEN=wrong
    has "$(commands)" "notice Cannot tell whether the head commit asks to clear the cache"
    line "Cache restored from key: k"
    rm -r tree
    act restore INPUT_KEY=k INPUT_PATH=tree INPUT_GITHUB_TOKEN=ghs_1 RUNNER_DEBUG=1
    kill $github
    cleared ci-clear-cache "1 entry"
    has "$(cat "$T/requests")" "/repos/owner/name/git/commits/$sha Bearer ghs_1"
    grep -q '^::debug::.*/git/commits/' <<<"$output"
    same "$(grep -c ghs_1 <<<"$output")" 1
    absent hurt
}

@test "an unknown word after \"xcache action\" is refused" {
    ends 2 xc action
    has "$stderr" "Usage: xcache action restore | save | main | post"
    ends 2 xc action sav
    ends 2 xc action save more
    ends 0 xc action --help
    has "$output" "GITHUB_OUTPUT"
    ends 0 xc help action
}
