#ifndef PUBLISHER_INTERNAL_H
#define PUBLISHER_INTERNAL_H

#include "agent/publisher.h"
#include "agent/watchdog.h"

#include <pthread.h>
#include <sys/queue.h>

/*
 * Between the parts of the publisher: the thread and the calls of others
 * (publisher.c), the calls of others (publisher_mailbox.c), what a slot is
 * and needs next (publisher_slot.c), what a reply means (publisher_reply.c),
 * the nodes above ours (publisher_parents.c), what others did to our nodes
 * (publisher_drift.c), whose a node is (publisher_owner.c), whether its agent
 * lives (publisher_rivals.c), what nobody keeps any more
 * (publisher_orphans.c).
 */

/* No slot has these indices: the tokens of other requests. */
#define PARENTS_TOKEN UINT64_MAX
#define ORPHANS_TOKEN (UINT64_MAX - 1)
#define RIVALS_TOKEN  (UINT64_C(1) << 62) /* + the rival's index */

#define BUSY_RETRY_MS   1000
#define REFUSED_MS      30000 /* unless the options say */
#define FAILED_FIRST_MS 1000
#define RECHECK_MS      5000 /* unless the options say */
#define CONTEST_MS      1000 /* at most, between looks at a contested heartbeat */

/* A slot is in one place at a time. */
enum place {
    PLACE_IDLE,    /* nothing to do, until a post or a new session */
    PLACE_QUEUE,   /* wants to be looked at: FIFO */
    PLACE_FLIGHT,  /* a request is under way */
    PLACE_DELAYED, /* refused; again at retry_mono_ms */
    PLACE_PARENTS, /* waits for the nodes above it */
    PLACE_REFRESH, /* to be re-read when nothing else is to do */
};

/* A status or heartbeat is written only after the loop has seen what was
 * there, and then posted. */
enum gate {
    GATE_UNREAD,
    GATE_TOLD,  /* the event waits to be taken */
    GATE_TAKEN, /* … and was; the next post counts */
    GATE_OPEN,
};

enum want {
    WANT_NOTHING, /* neither posted nor withdrawn */
    WANT_NODE,
    WANT_GONE,
};

/* How a slot counts, see struct publisher_info. */
enum standing {
    STANDING_CLEAN,
    STANDING_PENDING,
    STANDING_GATED,   /* pending, and only the loop can change that */
    STANDING_REFUSED, /* pending, and ZooKeeper says no */
    STANDING_HELD,    /* left to another agent */
};
#define STANDING_COUNT 5

/* What the node of our heartbeat lets us write. */
enum footing {
    FOOTING_UNREAD,    /* nothing yet */
    FOOTING_REFUSED,   /* nothing: ZooKeeper does not say what it is */
    FOOTING_CONTESTED, /* nothing: it is another agent's of our id */
    FOOTING_FREE,      /* what is not another agent's */
    FOOTING_FIRM,      /* it is ours: also what a dead agent left */
};

enum action {
    ACTION_NONE,
    ACTION_GET,
    ACTION_SET,
    ACTION_CREATE,
    ACTION_DELETE,
    ACTION_TAKE_OVER,
};

/* Why a slot's node is not as posted, as far as it was logged. */
enum cause {
    CAUSE_NONE,
    CAUSE_NO_AUTH,
    CAUSE_FAILED,
    CAUSE_BUSY,
    CAUSE_NO_PARENT,
    CAUSE_NO_MEMORY,
};

struct buffer {
    char *bytes; /* owned */
    size_t len;
    size_t size;
};

/* Another agent, as long as some node names it. */
struct rival {
    size_t index;
    char agent[256];
    char host[256]; /* as its heartbeat says; "" */
    char *path;     /* owned */
    size_t users;
    enum {
        RIVAL_ASKED, /* it cannot be told yet */
        RIVAL_ALIVE, /* its heartbeat exists */
        RIVAL_GONE,
    } state;
    bool under_way;
    bool again; /* what is under way was asked too early */
    uint64_t due_mono_ms;
};

