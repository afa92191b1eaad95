#!/bin/bash
# libmicrohttpd 1.0.1 (Debian 13) in external epoll mode only queues a socket
# that MHD_add_connection is given: MHD_OPTION_NOTIFY_CONNECTION hears of it
# inside the next MHD_run.  With 0.9.75 (Debian 12) it hears of it before the
# call returns.  An application that counts connections by it, to stay below
# MHD_OPTION_CONNECTION_LIMIT, counts one too few between the two calls.
. "$(dirname "$0")/common.bash"
command -v gcc >/dev/null || cannot "no gcc"

cat >"$tmp/m.c" <<'END_C'
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <sys/socket.h>

static int begun;

static void notify(void *arg, struct MHD_Connection *c, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    begun += code == MHD_CONNECTION_NOTIFY_STARTED;
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *c,
                              const char *url, const char *method,
                              const char *version, const char *data,
                              size_t *size, void **context)
{
    return MHD_NO;
}

int main(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0);
    bind(l, (struct sockaddr *)&a, sizeof a);
    listen(l, 1);
    getsockname(l, (struct sockaddr *)&a, &len);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (struct sockaddr *)&a, sizeof a);
    int fd = accept(l, (struct sockaddr *)&a, &len);

    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, answer, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, notify, NULL, MHD_OPTION_END);
    enum MHD_Result added =
        MHD_add_connection(d, fd, (struct sockaddr *)&a, len);
    int before = begun;
    MHD_run(d);
    printf("%s: added %d, begun %d, after a run %d\n", MHD_get_version(),
           added, before, begun);
    MHD_stop_daemon(d);
    return 0;
}
END_C

# try SUITE LIBRARY...: what the program says with that release's library.
try() {
    local suite=$1 lib
    shift
    root=$tmp/root-$suite
    fetch "$suite" "$@" >&2
    lib=$(find "$root" -name 'libmicrohttpd.so.12' | head -1)
    gcc -w -I"$tmp/root-bookworm/usr/include" "$tmp/m.c" -o "$tmp/m-$suite" \
        "$lib" -Wl,--allow-shlib-undefined || cannot "does not compile"
    in_root "$tmp/m-$suite"
}

old=$(try bookworm libmicrohttpd12=0.9.75-6 libmicrohttpd-dev=0.9.75-6 \
    libc6=2.36-9+deb12u14 libffi8=3.4.4-1 libgmp10=2:6.2.1+dfsg1-1.1 \
    libgnutls30=3.7.9-2+deb12u7 libhogweed6=3.8.1-2 libidn2-0=2.3.3-1+b1 \
    libnettle8=3.8.1-2 libp11-kit0=0.24.1-2 libtasn1-6=4.19.0-2+deb12u1 \
    libunistring2=1.0-2) || exit
new=$(try trixie libmicrohttpd12t64=1.0.1-4 libc6=2.41-12+deb13u5 \
    libffi8=3.4.8-2 libgmp10=2:6.3.0+dfsg-3 libgnutls30t64=3.8.9-3+deb13u4 \
    libhogweed6t64=3.10.1-1 libidn2-0=2.3.8-2 libnettle8t64=3.10.1-1 \
    libp11-kit0=0.25.5-3 libtasn1-6=4.20.0-2+deb13u1 libunistring5=1.3-2) ||
    exit
same "Debian 12" "0.9.75: added 1, begun 1, after a run 1" "$old"
same "Debian 13" "1.0.1: added 1, begun 0, after a run 1" "$new"
exit $differ
