#ifndef AGENT_INSTANCE_H
#define AGENT_INSTANCE_H

#include "agent/document.h"
#include "agent/health.h"
#include "agent/probe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One instance as the loop sees it: its settings, the verdict, and what its
 * status document is made of.  Pure: time comes in with the results, nothing
 * is sent.  Thread: loop, all of it.
 */
struct config_instance;

struct instance {
    struct config_instance *config; /* a reference of its own */
    struct health health;
    const char
        *detail; /* of health.reason; string_pool.h, a reference of its own */
    /* The last words heard for each status; up has none. */
    const char *heard[STATUS_COUNT]; /* the same */
    int64_t since_wall_ms;           /* of the status */
    int64_t checked_wall_ms;         /* 0: never */
    int64_t rtt_us;                  /* -1: the last result had none */
    enum role role;
    char version[VERSION_SIZE];
    uint64_t round; /* of the last result */
    bool news;      /* role or version changed; whoever posts clears it */

    /* Replication, from the last INFO. */
    char replid[REPLID_SIZE];
    int64_t offset;          /* -1: not known */
    uint64_t offset_mono_us; /* for a master: when its probe had ended; for
                                a replica: when its probe began */
    bool lagging;            /* behind its master, by what the loop knows */
    const char *lag_detail;  /* string_pool.h; NULL: never lagged */

    /* What an earlier life left in ZooKeeper. */
    bool seen_valid;
    enum status seen_status;
    int64_t seen_since_wall_ms;
    bool first; /* the verdict is the first of this life */
};

/* Takes a reference to CONFIG.  Unknown, pending, since NOW. */
void instance_init(struct instance *i, struct config_instance *config,
                   int64_t now_wall_ms);
/* Gives back what it holds: its config, its words. */
void instance_drop(struct instance *i);

/* Goes over to other settings for the same address. */
void instance_take_config(struct instance *i, struct config_instance *config);

/*
 * Takes over what INFO said about replication, and judges the lag of a
 * replica against MASTER (NULL: not watched by us).  The master's offset must
 * have been read before the replica's, so that the difference can only be
 * too small: a replica is never called late because it was asked late.
 * Returns the reason that the result now stands for.
 */
enum reason instance_replication(struct instance *i, const struct result *r,
                                 const struct instance *master);

/*
 * True when the agent was stalled for so much of the probe's time that its
 * result says nothing: it is then to be asked again, not judged.
 */
bool instance_void(const struct instance *i, const struct result *r);

/*
 * Judges a result that ended in REASON (which may differ from r->reason by
 * the lag).  `since` moves with the status; out of `pending` it goes on from
 * what an earlier life published, if that was the same status.
 */
enum health_edge instance_judge(struct instance *i, const struct result *r,
                                enum reason reason,
                                const struct health_policy *p);

/* Unknown at once, with R (stuck, doubt, removed) and DETAIL. */
enum health_edge instance_doubt(struct instance *i, enum reason r,
                                const char *detail, int64_t now_wall_ms);

/*
 * An earlier life's document.  When the verdict is already the same status,
 * its `since` is taken over at once; while pending, kept for later.
 */
void instance_seen(struct instance *i, const struct document_seen *seen);

/*
 * For --check-once: judge the coming results as if the status were up, so
 * that bad ones have to agree first.  Not to be published before it is
 * settled.
 */
void instance_presume_up(struct instance *i);

/* `since` goes on from what an earlier life published, if that is the same
 * status. */
void instance_adopt_since(struct instance *i);

/* The status document, open (document.h). */
size_t instance_document(const struct instance *i, const char *agent, char *out,
                         size_t size) MUST_USE;

#endif
