/*
 * What a TLS handshake costs this side: in full, with a verified certificate,
 * and resumed.  The server's work is not counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/tls_stream.h"

#include "../must.h"
#include "../tls_place.h"

#define TIMES 500

static struct tls_place place;
static double client_us;

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void to_server(struct tls_stream *s, struct tls_server *server)
{
    size_t len;
    char *out = tls_stream_output(s, &len);
    tls_server_take(server, out, len);
    free(out);
}

/* Takes what the server has to say. */
static enum tls_next hear(struct tls_stream *s, struct tls_server *server)
{
    char rest[64];
    enum tls_next next, more;
    size_t len;
    char *out = tls_server_output(server, &len);
    double began_us = now_us();
    next = tls_stream_shake(s, out, len);
    if (next == TLS_OPEN)
        (void)!tls_stream_read(s, rest, sizeof rest, &more);
    client_us += now_us() - began_us;
    free(out);
    return next;
}

static void connect_once(struct tls_peer *p, SSL_CTX *ctx)
{
    struct tls_server server;
    tls_server_open(&server, ctx);
    double began_us = now_us();
    struct tls_stream *s = tls_stream_new(p, 1000000);
    client_us += now_us() - began_us;
    enum tls_next next = TLS_MORE;
    while (next == TLS_MORE) {
        to_server(s, &server);
        next = hear(s, &server);
    }
    MUST(next == TLS_OPEN);
    to_server(s, &server);
    (void)hear(s, &server); /* the tickets */
    tls_stream_free(s);
    tls_server_close(&server);
}

static double mean_us(struct tls_context *c, SSL_CTX *ctx, bool resumed)
{
    struct err e;
    struct tls_peer *p = tls_peer_new(c, "r", &e);
    if (resumed)
        connect_once(p, ctx);
    client_us = 0;
    for (int i = 0; i < TIMES; i++) {
        if (!resumed) {
            tls_peer_free(p);
            p = tls_peer_new(c, "r", &e);
        }
        connect_once(p, ctx);
    }
    tls_peer_free(p);
    return client_us / TIMES;
}

int main(void)
{
    enum tls_file which;
    struct err e;
    tls_place_make(&place);
    tls_place_cert(&place, &(struct tls_wanted){
                               .file = "r", .names = "DNS:r", .rsa = true });
    const struct tls_settings s = { .files[TLS_CA_FILE] =
                                        tls_place_path(&place, "ca.pem"),
                                    .verify = true };
    struct tls_context *c = tls_context_get(&s, &which, &e);
    SSL_CTX *ctx = tls_place_server(&place, "r", false);
    double full = mean_us(c, ctx, false), resumed = mean_us(c, ctx, true);
    printf("full %.0f us, resumed %.0f us: %.2f\n", full, resumed,
           resumed / full);
    SSL_CTX_free(ctx);
    tls_context_put(c);
    tls_place_clear(&place);
    return 0;
}
