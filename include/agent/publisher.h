#ifndef AGENT_PUBLISHER_H
#define AGENT_PUBLISHER_H

#include "agent/document.h"
#include "agent/err.h"
#include "agent/histogram.h"
#include "agent/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One thread that makes nodes equal to the last documents posted.  It
 * converges, it does not replay: a post replaces an unsent post for the same
 * slot, so the backlog never exceeds the number of slots.
 *
 * Every slot is read before it is first written: what was there (since, seq,
 * the owner) goes to the loop as an event, and the slot is written only when
 * the loop posted after that event.  An outcome that is uncertain is cleared
 * up by reading, and so is every slot after a new session.  Each is read
 * again now and then: what others did to it is repaired and said (`drift`).
 *
 * A node of another agent whose heartbeat exists is left alone (`conflict`),
 * and nothing at all is written while another agent holds the heartbeat of
 * our id.  No write is blind: each names the version that it is to follow.
 */
struct publisher;
struct watchdog;

enum slot_kind {
    SLOT_STATUS,    /* persistent; an open status document, sealed with seq */
    SLOT_HEARTBEAT, /* ephemeral */
    SLOT_HEARTBEAT_PERSISTENT, /* of --check-once */
    SLOT_PRESENCE,             /* ephemeral; may be withdrawn */
    SLOT_MEMBER,               /* ephemeral; may be withdrawn; of the fleet */
};

/*
 * Whose a status is.  A status of the fleet goes from agent to agent, and each
 * lets go of it only when its document names another: so it is never without
 * one that keeps it up to date.
 */
enum slot_share {
    SLOT_OWN,     /* of this agent alone: another one that lives keeps it */
    SLOT_SPEAKER, /* of the fleet, and this agent speaks for it: a document of
                     the fleet is taken over by the first post, whoever wrote
                     it, and its presence with it; where another agent takes
                     it later, that is told (`displaced`), and it is taken back
                     by the first post from then on */
    SLOT_LEAVING, /* of the fleet, and another agent is to speak for it: kept
                     up to date until its document names that one, which is
                     told as an event (`displaced`); not written from then
                     on */
};

struct publisher_options {
    struct store *store;        /* owned from here on */
    const char *root;           /* copied */
    const char *agent;          /* our id, which our nodes name; copied */
    const char *host;           /* copied */
    bool presence;              /* make <root>/alive too */
    const char *fleet;          /* copied; NULL: none */
    const char *fleet_settings; /* <root>/fleets/F holds this where we make it;
                                   copied; with a fleet */
    unsigned refused_ms;        /* wait after a refusal; 0: 30 s */
    unsigned refresh_ms;        /* each node is read again once in this time;
                                   0: never */
    unsigned recheck_ms;        /* how often it is seen whether another agent
                                   lives that holds nodes of ours; 0: 5 s */
    void (*wake)(void *arg); /* events wait; called on the publisher's thread;
                                must not wait */
    void *arg;
    bool wake_idle; /* wake also when all that was posted is written or refused
                     */
};

/* NULL and E on failure; the store is then closed.  Thread: loop. */
struct publisher *publisher_start(const struct publisher_options *o,
                                  struct err *e) MUST_USE;

/*
 * Flushes for at most DRAIN_MS, closes the store for at most CLOSE_MS, joins,
 * frees.  STORE_LEFT also when its own thread had to be left behind.  NULL is
 * a no-op and STORE_CLOSED.  Thread: loop.
 */
enum store_end publisher_stop(struct publisher *p, unsigned drain_ms,
                              unsigned close_ms) MUST_USE;

/* Puts its thread under watch; before the watchdog starts.  Thread: loop. */
void publisher_watch(struct publisher *p, struct watchdog *watchdog);

/*
 * A new slot for <root>/instances/NAME, <root>/agents/NAME, <root>/alive/NAME
 * or, with a fleet F, <root>/fleets/F/members/NAME by KIND.  SIZE_MAX and E on
 * lack of memory.  It is read as soon as there is a session.  Thread: loop.
 */
size_t publisher_add(struct publisher *p, enum slot_kind kind, const char *name,
                     struct err *e) MUST_USE;

/* The same of a status of the fleet, which is SLOT_SPEAKER from the first
 * reading on: by the rules of an agent's own it might be a conflict. */
size_t publisher_add_target(struct publisher *p, const char *name,
                            struct err *e) MUST_USE;

/*
 * The slot is gone for the caller; its last post is still written (or its
 * withdrawal done) first.  Thread: loop.
 */
