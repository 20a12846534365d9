#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Jobs as a workflow runs them, with the actions as their action.yml files are written, by each
# shell that sh may be. The program is DIST's if that is set, a folder like dist/; else the one
# that was built.

load helpers
load action_helpers

SHELLS=("dash" "busybox sh")

# The tree of the actions; folders between have names that break a careless script.
in_repository() {
    local root=$BATS_TEST_DIRNAME/../..
    unset XCACHE_STORE
    TREE="$T/_actions/org/it's \$HOME/v1"
    mkdir -p "$TREE/dist"
    cp -r "$root/action.yml" "$root/restore" "$root/save" "$root/Dockerfile" "$TREE"
    if [ -n "${DIST-}" ]; then
        cp "$DIST"/xcache-linux-* "$TREE/dist"
    else
        cp "$XCACHE" "$TREE/dist/xcache-linux-x64"
    fi
}

# Run one job from standard input; its result, as JSON, is in $result. Each job begins in an empty
# workspace, as on a fresh runner.
job() {
    rm -rf "${T:?}/ws" "$T/temp"
    mkdir "$T/ws"
    result=$("$BATS_TEST_DIRNAME/../runner/run" --tree "$TREE" --workspace "$T/ws" \
        --temp "$T/temp" --shell "$SHELL_OF_STEPS")
}

# Run the rest of a test with each shell and a store of its own.
with_each_shell() {
    local shell
    for shell in "${SHELLS[@]}"; do
        command -v "${shell%% *}" >/dev/null || fail "there is no ${shell%% *}"
        SHELL_OF_STEPS=$shell
        STORE=file://$T/store-${shell%% *}
        "$@"
    done
}

# An output of a step, "" if it is not set.
output_of() {
    json "d['steps']['$1']['outputs'].get('$2', '')" <<<"$result"
}

outcome_of() {
    json "d['steps']['$1']['outcome']" <<<"$result"
}

said() {
    has "$(json "'\n'.join(d['steps']['$1']['lines'])" <<<"$result")" "$2"
}

# What a step told the runner to do, but for what is only seen.
commands_of() {
    json "'\n'.join(f'{n} {t}' for n, t in d['steps']['$1']['commands']
                    if n not in ('group', 'endgroup', 'add-mask'))" <<<"$result"
}

# A job that restores, builds unless that was a hit, and saves: build KEY [MORE-OF-THE-JOB].
build() {
    job <<YAML
event: ${EVENT:-push}
ref: ${REF:-refs/heads/main}
base_ref: '${BASE_REF-}'
payload: ${PAYLOAD:-"{repository: {full_name: owner/name, default_branch: main}, head_commit: {message: work}}"}
env: {STORE: "$STORE"}
${2-}
steps:
  - id: cache
    uses: org/xcache/restore@v1
    with:
      path: |
        tree
        ~/.tool
      key: $1
      restore-keys: |
        x-
        npm-
      store: \${{ env.STORE }}
  - id: build
    if: steps.cache.outputs.cache-hit != 'true'
    run: |
      mkdir -p tree ~/.tool
      echo "$1" >tree/file
      echo tool >~/.tool/file
  - id: save
    if: always() && steps.cache.outputs.cache-hit != 'true'
    uses: org/xcache/save@v1
    with:
      path: |
        tree
        ~/.tool
      key: \${{ steps.cache.outputs.cache-primary-key }}
      store: \${{ env.STORE }}
  - id: test
    run: cat tree/file ~/.tool/file
YAML
}

@test "a workflow's first job misses and the second one hits" {
    in_repository
    with_each_shell two_jobs
}

two_jobs() {
    rm -rf "$HOME/.tool"
    build npm-1
    same "$(outcome_of cache) $(outcome_of build) $(outcome_of save)" "success success success"
    same "$(output_of cache cache-hit)" ""
    same "$(output_of cache cache-matched-key)" ""
    said cache "Cache not found for input keys: npm-1, x-, npm-"
    said save "Cache saved with key: npm-1"
    rm -rf "$HOME/.tool"
    build npm-1
    same "$(outcome_of cache) $(outcome_of build) $(outcome_of save)" "success skipped skipped"
    same "$(output_of cache cache-hit)" "true"
    same "$(output_of cache cache-primary-key)" "npm-1"
    same "$(output_of cache cache-matched-key)" "npm-1"
    same "$(output_of cache cache-store)" "$STORE"
    said test $'npm-1\ntool'
    # Another lock file: an older entry is restored, and a new one saved.
    build npm-2
    same "$(output_of cache cache-hit)" "false"
    same "$(output_of cache cache-matched-key)" "npm-1"
    same "$(outcome_of build) $(outcome_of save)" "success success"
    build npm-2
    same "$(output_of cache cache-hit)" "true"
    said test npm-2
    same "$(commands_of cache)$(commands_of save)" ""
}

