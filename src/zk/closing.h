#ifndef ZK_CLOSING_H
#define ZK_CLOSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zk_handle;

/*
 * Handles that were dropped, until their reapers have closed them.  With
 * ZK_CLOSING_MAX of them unfinished no new handle may be opened.  All zero is
 * empty.  Thread: publisher.
 */
#define ZK_CLOSING_MAX 3

struct zk_closing {
    struct zk_handle *handles[ZK_CLOSING_MAX]; /* owned; the oldest first */
    size_t n;
};

/* H was dropped; there must be room. */
void zk_closing_add(struct zk_closing *c, struct zk_handle *h);
/* Frees those that are closed; waits for nothing. */
void zk_closing_reap(struct zk_closing *c);
/* Waits until all are closed, at most BUDGET_MS. */
void zk_closing_await(struct zk_closing *c, unsigned budget_ms);
/* The oldest has been at it for much longer than closing can take. */
bool zk_closing_stuck(const struct zk_closing *c, uint64_t now_mono_ms);
/* Leaves those that remain to their reapers. */
void zk_closing_abandon(struct zk_closing *c);

#endif