void publisher_remove(struct publisher *p, size_t slot);

/* The slot's node is to hold these LEN bytes (1 to DOCUMENT_MAX), which are
 * copied.  False on lack of memory: what was posted before still holds.  Never
 * waits for the network.  Thread: any. */
bool publisher_post(struct publisher *p, size_t slot, const char *doc,
                    size_t len) MUST_USE;

/* The node of this presence or member slot is not to be there.  (As long as
 * such a slot was neither posted nor withdrawn, its node is left as it is; one
 * that an earlier life of this agent left is taken into our session, as it
 * would end with the old one.)  Thread: any. */
void publisher_withdraw(struct publisher *p, size_t slot);

/* Whose the status of this slot is from now on; at first SLOT_OWN.  Anything
 * else needs a fleet.  After a new session, and when the fence withdrew the
 * member slot, what was SLOT_SPEAKER is SLOT_LEAVING, as others may have taken
 * it: it is to be said anew.  Thread: loop. */
void publisher_share(struct publisher *p, size_t slot, enum slot_share share);

/* The slot is read again soon: another may have written it.  Thread: loop. */
void publisher_look(struct publisher *p, size_t slot);

/*
 * A member whose loop hangs would keep its targets as long as its session
 * lives.  So FIT(ARG) is asked about twice a second on the publisher's thread,
 * where it must not wait: once it says no, the member slot is withdrawn, as if
 * the loop had said so, and what it speaks for is left to others.  To be called
 * before anything is posted into the slot. Thread: loop.
 */
void publisher_fence(struct publisher *p, size_t member_slot,
                     bool (*fit)(void *arg), void *arg);

/*
 * The N names (sorted here) of the instances that this agent keeps by itself,
 * to be called when the slots of all of them are there, and at each change.
 * They are kept in <root>/owned/ID.  What stood there before, from an earlier
 * life, and has no slot, is looked at in the background: its status documents
 * are told as events (ORPHAN), and presence nodes of our session are deleted.
 * Where there was no such node, the whole tree is looked at, once.
 *
 * In a fleet, whose targets are in the list as long as they are in our hands,
 * nothing is looked at before publisher_search: it is to be known what is ours.
 *
 * PART: they are not all, so they are only added to a node that is there, and
 * nothing is looked at.  -1 and E on lack of memory.  Thread: loop.
 */
int publisher_own(struct publisher *p, const char **names, size_t n, bool part,
                  struct err *e) MUST_USE;
void publisher_search(struct publisher *p);

/*
 * Orders: that a node is deleted which is no slot of ours, if it still has this
 * version.  Each ends with one answer, which may be that it is not known
 * whether it was done (STORE_UNCERTAIN); none is sent twice.  One that could
 * not be sent yet waits for a connection.
 */
#define PUBLISHER_ORDERS 16
struct publisher_order {
    const char *path; /* below the root, without a slash before it; copied */
    int32_t version;
    uint64_t token; /* comes back with the answer */
};
/* -1 and E on lack of memory, or when so many wait for their answer, or for it
 * to be taken.  Thread: loop. */
int publisher_order(struct publisher *p, const struct publisher_order *o,
                    struct err *e) MUST_USE;

struct publisher_ordered {
    uint64_t token;
    enum store_code code;
    char detail[240]; /* for people: what the store said */
};
/* Moves one answer to OUT; false: none.  Thread: loop. */
bool publisher_order_take(struct publisher *p, struct publisher_ordered *out);

/* What was found at the first reading of a slot; or a document of ours
 * without a slot; or of a leaving slot that it is another agent's now. */
struct publisher_event {
    bool orphan;
    bool displaced;
    char name[64]; /* of an orphan */
    size_t slot;   /* of all others */
    bool exists;
    int64_t owner; /* ephemeralOwner; 0: persistent */
    struct document_seen seen;
};

/* Moves one event to OUT; false when there is none.  Thread: loop. */
bool publisher_take(struct publisher *p, struct publisher_event *out);

/* Who holds a node of ours.  "" where it cannot be told. */
struct publisher_holder {
    char agent[256];
    char host[256];
};

/* True while the slot's node is another agent's (OUT says whose) or the
 * heartbeat of our id is.  Thread: any. */
bool publisher_conflict(struct publisher *p, size_t slot,
                        struct publisher_holder *out);

