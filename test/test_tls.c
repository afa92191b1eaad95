/*
 * TLS without sockets: what a server sends goes straight into the stream, cut
 * wherever a test likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

#include "agent/tls.h"
#include "agent/tls_stream.h"

#include "must.h"
#include "tls_place.h"

static struct tls_place place;
static uint64_t now_ms = 10000000;

static const char *path(const char *file)
{
    return tls_place_path(&place, file);
}

static struct tls_settings trusting(const char *ca)
{
    return (struct tls_settings){ .files[TLS_CA_FILE] =
                                      ca == NULL ? NULL : path(ca),
                                  .verify = true };
}

static struct tls_context *get(const struct tls_settings *s)
{
    enum tls_file which;
    struct err e = { "" };
    struct tls_context *c = tls_context_get(s, &which, &e);
    if (c == NULL)
        fail_msg("%s", e.text);
    return c;
}

static struct tls_peer *peer_of(const struct tls_settings *s, const char *name)
{
    struct err e;
    struct tls_context *c = get(s);
    struct tls_peer *p = tls_peer_new(c, name, &e);
    tls_context_put(c);
    assert_non_null(p);
    return p;
}

static void send_out(struct tls_stream *s, struct tls_server *to)
{
    size_t len;
    char *out = tls_stream_output(s, &len);
    tls_server_take(to, out, len);
    free(out);
}

/* Hands over what the server has to say, PIECE bytes at a time. */
static enum tls_next hear(struct tls_stream *s, struct tls_server *from,
                          size_t piece)
{
    enum tls_next next = TLS_MORE;
    size_t len;
    char *out = tls_server_output(from, &len);
    for (size_t at = 0; at < len && next == TLS_MORE; at += piece)
        next =
            tls_stream_shake(s, out + at, piece < len - at ? piece : len - at);
    free(out);
    return next;
}

static enum tls_next shake(struct tls_stream *s, struct tls_server *server,
                           size_t piece)
{
    enum tls_next next = TLS_MORE;
    for (int turns = 0; turns < 10 && next == TLS_MORE; turns++) {
        send_out(s, server);
        next = hear(s, server, piece);
    }
    send_out(s, server);
    return next;
}

/* A ping and its answer, with the tickets before it. */
static void talk(struct tls_stream *s, struct tls_server *server)
{
    char got[16];
    size_t n, len;
    enum tls_next next;
    assert_int_equal(tls_stream_write(s, "ping", 4), 0);
    send_out(s, server);
    assert_int_equal(SSL_read_ex(server->ssl, got, sizeof got, &n), 1);
    assert_memory_equal(got, "ping", 4);
    assert_int_equal(SSL_write_ex(server->ssl, "pong", 4, &n), 1);
    char *out = tls_server_output(server, &len);
    tls_stream_take(s, out, len);
    assert_int_equal(tls_stream_read(s, got, sizeof got, &next), 4);
    assert_memory_equal(got, "pong", 4);
    assert_int_equal(tls_stream_read(s, got, sizeof got, &next), 0);
    assert_int_equal(next, TLS_MORE);
    free(out);
}

struct outcome {
    enum tls_next next;
    bool resumed;
    char words[256];
};

static struct outcome connect_once(struct tls_peer *p, SSL_CTX *ctx,
                                   size_t piece)
{
    struct outcome o = { .resumed = false };
    struct tls_server server;
    struct tls_stream *s = tls_stream_new(p, now_ms);
    assert_non_null(s);
    tls_server_open(&server, ctx);
    o.next = shake(s, &server, piece);
    if (o.next == TLS_OPEN) {
        o.resumed = tls_stream_resumed(s);
        talk(s, &server);
        tls_stream_end(s);
        send_out(s, &server);
    }
    snprintf(o.words, sizeof o.words, "%s", tls_words(s));
    tls_stream_free(s);
    tls_server_close(&server);
    return o;
}

static struct outcome outcome_of(const struct tls_settings *s, const char *name,
                                 SSL_CTX *ctx)
{
    struct tls_peer *p = peer_of(s, name);
    struct outcome o = connect_once(p, ctx, SIZE_MAX);
    tls_peer_free(p);
    return o;
}

