#!/bin/bash
# Redis 7.0.15 (Debian 12), 8.0.2 and Valkey 8.1.1 (Debian 13) with
# `tls-session-caching no` and client certificates (the default) still give
# each client TLS 1.3 session tickets, and then refuse them: a client that
# resumes with such a ticket has its connection ended with the alert
# internal_error, where a full handshake would do.  The log says "session id
# context uninitialized": the context's id is set only where caching is on.
# With `tls-auth-clients no` the same tickets are taken.  A client that keeps
# sessions thus fails every second time, and its error names the server.
. "$(dirname "$0")/common.bash"
libraries=(libgcc-s1 libstdc++6 libatomic1 liblzf1 libjemalloc2 libsystemd0
    libcap2 libzstd1 zlib1g)
command -v openssl >/dev/null || cannot "no openssl"

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/key.pem" \
    -out "$tmp/cert.pem" -subj /CN=localhost -days 2 2>/dev/null ||
    cannot "openssl makes no certificate"

# ping PORT OPTION...: PONG, the word of an alert, or nothing.
ping() {
    local port=$1
    shift
    (
        printf 'PING\r\n'
        sleep 1
    ) | timeout 10 openssl s_client -connect "127.0.0.1:$port" -quiet -no_ign_eof \
        -cert "$tmp/cert.pem" -key "$tmp/key.pem" "$@" 2>&1 |
        grep -aoE 'PONG|alert [a-z ]+' | head -1
}

# tickets SERVER AUTH CACHING: what the first and the second connection get.
tickets() {
    local port server log=$tmp/$1-$2-$3.log
    port=$(free_port)
    rm -f "$log"
    in_root --argv0 "$1" "$root/usr/bin/$1" --port 0 --tls-port "$port" \
        --tls-cert-file "$tmp/cert.pem" --tls-key-file "$tmp/key.pem" \
        --tls-ca-cert-file "$tmp/cert.pem" --tls-auth-clients "$2" \
        --tls-session-caching "$3" --save '' --dir "$tmp" \
        --logfile "$log" &
    server=$!
    pids+=($server)
    await grep -q "Ready to accept connections" "$log"
    rm -f "$tmp/session"
    said="$(ping "$port" -sess_out "$tmp/session")"
    [ -s "$tmp/session" ] || said+=", no ticket"
    said+=", then $(ping "$port" -sess_in "$tmp/session")"
    end $server
}

both() {
    tickets "$1" yes no
    same "$2, caching off" "PONG, then alert internal error" "$said"
    tickets "$1" yes yes
    same "$2, caching on" "PONG, then PONG" "$said"
    tickets "$1" no no
    same "$2, caching off, no client certificates" "PONG, then PONG" "$said"
}

root=$tmp/12
fetch bookworm redis-server=5:7.0.15-1~deb12u10 \
    redis-tools=5:7.0.15-1~deb12u10 libc6=2.36-9+deb12u14 libssl3 \
    liblz4-1 liblzma5 libgcrypt20 libgpg-error0 "${libraries[@]}"
both redis-server "Redis 7.0.15"
root=$tmp/13
fetch trixie redis-server=5:8.0.2-3+deb13u3 redis-tools=5:8.0.2-3+deb13u3 \
    valkey-server=8.1.1+dfsg1-3+deb13u3 valkey-tools=8.1.1+dfsg1-3+deb13u3 \
    libc6=2.41-12+deb13u5 libssl3t64 "${libraries[@]}"
both redis-server "Redis 8.0.2"
both valkey-server "Valkey 8.1.1"
exit $differ