@test "a failed job is saved if it asked for that" {
    in_repository
    with_each_shell failed_job
}

failed_job() {
    job <<YAML
ref: refs/heads/main
steps:
  - run: mkdir tree && exit 1
  - id: skipped
    uses: org/xcache/save@v1
    with: {path: tree, key: k, store: "$STORE"}
  - id: save
    if: always()
    uses: org/xcache/save@v1
    with: {path: tree, key: k, store: "$STORE"}
YAML
    same "$(json 'd["success"]' <<<"$result")" false
    same "$(outcome_of skipped) $(outcome_of save)" "skipped success"
    said save "Cache saved with key: k"
}

@test "a lookup-only job restores nothing and reports the entry" {
    in_repository
    with_each_shell only_look
}

look() {
    job <<YAML
ref: refs/heads/main
steps:
  - id: look
    uses: org/xcache/restore@v1
    with: {path: "tree\n~/.tool", key: $1, lookup-only: true, fail-on-cache-miss: ${2:-false}, store: "$STORE"}
YAML
}

only_look() {
    look npm-1
    same "$(output_of look cache-hit)" ""
    build npm-1
    look npm-1
    same "$(output_of look cache-hit)" "true"
    said look "Cache found and can be restored from key: npm-1"
    absent "$T/ws/tree"
    look npm-2 true
    same "$(outcome_of look) $(json 'd["success"]' <<<"$result")" "failure false"
    same "$(commands_of look)" "error Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: npm-2"
}

@test "the clear tag leads to a clean build" {
    in_repository
    with_each_shell clear_and_build
}

clear_and_build() {
    local repository='repository: {full_name: owner/name, default_branch: main}'
    local sha=0123456789abcdef0123456789abcdef01234567
    build npm-1
    PAYLOAD="{$repository, head_commit: {message: \"again\\n\\n[ci-clear-cache:npm]\"}}" build npm-1
    same "$(output_of cache cache-hit)" ""
    said cache "removed 1 entry with key npm-1"
    same "$(outcome_of save)" success
    said save "Cache saved with key: npm-1"
    build npm-1
    same "$(output_of cache cache-hit)" "true"
    # Of a pull request the message has to be found first: here by nobody, which is told.
    EVENT=pull_request REF=refs/pull/7/merge BASE_REF=main \
        PAYLOAD="{$repository, pull_request: {head: {sha: $sha, repo: {full_name: owner/name}}}}" build npm-1
    same "$(output_of cache cache-hit)" "true"
    has "$(commands_of cache)" "notice Cannot tell whether the head commit asks to clear the cache"
}

@test "a pull request's clear tag is read from its checkout" {
    command -v git >/dev/null || skip "no git"
    in_repository
    with_each_shell clear_in_checkout
}

clear_in_checkout() {
    job <<YAML
event: pull_request
ref: refs/pull/7/merge
base_ref: main
payload: {repository: {full_name: owner/name, default_branch: main}, pull_request: {head: {repo: {full_name: owner/name}}}}
steps:
  - run: mkdir tree
  - uses: org/xcache/save@v1
    with: {path: tree, key: k, store: "$STORE"}
  - run: |
      git init -q . && git config user.name n && git config user.email e@x
      git commit -q --allow-empty -m base
      git checkout -q -b topic && git commit -q --allow-empty -m 'fix [ci-clear-cache]'
      git checkout -q -b merge HEAD~ && git merge -q --no-ff --no-edit topic
  - id: cache
    uses: org/xcache/restore@v1
    with: {path: tree, key: k, store: "$STORE"}
YAML
    same "$(output_of cache cache-hit)" ""
    said cache "removed 1 entry with key k"
}

@test "an untrusted run cannot write what others read" {
    local repository='repository: {full_name: owner/name, default_branch: main}'
    local head='head: {sha: 0123456789abcdef0123456789abcdef01234567, repo: {full_name: stranger/name}}'
    in_repository
    SHELL_OF_STEPS=dash STORE=file://$T/store
    build npm-1
    # It may read, but not write where the default branch reads.
    EVENT=pull_request_target PAYLOAD="{$repository, pull_request: {$head}}" build npm-2
    same "$(output_of cache cache-matched-key)" "npm-1"
    has "$(commands_of save)" "warning Failed to save: Unable to reserve cache with key npm-2. More details: cache write denied: "
    # What its own pull request writes, nobody else sees.
    EVENT=pull_request REF=refs/pull/7/merge BASE_REF=main \
        PAYLOAD="{$repository, pull_request: {$head}}" build npm-3
    said save "Cache saved with key: npm-3"
    build npm-3
    same "$(output_of cache cache-matched-key)" "npm-1"
}

