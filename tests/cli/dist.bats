#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The programs in dist/ run where nothing else is, and what is said of them is true.

# shellcheck disable=SC2154 # set by run
load helpers
load servers

top=$BATS_TEST_DIRNAME/../..
DIST=${DIST:-$top/dist}

need_dist() {
    [ -e "$DIST/SHA256SUMS" ] || skip "dist/ is empty: make dist"
}

# What runs programs for processor $1 here, as $runner: nothing, or an emulator's file.
find_runner() {
    case $1-$(uname -m) in
    x64-x86_64 | arm64-aarch64) runner= ;;
    arm64-*) runner=$(command -v qemu-aarch64-static) || skip "no qemu-aarch64-static" ;;
    *) skip "not the processor for it" ;;
    esac
}

# A root directory with the program of processor $1 and nothing else but what is to be saved.
bare_root() {
    need_dist
    need_root
    find_runner "$1"
    mkdir -p "$T/root"
    cp "$DIST/xcache-linux-$1" "$T/root/xcache-$1"
    [ -z "$runner" ] || cp "$runner" "$T/root/emulator"
}

# shellcheck disable=SC2086 # no word, or one
inside() {
    local name=$1
    shift
    find_runner "$name"
    env -i PATH="$PATH" XCACHE_STORE=file:///store AWS_EC2_METADATA_DISABLED=true \
        AWS_CA_BUNDLE="${S3_URL:+/ca.pem}" AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID-}" \
        AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY-}" chroot "$T/root" ${runner:+/emulator} "/xcache-$name" "$@"
}

# Saved by the program of processor $1 and restored by that of $2.
round_trip_between() {
    bare_root "$1"
    bare_root "$2"
    mktree plain "$T/root/tree"
    inside "$1" save --key k --path tree
    mv "$T/root/tree" "$T/original"
    inside "$2" restore --key k --path tree
    same_tree "$T/original" "$T/root/tree"
}

@test "the programs start in an empty root" {
    for name in x64 arm64; do
        bare_root "$name"
        ends 0 inside "$name" version
        same "$output" "xcache $(sed -n 's/^VERSION := //p' "$top/Makefile")"
        same "$stderr" ""
    done
}

@test "the program for x64 saves and restores in an empty root" {
    round_trip_between x64 x64
}

@test "the program for arm64 saves and restores in an empty root" {
    round_trip_between arm64 arm64
}

@test "each processor reads what the other saved" {
    round_trip_between x64 arm64
    rm -rf "$T/root" "$T/original"
    round_trip_between arm64 x64
}

# Saved to and restored from a server by https, by the program of processor $1.
https_round_trip() {
    bare_root "$1"
    use_server radosgw tls
    cp "$XC_TEST_CA" "$T/root/ca.pem"
    mktree plain "$T/root/tree"
    by_https() {
        inside "$@" --store "$S3_URL" --path tree --key k
    }
    by_https "$1" save
    ends 0 by_https "$1" lookup
    mv "$T/root/tree" "$T/original"
    by_https "$1" restore
    same_tree "$T/original" "$T/root/tree"
    # Without the authority nobody is trusted.
    rm "$T/root/ca.pem"
    run_split by_https "$1" lookup
    [ "$status" -ne 0 ] || fail "a server was trusted without certificates"
}

@test "the program for x64 speaks https in an empty root" {
    https_round_trip x64
}

@test "the program for arm64 speaks https in an empty root" {
    https_round_trip arm64
}

# Run the program for x64 in the environment of a userland that is another one, or means no good, and
# have the names of all files that it opens in $T/opened: watched ARGUMENT...
watched() {
    local bad=$T/bad
    if [ ! -d "$bad" ]; then
        mkdir "$bad"
        # Both are said to be for what every program converts and every one that speaks TLS loads.
        printf 'module %s %s %s/bad.so 1\n' UTF-8// INTERNAL "$bad" INTERNAL UTF-8// "$bad" \
            UTF-8// ANSI_X3.4-1968// "$bad" ANSI_X3.4-1968// UTF-8// "$bad" >"$bad/gconv-modules"
        printf '%s\n' 'openssl_conf = a' '[a]' 'engines = b' 'providers = d' '[b]' 'x = c' '[c]' \
            "dynamic_path = $bad/bad.so" '[d]' 'y = e' '[e]' "module = $bad/bad.so" 'activate = 1' \
            >"$bad/openssl.cnf"
    fi
    strace -qq -f -o "$T/trace" -e trace=open,openat,openat2,execve -E LD_PRELOAD="$bad/bad.so" \
        -E LD_LIBRARY_PATH="$bad" -E LOCPATH="$bad" -E GCONV_PATH="$bad" -E NLSPATH="$bad/%N" \
        -E LANGUAGE=ja -E LANG="${LOCALE-ja_JP.EUC-JP}" -E LC_ALL="${LOCALE-ja_JP.EUC-JP}" \
        -E OPENSSL_CONF="$bad/openssl.cnf" -E OPENSSL_MODULES="$bad" -E OPENSSL_ENGINES="$bad" \
        -E SSL_CERT_DIR="$bad" \
        "$DIST/xcache-linux-x64" "$@"
    sed 's/^[^"]*"//; s/".*//' "$T/trace" >>"$T/opened"
}