/* What is said of FILE's certificate by a client that asks for NAME. */
static void expect(const char *ca, const char *name, const char *file,
                   enum tls_next next, const char *words)
{
    SSL_CTX *ctx = tls_place_server(&place, file, false);
    const struct tls_settings s = trusting(ca);
    struct outcome o = outcome_of(&s, name, ctx);
    assert_string_equal(o.words, words);
    assert_int_equal(o.next, next);
    SSL_CTX_free(ctx);
}

static int make_place(void **state)
{
    (void)state;
    tls_place_make(&place);
    tls_place_cert(&place, &(struct tls_wanted){
                               .file = "good",
                               .names = "DNS:redis.example,DNS:*.wild.example,"
                                        "IP:10.0.0.7,IP:::1" });
    return 0;
}

static int clear_place(void **state)
{
    (void)state;
    tls_place_clear(&place);
    return 0;
}

/* ------------------------------------------------------------------- tests */

static void a_certificate_of_a_trusted_ca_is_taken(void **state)
{
    (void)state;
    expect("ca.pem", "redis.example", "good", TLS_OPEN, "");
    expect("ca.pem", "a.wild.example", "good", TLS_OPEN, "");
    expect("ca.pem", "10.0.0.7", "good", TLS_OPEN, "");
    expect("ca.pem", "::1", "good", TLS_OPEN, "");
}

/* Certificates know neither. */
static void a_final_dot_and_a_zone_are_no_part_of_the_name(void **state)
{
    (void)state;
    expect("ca.pem", "redis.example.", "good", TLS_OPEN, "");
    expect("ca.pem", "::1%lo", "good", TLS_OPEN, "");
    expect("ca.pem", "cache-1.", "good", TLS_REFUSED,
           "name cache-1 is not among: redis.example, *.wild.example, "
           "10.0.0.7, ::1");
}

static void a_wrong_name_is_told_with_those_that_are_there(void **state)
{
    (void)state;
    expect("ca.pem", "cache-1", "good", TLS_REFUSED,
           "name cache-1 is not among: redis.example, *.wild.example, "
           "10.0.0.7, ::1");
    expect("ca.pem", "a.b.wild.example", "good", TLS_REFUSED,
           "name a.b.wild.example is not among: redis.example, "
           "*.wild.example, 10.0.0.7, ::1");
    expect("ca.pem", "10.0.0.8", "good", TLS_REFUSED,
           "name 10.0.0.8 is not among: redis.example, *.wild.example, "
           "10.0.0.7, ::1");
}

static void an_unknown_ca_is_told(void **state)
{
    (void)state;
    tls_place_cert(&place, &(struct tls_wanted){ .file = "other-made",
                                                 .names = "DNS:r",
                                                 .by_other = true });
    tls_place_cert(&place, &(struct tls_wanted){ .file = "self",
                                                 .names = "DNS:r",
                                                 .self_signed = true });
    expect("ca.pem", "r", "other-made", TLS_REFUSED,
           "issuer CN=Other CA is not known: another CA, or an intermediate "
           "certificate is missing");
    expect(NULL, "redis.example", "good", TLS_REFUSED,
           "issuer CN=Test CA is not known, no CA configured");
    expect(NULL, "r", "self", TLS_REFUSED,
           "self-signed certificate, no CA configured");
    expect("ca.pem", "r", "self", TLS_REFUSED,
           "self-signed certificate, and it is not among those of the CA "
           "configured");
}

static void a_certificate_out_of_its_time_is_told(void **state)
{
    char words[64], day[16];
    time_t then = time(NULL) - 3 * 86400;
    (void)state;
    tls_place_cert(&place, &(struct tls_wanted){ .file = "old",
                                                 .names = "DNS:r",
                                                 .from_days = -9,
                                                 .to_days = -3 });
    tls_place_cert(&place, &(struct tls_wanted){ .file = "young",
                                                 .names = "DNS:r",
                                                 .from_days = 5 });
    strftime(day, sizeof day, "%Y-%m-%d", gmtime(&then));
    snprintf(words, sizeof words, "certificate has expired on %s", day);
    expect("ca.pem", "r", "old", TLS_REFUSED, words);
    then = time(NULL) + 5 * 86400 - 60;
    strftime(day, sizeof day, "%Y-%m-%d", gmtime(&then));
    snprintf(words, sizeof words, "certificate is not valid before %s", day);
    expect("ca.pem", "r", "young", TLS_REFUSED, words);
}