@test "the root action restores and saves" {
    in_repository
    SHELL_OF_STEPS=dash STORE=file://$T/store
    root_job k-1
    same "$(output_of cache cache-hit)" ""
    said post1 "Cache saved with key: k-1"
    root_job k-1
    same "$(output_of cache cache-hit)" "true"
    said post1 "Cache hit occurred on the primary key k-1, not saving cache."
    root_job k-2
    same "$(output_of cache cache-hit)" "false"
    said post1 "Cache saved with key: k-2"
    # A job that fails saves nothing.
    root_job k-3 "exit 1"
    same "$(outcome_of post1)" skipped
    has "$(commands_of cache)" "warning Input 'save-always' has been deprecated with message: "
}

root_job() {
    job <<YAML
ref: refs/heads/main
steps:
  - id: cache
    uses: org/xcache@v1
    with: {path: tree, key: $1, restore-keys: k-, store: "$STORE", save-always: true}
  - run: mkdir -p tree && ${2:-true}
YAML
}

# A job that is cancelled during one of its steps: cancelled_during ID.
cancelled_during() {
    job <<YAML
ref: refs/heads/main
cancel: $1
steps:
  - run: mkdir tree && echo $1 >tree/file
  - id: first
    uses: org/xcache/save@v1
    with: {path: tree, key: old, store: "$STORE"}
  - id: restore
    uses: org/xcache/restore@v1
    with: {path: tree, key: old, store: "$STORE"}
  - id: build
    run: exec sleep 60
    if: \${{ ${2:-true} }}
  - id: careful
    if: \${{ ${CAREFUL-!cancelled()} }}
    uses: org/xcache/save@v1
    with: {path: tree, key: careful-$1, store: "$STORE"}
  - id: always
    if: always()
    uses: org/xcache/save@v1
    with: {path: tree, key: always-$1, store: "$STORE"}
  - id: root
    uses: org/xcache@v1
    with: {path: tree, key: root-$1, store: "$STORE"}
YAML
}

@test "a cancelled job ends what runs, and saves only where a step asks for that" {
    in_repository
    SHELL_OF_STEPS=dash STORE=file://$T/store
    cancelled_during build
    same "$(json 'd["success"]' <<<"$result")" false
    same "$(outcome_of build) $(outcome_of careful) $(outcome_of root)" "cancelled skipped skipped"
    said always "Cache saved with key: always-build"
    cancelled_during restore
    same "$(outcome_of restore) $(outcome_of careful)" "cancelled skipped"
    said always "Cache saved with key: always-restore"
}

@test "a save that has begun goes on in a cancelled job" {
    in_repository
    SHELL_OF_STEPS=dash STORE=file://$T/store
    cancelled_during careful false
    same "$(outcome_of careful)" success
    said careful "Cache saved with key: careful-careful"
    CAREFUL="success()" cancelled_during first false
    same "$(outcome_of first) $(outcome_of restore)" "success skipped"
}

@test "the end of the job saves nothing where the root action did not begin" {
    in_repository
    SHELL_OF_STEPS=dash STORE=file://$T/store
    mv "$TREE/dist/xcache-linux-x64" "$T/later"
    job <<YAML
ref: refs/heads/main
env: {LATER: "$T/later", PROGRAM: "$TREE/dist/xcache-linux-x64"}
steps:
  - id: root
    continue-on-error: true
    uses: org/xcache@v1
    with: {path: tree, key: k, store: "$STORE"}
  - run: mkdir tree && echo built >tree/file
  - run: mv "\$LATER" "\$PROGRAM"
YAML
    same "$(outcome_of root)" failure
    said post1 "The main step of this action did not run in this job: nothing is saved."
    same "$(cat "$T/ws/tree/file")" built
    absent "$T/store"
}

@test "the actions need nothing that a runner gives only to other kinds of steps" {
    in_repository
    SHELL_OF_STEPS=dash STORE=file://$T/store
    # The cache mode reaches the Docker action; its inputs keep their dashes.
    job <<YAML
ref: refs/heads/main
node: {ACTIONS_CACHE_MODE: none}
steps:
  - run: mkdir tree
  - id: save
    uses: org/xcache/save@v1
    with: {path: tree, key: k, store: "$STORE"}
  - id: cache
    uses: org/xcache@v1
    with: {path: tree, key: k, restore-keys: k, store: "$STORE"}
YAML
    said save "Cache saved with key: k"
    said cache "the effective cache-mode 'none' does not permit reads"
}

