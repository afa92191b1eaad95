#ifndef AGENT_SHARE_H
#define AGENT_SHARE_H

#include <stdbool.h>

/*
 * What this agent has to do with one target of its fleet.  Make before break:
 * who is to let go of a target keeps it until its document names another
 * agent, and who is to speak for it says nothing before it has a verdict of
 * its own.  So the document is never without an agent that keeps it, and
 * never names one that has not looked.  Pure.
 */
enum share {
    SHARE_NONE,     /* another agent's */
    SHARE_PENDING,  /* to be spoken for: probed, and without a verdict yet */
    SHARE_SPEAKING, /* its document is ours */
    SHARE_LEAVING,  /* another agent is to speak for it, and does not yet */
};
#define SHARES 4
const char *share_name(enum share s);

struct share_facts {
    bool assigned;  /* we are its first, by the members that are known */
    bool member;    /* others see us among the members */
    bool verdict;   /* out of `pending` */
    bool ours;      /* the document that was found names us */
    bool displaced; /* the document names another agent of the fleet now */
};

/* What becomes of S. */
enum share share_next(enum share s, const struct share_facts *f);

#endif