/* How a slot stands, for people. */
enum publisher_standing {
    PUBLISHER_CLEAN,    /* its node is as posted; or nothing was posted */
    PUBLISHER_PENDING,  /* to be written, or being written */
    PUBLISHER_WAITING,  /* for what must be known or written before */
    PUBLISHER_REFUSED,  /* ZooKeeper said no; it is asked again */
    PUBLISHER_CONFLICT, /* left to another agent */
};
#define PUBLISHER_STANDINGS 5
const char *publisher_standing_name(enum publisher_standing s);

/* Why a slot's node is not as posted. */
enum publisher_why {
    WHY_WRITTEN,    /* it is */
    WHY_NOT_POSTED, /* nothing was posted, so it is as it should be */
    /* Pending. */
    WHY_QUEUED,
    WHY_UNDER_WAY,
    WHY_OFFLINE,
    WHY_SLOWED,      /* ZooKeeper asked us to slow down */
    WHY_PARENTS,     /* the nodes above are being made */
    WHY_RIVAL_ASKED, /* it names another agent, which is looked for */
    /* Waiting. */
    WHY_NOT_READ,      /* for the first reading */
    WHY_NOT_ANSWERED,  /* for a post after the first reading */
    WHY_LEASE_REFUSED, /* for the heartbeat, which cannot be read */
    WHY_RIVAL_GONE,    /* for our heartbeat, before the node is taken over */
    /* Refused. */
    WHY_NO_AUTH,
    WHY_FAILED,
    WHY_NO_PARENT,
    WHY_NO_MEMORY,
    /* Left to another agent. */
    WHY_LEASE_CONTESTED, /* … of our id, which holds our heartbeat */
    WHY_RIVAL_ALIVE,     /* … that published it first, and lives */
    WHY_HANDED_OVER,     /* … of our fleet, that speaks for it now */
};
/* A half sentence, for people. */
const char *publisher_why_words(enum publisher_why why);

/* What is known of a slot's node. */
struct publisher_node {
    enum publisher_standing standing;
    enum publisher_why why;
    bool posted;           /* there is to be a node */
    int32_t version;       /* of the node; -1: none, or not known */
    uint64_t seq;          /* of the last write that came off; 0: none */
    int64_t acked_wall_ms; /* when ZooKeeper said so; 0: not in this life */
};

/* Thread: any. */
void publisher_node(struct publisher *p, size_t slot,
                    struct publisher_node *out);

/*
 * The bytes of a clean slot's node, as they were written, into OUT (at least
 * DOCUMENT_MAX); returns their length, 0 if there is nothing of the kind.
 * Thread: any.
 */
size_t publisher_node_document(struct publisher *p, size_t slot, char *out,
                               size_t size);

/*
 * The instances whose status document ZooKeeper has refused for at least
 * FOR_MS: what stands there is not what was posted.  Also of a slot
 * that was removed, whose last document is refused.  Thread: any.
 */
#define PUBLISHER_REFUSED_NAMES 50
struct publisher_refused {
    size_t count; /* of all; more may be so than have their names here */
    char names[PUBLISHER_REFUSED_NAMES][64];
};
void publisher_refused(struct publisher *p, uint64_t for_ms,
                       struct publisher_refused *out);

struct publisher_info {
    struct store_status store;
    size_t pending;   /* slots whose node is not yet as posted, without those
                         that are left to another agent */
    size_t in_flight; /* requests under way */
    uint64_t writes_ok;
    uint64_t writes_failed;
    uint64_t oldest_pending_ms; /* age of the oldest unfinished post */
    unsigned refused;           /* slots that ZooKeeper keeps refusing */
    unsigned conflicts;         /* slots left to another agent just now */
    bool seeking;    /* what an earlier life left; or the list of what we own is
                        not    yet written */
    uint64_t drifts; /* what others did to our nodes, so far */
    unsigned fenced; /* how often the fence withdrew the member slot */
    size_t watches;  /* nodes of others that ZooKeeper tells changes of */
    bool clock_known;         /* an acknowledged write told the ensemble's */
    int64_t clock_offset_ms;  /* the ensemble's clock minus ours at that write,
                                 to its round trip; the nearest to 0 that can
                                 be */
    char trouble[400];        /* the last refusal, for people; "" */
    struct histogram publish; /* from a post until its node was as posted */
};

/* Thread: any. */
void publisher_info(struct publisher *p, struct publisher_info *out);

/* What the ensemble's clock shows, into OUT.  False: no write was acknowledged
 * yet, and it is our own clock's time.  Thread: any. */
bool publisher_clock(struct publisher *p, int64_t *wall_ms);

#endif