nothing_was_loaded() {
    local opened
    # /etc/nsswitch.conf is read for the order of its sources alone.
    opened=$(grep -E "$T/bad|\.so(\.|$)|gconv|locale|libnss|libgcc|openssl|engines|ossl-modules" \
        "$T/opened" || true)
    same "$opened" ""
    [ "$(wc -l <"$T/opened")" -gt 20 ] || fail "nothing was watched: $(cat "$T/opened")"
}

can_watch() {
    need_dist
    find_runner x64
    [ -z "$runner" ] || skip "not the processor for it"
    command -v strace >/dev/null || skip "no strace"
    strace -qq -o "$T/trace" true 2>/dev/null || skip "strace cannot trace here"
}

# Names that a locale would want to read.
names_beyond_ascii() {
    put "$1/ümlaut/$(printf 'x%.0s' {1..200})/日本語" 1
    put "$1/$(printf '\377\376')" 2
    put "$1/$(printf '\244\242')" 3
    put "$1/e$(printf '\314\201')" 4
    ln "$1/ümlaut/$(printf 'x%.0s' {1..200})/日本語" "$1/härt"
    ln -s "$(printf 'n\303\266where/\200')" "$1/wéich"
    find "$1" -depth -exec touch -h -d @1500000000 {} +
}

@test "the programs load no library, locale or module of the machine" {
    can_watch
    names_beyond_ascii tree
    watched save --key k --path tree
    mv tree original
    watched restore --key k --path tree
    watched lookup --key k --path tree
    watched list
    same_tree original tree
    nothing_was_loaded
}

@test "the programs load no library, engine or configuration of the machine for https" {
    can_watch
    use_server radosgw tls
    names_beyond_ascii tree
    watched save --key k --path tree
    mv tree original
    watched restore --key k --path tree
    watched lookup --key k --path tree
    same_tree original tree
    nothing_was_loaded
    # A name instead of an address.
    run_split watched lookup --key k --path tree --store "${S3_URL/127.0.0.1/localhost}"
    nothing_was_loaded
}

@test "names in the legacy layout stay bytes, without modules of the machine" {
    can_watch
    names_beyond_ascii original
    mkdir -p "$T/store"
    tar -C original --format=posix -cf - . | zstd -q >"$T/store/posix-base.tar.zst"
    tar -C original --format=gnu -cf - . | zstd -q >"$T/store/gnu-base.tar.zst"
    bsdtar -C original --format=pax --options hdrcharset=BINARY -cf - . |
        zstd -q >"$T/store/binary-base.tar.zst"
    for key in posix gnu binary; do
        for LOCALE in "" C C.UTF-8 ja_JP.EUC-JP tr_TR.ISO-8859-9; do
            watched restore --legacy-layout --key $key --path tree
            same_tree original tree
            rm -rf tree
        done
    done
    nothing_was_loaded
}

@test "each program is for its processor, static, and stripped" {
    need_dist
    command -v readelf >/dev/null || skip "no readelf"
    has "$(readelf -h "$DIST/xcache-linux-x64")" X86-64
    has "$(readelf -h "$DIST/xcache-linux-arm64")" AArch64
    for name in x64 arm64; do
        lacks "$(readelf -lW "$DIST/xcache-linux-$name")" INTERP
        lacks "$(readelf -SW "$DIST/xcache-linux-$name")" .symtab
        # A stack that can be executed is what one object without a note is enough for.
        lacks "$(readelf -lW "$DIST/xcache-linux-$name" | grep GNU_STACK)" RWE
    done
}