static void without_verification_all_of_them_are_taken(void **state)
{
    const struct tls_settings s = { .verify = false };
    SSL_CTX *ctx = tls_place_server(&place, "good", false);
    (void)state;
    assert_int_equal(outcome_of(&s, "cache-1", ctx).next, TLS_OPEN);
    SSL_CTX_free(ctx);
}

static void the_certificate_is_kept_for_people(void **state)
{
    const struct tls_settings s = trusting("ca.pem");
    struct tls_peer *p = peer_of(&s, "r");
    struct tls_certificate c;
    (void)state;
    tls_place_cert(&place, &(struct tls_wanted){ .file = "rsa",
                                                 .names = "DNS:r",
                                                 .to_days = 20,
                                                 .rsa = true });
    SSL_CTX *ctx = tls_place_server(&place, "rsa", false);
    assert_false(tls_peer_certificate(p, &c));
    assert_int_equal(connect_once(p, ctx, SIZE_MAX).next, TLS_OPEN);
    assert_true(tls_peer_certificate(p, &c));
    assert_string_equal(c.subject, "CN=rsa");
    assert_string_equal(c.issuer, "CN=Test CA");
    assert_string_equal(c.names, "r");
    int64_t days = (c.ends_wall_ms / 1000 - time(NULL) + 43200) / 86400;
    assert_int_equal(days, 20);
    assert_int_equal(c.earliest_wall_ms, c.ends_wall_ms);
    tls_peer_free(p);
    SSL_CTX_free(ctx);
}

static void a_session_is_resumed_for_an_hour(void **state)
{
    const struct tls_settings s = trusting("ca.pem");
    static const int VERSIONS[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_peer *p = peer_of(&s, "redis.example");
        SSL_CTX *ctx = tls_place_server(&place, "good", false);
        SSL_CTX_set_max_proto_version(ctx, VERSIONS[i]);
        assert_false(connect_once(p, ctx, SIZE_MAX).resumed);
        now_ms += 3599000;
        assert_true(connect_once(p, ctx, SIZE_MAX).resumed);
        assert_true(connect_once(p, ctx, SIZE_MAX).resumed);
        now_ms += 2000;
        assert_false(connect_once(p, ctx, SIZE_MAX).resumed);
        assert_true(connect_once(p, ctx, SIZE_MAX).resumed);
        tls_peer_free(p);
        SSL_CTX_free(ctx);
    }
}

static void bytes_may_come_one_by_one(void **state)
{
    const struct tls_settings s = trusting("ca.pem");
    struct tls_peer *p = peer_of(&s, "redis.example");
    SSL_CTX *ctx = tls_place_server(&place, "good", false);
    (void)state;
    assert_int_equal(connect_once(p, ctx, 1).next, TLS_OPEN);
    assert_int_equal(connect_once(p, ctx, 1).next, TLS_OPEN);
    tls_peer_free(p);
    SSL_CTX_free(ctx);
}

static void an_answer_in_plain_is_told(void **state)
{
    static const char *const ANSWERS[] = { "-ERR unknown command\r\n",
                                           "HTTP/1.1 400 Bad Request\r\n",
                                           "220 mail ESMTP\r\n" };
    const struct tls_settings s = trusting("ca.pem");
    struct tls_peer *p = peer_of(&s, "r");
    (void)state;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        struct tls_stream *t = tls_stream_new(p, now_ms);
        assert_int_equal(tls_stream_shake(t, ANSWERS[i], strlen(ANSWERS[i])),
                         TLS_PLAIN);
        assert_string_equal(tls_words(t), "no TLS there: it answers in plain");
        tls_stream_free(t);
    }
    tls_peer_free(p);
}

static void a_server_below_1_2_has_no_common_version(void **state)
{
    const struct tls_settings s = trusting("ca.pem");
    SSL_CTX *ctx = tls_place_server(&place, "good", false);
    (void)state;
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_security_level(ctx, 0);
    struct outcome o = outcome_of(&s, "redis.example", ctx);
    assert_int_equal(o.next, TLS_REFUSED);
    assert_non_null(strstr(o.words, "no common version of TLS"));
    SSL_CTX_free(ctx);
}

