#ifndef ZK_SESSION_H
#define ZK_SESSION_H

#include "agent/session_file.h"

#include <stdbool.h>

/*
 * Which session the store's next handle goes on with, and its copy in the
 * session's file.  Thread: publisher.
 */
struct zk_session {
    struct session_file *file; /* owned; NULL: it is not kept */
    bool have_id;
    bool unproved; /* the id is the file's; no server has granted it yet */
    bool saved;    /* the file holds this id */
    bool unsaved_said;
    struct session_id id; /* secret */
};

/* Takes FILE, or NULL, and what it holds. */
void zk_session_init(struct zk_session *s, struct session_file *file);
/* The session to go on with, or NULL for a new one. */
const struct session_id *zk_session_id(const struct zk_session *s);
/* A server granted ID.  True when that resumed an earlier process's. */
bool zk_session_granted(struct zk_session *s, const struct session_id *id);
/* It is not to be tried again. */
void zk_session_forget(struct zk_session *s, const char *why);
/* Wipes S.  True when the session is to live on: then the lock is kept too,
 * until the process ends. */
bool zk_session_end(struct zk_session *s);

#endif
