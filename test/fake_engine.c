/*
 * Fakes around the engine; see the header.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/process.h"
#include "agent/resolver.h"
#include "agent/session_file.h"
#include "fake_engine.h"
#include "must.h"
#include "scratch.h"

#define START_MS 1000000

struct fakes fakes;
static int something; /* what opaque things point to */

void fakes_reset(void)
{
    fakes = (struct fakes){
        .mono_us = (uint64_t)START_MS * 1000,
        .wall_ms = START_MS * 7,
        .threads = 5,
        .may_start = FAKE_WORKERS,
        .max_slots = FAKE_SLOTS,
    };
}

void fakes_pass(uint64_t ms)
{
    fakes.mono_us += ms * 1000;
    fakes.wall_ms += (int64_t)ms;
}

uint64_t fakes_now(void)
{
    return fakes.mono_us / 1000;
}

/* --------------------------------------------------------- clocks and log */

uint64_t __wrap_clock_mono_us(void);
uint64_t __wrap_clock_mono_us(void)
{
    return fakes.mono_us;
}

uint64_t __wrap_clock_mono_ms(void);
uint64_t __wrap_clock_mono_ms(void)
{
    return fakes.mono_us / 1000;
}

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void)
{
    return fakes.wall_ms;
}

long __wrap_process_threads(void);
long __wrap_process_threads(void)
{
    return fakes.threads;
}

static void add_pair(char *out, size_t size, const struct log_pair *p)
{
    size_t len = strlen(out);
    out += len;
    size -= len;
    switch (p->kind) {
    case LOG_KIND_STR:
        snprintf(out, size, "%s=%s ", p->key, p->v.s != NULL ? p->v.s : "-");
        break;
    case LOG_KIND_INT:
        snprintf(out, size, "%s=%" PRId64 " ", p->key, p->v.i);
        break;
    case LOG_KIND_UINT:
        snprintf(out, size, "%s=%" PRIu64 " ", p->key, p->v.u);
        break;
    case LOG_KIND_BOOL:
        snprintf(out, size, "%s=%s ", p->key, p->v.b ? "yes" : "no");
        break;
    }
}

void __wrap_log_write(enum log_level level, const char *event,
                      const struct log_pair *pairs, size_t npairs);
void __wrap_log_write(enum log_level level, const char *event,
                      const struct log_pair *pairs, size_t npairs)
{
    struct fake_event *e = &fakes.events[fakes.nevents++ % FAKE_EVENTS];
    *e = (struct fake_event){ .level = level };
    snprintf(e->name, sizeof e->name, "%s", event);
    for (size_t i = 0; i < npairs; i++)
        add_pair(e->pairs, sizeof e->pairs, &pairs[i]);
}

static size_t kept_events(void)
{
    return fakes.nevents < FAKE_EVENTS ? fakes.nevents : FAKE_EVENTS;
}

size_t fakes_logged(const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < kept_events(); i++)
        n += strcmp(fakes.events[i].name, name) == 0;
    return n;
}

const struct fake_event *fakes_event(const char *name)
{
    for (size_t i = 1; i <= kept_events(); i++) {
        const struct fake_event *e =
            &fakes.events[(fakes.nevents - i) % FAKE_EVENTS];
        if (strcmp(e->name, name) == 0)
            return e;
    }
    return NULL;
}

/* --------------------------------------------------------------- workers */

struct worker *worker_start(const struct worker_options *o, struct err *e)
{
    if (fakes.nworkers == fakes.may_start) {
        err_set(e, "no worker");
        return NULL;
    }
    struct worker *w = &fakes.workers[fakes.nworkers++];
    w->options = *o;
    return w;
}

bool worker_stop(struct worker *w, unsigned budget_ms)
{
    while (w->probes != NULL)
        worker_remove(w, w->probes);
    w->stopped = true;
    w->stop_budget_ms = budget_ms;
    return !w->stays;
}

struct probe *worker_add(struct worker *w, uint64_t id,
                         struct config_instance *config, struct err *e)
{
    if (fakes.no_probe) {
        err_set(e, "no probe");
        return NULL;
    }
    struct probe *t = calloc(1, sizeof *t);
    MUST(t != NULL);
    *t = (struct probe){
        .worker = w,
        .id = id,
        .config = config_instance_ref(config),
        .phase = "idle",
        .next = w->probes,
    };
    w->probes = t;
    fakes.nprobes++;
    return t;
}

void worker_remove(struct worker *w, struct probe *t)
{
    struct probe **at = &w->probes;
    while (*at != t) {
        MUST(*at != NULL);
        at = &(*at)->next;
    }
    *at = t->next;
    config_instance_unref(t->config);
    free(t);
    fakes.nprobes--;
}

void worker_post(struct worker *w, struct probe *t, const struct job *job)
{
    MUST(t->worker == w);
    t->job = *job;
    t->jobs++;
    w->queued++;
}

void worker_wake(struct worker *w)
{
    w->wakes++;
    w->queued = 0;
}

void worker_watch(struct worker *w, struct watchdog *watchdog)
{
    w->watched = watchdog != NULL;
}

