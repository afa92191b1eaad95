/* One GET from whatever listens there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/http_get.h"

#include "fake_http.h"
#include "scratch.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* Long where an answer comes, short where none does. */
#define PATIENT_MS 30000
#define BRIEF_MS   200

static struct http_get request(unsigned short port, unsigned timeout_ms)
{
    return (struct http_get){ .address = "it",
                              .host = "127.0.0.1",
                              .port = port,
                              .target = "/status?results=0",
                              .timeout_ms = timeout_ms,
                              .body_max = 1000,
                              .cancel_fd = -1 };
}

static void answers(const char *bytes, enum fake_http_then then,
                    const char *wanted)
{
    struct fake_http *f = fake_http_start("127.0.0.1", bytes, then);
    struct http_get r = request(fake_http_port(f), PATIENT_MS);
    struct http_body body;
    struct err e = { "" };

    if (http_get(&r, &body, &e) != HTTP_OK)
        fail_msg("%s", e.text);
    assert_string_equal(body.bytes, wanted);
    assert_int_equal(body.len, strlen(wanted));
    free(body.bytes);
    fake_http_stop(f);
}

static void fails(const char *bytes, enum fake_http_then then,
                  unsigned timeout_ms, const char *why)
{
    struct fake_http *f = fake_http_start("127.0.0.1", bytes, then);
    struct http_get r = request(fake_http_port(f), timeout_ms);
    struct http_body body;
    struct err e = { "" };

    assert_int_equal(http_get(&r, &body, &e), HTTP_FAILED);
    assert_string_equal(e.text, why);
    fake_http_stop(f);
}

static void a_body_has_the_length_that_was_announced(void **state)
{
    (void)state;
    answers(OK "Content-Length: 2\r\n\r\n{}", FAKE_HTTP_CLOSE, "{}");
    answers(OK "content-length:2 \r\nX: y\r\n\r\n{}more", FAKE_HTTP_HOLD, "{}");
    answers(OK "Content-Length: 0\r\n\r\n", FAKE_HTTP_HOLD, "");
}

static void a_body_without_a_length_ends_with_the_connection(void **state)
{
    (void)state;
    answers(OK "\r\n{}", FAKE_HTTP_CLOSE, "{}");
    answers("HTTP/1.0 200 OK\r\nX-Content-Length: 9\r\n\r\n{}", FAKE_HTTP_CLOSE,
            "{}");
}

static void what_is_asked_for_is_one_get_that_closes(void **state)
{
    struct fake_http *f =
        fake_http_start("127.0.0.1", OK "\r\n", FAKE_HTTP_CLOSE);
    struct http_get r = request(fake_http_port(f), PATIENT_MS);
    char sent[FAKE_HTTP_REQUEST];
    struct http_body body;
    struct err e;

    (void)state;
    assert_int_equal(http_get(&r, &body, &e), HTTP_OK);
    free(body.bytes);
    fake_http_request(f, sent);
    assert_ptr_equal(
        strstr(sent, "GET /status?results=0 HTTP/1.1\r\nHost: it\r\n"), sent);
    assert_non_null(strstr(sent, "Connection: close\r\n"));
    fake_http_stop(f);
}

static void it_reaches_ipv6_and_unix_sockets(void **state)
{
    char sent[FAKE_HTTP_REQUEST];
    char dir[SCRATCH_SIZE], path[SCRATCH_SIZE + 8], where[SCRATCH_SIZE + 16];
    struct fake_http *f = fake_http_start("::1", OK "\r\nsix", FAKE_HTTP_CLOSE);
    struct http_get r = request(fake_http_port(f), PATIENT_MS);
    struct http_body body;
    struct err e;

    (void)state;
    r.host = "::1";
    assert_int_equal(http_get(&r, &body, &e), HTTP_OK);
    assert_string_equal(body.bytes, "six");
    free(body.bytes);
    fake_http_stop(f);

    scratch_dir(dir);
    snprintf(path, sizeof path, "%s/http", dir);
    snprintf(where, sizeof where, "unix:%s", path);
    f = fake_http_start(where, OK "\r\nunix", FAKE_HTTP_CLOSE);
    r.host = NULL;
    r.path = path;
    assert_int_equal(http_get(&r, &body, &e), HTTP_OK);
    assert_string_equal(body.bytes, "unix");
    fake_http_request(f, sent);
    assert_non_null(strstr(sent, "Host: localhost\r\n"));
    free(body.bytes);
    fake_http_stop(f);
    unlink(path);
    assert_int_equal(http_get(&r, &body, &e), HTTP_ABSENT);
    assert_string_equal(e.text, "it: connect: No such file or directory");
    rmdir(dir);
}

static void where_nobody_listens_the_error_says_so(void **state)
{
    int fd;
    struct http_get r = request((unsigned short)scratch_port(&fd), PATIENT_MS);
    struct http_body body;
    struct err e;

    (void)state;
    assert_int_equal(http_get(&r, &body, &e), HTTP_ABSENT);
    assert_string_equal(e.text, "it: connect: Connection refused");
    close(fd);
}

