/*
 * The words of the store: tables only, for logs, status pages and tests.
 */
#include <stdio.h>

#include "agent/store.h"

static const char *const VERBS[] = {
    [STORE_GET] = "get",
    [STORE_LIST] = "list",
    [STORE_EXISTS] = "exists",
    [STORE_SET] = "set",
    [STORE_CREATE] = "create",
    [STORE_DELETE] = "delete",
    [STORE_TAKE_OVER] = "take over",
};

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

void store_reply_say(const struct store_reply *r, char *out, size_t size)
{
    bool advised = r->advice != NULL && r->advice[0] != '\0';

    snprintf(out, size, "%s: %s (%d)%s%s", VERBS[r->verb],
             r->words != NULL ? r->words : store_code_name(r->code), r->raw,
             advised ? ": " : "", advised ? r->advice : "");
}

const char *store_state_name(enum store_state s)
{
    return STATES[s];
}
