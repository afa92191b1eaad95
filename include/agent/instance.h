#ifndef AGENT_INSTANCE_H
#define AGENT_INSTANCE_H

#include "agent/document.h"
#include "agent/health.h"
#include "agent/recent.h"
#include "agent/result.h"
#include "agent/share.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * One Redis as the loop sees it: its settings, the verdict and what its status
 * document is made of.  The functions here are those of the verdict: pure, as
 * time comes in with the results and nothing is sent.  The other parts belong
 * to the files that they name.  Thread: loop, all of it.
 */
struct config_instance;
struct maintenance_entry;
struct probe;

/* Its probe and the job under way (pool.c). */
struct instance_job {
    size_t index;        /* pool_instance(p, index) */
    uint32_t generation; /* with the index it makes the job's id */
    unsigned worker;     /* the index of its worker */
    struct probe *probe; /* owned by that worker */
    bool busy;
    uint64_t posted_mono_ms;
    uint64_t result_mono_ms; /* of the last result, or of the start */
};

/* What was last asked of a presence node. */
enum instance_presence { PRESENCE_AS_IT_IS, PRESENCE_HERE, PRESENCE_GONE };

/* Its nodes in ZooKeeper (nodes.c). */
struct instance_nodes {
    size_t status_slot;   /* the publisher's; SIZE_MAX: none */
    size_t presence_slot; /* the same */
    enum instance_presence presence;
    bool found; /* what ZooKeeper held was told */
    bool lost;  /* a post, for want of memory: it is made again */
    bool held;  /* a post, until it is known what is in maintenance */
};

/* What it is to this agent as a target of its fleet (fleet_shares.c); all
 * zero for one of the agent's own. */
struct fleet_target;
struct instance_share {
    const char *fleet; /* borrowed: the fleet's name; NULL: our own */
    struct fleet_target *target;
    uint64_t look_mono_ms; /* its document is looked at again; 0: not */
    enum share share;
    uint8_t looks;  /* at it so far */
    bool ours;      /* the document that was found named us */
    bool said;      /* its status was posted */
    bool displaced; /* not yet acted upon */
};

/* Another process answers at the address than before. */
enum instance_restart {
    RESTART_NONE,
    RESTART_SAME,  /* the server was restarted */
    RESTART_OTHER, /* another server, which ran already before */
};

/* How far a replica is behind, compared with max_lag. */
enum instance_lag { LAG_NOT_KNOWN, LAG_WITHIN, LAG_BEYOND };

/* Its place among the masters (masters.c). */
struct instance_master {
    bool listed;
    uint32_t replid_hash;
    LIST_ENTRY(instance) same_hash;
};

/* When it is probed next (the rounds). */
struct instance_pace {
    uint64_t regular_mono_ms; /* the next due time by the round */
    uint64_t due_mono_ms;     /* as in the schedule */
    bool awaited;             /* this round has no result of it yet */
    bool want_info;           /* the next probe asks INFO */
    bool hastened;            /* by a lost connection, since the last regular
                                 due time or change of status */
    bool inherited;           /* its node is still an earlier life's */
    unsigned voids;           /* void results in a row */
    uint64_t void_mono_ms;    /* of the first of them */
};

/* What is kept of its results, since the start of this agent (the rounds). */
struct instance_record {
    uint32_t oks;     /* results that were judged, and ok */
    uint32_t *others; /* owned: by their reason; NULL: all were ok */
    uint32_t status_changes;
    uint32_t restarts;
    struct recent recent;
};

struct instance {
    struct config_instance *config; /* a reference of its own */
    /* The entry in ZooKeeper that covers it now; borrowed; NULL: none.  Written
     * by maintenance.c. */
    const struct maintenance_entry *maintenance;
    struct health health;
    /* Of health.reason; string_pool.h, a reference of its own. */
    const char *detail;
    /* The last words heard for each status; up has none.  The same. */
    const char *words[STATUS_COUNT];
    int64_t since_wall_ms;   /* of the status */
    int64_t checked_wall_ms; /* 0: never */
    int64_t rtt_us;          /* -1: the last result had none */
    uint64_t round;          /* of the last result */

