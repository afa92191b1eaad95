#ifndef AGENT_ROLE_H
#define AGENT_ROLE_H

#include <stdbool.h>

/* The words of the contract for what a Redis is to others.  Pure tables. */
enum role {
    ROLE_ANY, /* not known, or not cared about */
    ROLE_MASTER,
    ROLE_REPLICA,
};

/* "any", "master", "replica". */
const char *role_name(enum role r);

/* Returns false, and leaves *OUT alone, when WORD is none of them. */
bool role_parse(const char *word, enum role *out);

#endif
