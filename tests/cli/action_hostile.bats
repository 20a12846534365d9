#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What others may have prepared for a step: repositories, servers, folders in PATH, files of the
# runner that are none.

load helpers
load action_helpers

SHA=0123456789abcdef0123456789abcdef01234567

# A checkout of one commit with that message; its name is in $sha. The run is about a pull request.
checkout() {
    command -v git >/dev/null || skip "no git"
    in_workflow
    git init -q .
    git -c user.name=n -c user.email=e@x commit -q --allow-empty -m "$1"
    sha=$(git rev-parse HEAD)
    pull_request "$sha"
    put tree/file
    act save INPUT_KEY=k INPUT_PATH=tree
    line "Cache saved with key: k"
}

# No file called hurt* anywhere, which is what all that is hostile here would leave.
unhurt() {
    same "$(find "$T" -name 'hurt*')" ""
}

@test "a replaced git object cannot forge the head commit's message" {
    checkout plain
    git replace "$sha" "$(git -c user.name=n -c user.email=e@x commit-tree -m '[ci-clear-cache]' "$sha^{tree}")"
    act restore INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
}

@test "a program in the workspace is not run as git, and git gets no secrets" {
    local folder
    checkout "[ci-clear-cache:none]"
    mkdir -p bin
    printf '#!/bin/sh\nenv >"%s/hurt-$$"\n' "$T" >bin/git
    chmod +x bin/git
    cp bin/git .
    for folder in . bin "$T/ws/bin" "$T/ws" ""; do
        act restore INPUT_KEY=k INPUT_PATH=tree "PATH=$folder:$PATH"
        line "Cache restored from key: k"
        unhurt
    done
    # By another name it is the workspace all the same.
    ln -s "$T/ws" "$T/link"
    for folder in "$T/link/bin" "$T/link" "$T/ws/../ws/bin"; do
        act restore INPUT_KEY=k INPUT_PATH=tree "PATH=$folder:$PATH"
        line "Cache restored from key: k"
        unhurt
    done
    # One of the machine's own is asked, and has no need for more than PATH.
    mkdir "$T/bin"
    printf '#!/bin/sh\nenv >"%s/environment"\nexec %s "$@"\n' "$T" "$(command -v git)" >"$T/bin/git"
    chmod +x "$T/bin/git"
    act restore INPUT_KEY=k INPUT_PATH=tree "PATH=bin:$T/link/bin:$T/bin:$PATH" INPUT_AWS_SECRET_ACCESS_KEY=s3cr3t \
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=s3cr3t
    line "Cache restored from key: k"
    has "$(cat "$T/environment")" "PATH=$T/bin:"
    lacks "$(cat "$T/environment")" s3cr3t
}

@test "reading a commit runs no program of the checkout's configuration" {
    local name
    checkout plain
    git config core.repositoryformatversion 1
    git config extensions.partialClone origin
    git config remote.origin.promisor true
    git config remote.origin.url "ext::sh -c touch% $T/hurt-url% %S"
    git config protocol.ext.allow always
    for name in core.fsmonitor core.pager core.sshCommand core.gitProxy core.alternateRefsCommand \
        credential.helper gpg.program; do
        git config "$name" "touch $T/hurt-$name"
    done
    git config alias.cat-file "!touch $T/hurt-alias"
    git config trace2.eventTarget "$T/hurt-trace"
    act restore INPUT_KEY=k INPUT_PATH=tree
    line "Cache restored from key: k"
    same "$(commands)" ""
    # What is not there would be fetched.
    pull_request $SHA
    act restore INPUT_KEY=k INPUT_PATH=tree
    has "$(commands)" "the commit was not fetched into the workspace"
    # Another program at the other end.
    git config remote.origin.url "$T/ws"
    git config remote.origin.uploadpack "touch $T/hurt-pack;"
    act restore INPUT_KEY=k INPUT_PATH=tree
    unhurt
}

