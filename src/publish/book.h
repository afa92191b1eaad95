#ifndef PUBLISH_BOOK_H
#define PUBLISH_BOOK_H

#include "agent/publisher.h"

#include "ensemble.h"
#include "follow.h"
#include "orders.h"
#include "orphans.h"
#include "owned.h"
#include "parents.h"
#include "slot.h"
#include "table.h"

/*
 * The publisher's book: all slots, where each of them waits and how it
 * counts, and whose the nodes are.  It knows no thread and asks nothing by
 * itself: what is to be asked is drawn from it (sources.c), and what is
 * answered is entered in it (reply.c).  All of it stands under the
 * publisher's lock, and all calls here are made with that lock held.
 */
struct book {
    /* Never change. */
    const char *root; /* borrowed; "" for "/" */
    unsigned refused_ms;
    unsigned recheck_ms;
    unsigned refresh_ms; /* 0: never */
    bool wake_idle;

    struct table table;
    struct places places;
    struct tally tally;
    struct finding_list findings; /* for the loop to take */
    struct owners owners;
    struct parents parents;
    struct orphans orphans;
    struct follows follows;
    struct owned owned;
    struct orders orders;
    struct ensemble ensemble;
    size_t nremoved;        /* slots that are removed and not yet done */
    size_t nleaving;        /* of them or not */
    uint64_t heirs_mono_ms; /* leaving slots are read again; UINT64_MAX: there
                               are none */
    uint64_t drifts;
    uint64_t writes_ok;
    uint64_t writes_failed;
    char trouble[400]; /* the last refusal, for people; "" */
    bool stopping;
    bool nudged; /* there is something to ask for now */
    bool tell;   /* the loop is to be woken */
};

/* Root, agent and host of O must outlive the book, in which "/" is "". */
struct book_options {
    const char *root;
    const char *agent;
    const char *host;
    const char *fleet; /* the same; NULL: none */
    const char *fleet_settings;
    bool presence;
    unsigned refused_ms;
    unsigned recheck_ms;
    unsigned refresh_ms;
    bool wake_idle;
};

/* B: all zero.  -1 and E on lack of memory: to be cleared all the same. */
int book_init(struct book *b, const struct book_options *o,
              struct err *e) MUST_USE;
void book_clear(struct book *b);

/* Takes S, for the node NAME of its branch.  -1 on lack of memory: S is still
 * the caller's. */
int book_add(struct book *b, struct slot *s, const char *name) MUST_USE;

/* The caller forgets S: it ends, and may be freed, when what was posted last
 * is done. */
void book_remove(struct book *b, struct slot *s);

/* The slot at this index, which the caller keeps. */
struct slot *book_at(struct book *b, size_t slot);

/* Whose the status S is to be from now on. */
void book_share(struct book *b, struct slot *s, enum slot_share share);

/* We may be no member any more: what we speak for is kept only as long as it
 * names us, until the loop says anew whose it is. */
void book_leave_all(struct book *b);

/* S is to be read again soon. */
void book_look(struct book *b, struct slot *s);

/* Leaving slots are to be read again about once a second, so that they are let
 * go of as soon as another agent speaks for them. */
void book_look_for_heirs(struct book *b, uint64_t now_mono_ms);

/* Moves S to PLACE, and counts anew how it stands. */
void book_move(struct book *b, struct slot *s, enum place place);
/* … to the first place in the queue. */
void book_move_first(struct book *b, struct slot *s);
/* … into flight: a request goes out.  REREADING: a reading of what is known,
 * for which nobody waits. */
void book_send(struct book *b, struct slot *s, bool rereading);
/* … and leaves it alone until then. */
void book_delay(struct book *b, struct slot *s, uint64_t retry_mono_ms);

/* Something changed for S: to the queue, if there is now something to do for
 * it and it rests. */
void book_settle(struct book *b, struct slot *s);

/* Frees S if it is removed and done. */
void book_sweep(struct book *b, struct slot *s);

/* The request for S was refused: it is left alone for a while.  Without a
 * max_ms in WHAT, for as long as the options say. */
void book_refuse(struct book *b, struct slot *s, const struct refused *what);

/* More may be known of the agent R: the slots whose nodes name it go on. */
void book_rival_known(struct book *b, const struct rival *r);

/* The nodes above are made, as far as we could: the slots that waited for
 * them go on. */
void book_parents_made(struct book *b);

/* The heartbeat's slot may have changed, and with it what may be written. */
void book_update_lease(struct book *b);

/* A new session: whatever was known may have changed meanwhile. */
void book_new_session(struct book *b);

#endif
