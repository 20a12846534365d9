#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The helpers for tests beside servers do what their users rely on.

load helpers
load servers

@test "two uses of one server see each other's objects" {
    use_server radosgw
    put here one
    s3 put a/b here
    same "$(s3 list)" "3 a/b"
    use_server radosgw
    same "$(s3 list)" ""
    no_open_uploads
}

@test "the other client has the keys of the test, or those of another server" {
    use_server swift
    no_keys
    put here two
    s3 put x here
    same "$(s3 get x)" two
    s3 clear
    same "$(s3 list)" ""
}

@test "a server is asked over plain http where https was wanted" {
    use_server radosgw tls
    has "$XCACHE_STORE" "endpoint=https%3A%2F%2F"
    same "$(s3 list)" ""
}
