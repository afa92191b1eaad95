#!/bin/bash
# twemproxy 0.5.0 (Debian's nutcracker 0.5.0+dfsg-2) answers PING with +PONG.
# A command that it does not know (INFO, CLIENT) makes it close, which its
# manual says; but when both come in one write, the +PONG of the PING before
# it is never sent: the client sees nothing but the end of the connection.
# With QUIT in that place the +PONG does come.  So a checker that pipelines PING
# and INFO takes a healthy proxy for dead.
. "$(dirname "$0")/common.bash"
fetch bookworm nutcracker=0.5.0+dfsg-2

cat >"$tmp/conf.yml" <<END
pool:
  listen: $tmp/proxy.sock
  redis: true
  servers:
   - $tmp/nobody.sock:1 nobody
END
"$root/usr/sbin/nutcracker" -c "$tmp/conf.yml" -s "$(free_port)" -a 127.0.0.1 \
    -o "$tmp/log" &
pids+=($!)
await test -S "$tmp/proxy.sock"

# ask BYTES: what is answered, and END where the proxy closes.
ask() {
    python3 - "$tmp/proxy.sock" "$1" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.settimeout(1)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
answer = b""
try:
    while True:
        piece = s.recv(4096)
        if not piece:
            answer += b"END"
            break
        answer += piece
except TimeoutError:
    pass
print(answer.decode().replace("\r\n", " ").strip())
END
}
ping='*1\r\n$4\r\nPING\r\n'
info='*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n'
quit='*1\r\n$4\r\nQUIT\r\n'
same "PING alone" "+PONG" "$(ask "$ping")"
same "PING and INFO in one write" "END" "$(ask "$ping$info")"
same "PING and QUIT in one write" "+PONG END" "$(ask "$ping$quit")"
exit $differ
