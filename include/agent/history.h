#ifndef AGENT_HISTORY_H
#define AGENT_HISTORY_H

#include "agent/err.h"
#include "agent/reason.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The last changes of status and of reason, and restarts, of all instances:
 * what the log says of them, kept for the pages.  Thread: loop.
 */
#define HISTORY_MAX 1000

enum history_kind {
    HISTORY_VERDICT,
    HISTORY_RESTARTED,      /* the server was restarted */
    HISTORY_ANOTHER_SERVER, /* answers at the address */
};

struct history_event {
    enum history_kind kind;
    uint64_t seq; /* from 1 on, without a gap */
    int64_t time_wall_ms;
    uint64_t round;
    enum status from;
    enum status to; /* the same: only the reason changed, or not even that */
    enum reason from_reason;
    enum reason reason;
    /* Words (string_pool.h), copied by history_add. */
    const char *instance;
    const char *address;
    const char *detail;
    const char *cause; /* what led to it, in a sentence */
};

struct history;

/* NULL and E on lack of memory; history_free(NULL) is a no-op. */
struct history *history_new(struct err *e) MUST_USE;
void history_free(struct history *h);

/* Takes over a copy of EVENT with the next seq; the oldest goes if need be. */
void history_add(struct history *h, const struct history_event *event);

/* Of the newest and of the oldest that is kept; 0: none yet. */
uint64_t history_newest(const struct history *h);
uint64_t history_oldest(const struct history *h);

/* NULL if it is not kept (any more). */
const struct history_event *history_at(const struct history *h, uint64_t seq);

#endif
