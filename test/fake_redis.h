#ifndef TEST_FAKE_REDIS_H
#define TEST_FAKE_REDIS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A peer that answers as it is told, in a thread of its own, on a port that
 * the kernel picks.  Untold it is a healthy master; fake_redis_answer changes
 * what it says to one request:
 *
 *     f = fake_redis_start("127.0.0.1");
 *     fake_redis_answer(f, "PING", FAKE_KEEP, "-LOADING wait\r\n");
 *
 * The requests are PING, AUTH, CLIENT, INFO server, INFO replication, and
 * "accept": said to a new connection before it asks anything.
 * All functions: any thread.  Failures of the set-up abort the test.
 */
struct fake_redis;

/* What happens after the answer's bytes. */
enum fake_then {
    FAKE_KEEP,  /* the next request is answered */
    FAKE_HANG,  /* nothing more is read */
    FAKE_CLOSE, /* an orderly close */
    FAKE_RESET, /* a close that the peer sees as ECONNRESET */
    FAKE_DRIP,  /* the bytes went out one by one, 20 ms apart */
};

/* HOST: an address of this machine, or "unix:PATH". */
struct fake_redis *fake_redis_start(const char *host);
void fake_redis_stop(struct fake_redis *f);

/* BYTES are copied; NULL: none. */
void fake_redis_answer(struct fake_redis *f, const char *request,
                       enum fake_then then, const char *bytes);

/* As above, BYTES being the text of a bulk reply. */
void fake_redis_answer_bulk(struct fake_redis *f, const char *request,
                            const char *text);

/* As a process that is stopped: what comes in waits, new connections too.
 * What is served already when it begins may still be answered. */
void fake_redis_pause(struct fake_redis *f, bool yes);

/* Closes all connections of now. */
void fake_redis_drop(struct fake_redis *f);

/* As in the configuration: "127.0.0.1:PORT", "[::1]:PORT", "unix:PATH". */
const char *fake_redis_address(const struct fake_redis *f);
unsigned fake_redis_port(const struct fake_redis *f);

unsigned fake_redis_accepted(struct fake_redis *f);
unsigned fake_redis_open(struct fake_redis *f);

/* How many such requests came in. */
unsigned fake_redis_asked(struct fake_redis *f, const char *request);

#endif
