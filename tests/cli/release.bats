#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is published, and by what: the project's own workflows, its name on GitHub, its releases.

# shellcheck disable=SC2154,SC2016 # set by ends; what is quoted are programs
load helpers

ROOT=$BATS_TEST_DIRNAME/../..
RUNNER=$BATS_TEST_DIRNAME/../runner

# The files of the project in the present state of the folder, as a repository of their own.
copy_of_project() {
    git -C "$ROOT" rev-parse --git-dir >/dev/null 2>&1 || skip "the sources are in no repository"
    mkdir project
    (cd "$ROOT" && git ls-files -z -- "$@" | xargs -0 tar -c) | tar -x -C project
    cd project || return
    git init -q .
    git add .
    git -c user.name=a -c user.email=a@example.com commit -qm copy
}

name_in_makefile() {
    sed -n 's/^REPOSITORY := //p' "${1:-.}/Makefile"
}

@test "GitHub knows every name in the project's workflows" {
    "$RUNNER/check-actions" "$ROOT" "$ROOT"/.github/workflows/*.yml
}

# strict_workflows PROGRAM: python, with `steps` of all jobs as (place, step) and `jobs` likewise
strict_workflows() {
    python3 -c '
import re, sys
from pathlib import Path
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[2])
from strict_yaml import load
paths = sorted(Path(sys.argv[3]).glob("*.yml"))
assert paths
jobs = [(f"{path.name}: {name}", job) for path in paths for name, job in load(path)["jobs"].items()]
steps = [(place, step) for place, job in jobs for step in job["steps"]]
texts = [(path.name, path.read_text()) for path in paths]
problems = []
exec(sys.argv[1])
sys.exit("\n".join(problems) or 0)' "$1" "$RUNNER" "$ROOT/.github/workflows"
}

@test "foreign actions are pinned by a commit, with the version in a comment" {
    strict_workflows '
for name, text in texts:
    for line in re.findall(r"uses: (.*)", text):
        if not line.startswith("./") and \
           not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line):
            problems.append(f"{name}: {line}")'
}

@test "no checkout leaves its token in the workspace" {
    strict_workflows '
seen = 0
for place, step in steps:
    if step.get("uses", "").startswith("actions/checkout@"):
        seen += 1
        if step.get("with", {}).get("persist-credentials") is not False:
            problems.append(place)
assert seen'
}

@test "every job of the project has a time limit and names its rights" {
    strict_workflows '
for place, job in jobs:
    if not 0 < job.get("timeout-minutes", 0) <= 120:
        problems.append(f"{place}: no timeout-minutes")
for path in paths:
    if load(path).get("permissions") not in ({}, {"contents": "read"}):
        problems.append(f"{path.name}: permissions of all jobs")
for place, step in steps:
    if "${{" in step.get("run", ""):
        problems.append(f"{place}: an expression within run:")'
}

@test "the program uses the Makefile's name for the repository" {
    local name
    name=$(name_in_makefile "$ROOT")
    ends 0 xc action --help
    has "$output" "$name/restore: "
    has "$output" "$name at the end of the job: "
    ! grep -rn "$name" "$ROOT/src" || fail "the sources name the repository beside XC_REPOSITORY"
}

@test "a new name of the repository is written everywhere, and can be undone" {
    local old owner=some-one other
    other=$owner/x.cache
    # Without what has the name in none of its files and is long to copy.
    copy_of_project ':!dist' ':!tests/fuzz/corpus' ':!tests/vectors'
    old=$(name_in_makefile)
    ends 0 scripts/rename "$other"
    same "$(name_in_makefile)" "$other"
    ! grep -rnIE "(^|[^A-Za-z0-9_-])$old([^A-Za-z0-9_-]|\$)" . --exclude-dir=.git ||
        fail "the old name is left"
    has "$(cat README.md)" "uses: $other/restore@"
    ends 0 tests/runner/check-actions .
    ends 0 scripts/rename "$old"
    ends 0 git diff --exit-code --stat
}

@test "a name that is invalid or ambiguous changes nothing" {
    local name
    copy_of_project ':!dist' ':!tests/fuzz/corpus' ':!tests/vectors'
    for name in xcache /xcache a/ a/b/c 'a b/c' -a/b 'a/b;c' actions/cache; do
        ends 1 scripts/rename "$name"
        has "$stderr" "scripts/rename: $name "
    done
    ends 0 git diff --exit-code --stat
    ends 0 scripts/rename "$(name_in_makefile)"
    has "$output" "already"
    ends 0 git diff --exit-code --stat
}

# A project whose version is 1.2.3, with files in dist/, and a gh that writes down what it is asked.
released_project() {
    mkdir -p project/dist/LICENSES bin
    cp -r "$ROOT/scripts" project
    cd project || return
    echo 'VERSION := 1.2.3' >Makefile
    printf '## [Unreleased]\n\n## [1.2.3] - 2026-01-02\n\n- new\n\n## [1.2.2] - 2026-01-01\n\n- old\n' \
        >CHANGELOG.md
    put LICENSE
    put dist/LICENSES/curl.txt
    for name in xcache-linux-x64 xcache-linux-arm64 ca-certificates.crt sbom.cdx.json; do
        put "dist/$name"
    done
    (cd dist && sha256sum xcache-linux-x64 xcache-linux-arm64 >SHA256SUMS)
    git init -q -b main .
    git add .
    git -c user.name=a -c user.email=a@example.com commit -qm all
    export MAIN=main
}

# fake_gh RELEASE IMMUTABLE TAG...: the state of the release (true: a draft, false, or none), what
# GitHub says of it, and the tags that there are
fake_gh() {
    cat >"$T/ws/bin/gh" <<END
#!/bin/sh
echo "\$*" >>"$T/asked"
case "\$*" in
*/releases\ --jq*) echo "$1" ;;
*/releases/tags/*) echo "$2" ;;
*matching-refs*) printf 'refs/tags/%s\n' ${*:3} ;;
*/commits/*) echo 0123456789012345678901234567890123456789 ;;
esac
END
    chmod +x "$T/ws/bin/gh"
    PATH=$T/ws/bin:$PATH GITHUB_REPOSITORY=a/b
    export GITHUB_REPOSITORY
    rm -f "$T/asked"
}

@test "a release contains the programs, checksums, licences and its part of the changelog" {
    released_project
    ends 0 scripts/release/prepare v1.2.3 release
    same "$(tr -d '\n' <release/notes.md)" "- new"
    cd release
    ends 0 sha256sum --strict -c SHA256SUMS
    same "$(count cat SHA256SUMS)" 5
    has "$(tar -tf licenses.tar.gz)" "dist/LICENSES/curl.txt"
}

@test "only a tag that matches the version, has a changelog and is on main is released" {
    released_project
    ends 1 scripts/release/prepare v1.2.4 release
    has "$stderr" "the Makefile's VERSION is 1.2.3"
    sed -i 's/^## .1.2.3.*/## [1.2.3]/' CHANGELOG.md
    ends 1 scripts/release/prepare v1.2.3 release
    has "$stderr" "CHANGELOG.md has no line"
    git checkout -q CHANGELOG.md
    git checkout -qb side
    git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m more
    ends 1 scripts/release/prepare v1.2.3 release
    has "$stderr" "not on main"
    git checkout -q main
    echo 1 >>dist/xcache-linux-x64
    ends 1 scripts/release/prepare v1.2.3 release
    absent release
}

