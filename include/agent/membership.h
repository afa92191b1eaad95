#ifndef AGENT_MEMBERSHIP_H
#define AGENT_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether this agent is to be a member of its fleet.  It joins once it is
 * ready, leaves when it cannot be relied on, and comes back when it was well
 * for a minute: an agent that comes and goes moves its targets twice.  Pure.
 */
enum leave_why {
    LEAVE_NOT, /* it is fit */
    LEAVE_STOP,
    LEAVE_DRAINED,  /* by a maintenance entry for it */
    LEAVE_PROTOCOL, /* the others follow other rules */
    LEAVE_WEDGED,   /* a thread of it hung */
    LEAVE_DOUBT,    /* it could not do its work in time */
    LEAVE_CLOCK,    /* its clock is off */
};
#define LEAVE_WHYS 7
/* As in the event `fleet_left`: "stop", "drained", … */
const char *leave_why_name(enum leave_why why);

#define MEMBERSHIP_HEALTH_MS 60000

struct membership_facts {
    bool stopping;
    bool drained;
    bool protocol;
    bool wedged;
    bool doubt;
    bool clock;
    bool ready; /* heartbeat, targets and the documents of its share are there;
                   for joining only */
};

struct membership {
    bool in;
    enum leave_why why;     /* why it is not; LEAVE_NOT: not ready yet */
    uint64_t unfit_mono_ms; /* when it was unfit last */
    bool must_recover;      /* MEMBERSHIP_HEALTH_MS from then */
};

/* True when it joined or left just now (m->in, m->why). */
bool membership_step(struct membership *m, const struct membership_facts *f,
                     uint64_t now_mono_ms);

/* Whether it is or is about to be a member: the targets that would be its
 * share are its business. */
bool membership_counts(const struct membership *m,
                       const struct membership_facts *f, uint64_t now_mono_ms);

/* When time alone lets it join; UINT64_MAX: never. */
uint64_t membership_due(const struct membership *m);

#endif