struct rivals {
    struct rival **list; /* owned; NULL where free */
    size_t count;
};

struct slot {
    /* Never change. */
    size_t index;
    enum slot_kind kind;
    char *path; /* owned */

    /* All below: the publisher's lock. */
    enum place place;
    enum gate gate;
    enum want want;
    enum standing standing;
    bool removed; /* the caller has forgotten it */
    struct buffer posted;
    uint64_t post; /* grows with every post and withdrawal */
    uint64_t pending_mono_ms;
    struct publisher_event *event; /* owned; told, not yet taken */
    TAILQ_ENTRY(slot) at_place;
    TAILQ_ENTRY(slot) at_pending;
    TAILQ_ENTRY(slot) at_event;

    /* What the publisher's thread knows of the node. */
    uint64_t done; /* the post that the node is known to be like */
    bool stale;    /* the session ended while a request was under way */
    bool known;    /* what follows was read or written in this session */
    bool exists;
    int32_t version;
    int64_t owner;
    bool readable; /* it is a document of some agent's … */
    bool ours;     /* … and of this one's */
    bool reread;   /* known, and to be read all the same */
    bool rereading;
    struct slot *partner; /* the presence of a status, and the reverse */
    struct rival *rival;  /* the node names this agent; or NULL */
    bool rival_gone;      /* … which was found gone after the node was read */
    bool owned;           /* a heartbeat was ours in this session */
    bool contested;       /* a heartbeat is another agent's of our id */
    bool conflict;        /* was said */
    /* The node is surely as it was left, in whatever session: anything else
     * was done by others. */
    bool sure;
    bool doubtful; /* a write may still come to pass */
    bool missed;   /* an ephemeral vanished: by others, if our session lives */
    int32_t sure_version;
    uint64_t sure_sum;     /* of its bytes */
    uint64_t seq;          /* the highest that is known to be written */
    int64_t acked_wall_ms; /* of the last write that came off; 0: none */
    struct buffer sent;    /* the bytes of the last write, certain or not; see
                              slot_drop_sent */
    uint64_t sent_post;
    uint64_t sent_seq;
    bool kept; /* nothing was posted, and we took the node over as it was */
    bool parents_tried;
    enum cause cause;
    unsigned failed_ms; /* the wait after the last failure */
    uint64_t retry_mono_ms;
};

TAILQ_HEAD(slot_list, slot);

/* The levels above our nodes, made one by one. */
struct parents {
    size_t next; /* of count levels */
    size_t count;
    bool under_way;
    uint64_t retry_mono_ms;
    enum store_code code; /* the worst answer of this pass, and where */
    size_t at;
    char **paths; /* owned */
};

/* The search for orphans: one branch after the other, one node at a time. */
struct orphans {
    enum {
        ORPHANS_IDLE,
        ORPHANS_LIST,
        ORPHANS_LOOK,   /* at the name at NAMES + AT */
        ORPHANS_DELETE, /* the node that was looked at */
        ORPHANS_DONE,
    } step;
    size_t branch; /* of BRANCHES there */
    bool under_way;
    uint64_t retry_mono_ms;
    char *names; /* owned; each with its NUL */
    size_t len;
    size_t at;
    char *path; /* owned; of the request under way */
    int32_t version;
    bool told; /* EVENT waits to be taken */
    struct publisher_event event;
};

struct publisher {
    /* Never change after the start. */
    struct store *store; /* owned */
    char *root;          /* owned; "" for "/" */
    char *agent;         /* owned */
    char *host;          /* owned */
    void (*wake_loop)(void *);
    void *wake_arg;
    bool wake_idle;
    unsigned refused_ms;
    unsigned refresh_ms; /* 0: never */
    unsigned recheck_ms;
    pthread_t thread;
    struct pulse pulse;