bool worker_wedged(const struct worker *w)
{
    return w->wedged;
}

size_t worker_take(struct worker *w, struct result *out, size_t max)
{
    size_t n = w->nresults < max ? w->nresults : max;
    memcpy(out, w->outbox, n * sizeof *out);
    memmove(w->outbox, w->outbox + n, (w->nresults - n) * sizeof *out);
    w->nresults -= n;
    return n;
}

const char *worker_phase(const struct probe *t)
{
    return t->phase;
}

size_t worker_queued(const struct worker *w)
{
    return w->queued;
}

bool probe_certificate(const struct probe *p, struct tls_certificate *out)
{
    (void)p;
    *out = fakes.certificate;
    return fakes.certified;
}

/* ------------------------------------------------------ resolver, watchdog */

struct resolver *resolver_start(struct err *e)
{
    (void)e;
    fakes.resolver_started = true;
    return (struct resolver *)&something;
}

bool resolver_stop(struct resolver *r)
{
    fakes.resolver_stopped = r != NULL;
    return !fakes.resolver_stays;
}

void resolver_watch(struct resolver *r, struct watchdog *watchdog)
{
    (void)r;
    fakes.resolver_watched = watchdog != NULL;
}

struct watchdog *watchdog_new(const struct watchdog_options *o, struct err *e)
{
    (void)e;
    fakes.watchdog = *o;
    return (struct watchdog *)&something;
}

void watchdog_watch(struct watchdog *w, const struct watch *watch)
{
    (void)w;
    if (fakes.watches++ == 0)
        fakes.watch_thread = watch->thread;
}

int watchdog_start(struct watchdog *w, struct err *e)
{
    (void)w;
    if (fakes.watchdog_fails) {
        err_set(e, "no watchdog");
        return -1;
    }
    fakes.watchdog_started = true;
    return 0;
}

void watchdog_stop(struct watchdog *w)
{
    fakes.watchdog_stopped = w != NULL;
}

bool watchdog_well(const struct watchdog *w)
{
    (void)w;
    return !fakes.ill;
}

void pulse_beat(struct pulse *p)
{
    (void)p;
    fakes.beats++;
}

/* -------------------------------------------------------------- publisher */

struct session_file *session_file_open(const char *folder, const char *name,
                                       const char *scope, struct err *e)
{
    (void)name;
    if (fakes.no_session_file) {
        err_set(e, "no session file");
        return NULL;
    }
    snprintf(fakes.session_folder, sizeof fakes.session_folder, "%s", folder);
    snprintf(fakes.session_scope, sizeof fakes.session_scope, "%s", scope);
    return (struct session_file *)&something;
}

struct store *store_zk_new(const struct store_zk_options *o, struct err *e)
{
    (void)e;
    fakes.zk = *o;
    fakes.stores++;
    return (struct store *)&something;
}

struct publisher *publisher_start(const struct publisher_options *o,
                                  struct err *e)
{
    if (fakes.no_publisher) {
        err_set(e, "no publisher");
        return NULL;
    }
    fakes.publisher = *o;
    fakes.publisher_started = true;
    return (struct publisher *)&something;
}

enum store_end publisher_stop(struct publisher *p, unsigned drain_ms,
                              unsigned close_ms)
{
    if (p == NULL)
        return STORE_CLOSED;
    fakes.publisher_stopped = true;
    fakes.drain_ms = drain_ms;
    fakes.close_ms = close_ms;
    return fakes.end;
}

void publisher_watch(struct publisher *p, struct watchdog *watchdog)
{
    fakes.publisher_watched = p != NULL && watchdog != NULL;
}

size_t publisher_add(struct publisher *p, enum slot_kind kind, const char *name,
                     struct err *e)
{
    MUST(p != NULL);
    if (fakes.nslots == fakes.max_slots) {
        err_set(e, "no slot");
        return SIZE_MAX;
    }
    struct fake_slot *s = &fakes.slots[fakes.nslots];
    *s = (struct fake_slot){ .kind = kind };
    snprintf(s->name, sizeof s->name, "%s", name);
    return fakes.nslots++;
}

size_t publisher_add_target(struct publisher *p, const char *name,
                            struct err *e)
{
    size_t slot = publisher_add(p, SLOT_STATUS, name, e);

    if (slot != SIZE_MAX)
        fakes.slots[slot].share = SLOT_SPEAKER;
    return slot;
}

void publisher_remove(struct publisher *p, size_t slot)
{
    MUST(p != NULL && slot < fakes.nslots && !fakes.slots[slot].removed);
    fakes.slots[slot].removed = true;
}

bool publisher_post(struct publisher *p, size_t slot, const char *doc,
                    size_t len)
{
    MUST(p != NULL && slot < fakes.nslots && len <= DOCUMENT_MAX);
    MUST(!fakes.slots[slot].removed);
    if (fakes.no_memory)
        return false;
    memcpy(fakes.slots[slot].document, doc, len);
    fakes.slots[slot].document[len] = '\0';
    fakes.slots[slot].posts++;
    return true;
}