static void a_client_certificate_is_shown_where_it_is_wanted(void **state)
{
    struct tls_settings s = trusting("ca.pem");
    SSL_CTX *ctx = tls_place_server(&place, "good", true);
    (void)state;
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    tls_place_cert(
        &place, &(struct tls_wanted){ .file = "client", .names = "DNS:agent" });
    struct outcome o = outcome_of(&s, "redis.example", ctx);
    assert_int_equal(o.next, TLS_REFUSED);
    assert_string_equal(o.words,
                        "the server's alert: handshake failure: no common "
                        "cipher, or it wants a client certificate");
    s.files[TLS_CERT_FILE] = path("client.pem");
    s.files[TLS_KEY_FILE] = path("client.key");
    assert_int_equal(outcome_of(&s, "redis.example", ctx).next, TLS_OPEN);
    SSL_CTX_free(ctx);
}

/* With TLS 1.3 a client that has sent all is through before it is judged. */
static void a_client_certificate_that_is_missed_is_told_late(void **state)
{
    const struct tls_settings s = trusting("ca.pem");
    SSL_CTX *ctx = tls_place_server(&place, "good", true);
    struct tls_peer *p = peer_of(&s, "redis.example");
    struct tls_stream *t = tls_stream_new(p, now_ms);
    struct tls_server server;
    char got[16];
    enum tls_next next;
    size_t len;
    (void)state;
    tls_server_open(&server, ctx);
    assert_int_equal(shake(t, &server, SIZE_MAX), TLS_OPEN);
    char *out = tls_server_output(&server, &len);
    tls_stream_take(t, out, len);
    assert_int_equal(tls_stream_read(t, got, sizeof got, &next), 0);
    assert_int_equal(next, TLS_REFUSED);
    assert_string_equal(tls_words(t),
                        "the server's alert: certificate required: it wants a "
                        "client certificate (tls_cert_file)");
    free(out);
    tls_stream_free(t);
    tls_peer_free(p);
    tls_server_close(&server);
    SSL_CTX_free(ctx);
}

static void an_end_in_order_is_told(void **state)
{
    const struct tls_settings s = trusting("ca.pem");
    SSL_CTX *ctx = tls_place_server(&place, "good", false);
    struct tls_peer *p = peer_of(&s, "redis.example");
    struct tls_stream *t = tls_stream_new(p, now_ms);
    struct tls_server server;
    char got[16];
    enum tls_next next;
    size_t len;
    (void)state;
    tls_server_open(&server, ctx);
    assert_int_equal(shake(t, &server, SIZE_MAX), TLS_OPEN);
    SSL_shutdown(server.ssl);
    char *out = tls_server_output(&server, &len);
    tls_stream_take(t, out, len);
    assert_int_equal(tls_stream_read(t, got, sizeof got, &next), 0);
    assert_int_equal(next, TLS_CLOSED);
    free(out);
    tls_stream_free(t);
    tls_peer_free(p);
    tls_server_close(&server);
    SSL_CTX_free(ctx);
}

/* A connection that stands, and its server. */
struct pair {
    struct tls_peer *peer;
    struct tls_stream *stream;
    struct tls_server server;
    SSL_CTX *ctx;
};

static void open_pair(struct pair *p, int version, size_t tickets)
{
    const struct tls_settings s = trusting("ca.pem");
    p->peer = peer_of(&s, "redis.example");
    p->ctx = tls_place_server(&place, "good", false);
    SSL_CTX_set_max_proto_version(p->ctx, version);
    SSL_CTX_set_num_tickets(p->ctx, tickets);
    p->stream = tls_stream_new(p->peer, now_ms);
    tls_server_open(&p->server, p->ctx);
    assert_int_equal(shake(p->stream, &p->server, SIZE_MAX), TLS_OPEN);
    talk(p->stream, &p->server);
}

static void close_pair(struct pair *p)
{
    tls_stream_free(p->stream);
    tls_server_close(&p->server);
    tls_peer_free(p->peer);
    SSL_CTX_free(p->ctx);
}

