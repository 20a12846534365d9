#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The helpers for tests beside servers do what their users rely on.

load helpers
load servers

@test "two uses of one server do not see each other's objects" {
    use_server radosgw
    put here one
    s3 put a/b here
    same "$(s3 list)" "3 a/b"
    use_server radosgw
    same "$(s3 list)" ""
    no_open_uploads
}

@test "the other client has its own keys" {
    use_server swift
    no_keys
    put here two
    s3 put x here
    same "$(s3 get x)" two
    s3 clear
    same "$(s3 list)" ""
}

@test "https is used where https was asked for" {
    use_server radosgw tls
    has "$XCACHE_STORE" "endpoint=https%3A%2F%2F"
    same "$(s3 list)" ""
}
