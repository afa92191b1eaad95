#ifndef TEST_FAKE_ENGINE_H
#define TEST_FAKE_ENGINE_H

/*
 * What stands around the engine, as fakes that only write down what was asked
 * of them: workers, publisher, resolver, watchdog, the store's makers, the
 * clocks and the log.  Linked before the libraries; the clocks, the log and
 * the count of threads need --wrap (see meson.build).  No thread is started
 * and nothing waits.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config.h"
#include "agent/follow.h"
#include "agent/log.h"
#include "agent/publisher.h"
#include "agent/tls.h"
#include "agent/watchdog.h"
#include "agent/worker.h"
#include "agent/session_file.h"
#include "agent/zk.h"

#define FAKE_WORKERS 8
#define FAKE_SLOTS   64
#define FAKE_EVENTS  64
#define FAKE_FOLLOWS 8

struct worker {
    struct probe *probes;
    struct worker_options options;
    unsigned wakes;
    size_t queued;
    bool wedged;
    bool watched;
    bool stopped;
    unsigned stop_budget_ms;
    bool stays;                        /* worker_stop is to say so */
    struct result outbox[FAKE_EVENTS]; /* oldest first */
    size_t nresults;
};

struct probe {
    struct probe *next;
    struct worker *worker;
    uint64_t id;
    struct config_instance *config;
    struct job job; /* the last one */
    unsigned jobs;
    const char *phase;
};

struct fake_slot {
    enum slot_kind kind;
    char name[128];
    char document[DOCUMENT_MAX + 1];
    unsigned posts;
    unsigned withdrawals;
    enum slot_share share;
    unsigned looks;
    bool removed;
};

struct fake_event {
    enum log_level level;
    char name[32];
    char pairs[256]; /* "key=value key=value" */
};

struct fakes {
    uint64_t mono_us;
    int64_t wall_ms;
    long threads;

    struct worker workers[FAKE_WORKERS];
    size_t nworkers;
    char follows[FAKE_FOLLOWS][128];
    size_t nfollows;
    bool entries_wait; /* else there are none, which is told at once */
    struct publisher_order orders[FAKE_EVENTS]; /* their paths are below */
    char order_paths[FAKE_EVENTS][128];
    size_t norders;
    struct publisher_ordered ordered; /* the answer, if it has a token */
    struct follow_event followed[FAKE_EVENTS]; /* oldest first */
    size_t nfollowed;
    size_t nprobes;   /* added and not yet removed */
    size_t may_start; /* so many workers; then worker_start fails */
    bool no_probe;    /* worker_add fails */
    bool certified;   /* probe_certificate has one */
    struct tls_certificate certificate;

    bool resolver_started;
    bool resolver_stopped;
    bool resolver_watched;
    bool resolver_stays;

    struct watchdog_options watchdog;
    size_t watches;
    const char *watch_thread; /* of the first */
    bool watchdog_started;
    bool watchdog_stopped;
    bool watchdog_fails; /* watchdog_start */
    bool ill;            /* watchdog_well says no */
    unsigned beats;      /* of the loop's pulse */

    struct store_zk_options zk;
    unsigned stores;
    char session_folder[128]; /* "": none was opened */
    char session_scope[SESSION_SCOPE_SIZE];
    bool no_session_file;

    struct publisher_options publisher;
    bool publisher_started;
    bool publisher_stopped;
    bool publisher_watched;
    bool no_publisher; /* publisher_start fails */
    unsigned drain_ms;
    unsigned close_ms;
    enum store_end end;
    bool no_memory; /* for posts */
    unsigned owns;  /* how often it was told what is ours … */
    size_t owned;   /* … and how many, the last time */
    struct fake_slot slots[FAKE_SLOTS];
    size_t nslots;
    size_t max_slots; /* then publisher_add fails */
    struct publisher_event found[FAKE_EVENTS];
    size_t nfound;
    struct publisher_info info;
    struct publisher_refused refused; /* what publisher_refused says */
    uint64_t refused_for_ms;          /* … when asked for as long */

    struct fake_event events[FAKE_EVENTS];
    size_t nevents;
};
extern struct fakes fakes;

/* As at the beginning: time goes on from 1,000,000 ms. */
void fakes_reset(void);

void fakes_pass(uint64_t ms); /* on both clocks */
uint64_t fakes_now(void);     /* monotonic, in ms */

/* The slot of KIND called NAME; dies if there is none. */
struct fake_slot *fakes_slot(enum slot_kind kind, const char *name);
/* To be taken by publisher_take: nothing was there, or what SEEN says. */
void fakes_found(enum slot_kind kind, const char *name,
                 const struct document_seen *seen);

/* How many events of this name were logged; the last one, NULL: none. */
size_t fakes_logged(const char *name);
const struct fake_event *fakes_event(const char *name);

/* Settings from TEXT; dies if there is a fault. */
struct config *fakes_config(const char *text);

#endif
