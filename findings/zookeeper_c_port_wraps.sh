#!/bin/bash
# libzookeeper_mt 3.8.0 (Debian 12) takes a port above 65535 in its list of
# servers without a word and keeps its lower 16 bits: "127.0.0.1:(P + 65536)"
# connects to P.  A digit too many in a config thus leads to another port, not
# to an error from zookeeper_init.
. "$(dirname "$0")/common.bash"
fetch bookworm libzookeeper-mt2=3.8.0-11+deb12u2 \
    libzookeeper-mt-dev=3.8.0-11+deb12u2
command -v gcc >/dev/null || cannot "no gcc"

cat >"$tmp/p.c" <<'END'
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <zookeeper/zookeeper.h>

int main(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0);
    bind(l, (struct sockaddr *)&a, sizeof a);
    listen(l, 1);
    getsockname(l, (struct sockaddr *)&a, &len);

    char list[64];
    snprintf(list, sizeof list, "127.0.0.1:%d", ntohs(a.sin_port) + 65536);
    zoo_set_debug_level(0);
    zhandle_t *z = zookeeper_init(list, NULL, 4000, NULL, NULL, 0);
    struct pollfd p = { l, POLLIN, 0 };
    int came = poll(&p, 1, 10000);
    printf("init %s, a connection %s\n", z == NULL ? "refused" : "accepted",
           came == 1 ? "came" : "did not come");
    if (z != NULL)
        zookeeper_close(z);
    return 0;
}
END
gcc -w -DTHREADED -I"$root/usr/include" "$tmp/p.c" -o "$tmp/p" \
    "$root"/usr/lib/x86_64-linux-gnu/libzookeeper_mt.so.2 ||
    cannot "does not compile"
same "port P + 65536, a listener on P" "init accepted, a connection came" \
    "$(LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu "$tmp/p")"
exit $differ
