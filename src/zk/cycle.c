/*
 * Turns of the addresses.
 *
 * The library would wait two thirds of the session timeout for a server that
 * is mute, and longer than that nobody keeps a session: with one frozen server
 * of three, the others would be tried when it is over.  So a turn is short at
 * first and grows with each cycle, for servers that are slow.
 *
 * Servers that refuse are tried again soon, so that one that comes back finds
 * us well within the session timeout.  Those that grant connections and drop
 * them are left alone for longer and longer: each costs them a session and a
 * line in their log.
 */
#include "cycle.h"

#define TURN_MIN_MS  300
#define PACE_MIN_MS  200
#define PACE_MAX_MS  1000
#define STORM_MAX_MS 30000

void zk_cycle_init(struct zk_cycle *c, unsigned session_timeout_ms)
{
    unsigned pace = session_timeout_ms / 10;

    *c = (struct zk_cycle){ .storm = { .max_ms = STORM_MAX_MS } };
    c->pace.max_ms = pace < PACE_MIN_MS   ? PACE_MIN_MS
                     : pace > PACE_MAX_MS ? PACE_MAX_MS
                                          : pace;
}

void zk_cycle_success(struct zk_cycle *c)
{
    c->failed = 0;
    c->granted = false;
    c->pace.ms = c->storm.ms = 0;
}

void zk_cycle_restart(struct zk_cycle *c, uint64_t now_mono_ms)
{
    c->next = c->count = 0;
    c->retry_mono_ms = now_mono_ms;
}

bool zk_cycle_over(const struct zk_cycle *c)
{
    return c->next >= c->count;
}

void zk_cycle_begin(struct zk_cycle *c, size_t count)
{
    c->next = 0;
    c->count = count;
    c->granted = false;
}

size_t zk_cycle_take(struct zk_cycle *c)
{
    return c->next++;
}

unsigned zk_cycle_turn_ms(const struct zk_cycle *c, unsigned session_timeout_ms,
                          unsigned within_ms)
{
    unsigned n = c->count > 0 ? (unsigned)c->count : 1;
    unsigned most = session_timeout_ms / 3 * 2;
    /* When a server that we are connected to freezes, a third of the session
     * timeout is left by the time that the library notices.  Of a hurry,
     * something must be left for what is to be done at last. */
    unsigned all = within_ms > 0 ? within_ms / 5 * 4 : session_timeout_ms / 3;
    unsigned turn = all / n;

    if (turn < TURN_MIN_MS)
        turn = TURN_MIN_MS;
    for (unsigned i = 0; i < c->failed && turn < most; i++)
        turn *= 2;
    return turn < most || within_ms > 0 ? turn : most;
}

bool zk_cycle_turn_failed(struct zk_cycle *c, bool granted,
                          uint64_t now_mono_ms, uint64_t *random)
{
    c->granted = c->granted || granted;
    c->retry_mono_ms = now_mono_ms;
    if (!zk_cycle_over(c))
        return false;
    c->failed++;
    if (!c->granted)
        c->retry_mono_ms += zk_backoff_next(&c->pace, random);
    else if (c->storm.ms > 0)
        c->retry_mono_ms += zk_backoff_next(&c->storm, random);
    else /* the first may have been a session that is over: at once */
        (void)zk_backoff_next(&c->storm, random);
    return true;
}