@test "the major version's tag moves to a release once it is immutable, and never backwards" {
    released_project
    scripts/release/prepare v1.2.3 release
    fake_gh "" true v1 v1.2.2 v1.2.3 v10.0.0
    ends 0 scripts/release/publish v1.2.3 release
    has "$(cat "$T/asked")" "release create v1.2.3 --repo a/b --draft --verify-tag"
    has "$(cat "$T/asked")" "release/SHA256SUMS release/ca-certificates.crt"
    lacks "$(cat "$T/asked")" "release delete"
    has "$(cat "$T/asked")" "PATCH repos/a/b/git/refs/tags/v1 -f sha=0123456789"
    fake_gh "" true v1.2.3
    ends 0 scripts/release/publish v1.2.3 release
    has "$(cat "$T/asked")" "git/refs -f ref=refs/tags/v1 -f sha=0123456789"
    fake_gh "" true v1 v1.2.3 v1.10.0
    ends 0 scripts/release/publish v1.2.3 release
    has "$output" "v1.10.0 is newer"
    lacks "$(cat "$T/asked")" "sha="
    fake_gh "" false v1 v1.2.3
    ends 1 scripts/release/publish v1.2.3 release
    has "$stderr" "v1.2.3 is not immutable"
    lacks "$(cat "$T/asked")" "sha="
}

@test "a release that failed halfway can be repeated: drafts are made anew, published files stay" {
    released_project
    scripts/release/prepare v1.2.3 release
    fake_gh true true v1 v1.2.3
    ends 0 scripts/release/publish v1.2.3 release
    has "$(cat "$T/asked")" "release delete v1.2.3"
    has "$(cat "$T/asked")" "release create v1.2.3"
    fake_gh false true v1 v1.2.3
    ends 0 scripts/release/publish v1.2.3 release
    lacks "$(cat "$T/asked")" "release create"
    has "$(cat "$T/asked")" "PATCH repos/a/b/git/refs/tags/v1"
}

# A distribution's mirror that has version $1 of curl, whose own part is the text $2.
mirror_with() {
    mkdir -p bin scripts
    cp "$ROOT/scripts/curl" scripts/
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    [ "$codename" != bookworm ] || codename=trixie
    printf '%s 8.14.1 %s\n' "$codename" "$(printf good | sha256sum | cut -d ' ' -f 1)" >scripts/curl.lock
    printf '#!/bin/sh\necho "Version: %s"\n' "$1" >bin/apt-cache
    printf '#!/bin/sh\nexit 0\n' >bin/apt-config
    cat >bin/apt-get <<END
#!/bin/sh
case "\$*" in *" source "*) printf $2 >curl_${1%%-*}.orig.tar.gz; echo >curl_$1.dsc ;; esac
END
    printf '#!/bin/sh\necho "unpacked" >&2\nexit 1\n' >bin/dpkg-source
    chmod +x bin/*
}

@test "only the pinned source of curl is built, and pinning another takes a command" {
    mirror_with 9.9.9-1 good
    PATH=$PWD/bin:$PATH ends 1 scripts/curl out
    has "$stderr" "pins curl 8.14.1 for $codename, which has 9.9.9-1"
    has "$stderr" "run 'scripts/curl --update'"
    mirror_with 8.14.1-2+deb13u9 bad
    PATH=$PWD/bin:$PATH ends 1 scripts/curl out
    has "$stderr" "do not build it"
    lacks "$stderr" unpacked
    # A security update is the distribution's own part.
    mirror_with 8.14.1-2+deb13u9 good
    PATH=$PWD/bin:$PATH ends 1 scripts/curl out
    has "$stderr" unpacked
    mirror_with 9.9.9-1 new
    PATH=$PWD/bin:$PATH ends 0 scripts/curl --update
    same "$(grep "^$codename " scripts/curl.lock)" \
        "$codename 9.9.9 $(printf new | sha256sum | cut -d ' ' -f 1)"
    same "$(find . -name 'out*' -o -name 'curl.lock.*')" ""
}