@test "the programs are executable and smaller than 7.5 MB" {
    need_dist
    for name in x64 arm64; do
        [ -x "$DIST/xcache-linux-$name" ] || fail "$name cannot be executed"
        bytes=$(stat -c %s "$DIST/xcache-linux-$name")
        [ "$bytes" -le 7500000 ] || fail "$name has $bytes bytes"
    done
}

@test "SHA256SUMS matches the programs" {
    need_dist
    (cd "$DIST" && sha256sum --strict --quiet -c SHA256SUMS)
    same "$(cut -c 67- "$DIST/SHA256SUMS" | xargs)" "xcache-linux-x64 xcache-linux-arm64"
}

@test "no program shows where it was built" {
    need_dist
    for name in x64 arm64; do
        run_split grep -acE '/tmp/tmp\.[A-Za-z0-9]|[A-Z][a-z]{2} [ 0-9][0-9] 20[0-9]{2}' \
            "$DIST/xcache-linux-$name"
        same "$output" 0
    done
}

@test "the bill of materials is CycloneDX and agrees with BUILD.md, the sums and the licences" {
    need_dist
    python3 - "$DIST" <<'END'
import json, re, sys
from pathlib import Path
from urllib.parse import unquote
dist = Path(sys.argv[1])
bom = json.loads((dist / "sbom.cdx.json").read_text())
assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.5", 1)
purls = {}
for entry in bom["components"]:
    assert entry["licenses"][0]["expression"], entry
    assert (dist / "LICENSES" / (entry["name"] + ".txt")).stat().st_size > 500, entry
    parts = re.fullmatch(r"pkg:deb/debian/([^@]+)@([^?]+)\?arch=(\w+)&distro=\w+", entry["purl"])
    purls[parts[1], parts[3], unquote(parts[2])] = entry
rows = re.findall(r"^\| (\S+) \| (\S+) \| (\S+) \| linked \|$", (dist / "BUILD.md").read_text(), re.M)
assert len(rows) >= 16 and set(rows) == set(purls), set(rows) ^ set(purls)
sums = dict(reversed(line.split()) for line in (dist / "SHA256SUMS").read_text().splitlines())
programs = bom["metadata"]["component"]["components"]
assert {p["name"]: p["hashes"][0]["content"] for p in programs} == sums
refs = {d["ref"]: d.get("dependsOn", []) for d in bom["dependencies"]}
used = {ref for p in programs for ref in refs[p["bom-ref"]]}
assert used == {entry["bom-ref"] for entry in bom["components"]}
# What the libraries themselves say inside the programs.
for p in programs:
    data = (dist / p["name"]).read_bytes()
    names = {entry["name"]: entry["version"] for entry in bom["components"]
             if entry["bom-ref"] in refs[p["bom-ref"]]}
    for name, said in (("openssl", rb"OpenSSL (3[0-9.]+)"), ("expat", rb"expat_([0-9.]+)"),
                       ("curl", rb"libcurl/([0-9.]+)"), ("glibc", rb"glibc ([0-9.]+)")):
        for version in re.findall(said, data):
            assert names[name].startswith(version.decode().rstrip(".")), (name, version, names)
END
}

# Link the program that is tested once more, with what it was built from: map and trace of it.
link_again() {
    build=$(dirname "$XCACHE")
    [ -e "$build/obj/main.o" ] || skip "not built here"
    ! nm "$build/obj/main.o" | grep -q '__[at]san_' || skip "built with sanitizers"
    [ -n "${STATIC-set}" ] || skip "built with shared libraries"
    curl=$(realpath "$top/build/curl")
    [ -e "$curl/VERSION" ] || skip "libcurl was built elsewhere"
    gcc -static -pthread -Wl,--gc-sections,--no-warnings,-t,-t,-Map,"$T/map" -o "$T/linked" \
        "$build/obj/main.o" "$build/libxcache.a" -larchive -ljansson -lzstd "$curl/lib/libcurl.a" \
        -lcares -lexpat -lssl -lcrypto >"$T/trace"
}

@test "every linked library is named" {
    command -v dpkg >/dev/null || skip "no dpkg"
    link_again
    named=$("$top/scripts/dist/linked" "$T/map" "$curl" | cut -f 4 | sort | xargs)
    # The other way to know: the linker tells each member that it takes, and dpkg whose it is.
    grep -o '^([^ )]*\.a)' "$T/trace" | tr -d '()' | sort -u | while read -r archive; do
        case $archive in
        *libxcache.a) ;;
        *libcurl.a) echo curl ;;
        *) dpkg -S "$(realpath "$archive")" | cut -d : -f 1 ;;
        esac
    done | sort -u | xargs >"$T/taken"
    same "$named" "$(cat "$T/taken")"
}

