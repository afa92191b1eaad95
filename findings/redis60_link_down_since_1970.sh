#!/bin/bash
# A replica of Redis 6.0.16 (Debian 11) whose master was never reached says in
# INFO replication that its link is down since the epoch:
# master_link_down_since_seconds is the wall clock, some 1.7 billion seconds,
# 50 years and more.  Redis 7.0.15 (Debian 12) says -1 in that case.  A program
# that shows the figure, or alerts by it, tells of a failure of half a century.
. "$(dirname "$0")/common.bash"

# seconds SUITE PACKAGE...: what a replica of nobody says, into $said.
seconds() {
    root=$tmp/$1
    fetch "$@"
    local server=$root/usr/bin/redis-check-rdb
    in_root --argv0 redis-server "$server" --port 0 --save '' --dir "$tmp" \
        --unixsocket "$tmp/$1.sock" --logfile "$tmp/$1.log" \
        --replicaof 127.0.0.1 "$(free_port)" >/dev/null 2>&1 &
    pids+=($!)
    await test -S "$tmp/$1.sock"
    said=$(in_root "$root/usr/bin/redis-cli" -s "$tmp/$1.sock" \
        INFO replication | tr -d '\r' |
        sed -n 's/^master_link_down_since_seconds://p')
}
# The loader of Debian 11 knows no --argv0.
in_root() {
    local name=
    [ "$1" = --argv0 ] && name=$2 && shift 2
    (
        export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu
        LD_LIBRARY_PATH+=:$root/lib/x86_64-linux-gnu
        exec ${name:+-a "$name"} "$@"
    )
}
seconds bullseye redis-tools=5:6.0.16-1+deb11u9 libssl1.1 libhiredis0.14 \
    liblua5.1-0 lua-cjson lua-bitop libjemalloc2 liblzf1 libatomic1
old=$said
seconds bookworm redis-tools=5:7.0.15-1~deb12u10 libssl3 \
    liblzf1 libjemalloc2 libatomic1
new=$said
echo "Redis 6.0.16: $old s; Redis 7.0.15: $new s"
now=$(date +%s)
same "6.0.16 gives the wall clock" yes \
    "$([ "$old" -gt $((now - 600)) ] && echo yes || echo no)"
same "7.0.15 gives -1" -1 "$new"
exit $differ