    pthread_mutex_t lock;
    pthread_cond_t wakeup;
    pthread_cond_t ended;
    /* All below: lock. */
    struct slot **slots; /* owned; NULL where free */
    size_t nslots;
    size_t room;
    size_t nfree;    /* free ones below nslots */
    size_t nremoved; /* removed and not yet done */
    struct slot_list queue;
    struct slot_list delayed;
    struct slot_list waiting; /* for the parents */
    struct slot_list refresh;
    struct slot_list pending; /* in the order in which they became so */
    struct slot_list events;
    size_t count[STANDING_COUNT];
    size_t in_flight;
    size_t rereading; /* of those, what nobody waits for */
    unsigned conflicts;
    uint64_t drifts;
    struct histogram publish;
    struct slot *heartbeat; /* or NULL */
    enum footing footing;
    struct publisher_holder contender; /* while it is contested */
    struct rivals rivals;
    struct orphans orphans;
    uint64_t writes_ok;
    uint64_t writes_failed;
    char trouble[256];
    struct store_status status;
    uint64_t delayed_mono_ms; /* the first of the delayed is due */
    bool woken;
    bool resting; /* its thread waits, and was not signalled yet */
    bool tell;    /* the loop is to be woken */
    bool stopping;
    uint64_t stop_mono_ms; /* no flushing after that */
    unsigned close_ms;
    unsigned beat_ms; /* rests no longer */
    bool done;
    enum store_end end; /* once it is done */

    /* The publisher's thread. */
    uint64_t sessions; /* status.sessions that the slots know of */
    int64_t session;
    bool broken_said;
    struct parents parents;
    uint64_t pass_mono_ms;    /* when it last looked for requests */
    uint64_t refresh_mono_ms; /* the next part of a refresh is due */
    uint64_t refreshed_mono_ms;
    uint64_t refresh_credit; /* slots times ms */
    size_t refresh_at;
};

/* All of these: publisher's thread, or lock held where it says LOCKED. */

/* LOCKED: there is something to do.  Whoever locked on another thread leaves
 * by publisher_unlock then. */
void publisher_nudge(struct publisher *p);
/* Unlocks, and wakes the publisher's thread if it was nudged: not before, as
 * it would wake only to wait for the lock. */
void publisher_unlock(struct publisher *p);
/* LOCKED: frees the slot if it is removed and done. */
void publisher_sweep(struct publisher *p, struct slot *s);

/* Grows B to SIZE.  -1 on lack of memory, B is then as it was. */
int buffer_reserve(struct buffer *b, size_t size) MUST_USE;
int buffer_set(struct buffer *b, const char *bytes, size_t len) MUST_USE;

struct slot *slot_new(enum slot_kind kind, const char *path);
void slot_free(struct slot *s); /* NULL is a no-op */
/* LOCKED: moves S to PLACE, and counts anew how it stands. */
void slot_move(struct publisher *p, struct slot *s, enum place place);
void slot_count(struct publisher *p, struct slot *s);
/* Its node lives in our session. */
bool slot_is_ephemeral(const struct slot *s);
/* LOCKED: to the queue if there is something to do for a slot at rest. */
void slot_settle(struct publisher *p, struct slot *s);
/* LOCKED: what the slot needs next. */
enum action slot_action(const struct publisher *p, const struct slot *s);
/* LOCKED: fills R, and s->sent with what R sends.  -1: no memory. */
int slot_request(struct slot *s, enum action a,
                 struct store_request *r) MUST_USE;
/* LOCKED: what was sent has come to pass, and can be made again from what is
 * posted as long as nothing else is; a heartbeat's soon is. */
void slot_drop_sent(struct slot *s);
/* LOCKED: these bytes are what was sent last. */
bool slot_sent_is(const struct slot *s, const char *bytes, size_t len);
/* LOCKED: settles all slots, and frees those that are done. */
void publisher_settle_all(struct publisher *p);
/* LOCKED: forgets what was known of the node. */
void slot_forget(struct slot *s);
/* LOCKED: gone for the caller, and nothing to be done any more. */
bool slot_finished(const struct publisher *p, const struct slot *s);

/* LOCKED.  Puts the slot where it belongs now. */
void publisher_reply(struct publisher *p, struct slot *s,
                     const struct store_reply *r, uint64_t now_mono_ms);
