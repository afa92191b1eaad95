#ifndef WEB_WAITS_H
#define WEB_WAITS_H

/*
 * What each connection of the HTTP server waits for, and for how long; for
 * httpd.c.  Thread: loop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum wait {
    WAIT_RESTING, /* between two requests */
    WAIT_ASKING,  /* the first one is not here yet */
    WAIT_TAKING,  /* an answer */
};
#define WAITS 3

TAILQ_HEAD(waiter_list, waiter);

struct waiter {
    enum wait wait;
    TAILQ_ENTRY(waiter) in_list;
    int fd; /* borrowed: the library's */
    uint64_t since_mono_ms;
    bool cut;
};

/* All of one list have the same patience, so the first is due first. */
struct waits {
    struct waiter_list lists[WAITS];
    size_t count;
};

void waits_init(struct waits *w);

/* A new connection, which waits for its request; NULL on lack of memory.
 * Freed by waits_end. */
struct waiter *waits_begin(struct waits *w, int fd);
void waits_end(struct waits *w, struct waiter *c);

/* C waits for something else from now on. */
void waits_move(struct waits *w, struct waiter *c, enum wait wait);

/* Each of these cuts connections: the library then sees their end, and closes
 * them.  All that have waited too long: */
void waits_cut_overdue(struct waits *w, uint64_t now_mono_ms);
/* One that rests between requests, as it can come again; else the one that
 * has kept its place longest. */
void waits_make_room(struct waits *w);
/* The one that takes longest to read its answer, but for C, which has just
 * begun. */
void waits_cut_taker(struct waits *w, const struct waiter *c);

#endif
