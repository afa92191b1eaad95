#include <assert.h>
#include <string.h>

#include "agent/role.h"

static const char *const ROLES[] = {
    [ROLE_ANY] = "any",
    [ROLE_MASTER] = "master",
    [ROLE_REPLICA] = "replica",
    [ROLE_SENTINEL] = "sentinel",
    [ROLE_ACTIVE_REPLICA] = "active-replica",
    [ROLE_OTHER] = "other",
};
#define ROLE_COUNT (sizeof ROLES / sizeof ROLES[0])

const char *role_name(enum role r)
{
    assert((size_t)r < ROLE_COUNT);
    return ROLES[r];
}

bool role_follows(enum role r)
{
    return r == ROLE_REPLICA || r == ROLE_ACTIVE_REPLICA;
}

bool role_fits(enum role is, enum role expected)
{
    return expected == ROLE_ANY || is == expected ||
           (is == ROLE_ACTIVE_REPLICA && expected == ROLE_MASTER);
}

bool role_parse(const char *word, enum role *out)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(word, ROLES[i]) == 0) {
            *out = (enum role)i;
            return true;
        }
    }
    return false;
}