static void tickets_that_come_late_are_kept(void **state)
{
    struct pair p;
    char got[16];
    enum tls_next next;
    size_t len;
    (void)state;
    open_pair(&p, TLS1_3_VERSION, 0);
    assert_false(connect_once(p.peer, p.ctx, SIZE_MAX).resumed);
    assert_false(connect_once(p.peer, p.ctx, SIZE_MAX).resumed);
    assert_int_equal(SSL_new_session_ticket(p.server.ssl), 1);
    assert_int_equal(SSL_do_handshake(p.server.ssl), 1);
    char *out = tls_server_output(&p.server, &len);
    assert_true(len > 0);
    tls_stream_take(p.stream, out, len);
    assert_int_equal(tls_stream_read(p.stream, got, sizeof got, &next), 0);
    assert_int_equal(next, TLS_MORE);
    free(out);
    talk(p.stream, &p.server);
    assert_true(connect_once(p.peer, p.ctx, SIZE_MAX).resumed);
    close_pair(&p);
}

/* It is told no, and may go on. */
static void a_server_that_would_negotiate_anew_is_not_followed(void **state)
{
    struct pair p;
    char got[16];
    enum tls_next next;
    size_t n, len;
    (void)state;
    open_pair(&p, TLS1_2_VERSION, 0);
    assert_int_equal(SSL_write_ex(p.server.ssl, "pong", 4, &n), 1);
    assert_int_equal(SSL_renegotiate(p.server.ssl), 1);
    assert_int_equal(SSL_do_handshake(p.server.ssl), 1); /* it only asks */
    char *out = tls_server_output(&p.server, &len);
    tls_stream_take(p.stream, out, len);
    assert_int_equal(tls_stream_read(p.stream, got, sizeof got, &next), 4);
    assert_memory_equal(got, "pong", 4);
    assert_int_equal(tls_stream_read(p.stream, got, sizeof got, &next), 0);
    assert_int_equal(next, TLS_MORE);
    free(out);
    /* A warning went out, and no first flight of a handshake. */
    out = tls_stream_output(p.stream, &len);
    assert_non_null(out);
    assert_int_equal(out[0], SSL3_RT_ALERT);
    assert_true(len < 64);
    free(out);
    close_pair(&p);
}

/* The server's flight, of which LEN bytes arrive; true: they were enough. */
static bool cut_after(struct tls_peer *p, SSL_CTX *ctx, size_t len)
{
    struct tls_stream *s = tls_stream_new(p, now_ms);
    struct tls_server server;
    size_t all;
    tls_server_open(&server, ctx);
    send_out(s, &server);
    char *out = tls_server_output(&server, &all);
    enum tls_next next = tls_stream_shake(s, out, len < all ? len : all);
    assert_true(next == TLS_MORE || next == TLS_OPEN);
    assert_false(next == TLS_OPEN && len < all);
    assert_string_equal(tls_words(s), "");
    tls_stream_end(s);
    free(out);
    tls_stream_free(s);
    tls_server_close(&server);
    return len >= all;
}

static void a_handshake_may_be_cut_at_every_byte(void **state)
{
    static const int VERSIONS[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    const struct tls_settings s = trusting("ca.pem");
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_peer *p = peer_of(&s, "redis.example");
        SSL_CTX *ctx = tls_place_server(&place, "good", false);
        SSL_CTX_set_max_proto_version(ctx, VERSIONS[i]);
        size_t len = 0;
        while (!cut_after(p, ctx, len))
            len++;
        assert_true(len > 500);
        tls_peer_free(p);
        SSL_CTX_free(ctx);
    }
}

/* ------------------------------------------------------------------- files */

static void expect_fault(struct tls_settings *s, enum tls_file which,
                         const char *text)
{
    enum tls_file at;
    struct err e = { "" };
    assert_null(tls_context_get(s, &at, &e));
    assert_string_equal(e.text, text);
    assert_int_equal(at, which);
}

