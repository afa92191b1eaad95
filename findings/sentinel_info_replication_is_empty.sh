#!/bin/bash
# A Sentinel of Redis 7.0.15 (Debian 12) knows PING, ROLE and INFO, but INFO
# replication is answered with an empty text, not with an error: INFO accepts
# the name of any section, also of those that a Sentinel does not have.  ROLE
# says "sentinel".  A program that asks INFO replication for the role learns
# nothing and is told of no error.
. "$(dirname "$0")/common.bash"
fetch bookworm redis-tools=5:7.0.15-1~deb12u10 libc6=2.36-9+deb12u14 \
    libgcc-s1 libatomic1 liblzf1 libjemalloc2 libssl3 libsystemd0 \
    libstdc++6 libcap2 libzstd1 liblz4-1 liblzma5 libgcrypt20 libgpg-error0

: >"$tmp/sentinel.conf"
in_root "$root/usr/bin/redis-check-rdb" --version >/dev/null || cannot "no start"
ln -s "$root/usr/bin/redis-check-rdb" "$tmp/redis-sentinel"
in_root --argv0 redis-sentinel "$root/usr/bin/redis-check-rdb" \
    "$tmp/sentinel.conf" --sentinel --port 0 --unixsocket "$tmp/s.sock" \
    --dir "$tmp" --logfile "$tmp/log" &
pids+=($!)
await test -S "$tmp/s.sock"
say() {
    in_root "$root/usr/bin/redis-cli" -s "$tmp/s.sock" "$@" | tr -d '\r'
}
same "ROLE" sentinel "$(say ROLE | head -1)"
same "bytes of INFO replication" 0 "$(say INFO replication | tr -d '\n' | wc -c)"
same "bytes of INFO of a section that nobody has" 0 \
    "$(say INFO no-such-section | tr -d '\n' | wc -c)"
exit $differ
