#ifndef TEST_REAL_REDIS_H
#define TEST_REAL_REDIS_H

#include <stdbool.h>

/*
 * A redis-server of our own: a free port, data in a temporary directory,
 * nothing saved, killed by its pid.  Failures of the set-up abort the test.
 */
struct real_redis;

/* OPTIONS: more command line, "--maxclients 1"; or "".  Waits until it
 * accepts connections. */
struct real_redis *real_redis_start(const char *options);

/* kill -9, and remove the directory. */
void real_redis_stop(struct real_redis *r);

/* kill -9; then the same again on the same port. */
void real_redis_kill(struct real_redis *r);
void real_redis_revive(struct real_redis *r);
void real_redis_signal(struct real_redis *r, int signal);

/* "127.0.0.1:PORT", "unix:PATH". */
const char *real_redis_address(const struct real_redis *r);
const char *real_redis_unix(const struct real_redis *r);
unsigned real_redis_port(const struct real_redis *r);

/* Sends a command line on a connection of its own and waits for +OK. */
void real_redis_do(struct real_redis *r, const char *line);

/* Sends it and leaves the connection open; returns its descriptor. */
int real_redis_send(struct real_redis *r, const char *line);

#endif