    /* The server, as it was heard last; "" or 0: not known. */
    enum role role;
    char role_word[WORD_SIZE];
    char server[WORD_SIZE];
    char version[VERSION_SIZE];
    /* Of the last result: which connection answered, and its age then. */
    enum answered_by answered_by;
    uint64_t connection_age_ms;
    uint64_t expiry_told_mono_ms; /* of its certificate; 0: never */
    uint64_t run_id;              /* a hash of it */
    int64_t started_wall_ms;      /* the process with that run_id */
    uint64_t heard_mono_ms; /* when the last probe that was answered began */
    const char *refusal; /* how INFO was refused; string_pool.h, a reference of
                            its own; "": it was not */
    enum instance_restart restart; /* not yet told; cleared by the rounds */
    bool credentials_rejected;     /* by the last new connection, while the kept
                                      one answers */
    bool refusal_told;             /* in the log; set by the rounds */
    bool news;  /* it said something new of itself; cleared when posted */
    bool first; /* the verdict is the first of this life */

    /* Replication, from the last INFO. */
    const char *replid;      /* "": not known; string_pool.h, a reference */
    int64_t offset;          /* -1: not known */
    uint64_t offset_mono_us; /* for a master: when its probe had ended; for
                                a replica: when its probe began */
    enum instance_lag lag;   /* of a replica with max_lag, by all views */
    int64_t behind;          /* in bytes, by the view that counted; -1: none */
    const char *lag_detail;  /* string_pool.h */

    /* What an earlier life left in ZooKeeper. */
    int64_t seen_since_wall_ms;
    enum status seen_status;
    bool seen_valid;

    struct instance_job job;
    struct instance_pace pace;
    struct instance_nodes nodes;
    struct instance_share share;
    struct instance_master master;
    struct instance_record record; /* last: it is large and seldom read */
};

/* Takes a reference to CONFIG.  Unknown, pending, since NOW; all other parts
 * are zero. */
void instance_init(struct instance *i, struct config_instance *config,
                   int64_t now_wall_ms);
/* Gives back what it holds: its config, its words, its results. */
void instance_drop(struct instance *i);

/* Goes over to another address: what was known and judged of the old one is
 * forgotten, but for the counts of its record. */
void instance_move(struct instance *i, struct config_instance *config,
                   int64_t now_wall_ms);

/* Goes over to other settings for the same address. */
void instance_take_config(struct instance *i, struct config_instance *config);

/*
 * Takes over what the server said of itself: role, version, the process that
 * answers (a new one is noted in `restart`).  A replica with max_lag is held
 * against its own view, and against MASTER (NULL: not watched by us).  The
 * master's offset must have been read before the replica's, so that the
 * difference can only be too small: a replica is never called late because it
 * was asked late.  Returns the reason that the result now stands for: lag, or
 * no_info where the lag cannot be told.
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

/* Counts a result that was judged by REASON.  On lack of memory one that was
 * not ok is not counted. */
void instance_count(struct instance *i, enum reason reason);

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

/* Whether I is under maintenance, as its document says; texts are borrowed
 * until the loop goes on. */
struct instance_maintenance {
    bool on;
    const char *owner;  /* "config": it is paused there; NULL: it is not on */
    const char *reason; /* "" or NULL: not said */
    int64_t until_wall_ms; /* by the ensemble's clock; 0: without an end */
    const char *entry;     /* the name of the node that says so, which may be a
                              pattern; NULL: none does */
};
void instance_maintenance(const struct instance *i,
                          struct instance_maintenance *out);

/* What a status document says of I (document.h); texts are borrowed. */
struct document_status instance_document(const struct instance *i,
                                         const char *agent);

#endif
