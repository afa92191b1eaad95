/*
 * The words of the store: tables only, for logs, status pages and tests.
 */
#include "agent/store.h"

static const char *const CODES[] = {
    [STORE_OK] = "ok",
    [STORE_NO_NODE] = "no_node",
    [STORE_NODE_EXISTS] = "node_exists",
    [STORE_BAD_VERSION] = "bad_version",
    [STORE_NO_AUTH] = "no_auth",
    [STORE_UNCERTAIN] = "uncertain",
    [STORE_SESSION_GONE] = "session_gone",
    [STORE_BUSY] = "busy",
    [STORE_FAILED] = "failed",
};

static const char *const STATES[] = {
    [STORE_OFFLINE] = "offline",
    [STORE_CONNECTING] = "connecting",
    [STORE_CONNECTED] = "connected",
    [STORE_BROKEN] = "broken",
};

const char *store_code_name(enum store_code c)
{
    return CODES[c];
}

const char *store_state_name(enum store_state s)
{
    return STATES[s];
}
