#ifndef AGENT_ROLE_H
#define AGENT_ROLE_H

#include <stdbool.h>

/* What a Redis is to others: its word for it, and what it means.  Pure
 * tables. */
enum role {
    ROLE_ANY, /* not known, or not cared about */
    ROLE_MASTER,
    ROLE_REPLICA,
    ROLE_SENTINEL,
    ROLE_ACTIVE_REPLICA, /* KeyDB: a master that follows another one */
    ROLE_OTHER,          /* a word that is not known here */
};

/* "any", "master", "replica", "sentinel", "active-replica", "other". */
const char *role_name(enum role r);

/* True for one that follows a master. */
bool role_follows(enum role r);

/* True when an instance with the role IS may stand where EXPECTED is
 * configured. */
bool role_fits(enum role is, enum role expected);

/* Returns false, and leaves *OUT alone, when WORD is none of them. */
bool role_parse(const char *word, enum role *out);

#endif