static void files_that_are_no_good_are_faults(void **state)
{
    struct tls_settings s = trusting("ca.pem");
    (void)state;
    tls_place_cert(&place,
                   &(struct tls_wanted){ .file = "mine", .names = "DNS:m" });
    tls_place_cert(&place, &(struct tls_wanted){ .file = "locked",
                                                 .names = "DNS:m",
                                                 .passphrase = "sesame" });
    s.files[TLS_CERT_FILE] = path("mine.pem");
    s.files[TLS_KEY_FILE] = path("good.key");
    expect_fault(&s, TLS_KEY_FILE,
                 "does not fit the certificate of tls_cert_file");
    s.files[TLS_KEY_FILE] = path("locked.key");
    expect_fault(&s, TLS_KEY_FILE,
                 "is encrypted: there is nobody to ask for its passphrase");
    s.files[TLS_KEY_FILE] = path("mine.pem");
    expect_fault(&s, TLS_KEY_FILE,
                 "mode 0644 lets others read it (chmod o-rwx)");
    s.files[TLS_KEY_FILE] = path("mine.key");
    s.files[TLS_CERT_FILE] = path("mine.key");
    expect_fault(&s, TLS_CERT_FILE, "no certificate is in it (PEM)");
    s.files[TLS_CERT_FILE] = path("none.pem");
    expect_fault(&s, TLS_CERT_FILE, "cannot open: No such file or directory");
    s.files[TLS_CERT_FILE] = path("mine.pem");
    s.files[TLS_CA_FILE] = path("mine.key");
    expect_fault(&s, TLS_CA_FILE, "no certificate is in it (PEM)");
    s.files[TLS_CA_FILE] = NULL;
    s.files[TLS_CA_DIR] = place.dir;
    expect_fault(&s, TLS_CA_DIR,
                 "no certificate has a hash for a name in it (openssl rehash)");
}

static void the_same_settings_share_a_context(void **state)
{
    const struct tls_settings s = trusting("ca.pem");
    const struct tls_settings loose = { .files[TLS_CA_FILE] = path("ca.pem") };
    struct tls_context *a = get(&s), *b = get(&s), *c = get(&loose);
    (void)state;
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    tls_context_put(a);
    tls_context_put(b);
    tls_context_put(c);
}

static void copy(const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "cp -p '%s' '%s.new' && mv '%s.new' '%s'",
             path(from), path(to), path(to), path(to));
    MUST(system(command) == 0);
}

static void renewed_files_are_used_by_new_connections(void **state)
{
    struct tls_settings s = trusting("trusted.pem");
    SSL_CTX *ctx = tls_place_server(&place, "good", false);
    (void)state;
    copy("ca.pem", "trusted.pem");
    struct tls_peer *p = peer_of(&s, "redis.example");
    now_ms += 2000;
    assert_int_equal(connect_once(p, ctx, SIZE_MAX).next, TLS_OPEN);
    copy("other.pem", "trusted.pem");
    now_ms += 2000;
    assert_int_equal(connect_once(p, ctx, SIZE_MAX).next, TLS_REFUSED);
    /* Half of it: what was read before stays. */
    MUST(truncate(path("trusted.pem"), 100) == 0);
    now_ms += 2000;
    assert_int_equal(connect_once(p, ctx, SIZE_MAX).next, TLS_REFUSED);
    copy("ca.pem", "trusted.pem");
    now_ms += 2000;
    assert_int_equal(connect_once(p, ctx, SIZE_MAX).next, TLS_OPEN);
    MUST(truncate(path("trusted.pem"), 100) == 0);
    now_ms += 2000;
    assert_int_equal(connect_once(p, ctx, SIZE_MAX).next, TLS_OPEN);
    tls_peer_free(p);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_of_a_trusted_ca_is_taken),
        cmocka_unit_test(a_final_dot_and_a_zone_are_no_part_of_the_name),
        cmocka_unit_test(a_wrong_name_is_told_with_those_that_are_there),
        cmocka_unit_test(an_unknown_ca_is_told),
        cmocka_unit_test(a_certificate_out_of_its_time_is_told),
        cmocka_unit_test(without_verification_all_of_them_are_taken),
        cmocka_unit_test(the_certificate_is_kept_for_people),
        cmocka_unit_test(a_session_is_resumed_for_an_hour),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(an_answer_in_plain_is_told),
        cmocka_unit_test(a_server_below_1_2_has_no_common_version),
        cmocka_unit_test(a_client_certificate_is_shown_where_it_is_wanted),
        cmocka_unit_test(a_client_certificate_that_is_missed_is_told_late),
        cmocka_unit_test(an_end_in_order_is_told),
        cmocka_unit_test(tickets_that_come_late_are_kept),
        cmocka_unit_test(a_server_that_would_negotiate_anew_is_not_followed),
        cmocka_unit_test(a_handshake_may_be_cut_at_every_byte),
        cmocka_unit_test(files_that_are_no_good_are_faults),
        cmocka_unit_test(the_same_settings_share_a_context),
        cmocka_unit_test(renewed_files_are_used_by_new_connections),
    };
    return cmocka_run_group_tests(tests, make_place, clear_place);
}
