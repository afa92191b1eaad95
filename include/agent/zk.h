#ifndef AGENT_ZK_H
#define AGENT_ZK_H

#include "agent/config.h"
#include "agent/err.h"
#include "agent/store.h"

/*
 * The store in ZooKeeper, over libzookeeper_mt: asynchronous single calls in
 * a window, a deadline of our own on each, numeric addresses only, each in its
 * turn and in a handle of its own, and a reaper thread for every handle that
 * is dropped.
 */
struct resolver;
struct session_file;

struct store_zk_options {
    const struct config_server *servers; /* copied */
    size_t nservers;
    unsigned session_timeout_ms;
    /* Every address is to have had its turn within so many ms, for those that
     * do not wait any longer; 0: as the session timeout wants it. */
    unsigned within_ms;
    enum config_acl acl;
    const char *digest;      /* "user:password", or NULL; copied; wiped */
    const char *digest_file; /* where it is from, for people, or NULL; copied */
    struct resolver *resolver; /* borrowed; outlives the store */
    /* Where the session is resumed from, and kept for another process when
     * the store is closed; owned from here on, whatever happens.  NULL: it
     * begins anew, and ends with the store. */
    struct session_file *session_file;
};

/* Starts nothing before the first tick.  NULL and E on lack of memory. */
struct store *store_zk_new(const struct store_zk_options *o,
                           struct err *e) MUST_USE;

#endif