/* LOCKED: says so once, and tries again later. */
void publisher_refuse(struct publisher *p, struct slot *s, enum cause cause,
                      const char *detail, int raw, uint64_t now_mono_ms);

/* LOCKED: what was found or missed (R: a reading, or a write that found no
 * node), against what is surely known. */
void drift_check(struct publisher *p, struct slot *s,
                 const struct store_reply *r, const struct document_seen *seen);
/* LOCKED: what was read is surely as it was left. */
bool drift_none(const struct publisher *p, const struct slot *s,
                const struct store_reply *r);
/* LOCKED: from now on this is sure: a reading of ours, a write that came off.
 * A write that is uncertain leaves nothing sure. */
void drift_read(struct publisher *p, struct slot *s,
                const struct store_reply *r, bool as_sent);
void drift_written(struct publisher *p, struct slot *s,
                   const struct store_reply *r);
void drift_uncertain(struct slot *s);
/* LOCKED: true when a write came off on a node that is not ours at all any
 * more, although it has the version that ours had. */
bool drift_under_write(struct publisher *p, struct slot *s,
                       const struct store_reply *r);
/* LOCKED: marks slots to be re-read as their time comes. */
void refresh_mark(struct publisher *p, uint64_t now_mono_ms);

/* LOCKED: whose the node is that was read.  -1: no memory. */
int owner_read(struct publisher *p, struct slot *s,
               const struct document_seen *seen, uint64_t now_mono_ms) MUST_USE;
/* LOCKED: nobody else's any more. */
void owner_none(struct publisher *p, struct slot *s);
/* The node is another agent's, or may be. */
bool owner_is_other(const struct slot *s);
/* LOCKED: the heartbeat's slot may have changed; draws the consequences. */
void footing_update(struct publisher *p);
/* LOCKED: says if the slot came into conflict or out of it. */
void conflict_say(struct publisher *p, struct slot *s);
/* LOCKED: the slot ends. */
void owner_forget(struct publisher *p, struct slot *s);

/* LOCKED, all.  NULL on lack of memory; to be given back by rival_leave. */
struct rival *rival_find(struct publisher *p, const char *agent,
                         uint64_t now_mono_ms);
void rival_leave(struct publisher *p, struct rival *r);
/* Who is gone is asked for anew. */
void rivals_ask_again(struct publisher *p);
bool rivals_request(struct publisher *p, uint64_t now_mono_ms,
                    struct store_request *r);
void rivals_unsent(struct publisher *p, uint64_t token);
void rivals_reply(struct publisher *p, const struct store_reply *r,
                  uint64_t now_mono_ms);
/* When the next one is due; UINT64_MAX: none. */
uint64_t rivals_due(const struct publisher *p);
void rivals_free(struct publisher *p);

/* LOCKED, all. */
bool orphans_request(struct publisher *p, uint64_t now_mono_ms,
                     struct store_request *r);
void orphans_unsent(struct publisher *p);
void orphans_reply(struct publisher *p, const struct store_reply *r,
                   uint64_t now_mono_ms);
/* Fills OUT if one was found that nobody took yet. */
bool orphans_take(struct publisher *p, struct publisher_event *out);
void orphans_free(struct publisher *p);

int parents_init(struct parents *a, const char *root, bool presence,
                 struct err *e) MUST_USE;
void parents_free(struct parents *a);
/* LOCKED: S found no parent; once they were made it is tried again. */
void parents_wanted(struct publisher *p, struct slot *s, uint64_t now_mono_ms);
/* The next request, if one is due; false: none. */
bool parents_request(struct publisher *p, uint64_t now_mono_ms,
                     struct store_request *r);
/* The store did not take it. */
void parents_unsent(struct publisher *p);
/* LOCKED: S found no parent although they were made just now. */
void parents_refuse(struct publisher *p, struct slot *s, uint64_t now_mono_ms);
/* LOCKED */
void parents_reply(struct publisher *p, const struct store_reply *r,
                   uint64_t now_mono_ms);

#endif
