#!/bin/bash
# Valkey 8.1.1 (Debian 13) says which version it is in two ways: INFO server
# has redis_version:7.2.4 for ever, for programs that know Redis alone, and
# valkey_version:8.1.1; HELLO says 8.1.1 and server=valkey.  But the mode is
# not doubled: redis_mode of Redis is gone, and stands as server_mode.  A
# program that recognises a Sentinel or a cluster node by redis_mode takes
# Valkey's for a plain server, although redis_version is there.
. "$(dirname "$0")/common.bash"
fetch trixie valkey-server=8.1.1+dfsg1-3+deb13u3 \
    valkey-tools=8.1.1+dfsg1-3+deb13u3 \
    libc6=2.41-12+deb13u5 libgcc-s1 libstdc++6 libatomic1 liblzf1 \
    libjemalloc2 libssl3t64 libsystemd0 libcap2 libzstd1 zlib1g

# server NAME OPTION...: on a UNIX socket alone.
server() {
    local name=$1
    shift
    in_root "$root/usr/bin/valkey-server" "$@" --unixsocket "$tmp/$name.sock" \
        --dir "$tmp" --logfile "$tmp/$name.log" &
    pids+=($!)
    await test -S "$tmp/$name.sock"
}
say() {
    in_root "$root/usr/bin/valkey-cli" -s "$tmp/$1.sock" "${@:2}" | tr -d '\r'
}
server plain --port 0 --save ''
: >"$tmp/sentinel.conf"
server sentinel "$tmp/sentinel.conf" --sentinel --port 0

got=()
for key in redis_version valkey_version redis_mode server_mode; do
    got[${#got[@]}]="$(say plain INFO server | sed -n "s/^$key://p")"
done
same redis_version 7.2.4 "${got[0]}"
same valkey_version 8.1.1 "${got[1]}"
same "redis_mode (none)" "" "${got[2]}"
same server_mode standalone "${got[3]}"
same "HELLO's version" 8.1.1 "$(say plain HELLO | sed -n '/^version$/{n;p}')"
same "a Sentinel's redis_mode (none)" "" \
    "$(say sentinel INFO server | sed -n 's/^redis_mode://p')"
same "a Sentinel's server_mode" sentinel \
    "$(say sentinel INFO server | sed -n 's/^server_mode://p')"
exit $differ