@test "a git without GIT_NO_LAZY_FETCH runs no protocol of the checkout's choice" {
    local url name
    checkout plain
    # As before 2.39.4, with programs for protocols in a folder that is not the workspace's.
    mkdir "$T/old"
    printf '#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nexec %s "$@"\n' "$(command -v git)" >"$T/old/git"
    for name in "" none; do
        printf '#!/bin/sh\ntouch "%s/hurt"\n' "$T" >"$T/old/git-remote-$name"
    done
    chmod +x "$T/old"/*
    git config core.repositoryformatversion 1
    git config extensions.partialClone origin
    git config remote.origin.promisor true
    git config alias.remote- "!touch $T/hurt-alias"
    pull_request $SHA
    for url in none::x ::x /::x :::x; do
        git config remote.origin.url "$url"
        act restore INPUT_KEY=k INPUT_PATH=tree "PATH=$T/old:$PATH"
        has "$(commands)" "the commit was not fetched into the workspace"
        unhurt
    done
    for name in none "" / : x/y; do
        git config remote.origin.vcs "$name"
        act restore INPUT_KEY=k INPUT_PATH=tree "PATH=$T/old:$PATH"
        unhurt
    done
}

@test "a git that hangs is ended after 10 s, or when the step is cancelled" {
    local step since=$SECONDS
    checkout plain
    mkdir "$T/bin"
    printf '#!/bin/sh\necho $$ >"%s/pid"\nexec sleep 300\n' "$T" >"$T/bin/git"
    chmod +x "$T/bin/git"
    act restore INPUT_KEY=k INPUT_PATH=tree "PATH=$T/bin:$PATH"
    has "$(commands)" "git did not end within 10 s"
    line "Cache restored from key: k"
    [ $((SECONDS - since)) -lt 60 ]
    ends 1 kill -0 "$(cat "$T/pid")"
    rm "$T/pid"
    # As a runner does it, which asks by SIGINT.
    env INPUT_KEY=k INPUT_PATH=tree "PATH=$T/bin:$PATH" python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$XCACHE" action restore >"$T/log" 2>&1 3>&- &
    step=$!
    until [ -s "$T/pid" ]; do sleep 0.05; done
    kill -INT $step
    status=0
    wait $step || status=$?
    same "$status" 1
    has "$(cat "$T/log")" "::error::interrupted"
    ends 1 kill -0 "$(cat "$T/pid")"
}

@test "a hostile answer of GitHub neither delays a step, redirects it nor fools it" {
    local kind since
    in_workflow
    pull_request $SHA
    put tree/file
    act save INPUT_KEY=k INPUT_PATH=tree
    for kind in limit busy forbidden elsewhere page number endless; do
        start_github "$kind"
        since=$SECONDS
        act restore INPUT_KEY=k INPUT_PATH=tree INPUT_GITHUB_TOKEN=ghs_1
        kill $github
        [ $((SECONDS - since)) -lt 10 ] || fail "$kind took $((SECONDS - since)) s"
        line "Cache restored from key: k"
        same "$(grep -c . "$T/requests") $kind" "1 $kind"
        has "$(commands)" "notice Cannot tell whether the head commit asks to clear the cache"
        same "$(commands | grep -vc add-mask)" 1
    done
}

@test "a FIFO in place of a runner's file does not hang a step" {
    in_workflow
    put tree/file
    mkfifo "$T/fifo"
    for row in "OUTPUT restore 1" "STATE main 1" "STEP_SUMMARY restore 0"; do
        read -r file entry code <<<"$row"
        ends "$code" timeout 10 env INPUT_KEY=k INPUT_PATH=tree "GITHUB_$file=$T/fifo" \
            "$XCACHE" action "$entry"
        has "$output" "::cannot open $T/fifo"
    done
    ends 0 timeout 10 env INPUT_KEY=k INPUT_PATH=tree "GITHUB_EVENT_PATH=$T/fifo" "$XCACHE" action restore
    has "$output" "::notice::the event file $T/fifo is not a regular file"
    # What notes when the build began, has a name that can be guessed.
    mkdir "$T/temp"
    act restore INPUT_KEY=new INPUT_PATH=tree RUNNER_TEMP="$T/temp"
    note=$(ls "$T/temp")
    rm "$T/temp/$note"
    mkfifo "$T/temp/$note"
    for entry in restore save; do
        ends 0 timeout 10 env INPUT_KEY=new INPUT_PATH=tree RUNNER_TEMP="$T/temp" "$XCACHE" action $entry
    done
    act save INPUT_KEY=k INPUT_PATH=tree GITHUB_STEP_SUMMARY=/dev/full
    same "$status" 0
    has "$(commands)" "warning cannot write to /dev/full"
}

@test "in a job's log, keys and names cannot give commands to the runner" {
    local key=$'::error::forged ##[add-path]/x'
    in_workflow
    put 'tree/##[error]forged'
    put $'tree/\u2003::error::forged'
    act save INPUT_KEY="$key" INPUT_PATH=tree
    output=$("$XCACHE" list --store "$INPUT_STORE")
    has "$output" 'add-path'
    same "$(commands)" ""
    output=$("$XCACHE" inspect --store "$INPUT_STORE" --key "$key" --files)
    has "$output" 'forged'
    same "$(commands)" ""
    output=$("$XCACHE" inspect --store "$INPUT_STORE" --key "$key" --files --json)
    same "$(commands)" ""
    same "$(json 'd["key"]' <<<"$output")" "$key"
    has "$(json '[m["path"] for m in d["members"]]' <<<"$output")" '##[error]forged'
    output=$("$XCACHE" remove --store "$INPUT_STORE" --key "$key")
    has "$output" 'Removed'
    same "$(commands)" ""
}
