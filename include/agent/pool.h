#ifndef AGENT_POOL_H
#define AGENT_POOL_H

#include "agent/err.h"
#include "agent/follow.h"
#include "agent/instance.h"
#include "agent/publisher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The instances with all that serves them: the resolver, the workers that
 * probe them, the publisher that writes what is known.  The long run and
 * --check-once both stand on it; they decide when to probe and how to judge.
 * Thread: loop, all of it; nothing here waits but pool_stop.
 */
struct config;
struct pool;
struct watchdog;

struct pool_hooks {
    /* A result came in; REASON is what it stands for, lag included.  No job
     * of I is under way any more. */
    void (*result)(void *arg, struct instance *i, const struct result *r,
                   enum reason reason);
    /* The connection that was kept is gone, between two probes.  May be NULL:
     * it does not matter. */
    void (*lost)(void *arg, struct instance *i);
    /* An answer came that a probe had not waited for any longer; may be
     * NULL. */
    void (*late)(void *arg, struct instance *i);
    /* What ZooKeeper held of I (NULL: of our heartbeat). */
    void (*found)(void *arg, struct instance *i,
                  const struct publisher_event *e);
    /* The document of I, which was to be left to another agent of the fleet,
     * names one now.  May be NULL, as those that follow: there is no fleet. */
    void (*displaced)(void *arg, struct instance *i);
    /* NAME is not in our hands, and may be in those of the fleet: what an
     * earlier life wrote of it is not to be ended. */
    bool (*spared)(void *arg, const char *name);
    void (*followed)(void *arg, const struct follow_event *e);
};

struct pool_options {
    const struct config *config;    /* borrowed during the call */
    bool publish;                   /* needs [zookeeper] in the config */
    bool persistent_heartbeat;      /* of --check-once */
    bool presence;                  /* keep alive nodes, if configured */
    bool watchdog;                  /* watch all threads, the loop's too */
    bool resume;                    /* resume the session of an earlier run,
                                       and keep it for the next, if there is
                                       a state_dir */
    const struct pool_hooks *hooks; /* borrowed for the pool's life */
    void *hooks_arg;
    void (*wake)(void *arg); /* pool_collect has work, were it only to give a
                                sign of life; called on any thread; must not
                                wait, nor take a lock */
    void *wake_arg;
};

/* Starts the threads; no instance yet.  Signals must be blocked. */
struct pool *pool_start(const struct pool_options *o, struct err *e) MUST_USE;

/*
 * Last documents published, session ended or kept, threads joined, all within
 * about BUDGET_MS.  STORE_LEFT when any thread was left behind.  Unless it is
 * STORE_CLOSED the process should _exit.  NULL is a no-op and STORE_CLOSED.
 */
enum store_end pool_stop(struct pool *p, unsigned budget_ms) MUST_USE;

/* Instances whose indices follow each other go to one worker, at least so many
 * at a time. */
#define POOL_BLOCK 32

/* Takes a reference to CONFIG.  NULL and E on lack of memory.  The instance is
 * good until it is removed; it belongs to the pool. */
struct instance *pool_add(struct pool *p, struct config_instance *config,
                          struct err *e) MUST_USE;

/* Its document becomes unknown, removed; its alive node goes. */
void pool_remove(struct pool *p, struct instance *i);

/* Its nodes are left as they are: another agent keeps them from now on. */
void pool_release(struct pool *p, struct instance *i);

/* What I is to this agent (i->share) changed. */
void pool_share(struct pool *p, struct instance *i);

/* The slot of our own member node, of which the publisher is then told.
 * SIZE_MAX and E on lack of memory. */
size_t pool_member(struct pool *p, const char *id, struct err *e) MUST_USE;

/* The others see us (not) among the members: until they do, no document but
 * what names us already is written for a fleet. */
void pool_listed(struct pool *p, bool listed);

/*
 * Other settings for the same name.  With the same address the verdict
 * stays; with another one it starts anew.  To be posted.  -1 and E on lack
 * of memory: then nothing changed.
 */
int pool_change(struct pool *p, struct instance *i,
                struct config_instance *config, struct err *e) MUST_USE;

/* Indices are below pool_size; there may be holes (NULL). */
size_t pool_size(const struct pool *p);
struct instance *pool_instance(const struct pool *p, size_t index);

/* Queues a probe of an instance without a job; it begins after pool_begin. */
void pool_probe(struct pool *p, struct instance *i, uint64_t round,
                bool want_info, uint64_t now_mono_ms);

/* Lets the workers begin what was queued: one wake-up of each for all. */
void pool_begin(struct pool *p);

/* Takes in results and what was found in ZooKeeper, calling the hooks; the
 * loop's sign of life. */
void pool_collect(struct pool *p, uint64_t now_mono_ms);

/* Posts the document of I, and its presence by its status.  No-op without
 * ZooKeeper, and before it was found what is there. */
void pool_post(struct pool *p, struct instance *i);

/* Posts the heartbeat, without what is not to be vouched for (D's own `except`
 * is not used); no-op before it was found what is there. */
void pool_heartbeat(struct pool *p, const struct document_heartbeat *d);

/*
 * To be called at the start, and whenever instances came or went: keeps the
 * list of them in ZooKeeper, and looks for what earlier lives left there. PART:
 * they are not all that the config has.  -1 and E on lack of memory; no-op
 * without ZooKeeper.
 */
int pool_own(struct pool *p, bool part, struct err *e) MUST_USE;

/* How many instances have each status. */
void pool_tally(const struct pool *p, size_t by_status[STATUS_COUNT]);

/* The worker of I is wedged. */
bool pool_wedged(const struct pool *p, const struct instance *i);

/* Jobs under way that no worker has begun yet. */
size_t pool_queued(const struct pool *p);

/* What the job of I is doing: "queued", "connect", … */
const char *pool_phase(const struct instance *i);

/* The certificate that the server of I showed last; false: none, or no TLS.
 * And whether one that was sent ends within its tls_min_days. */
struct tls_certificate;
bool pool_certificate(const struct instance *i, struct tls_certificate *out);
bool pool_certificate_ends(const struct instance *i,
                           const struct tls_certificate *c,
                           int64_t now_wall_ms);

/* "here", "gone" or "as it is": what was last asked of the alive node of I;
 * NULL without one. */
const char *pool_presence(const struct pool *p, const struct instance *i);

/* What the pool is made of, to be looked at. */
struct pool_parts {
    const char *id; /* this agent's, as published */
    const char *host;
    unsigned workers;
    size_t count;                /* of instances */
    size_t jobs;                 /* under way */
    struct publisher *publisher; /* NULL: not publishing */
    size_t heartbeat_slot;       /* the publisher's */
    /* What the last heartbeat did not vouch for. */
    const struct publisher_refused *not_vouched;
    struct watchdog *watchdog; /* NULL: none was asked for */
};
/* Borrowed, as long as the pool. */
struct pool_parts pool_parts(const struct pool *p);

#endif
