/*
 * reply under fire: mutated replies in pieces of random sizes, always the
 * same ones.  Nothing is expected but that every answer is well-formed; the
 * rest is for the sanitizers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../src/probe/reply.h"

static const char SESSION[] =
    "+OK\r\n"
    "-ERR unknown command 'CLIENT', with args beginning with: 'SETNAME'\r\n"
    "+PONG\r\n"
    "*2\r\n*1\r\n:1\r\n$2\r\nhi\r\n"
    "$27\r\nrole:slave\r\nredis_version:7\r\n"
    "$-1\r\n"
    ":17\r\n"
    "+PONG\r\n";

static void assert_printable(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    assert_true(n < size);
    for (size_t i = 0; i < n; i++)
        assert_true(text[i] >= ' ' && text[i] <= '~');
}

static uint64_t seed = 20261123;

static size_t draw(size_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % below);
}

/* Overwrites, drops, doubles; mostly with bytes that mean something. */
static size_t mutate(char *bytes, size_t len, size_t size)
{
    static const char MEANING[] = "\r\n+-:$*0123456789 \\\0P";
    for (size_t n = draw(4); n > 0 && len > 0; n--) {
        size_t at = draw(len);
        switch (draw(3)) {
        case 0:
            bytes[at] = draw(3) > 0 ? MEANING[draw(sizeof MEANING - 1)]
                                    : (char)draw(256);
            break;
        case 1:
            memmove(bytes + at, bytes + at + 1, len - at - 1);
            len--;
            break;
        default:
            if (len < size) {
                memmove(bytes + at + 1, bytes + at, len - at);
                len++;
            }
            break;
        }
    }
    return len;
}

/* Returns false when the reader went bad. */
static bool swallow(struct reply_reader *r)
{
    struct reply reply;
    struct err e = { "" };
    for (;;) {
        enum reply_next next = reply_reader_next(r, &reply, &e);
        if (next == REPLY_BAD)
            assert_printable(e.text, sizeof e.text);
        if (next != REPLY_READY)
            return next == REPLY_MORE;
        assert_printable(reply.text, sizeof reply.text);
        assert_true(reply.kind <= REPLY_ARRAY);
        (void)reply_error_reason(reply.text);
    }
}

static void mutated_replies_in_random_pieces_do_no_harm(void **state)
{
    (void)state;
    char bytes[2 * sizeof SESSION];
    struct reply_reader *r = reply_reader_new(NULL);
    for (int n = 0; n < 200000; n++) {
        size_t from = draw(sizeof SESSION - 1);
        size_t len = draw(sizeof SESSION - from);
        memcpy(bytes, SESSION + from, len);
        len = mutate(bytes, len, sizeof bytes);
        bool good = true;
        for (size_t at = 0; at < len && good;) {
            size_t piece = 1 + draw(draw(2) > 0 ? len - at : 3);
            if (piece > len - at)
                piece = len - at;
            assert_int_equal(reply_reader_feed(r, bytes + at, piece, NULL), 0);
            good = swallow(r);
            at += piece;
        }
        /* Some go on from the middle of a reply: both states are visited. */
        if (!good || draw(64) == 0) {
            reply_reader_free(r);
            r = reply_reader_new(NULL);
        }
    }
    reply_reader_free(r);
}

/* INFO without the reader, in copies that have no byte to spare. */
static void mutated_infos_are_bounded(void **state)
{
    (void)state;
    static const char INFO[] =
        "role:slave\r\nmaster_link_status:up\r\nslave_repl_offset:99\r\n"
        "redis_version:7.0.15\r\nmaster_repl_offset:9223372036854775807\r\n"
        "master_replid:21430c0a745bc714474a37b254e1a31fe5e31244\r\n";
    for (int n = 0; n < 50000; n++) {
        char bytes[2 * sizeof INFO];
        struct reply_info info;
        memcpy(bytes, INFO, sizeof INFO - 1);
        size_t len = mutate(bytes, draw(sizeof INFO), sizeof bytes);
        char *exact = malloc(len > 0 ? len : 1);
        assert_non_null(exact);
        memcpy(exact, bytes, len);
        reply_parse_info(exact, len, &info);
        free(exact);
        assert_true(info.master_offset >= -1 && info.replica_offset >= -1);
        assert_printable(info.version, sizeof info.version);
        assert_printable(info.replid, sizeof info.replid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutated_replies_in_random_pieces_do_no_harm),
        cmocka_unit_test(mutated_infos_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