@test "a library under an unexpected licence is refused" {
    command -v dpkg >/dev/null || skip "no dpkg"
    for library in /usr/lib/*/libnettle.a /usr/lib/*/libacl.a /usr/lib/*/libattr.a; do
        [ -e "$library" ] || continue
        printf 'Archive member included to satisfy reference by file (symbol)\n\n%s(a.o)  main.o (f)\n' \
            "$library" >"$T/map"
        ends 1 "$top/scripts/dist/linked" "$T/map" "$T"
        has "$stderr" "its licence is not in the list"
        same "$output" ""
        tried=yes
    done
    [ -n "${tried-}" ] || skip "no such library"
}

@test "a program without a link map is refused" {
    : >"$T/map"
    ends 1 "$top/scripts/dist/linked" "$T/map" "$T"
    has "$stderr" "no map"
}

# A repository of which a build takes no time: a program with the text of src/source and $COLOUR, from
# packages of version $PACKAGES.
quick_repository() {
    command -v git >/dev/null || skip "no git"
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    export COLOUR=red PACKAGES=1.0
    git init -q .
    mkdir -p scripts/dist
    put src/source
    touch Makefile scripts/curl scripts/curl.lock
    cp "$top"/scripts/dist/make "$top"/scripts/dist/check scripts/dist
    cat >scripts/dist/build <<'END'
mkdir -p "$1"
cat "$(dirname "$0")/../../src/source" - >"$1/xcache-linux-x64" <<TEXT
$COLOUR $SOURCE_DATE_EPOCH
TEXT
printf '`%s` (today)\n| libc | all | %s | linked |\n' "$COMMIT" "$PACKAGES" >"$1/BUILD.md"
cd "$1" && sha256sum xcache-* >SHA256SUMS
END
    chmod +x scripts/dist/build
    sed -i '1i #!/bin/sh' scripts/dist/build
    git add . && git commit -qm sources
}

made_and_committed() {
    quick_repository
    ends 0 scripts/dist/make
    git add . && git commit -qm dist
}

@test "programs that differ from what the sources build fail the check" {
    made_and_committed
    ends 0 scripts/dist/check
    has "$output" "byte for byte"
    COLOUR=green ends 1 scripts/dist/check
    has "$output" "dist/xcache-linux-x64"
    has "$stderr" "the same sources by the same packages gave other bytes"
    echo >>dist/xcache-linux-x64
    ends 1 scripts/dist/check
    has "$stderr" "does not agree with its SHA256SUMS"
}

@test "newer packages are reported, and fail the check only with --strict" {
    made_and_committed
    COLOUR=green PACKAGES=2.0 ends 0 scripts/dist/check
    has "$output" "-| libc | all | 1.0 | linked |"
    has "$output" "+| libc | all | 2.0 | linked |"
    has "$output" "dist/ should be built again"
    COLOUR=green PACKAGES=2.0 ends 1 scripts/dist/check --strict
    has "$stderr" "make dist"
}

@test "every file of dist/ is checked, not only the programs" {
    made_and_committed
    echo lies >>dist/BUILD.md
    ends 1 scripts/dist/check
    has "$output" "dist/BUILD.md"
}

@test "changed sources are reported, and fail the check only with --strict" {
    made_and_committed
    put src/source other
    git commit -qam "other sources"
    ends 0 scripts/dist/check
    has "$output" "the sources have changed since"
    has "$output" "byte for byte"
    ends 1 scripts/dist/check --strict
    has "$stderr" "the sources have changed since"
}

@test "dist/ of an unknown commit, or incomplete, is refused; an empty one passes" {
    quick_repository
    ends 0 scripts/dist/check
    has "$output" "dist/ is empty as yet"
    ends 0 scripts/dist/make
    git add . && git commit -qm dist
    git checkout -q --orphan other
    git commit -qm "another history"
    ends 1 scripts/dist/check
    has "$stderr" "not in this history"
    git rm -q dist/SHA256SUMS
    ends 1 scripts/dist/check
    has "$stderr" "dist/ is incomplete"
}

@test "only committed files get into dist/" {
    quick_repository
    put src/source other
    ends 1 scripts/dist/make
    has "$stderr" "changes that are in none"
    absent dist
    git checkout -q src/source
    put src/more
    ends 1 scripts/dist/make
}
