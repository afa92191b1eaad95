#ifndef PUBLISH_WANTED_H
#define PUBLISH_WANTED_H

#include "agent/publisher.h"

#include "buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Part of a slot: what the loop wants of its node, and whether the loop knew
 * enough when it said so.  Written by wanted.c alone.
 *
 * A status or heartbeat is written only after the loop has seen what was
 * there before, and posted after that: only then do `since` and `seq` go on
 * from the node.
 */
enum gate {
    GATE_UNREAD, /* the node was not read yet */
    GATE_TOLD,   /* what was there waits to be taken by the loop … */
    GATE_TAKEN,  /* … which took it: the next post counts */
    GATE_OPEN,
};

enum want {
    WANT_NOTHING, /* neither posted nor withdrawn: the node stays as it is */
    WANT_NODE,
    WANT_GONE,
};

/* What the first reading of a slot found, until the loop takes it. */
struct finding {
    struct wanted *of;
    struct publisher_event event;
    TAILQ_ENTRY(finding) at;
};
TAILQ_HEAD(finding_list, finding);

struct wanted {
    enum want want;
    enum gate gate;
    bool removed;            /* the caller has forgotten the slot */
    struct buffer posted;    /* the document, if a node is wanted */
    uint64_t post;           /* grows with every post and withdrawal */
    struct finding *finding; /* owned; in the list; or NULL */
};

/* A node with this document is wanted.  -1 on lack of memory: what was
 * wanted before is still wanted. */
int wanted_post(struct wanted *w, const char *doc, size_t len) MUST_USE;

/* No node is wanted. */
void wanted_withdraw(struct wanted *w);

/* The caller forgets the slot, and will take no finding of it: what was
 * posted last is all that will ever be wanted. */
void wanted_remove(struct wanted *w, struct finding_list *list);

/* Nothing is wanted any more. */
void wanted_give_up(struct wanted *w);

/* The first reading found EVENT: appended to LIST, the first time only.
 * *TOLD: there is something new in the list.  -1 on lack of memory. */
int wanted_tell(struct wanted *w, const struct publisher_event *event,
                struct finding_list *list, bool *told) MUST_USE;

/* As wanted_tell, also when something was told before: what the loop posted
 * meanwhile does not count, as it did not know EVENT. */
int wanted_tell_again(struct wanted *w, const struct publisher_event *event,
                      struct finding_list *list, bool *told) MUST_USE;

/* Moves the first finding of LIST to OUT; false: there is none. */
bool wanted_take(struct finding_list *list, struct publisher_event *out);

/* Frees what it holds.  The finding must have left its list. */
void wanted_clear(struct wanted *w);

#endif