static void whoever_does_not_answer_in_time_is_given_up(void **state)
{
    (void)state;
    fails("", FAKE_HTTP_HOLD, BRIEF_MS, "it: receive: no answer within 200 ms");
    fails(OK "Content-Length: 20\r\n\r\n{", FAKE_HTTP_HOLD, BRIEF_MS,
          "it: receive: no answer within 200 ms");
}

static void whoever_drips_is_given_up(void **state)
{
    (void)state;
    fails(OK "X: y", FAKE_HTTP_DRIP, BRIEF_MS,
          "it: receive: no answer within 200 ms");
    fails(OK "\r\n{", FAKE_HTTP_DRIP, BRIEF_MS,
          "it: receive: no answer within 200 ms");
}

static void an_answer_without_end_is_cut_off(void **state)
{
    (void)state;
    fails(OK "\r\n{", FAKE_HTTP_FLOOD, PATIENT_MS,
          "it: the answer is longer than 1000 bytes");
    fails(OK "Content-Length: 1001\r\n\r\n{", FAKE_HTTP_HOLD, PATIENT_MS,
          "it: the answer is longer than 1000 bytes");
    fails(OK "X: y", FAKE_HTTP_FLOOD, PATIENT_MS,
          "it: what answers is no HTTP server: HTTP/1.1 200 OK");
}

static void what_is_cut_short_is_not_shown(void **state)
{
    (void)state;
    fails("", FAKE_HTTP_CLOSE, PATIENT_MS, "it: closed without an answer");
    fails("", FAKE_HTTP_RESET, PATIENT_MS,
          "it: receive: Connection reset by peer");
    fails(OK, FAKE_HTTP_CLOSE, PATIENT_MS,
          "it: closed after 17 bytes of the answer");
    fails(OK "Content-Length: 3\r\n\r\n{}", FAKE_HTTP_CLOSE, PATIENT_MS,
          "it: closed after 40 bytes of the answer");
}

static void what_is_no_answer_to_a_get_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        const char *why;
    } CASES[] = {
        { "-ERR unknown\033[2J command\r\n\r\n",
          "what answers is no HTTP server: -ERR unknown\\x1b[2J command" },
        { "HTTP/1.\r\n\r\n", "what answers is no HTTP server: HTTP/1." },
        { "HTTP/1.1\r\n\r\n", "what answers is no HTTP server: HTTP/1.1" },
        { "HTTP/1.1 404 Not Found\r\n\r\nno",
          "the answer is: HTTP/1.1 404 Not Found" },
        { "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
          "the answer is: HTTP/1.1 302 Found" },
        { OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "the answer is encoded: HTTP/1.1 200 OK" },
        { OK "content-encoding: gzip\r\n\r\n",
          "the answer is encoded: HTTP/1.1 200 OK" },
        { OK "Content-Length: -1\r\n\r\n",
          "the answer has no valid length: HTTP/1.1 200 OK" },
        { OK "Content-Length: 2x\r\n\r\n{}",
          "the answer has no valid length: HTTP/1.1 200 OK" },
        { OK "Content-Length: 99999999999999999999999\r\n\r\n",
          "the answer has no valid length: HTTP/1.1 200 OK" },
        { OK "Content-Length: 18446744073709551615\r\n\r\n",
          "the answer has no valid length: HTTP/1.1 200 OK" },
        { OK "Content-Length:\r\n\r\n",
          "the answer has no valid length: HTTP/1.1 200 OK" },
    };
    char why[256];

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        snprintf(why, sizeof why, "it: %s", CASES[i].why);
        fails(CASES[i].bytes, FAKE_HTTP_HOLD, PATIENT_MS, why);
    }
}

static void who_waits_can_be_called_away(void **state)
{
    struct fake_http *f = fake_http_start("127.0.0.1", "", FAKE_HTTP_HOLD);
    struct http_get r = request(fake_http_port(f), PATIENT_MS);
    struct http_body body;
    struct err e;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    r.cancel_fd = ends[0];
    assert_int_equal(http_get(&r, &body, &e), HTTP_CANCELLED);
    close(ends[0]);
    close(ends[1]);
    fake_http_stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_has_the_length_that_was_announced),
        cmocka_unit_test(a_body_without_a_length_ends_with_the_connection),
        cmocka_unit_test(what_is_asked_for_is_one_get_that_closes),
        cmocka_unit_test(it_reaches_ipv6_and_unix_sockets),
        cmocka_unit_test(where_nobody_listens_the_error_says_so),
        cmocka_unit_test(whoever_does_not_answer_in_time_is_given_up),
        cmocka_unit_test(whoever_drips_is_given_up),
        cmocka_unit_test(an_answer_without_end_is_cut_off),
        cmocka_unit_test(what_is_cut_short_is_not_shown),
        cmocka_unit_test(what_is_no_answer_to_a_get_is_refused),
        cmocka_unit_test(who_waits_can_be_called_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
