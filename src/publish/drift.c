/*
 * What others did to our nodes.  Each slot remembers the version and the
 * bytes that its node is surely at: those of the last write that came off, or
 * of a reading of our own document.  Whatever else is found there later, by
 * a refresh, by a write that names the version, or after a new session, was
 * done by others.  Nothing is repaired here: what was found is what is known,
 * and the next request follows from it as ever.
 *
 * A write whose outcome is uncertain may come to pass late, so from then on
 * nothing is sure until a write came off: each names the version that it is
 * to follow, so that none before it can come after it.  And an ephemeral node
 * that vanished may have done so with a session of which we do not know yet
 * that it is over: it is called missed, and becomes drift once it was made
 * again in the same session.
 */
#include "agent/clock.h"
#include "agent/hash.h"
#include "agent/log.h"

#include "internal.h"

/* The parts of a refresh are so far apart at least: each wakes three threads
 * that had gone cold. */
#define REFRESH_STEP_MS   2000
#define REFRESH_PARTS_MIN 4

static void say(struct publisher *p, const struct slot *s, const char *what,
                const char *by, int32_t found, int64_t mtime_wall_ms)
{
    char when[CLOCK_RFC3339_SIZE];

    p->drifts++;
    LOG_EVENT(LOG_LEVEL_WARN, "drift", LOG_STR("path", s->path),
              LOG_STR("what", what), LOG_STR("by", by[0] != '\0' ? by : "?"),
              LOG_INT("found", found), LOG_INT("expected", s->sure_version),
              LOG_STR("changed", mtime_wall_ms > 0
                                     ? clock_rfc3339(mtime_wall_ms, when)
                                     : NULL));
}

bool drift_none(const struct publisher *p, const struct slot *s,
                const struct store_reply *r)
{
    return s->sure && r->version == s->sure_version &&
           (!slot_is_ephemeral(s) || r->owner == p->session) &&
           hash64(HASH64_START, r->data, r->len) == s->sure_sum;
}

static const char *what_was_done(const struct publisher *p,
                                 const struct slot *s,
                                 const struct store_reply *r)
{
    bool another = slot_is_ephemeral(s) && r->owner != p->session;

    return s->missed || another || r->version <= s->sure_version ? "replaced"
                                                                 : "changed";
}

void drift_check(struct publisher *p, struct slot *s,
                 const struct store_reply *r, const struct document_seen *seen)
{
    if (!s->sure && !s->missed)
        return;
    if (r->code != STORE_OK) {
        if (slot_is_ephemeral(s))
            s->missed = true;
        else
            say(p, s, "deleted", "", -1, 0);
    } else if (!drift_none(p, s, r)) {
        say(p, s, what_was_done(p, s, r), seen->agent, r->version,
            r->mtime_wall_ms);
        s->missed = false;
    }
    s->sure = false;
}

static void is_sure(struct slot *s, int32_t version, const char *bytes,
                    size_t len)
{
    s->sure = true;
    s->sure_version = version;
    s->sure_sum = hash64(HASH64_START, bytes, len);
}

void drift_read(struct publisher *p, struct slot *s,
                const struct store_reply *r, bool as_sent)
{
    /* A daemon's heartbeat has the agent id of --check-once, and goes on. */
    bool ours = slot_is_ephemeral(s) ? s->owner == p->session
                                     : s->ours && r->owner == 0;

    s->sure = false;
    if (s->doubtful && !as_sent)
        return;
    s->doubtful = false;
    if (ours)
        is_sure(s, r->version, r->data, r->len);
}

void drift_written(struct publisher *p, struct slot *s,
                   const struct store_reply *r)
{
    if (s->missed && r->verb == STORE_CREATE)
        say(p, s, "deleted", "", -1, 0);
    s->missed = false;
    s->doubtful = false;
    s->sure = false;
    if (r->verb != STORE_DELETE)
        is_sure(s, r->version, s->sent.bytes, s->sent.len);
}

bool drift_under_write(struct publisher *p, struct slot *s,
                       const struct store_reply *r)
{
    if (r->verb != STORE_SET || !slot_is_ephemeral(s) || r->owner == p->session)
        return false;
    say(p, s, "replaced", "", r->version, 0);
    drift_uncertain(s);
    return true;
}

void drift_uncertain(struct slot *s)
{
    s->sure = false;
    s->missed = false;
    s->doubtful = true;
}

static size_t live_slots(const struct publisher *p)
{
    return p->nslots - p->nfree;
}

/* How many are due by now, and when the next ones are. */
static size_t refresh_due(struct publisher *p, uint64_t now)
{
    uint64_t step_ms = p->refresh_ms / REFRESH_PARTS_MIN;
    size_t n = live_slots(p);
    size_t due;

    if (step_ms > REFRESH_STEP_MS)
        step_ms = REFRESH_STEP_MS;
    if (n > 0 && p->refresh_ms / n > step_ms)
        step_ms = p->refresh_ms / n;
    p->refresh_credit += n * (now - p->refreshed_mono_ms);
    p->refreshed_mono_ms = now;
    p->refresh_mono_ms = now + step_ms;
    due = p->refresh_credit / p->refresh_ms;
    p->refresh_credit %= p->refresh_ms;
    return due < n ? due : n;
}

/* The next slot in turn; NULL: it is busy anyway. */
static struct slot *refresh_next(struct publisher *p)
{
    struct slot *s;

    do
        s = p->slots[p->refresh_at++ % p->nslots];
    while (s == NULL);
    return s->place == PLACE_IDLE && s->known ? s : NULL;
}

void refresh_mark(struct publisher *p, uint64_t now_mono_ms)
{
    size_t due;

    if (p->refresh_ms == 0 || p->stopping)
        return;
    if (p->status.state != STORE_CONNECTED) {
        p->refreshed_mono_ms = now_mono_ms;
        return;
    }
    if (now_mono_ms < p->refresh_mono_ms)
        return;
    for (due = refresh_due(p, now_mono_ms); due > 0; due--) {
        struct slot *s = refresh_next(p);

        if (s == NULL)
            continue;
        s->reread = true;
        slot_move(p, s, PLACE_REFRESH);
    }
}