@test "inputs are never code to the shell" {
    in_repository
    with_each_shell hostile_inputs
}

hostile_inputs() {
    job <<YAML
ref: refs/heads/main
steps:
  - run: mkdir tree
  - id: save
    uses: org/xcache/save@v1
    with:
      path: tree
      key: "\$(touch hurt) \`touch hurt\` '; touch hurt; \" \${HOME}"
      store: "$STORE"
  - id: cache
    uses: org/xcache/restore@v1
    with:
      path: tree
      key: "\$(touch hurt) \`touch hurt\` '; touch hurt; \" \${HOME}"
      restore-keys: "\$(touch hurt)\n\`touch hurt\`"
      store: "$STORE"
YAML
    same "$(output_of cache cache-hit)" "true"
    # shellcheck disable=SC2016 # nothing here shall expand
    same "$(output_of cache cache-matched-key)" '$(touch hurt) `touch hurt` '"'"'; touch hurt; " ${HOME}'
    absent hurt
    absent "$T/ws/hurt"
}

@test "unsupported runners pass with one sentence" {
    in_repository
    with_each_shell other_runners
}

# A job of a restore, a save and a restore that must hit, where the runner says this of itself.
each_step_on() {
    job <<YAML
ref: refs/heads/main
runner: {$1}
steps:
  - id: cache
    uses: org/xcache/restore@v1
    with: {path: tree, key: k, store: "$STORE"}
  - id: save
    uses: org/xcache/save@v1
    with: {path: tree, key: k, store: "$STORE"}
  - id: must
    uses: org/xcache/restore@v1
    with: {path: tree, key: k, store: "$STORE", fail-on-cache-miss: True}
YAML
}

other_runners() {
    local runner
    for runner in "RUNNER_OS: macOS, RUNNER_ARCH: ARM64" "RUNNER_OS: Windows, RUNNER_ARCH: X64" \
        "RUNNER_OS: Linux, RUNNER_ARCH: ARM"; do
        each_step_on "$runner"
        same "$(outcome_of cache) $(outcome_of save) $(outcome_of must)" "success success failure"
        [[ $(commands_of cache) == "warning xcache is for Linux on x64 and arm64, not for "* ]]
        [[ $(commands_of save) == "warning xcache is for Linux on x64 and arm64, not for "* ]]
        [[ $(commands_of must) == "error xcache is for Linux"*"fail-on-cache-miss is set." ]]
        same "$(output_of cache cache-hit)" ""
    done
}

@test "a program that is missing or cannot run is a miss with one sentence" {
    in_repository
    printf '\177ELF\2\1\1' >"$TREE"/dist/xcache-linux-x64
    with_each_shell no_program
    : >"$TREE"/dist/xcache-linux-x64
    with_each_shell no_program
    chmod 644 "$TREE"/dist/xcache-linux-x64
    with_each_shell no_program
    rm "$TREE"/dist/xcache-linux-x64
    with_each_shell no_program
    mkdir "$TREE"/dist/xcache-linux-x64
    with_each_shell no_program
}

no_program() {
    each_step_on "RUNNER_OS: Linux, RUNNER_ARCH: X64"
    local what="The action's file dist/xcache-linux-x64 is missing or cannot be executed"
    same "$(outcome_of cache) $(outcome_of save) $(outcome_of must)" "success success failure"
    same "$(commands_of cache)" "warning $what: nothing is restored."
    same "$(commands_of save)" "warning $what: nothing is saved."
    same "$(commands_of must)" "error $what, and fail-on-cache-miss is set."
    same "$(output_of cache cache-hit)" ""
}

@test "action.yml files and examples hold only what a runner accepts" {
    "$BATS_TEST_DIRNAME/../runner/check-actions" "$BATS_TEST_DIRNAME/../.."
}

@test "the runner of these tests refuses what GitHub's refuses" {
    local values="import sys; from files import *; print(read_values(sys.stdin.read()))"
    export PYTHONPATH=$BATS_TEST_DIRNAME/../runner
    same "$(printf 'a=1<<2\nb<<X\n1\n=\nX\n' | python3 -c "$values")" "{'a': '1<<2', 'b': '1\\n='}"
    ends 1 python3 -c "$values" <<<$'b<<X\n1\nXX'
    ends 1 python3 -c "$values" <<<'neither'
    same "$(python3 -c "from files import *; print(read_log('a ##[error]x%0A\n ::warning file=a::b\n::no::c'))")" \
        "([('error', 'x\\n'), ('warning', 'b')], ['::no::c'])"
}