void publisher_withdraw(struct publisher *p, size_t slot)
{
    MUST(p != NULL && slot < fakes.nslots);
    fakes.slots[slot].withdrawals++;
}

void publisher_search(struct publisher *p)
{
    MUST(p != NULL);
}

int publisher_own(struct publisher *p, const char **names, size_t n, bool part,
                  struct err *e)
{
    (void)e;
    (void)part;
    MUST(p != NULL && (n == 0 || names[0] != NULL));
    fakes.owned = n;
    fakes.owns++;
    return 0;
}

void publisher_share(struct publisher *p, size_t slot, enum slot_share share)
{
    MUST(p != NULL && slot < fakes.nslots);
    fakes.slots[slot].share = share;
}

bool publisher_conflict(struct publisher *p, size_t slot,
                        struct publisher_holder *out)
{
    (void)out;
    MUST(p != NULL && slot < fakes.nslots);
    return false;
}

void publisher_look(struct publisher *p, size_t slot)
{
    MUST(p != NULL && slot < fakes.nslots);
    fakes.slots[slot].looks++;
}

void publisher_fence(struct publisher *p, size_t member_slot,
                     bool (*fit)(void *arg), void *arg)
{
    (void)fit;
    (void)arg;
    MUST(p != NULL && member_slot < fakes.nslots);
}

size_t publisher_follow(struct publisher *p, const char *path,
                        enum follow_kind kind, struct err *e)
{
    (void)e;
    MUST(p != NULL && fakes.nfollows < FAKE_FOLLOWS);
    if (kind == FOLLOW_ENTRIES && !fakes.entries_wait)
        fakes.followed[fakes.nfollowed++] = (struct follow_event){
            .follow = fakes.nfollows,
            .what = FOLLOW_COMPLETE,
        };
    snprintf(fakes.follows[fakes.nfollows], sizeof fakes.follows[0], "%s",
             path);
    return fakes.nfollows++;
}

bool publisher_follow_take(struct publisher *p, struct follow_event *out)
{
    MUST(p != NULL);
    if (fakes.nfollowed == 0)
        return false;
    *out = fakes.followed[0];
    memmove(fakes.followed, fakes.followed + 1,
            --fakes.nfollowed * sizeof *out);
    return true;
}

bool publisher_take(struct publisher *p, struct publisher_event *out)
{
    MUST(p != NULL);
    if (fakes.nfound == 0)
        return false;
    *out = fakes.found[0];
    memmove(fakes.found, fakes.found + 1, --fakes.nfound * sizeof *out);
    return true;
}

void publisher_info(struct publisher *p, struct publisher_info *out)
{
    MUST(p != NULL);
    *out = fakes.info;
}

int publisher_order(struct publisher *p, const struct publisher_order *o,
                    struct err *e)
{
    (void)e;
    MUST(p != NULL && fakes.norders < FAKE_EVENTS);
    char *path = fakes.order_paths[fakes.norders];
    snprintf(path, sizeof fakes.order_paths[0], "%s", o->path);
    fakes.orders[fakes.norders] = *o;
    fakes.orders[fakes.norders++].path = path;
    return 0;
}

bool publisher_order_take(struct publisher *p, struct publisher_ordered *out)
{
    MUST(p != NULL);
    *out = fakes.ordered;
    fakes.ordered.token = 0;
    return out->token != 0;
}

bool publisher_clock(struct publisher *p, int64_t *wall_ms)
{
    MUST(p != NULL);
    *wall_ms = fakes.wall_ms;
    if (fakes.info.clock_known)
        *wall_ms += fakes.info.clock_offset_ms;
    return fakes.info.clock_known;
}

void publisher_refused(struct publisher *p, uint64_t for_ms,
                       struct publisher_refused *out)
{
    MUST(p != NULL);
    fakes.refused_for_ms = for_ms;
    *out = fakes.refused;
}

struct fake_slot *fakes_slot(enum slot_kind kind, const char *name)
{
    for (size_t i = fakes.nslots; i-- > 0;) {
        if (fakes.slots[i].kind == kind &&
            strcmp(fakes.slots[i].name, name) == 0)
            return &fakes.slots[i];
    }
    MUST(name == NULL); /* there is no such slot */
    return NULL;
}

void fakes_found(enum slot_kind kind, const char *name,
                 const struct document_seen *seen)
{
    struct publisher_event *e = &fakes.found[fakes.nfound++];
    *e = (struct publisher_event){
        .slot = (size_t)(fakes_slot(kind, name) - fakes.slots),
        .exists = seen != NULL,
    };
    if (seen != NULL)
        e->seen = *seen;
}

struct config *fakes_config(const char *text)
{
    struct config_faults faults = { 0 };
    char path[SCRATCH_SIZE];
    scratch_file(path, text);
    struct config *c = config_load(path, &faults);
    for (size_t i = 0; i < faults.count; i++)
        fprintf(stderr, "%s\n", faults.lines[i]);
    config_faults_free(&faults);
    unlink(path);
    MUST(c != NULL);
    return c;
}
