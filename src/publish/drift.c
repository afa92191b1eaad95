/*
 * What others did to our nodes.  Each slot remembers the version and the
 * bytes at which its node was left for certain: by the last write that came
 * off, or by a reading of our own document.  If anything else is found there
 * later, by a refresh, by a write that names the version, or after a new
 * session, then others did it.  Nothing is repaired here: what was found
 * becomes what is known, and the next request follows from that as always.
 *
 * A write whose outcome is uncertain may still come to pass late, so after it
 * nothing is sure until another write came off: every write names the version
 * that it is to follow, so no earlier one can come after it.  An ephemeral
 * node that vanished may have done so with a session whose end we do not know
 * of yet: it is called missed, and that becomes drift once the node was made
 * again in the same session.
 */
#include "agent/clock.h"
#include "agent/hash.h"
#include "agent/log.h"

#include "slot.h"

static void say(const struct slot *s, const char *what, const char *by,
                int32_t found, int64_t mtime_wall_ms)
{
    char when[CLOCK_RFC3339_SIZE];

    LOG_EVENT(LOG_LEVEL_WARN, "drift", LOG_STR("path", s->path),
              LOG_STR("what", what), LOG_STR("by", by[0] != '\0' ? by : "?"),
              LOG_INT("found", found), LOG_INT("expected", s->sure.version),
              LOG_STR("changed", mtime_wall_ms > 0
                                     ? clock_rfc3339(mtime_wall_ms, when)
                                     : NULL));
}

/* It lives in a session that is not ours. */
static bool is_anothers(const struct slot *s, int64_t session,
                        const struct store_reply *r)
{
    return slot_is_ephemeral(s) && r->owner != session;
}

bool drift_none(const struct slot *s, int64_t session,
                const struct store_reply *r)
{
    return s->sure.is && r->version == s->sure.version &&
           !is_anothers(s, session, r) &&
           hash64(HASH64_START, r->data, r->len) == s->sure.sum;
}

static const char *what_was_done(const struct slot *s, int64_t session,
                                 const struct store_reply *r)
{
    return s->sure.missed || is_anothers(s, session, r) ||
                   r->version <= s->sure.version
               ? "replaced"
               : "changed";
}

unsigned drift_check(struct slot *s, int64_t session,
                     const struct store_reply *r,
                     const struct document_seen *seen)
{
    unsigned drifts = 0;

    if (!s->sure.is && !s->sure.missed)
        return 0;
    if (r->code != STORE_OK && slot_is_ephemeral(s)) {
        s->sure.missed = true;
    } else if (r->code != STORE_OK) {
        say(s, "deleted", "", -1, 0);
        drifts = 1;
    } else if (!drift_none(s, session, r)) {
        say(s, what_was_done(s, session, r), seen->agent, r->version,
            r->mtime_wall_ms);
        s->sure.missed = false;
        drifts = 1;
    }
    s->sure.is = false;
    return drifts;
}

static void is_sure(struct slot *s, int32_t version, const char *bytes,
                    size_t len)
{
    s->sure.is = true;
    s->sure.version = version;
    s->sure.sum = hash64(HASH64_START, bytes, len);
}

void drift_read(struct slot *s, int64_t session, const struct store_reply *r,
                bool as_sent)
{
    /* The heartbeat that --check-once finds under its id may be a daemon's,
     * which goes on writing it. */
    bool ours = slot_is_ephemeral(s) ? s->node.owner == session
                                     : s->node.ours && r->owner == 0;

    s->sure.is = false;
    if (s->sure.doubtful && !as_sent)
        return;
    s->sure.doubtful = false;
    if (ours)
        is_sure(s, r->version, r->data, r->len);
}

unsigned drift_written(struct slot *s, const struct store_reply *r)
{
    bool deleted = s->sure.missed && r->verb == STORE_CREATE;

    if (deleted)
        say(s, "deleted", "", -1, 0);
    s->sure.missed = false;
    s->sure.doubtful = false;
    s->sure.is = false;
    if (r->verb != STORE_DELETE)
        is_sure(s, r->version, s->sent.bytes.bytes, s->sent.bytes.len);
    return deleted;
}

void drift_uncertain(struct slot *s)
{
    s->sure.is = false;
    s->sure.missed = false;
    s->sure.doubtful = true;
}

void drift_unsure(struct slot *s)
{
    s->sure.is = false;
    s->sure.missed = false;
}

void drift_session(struct slot *s)
{
    s->sure.missed = false;
    if (slot_is_ephemeral(s))
        s->sure.is = false;
}

bool drift_under_write(struct slot *s, int64_t session,
                       const struct store_reply *r)
{
    if (r->verb != STORE_SET || !is_anothers(s, session, r))
        return false;
    say(s, "replaced", "", r->version, 0);
    drift_uncertain(s);
    return true;
}
